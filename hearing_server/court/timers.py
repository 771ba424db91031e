"""What falls due by itself: the end of a countdown, of the wait for the record, of a held seat."""

from __future__ import annotations

from .law import presiding_waits
from .model import NS, Command, Presence, RecordState, Sitting, SittingState


def _deadlines(sitting: Sitting) -> list[tuple[int, Command]]:
    found: list[tuple[int, Command]] = []
    if sitting.state is SittingState.COUNTDOWN and sitting.countdown_ends is not None:
        if not presiding_waits(sitting):
            found.append((sitting.countdown_ends, Command(name="fail_to_preside", reason="no-judge")))
        elif sitting.record is RecordState.RECORDING:
            found.append((sitting.countdown_ends, Command(name="elapsed")))
        overdue = sitting.countdown_ends + int(sitting.rules.record_wait_s * NS)
        if sitting.record is not RecordState.RECORDING:
            found.append((overdue, Command(name="fail_to_record", reason="no-record")))
    if sitting.state is not SittingState.CLOSED:
        held = int(sitting.rules.seat_held_s * NS)
        for person in sitting.people.values():
            if person.presence is Presence.AWAY:
                found.append((person.since + held, Command(name="give_up", subject=person.id)))
    return found


def due(sitting: Sitting, utc: int) -> list[Command]:
    """What the system has to do now, oldest first."""
    return [command for at, command in sorted(_deadlines(sitting), key=lambda entry: entry[0]) if at <= utc]


def next_due(sitting: Sitting) -> int | None:
    """When something falls due next, ns since 1970."""
    return min((at for at, _ in _deadlines(sitting)), default=None)
