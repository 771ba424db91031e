"""What record.md asks of the evidence, row by row, where no other test says it in the row's own words."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from recording.format import read_header
from recording.keys import SigningKey
from recording.objects import ObjectStore
from recording.playback import file_title
from recording.record import Record
from recording.recorder import Recorder
from tests.recorded import (
    BEGIN_WALL_NS,
    SECOND,
    Tape,
    audio_arrivals,
    audio_track,
    facts,
    running,
    sealed,
    video_arrivals,
    video_track,
)

from .recorder_parts import checked

pytestmark = pytest.mark.usefixtures("quick")
#: Begin and end of what is lost on the way, s.
LOST = (3.0, 3.3)
#: A tone of 9000/32768 is louder than this in every window of 5 ms.
WINDOW_S, QUIET = 0.005, 0.05


def test_any_segment_alone_says_when_it_begins_and_whose_it_is(tmp_path: Path) -> None:
    """E2, C26."""
    tape = Tape(tmp_path)
    tape.track(audio_track("p1"), audio_arrivals(35))
    tape.write(35).abandon()
    segments = sorted((tmp_path / "sitting" / "worker.1").glob("*.hrec"))
    assert len(segments) == 4
    begins = []
    for path in segments:
        (tmp_path / "alone").write_bytes(path.read_bytes())
        header, _ = read_header((tmp_path / "alone").read_bytes())
        assert header.recording_id == "sitting"
        begins.append((header.wall_us * 1000 - BEGIN_WALL_NS) / SECOND)
    assert begins[0] == pytest.approx(0, abs=0.001)
    assert [after - before for before, after in pairwise(begins)] == pytest.approx([10, 10, 10], abs=0.6)


async def test_300_ms_that_were_lost_are_300_ms_of_marked_silence_at_the_right_place(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    """E16: nothing is stretched, repaired or moved."""
    tape = Tape(tmp_path / "spool")
    begin, end = (round(at * SECOND) for at in LOST)
    kept = [each for each in audio_arrivals(6) if each.rtcp or not begin <= each.at_ns < end]
    tape.track(audio_track("p1"), kept)
    tape.write(6.5).abandon()
    async with running(Recorder(tmp_path / "spool", directory, key)) as recorder:
        await sealed(recorder, "sitting", facts(6, ["p1"]))
    manifest, playback, _ = await checked(directory, key)
    lost = [gap for gap in manifest.gaps if gap.cause == "loss"]
    assert [((gap.start_us - BEGIN_WALL_NS // 1000) / 1e6, gap.duration_us / 1e6) for gap in lost] == [
        (pytest.approx(LOST[0], abs=0.021), pytest.approx(LOST[1] - LOST[0], abs=0.021))
    ]
    assert [gap.cause for gap in playback.gaps if gap.cause == "loss"] == ["loss"]
    (entry,) = playback.media
    path = tmp_path / "p1.webm"
    path.write_bytes(await directory.read(f"hearings/sitting/{entry.name}"))
    quiet = _quiet(path, entry.offset_ms / 1000)
    # A decoder needs a frame or two after the hole before it is as loud as before.
    assert quiet == [(pytest.approx(LOST[0], abs=0.045), pytest.approx(LOST[1], abs=0.045))]


def _quiet(path: Path, offset_s: float) -> list[tuple[float, float]]:
    """Begin and end of the silences, s after the record's begin."""
    found: list[tuple[float, float]] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            samples = frame.to_ndarray().astype(np.float64).reshape(-1)
            window = frame.sample_rate // 200
            for number in range(frame.samples // window):
                at = offset_s + frame.time + number * WINDOW_S
                if not 0.1 < at < 5.9 or np.abs(samples[number * window : (number + 1) * window]).max() > QUIET:
                    continue
                if found and at - found[-1][1] < WINDOW_S / 2:
                    found[-1] = (found[-1][0], at + WINDOW_S)
                else:
                    found.append((at, at + WINDOW_S))
    return found


async def test_what_was_derived_is_made_again_from_the_chunks_byte_for_byte(
    tmp_path: Path, directory: ObjectStore, key: SigningKey
) -> None:
    tape = Tape(tmp_path / "spool")
    tape.track(audio_track("p1"), audio_arrivals(12))
    tape.track(video_track("p1"), video_arrivals(12))
    tape.write(12.5).abandon()
    async with running(Recorder(tmp_path / "spool", directory, key)) as recorder:
        await sealed(recorder, "sitting", facts(12, ["p1"]))
    manifest, playback, _ = await checked(directory, key)
    (tmp_path / "work").mkdir()
    again = Record("sitting", tmp_path / "work")
    for entry in manifest.objects:
        again.feed(entry.writer, entry.name, await directory.read(f"hearings/sitting/{entry.name}"))
    again.finish()
    made = {}
    for (person_id, source, _), file in again.files.items():
        file.advance(final=True)
        file.finish(file_title(manifest, person_id, source))
        made[person_id, source] = file.path.read_bytes()
    stored = {
        (entry.person_id, entry.source): await directory.read(f"hearings/sitting/{entry.name}")
        for entry in playback.media
    }
    assert made.keys() == stored.keys() == {("p1", "person")}
    assert made == stored
