"""An object storage that is away for an hour costs nothing but time: a real S3 server, killed and started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recording.keys import load_or_make
from recording.objects import S3Options, open_store
from recording.recorder import Recorder
from recording.verify import verify_record
from tests.recorded import WITNESSES, Tape, audio_arrivals, audio_track, eventually, facts, running, sealed
from tests.servers import s3

pytestmark = pytest.mark.servers
#: What is captured while the storage is away, s of the hearing's own clocks.
HOUR_S = 3600
#: For how long of it somebody is heard; the rest is silence, which is recorded too.
SPOKEN_S = 60


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[s3.S3Server]:
    """One that may be killed."""
    folder = tmp_path / "s3"
    folder.mkdir()
    server = s3.start(folder)
    yield server
    s3.stop(server)


async def test_an_hour_without_the_storage_loses_nothing(
    own_server: s3.S3Server, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    options = S3Options(own_server.endpoint, own_server.key_id, own_server.secret, own_server.region)
    store = open_store(f"s3://{own_server.new_bucket()}/court", options)
    key = load_or_make(tmp_path / "record.pem")
    own_server.process.kill()
    tape = Tape(tmp_path / "spool")
    number = tape.track(audio_track("p1"), audio_arrivals(SPOKEN_S))
    tape.note(number, SPOKEN_S, "end", reason="room-closed")
    tape.write(HOUR_S + 0.5).abandon()
    segments = len(list((tmp_path / "spool").glob("*/*/*.hrec")))
    assert segments >= HOUR_S // 11
    async with running(Recorder(tmp_path / "spool", store, key)) as recorder:

        async def said() -> bool:
            return recorder.state().fault == "store"

        await eventually(said)
        assert recorder.state().backlog == segments
        own_server.process.restart()
        began = time.monotonic()
        await sealed(recorder, "sitting", facts(HOUR_S, ["p1"]))
        took = time.monotonic() - began
    seen(f"{segments} segments of an hour, archived, sealed and playable {took:.1f} s after the storage was back")
    report = await verify_record(store, "hearings/sitting/", key.public)
    assert [found for found in report.findings if found.code not in WITNESSES] == []
    assert (report.ok, report.gaps, report.objects) == (True, 0, segments)
    assert list((tmp_path / "spool").glob("*/*/*.hrec")) == []
