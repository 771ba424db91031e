"""Whether what is absent of a writer's segments can be of the time that the court left out: by what is here around it.

Pure.  A writer cuts the chunks of all its tracks together, and writes down its clocks in silence too: what stands in
the file before and after an absent chunk says when that was taken, whatever track it is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(slots=True)
class _Place:
    #: The end of the last that is here, us.
    last_us: int
    #: What is absent since, and how much of its time may be unexplained, us.
    name: str = ""
    slack_us: int = 0


class Absences:
    """Fed with all of a writer's segments in order: what is here, and what is not."""

    def __init__(self, manifest: m.Manifest, statement: Statement | None) -> None:
        self._writers = {writer.writer: writer for writer in manifest.writers}
        self._places = {name: _Place(writer.start_us - CHUNK_US) for name, writer in self._writers.items()}
        self._left_out = arrival_times(statement.spans) if statement else []
        if statement is not None and statement.part is not None:
            self._left_out += [(0, statement.part.start_us), (statement.part.end_us, 1 << 62)]
        silent = [(span.start_us, span.start_us + span.duration_us) for span in manifest.interruptions]
        self._known = sorted([*self._left_out, *silent])

    def absent(self, writer: str, name: str, *, whole: bool = False) -> None:
        place = self._places.get(writer)
        if place is not None:
            place.name = place.name or name
            place.slack_us = max(place.slack_us, WHOLE_US if whole else EDGES_US)

    def here(self, writer: str, first_us: int, last_us: int) -> str:
        """Answers the name of what is absent before it and cannot be explained."""
        place = self._places.get(writer)
        if place is None:
            return ""
        name, before, slack_us = place.name, place.last_us, place.slack_us
        place.name, place.slack_us, place.last_us = "", 0, max(before, last_us)
        if not name:
            return ""
        fits = touches(self._left_out, before - CHUNK_US, max(before, first_us) + CHUNK_US)
        return "" if fits and self._unexplained(before, first_us) <= slack_us else name

    def finish(self) -> Sequence[str]:
        """What is absent at the end of a writer and cannot be explained."""
        ends = [(name, writer.end_us + CHUNK_US) for name, writer in self._writers.items()]
        return [found for name, end_us in ends if (found := self.here(name, end_us, end_us))]

    def _unexplained(self, start_us: int, end_us: int) -> int:
        total, at = 0, start_us
        for start, end in self._known:
            if start >= end_us:
                break
            total, at = total + max(0, start - at), max(at, end)
        return total + max(0, end_us - at)
