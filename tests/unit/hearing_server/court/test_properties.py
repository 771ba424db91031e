"""The invariants of hearing-model.md as a stateful test: Hypothesis looks for the shortest sequence that breaks one."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hearing_server.court import SYSTEM, Command, Refused
from hearing_server.court.tables import EVENTS
from hearing_server.court.timers import due
from hearing_server.refusals import SENTENCES

from .company import ARGUMENTS, BEGINNINGS, IDS, actor_of
from .invariants import check_log, check_state, check_step, check_views
from .room import Room
from .walking import Walkable

people = st.sampled_from([*IDS, "system", "stranger"])
subjects = st.sampled_from([*IDS, "", "nobody"])


def arguments(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """What makes sense with this command, what does not, and a client's idea of the time."""
    said = ARGUMENTS.get(name, ({},))
    return st.sampled_from([*said, *said, {}, {"text": 5}, {**said[0], "utc": 5, "now": 7}])


class Court(RuleBasedStateMachine):
    """Anybody tries anything at any time."""

    room: Walkable

    @initialize(begin=st.sampled_from(BEGINNINGS))
    def begin(self, begin: Any) -> None:
        self.room = self.opened(begin())

    def opened(self, room: Room) -> Walkable:
        """Where the sitting is walked through: here in memory."""
        return room

    @rule(data=st.data(), giver=people, subject=subjects, reason=st.sampled_from(["", "because"]))
    def command(self, data: st.DataObject, giver: str, subject: str, reason: str) -> None:
        name = data.draw(st.sampled_from(EVENTS))
        detail = dict(data.draw(arguments(name)))
        if self.room.sitting.consultations and data.draw(st.booleans()):
            detail["consultation"] = data.draw(st.sampled_from(sorted(self.room.sitting.consultations)))
        request = data.draw(st.sampled_from(["", "", "r1", "r2"]))
        version = data.draw(st.sampled_from([None, None, self.room.sitting.version, 1]))
        self._give(
            giver,
            Command(
                name=name,
                subject=subject,
                reason=reason,
                detail=detail,
                request_id=request,
                expected_version=version,
            ),
        )

    @rule(subject=st.sampled_from(IDS), name=st.sampled_from(["call", "dismiss", "mute", "give_floor", "remove"]))
    def judge(self, subject: str, name: str) -> None:
        self._give(self.room.sitting.presiding, Command(name=name, subject=subject, reason="because"))

    @rule(name=st.sampled_from(["open", "recess", "resume", "retire", "return", "curtain", "lift", "close"]))
    def course(self, name: str) -> None:
        self._give(self.room.sitting.presiding, Command(name=name))

    @rule(person=st.sampled_from(IDS), name=st.sampled_from(["lose", "come_back", "sign_out", "sign_in"]))
    def connection(self, person: str, name: str) -> None:
        command = Command(name=name, subject=person if name == "lose" else "", detail={"seat": "a"})
        self._give("system" if name == "lose" else person, command)

    @rule(seconds=st.sampled_from([1, 10, 45, 61, 301, 7201]))
    def wait(self, seconds: int) -> None:
        self.room.wait(seconds)
        for _ in range(64):
            commands = due(self.room.sitting, self.room.utc)
            if not commands:
                return
            self._give("system", commands[0])
        raise AssertionError("something falls due for ever")

    def _give(self, giver: str, command: Command) -> None:
        before = self.room.sitting
        actor = SYSTEM if giver == "system" else actor_of(self.room, giver)
        answer = self.room.try_(actor, command)
        if isinstance(answer, Refused):
            assert self.room.sitting.seq == before.seq
            assert answer.code in SENTENCES
            return
        check_step(before, self.room, answer)

    @invariant()
    def lawful(self) -> None:
        check_state(self.room)

    def teardown(self) -> None:
        if hasattr(self, "room"):
            check_views(self.room)
            check_log(self.room)


def test_the_court_under_any_sequence_of_commands() -> None:
    run_state_machine_as_test(Court, settings=settings(max_examples=120, stateful_step_count=30))
