"""Random hearings through the runtime, on each database, with a second process that writes the same log.

After every step: the state is what replaying the stored log gives, the media room obeys its plan, the lists and the
staff's table say the same, and screened people find no trace of each other in what they are sent.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import msgspec
import pytest

from hearing_server.court import SYSTEM, Sitting, TaskState, plan, replay
from hearing_server.court.tables import COMMANDS
from hearing_server.hearings import Hearings
from hearing_server.hearings.commands import ASKED
from hearing_server.hearings.tasks import row_id
from hearing_server.store import Court as CourtRow
from hearing_server.store import NewHearing, PersonRow, Store
from signaling.application import Refusal, Seat
from signaling.messages import AnyNotice, CheckIn, Command, Ended, Entries, Join, News, ViewChanged
from signaling.worker_api import Plan
from tests.unit.hearing_server.court.company import COMPANY, IDS, SCREENED, random_step
from tests.unit.hearing_server.parts import FakeRecorder, ManualClock, Rooms

SEED = 20_261_122
STEPS = 50
TRIES = 12
#: What ends a hearing is left for the end.
ENDINGS, LAST = frozenset({"close", "convert_offline"}), 35
SITTING = "walk"
COURT = CourtRow(id="c", name="C", name_zh="法院", help_phone="1", time_zone="UTC", profile="demo")


class Window:
    """One person's page."""

    def __init__(self, person_id: str, number: int) -> None:
        self.seat = Seat(SITTING, person_id, f"seat-{person_id}-{number % 2}", "en")
        self.notices: list[AnyNotice] = []
        self.over = False

    def notify(self, notice: AnyNotice) -> None:
        self.notices.append(notice)

    def end(self, reason: Any, message: str, *, keep_media: bool = False) -> None:
        self.notices.append(Ended(reason=reason, message=message))
        self.over = True


