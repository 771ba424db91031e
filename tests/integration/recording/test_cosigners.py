"""Somebody outside cosigns the court's log: the real command, a recorder that asks it, and whoever checks later."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recording import messages
from recording.checkpoint import verifier_key
from recording.cosignature import Cosigner, parse_cosigner
from recording.export import export_to
from recording.keys import load_or_make
from recording.objects import open_store
from recording.recorder import Recorder
from recording.verify import verify_record
from tests.recorded import Tape, audio_arrivals, audio_track, eventually, facts, running, sealed

ORIGIN = "court.example/records"


class Bar:
    """``hearing cosigner`` as a process, on the port it had before."""

    def __init__(self, folder: Path, log: str) -> None:
        self._folder, self._log = folder, log
        self._process: asyncio.subprocess.Process | None = None
        self.port = "0"
        self.key = ""

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "hearing_server",
                "cosigner",
                "--json",
                "--name",
                "bar.example",
                "--port",
                self.port,
            ),
            *("--folder", str(self._folder), "--log", self._log),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        said = json.loads(await asyncio.wait_for(self._process.stdout.readline(), 60))
        self.key, self.port = said["key"], said["address"].rpartition(":")[2]

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            assert await asyncio.wait_for(self._process.wait(), 30) == 0
            self._process = None

    @property
    def cosigner(self) -> Cosigner:
        return parse_cosigner(f"{self.key} http://127.0.0.1:{self.port}")


@pytest.fixture
async def bar(tmp_path: Path) -> AsyncIterator[Bar]:
    key = load_or_make(tmp_path / "court.pem")
    found = Bar(tmp_path / "bar", verifier_key(ORIGIN, key.public))
    await found.start()
    yield found
    await found.stop()


async def test_records_are_cosigned_also_later_and_by_another_recorder(bar: Bar, tmp_path: Path) -> None:
    key = load_or_make(tmp_path / "court.pem")
    store = open_store((tmp_path / "store").as_uri())
    anchored: list[str] = []

    def recorder() -> Recorder:
        return Recorder(
            tmp_path / "spool",
            store,
            key,
            origin=ORIGIN,
            cosigners=(bar.cosigner,),
            publish=lambda event: anchored.append(event.sitting_id) if isinstance(event, messages.Anchored) else None,
        )

    async def record(running_: Recorder, sitting_id: str) -> None:
        tape = Tape(tmp_path / "spool", recording_id=sitting_id)
        tape.track(audio_track("p1"), audio_arrivals(2))
        tape.write(2.5).abandon()
        await sealed(running_, sitting_id, facts(2, ["p1"]))

    async def all_of(*sittings: str) -> None:
        async def done() -> bool:
            return set(sittings) <= set(anchored)

        await eventually(done)

    async with running(recorder()) as first:
        await record(first, "one")
        await all_of("one")
        await bar.stop()
        await record(first, "two")

        async def owed() -> bool:
            return first.state().unanchored == 1

        await eventually(owed)
    # Sealed without it, and owed: the next recorder knows, and does not know what the bar has seen.
    await bar.start()
    async with running(recorder()) as second:
        await all_of("one", "two")
        await record(second, "three")
        await all_of("three")

    for sitting in ("one", "two", "three"):
        trusting = await verify_record(store, f"hearings/{sitting}/", key.public, cosigners=[bar.cosigner])
        assert trusting.ok
        (found,) = [finding for finding in trusting.findings if finding.code == "cosigned"]
        assert "bar.example" in found.en
        assert "bar.example" in found.zh
        unknowing = await verify_record(store, f"hearings/{sitting}/", key.public)
        assert "cosigned-unchecked" in {finding.code for finding in unknowing.findings}

    await export_to(store, "two", tmp_path / "export", key.public)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hearing_server", "verify", str(tmp_path / "export"), "--json"),
        *("--public-key", str(tmp_path / "court.pub.pem"), "--cosigner", bar.key),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert "cosigned" in {finding["code"] for finding in json.loads(said)["findings"]}
    (altered,) = (tmp_path / "export/cosigned").iterdir()
    altered.write_bytes(altered.read_bytes().replace(b'"index":', b'"index":1'))
    report = await verify_record(open_store((tmp_path / "export").as_uri()), "", key.public, cosigners=[bar.cosigner])
    assert not report.ok
    assert {"inclusion-wrong"} == {finding.code for finding in report.findings if finding.severity == "error"}
