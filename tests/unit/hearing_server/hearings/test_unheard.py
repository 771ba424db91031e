"""When lost words are worth asking for, and who is asked."""

from __future__ import annotations

from hearing_server.hearings.unheard import JOINED_S, LEAST_MS, SHOWN_S, Unheard
from signaling.worker_api import PeerQuality
from tests.unit.hearing_server.parts import Court

NS = 1_000_000_000


def always(person_id: str) -> bool:
    return True


def test_less_than_a_word_interrupts_nobody() -> None:
    unheard = Unheard()
    assert unheard.told({"p": LEAST_MS - 20, "q": 0}, always, 0) is False
    assert unheard.losses() == ()


def test_what_goes_on_being_lost_is_one_trouble() -> None:
    unheard = Unheard()
    assert unheard.told({"p": 900}, always, 10 * NS)
    assert unheard.told({"p": 0}, always, 12 * NS) is False
    assert unheard.told({"p": 40}, always, 14 * NS)
    (loss,) = unheard.losses()
    assert (loss.since, loss.last, loss.lost_ms) == (10 * NS, 14 * NS, 940)
    later = 14 + JOINED_S + 1
    assert unheard.told({"p": 40}, always, later * NS) is False
    assert unheard.told({"p": 500}, always, later * NS)
    assert [(loss.since, loss.lost_ms) for loss in unheard.losses()] == [(later * NS, 500)]


def test_the_moment_passes() -> None:
    unheard = Unheard()
    unheard.told({"p": 600}, always, 0)
    assert unheard.told({}, always, (SHOWN_S - 1) * NS) is False
    assert unheard.told({}, always, SHOWN_S * NS)
    assert unheard.lost_ms("p") == 0


def test_who_is_not_listened_to_now_is_asked_nothing() -> None:
    unheard = Unheard()
    unheard.told({"p": 600, "q": 700}, always, 0)
    assert [loss.person_id for loss in unheard.losses()] == ["p", "q"]
    assert unheard.told({"p": 0, "q": 0}, lambda person_id: person_id == "q", NS)
    assert [loss.person_id for loss in unheard.losses()] == ["q"]
    unheard.asked("q")
    assert unheard.losses() == ()


async def test_the_bench_is_asked_and_the_log_has_what_it_does(court: Court) -> None:
    sockets = await court.start("clerk", "claimant", "observer")
    claimant = court.people["claimant"]

    def lose(ms: int) -> None:
        court.room.listener.quality_changed({claimant: PeerQuality(words_lost_ms=ms)})

    lose(900)
    await court.settled()
    (shown,) = sockets["judge"].view["unheard"]
    assert (shown["personId"], shown["lostS"]) == (claimant, 0.9)
    assert sockets["claimant"].view["unheard"] == sockets["observer"].view["unheard"] == []
    await court.command(sockets["judge"], "ask_repeat", arguments={"personId": claimant, "lostMs": 5})
    await court.settled()
    assert sockets["judge"].view["unheard"] == []
    me = next(one for one in sockets["claimant"].view["people"] if one["personId"] == claimant)
    assert me["repeatAt"] is not None
    seen = next(one for one in sockets["judge"].view["people"] if one["personId"] == claimant)
    assert seen["repeatAt"] is None
    events = [event for event in await court.store.log.read(court.sitting_id) if event.name == "ask_repeat"]
    assert [(event.subject, event.detail) for event in events] == [(claimant, {"lost_ms": 900})]
    # Nobody listens to who is muted.
    await court.command(sockets["judge"], "mute", arguments={"personId": claimant})
    lose(900)
    await court.settled()
    assert sockets["judge"].view["unheard"] == []
