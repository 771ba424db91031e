"""Whether what is absent of a writer's segments can be of the time that the court left out: by what is here around it.

Pure.  A writer cuts the chunks of all its tracks together, and writes down its clocks in silence too: what stands in
the file before and after an absent chunk says when that was taken, whatever track it is of.  A writer that was silent
beside that says so itself, if the disk took nothing; or others were recording meanwhile, as a room was moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from . import manifest as m
from .withheld import Statement, arrival_times, touches

#: A chunk is closed at least this often (docs/record-format.md §2): so much older or newer than the chunks around it
#: are an absent one's records at the most, us.
CHUNK_US: Final = 2_000_000
#: Of the time between what is here so much may be outside of what was left out: a chunk at each end, and the time
#: between two clocks in silence, us.
EDGES_US: Final = 6_000_000
#: The same where segments had to be left out whole, us.
WHOLE_US: Final = 30_000_000


Span = tuple[int, int]


@dataclass(slots=True)
class _Place:
    #: The end of the last that is here, us.
    last_us: int
    #: What is absent since, and how much of its time may be unexplained, us.
    name: str = ""
    slack_us: int = 0
    #: When the last that stands after something absent was taken, us.
    after_us: int = -(1 << 62)
    #: When something of this writer is here, in order, and when it lost what it took, us.
    present: list[Span] = field(default_factory=list)
    lost: list[Span] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """What is absent between two times, us."""

    writer: str
    name: str
    start_us: int
    end_us: int
    slack_us: int


class Absences:
    """Fed with all segments, those of a writer in order: what is here, and what is not."""

    def __init__(self, manifest: m.Manifest, statement: Statement | None) -> None:
        self._writers = {writer.writer: writer for writer in manifest.writers}
        self._places = {name: _Place(writer.start_us - CHUNK_US) for name, writer in self._writers.items()}
        self._doubts: list[_Doubt] = []
        #: What is absent of writers that the manifest does not have: of no time that can be told.
        self._timeless: list[str] = []
        self._left_out = arrival_times(statement.spans) if statement else []
        if statement is not None and statement.part is not None:
            self._left_out += [(0, statement.part.start_us), (statement.part.end_us, 1 << 62)]
        silent = [(span.start_us, span.start_us + span.duration_us) for span in manifest.interruptions]
        self._known = [*self._left_out, *silent]

    def absent(self, writer: str, name: str, *, whole: bool = False) -> None:
        place = self._places.get(writer)
        if place is None:
            self._timeless.append(name)
            return
        place.name = place.name or name
        place.slack_us = max(place.slack_us, WHOLE_US if whole else EDGES_US)

    def here(self, writer: str, first_us: int, last_us: int) -> bool:
        """Answers whether it matters what this chunk says that was lost: something that is absent is just before it."""
        place = self._places.get(writer)
        if place is None:
            return False
        self._close(writer, place, first_us)
        place.last_us = max(place.last_us, last_us)
        if place.present and place.present[-1][0] <= first_us <= place.present[-1][1] + CHUNK_US:
            place.present[-1] = place.present[-1][0], max(place.present[-1][1], last_us)
        else:
            place.present.append((first_us, last_us))
        return first_us <= place.after_us + CHUNK_US

    def lost(self, writer: str, start_us: int, end_us: int) -> None:
        """What the writer took in this time it could not write, by its own word in a chunk that is here."""
        place = self._places.get(writer)
        if place is not None and end_us > start_us:
            place.lost.append((start_us, end_us))

    def finish(self) -> Sequence[str]:
        """What is absent and cannot be explained."""
        for name, place in self._places.items():
            self._close(name, place, self._writers[name].end_us + CHUNK_US)
        known = {name: self._known_of(name) for name in {doubt.writer for doubt in self._doubts}}
        unexplained = [doubt.name for doubt in self._doubts if not self._explained(doubt, known[doubt.writer])]
        return [*self._timeless, *unexplained]

    def _close(self, writer: str, place: _Place, first_us: int) -> None:
        if place.name:
            self._doubts.append(_Doubt(writer, place.name, place.last_us, first_us, place.slack_us))
            place.name, place.slack_us, place.after_us = "", 0, first_us

    def _known_of(self, writer: str) -> list[Span]:
        """When nothing of this writer is missed, in order."""
        others = [span for name, place in self._places.items() if name != writer for span in place.present]
        return sorted([*self._known, *self._places[writer].lost, *others])

    def _explained(self, doubt: _Doubt, known: Sequence[Span]) -> bool:
        latest_us = max(doubt.start_us, doubt.end_us)
        if not touches(self._left_out, doubt.start_us - CHUNK_US, latest_us + CHUNK_US):
            return False
        return _outside(known, doubt.start_us, doubt.end_us) <= doubt.slack_us


def _outside(known: Sequence[Span], start_us: int, end_us: int) -> int:
    """How much of a time is in none of these spans, which are in order, us."""
    total, at = 0, start_us
    for start, end in known:
        if start >= end_us:
            break
        total, at = total + max(0, start - at), max(at, end)
    return total + max(0, end_us - at)
