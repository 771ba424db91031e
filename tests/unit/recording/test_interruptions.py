"""What the court declared explains the silent spans, and nothing else does."""

from __future__ import annotations

from recording.interruptions import declared_spans, explained, interruptions
from recording.manifest import GapEntry
from recording.messages import Interruption

S = 1_000_000


def gap(start_s: float, end_s: float, cause: str = "mute", person: str | None = "p1") -> GapEntry:
    source = "microphone" if person else None
    return GapEntry(
        person_id=person,
        source=source,
        start_us=int(start_s * S),
        duration_us=int((end_s - start_s) * S),
        cause=cause,
    )


def declared(*spans: tuple[float, float, str]) -> list[GapEntry]:
    return declared_spans(
        [
            Interruption(start_wall_ns=int(start * S) * 1000, end_wall_ns=int(end * S) * 1000, ground=ground)
            for start, end, ground in spans
        ]
    )


def spans(found: list[GapEntry]) -> list[tuple[float, float, str]]:
    return [(one.start_us / S, (one.start_us + one.duration_us) / S, one.cause) for one in found]


def test_a_recess_is_listed_once_with_its_ground() -> None:
    recess = declared((100, 160, "recess"))
    silent = [gap(99.6, 160.8, "node-change", None)]
    assert spans(interruptions(silent, recess)) == [(100, 160, "recess")]


def test_an_interruption_in_session_is_listed_though_the_writer_went_on() -> None:
    assert spans(interruptions([], declared((50, 55, "private_evidence")))) == [(50, 55, "private_evidence")]


def test_what_no_declaration_explains_stays() -> None:
    recess = declared((100, 160, "recess"))
    silent = [gap(80, 130, "node-change", None), gap(155, 170, "node-change", None), gap(200, 203, "unknown", None)]
    assert spans(interruptions(silent, recess)) == [
        (80, 100, "node-change"),
        (100, 160, "recess"),
        (160, 170, "node-change"),
        (200, 203, "unknown"),
    ]


def test_the_gaps_that_a_recess_made_say_so() -> None:
    recess = declared((100, 160, "recess"))
    found = explained([gap(99.9, 171), gap(120, 130, "loss"), gap(40, 90), gap(60, 120, "disconnect")], recess)
    assert [one.cause for one in found] == ["recess", "loss", "mute", "disconnect"]
