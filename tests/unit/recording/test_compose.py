"""The parts in which a composite is drawn, and how much of each camera is decoded for it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from recording import compose
from recording.compose import PIECE_MOST_MS, Composition
from recording.manifest import Manifest
from recording.playback import MediaEntry, Playback
from tests.recorded import media_entry

MINUTE_MS = 60_000


def composition(work: Path, length_ms: int, media: list[MediaEntry]) -> Composition:
    manifest = Manifest(
        version=1, sitting_id="s", court="C", court_zh="", room="", case_number="1", case_name="A v B", case_name_zh="",
        hearing_id="h", opened_us=0, closed_us=0, sealed_us=0, participants=[], events=[], writers=[],
        missing_writers=[], tracks=[], objects=[], gaps=[], interruptions=[], problems=[], software="", key_id="",
    )  # fmt: skip
    playback = Playback(1, True, "s", "", 0, length_ms * 1000, media, [], "")
    return Composition(manifest, playback, work, "en", "UTC")


@pytest.mark.parametrize("minutes", [0, 0.2, 1, 10, 61.5, 240])
def test_a_film_is_drawn_in_parts_of_bounded_length(tmp_path: Path, minutes: float) -> None:
    pieces = composition(tmp_path, round(minutes * MINUTE_MS), []).pieces()
    assert pieces[0][0] == 0
    assert pieces[-1][1] == max(1000, round(minutes * MINUTE_MS))
    for before, after in pairwise(pieces):
        assert before[1] == after[0]
        assert before[1] % 1000 == 0
    assert max(end - start for start, end in pieces) <= PIECE_MOST_MS
    if minutes >= 1:
        assert len(pieces) >= compose.DRAWING_LIMIT


def camera(person: str, width: int, *spoken_s: int) -> MediaEntry:
    peaks = [50 if at // 2 in spoken_s else 0 for at in range(360)]
    spans = [[0, 3 * MINUTE_MS]]
    return media_entry(
        person_id=person, peaks=peaks, width=width, height=width * 9 // 16, video_spans=spans, duration_ms=3 * MINUTE_MS
    )


def test_only_who_is_on_the_stage_is_decoded_in_full(tmp_path: Path) -> None:
    first_minute, second_minute = range(60), range(60, 120)
    media = [camera("a", 1280, *first_minute), camera("b", 1280, *second_minute), camera("c", 320)]
    film = composition(tmp_path, 3 * MINUTE_MS, media)
    files = [Path(f"/{entry.person_id}") for entry in media]

    def decoded(start_ms: int) -> dict[str, list[str]]:
        """Options of each input, by its file."""
        arguments = film.film(files, start_ms, start_ms + 30_000, "x.mp4")
        found, options = {}, []
        for argument in arguments[1 : arguments.index("-filter_complex")]:
            if options and options[-1] == "-i":
                found[argument] = options[:-1]
                options = []
            else:
                options.append(argument)
        return found

    for start_ms, shown, small in ((0, "/a", "/b"), (80_000, "/b", "/a")):
        found = decoded(start_ms)
        assert "-skip_loop_filter" not in found[shown]
        assert "-skip_loop_filter" in found[small]
        # What is small as it came has little to spare.
        assert "-skip_loop_filter" not in found["/c"]
        assert ("-ss" in found[shown]) == (start_ms > 0)
