"""The search for the largest load, against servers whose limit is known."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.forwarding.steps import FULL, QUICK, TRIES, TRIES_DISTURBED, Effort, Side, search, verdict


def row(**changed: Any) -> dict[str, Any]:
    generator = {"dropped": 0, "skipped": 0, "cpu_percent": 50.0} | changed.pop("generator", {})
    return {
        "gaps": 0,
        "expected": 100_000,
        "received": 100_000,
        "delay_ms": {"p50": 0.3, "p99": 2.0},
        "others_on_core_percent": 0.0,
        "generator": generator,
    } | changed


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "held"),
        ({"received": 99_990}, "held"),  # under way at the window's edge
        ({"received": 99_000}, "loss"),
        ({"gaps": 1}, "loss"),
        ({"delay_ms": {"p50": 1.0, "p99": 20.0}}, "delay"),
        ({"delay_ms": {}}, "delay"),
        ({"gaps": 5, "generator": {"dropped": 5}}, "disturbed"),
        ({"generator": {"skipped": 1}}, "disturbed"),
        ({"gaps": 5, "others_on_core_percent": 30.0}, "disturbed"),
        ({"others_on_core_percent": 30.0}, "held"),
        ({"generator": {"cpu_percent": 99.0}}, "generator"),
    ],
)
def test_what_counts_as_held(changed: dict[str, Any], expected: str) -> None:
    assert verdict(row(**changed)) == expected


@pytest.mark.parametrize("effort", [FULL, QUICK], ids=["full", "quick"])
async def test_the_limits_of_both_sides_are_found_and_the_sides_take_turns(effort: Effort) -> None:
    limits = {"ours": 19, "janus": 11}
    asked: list[tuple[str, int]] = []

    async def measure(name: str, load: int) -> dict[str, Any]:
        asked.append((name, load))
        return row(gaps=0 if load <= limits[name] else 7)

    sides = await search(("ours", "janus"), measure, effort)
    for name, limit in limits.items():
        assert 0 <= limit - sides[name].largest < effort.precision
        assert sides[name].smallest is not None
        assert sides[name].smallest > limit
    names = [name for name, _ in asked]
    both = names[: 2 * names.count("janus")]
    assert both == ["ours", "janus"] * names.count("janus")


async def test_a_load_is_given_up_only_after_it_failed_twice() -> None:
    tries: dict[int, int] = {}

    async def measure(name: str, load: int) -> dict[str, Any]:
        tries[load] = tries.get(load, 0) + 1
        hiccup = load == 4 and tries[load] == 1
        return row(gaps=1 if hiccup or load > 6 else 0)

    side = (await search(("ours",), measure, FULL))["ours"]
    assert side.largest == 6
    assert tries[4] == TRIES
    assert [r["verdict"] for r in side.rows if r["hearings"] == 4] == ["loss", "held"]


async def test_a_server_that_holds_nothing_ends_the_search() -> None:
    async def measure(name: str, load: int) -> dict[str, Any]:
        return row(delay_ms={"p50": 30.0, "p99": 90.0})

    side = (await search(("ours",), measure, FULL))["ours"]
    assert side.largest == 0


async def test_a_limit_of_the_generator_is_told_apart() -> None:
    async def measure(name: str, load: int) -> dict[str, Any]:
        return row(generator={"cpu_percent": 99.0 if load > 8 else 60.0})

    side = (await search(("ours",), measure, FULL))["ours"]
    assert side.largest == 8
    assert side.by_generator
    assert not Side().by_generator


async def test_a_disturbed_trial_is_repeated_but_not_for_ever() -> None:
    tries: dict[int, int] = {}

    async def measure(name: str, load: int) -> dict[str, Any]:
        tries[load] = tries.get(load, 0) + 1
        busy = (load == 4 and tries[load] < TRIES_DISTURBED) or load > 4
        return row(gaps=int(busy), others_on_core_percent=60.0)

    side = (await search(("ours",), measure, FULL))["ours"]
    assert side.largest == 4
    assert tries[4] == tries[8] == TRIES_DISTURBED
