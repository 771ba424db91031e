"""What arrived of many RTP streams, and what is missing, counted in batches by numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
#: Gaps longer than this are counted, but not kept to be recognised when they are filled.
MAX_KEPT_GAP = 2000
_CYCLE = 0x10000


class SequenceBook:
    """One entry per (transport, SSRC), in the order given.

    ``received`` counts packets, ``gaps`` those that had not come when a later one did, ``recovered`` those of them that
    came after all under their own number, ``highest`` is the newest extended number or -1.
    """

    def __init__(self, streams: Sequence[tuple[int, int]]) -> None:
        packed = np.array([transport << 32 | ssrc for transport, ssrc in streams], np.uint64)
        self._order = np.argsort(packed)
        self._packed = packed[self._order]
        count = len(packed)
        self.highest: Ints = np.full(count, -1, np.int64)
        self.first: Ints = np.full(count, -1, np.int64)
        self.received: Ints = np.zeros(count, np.int64)
        self.gaps: Ints = np.zeros(count, np.int64)
        self.recovered: Ints = np.zeros(count, np.int64)
        self.unknown = 0
        self._missing: dict[int, set[int]] = {}

    def add(
        self, transports: NDArray[np.uint64], ssrcs: NDArray[np.uint64], sequences: Ints
    ) -> list[tuple[int, list[int]]]:
        """Note packets in order of arrival.  Answers the new gaps: (stream, 16-bit numbers in order)."""
        keys = transports << np.uint64(32) | ssrcs
        found = np.minimum(np.searchsorted(self._packed, keys), len(self._packed) - 1)
        known = self._packed[found] == keys
        if not known.all():
            self.unknown += int(len(known) - known.sum())
            found, sequences = found[known], sequences[known]
        if not len(found):
            return []
        streams = self._order[found]
        order = np.argsort(streams, kind="stable")
        streams, sequences = streams[order], sequences[order]
        first = np.empty(len(streams), np.bool_)
        first[0] = True
        np.not_equal(streams[1:], streams[:-1], out=first[1:])
        starts = np.flatnonzero(first)
        seen = streams[starts]
        self._begin(seen, sequences[starts])
        previous = np.empty_like(sequences)
        previous[1:] = sequences[:-1]
        previous[starts] = self.highest[seen]
        odd = (sequences - previous - 1) & 0xFFFF != 0
        counts = np.diff(starts, append=len(streams))
        if not odd.any():
            self.received[seen] += counts
            self.highest[seen] += counts
            return []
        irregular = np.logical_or.reduceat(odd, starts)
        regular = ~irregular
        self.received[seen[regular]] += counts[regular]
        self.highest[seen[regular]] += counts[regular]
        gaps: list[tuple[int, list[int]]] = []
        for i in np.flatnonzero(irregular):
            stream, start = int(seen[i]), int(starts[i])
            missing = self._add_slowly(stream, sequences[start : start + int(counts[i])].tolist())
            if missing:
                gaps.append((stream, missing))
        return gaps

    def extended_highest(self, stream: int) -> int:
        """For a receiver report: cycles and number (RFC 3550 §6.4.1)."""
        return max(int(self.highest[stream]) - _CYCLE, 0)

    def expected(self, stream: int) -> int:
        """From the first packet to the newest."""
        return int(self.highest[stream] - self.first[stream]) + 1 if self.first[stream] >= 0 else 0

    def _begin(self, streams: NDArray[np.int64], sequences: Ints) -> None:
        new = self.highest[streams] < 0
        if new.any():
            # One cycle is added so that a number before the first one does not become negative.
            self.highest[streams[new]] = sequences[new] + _CYCLE - 1
            self.first[streams[new]] = sequences[new] + _CYCLE

    def _add_slowly(self, stream: int, sequences: list[int]) -> list[int]:
        highest = int(self.highest[stream])
        missing = self._missing.setdefault(stream, set())
        news: list[int] = []
        for sequence in sequences:
            step = (sequence - highest + 0x8000 & 0xFFFF) - 0x8000
            if step > 0:
                self.received[stream] += 1
                if step > 1:
                    self.gaps[stream] += step - 1
                    lost = range(highest + 1, highest + min(step, MAX_KEPT_GAP + 1))
                    missing.update(lost)
                    news += [number & 0xFFFF for number in lost]
                highest += step
            elif highest + step in missing:
                missing.remove(highest + step)
                self.received[stream] += 1
                self.recovered[stream] += 1
        self.highest[stream] = highest
        return news


def delays_ms(delays_ns: Sequence[int]) -> dict[str, float]:
    """Percentiles of the added delay, ms; empty if nothing was measured."""
    if not len(delays_ns):
        return {}
    p50, p90, p99, most = np.percentile(np.asarray(delays_ns, np.int64), [50, 90, 99, 100]) / 1e6
    return {
        "p50": round(float(p50), 3),
        "p90": round(float(p90), 3),
        "p99": round(float(p99), 3),
        "max": round(float(most), 3),
    }
