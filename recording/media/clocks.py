"""From RTP timestamps to the record's time.

Three clocks meet: the sender's media clock (RTP), the sender's wall clock (NTP in sender reports), and the writer's
monotonic clock (arrival).  A sender report ties the first two, so that a person's picture and sound are in step.  The
least delay seen between the second and the third, followed slowly, ties them all to the writer's clock, so that
different people are in step, also when their clocks drift.  Without sender reports the least delay of the packets
themselves is followed, which is as good but for the difference in delay of picture and sound.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from .rtp import SenderReport

#: The least delay is sought among the samples of this long, ns.
WINDOW_NS = 60_000_000_000
#: The offset follows it at most this fast: 500 ppm, ten times the drift of a poor crystal.
SLEW_PPM = 500
#: A change beyond this is another clock (a new page, a clock that was set), not drift, ns.
STEP_NS = 1_000_000_000
#: A sender report that puts a packet this far from its arrival is not believed, ns.
DISBELIEF_NS = 2_000_000_000
#: Reports kept per source to look up the one that was valid at a packet's arrival.
REPORTS_KEPT = 512


class SlowMinimum:
    """Follows the least of the recent samples without jumps: an offset between two clocks out of noisy delays, ns."""

    def __init__(self) -> None:
        self.value: int | None = None
        self._at_ns: int | None = None
        self._samples: deque[tuple[int, int]] = deque()

    def prime(self, sample: int) -> None:
        """A sample known in advance: before the first use the least of them is taken at once."""
        if self.value is None or STEP_NS > self.value - sample > 0:
            self.value = sample

    def push(self, sample: int, at_ns: int) -> int:
        """The offset at ``at_ns``; samples come in order of time."""
        if self.value is None or abs(sample - self.value) > STEP_NS:
            self.value, self._at_ns = sample, at_ns
            self._samples.clear()
        # A monotonic queue: the least of the window is at its head.
        while self._samples and self._samples[-1][1] >= sample:
            self._samples.pop()
        self._samples.append((at_ns, sample))
        while self._samples[0][0] < at_ns - WINDOW_NS:
            self._samples.popleft()
        elapsed_ns = at_ns - self._at_ns if self._at_ns is not None else 0
        room = max(0, elapsed_ns) * SLEW_PPM // 1_000_000
        wanted = self._samples[0][1] - self.value
        self.value += max(-room, min(room, wanted))
        self._at_ns = at_ns
        return self.value


class SenderClock:
    """One sender's wall clock against the writer's: shared by all tracks of a peer on one writer."""

    def __init__(self) -> None:
        self.offset = SlowMinimum()


class SourceClock:
    """Maps the RTP timestamps of one SSRC to the writer's monotonic clock, ns.

    Reports are given ahead of the packets as far as they are known, so that the first packets of a track are placed
    by its first report.
    """

    def __init__(self, rate: int, sender: SenderClock) -> None:
        self.rejected = 0
        self._rate = rate
        self._sender = sender
        self._times: list[int] = []
        self._reports: list[tuple[int, int, int]] = []
        self._arrivals = SlowMinimum()
        self._unwrapped: int | None = None
        self._last_timestamp = 0

    @property
    def reported(self) -> bool:
        return bool(self._reports)

    def prime(self, report: SenderReport) -> None:
        """Look at a report before :meth:`report` is called with the first one."""
        self._sender.offset.prime(report.arrival_ns - report.ntp_ns)

    def report(self, report: SenderReport) -> None:
        offset = self._sender.offset.push(report.arrival_ns - report.ntp_ns, report.arrival_ns)
        self._times.append(report.arrival_ns)
        self._reports.append((report.ntp_ns, report.timestamp, offset))
        if len(self._times) > REPORTS_KEPT:
            del self._times[: REPORTS_KEPT // 2], self._reports[: REPORTS_KEPT // 2]

    def prime_arrival(self, timestamp: int, arrival_ns: int) -> None:
        """As :meth:`prime`, for a source without reports."""
        self._arrivals.prime(arrival_ns - self._media_ns(timestamp))

    def map(self, timestamp: int, arrival_ns: int) -> int:
        """When the sender took this sample, on the writer's monotonic clock, late by the least network delay."""
        media_ns = self._media_ns(timestamp)
        by_arrival = media_ns + self._arrivals.push(arrival_ns - media_ns, arrival_ns)
        if not self._reports:
            return by_arrival
        at = max(0, bisect_right(self._times, arrival_ns) - 1)
        ntp_ns, reported_timestamp, offset = self._reports[at]
        ahead = ((timestamp - reported_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        mapped = ntp_ns + ahead * 1_000_000_000 // self._rate + offset
        if abs(mapped - arrival_ns) > DISBELIEF_NS:
            self.rejected += 1
            return by_arrival
        return mapped

    def _media_ns(self, timestamp: int) -> int:
        """The timestamp without its wrap, as ns."""
        if self._unwrapped is None:
            self._unwrapped = timestamp
        else:
            self._unwrapped += ((timestamp - self._last_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        self._last_timestamp = timestamp
        return self._unwrapped * 1_000_000_000 // self._rate
