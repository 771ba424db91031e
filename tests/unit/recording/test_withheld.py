"""What copies leave out, and which exports still have what was withheld later."""

from __future__ import annotations

import pytest

from recording.manifest import GapEntry
from recording.messages import Part, Withheld
from recording.playback import ExportEntry
from recording.serve import leaves_out
from recording.withheld import AROUND_US, public_gaps

S = 1_000_000


def span(start_s: int, end_s: int) -> Withheld:
    return Withheld(
        start_us=start_s * S, end_us=end_s * S, level="sealed", order="O-1", by="Chen", by_zh="陈", decided_us=1
    )


def export(part: Part | None, *spans: Withheld) -> ExportEntry:
    return ExportEntry(
        job_id="j",
        name="derived/exports/j.zip",
        media_type="application/zip",
        size=1,
        sha256="",
        duration_ms=1,
        locale="",
        timezone="UTC",
        manifest_sha256="",
        derived_from=[],
        created_us=1,
        withheld=list(spans),
        part=part,
    )


def test_an_export_is_given_out_if_it_leaves_out_all_that_is_withheld_now() -> None:
    made = export(None, span(10, 20), span(19, 30))
    assert leaves_out(made, [])
    assert leaves_out(made, [span(12, 28)])
    assert not leaves_out(made, [span(12, 31)])
    assert not leaves_out(export(None), [span(12, 13)])


def test_a_part_tells_of_the_whole_sitting_by_its_log() -> None:
    """However far from the part the span is: the manifest of the part has the log and the gaps of that time."""
    part = Part(start_us=0, end_us=60 * S)
    assert not leaves_out(export(part), [span(7_000, 7_100)])
    assert leaves_out(export(part, span(7_000, 7_100)), [span(7_000, 7_100)])


@pytest.mark.parametrize(
    ("times", "left"),
    [
        ([], [(100, 200)]),
        ([(0, 90)], [(100, 200)]),
        ([(0, 1000)], []),
        ([(150, 160)], [(100, 150), (160, 200)]),
        ([(90, 120), (180, 250)], [(120, 180)]),
        ([(0, 100), (200, 300)], [(100, 200)]),
        # Of a part: what is before it, a span beyond it, and what is after it.
        ([(0, 120), (170, 175), (150, 1000)], [(120, 150)]),
    ],
)
def test_of_gaps_only_what_lies_outside_the_withheld_time_is_told(
    times: list[tuple[int, int]], left: list[tuple[int, int]]
) -> None:
    gap = GapEntry(person_id="p1", source="camera", start_us=100, duration_us=100, cause="mute")
    assert [(each.start_us, each.start_us + each.duration_us) for each in public_gaps([gap], times)] == left


def test_what_is_around_a_span_is_withheld_with_it() -> None:
    assert not leaves_out(export(None, span(10, 20)), [span(10, 21)])
    assert AROUND_US == S
