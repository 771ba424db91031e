"""What a composite shows when: who is on the stage, who speaks, where everybody has a place, and the chapters.  Pure.

The stage shows the screen that is shared, or else who speaks; everybody keeps a place of their own in the strip beside
it, so that nobody is lost from sight.  All times are ms after the begin of the playback index.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .media.peaks import PERIOD_MS
from .playback import MediaEntry

WIDTH, HEIGHT = 1280, 720
#: Height of the bar with case and clock, of the plate under each picture, and of that under the stage, pixels.
BAR, PLATE, STAGE_PLATE = 40, 26, 36
#: Widths of the strip's tiles by the number of its columns, pixels; more people than fit then get flatter tiles.
STRIP_WIDTHS = (240, 200, 160, 128)
#: Who is louder than the one on the stage, by this much on average over so long, takes the stage.
LOUDER, LISTEN_MS = 1.5, 2_500
#: Peaks (0..100) below this are the noise of a room.
QUIET = 4
#: Nobody is on the stage for less.
HOLD_MS = 4_000
#: A mark within this of the one before it joins it: what one click brought about is one chapter.
CHAPTER_LEAST_MS = 1_000
CHAPTERS_LIMIT = 500

#: States of the sitting in its log, stages of its agenda, in English and Chinese.
STATES = {
    "in_session": ("In session", "开庭"),
    "recess": ("Recess", "休庭"),
    "suspended": ("Suspended", "庭审中止"),
    "deliberation": ("Deliberation", "合议"),
    "closed": ("Closed", "闭庭"),
}
STAGES = {
    "opening": ("Opening", "宣布开庭"),
    "rights_notice": ("Notice of rights", "告知权利义务"),
    "recusal": ("Recusal", "申请回避"),
    "investigation": ("Court investigation", "法庭调查"),
    "evidence": ("Evidence", "举证质证"),
    "debate": ("Court debate", "法庭辩论"),
    "submissions": ("Submissions", "发表意见"),
    "final_statements": ("Final statements", "最后陈述"),
    "mediation": ("Mediation", "调解"),
    "judgment": ("Judgment", "宣判"),
}
EXHIBIT = ("Exhibit shown", "出示证据")


#: The ffmpeg expression of a span that is empty.
NEVER = "0"


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture's place, pixels; ``plate`` of its height is at its foot, for the name."""

    left: int
    top: int
    width: int
    height: int
    plate: int = PLATE

    @property
    def picture(self) -> tuple[int, int]:
        """Largest size of a picture in it, even."""
        return (self.width - 4) // 2 * 2, (self.height - self.plate - 2) // 2 * 2

    @property
    def middle(self) -> tuple[int, int]:
        return self.left + self.width // 2, self.top + (self.height - self.plate) // 2


@dataclass(frozen=True, slots=True)
class Places:
    stage: Tile
    strip: list[Tile]


