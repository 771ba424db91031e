"""The root of a record as it stands: one hash over the heads of all its chains (docs/record-format.md §4).

Two halves: the sitting's log, which is its newest event's hash, and the media, a Merkle tree (RFC 6962 §2.1) over the
heads of all tracks of all writers.  The segments that the heads stand for are named with it, so that anybody who has
the segments can make the root again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .chain import WriterChain
from .merkle import leaf_hash, node_hash, root
from .sentences import utc_of

#: The name of the log's entries that hold a root.
ROOT_EVENT = "root"
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class MediaRoot:
    """``segments``: how many of each writer it covers; ``tracks``: how many chains."""

    root: bytes
    tracks: int
    segments: dict[str, int]


def track_leaves(chain: WriterChain) -> list[bytes]:
    """The leaf hashes of one writer's tracks as they stand, the recording itself first."""
    return [
        leaf_hash(_canonical({"chunks": s.chunks, "headSha256": s.head.hex(), "track": n, "writer": chain.writer}))
        for n, s in sorted(chain.tracks.items())
    ]


def media_root(chains: Iterable[WriterChain]) -> MediaRoot:
    """The root over all chains of these writers that have begun."""
    begun = sorted((chain for chain in chains if chain.next_segment), key=lambda chain: chain.writer)
    leaves = [leaf for chain in begun for leaf in track_leaves(chain)]
    return MediaRoot(root(leaves), len(leaves), {chain.writer: chain.next_segment for chain in begun})


def record_root(log_head: bytes, media: bytes) -> bytes:
    """The root of log and media together."""
    return node_hash(leaf_hash(log_head), media)


@dataclass(slots=True)
class RootCheck:
    """Makes the roots that a log names again while the segments are read.  Feed :meth:`seen` after every segment."""

    events: Sequence[Mapping[str, Any]]
    _roots: list[tuple[Mapping[str, Any], dict[str, int], bytes, bytes]] = field(default_factory=list)
    #: Of each writer, the numbers of segments after which its heads are asked for, and these heads.
    _asked: dict[str, set[int]] = field(default_factory=dict)
    _leaves: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)
    _unreadable: int = 0
    #: Points at which some head is not known, since its chunk was left out of this copy.
    _unknown: set[tuple[str, int]] = field(default_factory=set)
    #: After :meth:`outcome`: roots that could not be made again for that.
    unchecked: int = 0

    def __post_init__(self) -> None:
        for event in self.events:
            if event.get("name") != ROOT_EVENT:
                continue
            try:
                detail = event["detail"]
                segments = {str(writer): _whole(count) for writer, count in detail.get("segments", {}).items()}
                media, head = _hash(detail["media"]), _hash(event["prev_hash"])
                _whole(event["utc"])
            except (KeyError, TypeError, ValueError, AttributeError):
                self._unreadable += 1
                continue
            self._roots.append((event, segments, media, head))
            for writer, count in segments.items():
                self._asked.setdefault(writer, set()).add(count)

    def seen(self, chain: WriterChain) -> None:
        """One more segment of this writer was fed to its chain."""
        if chain.next_segment in self._asked.get(chain.writer, ()):
            if all(state.head for state in chain.tracks.values()):
                self._leaves[chain.writer, chain.next_segment] = track_leaves(chain)
            else:
                self._unknown.add((chain.writer, chain.next_segment))

    def outcome(self) -> tuple[int, list[datetime], str]:
        """How many roots fit, when those were written that do not, and the last one that fits, hex."""
        fit, wrong, last = 0, [datetime.fromtimestamp(0, tz=UTC)] * self._unreadable, ""
        for event, segments, media, head in self._roots:
            if self._unknown and not self._unknown.isdisjoint(segments.items()):
                self.unchecked += 1
                continue
            parts = [self._leaves.get(part) for part in sorted(segments.items())]
            leaves = [leaf for part in parts for leaf in part or ()]
            if None not in parts and root(leaves) == media:
                fit, last = fit + 1, record_root(head, media).hex()
            else:
                wrong.append(utc_of(int(event["utc"]) // 1000))
        return fit, wrong, last


def _whole(value: Any) -> int:
    """Raises :class:`ValueError` for anything but a whole number."""
    if type(value) is not int:
        raise ValueError("not a whole number")
    return value


def _hash(value: Any) -> bytes:
    """Raises :class:`ValueError` for anything but a hash as the court writes it."""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ValueError("not a hash")
    return bytes.fromhex(value)


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
