"""What is absent of a writer beside a withheld time: explained by what is here around it, or named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from recording.absences import Absences

S = 1_000_000
#: From 100 to 110 s; packets may arrive some seconds later.
SPAN = SimpleNamespace(start_us=100 * S, end_us=110 * S)


def absences(*writers: tuple[str, int, int]) -> Absences:
    facts = [SimpleNamespace(writer=name, start_us=start * S, end_us=end * S) for name, start, end in writers]
    manifest: Any = SimpleNamespace(writers=facts, interruptions=[])
    statement: Any = SimpleNamespace(spans=[SPAN], part=None)
    return Absences(manifest, statement)


def present(found: Absences, writer: str, start_s: int, end_s: int) -> None:
    for second in range(start_s, end_s):
        found.here(writer, second * S, second * S + S)


@pytest.mark.parametrize(("until_s", "named"), [(120, []), (200, ["x"])])
def test_a_chunk_beside_the_span_and_no_minute(until_s: int, named: list[str]) -> None:
    found = absences(("w.1", 50, 300))
    present(found, "w.1", 50, 99)
    found.absent("w.1", "x")
    present(found, "w.1", until_s, 300)
    assert found.finish() == named


@pytest.mark.parametrize(("elsewhere_s", "named"), [((108, 200), []), ((108, 150), ["x"]), ((150, 200), ["x"])])
def test_a_room_that_was_moved_and_came_back_was_elsewhere(elsewhere_s: tuple[int, int], named: list[str]) -> None:
    """As far as the other worker's own record shows; whichever of them is read first."""
    for first in ("w.1", "w.2"):
        found = absences(("w.1", 50, 300), ("w.2", *elsewhere_s))
        if first == "w.2":
            present(found, "w.2", *elsewhere_s)
        present(found, "w.1", 50, 99)
        found.absent("w.1", "x")
        present(found, "w.1", 200, 300)
        if first == "w.1":
            present(found, "w.2", *elsewhere_s)
        assert found.finish() == named


@pytest.mark.parametrize(("lost_s", "named"), [((106, 200), []), ((106, 150), ["x"]), ((200, 106), ["x"])])
def test_a_disk_that_took_nothing_is_believed_for_that_time(lost_s: tuple[int, int], named: list[str]) -> None:
    found = absences(("w.1", 50, 300))
    present(found, "w.1", 50, 99)
    found.absent("w.1", "x")
    assert found.here("w.1", 200 * S, 200 * S), "a header's time comes before the chunk that tells of it"
    assert found.here("w.1", 200 * S, 201 * S)
    found.lost("w.1", lost_s[0] * S, lost_s[1] * S)
    assert not found.here("w.1", 210 * S, 211 * S)
    assert found.finish() == named


def test_what_is_absent_of_a_writer_that_nobody_names_is_of_no_known_time() -> None:
    found = absences(("w.1", 50, 300))
    found.absent("w.2", "x", whole=True)
    found.absent("w.2", "y", whole=True)
    assert found.finish() == ["x", "y"]
