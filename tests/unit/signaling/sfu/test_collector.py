from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from signaling.sfu import collector
from signaling.sfu.collector import FREEZE_EVERY_S, FULL_EVERY_S, MUCH, CollectionPolicy


def test_traffic_is_not_paused_for_a_full_collection() -> None:
    policy = CollectionPolicy(0.0, 1000)
    decisions = [policy.decide(20_000, lambda: 5000, float(second)) for second in range(1, 301)]
    assert "full" not in decisions
    assert decisions.count("freeze") == 300 // FREEZE_EVERY_S


def test_a_quiet_moment_is_used_but_not_again_and_again() -> None:
    policy = CollectionPolicy(0.0, 1000)
    decisions = []
    for second in range(1, 121):
        decision = policy.decide(0, lambda: 2000, float(second))
        decisions.append(decision)
        if decision == "full":
            policy.collected(1000)
    assert decisions.count("full") == 120 // FULL_EVERY_S


def test_much_that_came_together_is_collected_in_any_case() -> None:
    policy = CollectionPolicy(0.0, 1000)
    assert policy.decide(50_000, lambda: 2000 + MUCH + 1, FREEZE_EVERY_S) == "full"


async def test_the_process_is_collected_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "CHECK_S", 0.01)
    monkeypatch.setattr(collector, "FULL_EVERY_S", 0.02)
    monkeypatch.setattr(collector, "FREEZE_EVERY_S", 0.01)
    before = gc.get_threshold()
    done: list[Any] = []
    gc.callbacks.append(lambda phase, info: done.append(info["generation"]) if phase == "stop" else None)
    try:
        task = asyncio.create_task(collector.keep_collected(lambda: 0.0))
        async with asyncio.timeout(10):
            while not (done.count(2) > 1 and gc.get_freeze_count()):
                ring: list[Any] = [[] for _ in range(1000)]
                ring.append(ring)
                del ring
                await asyncio.sleep(0.01)
        assert gc.get_threshold() != before
    finally:
        gc.callbacks.pop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
