"""WebM files as another program reads them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import av

from recording.media import opus
from recording.media.vp8 import BLACK_KEYFRAME
from recording.media.webm import AUDIO, CLUSTER_MS, HEAD_BYTES, VIDEO, WebmWriter
from tests.recorded import opus_packets, vp8_frames

BEGUN_NS = 1_790_000_000_250_000_000


def written(seconds: int, *, video: bool = True, audio: bool = True) -> io.BytesIO:
    file = io.BytesIO()
    writer = WebmWriter(file)
    writer.width, writer.height = 320, 180
    frames, sounds = vp8_frames(), opus_packets()
    for step in range(seconds * 50):
        if video and step % 2 == 0:
            data, key = frames[step // 2 % len(frames)]
            writer.write(VIDEO, step * 20, data, key)
        if audio:
            writer.write(AUDIO, step * 20, sounds[step % len(sounds)], True)
    writer.finish(seconds * 1000, "title", BEGUN_NS)
    file.seek(0)
    return file


def test_another_program_reads_all_of_it() -> None:
    with av.open(written(20)) as container:
        assert container.duration == 20_000_000
        assert container.metadata["title"] == "title"
        assert container.metadata["creation_time"] == "2026-09-21T14:13:20.250000Z"
        assert [stream.codec_context.name for stream in container.streams] == ["vp8", "opus"]
        times: dict[str, list[int]] = {"video": [], "audio": []}
        decoded = {"video": 0, "audio": 0}
        for packet in container.demux():
            if packet.dts is not None:
                times[packet.stream.type].append(packet.pts)
            decoded[packet.stream.type] += len(packet.decode())
    assert times["video"] == list(range(0, 20_000, 40))
    assert times["audio"] == list(range(0, 20_000, 20))
    assert decoded == {"video": 500, "audio": 1000}


def test_seeking_lands_on_a_keyframe_at_or_before_the_place() -> None:
    with av.open(written(60)) as container:
        for second in (0, 7, 31, 59):
            container.seek(second * 1_000_000)
            packet = next(container.demux(video=0))
            assert packet.is_keyframe
            assert second * 1000 - 2000 <= packet.pts <= second * 1000


def test_the_cues_are_in_front_of_the_media() -> None:
    data = written(20).getvalue()
    assert data.index(b"\x1c\x53\xbb\x6b") < HEAD_BYTES
    assert data.index(b"\x1f\x43\xb6\x75", 1000) == HEAD_BYTES


def test_sound_alone_is_a_file_too() -> None:
    with av.open(written(12, video=False)) as container:
        assert [stream.type for stream in container.streams] == ["audio"]
        container.seek(9_000_000)
        assert next(container.demux(audio=0)).pts <= 9_000


def test_so_many_cues_that_they_are_thinned(tmp_path: Path) -> None:
    path = tmp_path / "long.webm"
    with path.open("w+b") as file:
        writer = WebmWriter(file)
        for second in range(12 * 3600):
            writer.write(VIDEO, second * 1000, BLACK_KEYFRAME, True)
            writer.write(AUDIO, second * 1000, opus.SILENCE, True)
        writer.finish(12 * 3600 * 1000)
    with av.open(str(path)) as container:
        container.seek(40_000_000_000)
        assert 39_900_000 < next(container.demux(video=0)).pts <= 40_000_000


def test_the_same_frames_give_the_same_bytes() -> None:
    assert len({hashlib.sha256(written(3).getvalue()).digest() for _ in range(2)}) == 1


def test_clusters_are_bounded_in_time_also_without_keyframes() -> None:
    file = io.BytesIO()
    writer = WebmWriter(file)
    writer.write(VIDEO, 0, BLACK_KEYFRAME, True)
    for step in range(1, 1500):
        writer.write(VIDEO, step * 40, vp8_frames()[1][0], False)
    writer.finish(60_000)
    assert file.getvalue().count(b"\x1f\x43\xb6\x75") >= 60_000 // CLUSTER_MS


def test_nothing_written_is_still_a_file() -> None:
    file = io.BytesIO()
    WebmWriter(file).finish(0)
    assert len(file.getvalue()) == HEAD_BYTES
