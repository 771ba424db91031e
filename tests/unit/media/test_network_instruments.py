"""The instruments of tests/e2e/networks judge what they should."""

from __future__ import annotations

import pytest

from tests.e2e.networks.quality import SAMPLES_PER_S, Row, judge
from tests.e2e.networks.timeline import Timeline

LOOK_S = 0.1


def rows(concealed_s: list[float], frames: list[int], *, runs: bool = False) -> list[Row]:
    """One row per look; ``concealed_s``: sound made up since the look before, all in one run if ``runs``."""
    found: list[Row] = []
    concealed = events = total = 0.0
    for number, (made_up, new) in enumerate(zip(concealed_s, frames, strict=True)):
        concealed += made_up * SAMPLES_PER_S
        events += made_up > 0 and not (runs and events)
        total += new
        found.append(
            {
                "at": number * LOOK_S,
                "concealed": concealed,
                "events": events,
                "samples": number * LOOK_S * SAMPLES_PER_S,
                "frames": total,
                "width": 640,
            }
        )
    return found


def test_perfect_reception() -> None:
    found = judge(rows([0.0] * 100, [2] * 100))
    assert (found.audio_gaps, found.video_freezes, found.concealed, found.width_px) == (0, 0, 0.0, 640)
    assert found.frames_per_s == pytest.approx(20, abs=0.1)


def test_many_short_holes_are_no_gap_but_one_long_one_is() -> None:
    short = judge(rows([0.02] * 100, [2] * 100))
    assert short.audio_gaps == 0
    assert short.concealed == pytest.approx(0.2)
    assert judge(rows([0.0] * 10 + [0.06] * 3 + [0.0] * 10, [2] * 23, runs=True)).audio_gaps == 1


def test_a_picture_that_stands_is_frozen_at_the_end_too() -> None:
    assert judge(rows([0.0] * 40, [2] * 10 + [0] * 12 + [2] * 18)).video_freezes == 1
    assert judge(rows([0.0] * 40, [2] * 10 + [0] * 8 + [2] * 22)).video_freezes == 0
    assert judge(rows([0.0] * 40, [2] * 20 + [0] * 20)).video_freezes == 1


def test_when_something_flowed_again() -> None:
    timeline = Timeline()
    for look in range(100):
        for way, stops in (("audio", range(30, 52)), ("video", range(0))):
            timeline.note(way, 0 if look == 0 else sum(1 for past in range(look) if past not in stops), look * LOOK_S)
    assert timeline.back_after(3.0) == {"audio": pytest.approx(2.3, abs=0.11), "video": 0}
    assert timeline.silent_since(9.9) == set()
    assert timeline.silent_since(11.0) == {"audio", "video"}
