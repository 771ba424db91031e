"""Composites by the real ffmpeg, looked at by PyAV."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import av
import msgspec
import pytest

from recording import ffmpeg_runs, messages, service
from recording.fonts import find_font, is_latin
from recording.keys import SigningKey, load_or_make
from recording.layout import Tile, places
from recording.objects import ObjectStore, open_store
from recording.plates import label
from recording.recorder import Recorder
from recording.serve import RecordReader
from recording.verify import verify_record
from tests.recorded import (
    BEGIN_WALL_NS,
    SECOND,
    Tape,
    audio_arrivals,
    audio_track,
    eventually,
    facts,
    h264_arrivals,
    h264_track,
    media_entry,
    running,
    sealed,
    video_arrivals,
    video_track,
)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return load_or_make(tmp_path / "court.pem")


async def record(tmp_path: Path, store: ObjectStore, key: SigningKey, name: str = "P'1: [x]\\%{pts}") -> None:
    """p1 all the time, from 3 s on in H.264 and darker, p2 from 3 s on without a picture."""
    tape = Tape(tmp_path / "spool")
    tape.track(audio_track("p1"), audio_arrivals(6))
    tape.track(video_track("p1"), video_arrivals(3, shade=120))
    tape.track(h264_track("p1"), h264_arrivals(3, shade=50), start_s=3)
    tape.track(audio_track("p2"), audio_arrivals(3, hertz=600, ssrc=5), start_s=3)
    tape.write(6.5).abandon()
    sitting = facts(6.5, ["p1", "p2"])
    sitting.participants[0].name = name
    sitting.participants[1].name_zh = "王小明"
    sitting.events = [
        event(0.5, machine="sitting", name="elapsed", source="countdown", to="in_session"),
        event(2, machine="order", name="set_stage", detail={"stage": "evidence"}),
        event(6.5, machine="sitting", name="close", source="in_session", to="closed"),
    ]
    async with running(Recorder(tmp_path / "spool", store, key)) as recorder:
        await sealed(recorder, "sitting", sitting)


def event(at_s: float, source: str = "", to: str = "", **fields: object) -> dict[str, object]:
    return {"utc": BEGIN_WALL_NS + int(at_s * SECOND), "from": source, "to": to, **fields}


async def made(recorder: Recorder, told: list[messages.AnyEvent], request: messages.Compose) -> messages.JobState:
    payload = messages.encode(request)
    assert messages.answer_decoder.decode(await service.answer(recorder, payload)) == messages.Accepted()

    def last() -> messages.JobState | None:
        mine = [e for e in told if isinstance(e, messages.JobState) and e.job_id == request.job_id]
        return mine[-1] if mine else None

    async def ended() -> bool:
        state = last()
        return state is not None and state.state in ("done", "failed")

    await eventually(ended)
    state = last()
    assert state is not None
    return state


def luminance(path: Path, at_s: float, tile: Tile) -> float:
    """Mean brightness of the middle of a tile at this time."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time >= at_s:
                plane = frame.planes[0]
                data, line = bytes(plane), plane.line_size
                middle = tile.top + tile.height // 2
                columns = range(tile.left + 40, tile.left + tile.width - 40)
                values = [data[row * line + x] for row in range(middle - 40, middle + 40, 8) for x in columns]
                return sum(values) / len(values)
    raise AssertionError("the file is shorter than that")


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
async def test_a_composite_is_made_with_progress_and_listed(
    tmp_path: Path, store: ObjectStore, key: SigningKey, locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(tmp_path, store, key)
    # A data folder may be named from where the recorder was started, as the demo's is.
    monkeypatch.chdir(tmp_path)
    spool = Path("spool") if locale == "en" else tmp_path / "spool"
    told: list[messages.AnyEvent] = []
    # One of the two is for a person by name.
    mark = "" if locale == "en" else "Ann Reyes · a…@example.org · 1f6b00c2"
    request = messages.Compose(
        sitting_id="sitting",
        job_id="job-1",
        locale=locale,  # type: ignore[arg-type]
        timezone="Asia/Shanghai",
        mark=mark,
    )
    async with running(Recorder(spool, store, key, publish=told.append)) as recorder:
        state = await made(recorder, told, request)
        assert state.state == "done", state.message
        again = await made(recorder, told, request)
        assert again.name == state.name
        if locale == "en":
            twin = await made(recorder, told, msgspec.structs.replace(request, job_id="job-2"))
            assert twin.state == "done", twin.message
    progress = [event.progress for event in told if isinstance(event, messages.JobState)]
    assert progress[0] == 0.0
    reader = RecordReader(store)
    entry, *twins = sorted(await reader.exports("sitting"), key=lambda entry: entry.job_id)
    # The same record gives the same film.
    assert [twin.sha256 for twin in twins] == [entry.sha256] * (locale == "en")
    assert (entry.job_id, entry.derived, entry.locale, entry.size) == ("job-1", True, locale, state.bytes)
    media = await reader.media("sitting", state.name or "")
    assert media is not None
    assert media.media_type == "video/mp4"
    path = tmp_path / "composite.mp4"
    path.write_bytes(b"".join([piece async for piece in reader.read(media)]))
    head = path.read_bytes()[:400_000]
    assert head.index(b"moov") < head.index(b"mdat")
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 1280, 720)
        assert (audio.codec_context.name, audio.rate) == ("aac", 48_000)
        assert container.duration == pytest.approx(6_500_000, abs=150_000)
        assert [float(frame.time) for frame in container.decode(video=0)][:2] == [0, pytest.approx(1 / 12)]
        titles = {"en": ["In session", "Evidence"], "zh-CN": ["开庭", "举证质证"]}[locale]
        found = [
            (chapter["metadata"]["title"], chapter["end"] * chapter["time_base"]) for chapter in container.chapters()
        ]
        assert found == [(titles[0], 2), (titles[1], 6.5)]
        assert container.metadata["title"]
        assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC ?{mark}", container.metadata["comment"])
    stage, (first, second) = places(2).stage, places(2).strip
    assert luminance(path, 2, stage) > 130
    # A change of codec is a change of files, and none of places.
    assert 70 < luminance(path, 5, stage) < 120
    # Who is on the stage, and who has no picture, has a place with initials and not a black one.
    assert 30 < luminance(path, 5, first) < 90
    assert 30 < luminance(path, 5, second) < 90
    report = await verify_record(store, "hearings/sitting/", key.public)
    assert report.ok
    assert not [found for found in report.findings if found.code.startswith("derived")]


