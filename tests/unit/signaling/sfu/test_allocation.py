from __future__ import annotations

from signaling.sfu import allocation
from signaling.sfu.allocation import FLOOR_BPS, NOTHING, Choice, Demand, LinkEstimate, Priority, StandingQueue
from signaling.sfu.clock import NS_PER_S

FULL = [150e3, 500e3, 2e6]


def allocate(limit_bps: float | None, demands: list[Demand]) -> list[int]:
    """The spatial layers alone."""
    return [choice.layer for choice in allocation.allocate(limit_bps, demands)]


def test_without_a_limit_all_get_what_they_want() -> None:
    assert allocate(None, [Demand(FULL, 2), Demand(FULL, 0)]) == [2, 0]


def test_the_lowest_for_all_then_steps_in_turn() -> None:
    assert allocate(300e3, [Demand(FULL, 2), Demand(FULL, 2)]) == [0, 0]
    assert allocate(700e3, [Demand(FULL, 2), Demand(FULL, 2)]) == [1, 0]
    assert allocate(1.1e6, [Demand(FULL, 2), Demand(FULL, 2)]) == [1, 1]
    assert allocate(1.1e6, [Demand(FULL, 0), Demand(FULL, 2)]) == [0, 1]
    assert allocate(5e6, [Demand(FULL, 2), Demand([300e3], 0)]) == [2, 0]
    assert allocate(5e6, [Demand([150e3, 500e3, 0], 2)]) == [1]
    assert allocate(10e3, []) == []


def test_the_gallery_yields_before_the_speaker_and_the_speaker_before_evidence() -> None:
    gallery, speaker = Demand(FULL, 2), Demand(FULL, 2, Priority.SPEAKER)
    evidence = Demand([300e3, 1e6], 1, Priority.EVIDENCE)
    everyone = [gallery, speaker, gallery, evidence]
    assert allocate(10e6, everyone) == [2, 2, 2, 1]
    assert allocate(3.8e6, everyone) == [1, 2, 0, 1]
    assert allocate(2e6, everyone) == [0, 1, 0, 1]
    assert allocate(1e6, everyone) == [0, 0, 0, 0]
    assert allocate(600e3, everyone) == [0, 0, NOTHING, 0]
    assert allocate(450e3, everyone) == [NOTHING, 0, NOTHING, 0]
    assert allocate(300e3, everyone) == [NOTHING, NOTHING, NOTHING, 0]
    assert allocate(-250e3, everyone) == [NOTHING, NOTHING, NOTHING, NOTHING]


def test_evidence_of_one_layer_stays_as_long_as_it_nearly_fits() -> None:
    screen = Demand([1.2e6], 0, Priority.EVIDENCE)
    assert allocate(800e3, [Demand(FULL, 2), screen]) == [NOTHING, 0]
    assert allocate(500e3, [Demand(FULL, 2), screen]) == [1, NOTHING]


def test_frames_are_left_out_before_the_picture_gets_smaller() -> None:
    demand = Demand(FULL, 2, temporal_layers=3)
    found = [allocation.allocate(limit, [demand])[0] for limit in (3e6, 1.9e6, 1.1e6, 400e3, 299e3, 100e3, 70e3, 59e3)]
    assert found == [
        Choice(2),
        Choice(2, 1),
        Choice(1),
        Choice(1, 1),
        Choice(0),
        Choice(0, 1),
        Choice(0, 0),
        Choice(NOTHING),
    ]


def test_a_stream_without_temporal_layers_has_no_half_steps() -> None:
    assert allocation.allocate(1.9e6, [Demand(FULL, 2)]) == [Choice(1)]
    assert allocation.allocate(1.9e6, [Demand(FULL, 2, temporal_layers=2)]) == [Choice(2, 0)]


def test_a_half_step_that_saves_nothing_is_none() -> None:
    """Where a layer is hardly larger than the one below, leaving out its frames gives less than that one."""
    demand = Demand([450e3, 500e3], 1, temporal_layers=3)
    assert allocation.allocate(460e3, [demand]) == [Choice(0)]


def test_a_layer_that_is_not_sent_is_stepped_over() -> None:
    assert allocate(5e6, [Demand([150e3, 0, 500e3], 2)]) == [2]


