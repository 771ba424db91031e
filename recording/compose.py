"""The composite: the stage, the strip, names and wall clock burnt in, one MP4 with chapters.  Derived from the playable
files.

ffmpeg runs as a child process of low priority, driven by ffmpeg-python's filter graph.  It is a copy for looking and
listening: pictures are shown :data:`FRAME_RATE` times a second, and frames that no other frame needs are left out.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import ffmpeg

from .cards import Card, cards
from .ffmpeg_runs import ffmpeg_binary, run
from .fonts import find_font, is_latin
from .layout import (
    HEIGHT,
    NEVER,
    WIDTH,
    Seat,
    Tile,
    chapters,
    chapters_file,
    joined,
    places,
    scenes,
    seats,
    spans_expression,
)
from .manifest import Manifest
from .plates import initials, label
from .playback import MediaEntry, Playback

#: Pictures a second.  People who sit and speak need no more, and cameras send 15 to 30.
FRAME_RATE = 12
AUDIO_RATE = 48_000
#: So many threads, since their number is seen in the bytes.
ENCODER_THREADS = 2
VIDEO_OPTIONS = {
    "vcodec": "libx264",
    "preset": "ultrafast",
    "crf": 26,
    "pix_fmt": "yuv420p",
    "g": 5 * FRAME_RATE,
    "threads": ENCODER_THREADS,
}
AUDIO_OPTIONS = {"acodec": "aac", "audio_bitrate": "96k", "ar": AUDIO_RATE, "ac": 1}
#: Of pictures: one thread each, since there are as many decoders as people; frames that nothing refers to (the upper
#: temporal layers of a camera) are not decoded.  A camera that changes its size must not make ffmpeg build its filters
#: anew, which loses what is in them: the scaler takes every size.
DECODER_OPTIONS = {"an": None, "threads": 1, "skip_frame": "noref", "reinit_filter": 0}
#: Of a picture that is only in the strip, reduced at least so many times.  Deblocking costs a quarter of its decoding;
#: what is wrong without it, until the next keyframe some seconds later, is not seen in so small a picture (43 dB).
SMALL_OPTIONS = {"skip_loop_filter": "nokey"}
SMALL_TIMES = 2
#: Spans of picture named in one filter; the shortest breaks between more are bridged.
SPANS_LIMIT = 100
#: ffmpeg processes that draw pictures at a time.
DRAWING_LIMIT = 4
#: The film is drawn in parts of this length, ms: the shortest that is worth a process, and the longest, so that neither
#: memory nor the filter graph grow with the hearing.
PIECE_LEAST_MS, PIECE_MOST_MS = 10_000, 60_000
#: A frame around who speaks while a screen is on the stage: width in pixels, and colour.
FRAME, FRAME_COLOUR = 3, "0x5fb39a"
#: The name in a film that is made for one person: how it is drawn, and how long it stays in one place, s.
MARK_COLOUR, MARK_STAYS_S = "white@0.45", 8
MARK_OUTLINE = {"borderw": 2, "bordercolor": "black@0.25"}
#: The small place of a person whose picture is not in it: its ground, and the initials on it.
PLACE_COLOUR, INITIALS_COLOUR = "0x232d29", "0xa0aca6"
#: A card in place of what is withheld: its ground, and the sizes of its title, its words and the way between lines.
CARD_COLOUR, CARD_TITLE, CARD_WORDS, CARD_LINE = "0x24302b", 32, 20, 40
NO_PICTURE = {"en": "No picture", "zh-CN": "没有画面"}


@dataclass(frozen=True, slots=True)
class Part:
    """Of the time line, ms; its own begins with 0."""

    start_ms: int
    end_ms: int

    def has(self, entry: MediaEntry) -> bool:
        return entry.offset_ms < self.end_ms and entry.offset_ms + entry.duration_ms > self.start_ms

    def expression(self, spans: Iterable[tuple[int, int]]) -> str:
        inside = [(max(start, self.start_ms), min(end, self.end_ms)) for start, end in spans]
        found = [(a - self.start_ms, b - self.start_ms) for a, b in inside if a < b]
        return spans_expression(joined(found, SPANS_LIMIT))


class Composition:
    """The ffmpeg commands of one composite, as :func:`make` runs them.  ``work`` is a folder of its own for them.

    Everything that does not move is drawn once, into ``still.nut``, and repeated under the pictures and the clock.
    Texts reach ffmpeg as files, so that no name can break out of the filter graph.
    """

    def __init__(
        self, manifest: Manifest, playback: Playback, work: Path, locale: str, timezone: str, mark: str = ""
    ) -> None:
        """``mark``: whom the film is for.

        Raises :class:`zoneinfo.ZoneInfoNotFoundError` or :class:`ValueError` for an unknown time zone."""
        self.seconds = max(1.0, (playback.end_us - playback.start_us) / 1e6)
        self._manifest = manifest
        self._playback = playback
        self.work = work
        self._locale = locale
        self._for = mark
        self._timezone = ZoneInfo(timezone)
        self._chinese_font = find_font(chinese=True)
        self._latin_font = find_font(chinese=False)
        if locale == "zh-CN" and self._chinese_font is not None:
            self._latin_font = self._chinese_font
        self._seats = seats(playback.media)
        people = [seat for seat in self._seats if not seat.screen]
        self._places = places(len(people))
        self._strip = dict(zip(map(id, people), self._places.strip, strict=False))
        self._length_ms = round(self.seconds * 1000)
        self._scenes = scenes(self._seats, self._length_ms)
        in_chinese = locale == "zh-CN" and self._chinese_font is not None
        self._cards = cards(playback.withheld, playback.start_us, self._timezone, chinese=in_chinese)

    def still(self) -> list[str]:
        """One second of the ground: case, plates with names, and what stands where there is no picture."""
        chinese = self._chinese_font is not None
        ground = ffmpeg.input(f"color=c=0x0f1513:s={WIDTH}x{HEIGHT}:r={FRAME_RATE}:d=1", f="lavfi")
        for number, seat in enumerate(self._seats):
            tile = self._strip.get(id(seat))
            if tile is not None:
                ground = _box(ground, tile, PLACE_COLOUR)
                ground = self._initials(ground, number, seat.entries[0], tile)
                name = label(seat.entries[0], self._locale, chinese_font=chinese)
                ground = self._draw(ground, f"name{number}.txt", name, tile.left + 8, _foot(tile, 16), 16)
        stage = self._places.stage
        ground = _box(ground, stage)
        none = NO_PICTURE[self._locale if chinese else "en"]
        ground = self._draw(ground, "none.txt", none, f"{stage.middle[0]}-tw/2", stage.middle[1] - 12, 24)
        case_name = self._manifest.case_name
        if self._locale == "zh-CN" and chinese and self._manifest.case_name_zh:
            case_name = self._manifest.case_name_zh
        ground = self._draw(ground, "title.txt", f"{self._manifest.case_number} · {case_name}", 12, 9, 22)
        return _compiled(ffmpeg.output(ground, "still.nut", vcodec="rawvideo", pix_fmt="yuv420p"))

    def _initials(self, ground: Any, number: int, entry: MediaEntry, tile: Tile) -> Any:
        """What a person's place holds while they are on the stage or have no picture, as a page would draw it."""
        chinese = self._locale == "zh-CN" and self._chinese_font is not None
        text = initials(entry.display_name_zh if chinese else entry.display_name)
        size = max(16, tile.picture[1] * 2 // 5)
        x, y = f"{tile.middle[0]}-tw/2", f"{tile.middle[1]}-th/2"
        return self._draw(ground, f"initials{number}.txt", text, x, y, size, colour=INITIALS_COLOUR)

    def pieces(self) -> list[tuple[int, int]]:
        """The film's length in parts, ms: enough for some processors, since one ffmpeg keeps no two of them busy, and
        the same whatever computer it is, so that it draws the same film."""
        least, most = PIECE_LEAST_MS, PIECE_MOST_MS
        step = math.ceil(max(least, min(self._length_ms / DRAWING_LIMIT, most)) / 1000) * 1000
        return [(start, min(start + step, self._length_ms)) for start in range(0, self._length_ms, step)]

    def film(self, files: list[Path], start_ms: int, end_ms: int, name: str) -> list[str]:
        """The pictures of this part.  ``files`` belong to the media of the playback index one by one."""
        length = f"{(end_ms - start_ms) / 1000:.3f}"
        picture = ffmpeg.input("still.nut", stream_loop=-1, t=length)
        of_entry = {id(entry): file for entry, file in zip(self._playback.media, files, strict=True)}
        part = Part(start_ms, end_ms)
        scenes = [scene for scene in self._scenes if scene.start_ms < end_ms and scene.end_ms > start_ms]
        for number, seat in enumerate(self._seats):
            shown = part.expression((s.start_ms, s.end_ms) for s in scenes if s.shown == number)
            for entry in seat.entries:
                if entry.has_video and part.has(entry):
                    picture = self._place(picture, str(of_entry[id(entry)]), entry, seat, shown, part)
            heard = part.expression((s.start_ms, s.end_ms) for s in scenes if s.speaker == number != s.shown)
            picture = self._mark(picture, number, shown, heard)
        for number, card in enumerate(self._cards):
            picture = self._card(picture, number, card, part)
        picture = self._clock(picture, start_ms)
        if self._for:
            picture = self._watermark(picture)
        return _compiled(ffmpeg.output(picture, name, **VIDEO_OPTIONS, t=length))

    def sound(self, files: list[Path], name: str) -> list[str]:
        """Everybody's voice, mixed."""
        length = f"{self.seconds:.3f}"
        sounds = [ffmpeg.input(f"anullsrc=r={AUDIO_RATE}:cl=mono:d={length}", f="lavfi").audio]
        for entry, file in zip(self._playback.media, files, strict=True):
            if entry.has_audio:
                sound = ffmpeg.input(str(file), vn=None).audio.filter("aresample", AUDIO_RATE, out_chlayout="mono")
                sounds.append(sound.filter("adelay", entry.offset_ms, all=1))
        mixed = ffmpeg.filter(sounds, "amix", inputs=len(sounds), duration="first", normalize=0).filter("alimiter")
        return _compiled(ffmpeg.output(mixed, name, **AUDIO_OPTIONS, t=length))

    def whole(self, pieces: list[str], sound: str, target: Path) -> list[str]:
        """The parts one after the other, with the sound and the chapters, head first."""
        listed = "".join(f"file '{name}'\n" for name in pieces)
        (self.work / "pieces.txt").write_text(listed, encoding="utf-8")
        chinese = self._locale == "zh-CN"
        found = chapters(self._manifest.events, self._playback.start_us, self._length_ms, chinese=chinese)
        (self.work / "chapters.txt").write_text(chapters_file(found, self._length_ms), encoding="utf-8")
        inputs = (
            ffmpeg.input("pieces.txt", f="concat")["v"],
            ffmpeg.input(sound)["a"],
            ffmpeg.input("chapters.txt", f="ffmetadata")["d?"],
        )
        begun = datetime.fromtimestamp(self._playback.start_us // 1_000_000, ZoneInfo("UTC"))
        options = {
            "c": "copy",
            "map_chapters": 2,
            "movflags": "+faststart",
            "metadata:g:0": f"title={_line(f'{self._manifest.court}, {self._manifest.case_number}')}",
            "metadata:g:1": f"comment={_line(f'{begun:%Y-%m-%d %H:%M:%S} UTC {self._for}')}",
        }
        return _compiled(ffmpeg.output(*inputs, str(target), **options))

    def _place(self, picture: Any, file: str, entry: MediaEntry, seat: Seat, shown: str, part: Part) -> Any:
        """The picture on the stage while it is ``shown`` there, else in its tile of the strip, if it has one.

        It is scaled once, to where it goes; its own size then says which of the two that is.
        """
        fit = {"force_original_aspect_ratio": "decrease", "force_divisible_by": 2, "eval": "frame"}
        (width, height), (x, y) = self._places.stage.picture, self._places.stage.middle
        size: tuple[str, str] = str(width), str(height)
        at = f"{x}-w/2", f"{y}-h/2"
        # From the nearest picture of the film on, so that its first is not black.
        nearest = 500 // FRAME_RATE
        spans = [(start + entry.offset_ms - nearest, end + entry.offset_ms) for start, end in entry.video_spans]
        enable = shown if seat.screen else part.expression(spans)
        decoding: dict[str, Any] = dict(DECODER_OPTIONS)
        tile = self._strip.get(id(seat))
        if tile is not None:
            (small_width, small_height), (small_x, small_y) = tile.picture, tile.middle
            size = f"if({shown},{width},{small_width})", f"if({shown},{height},{small_height})"
            small = f"lte(w,{small_width})*lte(h,{small_height})"
            at = f"if({small},{small_x},{x})-w/2", f"if({small},{small_y},{y})-h/2"
            if shown == NEVER and entry.width >= SMALL_TIMES * small_width:
                decoding |= SMALL_OPTIONS
        skipped_ms = part.start_ms - entry.offset_ms
        if skipped_ms > 0:
            decoding["ss"] = f"{skipped_ms / 1000:.3f}"
        source = ffmpeg.input(file, **decoding)
        scaled = (
            # From the part's begin on, whenever its first picture is: nothing is black where two parts meet.
            source.video.filter("fps", FRAME_RATE, start_time=0)
            .filter("setpts", f"PTS+{max(0, -skipped_ms) / 1000:.3f}/TB")
            .filter("scale", size[0], size[1], flags="fast_bilinear", **fit)
        )
        return ffmpeg.overlay(picture, scaled, x=at[0], y=at[1], eof_action="pass", enable=enable)

    def _mark(self, picture: Any, number: int, shown: str, heard: str) -> Any:
        """The name under the stage while this seat is on it, and a frame around who speaks while a screen is."""
        seat, stage = self._seats[number], self._places.stage
        if shown != NEVER:
            text = label(seat.entries[0], self._locale, chinese_font=self._chinese_font is not None)
            place = stage.left + 12, _foot(stage, 22)
            picture = self._draw(picture, f"stage{number}.txt", text, *place, 22, enable=shown)
        tile = self._strip.get(id(seat))
        if tile is None or heard == NEVER:
            return picture
        corners = tile.left, tile.top, tile.width, tile.height
        return picture.drawbox(*corners, FRAME_COLOUR, thickness=FRAME, enable=heard)

    def _card(self, picture: Any, number: int, card: Card, part: Part) -> Any:
        """Instead of the stage, what is missing there and by which order."""
        enable = part.expression([(card.start_ms, card.end_ms)])
        if enable == NEVER:
            return picture
        stage = self._places.stage
        corners = stage.left, stage.top, stage.width, stage.height
        picture = picture.drawbox(*corners, CARD_COLOUR, thickness="fill", enable=enable)
        top = stage.middle[1] - CARD_LINE * len(card.lines) // 2
        for at, line in enumerate(card.lines):
            x, y = f"{stage.middle[0]}-tw/2", top + CARD_LINE * at
            size = CARD_WORDS if at else CARD_TITLE
            picture = self._draw(picture, f"card{number}-{at}.txt", line, x, y, size, enable=enable)
        return picture

    def _clock(self, picture: Any, start_ms: int) -> Any:
        start_s = self._playback.start_us / 1e6
        shift = datetime.fromtimestamp(start_s, self._timezone).utcoffset()
        local_s = start_s + start_ms / 1000 + (shift.total_seconds() if shift else 0)
        clock = f"%{{pts:gmtime:{local_s:.3f}:%Y-%m-%d %H\\:%M\\:%S}} {self._timezone.key}"
        return self._draw(picture, f"clock{start_ms}.txt", clock, "w-tw-12", 9, 22, expand=True)

    def _watermark(self, picture: Any) -> Any:
        """Whom the film is for, here now and there in a moment, so that no edge can be cut off to be rid of it."""
        x = f"(w-tw)*(0.5+0.45*sin(7*floor(t/{MARK_STAYS_S})))"
        y = f"(h-th)*(0.5+0.4*cos(3*floor(t/{MARK_STAYS_S})))"
        return self._draw(picture, "mark.txt", self._for, x, y, 26, colour=MARK_COLOUR)

    def _draw(
        self,
        picture: Any,
        name: str,
        text: str,
        x: int | str,
        y: int | str,
        size: int,
        *,
        colour: str = "white",
        expand: bool = False,
        enable: str | None = None,
    ) -> Any:
        """A line of text, with a font that has its characters; ``name`` is of a file that always says the same."""
        file = self.work / name
        if not file.exists():
            # Once: another part of the film may be reading it now.
            file.write_text(" ".join(text.split()), encoding="utf-8")
        font = self._latin_font if is_latin(text) else self._chinese_font
        options: dict[str, Any] = {"fontfile": str(font)} if font is not None else {}
        if enable is not None:
            options["enable"] = enable
        if colour == MARK_COLOUR:
            options |= MARK_OUTLINE
        expansion = "normal" if expand else "none"
        return picture.filter(
            "drawtext", textfile=name, expansion=expansion, x=x, y=y, fontsize=size, fontcolor=colour, **options
        )


def _compiled(output: Any) -> list[str]:
    quiet = ("-progress", "pipe:1", "-nostats", "-hide_banner", "-loglevel", "error", "-nostdin")
    # Slices of a picture for several processors cost more than they save where each draws a part of the film.
    threads = ("-filter_complex_threads", "1")
    arguments: list[str] = output.global_args(*quiet, *threads).compile(cmd=ffmpeg_binary(), overwrite_output=True)
    return arguments


def drawing() -> int:
    """How many parts of a film are drawn at a time."""
    return min(DRAWING_LIMIT, len(os.sched_getaffinity(0)))


async def make(composition: Composition, files: list[Path], target: Path, progress: Callable[[float], None]) -> None:
    """Make the whole film; what runs is killed if this is cancelled.  Raises :class:`ComposeFailed`."""
    pieces, work = composition.pieces(), composition.work
    *files, target = _from_anywhere([*files, target])
    names = [f"piece{number}.mp4" for number in range(len(pieces))]
    done_ms, left = [0.0] * len(pieces), iter(range(len(pieces)))
    await run(composition.still(), 1.0, work, lambda part: None)

    async def draw() -> None:
        for number in left:
            start_ms, end_ms = pieces[number]

            def drawn(part: float, number: int = number, length_ms: int = end_ms - start_ms) -> None:
                done_ms[number] = part * length_ms
                progress(sum(done_ms) / 1000 / composition.seconds)

            arguments = composition.film(files, start_ms, end_ms, names[number])
            await run(arguments, (end_ms - start_ms) / 1000, work, drawn)

    tasks = [asyncio.create_task(draw()) for _ in range(drawing())]
    sound = composition.sound(files, "sound.m4a")
    tasks.append(asyncio.create_task(run(sound, composition.seconds, work, lambda part: None)))
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await run(composition.whole(names, "sound.m4a", target), composition.seconds, work, lambda part: None)


def _from_anywhere(paths: list[Path]) -> list[Path]:
    """ffmpeg runs in the work folder, where a relative path leads elsewhere."""
    return [path.absolute() for path in paths]


def _line(text: str) -> str:
    """One line, as an argument of ffmpeg can hold it."""
    return " ".join(text.replace("\0", " ").split())


def _box(ground: Any, tile: Tile, colour: str = "0x000000") -> Any:
    height = tile.height - tile.plate
    return ground.drawbox(tile.left + 1, tile.top, tile.width - 2, height, colour, thickness="fill")


def _foot(tile: Tile, size: int) -> int:
    """Where a line of this size stands in the tile's plate."""
    return tile.top + tile.height - tile.plate + (tile.plate - size) // 2
