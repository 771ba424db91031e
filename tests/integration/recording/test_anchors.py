"""A sealed record gets its outside witnesses, sooner or later, and nothing of them can be changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from recording import messages, timestamps
from recording.export import export_to
from recording.keys import SigningKey, load_or_make
from recording.objects import ObjectStore, open_store
from recording.recorder import Recorder
from recording.report import Report
from recording.verify import verify_record
from tests.recorded import Tape, audio_arrivals, audio_track, eventually, facts, running, sealed
from tests.servers.tsa import Authority, authority


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("tsa")) as found:
        yield found


class Court:
    """A spool, a store, a key, and recorders on them."""

    def __init__(self, folder: Path, authority_url: str) -> None:
        self.folder = folder
        self.key: SigningKey = load_or_make(folder / "court.pem")
        self.store: ObjectStore = open_store((folder / "store").as_uri())
        self.anchored: list[messages.Anchored] = []
        self._authority_url = authority_url

    def recorder(self) -> Recorder:
        return Recorder(
            self.folder / "spool",
            self.store,
            self.key,
            origin="court.example/records",
            authority=self._authority_url,
            publish=lambda event: self.anchored.append(event) if isinstance(event, messages.Anchored) else None,
        )

    async def record(self, recorder: Recorder, sitting_id: str) -> None:
        tape = Tape(self.folder / "spool", recording_id=sitting_id)
        tape.track(audio_track("p1"), audio_arrivals(2))
        tape.write(2.5).abandon()
        await sealed(recorder, sitting_id, facts(2, ["p1"]))

    async def all_anchored(self, count: int) -> None:
        async def done() -> bool:
            return len(self.anchored) >= count

        await eventually(done)

    async def check(self, sitting_id: str, roots: bytes = b"") -> Report:
        authorities = timestamps.read_roots(roots) if roots else ()
        return await verify_record(self.store, f"hearings/{sitting_id}/", self.key.public, authorities=authorities)


def codes(report: Report) -> set[str]:
    return {found.code for found in report.findings}


async def test_a_sealed_record_is_entered_and_stamped(tsa: Authority, tmp_path: Path) -> None:
    court = Court(tmp_path, tsa.url)
    async with running(court.recorder()) as recorder:
        await court.record(recorder, "one")
        await court.record(recorder, "two")
        await court.all_anchored(2)
        assert recorder.state().unanchored == 0
    assert all(event.stamped for event in court.anchored)
    for sitting in ("one", "two"):
        report = await court.check(sitting, tsa.root)
        assert report.ok
        assert {"inclusion", "stamp"} <= codes(report)
        assert "stamp-unchecked" in codes(await court.check(sitting))
    assert not list((tmp_path / "spool/.anchors").iterdir())


async def test_an_authority_that_is_away_holds_nothing_up(tsa: Authority, tmp_path: Path) -> None:
    court = Court(tmp_path, tsa.url)
    tsa.refuse = True
    try:
        async with running(court.recorder()) as recorder:
            await court.record(recorder, "one")
            asked = tsa.asked

            async def tried() -> bool:
                return tsa.asked > asked

            await eventually(tried)
            assert recorder.state().unanchored == 1
        report = await court.check("one")
        assert report.ok
        assert {"inclusion", "stamp-missing"} <= codes(report)
    finally:
        tsa.refuse = False
    async with running(court.recorder()):  # another run of the program goes on with what is owed
        await court.all_anchored(1)
    assert "stamp" in codes(await court.check("one", tsa.root))


async def test_without_an_authority_there_is_the_log(tmp_path: Path) -> None:
    court = Court(tmp_path, "")
    async with running(court.recorder()) as recorder:
        await court.record(recorder, "one")
        await court.all_anchored(1)
    assert [event.stamped for event in court.anchored] == [False]
    report = await court.check("one")
    assert report.ok
    assert {"inclusion", "stamp-missing"} <= codes(report)


@pytest.mark.parametrize(("name", "code"), [("inclusion.json", "inclusion-wrong"), ("manifest.tsr", "stamp-wrong")])
async def test_a_witness_of_another_record_is_none(tsa: Authority, tmp_path: Path, name: str, code: str) -> None:
    court = Court(tmp_path, tsa.url)
    async with running(court.recorder()) as recorder:
        await court.record(recorder, "one")
        await court.record(recorder, "two")
        await court.all_anchored(2)
    for sitting in ("one", "two"):
        await export_to(court.store, sitting, tmp_path / sitting, court.key.public)
    path = tmp_path / "one" / name
    os.replace(tmp_path / "two" / name, path)
    report = await verify_record(open_store((tmp_path / "one").as_uri()), "", court.key.public)
    assert not report.ok
    assert code in codes(report)
    await asyncio.to_thread(path.write_bytes, b"nonsense")
    report = await verify_record(open_store((tmp_path / "one").as_uri()), "", court.key.public)
    assert code in codes(report)
    assert not report.ok
