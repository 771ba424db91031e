"""Which workers live and which is chosen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signaling.placement import (
    BEAT_COUNTS_AT_MOST_S,
    BEAT_S,
    ROOM_PACKETS_S,
    Home,
    Placement,
    WorkerLost,
    WorkerUp,
)
from signaling.worker_api import WORKER_DEAD_AFTER_S, Heartbeat


def beat(worker_id: str, epoch: str = "e", rooms: int = 0, load: float = 0.0, limit: float = 50_000.0) -> Heartbeat:
    return Heartbeat(
        worker_id=worker_id,
        epoch=epoch,
        rooms=[f"{worker_id}-{number}" for number in range(rooms)],
        packets_out_s=load,
        packets_out_limit_s=limit,
    )


class Time:
    def __init__(self, placement: Placement) -> None:
        self.now = 0.0
        self.placement = placement
        placement.beat(0.0)

    def passes(self, seconds: float) -> list[object]:
        changes: list[object] = []
        for _ in range(round(seconds / BEAT_S)):
            self.now += BEAT_S
            changes += self.placement.beat(self.now)
        return changes


def test_life_and_death() -> None:
    placement = Placement()
    time = Time(placement)
    assert placement.heartbeat(beat("a")) == [WorkerUp(Home("a", "e"))]
    assert placement.alive(Home("a", "e"))
    assert time.passes(1.0) == []
    assert placement.suspects() == []
    assert time.passes(1.0) == []
    assert placement.suspects() == [Home("a", "e")]
    assert placement.suspect(Home("a", "e"))
    assert placement.heartbeat(beat("a")) == []
    assert placement.suspects() == []
    assert time.passes(WORKER_DEAD_AFTER_S + BEAT_S) == [WorkerLost(Home("a", "e"))]
    assert not placement.alive(Home("a", "e"))
    assert placement.suspect(Home("a", "e"))
    assert placement.heartbeat(beat("a")) == [WorkerUp(Home("a", "e"))]


def test_a_restart_between_two_heartbeats() -> None:
    placement = Placement()
    placement.heartbeat(beat("a", "1"))
    assert placement.heartbeat(beat("a", "2")) == [WorkerLost(Home("a", "1")), WorkerUp(Home("a", "2"))]
    assert not placement.alive(Home("a", "1"))
    assert placement.lost(Home("a", "1")) == []
    assert placement.lost(Home("a", "2")) == [WorkerLost(Home("a", "2"))]
    assert placement.lost(Home("a", "2")) == []


def test_time_without_the_bus_does_not_count() -> None:
    placement = Placement()
    Time(placement)
    placement.heartbeat(beat("a"))
    for minutes in (10, 20, 30):
        assert placement.beat(minutes * 60.0) == []
    assert placement.alive(Home("a", "e"))
    assert BEAT_COUNTS_AT_MOST_S * 3 < WORKER_DEAD_AFTER_S


def test_the_least_loaded_is_chosen() -> None:
    placement = Placement()
    assert placement.choose("r", frozenset()) is None
    placement.heartbeat(beat("a", rooms=1, load=9000))
    placement.heartbeat(beat("b", rooms=1, load=5000))
    placement.heartbeat(beat("c", rooms=1, load=6000, limit=100_000))
    assert placement.choose("r") == Home("c", "e")
    assert placement.choose("r", frozenset({Home("c", "e")})) == Home("b", "e")


def test_the_budget_is_kept_but_an_idle_worker_takes_one_room() -> None:
    placement = Placement()
    placement.heartbeat(beat("full", rooms=1, load=50_000 - ROOM_PACKETS_S + 1))
    assert placement.choose("r") is None
    placement.heartbeat(beat("small", limit=10))
    assert placement.choose("r") == Home("small", "e")
    assert placement.choose("s") is None


def test_rooms_given_and_not_yet_reported_count() -> None:
    placement = Placement()
    for worker_id in "ab":
        placement.heartbeat(beat(worker_id))
    chosen = [placement.choose(f"room-{number}") for number in range(6)]
    assert [home.worker_id for home in chosen if home] == ["a", "b", "a", "b", "a", "b"]
    # The worker never took them: they stop counting.
    time = Time(placement)
    for _ in range(5):
        time.passes(1.0)
        for worker_id in "ab":
            placement.heartbeat(beat(worker_id))
    assert placement.choose("again") == Home("a", "e")


def test_a_suspect_is_not_chosen() -> None:
    placement = Placement()
    time = Time(placement)
    placement.heartbeat(beat("a"))
    time.passes(2.0)
    assert placement.choose("r") is None


def test_full_is_something_else_than_nobody_there() -> None:
    placement = Placement()
    assert not placement.full()
    placement.heartbeat(beat("a", rooms=1, load=50_000 - ROOM_PACKETS_S + 1))
    assert placement.full()
    placement.heartbeat(beat("b"))
    assert not placement.full()
    placement.heartbeat(beat("b", rooms=1, load=60_000))
    assert placement.full()
    Time(placement).passes(10.0)
    assert not placement.full()


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("beat"), st.floats(0, 10)),
            st.tuples(st.just("heard"), st.tuples(st.sampled_from("abc"), st.sampled_from("12"))),
            st.tuples(st.just("lost"), st.tuples(st.sampled_from("abc"), st.sampled_from("12"))),
            st.tuples(st.just("choose"), st.integers(0, 9)),
        ),
        max_size=60,
    )
)
def test_ups_and_losses_alternate(steps: list[tuple[str, object]]) -> None:
    """Each process goes up and is lost in turn; only living ones are chosen."""
    placement = Placement()
    now = 0.0
    alive: set[Home] = set()
    for name, value in steps:
        changes = []
        match name, value:
            case "beat", float(seconds):
                now += seconds
                changes = placement.beat(now)
            case "heard", (str(worker_id), str(epoch)):
                changes = placement.heartbeat(beat(worker_id, epoch))
            case "lost", (str(worker_id), str(epoch)):
                changes = placement.lost(Home(worker_id, epoch))
            case "choose", int(number):
                chosen = placement.choose(f"room-{number}")
                assert chosen is None or chosen in alive
        for change in changes:
            if isinstance(change, WorkerUp):
                assert change.home not in alive
                alive.add(change.home)
            else:
                alive.remove(change.home)
        assert set(placement.homes()) == alive
        assert len({home.worker_id for home in alive}) == len(alive)
