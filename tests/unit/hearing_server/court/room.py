"""A sitting to play with: one person of each role, and a clock that the test moves."""

from __future__ import annotations

from hearing_server.court import (
    SYSTEM,
    Actor,
    Booked,
    Command,
    Event,
    Now,
    Refused,
    Role,
    Rules,
    Sitting,
    apply,
    booked,
    decide,
    replay,
)

NS = 1_000_000_000
START_UTC = 1_790_000_000 * NS
PEOPLE = tuple(Booked(id=role.value, role=role) for role in Role)
DONE = {"declaration": True, "check": {"camera": "ok", "microphone": "ok", "network": "good"}}


class Room:
    """Gives commands and keeps the log."""

    def __init__(
        self, rules: Rules | None = None, people: tuple[Booked, ...] = PEOPLE, scheduled: int | None = None
    ) -> None:
        self.utc = START_UTC
        first = booked("sitting", people, rules or Rules(), self.now, scheduled=scheduled)
        self.log: list[Event] = [first]
        sitting = replay(self.log)
        assert sitting is not None
        self.sitting: Sitting = sitting

    @property
    def now(self) -> Now:
        return Now(utc=self.utc, mono=self.utc - START_UTC)

    def wait(self, seconds: float) -> None:
        self.utc += int(seconds * NS)

    def take(self, events: tuple[Event, ...]) -> None:
        for event in events:
            self.sitting = apply(self.sitting, event)
            self.log.append(event)

    def try_(self, actor: Actor, command: Command) -> tuple[Event, ...] | Refused:
        events = decide(self.sitting, actor, command, self.now)
        if not isinstance(events, Refused):
            self.take(events)
        return events

    def give(self, actor_id: str, name: str, subject: str = "", **fields: object) -> str | None:
        """The code it was refused with, or nothing."""
        person = self.sitting.people.get(actor_id)
        actor = SYSTEM if person is None else Actor(id=actor_id, role=person.role.value)
        answer = self.try_(actor, Command(name=name, subject=subject, **fields))  # type: ignore[arg-type]
        return answer.code if isinstance(answer, Refused) else None

    def arrive(self, *people: str) -> None:
        """Sign in and pass the check."""
        for person in people:
            assert self.give(person, "sign_in", detail={"seat": f"seat-{person}"}) is None
            assert self.give(person, "check_in", detail=DONE) is None

    def start(self, *people: str) -> None:
        """Bring these people and the judge to the waiting room, and open the court."""
        self.arrive("judge", *people)
        assert self.give("judge", "open") is None
        assert self.give("system", "first_durable") is None
        self.wait(self.sitting.rules.countdown_s)
        assert self.give("system", "elapsed") is None
