"""What falls due by itself: ends of countdowns, waits, held seats, absences, rooms and signing."""

from __future__ import annotations

from .model import NS, Command, Sitting
from .people import presiding_waits
from .states import Presence, Signature, SittingState
from .tables.record import UNDER_WAY


def _deadlines(sitting: Sitting) -> list[tuple[int, Command]]:
    if sitting.state is SittingState.CLOSED:
        return _after_the_close(sitting)
    found = _of_the_countdown(sitting) + _of_the_session(sitting)
    held = int(sitting.rules.seat_held_s * NS)
    for person in sitting.people.values():
        if person.presence is Presence.AWAY:
            found.append((person.since + held, Command(name="give_up", subject=person.id)))
    inside = any(person.presence is Presence.IN_HEARING for person in sitting.people.values())
    if sitting.scheduled is not None and not inside:
        over = sitting.scheduled + int(sitting.rules.auto_close_s * NS)
        found.append((over, Command(name="auto_close", reason="not-closed")))
    return found


def _of_the_countdown(sitting: Sitting) -> list[tuple[int, Command]]:
    if sitting.state is not SittingState.COUNTDOWN or sitting.countdown_ends is None:
        return []
    found: list[tuple[int, Command]] = []
    if not presiding_waits(sitting):
        found.append((sitting.countdown_ends, Command(name="fail_to_preside", reason="no-judge")))
    elif sitting.may_begin:
        found.append((sitting.countdown_ends, Command(name="elapsed")))
    if not sitting.may_begin:
        overdue = sitting.countdown_ends + int(sitting.rules.record_wait_s * NS)
        found.append((overdue, Command(name="fail_to_record", reason="no-record")))
    return found


def _of_the_session(sitting: Sitting) -> list[tuple[int, Command]]:
    found: list[tuple[int, Command]] = []
    if sitting.unpresided is not None:
        limit = sitting.unpresided + int(sitting.rules.judge_absence_s * NS)
        found.append((limit, Command(name="suspend_by_court", reason="judge-absent")))
    if sitting.state is SittingState.SUSPENDED and sitting.record in UNDER_WAY:
        limit = sitting.since + int(sitting.rules.suspended_record_s * NS)
        found.append((limit, Command(name="interrupt", reason="fault")))
    return found


def _after_the_close(sitting: Sitting) -> list[tuple[int, Command]]:
    over = (sitting.closed or sitting.since) + int(sitting.rules.bench_room_s * NS)
    found = [
        (over, Command(name="gather", subject=person.id))
        for person in sitting.people.values()
        if person.has_place(Presence.IN_DELIBERATION)
    ]
    waited_for = any(person.signature is Signature.ASKED for person in sitting.people.values())
    if sitting.sign_by is not None and waited_for:
        found.append((sitting.sign_by, Command(name="lapse", reason="not-signed")))
    return found


def due(sitting: Sitting, utc: int) -> list[Command]:
    """What the system has to do now, oldest first."""
    return [command for at, command in sorted(_deadlines(sitting), key=lambda entry: entry[0]) if at <= utc]


def next_due(sitting: Sitting) -> int | None:
    """When something falls due next, ns since 1970."""
    return min((at for at, _ in _deadlines(sitting)), default=None)
