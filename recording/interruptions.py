"""Spans in which the court did not record, as it declared them, beside what the media says (record.md E1). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .manifest import GapEntry, Manifest
from .messages import Interruption

#: Grounds on which a trial's recording may be interrupted (RRC art. 3); ``fault`` is none.
LAWFUL: Final = frozenset({"recess", "private_evidence", "mediation"})
#: What is left of a silent span beside a declared one, or before it, and still belongs to it, us: the record ends a
#: moment before the declaration is written, and begins a moment after.
TOLERANCE_US: Final = 1_500_000
#: Causes of gaps that are faults of the court's own machinery, whatever a person's line did.
OWN_FAULTS: Final = frozenset({"torn", "node-change", "fault"})
#: A loss so long, or longer, makes the record partial, us (record.md E1).
FAULT_US: Final = 1_000_000


def faulty(manifest: Manifest) -> bool:
    """Something is missing that the court's own machinery should have kept: such a record is sealed as partial, and the
    presiding judge states why (RRC art. 4, 5)."""
    if manifest.missing_writers or manifest.problems:
        return True
    spans = [*manifest.interruptions, *(gap for gap in manifest.gaps if gap.cause in OWN_FAULTS)]
    return any(span.cause not in LAWFUL and span.duration_us >= FAULT_US for span in spans)


def declared_spans(declared: Sequence[Interruption]) -> list[GapEntry]:
    """As the manifest lists them, in order of time."""
    spans = [
        GapEntry(
            person_id=None,
            source=None,
            start_us=one.start_wall_ns // 1000,
            duration_us=max(0, one.end_wall_ns - one.start_wall_ns) // 1000,
            cause=one.ground,
        )
        for one in declared
    ]
    return sorted(spans, key=lambda span: span.start_us)


def interruptions(silent: Sequence[GapEntry], declared: Sequence[GapEntry]) -> list[GapEntry]:
    """The declared spans, and what no declaration explains of those in which no writer recorded."""
    rest: list[GapEntry] = []
    for span in silent:
        at, end = span.start_us, span.start_us + span.duration_us
        for known in declared:
            known_end = known.start_us + known.duration_us
            if known_end < at or known.start_us > end:
                continue
            if known.start_us - at > TOLERANCE_US:
                rest.append(_part(span, at, known.start_us))
            at = max(at, known_end)
        if end - at > (TOLERANCE_US if at > span.start_us else 0):
            rest.append(_part(span, at, end))
    return sorted([*declared, *rest], key=lambda span: span.start_us)


def explained(gaps: Sequence[GapEntry], declared: Sequence[GapEntry]) -> list[GapEntry]:
    """The gaps of people, with the ground as cause where an interruption made them."""
    return [_explained(gap, declared) for gap in gaps]


def _explained(gap: GapEntry, declared: Sequence[GapEntry]) -> GapEntry:
    for known in declared:
        if known.start_us - TOLERANCE_US <= gap.start_us < known.start_us + known.duration_us:
            reaches = gap.start_us + gap.duration_us > known.start_us
            if reaches and gap.cause != "loss":
                return _with(gap, cause=known.cause)
    return gap


def _part(span: GapEntry, start_us: int, end_us: int) -> GapEntry:
    return _with(span, start_us=start_us, duration_us=end_us - start_us)


def _with(span: GapEntry, **changes: int | str) -> GapEntry:
    fields = {name: getattr(span, name) for name in span.__struct_fields__}
    return GapEntry(**{**fields, **changes})
