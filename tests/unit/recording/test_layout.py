"""Who is shown where and when in a composite, and its chapters."""

from __future__ import annotations

from itertools import pairwise

import pytest

from recording import layout
from recording.layout import Chapter, Scene, chapters, chapters_file, joined, places, scenes, seats, spans_expression
from tests.recorded import media_entry


@pytest.mark.parametrize("people", range(41))
def test_the_places_are_inside_and_apart(people: int) -> None:
    found = places(people)
    tiles = [found.stage, *found.strip]
    assert len(found.strip) == (people if people > 1 else 0)
    for number, tile in enumerate(tiles):
        assert min(tile.picture) > 0
        assert 0 <= tile.left <= tile.left + tile.width <= layout.WIDTH
        assert layout.BAR <= tile.top <= tile.top + tile.height <= layout.HEIGHT
        for other in tiles[:number]:
            apart_x = tile.left >= other.left + other.width or other.left >= tile.left + tile.width
            assert apart_x or tile.top >= other.top + other.height
    # The picture's own size tells the stage from the strip.
    for tile in found.strip:
        assert found.stage.picture[0] > tile.picture[0]
        assert found.stage.picture[1] > tile.picture[1]


def speaking(*spans: tuple[int, int], length_s: int = 60, peak: int = 50) -> list[int]:
    """Peaks per half second."""
    return [peak if any(a <= at / 2 < b for a, b in spans) else 0 for at in range(2 * length_s)]


def test_the_stage_follows_who_speaks_and_a_cough_moves_nothing() -> None:
    people = seats(
        [
            media_entry(person_id="a", role="claimant", peaks=speaking((0, 20))),
            media_entry(person_id="b", role="judge", peaks=speaking((20, 60))),
            media_entry(person_id="c", role="witness", peaks=speaking((9, 10), (40, 41), peak=60)),
        ]
    )
    found = scenes(people, 60_000)
    # The judge has the first place; each word is heard before the picture comes, not after.
    assert [seat.entries[0].person_id for seat in people] == ["b", "a", "c"]
    assert [scene.shown for scene in found] == [1, 0]
    assert found[0].start_ms == 0
    assert found[1].start_ms == pytest.approx(19_000, abs=1_500)
    assert found[1].end_ms == 60_000


def test_a_shared_screen_takes_the_stage_and_the_speaker_is_still_known() -> None:
    people = seats(
        [
            media_entry(person_id="a", peaks=speaking((0, 30))),
            media_entry(person_id="b", role="witness", peaks=speaking((30, 60))),
            media_entry(
                person_id="b",
                role="witness",
                source="screen",
                offset_ms=10_000,
                video_spans=[[0, 10_000], [30_000, 35_000]],
            ),
        ]
    )
    found = scenes(people, 60_000)
    assert [(scene.shown, scene.speaker) for scene in found] == [(0, 0), (2, 0), (0, 0), (1, 1), (2, 1), (1, 1)]
    assert [scene.start_ms for scene in found[:3]] == [0, 10_000, 20_500]
    for before, after in pairwise(found):
        assert before.end_ms == after.start_ms


def test_silence_and_nobody() -> None:
    assert scenes([], 1_000) == []
    assert scenes(seats([media_entry(), media_entry(person_id="q")]), 5_000) == [Scene(0, 5_000, 0, 0)]
    screen_only = seats([media_entry(source="screen", has_audio=False)])
    assert scenes(screen_only, 2_000) == [Scene(0, 2_000, 0, 0)]


def test_the_stage_follows_a_quarrel_of_hours_to_its_end() -> None:
    hours = 4
    turns = [(at, at + 5) for at in range(0, hours * 3600, 10)]
    others = [(at + 5, at + 10) for at in range(0, hours * 3600, 10)]
    people = seats(
        [
            media_entry(person_id="a", peaks=speaking(*turns, length_s=20) * (hours * 180)),
            media_entry(person_id="b", peaks=speaking(*others, length_s=20) * (hours * 180)),
        ]
    )
    found = scenes(people, hours * 3_600_000)
    assert min(scene.end_ms - scene.start_ms for scene in found) >= layout.HOLD_MS
    assert len(found) == pytest.approx(hours * 3600 / 5, rel=0.3)
    assert found[-1].end_ms == hours * 3_600_000


def test_spans_are_an_expression_of_bounded_length() -> None:
    assert spans_expression([]) == layout.NEVER
    assert spans_expression([(0, 1000), (5000, 6000)]) == "between(t,0.000,1.000)+between(t,5.000,6.000)"
    many = [(at * 1000, at * 1000 + 500) for at in range(1000)]
    assert len(joined(many, 100)) == 100
    assert joined([(0, 5), (8, 9), (20, 30)], 2) == [(0, 9), (20, 30)]


def entry(at_us: int, **fields: object) -> dict[str, object]:
    return {"utc": at_us * 1000, "machine": "order", "from": "", "to": "", "name": "", "detail": {}} | fields


def test_chapters_are_what_the_log_says_of_the_course() -> None:
    events = [
        entry(900_000, machine="sitting", name="open", **{"from": "not_started", "to": "countdown"}),
        entry(1_000_000, machine="sitting", name="elapsed", **{"from": "countdown", "to": "in_session"}),
        entry(1_400_000, name="set_stage", detail={"stage": "opening"}),
        entry(9_000_000, name="set_stage", detail={"stage": "viewing"}),
        entry(12_000_000, name="show_exhibit", detail={"document": "d1"}),
        entry(13_000_000, machine="presence", name="enter", **{"from": "waiting", "to": "in_hearing"}),
        entry(20_000_000, machine="sitting", name="recess", **{"from": "in_session", "to": "recess"}),
        entry(60_000_000, machine="sitting", name="close", **{"from": "in_session", "to": "closed"}),
        {"name": "set_stage"},
    ]
    english = chapters(events, 1_000_000, 59_000, chinese=False)
    assert english == [
        Chapter(0, "In session · Opening"),
        Chapter(8_000, "viewing"),
        Chapter(11_000, "Exhibit shown"),
        Chapter(19_000, "Recess"),
    ]
    chinese = chapters(events, 1_000_000, 59_000, chinese=True)
    assert [chapter.title for chapter in chinese] == ["开庭 · 宣布开庭", "viewing", "出示证据", "休庭"]


def test_no_title_breaks_out_of_the_file_of_chapters() -> None:
    text = chapters_file([Chapter(0, "a=b;#\\\n[CHAPTER]"), Chapter(500, "c")], 900)
    assert text.splitlines()[:5] == [";FFMETADATA1", "[CHAPTER]", "TIMEBASE=1/1000", "START=0", "END=500"]
    assert "title=a\\=b\\;\\#\\\\\\\n[CHAPTER]" in text
    assert chapters_file([], 900) == ";FFMETADATA1\n"
