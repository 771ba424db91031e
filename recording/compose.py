"""The composite: everybody in a grid, names and wall clock burnt in, one MP4.  Derived from the playable files.

ffmpeg runs as a child process of low priority, driven by ffmpeg-python's filter graph.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import ffmpeg
import imageio_ffmpeg

from .fonts import find_font, is_latin
from .manifest import Manifest
from .playback import MediaEntry, Playback

WIDTH, HEIGHT, FRAME_RATE = 1280, 720, 25
#: Height of the bar with case and clock, and of the plate under each picture, pixels.
BAR, PLATE = 40, 30
AUDIO_RATE = 48_000
VIDEO_OPTIONS = {"vcodec": "libx264", "preset": "veryfast", "crf": 26, "pix_fmt": "yuv420p", "g": 4 * FRAME_RATE}
AUDIO_OPTIONS = {"acodec": "aac", "audio_bitrate": "128k", "ar": AUDIO_RATE, "ac": 2}
#: Spans of picture named in one filter; the shortest breaks between more are bridged.
SPANS_LIMIT = 100
#: ffmpeg's messages kept to say why it failed, bytes.
MESSAGES_KEPT = 4000

ROLES = {
    "judge": ("Judge", "审判长"),
    "clerk": ("Clerk", "书记员"),
    "claimant": ("Claimant", "原告"),
    "respondent": ("Respondent", "被告"),
    "witness": ("Witness", "证人"),
    "interpreter": ("Interpreter", "翻译"),
    "observer": ("Observer", "旁听"),
}
SCREEN = {"en": "shared screen", "zh-CN": "共享屏幕"}
NO_PICTURE = {"en": "No picture", "zh-CN": "没有画面"}


class ComposeFailed(Exception):
    """ffmpeg could not make the file; the text is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture's place, pixels; the plate is at its foot."""

    left: int
    top: int
    width: int
    height: int


