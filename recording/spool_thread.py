"""The one thread of a media worker that writes the segments of all its recordings, off the event loop."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from collections import deque

from .digests import spool_together
from .spool import Batch, SegmentSeries

#: A disk that refused is tried again after this, s.
RETRY_S = 0.5
#: How much longer than asked one call to the disk may take at the end, s.
STOP_GRACE_S = 5.0
#: Added to the niceness of the thread that writes: whoever else shares its core forwards packets in the meantime.
THREAD_NICENESS = 5


class SpoolThread:
    """Writes and fsyncs the batches of all series of a sink, off the event loop.

    All that waits is written before one fsync per file, so that a slow disk makes larger writes, not a longer queue.
    ``backlog_bytes`` (taken but not durable) may be read by the event loop, which drops and counts beyond its bound.
    """

    def __init__(self) -> None:
        self.backlog_bytes = 0
        self._queue: deque[Batch] = deque()
        self._wake = threading.Condition()
        self._stop_at: float | None = None
        self._thread: threading.Thread | None = None
        # The thread's own: what each series still has to append, and bytes of it that are not yet durable.
        self._waiting: dict[SegmentSeries, deque[Batch]] = {}
        self._held: dict[SegmentSeries, int] = {}

    def put(self, batch: Batch) -> None:
        with self._wake:
            self._queue.append(batch)
            self.backlog_bytes += batch.size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
                self._thread.start()
            self._wake.notify()

    def stop(self, deadline_s: float) -> None:
        """Write what waits, for at most so long, and end.  Blocks: call it off the loop.

        A disk that hangs is left to hang: the thread keeps no process alive.
        """
        with self._wake:
            self._stop_at = time.monotonic() + deadline_s
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(deadline_s + STOP_GRACE_S)

    def _run(self) -> None:
        if sys.platform == "linux":  # where threads have priorities of their own
            with contextlib.suppress(OSError):
                own = threading.get_native_id()
                os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + THREAD_NICENESS)
        while True:
            with self._wake:
                if not self._queue and (self._waiting or self._stop_at is None):
                    self._wake.wait(RETRY_S if self._waiting else None)
                batches, self._queue = self._queue, deque()
            for batch in batches:
                self._waiting.setdefault(batch.series, deque()).append(batch)
                self._held[batch.series] = self._held.get(batch.series, 0) + batch.size
            failed = self._serve_together()
            for series in list(self._waiting):
                if series not in failed:  # tried again when others were told, and the disk had time
                    self._serve(series)
            stop_at = self._stop_at
            if stop_at is not None and (time.monotonic() > stop_at or not (self._queue or self._waiting)):
                for series in self._waiting:
                    series.abandon()
                return

    def _serve_together(self) -> set[SegmentSeries]:
        """What can be served in one call, which is nearly all unless the disk is slow.  Answers whose disk refused."""
        failed: set[SegmentSeries] = set()
        alone = [(series, waiting[0]) for series, waiting in self._waiting.items() if len(waiting) == 1]
        taken = [(*one, addition) for one in alone if (addition := one[0].addition(one[1])) is not None]
        if not taken:
            return failed
        spool_together([addition for _, _, addition in taken])
        for series, batch, addition in taken:
            self._waiting[series].popleft()
            try:
                series.added(batch, addition)
            except OSError as error:
                self._failed(series, error)
                failed.add(series)
            else:
                self._done(series)
        return failed

    def _serve(self, series: SegmentSeries) -> None:
        """Append and flush all that waits; on a fault leave it waiting."""
        waiting = self._waiting[series]
        try:
            while waiting:
                if series.complete:
                    series.flush()
                series.append(waiting.popleft())
            series.flush()
        except OSError as error:
            self._failed(series, error)
        else:
            self._done(series)

    def _failed(self, series: SegmentSeries, error: OSError) -> None:
        series.fault = "disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "io-error"
        series.on_flushed(series)

    def _done(self, series: SegmentSeries) -> None:
        series.fault = None
        del self._waiting[series]
        with self._wake:
            self.backlog_bytes -= self._held.pop(series, 0)
        series.on_flushed(series)
