"""Placing packets on one time line by sender reports, by arrival, and under drift."""

from __future__ import annotations

import random

from recording.media.clocks import DISBELIEF_NS, SenderClock, SlowMinimum, SourceClock
from recording.media.rtp import SenderReport

SECOND, MS = 1_000_000_000, 1_000_000
NTP = 3_900_000_000 * SECOND


def stream(
    seconds: int,
    *,
    rate: int = 48_000,
    drift_ppm: float = 0,
    report_every: int = 1,
    first_report: int = 0,
    encode_delay: int = 0,
    seed: int = 1,
    start_timestamp: int = 4_294_960_000,
) -> list[tuple[int, int, int, SenderReport | None]]:
    """(true time, arrival, timestamp, report) each 20 ms; the network delays by 20 ms and up to 15 ms more."""
    jitter = random.Random(seed)
    out = []
    for index in range(seconds * 50):
        true = index * 20 * MS
        own = int(true * (1 + drift_ppm / 1e6))  # the sender's clocks run fast together
        timestamp = (start_timestamp + own * rate // SECOND) & 0xFFFFFFFF
        arrival = true + 20 * MS + encode_delay + int(jitter.expovariate(1 / (3 * MS)) % (15 * MS))
        report = None
        if first_report is not None and index >= first_report * 50 and index % (50 * report_every) == 7:
            delay = 20 * MS + int(jitter.expovariate(1 / (3 * MS)) % (15 * MS))
            report = SenderReport(1, NTP + own, timestamp, true + delay)
        out.append((true, arrival, timestamp, report))
    return out


def placed(clock: SourceClock, packets: list[tuple[int, int, int, SenderReport | None]], ahead: int = 500) -> list[int]:
    """Errors against the truth, ns; reports are known ``ahead`` packets before they are needed, as by segments."""
    errors = []
    for at in range(0, len(packets), ahead):
        part = packets[at : at + ahead]
        for *_, report in part:
            if report is not None:
                clock.prime(report)
        for *_, report in part:
            if report is not None:
                clock.report(report)
        for _, arrival, timestamp, _ in part:
            clock.prime_arrival(timestamp, arrival)
        errors += [clock.map(timestamp, arrival) - true - 20 * MS for true, arrival, timestamp, _ in part]
    return errors


def test_reports_place_every_packet_where_it_was_taken_despite_jitter() -> None:
    errors = placed(SourceClock(48_000, SenderClock()), stream(60))
    assert max(map(abs, errors)) < 3 * MS


def test_a_senders_clock_that_is_an_hour_wrong_changes_nothing() -> None:
    packets = stream(20)
    for hours in (-1, 1):
        wrong = [
            (true, arrival, timestamp, report and report._replace(ntp_ns=report.ntp_ns + hours * 3600 * SECOND))
            for true, arrival, timestamp, report in packets
        ]
        assert placed(SourceClock(48_000, SenderClock()), wrong) == placed(SourceClock(48_000, SenderClock()), packets)


def test_drift_of_50_ppm_for_an_hour_stays_below_40_ms() -> None:
    errors = placed(SourceClock(48_000, SenderClock()), stream(3600, drift_ppm=50))
    assert max(map(abs, errors)) < 40 * MS


def test_the_same_without_reports_by_arrival() -> None:
    packets = [(*packet[:3], None) for packet in stream(1800, drift_ppm=-50)]
    clock = SourceClock(48_000, SenderClock())
    errors = placed(clock, packets)
    assert not clock.reported
    assert max(map(abs, errors)) < 40 * MS


def test_picture_and_sound_of_one_sender_are_in_step_although_the_encoder_is_slow() -> None:
    sender = SenderClock()
    sound = placed(SourceClock(48_000, sender), stream(60, seed=2))
    picture = placed(SourceClock(90_000, sender), stream(60, rate=90_000, encode_delay=120 * MS, seed=3))
    assert max(abs(a - b) for a, b in zip(sound, picture, strict=True)) < 10 * MS


def test_a_late_first_report_changes_the_place_by_less_than_a_frame() -> None:
    errors = placed(SourceClock(48_000, SenderClock()), stream(60, first_report=25))
    assert max(map(abs, errors)) < 20 * MS


def test_a_report_that_makes_no_sense_is_not_believed() -> None:
    clock = SourceClock(48_000, SenderClock())
    packets = stream(10)
    wild = SenderReport(1, NTP, packets[0][2] + 48_000 * 3600, 0)
    clock.report(wild)
    errors = [clock.map(timestamp, arrival) - arrival for _, arrival, timestamp, _ in packets]
    assert clock.rejected == len(packets)
    assert max(map(abs, errors)) < DISBELIEF_NS


def test_a_clock_that_was_set_is_followed_at_once() -> None:
    clock = SourceClock(48_000, SenderClock())
    clock.report(SenderReport(1, NTP, 0, 0))
    clock.report(SenderReport(1, NTP + 3605 * SECOND, 48_000 * 5, 5 * SECOND))
    assert abs(clock.map(48_000 * 6, 6 * SECOND) - 6 * SECOND) < MS


def test_the_least_delay_is_followed_slowly_upwards_and_forgotten_after_a_while() -> None:
    least = SlowMinimum()
    assert least.push(100 * MS, 0) == 100 * MS
    assert least.push(50 * MS, SECOND) == 100 * MS - 500_000
    for second in range(2, 400):
        value = least.push(80 * MS, second * SECOND)
    assert value == 80 * MS


def test_many_reports_are_bounded() -> None:
    clock = SourceClock(48_000, SenderClock())
    for number in range(5000):
        clock.report(SenderReport(1, NTP + number * SECOND, number * 48_000 & 0xFFFFFFFF, number * SECOND))
    assert abs(clock.map(4990 * 48_000 & 0xFFFFFFFF, 4990 * SECOND) - 4990 * SECOND) < MS
    assert len(clock._times) <= 512
