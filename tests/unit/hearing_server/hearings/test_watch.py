"""Is the record being written?"""

from __future__ import annotations

import pytest

from hearing_server.court import RecordState
from hearing_server.hearings.watch import FAILED_S, LATE_S, STEADY_S, CaptureWatch


def wanted(watch: CaptureWatch, state: RecordState, now: float) -> str | None:
    command = watch.wanted(state, now)
    return None if command is None else f"{command.name} {command.reason}".strip()


def heard(watch: CaptureWatch, wall: int, now: float, fault: str | None = None) -> None:
    watch.heard(tracks=1, durable_wall_ns=wall, fault=fault, mono_s=now)


def test_only_what_becomes_durable_after_arming_counts() -> None:
    watch = CaptureWatch(0.0)
    heard(watch, 5, 0.0)
    watch.arm(1.0)
    assert wanted(watch, RecordState.ARMING, 1.0) is None
    heard(watch, 5, 1.5)
    assert wanted(watch, RecordState.ARMING, 1.5) is None
    heard(watch, 6, 2.0)
    assert wanted(watch, RecordState.ARMING, 2.0) == "first_durable"


def test_a_worker_that_cannot_write_does_not_start_a_record() -> None:
    watch = CaptureWatch(0.0)
    watch.arm(0.0)
    heard(watch, 6, 1.0, "disk-full")
    assert wanted(watch, RecordState.ARMING, 1.0) is None
    watch.lost()
    heard(watch, 7, 2.0)
    assert wanted(watch, RecordState.ARMING, 2.0) is None


def test_late_then_failed_then_well() -> None:
    watch = CaptureWatch(0.0)
    heard(watch, 1, 0.0)
    assert wanted(watch, RecordState.RECORDING, LATE_S) is None
    assert wanted(watch, RecordState.RECORDING, LATE_S + 0.1) == "degrade late"
    heard(watch, 1, LATE_S + 0.2)
    assert wanted(watch, RecordState.DEGRADED, LATE_S + 0.2) is None
    assert wanted(watch, RecordState.DEGRADED, FAILED_S + 0.1) == "fail late"
    assert wanted(watch, RecordState.FAILED, FAILED_S + 0.1) is None
    heard(watch, 2, FAILED_S + 0.2)
    assert wanted(watch, RecordState.DEGRADED, FAILED_S + 0.2) is None
    assert wanted(watch, RecordState.FAILED, FAILED_S + 0.2) == "rearm"
    for second in range(1, 6):
        heard(watch, 2 + second, FAILED_S + 0.2 + second)
    assert wanted(watch, RecordState.DEGRADED, FAILED_S + 0.2 + STEADY_S) == "recover"


def test_an_alarm_does_not_come_and_go() -> None:
    """A disk that fails every third second is one trouble, not twenty."""
    watch = CaptureWatch(0.0)
    for second in range(1, 60):
        heard(watch, second, float(second), "io-error" if second % 3 == 0 else None)
        assert wanted(watch, RecordState.DEGRADED, float(second)) is None
    for second in range(60, 66):
        heard(watch, second, float(second))
    assert wanted(watch, RecordState.DEGRADED, 65.0) == "recover"


def test_a_worker_that_is_replaced_has_to_be_steady() -> None:
    watch = CaptureWatch(0.0)
    heard(watch, 1, 0.0)
    watch.lost()
    watch.placed()
    heard(watch, 2, 8.0)
    assert wanted(watch, RecordState.DEGRADED, 8.0) is None
    for second in range(9, 14):
        heard(watch, second, float(second))
    assert wanted(watch, RecordState.DEGRADED, 13.0) == "recover"


def test_a_fault_and_a_lost_worker_are_said_at_once() -> None:
    watch = CaptureWatch(0.0)
    heard(watch, 1, 0.0)
    heard(watch, 1, 1.0, "io-error")
    assert wanted(watch, RecordState.RECORDING, 1.0) == "degrade io-error"
    heard(watch, 2, 2.0)
    watch.lost()
    assert watch.tracks == 0
    assert wanted(watch, RecordState.RECORDING, 2.0) == "degrade media-lost"
    assert wanted(watch, RecordState.DEGRADED, 70.0) == "fail media-lost"
    watch.placed()
    assert wanted(watch, RecordState.FAILED, 70.0) is None


def test_a_worker_whose_clock_is_behind_still_makes_progress() -> None:
    """The room moved to a node whose clock is an hour behind: what counts is that its time moves."""
    watch = CaptureWatch(0.0)
    heard(watch, 3_600, 0.0)
    for second in range(1, 30):
        heard(watch, second, float(second))
    assert wanted(watch, RecordState.RECORDING, 30.0) is None
    assert watch.durable_wall_ns == 3_600
    for second in range(30, 50):
        heard(watch, 29, float(second))
    assert wanted(watch, RecordState.RECORDING, 50.0) == "degrade late"
    watch.arm(50.0)
    heard(watch, 30, 51.0)
    assert wanted(watch, RecordState.ARMING, 51.0) == "first_durable"


@pytest.mark.parametrize("state", [RecordState.IDLE, RecordState.FINALIZING, RecordState.SEALED])
def test_nothing_is_wanted_of_a_record_that_does_not_run(state: RecordState) -> None:
    watch = CaptureWatch(0.0)
    heard(watch, 1, 0.0, "disk-full")
    assert wanted(watch, state, 100.0) is None
