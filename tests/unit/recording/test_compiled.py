"""The compiled path and the Python one make the same record: every fact and every byte."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recording.blocks import write_blocks
from recording.format import RecordKind, pack_record
from recording.media.compiled import CompiledFile
from recording.native import build, library
from recording.record import Record
from tests.recorded import (
    LEVEL_EXTENSION,
    SECOND,
    VP8_PAYLOAD_TYPE,
    Arrival,
    Tape,
    audio_arrivals,
    audio_track,
    h264_arrivals,
    h264_track,
    rtp,
    sender_report,
    video_arrivals,
    video_track,
    vp8_frames,
    with_extension,
    with_level,
)

pytestmark = pytest.mark.skipif(library.load() is None, reason="no compiled path here")


def made(spool: Path, work: Path, monkeypatch: pytest.MonkeyPatch, *, compiled: bool) -> tuple[Any, dict[str, bytes]]:
    """All that a record says of these segments, and its files."""
    with monkeypatch.context() as patch:
        if not compiled:
            patch.setattr("recording.record.load", lambda: None)
        record = Record("sitting", work)
    for folder in sorted((spool / "sitting").iterdir()):
        for path in sorted(folder.glob("*.hrec")):
            record.feed(folder.name, path.name, path.read_bytes())
    record.finish()
    files = []
    for key, file in record.files.items():
        file.finish("title")
        assert isinstance(file, CompiledFile) == (compiled and key[2] == "webm")
        files.append((
            key, file.start_ns, file.end_ms, file.video_spans, file.audio_spans, file.width, file.height, file.peaks,
            file.repairs, file.stale, [[clock.reported for clock in track.clocks.values()] for track in file.tracks],
        ))  # fmt: skip
    tracks = [(track.foreign, track.notes) for writer in record.writers.values() for track in writer.tracks.values()]
    facts = msgspec.json.encode([record.track_entries(), record.gap_entries(10**16), record.problem_entries()])
    return (files, tracks, facts, record.stale), {path.name: path.read_bytes() for path in work.iterdir()}


def same(spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = []
    for compiled in (False, True):
        work = tmp_path / str(compiled)
        work.mkdir()
        outcomes.append(made(spool, work, monkeypatch, compiled=compiled))
    assert outcomes[0][0] == outcomes[1][0]
    assert outcomes[0][1] == outcomes[1][1]


def layered_arrivals(seconds: float, ssrc: int, sequence: int = 7) -> list[Arrival]:
    """Pictures in two temporal layers with long and short picture ids, as Chromium sends simulcast."""
    arrivals = []
    frames = vp8_frames(seconds=1)
    for index in range(int(seconds * 25)):
        data = frames[index % len(frames)][0].ljust(1500, b"\0")
        layer, tl0 = index % 2, index // 2 & 0xFF
        picture = struct.pack(">H", 0x8000 | index & 0x7FFF) if index % 3 else bytes([index & 0x7F])
        for number, part in enumerate((data[:1000], data[1000:])):
            begins = 0x90 if number == 0 else 0x80
            descriptor = bytes([begins, 0xE0]) + picture + bytes([tl0, layer << 6 | (index % 4 == 1) << 5])
            stamp = 4_294_900_000 + index * 3600
            packet = rtp(VP8_PAYLOAD_TYPE, sequence, stamp, ssrc, descriptor + part, number == 1)
            arrivals.append(Arrival(index * SECOND // 25, packet))
            sequence += 1
    return arrivals


def worn(arrivals: list[Arrival], chance: random.Random) -> list[Arrival]:
    """What a bad network, a bad sender and time do to packets."""
    result = []
    lost = 0
    for arrival in arrivals:
        data, late = arrival.data, 0
        dice = chance.random()
        if not arrival.rtcp:
            lost -= lost > 0
            if dice < 0.004:
                lost = chance.choice((1, 1, 2, 60))
            if lost:
                continue
            if dice > 0.99:
                late = chance.choice((1, 30, 200, 2500)) * 1_000_000
            elif dice > 0.985:
                result.append(arrival)  # twice
            elif dice > 0.98:
                data = data[: chance.randrange(len(data))]
            elif dice > 0.975:
                data = bytes([data[0], data[1] ^ 0x80]) + data[2:]  # the marker
            elif dice > 0.97:
                data = data[:1] + bytes([chance.randrange(256)]) + data[2:]
            elif dice > 0.965:
                at = chance.randrange(2, min(24, len(data)))
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            elif dice > 0.95:
                data = bytes([data[0] | 0x10]) + data[1:12] + b"\xbe\xde\x00\x01\x10\x7f\x00\x00" + data[12:]
            elif dice > 0.94:
                data = bytes([data[0] | 0x20]) + data[1:] + b"\0\0\3"
            elif dice > 0.93:
                data = bytes([data[0] | 0x20]) + data[1:12] + b"\4" * 4  # nothing but padding
        elif dice < 0.1:
            data = sender_report(*struct.unpack(">I", data[4:8]), chance.randrange(1, 2**32) * SECOND, 5)
        result.append(Arrival(arrival.at_ns + late, data, arrival.rtcp))
    return sorted(result, key=lambda arrival: arrival.at_ns)


def loud(arrivals: list[Arrival], chance: random.Random) -> list[Arrival]:
    """Packets that say how loud they are: in one form or the other, beside other elements, some cut short, some not."""
    result = []
    for arrival in arrivals:
        data, level = arrival.data, chance.randrange(128)
        if not arrival.rtcp and len(data) > 12 and not data[0] & 0x10:
            dice = chance.random()
            if dice < 0.6:
                data = with_level(data, level)
            elif dice < 0.7:
                data = with_extension(data, bytes([0x11, 1, 2, 0, LEVEL_EXTENSION << 4, level]))
            elif dice < 0.8:
                data = with_extension(data, bytes([1, 2, 7, 7, 0, LEVEL_EXTENSION, 1, level]), 0x1000)
            elif dice < 0.9:
                elements = bytes(chance.choice((0, 0x13, 0xA0, 0xA5, 0xF0, 10, 255)) for _ in range(8))
                data = with_extension(data, elements, chance.choice((0xBEDE, 0x1003, 0x1234)))
        result.append(Arrival(arrival.at_ns, data, arrival.rtcp))
    return result


@pytest.mark.parametrize("seed", range(6))
def test_worn_packets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    seconds = 24
    for writer, begin in (("worker.1", 0), ("worker.2", chance.choice((10, seconds + 4)))):
        tape = Tape(tmp_path / "spool", writer=writer, begin_s=begin)
        for person in ("p1", "p2"):
            sound = worn(list(audio_arrivals(seconds - 6, ssrc=chance.randrange(2**32), sequence=65_400)), chance)
            picture = worn(list(video_arrivals(8, ssrc=5, delay_ns=90_000_000, least_bytes=2600)), chance)
            layers = worn(layered_arrivals(8, 6), chance)
            if person == "p1":
                sound = loud(sound, chance)
            voice = tape.track(
                audio_track(person, level_extension=LEVEL_EXTENSION), sound, start_s=chance.choice((0, 2.5))
            )
            camera = tape.track(video_track(person), picture, start_s=chance.choice((0, 5)))
            for second in (3, 9):
                tape.note(voice, second, "muted")
                tape.note(voice, second + chance.choice((1, 2)), "unmuted")
            tape.note(camera, 13, "layer-stopped:1")
            tape.note(camera, 14, "layer:6")
            tape.more(camera, layers, 14)
            tape.note(camera, 23, "end", reason="lost")
        tape.write(seconds + 0.5).abandon()
    same(tmp_path / "spool", tmp_path, monkeypatch)


def test_senders_that_leap_and_silence_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = Tape(tmp_path / "spool")
    leaps = [
        Arrival(index * 20_000_000, rtp(111, index, index * 2_000_000_000, 9, b"\xf8\xff\xfe")) for index in range(400)
    ]
    tape.track(audio_track("p1"), leaps)
    late = list(audio_arrivals(5, ssrc=3, delay_ns=70 * SECOND))
    tape.track(audio_track("p2"), [*audio_arrivals(4, ssrc=3), *late])
    tape.track(video_track("p2"), video_arrivals(3, delay_ns=40 * SECOND))
    drift = [Arrival(a.at_ns + a.at_ns // 1000, a.data, a.rtcp) for a in audio_arrivals(70, ssrc=8)]
    tape.track(audio_track("p3"), [a for a in drift if not a.rtcp])
    tape.track(audio_track("p4"), drift)
    tape.write(76).abandon()
    same(tmp_path / "spool", tmp_path, monkeypatch)


def test_a_report_of_no_time_at_all_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records tell their time in 64 bits; compiled code has less."""
    tape = Tape(tmp_path / "spool")
    sound = list(audio_arrivals(6))
    number = tape.track(audio_track("p1"), sound)
    report = next(a for a in sound if a.rtcp)
    tape._records.append((7 * SECOND, number, pack_record(RecordKind.RTCP, 3 << 62, report.data)))
    tape.write(9).abandon()
    same(tmp_path / "spool", tmp_path, monkeypatch)


@pytest.mark.parametrize("written", [0, 2])
def test_a_disk_that_takes_no_blocks_or_no_more_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    tape = Tape(tmp_path / "spool")
    tape.track(audio_track("p1"), audio_arrivals(20))
    tape.track(video_track("p1"), video_arrivals(20, least_bytes=1600))
    tape.write(24).abandon()
    left = written

    def refusing(descriptor: int, data: Any, at: int) -> int:
        nonlocal left
        left -= 1
        return write_blocks(descriptor, data, at) if left >= 0 else 0

    monkeypatch.setattr("recording.media.compiled.write_blocks", refusing)
    same(tmp_path / "spool", tmp_path, monkeypatch)
    assert left < 0


def test_other_codecs_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = Tape(tmp_path / "spool")
    tape.track(audio_track("p1"), audio_arrivals(6))
    tape.track(h264_track("p1"), h264_arrivals(6), start_s=2)
    tape.write(9).abandon()
    same(tmp_path / "spool", tmp_path, monkeypatch)


def test_a_library_of_other_sources_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build.build(tmp_path / "record.so")
    monkeypatch.setattr(build, "source_hash", lambda: "other")
    assert library.load(path) is None
    assert library.load(tmp_path / "none.so") is None