class Walk:
    def __init__(self, store: Store, chance: random.Random) -> None:
        self.store = store
        self.chance = chance
        self.clock = ManualClock()
        self.rooms = Rooms()
        self.hearings = Hearings(store, self.rooms, FakeRecorder(), clock=self.clock)
        #: Another process on the same database, which only hears of commands over HTTP.
        self.other = Hearings(store, Rooms(), FakeRecorder(), clock=self.clock)
        self.windows: dict[str, Window] = {}
        self.number = 0
        self.done = 0

    @property
    def sitting(self) -> Sitting:
        actor = self.hearings.live(SITTING)
        assert actor is not None
        return actor.sitting

    async def begin(self) -> None:
        people = tuple(
            PersonRow(
                id=person.id,
                role=person.role.value,
                name=person.id.title(),
                name_zh=person.id,
                side=person.side,
                linked_to=person.linked,
                screened_from=person.screened_from,
                languages=person.languages,
                deputy=person.deputy,
            )
            for person in COMPANY
        )
        hearing = NewHearing(
            id=SITTING,
            case_number="1",
            case_name="A v B",
            case_name_zh="甲诉乙",
            room="1",
            room_zh="一",
            scheduled_utc=self.clock.now,
            people=people,
        )
        await self.store.docket.book(COURT, hearing, self.clock.now)
        for person_id in IDS:
            await self._join(person_id)
        await self.hearings.command(self.windows["judge"], Command(id=3, name="open", request_id="open"))
        self.rooms.rooms[SITTING].capture()
        await self._settled()
        self.clock.wait(10)
        self.rooms.rooms[SITTING].capture()

    async def _join(self, person_id: str) -> None:
        self.number += 1
        window = Window(person_id, self.number if self.chance.random() < 0.1 else 0)
        last = self.sitting.seq - self.chance.randrange(20) if self.windows else None
        try:
            await self.hearings.enter(window, Join(id=1, last_seq=last))
            self.windows[person_id] = window
            await self.hearings.check_in(window, CheckIn(id=2, declaration=True))
        except Refusal:
            pass

    async def step(self) -> None:
        """People do something, sometimes two at once; now and then time passes, or somebody's line breaks."""
        self.clock.wait(self.chance.choice((0, 1, 5, 11, 31, 62)))
        draw = self.chance.random()
        if draw < 0.12:
            await self._join(self.chance.choice(IDS))
        elif draw < 0.2 and self.windows:
            await self.hearings.gone(self.windows.pop(self.chance.choice(sorted(self.windows))))
        elif draw < 0.3:
            await self._race()
        else:
            await self._ask()
        room = self.rooms.rooms[SITTING]
        if room.plan.record is not None and self.chance.random() < 0.9:
            room.capture()
        await self._settled()

    async def _ask(self) -> None:
        """Mostly something that the law allows: a refusal is followed by another try."""
        for _ in range(TRIES):
            if await self._try():
                self.done += 1
                return

    async def _try(self) -> bool:
        actor, command = random_step(self, self.chance, COMMANDS)  # type: ignore[arg-type]
        window = self.windows.get(actor.id)
        ends = command.name in ENDINGS and self.done < LAST
        if window is None or window.over or command.name not in ASKED or ends:
            return False
        self.number += 1
        arguments = {_camel(key): value for key, value in command.detail.items()}
        if command.subject:
            arguments["personId"] = command.subject
        request = Command(
            id=self.number,
            name=command.name,
            request_id=f"r{self.number if self.chance.random() < 0.8 else self.number % 7}",
            arguments={**arguments, "reason": command.reason},
        )
        try:
            await self.hearings.command(window, request)
        except Refusal:
            return False
        return True

    async def _race(self) -> None:
        """The other process writes at the same moment."""
        actor, command = random_step(self, self.chance, COMMANDS)  # type: ignore[arg-type]
        if command.name in ENDINGS:
            return
        theirs = self.other.act(SITTING, actor if self.chance.random() < 0.8 else SYSTEM, command, "en")
        await asyncio.gather(theirs, self._ask(), return_exceptions=True)

    async def _settled(self) -> None:
        actor = self.hearings.live(SITTING)
        assert actor is not None
        await actor._inbox.run(actor._catch_up)
        await actor._inbox.run(actor._settle)
        actor._flush_views()

    async def check(self) -> None:
        log = await self.store.log.read(SITTING)
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        assert replay(log) == self.sitting
        compiled = msgspec.convert(msgspec.to_builtins(plan(self.sitting)), Plan)
        obeyed = msgspec.structs.replace(self.rooms.rooms[SITTING].plan, version=compiled.version, about={})
        assert obeyed == compiled
        facts = await self.store.docket.by_sitting(SITTING)
        assert facts is not None
        assert (facts.state, facts.record_state) == (self.sitting.state.value, self.sitting.record.value)
        rows = {row.id: row for row in (await self.store.desk.tasks([SITTING])).get(SITTING, [])}
        for task in self.sitting.tasks.values():
            row = rows.get(row_id(SITTING, task.id))
            assert row is None or (row.closed_utc is None) == (task.state is TaskState.OPEN)
        self._check_screens()

    def _check_screens(self) -> None:
        """The protected person and the one they are protected from get no word, name or sign of each other."""
        for me, them in (SCREENED, SCREENED[::-1]):
            window = self.windows.get(me)
            if window is None or them not in self.sitting.people[me].screened_from:
                continue
            for notice in window.notices:
                if isinstance(notice, ViewChanged):
                    assert them not in _strings(notice.view), "the view"
                elif isinstance(notice, Entries):
                    assert all(them not in (entry["actor"], entry["personId"]) for entry in notice.entries)
                elif isinstance(notice, News):
                    assert them not in _strings(notice.data)
        for window in self.windows.values():
            window.notices.clear()


def _strings(value: Any) -> set[str]:
    """Every text in this value, but what says what a thing is: roles and sides bear the names of this company."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        kept = [part for name, part in value.items() if name not in ("role", "side", "detail")]
        return set().union(*map(_strings, kept)) if kept else set()
    return set().union(*map(_strings, value)) if isinstance(value, list) and value else set()


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


@pytest.mark.parametrize("number", range(2))
async def test_a_random_hearing(store: Store, number: int) -> None:
    walk = Walk(store, random.Random(SEED + number))
    await walk.begin()
    try:
        await walk._settled()
        for _ in range(STEPS):
            if walk.hearings.live(SITTING) is None:
                break
            await walk.step()
            if walk.hearings.live(SITTING) is None:
                break
            await walk.check()
        print(f"{walk.done} commands taken, {len(await store.log.read(SITTING))} events")
        assert walk.done > 15
    finally:
        await walk.hearings.aclose()
        await walk.other.aclose()
