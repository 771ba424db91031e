"""Is the record being written?  From what the media worker says is on disk to events of the recording machine.

Pure: reports and the monotonic time go in, record commands come out (hearing-model.md §4).  Progress is what counts,
not clocks: the worker's and control's may differ.
"""

from __future__ import annotations

from typing import Any

from ..court import Command, RecordState

#: Storage is late when nothing became durable for this long, s (hearing-model.md §4).
LATE_S = 15.0
#: The record has failed when nothing became durable for this long, s (hearing-model.md §4).
FAILED_S = 60.0
#: A record that was in trouble is well again only after it went on without a break for this long, s: an alarm that
#: comes and goes every second is no alarm.
STEADY_S = 5.0
#: How often the log takes down the root of what is archived, s (record.md, design 2).
ROOT_EVERY_S = 60.0
#: Progress younger than this means that the record is well again, s: the worker reports about once a second.
WELL_S = 4.0


class CaptureWatch:
    """``tracks`` and ``durable_wall_ns`` are the newest that was reported; ``fault`` why nothing advances."""

    def __init__(self, mono_s: float) -> None:
        self.tracks = 0
        self.durable_wall_ns = 0
        self.fault: str | None = None
        self.media_lost = False
        self._progress_s = mono_s
        #: Since when nothing was amiss.
        self._well_since_s = mono_s
        #: What the archive held when it was last heard of, as arguments of ``root``; nothing before.
        self.archived: dict[str, Any] | None = None
        #: The newest word of the worker, which may have another clock than the one before it.
        self._heard_wall_ns = 0
        self._armed_at_wall_ns: int | None = None

    def arm(self, mono_s: float) -> None:
        """The record is to begin: only what becomes durable from now on counts."""
        self._armed_at_wall_ns = self._heard_wall_ns
        self._progress_s = self._well_since_s = mono_s
        self.fault = None

    def go_on(self, mono_s: float) -> None:
        """The record goes on after an interruption: the time before does not count as silence."""
        self._progress_s = mono_s

    def heard(self, *, tracks: int, durable_wall_ns: int, fault: str | None, mono_s: float) -> None:
        self.tracks = tracks
        self.fault = fault
        if fault is not None or mono_s - self._progress_s >= WELL_S:
            self._well_since_s = mono_s
        if durable_wall_ns != self._heard_wall_ns and fault is None:
            self._progress_s = mono_s
        self._heard_wall_ns = durable_wall_ns
        self.durable_wall_ns = max(self.durable_wall_ns, durable_wall_ns)

    def lost(self) -> None:
        """The media worker is gone; its spool keeps what it had made durable."""
        self.media_lost = True
        self._well_since_s = float("inf")
        self.tracks = 0

    def placed(self) -> None:
        """A media worker has the room."""
        if self.media_lost:
            self._well_since_s = self._progress_s
        self.media_lost = False

    def stored(self, root: str, tracks: int, segments: dict[str, int]) -> None:
        """The archive holds so many segments of each writer; ``root`` is over the heads of their chains."""
        self.archived = {"media": root, "tracks": tracks, "segments": segments} if segments else None

    def wanted_root(self, taken: str, taken_s: float | None, utc_s: float) -> Command | None:
        """``taken``: the media of the last root in the log, ``taken_s`` when that was."""
        if self.archived is None or self.archived["media"] == taken:
            return None
        if taken_s is not None and utc_s - taken_s < ROOT_EVERY_S:
            return None
        return Command(name="root", detail=dict(self.archived))

    def wanted(self, record: RecordState, mono_s: float) -> Command | None:
        """What the record's machine has to do now."""
        silent_s = mono_s - self._progress_s
        well = not self.media_lost and self.fault is None and silent_s < WELL_S
        if record is RecordState.ARMING and well and self._heard_wall_ns != self._armed_at_wall_ns:
            return Command(name="first_durable")
        if record is RecordState.RECORDING:
            if self.media_lost:
                return Command(name="degrade", reason="media-lost")
            if self.fault is not None:
                return Command(name="degrade", reason=self.fault)
            if silent_s > LATE_S:
                return Command(name="degrade", reason="late")
        if record is RecordState.DEGRADED and well and mono_s - self._well_since_s >= STEADY_S:
            return Command(name="recover")
        if record in (RecordState.RECORDING, RecordState.DEGRADED) and silent_s > FAILED_S:
            return Command(name="fail", reason=self.fault or ("media-lost" if self.media_lost else "late"))
        if record is RecordState.FAILED and well:
            return Command(name="rearm")
        return None
