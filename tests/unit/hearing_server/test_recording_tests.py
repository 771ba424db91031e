"""The course of a test recording, the hour of the daily one, and the tone."""

from __future__ import annotations

import array
import math
import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from hearing_server.recording_tests.course import LIMITS_S, NEVER, STEPS, Course, next_due
from hearing_server.recording_tests.tone import AMPLITUDE, HEARD_RATE_HZ, RATE_HZ, TONE_HZ, has_tone, samples
from hearing_server.recording_tests.trial import is_full
from recording.manifest import is_test, prefix
from recording.messages import Discard, encode, request_decoder
from signaling.worker_api import Heartbeat

LONDON, SHANGHAI = ZoneInfo("Europe/London"), ZoneInfo("Asia/Shanghai")


def test_each_step_is_passed_in_its_order_and_the_last_one_ends_it() -> None:
    course = Course(worker_id="host.a:20000", began_utc=7_000_000)
    taken = []
    for number in range(len(STEPS)):
        assert course.outcome == "running"
        assert course.limit_s == LIMITS_S[course.step]
        taken.append(course.step)
        course.passed(7_000_001 + number)
    assert tuple(taken) == STEPS
    assert (course.outcome, course.ended_utc) == ("passed", 7_000_005)
    course.failed("late", 9)
    assert (course.outcome, course.problem) == ("passed", "")


def test_nothing_comes_after_a_fault_and_a_full_worker_is_skipped() -> None:
    course = Course(worker_id="w", began_utc=1)
    course.passed(2)
    course.failed("capture-fault", 3)
    course.passed(4)
    course.skipped(5)
    assert (course.outcome, course.step, course.problem, course.ended_utc) == ("failed", "capture", "capture-fault", 3)
    skipped = Course(worker_id="w", began_utc=1)
    skipped.skipped(2)
    skipped.failed("late", 3)
    assert (skipped.outcome, skipped.ended_utc) == ("skipped", 2)


def test_its_name_is_part_of_keys_and_apart_from_hearings() -> None:
    course = Course(worker_id="host.example:20000/é", began_utc=1_795_350_452_676_000_000)
    assert course.id == "test-recording~1795350452676~host-example-20000-"
    assert prefix(course.id) == f"tests/{course.id}/"
    assert prefix("sitting") == "hearings/sitting/"
    assert not is_test("sitting")
    assert request_decoder.decode(encode(Discard(sitting_id=course.id))) == Discard(sitting_id=course.id)


@pytest.mark.parametrize(
    ("now", "zones", "due"),
    [
        ("2026-11-22T05:59:00", [LONDON], "2026-11-22T06:00:00"),
        ("2026-11-22T06:00:00", [LONDON], "2026-11-23T06:00:00"),
        # The first of the courts whose clock shows it.
        ("2026-11-22T12:00:00", [LONDON, SHANGHAI], "2026-11-22T22:00:00"),
        # Summer time begins on the 29th, and ends on the 25th.
        ("2026-03-28T07:00:00", [LONDON], "2026-03-29T05:00:00"),
        ("2026-10-24T07:00:00", [LONDON], "2026-10-25T06:00:00"),
    ],
)
def test_the_daily_one_is_due_at_the_hour_of_the_courts_clocks(now: str, zones: list[ZoneInfo], due: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert next_due(6, zones, moment) == datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert next_due(NEVER, zones, moment) is None
    assert next_due(6, [], moment) is None


def test_the_tone_is_known_from_noise_speech_and_silence() -> None:
    def heard(hertz: float, amplitude: float = AMPLITUDE, noise: float = 0.0) -> bool:
        dice = random.Random(1)
        turn = 2 * math.pi * hertz / HEARD_RATE_HZ
        return has_tone([round(amplitude * math.sin(turn * n) + dice.gauss(0, noise)) for n in range(800)])

    assert heard(TONE_HZ)
    assert heard(TONE_HZ, noise=AMPLITUDE / 10)
    assert not heard(TONE_HZ, amplitude=50)
    assert not heard(TONE_HZ, amplitude=0, noise=AMPLITUDE)
    assert not heard(2 * TONE_HZ)
    assert not heard(TONE_HZ + 30)
    assert not has_tone([])
    made = array.array("h", samples(0, 4800))
    assert has_tone(made, RATE_HZ)
    # Frames follow each other without a step.
    assert samples(960, 10) == samples(0, 970)[-20:]


def test_a_worker_without_room_for_a_hearing_is_full_and_an_idle_one_never() -> None:
    def beat(load: float, limit: float, *rooms: str) -> Heartbeat:
        return Heartbeat(worker_id="w", epoch="e", rooms=list(rooms), packets_out_s=load, packets_out_limit_s=limit)

    assert not is_full(beat(0, 1))
    assert not is_full(beat(100, 50_000, "a"))
    assert is_full(beat(49_000, 50_000, "a"))
    assert is_full(beat(0, 5_000, "a"))
