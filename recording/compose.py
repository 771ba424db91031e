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
VIDEO_OPTIONS = {"vcodec": "libx264", "preset": "superfast", "crf": 26, "pix_fmt": "yuv420p", "g": 4 * FRAME_RATE}
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


def seats(media: list[MediaEntry]) -> list[list[MediaEntry]]:
    """The entries that share a tile: those of one person, or of one person's screen, in order."""
    found: dict[tuple[str, str], list[MediaEntry]] = {}
    for entry in media:
        found.setdefault((entry.person_id, entry.source), []).append(entry)
    return list(found.values())


class Composition:
    """The two ffmpeg commands of one composite.  ``work`` is a folder of its own, in which both run.

    Everything that does not move is drawn once, into ``still.nut``, and repeated under the pictures and the clock.
    Texts reach ffmpeg as files, so that no name can break out of the filter graph.
    """

    def __init__(self, manifest: Manifest, playback: Playback, work: Path, locale: str, timezone: str) -> None:
        """Raises :class:`zoneinfo.ZoneInfoNotFoundError` or :class:`ValueError` for an unknown time zone."""
        self.seconds = max(1.0, (playback.end_us - playback.start_us) / 1e6)
        self._manifest = manifest
        self._playback = playback
        self._work = work
        self._locale = locale
        self._timezone = ZoneInfo(timezone)
        self._chinese_font = find_font(chinese=True)
        self._latin_font = find_font(chinese=False)
        if locale == "zh-CN" and self._chinese_font is not None:
            self._latin_font = self._chinese_font
        self._seats = seats(playback.media)
        self._tiles = grid(len(self._seats))

    def still(self) -> list[str]:
        """One second of the ground: case, plates with names, and what stands where there is no picture."""
        chinese = self._chinese_font is not None
        ground = ffmpeg.input(f"color=c=0x0f1513:s={WIDTH}x{HEIGHT}:r={FRAME_RATE}:d=1", f="lavfi")
        none = NO_PICTURE[self._locale if chinese else "en"]
        for number, (entries, tile) in enumerate(zip(self._seats, self._tiles, strict=True)):
            height = tile.height - PLATE
            ground = ground.drawbox(tile.left + 1, tile.top, tile.width - 2, height, "0x000000", thickness="fill")
            middle = f"{tile.left + tile.width // 2}-tw/2"
            ground = self._draw(ground, "none.txt", none, middle, tile.top + height // 2 - 10, 20)
            name = label(entries[0], self._locale, chinese_font=chinese)
            ground = self._draw(ground, f"name{number}.txt", name, tile.left + 8, tile.top + height + 4, 20)
        case_name = self._manifest.case_name
        if self._locale == "zh-CN" and chinese and self._manifest.case_name_zh:
            case_name = self._manifest.case_name_zh
        ground = self._draw(ground, "title.txt", f"{self._manifest.case_number} · {case_name}", 12, 9, 22)
        return _compiled(ffmpeg.output(ground, "still.nut", vcodec="rawvideo", pix_fmt="yuv420p"))

    def film(self, files: list[Path], target: Path) -> list[str]:
        """The composite.  ``files`` belong to the media of the playback index one by one."""
        length = f"{self.seconds:.3f}"
        picture = ffmpeg.input("still.nut", stream_loop=-1, t=length)
        sounds = [ffmpeg.input(f"anullsrc=r={AUDIO_RATE}:cl=stereo:d={length}", f="lavfi").audio]
        tiles = {id(entry): tile for entries, tile in zip(self._seats, self._tiles, strict=True) for entry in entries}
        for entry, file in zip(self._playback.media, files, strict=True):
            # Picture and sound are read apart, so that neither waits in a queue for the other.
            if entry.has_video:
                picture = _place(picture, ffmpeg.input(str(file), an=None), entry, tiles[id(entry)])
            if entry.has_audio:
                sound = ffmpeg.input(str(file), vn=None).audio.filter("aresample", AUDIO_RATE)
                sounds.append(sound.filter("adelay", entry.offset_ms, all=1))
        start_s = self._playback.start_us / 1e6
        shift = datetime.fromtimestamp(start_s, self._timezone).utcoffset()
        local_s = start_s + (shift.total_seconds() if shift else 0)
        clock = f"%{{pts:gmtime:{local_s:.3f}:%Y-%m-%d %H\\:%M\\:%S}} {self._timezone.key}"
        picture = self._draw(picture, "clock.txt", clock, "w-tw-12", 9, 22, expand=True)
        mixed = ffmpeg.filter(sounds, "amix", inputs=len(sounds), duration="first", normalize=0).filter("alimiter")
        options = {**VIDEO_OPTIONS, **AUDIO_OPTIONS, "movflags": "+faststart", "t": length}
        return _compiled(ffmpeg.output(picture, mixed, str(target), **options))

    def _draw(
        self, picture: Any, name: str, text: str, x: int | str, y: int, size: int, *, expand: bool = False
    ) -> Any:
        """A line of text, with a font that has its characters."""
        (self._work / name).write_text(" ".join(text.split()), encoding="utf-8")
        font = self._latin_font if is_latin(text) else self._chinese_font
        options = {"fontfile": str(font)} if font is not None else {}
        expansion = "normal" if expand else "none"
        return picture.filter(
            "drawtext", textfile=name, expansion=expansion, x=x, y=y, fontsize=size, fontcolor="white", **options
        )


def _compiled(output: Any) -> list[str]:
    quiet = ("-progress", "pipe:1", "-nostats", "-hide_banner", "-loglevel", "error", "-nostdin")
    arguments: list[str] = output.global_args(*quiet).compile(cmd=ffmpeg_binary(), overwrite_output=True)
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


def _place(picture: Any, source: Any, entry: MediaEntry, tile: Tile) -> Any:
    """The person's picture in its tile, while there is one."""
    width, height = tile.width - 2, tile.height - PLATE
    fit = {"force_original_aspect_ratio": "decrease", "force_divisible_by": 2, "eval": "frame"}
    scaled = (
        source.video.filter("fps", FRAME_RATE)
        .filter("scale", width, height, flags="fast_bilinear", **fit)
        .filter("setpts", f"PTS+{entry.offset_ms / 1000:.3f}/TB")
    )
    shown = spans_expression(entry.video_spans, entry.offset_ms)
    middle = f"{tile.left + tile.width // 2}-w/2", f"{tile.top + height // 2}-h/2"
    return ffmpeg.overlay(picture, scaled, x=middle[0], y=middle[1], eof_action="pass", enable=shown)


async def _tail(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while piece := await stream.read(4096):
        kept = (kept + piece)[-MESSAGES_KEPT:]
    return kept