async def test_jobs_that_cannot_be_are_refused_or_fail_with_a_reason(
    tmp_path: Path, store: ObjectStore, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[messages.AnyEvent] = []
    async with running(Recorder(tmp_path / "spool", store, key, publish=told.append, writer_wait_s=0)) as recorder:
        ask = messages.Compose(sitting_id="sitting", job_id="a")
        assert await recorder.compose(ask) == messages.Refused(reason="not-sealed")
        assert await recorder.verify(messages.Verify(sitting_id="sitting")) == messages.Refused(reason="not-sealed")
        wrong = messages.Compose(sitting_id="sitting", job_id="a", timezone="Mars/Olympus")
        assert isinstance(await recorder.compose(wrong), messages.Refused)
        await sealed(recorder, "sitting", facts(3, ["p1"]))
        empty = await made(recorder, told, ask)
        assert (empty.state, empty.message) == ("failed", "the record has nothing that can be played")
    await record(tmp_path / "b", open_store((tmp_path / "b" / "store").as_uri()), key)
    monkeypatch.setenv("FFMPEG_BINARY", "/bin/false")
    store = open_store((tmp_path / "b" / "store").as_uri())
    async with running(Recorder(tmp_path / "b" / "spool", store, key, publish=told.append)) as recorder:
        failed = await made(recorder, told, messages.Compose(sitting_id="sitting", job_id="b"))
        assert failed.state == "failed"
        assert failed.message


async def test_a_job_ends_with_the_recorder(tmp_path: Path, store: ObjectStore, key: SigningKey) -> None:
    await record(tmp_path, store, key)
    told: list[messages.AnyEvent] = []
    async with running(Recorder(tmp_path / "spool", store, key, publish=told.append)) as recorder:
        await recorder.compose(messages.Compose(sitting_id="sitting", job_id="a"))

        async def begun() -> bool:
            return bool(list((tmp_path / "spool" / ".recorder").glob("compose-*/*.txt")))

        await eventually(begun)
    assert not list((tmp_path / "spool" / ".recorder").glob("compose-*"))
    assert not [event for event in told if isinstance(event, messages.JobState) and event.state == "done"]


async def test_verification_is_a_job_too(tmp_path: Path, store: ObjectStore, key: SigningKey) -> None:
    await record(tmp_path, store, key)
    told: list[messages.AnyEvent] = []
    async with running(Recorder(tmp_path / "spool", store, key, publish=told.append)) as recorder:
        ask = messages.Verify(sitting_id="sitting")
        assert await recorder.verify(ask) == await recorder.verify(ask) == messages.Accepted()

        async def verified() -> bool:
            return any(isinstance(event, messages.Verified) for event in told)

        await eventually(verified)
    (event,) = [event for event in told if isinstance(event, messages.Verified)]
    assert event.ok
    assert event.report["objects"] == 1


async def test_ffmpeg_that_is_cancelled_is_gone(tmp_path: Path) -> None:
    arguments = [
        ffmpeg_runs.ffmpeg_binary(),
        "-re",
        "-f",
        "lavfi",
        "-i",
        "color",
        "-f",
        "null",
        "-progress",
        "pipe:1",
        "-",
    ]
    seen: list[float] = []
    task = asyncio.create_task(ffmpeg_runs.run(arguments, 60.0, tmp_path, seen.append))

    async def begun() -> bool:
        return bool(seen)

    await eventually(begun)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_labels_are_in_the_language_that_the_fonts_can_write() -> None:
    assert label(media_entry(), "en", chinese_font=True) == "Wang · Judge"
    assert label(media_entry(), "zh-CN", chinese_font=True) == "王 · 审判长"
    assert label(media_entry(), "zh-CN", chinese_font=False) == "Wang · Judge"
    assert label(media_entry(source="screen", role=""), "zh-CN", chinese_font=True) == "王 · 共享屏幕"


def test_fonts() -> None:
    assert is_latin("Ångström – O'Neil")
    assert not is_latin("王")
    for chinese in (True, False):
        font = find_font(chinese=chinese)
        assert font is None or font.is_file()
