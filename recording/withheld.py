"""What a copy of a record leaves out, and the court's signed word on it (record.md E10, C18, C28).

The manifest has the hash of every stored segment and the root over its chunks, so that a segment, or chunks of it, may
be absent and all others still be checked.  This is no fault only where a *statement* beside it, signed by the same key,
says what is left out, and why: it is of time that is withheld under an order, or lies outside the part that was asked
for.  Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from .manifest import GapEntry, Manifest, ObjectEntry, Struct, encode
from .messages import Part, Withheld
from .roots import ROOT_EVENT

STATEMENT_VERSION: Final = 2
#: Those that this program knows; the first had no ``redacted``.
STATEMENT_VERSIONS: Final = (1, 2)
STATEMENT_NAME: Final = "statement.json"
STATEMENT_SIGNATURE_NAME: Final = "statement.sig"
#: The proof that the court's transparency log has the statement.
STATEMENT_INCLUSION_NAME: Final = "statement.inclusion.json"
#: What arrived this much before and after a withheld span is withheld too, us: words travel, and clocks differ by less.
AROUND_US: Final = 1_000_000
#: What was said in a withheld span may arrive so much later, us: a connection that stood still gives all of it at once.
LATE_US: Final = 10_000_000
#: The name of a log entry of which a public copy has no more than number, time and hashes.
WITHHELD_EVENT: Final = "withheld"
#: What stays of such an entry.
_KEPT_FIELDS: Final = ("seq", "utc", "prev_hash", "hash")


class Absent(Struct):
    """A segment that is not in this copy; its first and last record arrived then, us."""

    name: str
    start_us: int
    end_us: int


class Redacted(Absent):
    """A segment of which chunks are left out; ``absent``: ``[number of the first in the segment, from 1, count]``."""

    absent: list[tuple[int, int]]


class Statement(Struct):
    """``manifest_sha256``: of the record's manifest; ``enclosed_sha256``: of the one in this copy, which differs where
    entries of the log are withheld too.  ``withheld`` and ``outside`` are the segments that are not here, each for its
    own reason, ``redacted`` those that are here without some of their chunks; ``part``: what was asked for, if not the
    whole; ``added``: files of recordings that the court added after the close, which are not here either: nobody knows
    what they hold of that time."""

    version: int
    sitting_id: str
    manifest_sha256: str
    enclosed_sha256: str
    spans: list[Withheld]
    part: Part | None
    withheld: list[Absent]
    outside: list[Absent]
    made_us: int
    software: str
    key_id: str
    algorithm: str = "Ed25519"
    added: list[str] = msgspec.field(default_factory=list)
    redacted: list[Redacted] = msgspec.field(default_factory=list)


decoder: msgspec.json.Decoder[Statement] = msgspec.json.Decoder(Statement)


def rendition_id(spans: Sequence[Withheld], part: Part | None = None) -> str:
    """The name of the playable copy that leaves out just these, and is of this part: another decision makes another
    copy."""
    ordered = sorted(spans, key=encode)
    return hashlib.sha256(encode(ordered if part is None else [ordered, part])).hexdigest()[:16]


def withheld_times(spans: Iterable[Withheld]) -> list[tuple[int, int]]:
    """What must not be given out: the spans with what is around them, joined where they touch, in order; us."""
    return _joined(spans, AROUND_US)


def arrival_times(spans: Iterable[Withheld]) -> list[tuple[int, int]]:
    """When packets of that time may have arrived, in order; us.  Of this time no copy for others has chunks."""
    return _joined(spans, LATE_US)


def _joined(spans: Iterable[Withheld], after_us: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted((span.start_us - AROUND_US, span.end_us + after_us) for span in spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def touches(times: Iterable[tuple[int, int]], start_us: int, end_us: int) -> bool:
    return any(start_us <= end and start <= end_us for start, end in times)


def public_events(events: Sequence[dict[str, Any]], spans: Sequence[Withheld]) -> list[dict[str, Any]]:
    """The log; of entries of the withheld time only what their chain needs.  Roots tell nothing, and stay."""
    times = withheld_times(spans)

    def cut(event: dict[str, Any]) -> dict[str, Any]:
        at_us = event.get("utc", 0) // 1000
        if event.get("name") == ROOT_EVENT or not touches(times, at_us, at_us):
            return event
        return {"name": WITHHELD_EVENT, **{name: event[name] for name in _KEPT_FIELDS if name in event}}

    return [cut(event) for event in events]


def events_within(events: Sequence[dict[str, Any]], part: Part) -> list[dict[str, Any]]:
    """The entries of the log of this part only."""
    return [event for event in events if part.start_us <= event.get("utc", 0) // 1000 <= part.end_us]


def public_gaps(gaps: Sequence[GapEntry], times: Sequence[tuple[int, int]]) -> list[GapEntry]:
    """The gaps, less these times (us): who was muted or away when tells of what is withheld."""
    found: list[GapEntry] = []
    for gap in gaps:
        begin, end = gap.start_us, gap.start_us + gap.duration_us
        if not touches(times, begin, end):
            found.append(gap)
            continue
        for start, over in [*sorted(times), (end, end)]:
            until = min(start, end)
            if begin < until:
                found.append(msgspec.structs.replace(gap, start_us=begin, duration_us=until - begin))
            begin = max(begin, over)
    return found


def wrong_in(statement: Statement, manifest: Manifest, enclosed_sha256: str, present: Iterable[str]) -> list[str]:
    """What does not hold of a statement whose signature does: it must be of this record, and leave out no more than its
    spans and its part explain.  Answers a word and a place for each."""
    wrong: list[str] = []
    if statement.version not in STATEMENT_VERSIONS:
        return [f"of an unknown version, {statement.version}"]
    if statement.sitting_id != manifest.sitting_id or statement.enclosed_sha256 != enclosed_sha256:
        return ["of another record"]
    known, here = {entry.name: entry for entry in manifest.objects}, set(present)
    times = arrival_times(statement.spans)
    for entry in [*statement.withheld, *statement.outside, *statement.redacted]:
        if entry.name not in known:
            wrong.append(f"no such segment, {entry.name}")
        elif entry.name in here:
            wrong.append(f"said to be absent, {entry.name}")
    wrong += [
        f"of no withheld span, {entry.name}"
        for entry in [*statement.withheld, *statement.redacted]
        if not touches(times, entry.start_us, entry.end_us)
    ]
    whole = {entry.name for entry in [*statement.withheld, *statement.outside]}
    for redacted in statement.redacted:
        if redacted.name in whole:
            wrong.append(f"absent and redacted, {redacted.name}")
        elif redacted.name in known and not _possible(redacted.absent, known[redacted.name]):
            wrong.append(f"no such chunks, {redacted.name}")
        whole.add(redacted.name)
    if statement.added and not statement.spans and statement.part is None:
        wrong.append("of no withheld span, what was added")
    wrong += [
        f"inside the part, {entry.name}"
        for entry in statement.outside
        if statement.part is None
        or touches([(statement.part.start_us, statement.part.end_us)], entry.start_us, entry.end_us)
    ]
    return wrong


def _possible(runs: Sequence[tuple[int, int]], entry: ObjectEntry) -> bool:
    """Whether such chunks of a segment can be told to be absent: some, in order, and not all."""
    total, at = sum(count for _, _, count in entry.chunks), 0
    for first, count in runs:
        if first <= at or count < 1:
            return False
        at = first + count
    return entry.tree_sha256 is not msgspec.UNSET and 0 < at <= total + 1 and sum(n for _, n in runs) < total
