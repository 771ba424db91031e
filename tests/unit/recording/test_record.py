"""What a record knows of its tracks: gaps with their causes, interruptions, and the playable files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from msgspec import UNSET

from recording.format import read_chunks, read_header
from recording.manifest import encode
from recording.merkle import leaf_hash, root
from recording.record import Record
from recording.recovery import recover
from recording.spool import Batch
from tests.recorded import (
    BEGIN_MONO_NS,
    BEGIN_WALL_NS,
    LEVEL_EXTENSION,
    SECOND,
    Arrival,
    Tape,
    audio_arrivals,
    audio_track,
    h264_arrivals,
    h264_frames,
    h264_payloads,
    h264_track,
    rtp,
    sender_report,
    video_arrivals,
    video_track,
    with_level,
)

START_US = BEGIN_WALL_NS // 1000


def record_of(spool: Path, work: Path | None = None) -> Record:
    """All segments on the spool, by writer and number."""
    record = Record("sitting", work)
    for folder in sorted((spool / "sitting").iterdir()):
        recover(folder, record.chain(folder.name))
        for path in sorted(folder.glob("*.hrec")):
            record.feed(folder.name, f"raw/{folder.name}/{path.name}", path.read_bytes())
    record.finish()
    return record


def gaps(record: Record, closed_s: float) -> list[tuple[str, str, float, float]]:
    return [
        (gap.source or "", gap.cause, round((gap.start_us - START_US) / 1e6, 1), round(gap.duration_us / 1e6, 1))
        for gap in record.gap_entries(START_US + int(closed_s * 1e6))
    ]


def without(arrivals: Any, start_s: float, end_s: float, every: int = 1) -> list[Arrival]:
    """The arrivals without each ``every``-th packet of a span."""
    dropped = 0
    kept = []
    for arrival in arrivals:
        if start_s * SECOND <= arrival.at_ns < end_s * SECOND and not arrival.rtcp:
            dropped += 1
            if dropped % every == 0:
                continue
        kept.append(arrival)
    return kept


def test_a_segments_root_is_over_header_and_chunks_in_order(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.track(audio_track("p1"), audio_arrivals(12))
    tape.write(12).abandon()
    record = record_of(tmp_path)
    for entry, path in zip(record.object_entries(), sorted(tmp_path.rglob("*.hrec")), strict=True):
        data = path.read_bytes()
        _, at = read_header(data)
        ends = [at, *(chunk.offset + chunk.length for chunk in read_chunks(data, at))]
        assert entry.tree_sha256 == root([leaf_hash(data[end - 32 : end]) for end in ends]).hex()


def test_a_damaged_segment_has_no_root(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.track(audio_track("p1"), audio_arrivals(3))
    tape.write(3).abandon()
    data = bytearray(next(iter(tmp_path.rglob("*.hrec"))).read_bytes())
    data[len(data) // 2] ^= 1
    record = Record("sitting")
    record.feed("worker.1", "raw/worker.1/000000.hrec", data)
    (entry,) = record.object_entries()
    assert entry.tree_sha256 is UNSET
    assert b"treeSha256" not in encode(entry)


def test_a_whole_track_has_no_gap(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    number = tape.track(audio_track("p1"), audio_arrivals(12))
    tape.note(number, 12, "end", reason="room-closed")
    tape.write(12.5).abandon()
    record = record_of(tmp_path)
    assert gaps(record, 12.2) == []
    assert record.interruption_entries(START_US, START_US + 12_000_000) == []
    (entry,) = record.track_entries()
    assert (entry.packets, entry.end_reason, entry.person_id, entry.source) == (600, "room-closed", "p1", "microphone")
    (writer,) = record.writer_entries()
    assert (writer.segments, writer.ended, writer.clock_least_us) == (2, True, writer.clock_most_us)


def test_losses_are_gaps_and_close_ones_are_one(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    arrivals = without(without(audio_arrivals(20), 3, 3.3), 8, 9, every=2)
    number = tape.track(audio_track("p1"), arrivals)
    tape.note(number, 20, "end", reason="forbidden")
    tape.write(20.5).abandon()
    assert gaps(record_of(tmp_path), 20) == [("microphone", "loss", 3.0, 0.3), ("microphone", "loss", 8.0, 1.0)]


def test_a_mute_is_a_gap_with_its_own_cause_and_no_loss(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    number = tape.track(audio_track("p1"), without(audio_arrivals(20), 4.98, 9))
    tape.note(number, 5, "muted")
    tape.note(number, 9, "unmuted")
    tape.note(number, 19.99, "muted")
    tape.note(number, 22, "end", reason="room-closed")
    tape.write(22.5).abandon()
    assert gaps(record_of(tmp_path), 22) == [("microphone", "mute", 5.0, 4.0), ("microphone", "mute", 20.0, 2.0)]


def test_silence_of_the_network_is_named_by_what_is_known_of_it(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    late = audio_arrivals(4, sequence=200, timestamp=5_000 + 200 * 960, delay_ns=7 * SECOND)
    number = tape.track(audio_track("p1"), [*audio_arrivals(4), *late])
    tape.note(number, 11, "end", reason="room-closed")
    tape.write(11.5).abandon()
    assert gaps(record_of(tmp_path), 11) == [("microphone", "unknown", 4.0, 3.0)]


def test_a_layer_that_its_sender_stopped_is_the_senders_gap(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    late = video_arrivals(4, ssrc=23, delay_ns=7 * SECOND)
    number = tape.track(video_track("p1"), [*video_arrivals(4), *late])
    tape.note(number, 4.4, "layer-stopped:2")
    tape.note(number, 6.99, "layer:0")
    tape.note(number, 11, "end", reason="room-closed")
    tape.write(11.5).abandon()
    assert gaps(record_of(tmp_path), 11) == [("camera", "sender", 4.0, 3.0)]


def test_leaving_and_coming_back_is_a_disconnect_and_a_closed_camera_a_mute(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    first = tape.track(audio_track("p1"), audio_arrivals(5))
    tape.note(first, 5, "end", reason="lost")
    second = tape.track(audio_track("p1", "again"), audio_arrivals(5, ssrc=7), start_s=9)
    tape.note(second, 14, "end", reason="room-closed")
    camera = tape.track(video_track("p1"), video_arrivals(4))
    tape.note(camera, 4, "end", reason="closed")
    tape.write(14.5).abandon()
    assert gaps(record_of(tmp_path), 14) == [("camera", "mute", 4.0, 10.0), ("microphone", "disconnect", 5.0, 4.0)]


def test_a_dead_worker_is_a_torn_end_and_an_interruption(tmp_path: Path) -> None:
    one = Tape(tmp_path)
    one.track(audio_track("p1"), audio_arrivals(6))
    one.write(6, end=None).abandon()
    two = Tape(tmp_path, writer="worker.2", begin_s=10)
    number = two.track(audio_track("p1", "again"), audio_arrivals(6, ssrc=5))
    two.note(number, 5.99, "end", reason="room-closed")
    two.write(6).abandon()
    record = record_of(tmp_path)
    assert gaps(record, 16) == [("microphone", "torn", 6.0, 4.0)]
    (hole,) = record.interruption_entries(START_US, START_US + 16_000_000)
    assert (round((hole.start_us - START_US) / 1e6), round(hole.duration_us / 1e6), hole.cause) == (6, 4, "node-change")
    assert [entry.recovered for entry in record.writer_entries()] == [True, False]


def test_a_writer_that_ended_and_went_on_has_a_hole_between(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.track(audio_track("p1"), audio_arrivals(3))
    series = tape.write(4)
    for second, end in ((9, None), (12, "closed")):
        mono, wall = BEGIN_MONO_NS + second * SECOND, BEGIN_WALL_NS + second * SECOND
        series.append(Batch(series, [Tape._clock(mono, wall)], mono, wall, 0, end))
        series.flush()
    series.abandon()
    record = record_of(tmp_path)
    (hole,) = record.interruption_entries(START_US, START_US + 12_000_000)
    assert (round((hole.start_us - START_US) / 1e6), round(hole.duration_us / 1e6)) == (4, 5)


def test_what_the_disk_did_not_take_is_a_gap(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    number = tape.track(audio_track("p1"), without(audio_arrivals(12), 3, 6))
    mono = 5_000 * SECOND
    tape.note(number, 6, "lost", records=150, bytes=9000, fromMonoNs=mono + 3 * SECOND, toMonoNs=mono + 6 * SECOND)
    tape.note(number, 12, "end", reason="room-closed")
    tape.write(12.5).abandon()
    assert ("microphone", "torn", 3.0, 3.0) in gaps(record_of(tmp_path), 12)


def media(path: Path) -> dict[str, list[int]]:
    """Times of all packets, ms, by kind; everything is decoded on the way."""
    times: dict[str, list[int]] = {"video": [], "audio": []}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.dts is not None:
                times[packet.stream.type].append(packet.pts)
            packet.decode()
    return times


def test_a_person_is_one_file_in_step(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "spool")
    tape.track(audio_track("p1"), audio_arrivals(25, delay_ns=30_000_000))
    tape.track(video_track("p1"), video_arrivals(25, delay_ns=140_000_000))
    tape.track(audio_track("p2"), audio_arrivals(10), start_s=12)
    tape.write(26).abandon()
    record = record_of(tmp_path / "spool", tmp_path)
    assert set(record.files) == {("p1", "person", "webm"), ("p2", "person", "webm")}
    for file in record.files.values():
        file.finish("t")
    first, second = record.files["p1", "person", "webm"], record.files["p2", "person", "webm"]
    times = media(first.path)
    # Both began at once at the sender; the picture's slower way does not show.
    assert abs(times["video"][1] - times["audio"][0]) <= 40
    assert len(times["video"]) == pytest.approx(625, abs=2)
    assert times["audio"] == list(range(0, 25_000, 20))
    assert first.end_ms == pytest.approx(25_000, abs=100)
    assert (second.start_ns or 0) - BEGIN_WALL_NS == pytest.approx(12 * SECOND, abs=40_000_000)
    assert (first.has_video, second.has_video) == (True, False)
    assert len(first.peaks) == 50
    assert min(first.peaks[1:-1]) > 10
    assert first.repairs.packets_left_out == 0


@pytest.mark.parametrize("compiled", [False, True])
def test_peaks_are_what_the_packets_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool) -> None:
    if not compiled:
        monkeypatch.setattr("recording.record.load", lambda: None)
    tape = Tape(tmp_path / "spool")
    arrivals = [
        a if a.rtcp else Arrival(a.at_ns, with_level(a.data, 127 if a.at_ns < 6 * SECOND else 14))
        for a in audio_arrivals(12)
    ]
    tape.track(audio_track("p1", level_extension=LEVEL_EXTENSION), arrivals)
    tape.write(12).abandon()
    record = record_of(tmp_path / "spool", tmp_path / "work")
    (file,) = record.files.values()
    file.finish("t")
    assert file.peaks == [0] * 12 + [56] * 12  # 9 dB above -14 dBov


def test_leaving_coming_back_and_another_worker_land_in_one_file_at_their_times(tmp_path: Path) -> None:
    one = Tape(tmp_path / "spool")
    one.track(audio_track("p1"), audio_arrivals(6))
    one.track(video_track("p1"), video_arrivals(6))
    one.track(audio_track("p1", "again"), audio_arrivals(5, ssrc=7, timestamp=77), start_s=8)
    one.write(13, end=None).abandon()
    two = Tape(tmp_path / "spool", writer="worker.2", begin_s=20)
    two.track(audio_track("p1", "third"), audio_arrivals(5, ssrc=9))
    two.track(video_track("p1", "third"), video_arrivals(5, width=640, height=360, ssrc=99))
    two.write(6).abandon()
    file = record_of(tmp_path / "spool", tmp_path).files["p1", "person", "webm"]
    file.finish("t")
    times = media(file.path)
    assert file.audio_spans == [
        [0, pytest.approx(6_000, abs=60)],
        [pytest.approx(8_000, abs=60), pytest.approx(13_000, abs=60)],
        [pytest.approx(20_000, abs=60), pytest.approx(25_000, abs=60)],
    ]
    assert [span[0] for span in file.video_spans] == [pytest.approx(0, abs=60), pytest.approx(20_000, abs=60)]
    assert (file.width, file.height) == (640, 360)
    # Sound without holes, so that players stay in step.
    steps = {b - a for a, b in pairwise(times["audio"])}
    assert steps <= {20, 120}
    assert file.repairs.silence_ms == pytest.approx(9_000, abs=200)
    assert not file.stale


def test_segments_of_another_worker_that_come_late_make_the_file_stale(tmp_path: Path) -> None:
    one = Tape(tmp_path / "spool")
    one.track(audio_track("p1"), audio_arrivals(6))
    one.write(6).abandon()
    two = Tape(tmp_path / "spool", writer="worker.2", begin_s=20)
    two.track(audio_track("p1", "again"), audio_arrivals(12))
    two.write(12).abandon()
    record = Record("sitting", tmp_path)
    for writer in ("worker.2", "worker.1"):
        for path in sorted((tmp_path / "spool" / "sitting" / writer).glob("*.hrec")):
            record.feed(writer, path.name, path.read_bytes())
    record.finish()
    for file in record.files.values():
        file.advance(final=True)
    assert record.stale


def test_a_lost_frame_waits_for_a_keyframe_and_is_counted(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "spool")
    tape.track(video_track("p1"), without(video_arrivals(12), 5, 5.2))
    tape.track(audio_track("p1"), audio_arrivals(12))
    tape.write(12.5).abandon()
    file = record_of(tmp_path / "spool", tmp_path).files["p1", "person", "webm"]
    file.finish("t")
    times = media(file.path)["video"]
    (hole,) = [(a, b) for a, b in pairwise(times) if b - a > 100]
    assert hole == (pytest.approx(4_960, abs=50), pytest.approx(6_000, abs=50))
    assert file.repairs.frames_left_out == 20


def test_layers_change_at_a_note_without_a_loss(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "spool")
    number = tape.track(video_track("p1"), video_arrivals(4, ssrc=1, sequence=0, timestamp=0))
    for start, ssrc, begin in ((4, 2, 0), (8, 1, 900), (12, 2, 700)):
        tape.note(number, start, f"layer:{ssrc}")
        size = {"width": 160 * ssrc, "height": 90 * ssrc}
        tape.more(number, video_arrivals(4, ssrc=ssrc, sequence=begin, timestamp=start * 90_000, **size), start)
    tape.note(number, 16, "end", reason="room-closed")
    tape.write(16.5).abandon()
    record = record_of(tmp_path / "spool", tmp_path)
    assert gaps(record, 16) == []
    file = record.files["p1", "person", "webm"]
    file.finish("t")
    times = media(file.path)["video"]
    assert max(b - a for a, b in pairwise(times)) < 120
    assert file.repairs.frames_left_out == 0


def test_a_screen_is_a_file_of_its_own(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "spool")
    tape.track(video_track("p1"), video_arrivals(3))
    tape.track(video_track("p1", source="screen"), video_arrivals(3, ssrc=50))
    tape.write(3.5).abandon()
    files = record_of(tmp_path / "spool", tmp_path).files
    assert set(files) == {("p1", "person", "webm"), ("p1", "screen", "webm")}


def test_a_camera_in_h264_is_an_mp4_beside_the_sound(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "spool")
    tape.track(audio_track("p1"), audio_arrivals(8))
    tape.track(h264_track("p1"), h264_arrivals(6), start_s=2)
    tape.write(8.5).abandon()
    files = record_of(tmp_path / "spool", tmp_path).files
    assert set(files) == {("p1", "person", "webm"), ("p1", "person", "mp4")}
    for file in files.values():
        file.finish("t")
    sound, picture = files["p1", "person", "webm"], files["p1", "person", "mp4"]
    assert (sound.has_audio, sound.has_video) == (True, False)
    assert (picture.has_audio, picture.has_video) == (False, True)
    assert ((picture.start_ns or 0) - (sound.start_ns or 0)) / 1e9 == pytest.approx(2, abs=0.06)
    assert (picture.width, picture.height) == (320, 180)
    times = media(picture.path)["video"]
    assert len(times) == 150
    with av.open(str(picture.path)) as container:
        assert float((container.duration or 0) / av.time_base) == pytest.approx(6, abs=0.1)
        assert [frame.width for frame in container.decode(video=0)] == [320] * 150
    # The head stands before the media, and nothing in the file depends on when it was made.
    data = picture.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    again = record_of(tmp_path / "spool", tmp_path / "again").files["p1", "person", "mp4"]
    again.finish("t")
    assert again.digest() == picture.digest()


def test_a_change_of_codec_goes_on_in_the_other_file_at_its_time(tmp_path: Path) -> None:
    """A person changes from a laptop to a telephone and back."""
    tape = Tape(tmp_path / "spool")
    tape.track(video_track("p1", "one"), video_arrivals(4))
    tape.track(h264_track("p1", "two"), h264_arrivals(4, width=640, height=360), start_s=5)
    tape.track(video_track("p1", "three"), video_arrivals(4, ssrc=7), start_s=10)
    tape.write(14.5).abandon()
    files = record_of(tmp_path / "spool", tmp_path).files
    for file in files.values():
        file.finish("t")
    laptop, phone = files["p1", "person", "webm"], files["p1", "person", "mp4"]
    assert [span[0] for span in laptop.video_spans] == [pytest.approx(0, abs=60), pytest.approx(10_000, abs=60)]
    assert phone.video_spans == [[0, pytest.approx(3_960, abs=60)]]
    assert ((phone.start_ns or 0) - (laptop.start_ns or 0)) / 1e9 == pytest.approx(5, abs=0.06)
    assert len(media(phone.path)["video"]) == 100


def test_the_size_of_h264_may_change_and_a_loss_waits_for_a_keyframe(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "spool")
    number = tape.track(h264_track("p1"), h264_arrivals(4, timestamp=0))
    tape.note(number, 4, "layer:2")
    later = h264_arrivals(6, width=640, height=360, ssrc=9, timestamp=0)
    tape.more(number, without(later, 3, 3.2), 4)
    tape.write(10.5).abandon()
    file = record_of(tmp_path / "spool", tmp_path).files["p1", "person", "mp4"]
    file.finish("t")
    with av.open(str(file.path)) as container:
        frames = list(container.decode(video=0))
    assert [frames[0].width, frames[-1].width] == [320, 640]
    assert (file.width, file.height) == (640, 360)
    # Five pictures are missing, twenty that lean on them are left out until the next keyframe.
    assert len(frames) == 100 + 150 - 25
    assert file.repairs.frames_left_out == 20


def test_h264_that_is_none_leaves_the_record_whole(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "spool")
    tape.track(audio_track("p1"), audio_arrivals(3))
    # A keyframe by its headers, with nothing that a decoder could read.
    sps = h264_frames()[0][0]
    units = (sps, b"\x68\xff", b"\x65\x80" + bytes(50))
    wild = [
        Arrival(at * 40_000_000, rtp(103, 10 + 4 * at + part, at * 3600, 6, payload, part == 1))
        for at in range(50)
        for part, payload in enumerate(h264_payloads(units))
    ]
    tape.track(h264_track("p1"), wild)
    tape.write(3.5).abandon()
    record = record_of(tmp_path / "spool", tmp_path)
    for file in record.files.values():
        file.finish("t")
    assert not record.stale
    assert record.files["p1", "person", "webm"].has_audio


def test_bad_records_in_good_chunks_are_listed_and_do_no_harm(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "spool")
    wild = [Arrival(0, b""), Arrival(1, b"\xff" * 40), Arrival(2, sender_report(1, 5, 5)[:9], rtcp=True)]
    number = tape.track(audio_track("p1"), [*wild, *audio_arrivals(3)])
    tape.note(number, 1, "lost", records="x")
    tape.write(3.5).abandon()
    record = record_of(tmp_path / "spool", tmp_path)
    assert record.problem_entries() == []
    assert record.track_entries()[0].packets == 150
