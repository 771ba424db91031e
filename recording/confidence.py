"""What has been heard of each person, as the archive has it: measured on stored bytes and not on the live line.

A channel that carries nothing but silence, or that stopped reaching the store, is seen while the hearing can still be
mended (capabilities.md C25).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from .media.peaks import PERIOD_MS
from .messages import Channel

#: The level is the loudest of so much stored sound, ms.
WINDOW_MS = 5_000
#: From here on a peak (0..100, full scale) is taken for sound: quiet speech reaches 3 (-30 dBFS), a room's noise does
#: not.
SOUND = 3
NS_PER_MS = 1_000_000


class Sounding(Protocol):
    """A person's playable file as far as it is made."""

    @property
    def start_ns(self) -> int | None: ...
    @property
    def peaks(self) -> list[int]: ...


class Hearer:
    """Keeps, for the files of one record, how far each was looked through already."""

    def __init__(self) -> None:
        self._last_sound: dict[str, tuple[int, int]] = {}

    def channels(self, files: Iterable[tuple[str, Sounding]]) -> list[Channel]:
        """Of each person with stored sound; in the order of their ids."""
        found = [
            self._channel(person_id, file.start_ns, file.peaks)
            for person_id, file in files
            if file.start_ns is not None and file.peaks
        ]
        return sorted(found, key=lambda channel: channel.person_id)

    def _channel(self, person_id: str, start_ns: int, peaks: list[int]) -> Channel:
        looked, last = self._last_sound.get(person_id, (0, -1))
        if looked > len(peaks):  # the file is made anew
            looked, last = 0, -1
        # The newest value may still grow.
        for index in range(max(0, looked - 1), len(peaks)):
            if peaks[index] >= SOUND:
                last = index
        self._last_sound[person_id] = len(peaks), last
        return Channel(
            person_id=person_id,
            stored_wall_ns=_end_of(start_ns, len(peaks) - 1),
            level=max(peaks[-(WINDOW_MS // PERIOD_MS) :]),
            sound_wall_ns=_end_of(start_ns, last) if last >= 0 else 0,
        )


def _end_of(start_ns: int, index: int) -> int:
    return start_ns + (index + 1) * PERIOD_MS * NS_PER_MS