def grid(count: int) -> list[Tile]:
    """Tiles of equal size below the bar, even sides, the last row centred."""
    if not count:
        return []
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    width, height = WIDTH // columns // 2 * 2, (HEIGHT - BAR) // rows // 2 * 2
    tiles = []
    for index in range(count):
        row, column = divmod(index, columns)
        in_row = min(columns, count - row * columns)
        left = (WIDTH - in_row * width) // 2 + column * width
        tiles.append(Tile(left // 2 * 2, BAR + row * height, width, height))
    return tiles


def label(entry: MediaEntry, locale: str, *, chinese_font: bool) -> str:
    """Name and role in the reader's language, as far as the fonts allow."""
    english_role, chinese_role = ROLES.get(entry.role, (entry.role, entry.role))
    if locale == "zh-CN" and chinese_font:
        words = [entry.display_name_zh, chinese_role]
    else:
        words = [entry.display_name, english_role]
    if entry.source == "screen":
        words.append(SCREEN[locale if chinese_font else "en"])
    return " · ".join(word for word in words if word)


def spans_expression(spans: list[list[int]], offset_ms: int) -> str:
    """When the picture is shown, as an ffmpeg expression of ``t``, s."""
    kept = sorted(spans)
    while len(kept) > SPANS_LIMIT:
        gaps = [(kept[at + 1][0] - kept[at][1], at) for at in range(len(kept) - 1)]
        at = min(gaps)[1]
        kept[at : at + 2] = [[kept[at][0], kept[at + 1][1]]]
    parts = [f"between(t,{(start + offset_ms) / 1000:.3f},{(end + offset_ms) / 1000:.3f})" for start, end in kept]
    return "+".join(parts) or "0"


def command(
    manifest: Manifest, playback: Playback, files: list[Path], work: Path, target: Path, locale: str, timezone: str
) -> list[str]:
    """The ffmpeg command.  ``files`` belong to ``playback.media`` one by one; texts are written into ``work``.

    Texts reach ffmpeg as files, so that no name can break out of the filter graph.
    Raises :class:`zoneinfo.ZoneInfoNotFoundError` or :class:`ValueError` for an unknown time zone.
    """
    seconds = max(1.0, (playback.end_us - playback.start_us) / 1e6)
    chinese_font = find_font(chinese=True)
    latin_font = chinese_font if locale == "zh-CN" and chinese_font else find_font(chinese=False)
    texts = _Texts(work, chinese_font, latin_font)
    canvas = ffmpeg.input(f"color=c=0x0f1513:s={WIDTH}x{HEIGHT}:r={FRAME_RATE}:d={seconds:.3f}", f="lavfi")
    picture = canvas
    sounds = [ffmpeg.input(f"anullsrc=r={AUDIO_RATE}:cl=stereo:d={seconds:.3f}", f="lavfi").audio]
    for number, (entry, file, tile) in enumerate(zip(playback.media, files, grid(len(files)), strict=True)):
        source = ffmpeg.input(str(file))
        picture = picture.drawbox(tile.left, tile.top, tile.width - 2, tile.height - 2, "0x000000", thickness="fill")
        words = NO_PICTURE[locale if chinese_font else "en"]
        middle = f"{tile.left + tile.width // 2}-tw/2"
        picture = texts.draw(picture, "none.txt", words, middle, tile.top + tile.height // 2 - 10, 20, plain=True)
        if entry.has_video:
            picture = _place(picture, source, entry, tile)
        if entry.has_audio:
            delayed = source.audio.filter("aresample", AUDIO_RATE).filter("adelay", entry.offset_ms, all=1)
            sounds.append(delayed)
        words = label(entry, locale, chinese_font=chinese_font is not None)
        picture = texts.draw(
            picture, f"name{number}.txt", words, tile.left + 8, tile.top + tile.height - PLATE + 4, 20, plain=True
        )
    title = f"{manifest.case_number} · {_title(manifest, locale, chinese_font is not None)}"
    picture = texts.draw(picture, "title.txt", title, 12, 9, 22, plain=True)
    start_s = playback.start_us / 1e6
    shift = ZoneInfo(timezone).utcoffset(datetime.fromtimestamp(start_s, ZoneInfo(timezone)))
    local_s = start_s + (shift.total_seconds() if shift else 0)
    clock = f"%{{pts:gmtime:{local_s:.3f}:%Y-%m-%d %H\\:%M\\:%S}} {timezone}"
    picture = texts.draw(picture, "clock.txt", clock, "w-tw-12", 9, 22, plain=False)
    sound = ffmpeg.filter(sounds, "amix", inputs=len(sounds), duration="first", normalize=0).filter("alimiter")
    output = ffmpeg.output(
        picture, sound, str(target), t=f"{seconds:.3f}", movflags="+faststart", **VIDEO_OPTIONS, **AUDIO_OPTIONS
    )
    output = output.global_args("-progress", "pipe:1", "-nostats", "-hide_banner", "-loglevel", "error", "-nostdin")
    arguments: list[str] = output.compile(cmd=ffmpeg_binary(), overwrite_output=True)
    return arguments


async def run(arguments: list[str], seconds: float, work: Path, progress: Callable[[float], None]) -> None:
    """Run ffmpeg to its end; it is killed if this is cancelled.  Raises :class:`ComposeFailed`."""
    process = await asyncio.create_subprocess_exec(
        *arguments, cwd=work, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, 10)
    assert process.stdout is not None
    assert process.stderr is not None
    said = asyncio.create_task(_tail(process.stderr))
    try:
        async for line in process.stdout:
            name, _, value = line.decode(errors="replace").strip().partition("=")
            if name == "out_time_us" and value.lstrip("-").isdigit():
                progress(max(0.0, min(1.0, int(value) / 1e6 / seconds)))
        code = await process.wait()
        if code:
            raise ComposeFailed((await said).decode(errors="replace").strip() or f"ffmpeg ended with {code}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        said.cancel()
        await asyncio.gather(said, return_exceptions=True)


def ffmpeg_binary() -> str:
    """``FFMPEG_BINARY`` if it is set, else the one that came with imageio-ffmpeg."""
    return os.environ.get("FFMPEG_BINARY") or str(imageio_ffmpeg.get_ffmpeg_exe())


class _Texts:
    """Draws texts with a font that has their characters."""

    def __init__(self, work: Path, chinese: Path | None, latin: Path | None) -> None:
        self._work = work
        self._chinese = chinese
        self._latin = latin

    def draw(self, picture: Any, name: str, text: str, x: int | str, y: int, size: int, *, plain: bool) -> Any:
        (self._work / name).write_text(" ".join(text.split()), encoding="utf-8")
        font = self._latin if is_latin(text) else self._chinese
        options: dict[str, Any] = {"fontfile": str(font)} if font is not None else {}
        return picture.filter(
            "drawtext",
            textfile=name,
            expansion="none" if plain else "normal",
            x=x,
            y=y,
            fontsize=size,
            fontcolor="white",
            box=1,
            boxcolor="0x0c1411@0.7",
            boxborderw=4,
            **options,
        )


def _place(picture: Any, source: Any, entry: MediaEntry, tile: Tile) -> Any:
    """The person's picture in its tile, while there is one."""
    width, height = tile.width - 2, tile.height - 2
    scaled = (
        source.video.filter("fps", FRAME_RATE)
        .filter("scale", width, height, force_original_aspect_ratio="decrease", force_divisible_by=2, eval="frame")
        .filter("pad", width, height, "(ow-iw)/2", "(oh-ih)/2", "black", eval="frame")
        .filter("setsar", 1)
        .filter("setpts", f"PTS+{entry.offset_ms / 1000:.3f}/TB")
    )
    shown = spans_expression(entry.video_spans, entry.offset_ms)
    return ffmpeg.overlay(picture, scaled, x=tile.left, y=tile.top, eof_action="pass", enable=shown)


def _title(manifest: Manifest, locale: str, chinese_font: bool) -> str:
    chinese = locale == "zh-CN" and chinese_font and manifest.case_name_zh
    return manifest.case_name_zh if chinese else manifest.case_name


async def _tail(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while piece := await stream.read(4096):
        kept = (kept + piece)[-MESSAGES_KEPT:]
    return kept
