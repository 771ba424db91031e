"""A short round of each fault; ``make chaos`` plays two hundred long ones."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from .plan import COURT_FAULTS, FAULTS, Outcome, Plan
from .rounds import Machine, Round

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(300)]

#: Rounds mostly wait: so many are played side by side.
SIDE_BY_SIDE = 4
SEED = 20


@pytest.fixture(scope="module")
def machine(server_folder: Path) -> Iterator[Machine]:
    folder = server_folder / "chaos"
    folder.mkdir(mode=0o755)
    made = Machine(folder)
    made.bucket()
    made.postgres()
    yield made
    made.close()


def test_no_fault_costs_more_than_the_last_second(machine: Machine) -> None:
    plans = [Plan.of(SEED + number, fault, short=True) for number, fault in enumerate(FAULTS)]
    # What courts add and share is tried on this computer's disk by many other tests.
    plans = [replace(plan, store="s3") if plan.fault in COURT_FAULTS else plan for plan in plans]
    # Its server is everybody's.
    apart = [plan for plan in plans if plan.fault == "store"]

    def play(plan: Plan) -> tuple[Plan, Outcome]:
        return plan, Round(machine, plan, machine.folder / plan.fault).play()

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        played = [*pool.map(play, [plan for plan in plans if plan not in apart]), *map(play, apart)]
    for plan, outcome in played:
        print(plan, outcome)
        assert outcome.packets > 100


def test_the_same_seed_makes_the_same_round() -> None:
    assert Plan.of(7) == Plan.of(7) != Plan.of(19)
    assert [Plan.of(seed).fault for seed in range(14)] == list(FAULTS[:14])
    late = [Plan.of(seed).fault for seed in (12, 13, 26, 27, 40, 41)]
    assert late == ["export", "custody", "share", "added", "export", "custody"]