def run(link: LinkEstimate, seconds: range, sent: float, loss: float) -> None:
    for half in range(seconds.start * 2, seconds.stop * 2):
        link.update(sent, loss, half * NS_PER_S // 2)


def test_a_clean_link_is_not_limited_whatever_remb_says_of_little_traffic() -> None:
    link = LinkEstimate()
    link.on_remb(1_000_000)
    run(link, range(1, 30), 950e3, 0.0)
    assert link.limit_bps is None


def test_one_burst_is_not_congestion() -> None:
    link = LinkEstimate()
    link.on_remb(1_000_000)
    run(link, range(1, 10), 900e3, 0.0)
    link.update(1.4e6, 0.0, 10 * NS_PER_S)
    assert link.limit_bps is None


def test_low_remb_limits_and_the_link_is_tried_again_more_and_more_rarely() -> None:
    link = LinkEstimate()
    link.on_remb(500_000)
    run(link, range(1, 10), 2e6, 0.0)
    assert link.limit_bps is not None
    assert link.limit_bps < 500_000
    limited = link.limit_bps
    link.on_remb(700_000)
    run(link, range(10, 30), 450e3, 0.0)
    assert link.limit_bps > limited


def test_loss_limits_and_a_limit_above_everything_is_forgotten() -> None:
    link = LinkEstimate()
    run(link, range(1, 10), 2e6, 0.3)
    assert link.limit_bps is not None
    assert link.limit_bps < 1.8e6
    run(link, range(10, 200), 2e6, 0.0)
    link.relax(2e6)
    assert link.limit_bps is None


def periods(
    link: LinkEstimate, begin_s: float, seconds: float, sent: float, loss: float, rtts_ms: list[float]
) -> float:
    """Feed periods of half a second, with these round trips in turn; returns the time after them."""
    for half in range(int(seconds * 2)):
        link.update(sent, loss, int((begin_s + half / 2) * NS_PER_S), rtts_ms[half % len(rtts_ms)])
    return begin_s + seconds


JITTER_MS = [110.0, 60.0, 170.0, 90.0, 130.0]


def test_a_remb_that_fell_for_jitter_is_not_believed() -> None:
    link = LinkEstimate()
    now = periods(link, 1, 10, 600e3, 0.1, JITTER_MS)
    link.on_remb(80_000)
    periods(link, now, 30, 600e3, 0.1, JITTER_MS)
    assert link.limit_bps is None


def test_a_low_remb_and_a_standing_queue_limit() -> None:
    link = LinkEstimate()
    now = periods(link, 1, 10, 600e3, 0.0, [40.0, 60.0])
    link.on_remb(300_000)
    now = periods(link, now, 8, 600e3, 0.0, [400.0, 420.0])
    assert link.limit_bps is not None
    assert link.limit_bps < 300_000
    link.on_remb(400_000)
    periods(link, now, 10, 280e3, 0.0, [40.0, 60.0])
    assert link.limit_bps > 300_000


def test_after_loss_what_went_well_before_is_tried_first() -> None:
    link = LinkEstimate()
    now = periods(link, 1, 10, 1.2e6, 0.0, JITTER_MS)
    now = periods(link, now, 20, 1.2e6, 0.3, JITTER_MS)
    assert link.limit_bps is not None
    for _ in range(10):
        now = periods(link, now, 1, link.limit_bps, 0.3, JITTER_MS)
    assert link.limit_bps < 300e3
    periods(link, now, 4, link.limit_bps, 0.0, JITTER_MS)
    assert link.limit_bps > 1e6


def test_at_the_floor_nothing_has_to_settle_before_more_is_tried() -> None:
    link = LinkEstimate()
    now = periods(link, 1, 10, 500e3, 0.0, JITTER_MS)
    now = periods(link, now, 30, 80e3, 0.3, JITTER_MS)
    assert link.limit_bps == FLOOR_BPS
    periods(link, now, 1, 80e3, 0.0, JITTER_MS)
    assert link.limit_bps > 150e3


def test_a_standing_queue_needs_news_that_is_fresh() -> None:
    queue = StandingQueue()
    assert queue.update(50.0, 0) is None
    for half in range(1, 8):
        found = queue.update(50.0, half * NS_PER_S // 2)
    assert found is False
    for half in range(8, 20):
        found = queue.update(None, half * NS_PER_S // 2)
    assert found is None


def test_a_path_that_became_longer_is_not_a_queue_for_ever() -> None:
    queue = StandingQueue()
    found = [queue.update(30.0 if second < 10 else 250.0, second * NS_PER_S) for second in range(120)]
    assert found[20] is True
    assert found[-1] is False


def test_there_is_a_floor() -> None:
    link = LinkEstimate()
    periods(link, 1, 60, 50e3, 0.5, [50.0])
    assert link.limit_bps == FLOOR_BPS
