"""Whatever happens in whatever order, the room gets to where it should be, and never obeys an older plan."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signaling.ortc import RtpCapabilities
from signaling.placement import Home
from signaling.room_core import Apply, EndPeer, Open, Over, Rest, RoomCore, Seek, Shut
from signaling.worker_api import Plan

A, B = Home("a", "1"), Home("b", "1")
CAPABILITIES = RtpCapabilities()


def ready_core() -> RoomCore:
    core = RoomCore(Plan(version=1), 10)
    core.placed(A)
    core.opened(A, core.plan, CAPABILITIES)
    return core


def test_a_life() -> None:
    core = RoomCore(Plan(version=1), 10)
    assert core.next() == Seek()
    assert core.obeys
    core.placed(A)
    assert core.next() == Open(A, Plan(version=1))
    assert core.opened(A, Plan(version=1), CAPABILITIES)
    assert core.ready
    assert core.generation == 10
    assert core.next() == Rest()
    core.want_plan(Plan(version=2))
    assert not core.obeys
    assert core.next() == Apply(A, Plan(version=2))
    core.applied(A, Plan(version=2))
    assert core.obeys
    core.want_peer_gone("p")
    assert core.ending("p")
    assert core.next() == EndPeer(A, "p")
    core.peer_ended(A, "p")
    core.want_closed()
    assert core.next() == Shut(A)
    core.shut(A)
    assert core.next() == Over()


def test_a_plan_that_changes_while_it_is_sent_is_sent_again() -> None:
    core = ready_core()
    core.want_plan(Plan(version=2))
    core.want_plan(Plan(version=3))
    core.applied(A, Plan(version=2))
    assert core.next() == Apply(A, Plan(version=3))


def test_rights_go_before_anything_else() -> None:
    core = ready_core()
    core.want_peer_gone("p")
    core.want_plan(Plan(version=2))
    assert core.next() == Apply(A, Plan(version=2))


def test_news_of_an_earlier_worker_is_no_news() -> None:
    core = ready_core()
    assert core.lost(A)
    core.placed(B)
    assert not core.opened(A, core.plan, CAPABILITIES)
    assert not core.lost(A)
    assert not core.silent(A)
    assert not core.listed(A, present=False)
    core.applied(A, core.plan)
    core.shut(A)
    assert core.next() == Open(B, core.plan)


def test_doubt_is_settled_by_an_answer() -> None:
    core = ready_core()
    core.want_proof()
    assert core.next() == Apply(A, core.plan)
    core.applied(A, core.plan)
    assert core.next() == Rest()


def test_a_worker_that_is_silent_twice_is_lost() -> None:
    core = ready_core()
    assert not core.silent(A)
    core.applied(A, core.plan)
    assert not core.silent(A)
    assert core.silent(A)
    assert core.next() == Seek()


def test_a_worker_that_does_not_name_the_room_is_lost() -> None:
    core = ready_core()
    assert not core.listed(A, present=False)
    assert not core.listed(A, present=False)
    assert not core.listed(A, present=True)
    assert not core.listed(A, present=False)
    assert not core.listed(A, present=False)
    assert core.listed(A, present=False)


def test_closing_without_a_worker() -> None:
    core = RoomCore(Plan(version=1), 10)
    core.want_closed()
    assert core.next() == Over()


class World:
    """Workers that hold rooms, and a driver that does what the core says."""

    def __init__(self) -> None:
        self.core = RoomCore(Plan(version=1), 1)
        self.rooms: dict[Home, Plan] = {}
        self.epoch = 0
        self.generations: list[int] = []
        self.newest = 1

    def step(self, *, answered: bool) -> bool:
        """Do the next step; an unanswered one may have been done all the same.  False: nothing to do."""
        match self.core.next():
            case Rest() | Over():
                return False
            case Seek():
                self.epoch += 1
                self.core.placed(Home("w", str(self.epoch)))
            case Open(home, plan):
                self.rooms[home] = plan
                if answered and self.core.opened(home, plan, CAPABILITIES):
                    self.generations.append(self.core.generation)
            case Apply(home, plan):
                assert plan.version >= self.rooms[home].version
                self.rooms[home] = plan
                if answered:
                    self.core.applied(home, plan)
            case EndPeer(home, peer_id):
                if answered:
                    self.core.peer_ended(home, peer_id)
            case Shut(home):
                self.rooms.pop(home, None)
                if answered:
                    self.core.shut(home)
        return True


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("step"), st.booleans()),
            st.tuples(st.just("plan"), st.integers(1, 30)),
            st.tuples(st.just("lost"), st.none()),
            st.tuples(st.just("silent"), st.none()),
            st.tuples(st.just("proof"), st.none()),
            st.tuples(st.just("peer"), st.sampled_from("pq")),
            st.tuples(st.just("listed"), st.booleans()),
        ),
        max_size=80,
    ),
    st.booleans(),
)
def test_the_room_gets_to_where_it_should_be(events: list[tuple[str, object]], close: bool) -> None:
    world = World()
    core = world.core
    for name, value in events:
        match name, value:
            case "step", bool(answered):
                world.step(answered=answered)
            case "plan", int(version):
                world.newest = max(world.newest, version)
                core.want_plan(Plan(version=version))
            case "peer", str(peer_id):
                core.want_peer_gone(peer_id)
            case "proof", _:
                core.want_proof()
            case "lost", _ if core.home is not None:
                world.rooms.pop(core.home, None)
                core.lost(core.home)
            case "silent", _ if core.home is not None:
                core.silent(core.home)
            case "listed", bool(present) if core.home is not None:
                core.listed(core.home, present=present)
    if close:
        core.want_closed()
    for _ in range(20):
        if not world.step(answered=True):
            break
    assert isinstance(core.next(), Over if close else Rest)
    if close:
        assert core.home is None
    else:
        assert core.home is not None
        assert world.rooms[core.home].version == world.newest
        assert not core.ending("p")
    assert world.generations == sorted(set(world.generations))