def places(people: int) -> Places:
    """The stage, and a tile for each person; one person alone has the stage only."""
    height = HEIGHT - BAR
    if people < 2:
        return Places(Tile(0, BAR, WIDTH, height, STAGE_PLATE), [])
    columns, width, rows, tile = 0, 0, 0, 0
    for columns, width in enumerate(STRIP_WIDTHS, start=1):
        rows = math.ceil(people / columns)
        tile = width * 9 // 16 + PLATE
        if rows * tile <= height:
            break
    tile = min(tile, height // rows) // 2 * 2
    left = WIDTH - columns * width
    strip = [
        Tile(left + index % columns * width, BAR + index // columns * tile, width, tile) for index in range(people)
    ]
    return Places(Tile(0, BAR, left, height, STAGE_PLATE), strip)


@dataclass(slots=True)
class Seat:
    """The entries that share a place: those of one person, or of one person's screen."""

    entries: list[MediaEntry]

    @property
    def screen(self) -> bool:
        return self.entries[0].source == "screen"


def seats(media: list[MediaEntry]) -> list[Seat]:
    """In order, judges first: they are where the eye begins."""
    found: dict[tuple[str, str], Seat] = {}
    for entry in sorted(media, key=lambda entry: entry.role != "judge"):
        found.setdefault((entry.person_id, entry.source), Seat([])).entries.append(entry)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Scene:
    """``shown`` is the seat on the stage, ``speaker`` the one who is heard; numbers in the list of seats."""

    start_ms: int
    end_ms: int
    shown: int
    speaker: int


def scenes(all_seats: list[Seat], length_ms: int) -> list[Scene]:
    """The whole length in scenes."""
    if not all_seats:
        return []
    loudness = [_loudness(seat, length_ms) for seat in all_seats]
    return list(_scenes(all_seats, loudness, _shared(all_seats, length_ms), length_ms))


def _loudness(seat: Seat, length_ms: int) -> list[float]:
    """How loud a seat is from each period on, on average over :data:`LISTEN_MS`."""
    count = length_ms // PERIOD_MS + 1
    peaks = [0] * count
    for entry in seat.entries:
        first = entry.offset_ms // PERIOD_MS
        for at, peak in enumerate(entry.peaks[: count - first], start=first):
            peaks[at] = max(peaks[at], peak)
    window = LISTEN_MS // PERIOD_MS
    sums, running = [0.0] * count, 0
    for at in range(count - 1, -1, -1):
        running += peaks[at] - (peaks[at + window] if at + window < count else 0)
        sums[at] = running / window
    return sums


def _shared(all_seats: list[Seat], length_ms: int) -> list[int]:
    """Per period the seat whose screen is shown, the last that began; -1 if none is."""
    shared = [-1] * (length_ms // PERIOD_MS + 1)
    spans = [
        (start + entry.offset_ms, end + entry.offset_ms, number)
        for number, seat in enumerate(all_seats)
        if seat.screen
        for entry in seat.entries
        for start, end in entry.video_spans
    ]
    for start, end, number in sorted(spans):
        for at in range(start // PERIOD_MS, min(end // PERIOD_MS + 1, len(shared))):
            shared[at] = number
    return shared


def _scenes(all_seats: list[Seat], loudness: list[list[float]], shared: list[int], length_ms: int) -> Iterator[Scene]:
    people = [number for number, seat in enumerate(all_seats) if not seat.screen] or [0]
    speaker, since = people[0], -HOLD_MS
    start, now = 0, (shared[0] if shared[0] >= 0 else speaker, speaker)
    for at in range(len(shared)):
        time_ms = at * PERIOD_MS
        loudest = max(people, key=lambda number: loudness[number][at])
        louder = loudness[loudest][at] > max(QUIET, LOUDER * loudness[speaker][at])
        if loudest != speaker and louder and time_ms - since >= HOLD_MS:
            speaker, since = loudest, time_ms
        then = (shared[at] if shared[at] >= 0 else speaker), speaker
        if then != now:
            if time_ms > start:
                yield Scene(start, time_ms, *now)
            start, now = time_ms, then
    if length_ms > start:
        yield Scene(start, length_ms, *now)


def spans_expression(spans: Iterable[tuple[int, int]]) -> str:
    """Whether ``t`` is in one of these spans (ms), as an ffmpeg expression."""
    return "+".join(f"between(t,{start / 1000:.3f},{end / 1000:.3f})" for start, end in spans) or NEVER


def joined(spans: Iterable[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """At most so many spans: the shortest breaks between more are bridged."""
    kept = sorted(spans)
    while len(kept) > limit:
        at = min(range(len(kept) - 1), key=lambda at: kept[at + 1][0] - kept[at][1])
        kept[at : at + 2] = [(kept[at][0], max(kept[at][1], kept[at + 1][1]))]
    return kept


@dataclass(frozen=True, slots=True)
class Chapter:
    start_ms: int
    title: str


def chapters(events: Iterable[dict[str, Any]], start_us: int, length_ms: int, *, chinese: bool) -> list[Chapter]:
    """What the sitting's log says of its course: its states, the stages of its agenda, exhibits that were shown."""
    found: list[Chapter] = []
    for event in events:
        title = _title(event, chinese=chinese)
        at_us = event.get("utc")
        if not title or not isinstance(at_us, int):
            continue
        at_ms = max(0, (at_us // 1000 - start_us) // 1000)
        if at_ms >= length_ms:
            continue
        if found and at_ms - found[-1].start_ms < CHAPTER_LEAST_MS:
            found[-1] = Chapter(found[-1].start_ms, f"{found[-1].title} · {title}")
        elif len(found) < CHAPTERS_LIMIT:
            found.append(Chapter(at_ms, title))
    return found


def _title(event: dict[str, Any], *, chinese: bool) -> str:
    name, detail = event.get("name"), event.get("detail")
    facts = detail if isinstance(detail, dict) else {}
    if event.get("machine") == "sitting" and event.get("from") != event.get("to"):
        return STATES.get(str(event.get("to")), ("", ""))[chinese]
    if name == "set_stage":
        stage = str(facts.get("stage", ""))
        return STAGES.get(stage, (stage, stage))[chinese]
    return EXHIBIT[chinese] if name == "show_exhibit" else ""


def chapters_file(found: list[Chapter], length_ms: int) -> str:
    """The chapters in FFmpeg's metadata format."""
    lines = [";FFMETADATA1"]
    ends = [*(chapter.start_ms for chapter in found[1:]), length_ms]
    for chapter, end_ms in zip(found, ends, strict=False):
        title = "".join("\\" + sign if sign in "=;#\\\n" else sign for sign in chapter.title)
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={chapter.start_ms}", f"END={max(end_ms, chapter.start_ms)}"]
        lines.append(f"title={title}")
    return "\n".join(lines) + "\n"
