"""The court's policy at the media worker: what people send reaches exactly those whom the law lets have it.

A full company with protected people and interpreters walks at random through the whole course of hearings.  At every
step each person sends sound, a picture and a screen, and every packet that arrives anywhere, or in the record, is held
against the law, both ways: nothing that is forbidden comes, and nothing that is allowed is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
import pytest

from hearing_server.court import Presence, Refused, Sitting, flows, plan
from hearing_server.court.permissions import PUBLISH
from hearing_server.court.tables import EVENTS
from hearing_server.court.timers import due
from hearing_server.hearings.views import place
from signaling import worker_api as api
from signaling.sfu.rtp import RtpPacket
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker
from tests.integration.sfu.peer import ROOM, Court, Link, MemorySink, audio_parameters, opus, video_parameters, vp8
from tests.unit.hearing_server.court.company import BEGINNINGS, COMPANY, IDS, random_step
from tests.unit.hearing_server.court.room import Room

SEED = 20_261_122
STEPS = 30
SOURCES: tuple[api.Source, ...] = ("microphone", "camera", "screen")
SSRC: dict[api.Source, int] = {"microphone": 1000, "camera": 2000, "screen": 3000}
#: How long what must not come is waited for after all that must come is there, s.
REST_S = 0.03
#: A picture that nobody sent for a while is looked for anew: it is sent again, so often, each this long after, s.
SENDINGS, SENDING_S = 20, 0.25
MARK = b"<said:"

Arrival = tuple[str, str, str]


class Company:
    """Everybody with a connection each way, for the whole visit; ``heard`` is what arrived in this round."""

    def __init__(self, court: Court) -> None:
        self.court = court
        self.up: dict[str, Link] = {}
        self.heard: set[Arrival] = set()
        self.round = 0
        self._sent = 0
        self._version = 0
        self._resumed: set[str] = set()

    async def join(self) -> None:
        for person in COMPANY:
            down = await self.court.link(person.id, "recv")
            down.on_packet = self._listener(person.id)
            sources = PUBLISH[person.role]
            if sources:
                self.up[person.id] = await self.court.link(person.id, "send")
            for source in sources:
                await self._produce(person.id, source)  # type: ignore[arg-type]

    async def _produce(self, person_id: str, source: api.Source) -> None:
        mid = str(SOURCES.index(source))
        parameters = (
            audio_parameters(SSRC[source], mid)
            if source == "microphone"
            else video_parameters(ssrc=SSRC[source], rtx_ssrc=SSRC[source] + 1, mid=mid)
        )
        await self.court.produce(self.up[person_id], source, parameters)

    def _listener(self, person_id: str):  # type: ignore[no-untyped-def]
        def heard(packet: RtpPacket) -> None:
            told = self._told(bytes(packet.payload))
            if told is not None:
                self.heard.add((person_id, *told))

        return heard

    def _told(self, payload: bytes) -> tuple[str, str] | None:
        """Whose packet of this round it is."""
        _, mark, text = payload.rpartition(MARK)
        person, source, number = text.decode().split("/") if mark else ("", "", "-1")
        return (person, source) if int(number) == self.round else None

    async def obey(self, sitting: Sitting) -> None:
        self._version += 1
        compiled = msgspec.structs.replace(plan(sitting), version=self._version)
        wanted = msgspec.convert(msgspec.to_builtins(compiled), api.Plan)
        assert isinstance(await self.court.ask(api.SetPlan(room_id=ROOM, plan=wanted)), api.Done)
        for event in self.court.events:
            if isinstance(event, api.ConsumerNew) and event.consumer_id not in self._resumed:
                self._resumed.add(event.consumer_id)
                await self.court.ask(api.ResumeConsumer(consumer_id=event.consumer_id))
        self.court.events.clear()

    def begin_round(self) -> None:
        self.round += 1
        self.heard.clear()

    def speak(self) -> None:
        """Everybody sends one packet of all they have, whether they may or not."""
        self._sent += 1
        for person_id, link in self.up.items():
            for source in PUBLISH[next(person.role for person in COMPANY if person.id == person_id)]:
                body = MARK + f"{person_id}/{source}/{self.round}".encode()
                ssrc = SSRC[source]  # type: ignore[index]
                if source == "microphone":
                    link.send_rtp(opus(self._sent, ssrc=ssrc, body=body))
                else:
                    link.send_rtp(vp8(self._sent, ssrc=ssrc, key=True, picture=self._sent, body=body))

    def recorded(self) -> set[tuple[str, str]]:
        """What of this round is in the record, by what the packet says, whatever its track is called."""
        found: set[tuple[str, str]] = set()
        for recording in self.court.sink.recordings.values():
            for track in recording.tracks:
                for packet in track.packets:
                    told = self._told(packet)
                    if told is not None:
                        found.add(told)
                track.packets.clear()
        return found


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    sink = MemorySink()
    worker = Worker(WorkerSettings(listen=("127.0.0.1",)), sink)
    await worker.start()
    court = Court(worker, sink)
    assert isinstance(await worker.handle(api.OpenRoom(room_id=ROOM, plan=court.plan)), api.RoomOpened)
    made = Company(court)
    await made.join()
    yield made
    for link in court.links:
        await link.close()
    await worker.aclose()


def lawful(sitting: Sitting) -> set[Arrival]:
    return {
        (to, of, source)
        for to in IDS
        for of in IDS
        for source in SOURCES
        if to in sitting.people and of in sitting.people and flows(sitting, to, of, source)
    }


def captured(sitting: Sitting) -> set[tuple[str, str]]:
    compiled = plan(sitting)
    if compiled.record is None:
        return set()
    return {(person, source) for person, sources in compiled.capture.items() for source in sources if person in IDS}


async def hold(company: Company, sitting: Sitting) -> int:
    """Send all, and hold what arrives against the law.  Answers how much arrived."""
    await company.obey(sitting)
    company.begin_round()
    expected = lawful(sitting)
    for _ in range(SENDINGS):
        company.speak()
        with contextlib.suppress(TimeoutError):
            await company.court.until(lambda: company.heard >= expected, timeout_s=SENDING_S)
            break
    await asyncio.sleep(REST_S)
    assert not expected - company.heard, f"{sitting.state}: missing {sorted(expected - company.heard)}"
    assert company.heard == expected, f"{sitting.state}: forbidden {sorted(company.heard - expected)}"
    assert company.recorded() == captured(sitting), sitting.state
    return len(expected)


async def test_what_arrives_is_what_the_law_allows(company: Company) -> None:
    chance = random.Random(SEED)
    arrived = 0
    seen: Counter[tuple[str, str, str]] = Counter()
    for begin in BEGINNINGS:
        room = begin()
        for _ in range(STEPS):
            arrived += await hold(company, room.sitting)
            for person in room.sitting.people.values():
                seen[(person.role.value, room.sitting.state.value, place(person))] += 1
            _step(room, chance)
    print(f"{company.round} rounds, {arrived} packets where they belong, {len(seen)} of role x state x place")
    assert arrived > 1_000
    assert len({state for _, state, _ in seen}) == 7, "a state of the sitting was not reached"
    assert {where for _, _, where in seen} >= {"hearing", "waiting_room", "consultation", "deliberation"}


def _step(room: Room, chance: random.Random) -> None:
    """Something happens, if the law allows it."""
    room.wait(chance.choice((0, 1, 10, 61)))
    for command in due(room.sitting, room.utc)[:1]:
        room.give("system", command.name, command.subject, reason=command.reason)
    for _ in range(4):
        answer = room.try_(*random_step(room, chance, EVENTS))
        if answer and not isinstance(answer, Refused):
            break


async def test_every_place_at_once_stays_apart(company: Company) -> None:
    """A hearing with an interpreter's mix, a consultation of its own beside it, and people who wait."""
    room = BEGINNINGS[3]()
    assert room.give("claimant", "consult", detail={"invite": ["lawyer"]}) is None
    talk = room.sitting.people["claimant"].talk
    assert room.give("lawyer", "accept", detail={"consultation": talk}) is None
    assert await hold(company, room.sitting) > 0
    assert ("claimant", "lawyer", "microphone") in company.heard
    assert ("judge", "claimant", "microphone") not in company.heard
    assert not {"claimant", "lawyer"} & {person for person, _ in captured(room.sitting)}
    assert room.sitting.people["claimant"].presence is Presence.IN_CONSULTATION
    assert ("respondent", "witness", "camera") not in company.heard, "screened"
    assert ("respondent", "interpreter", "microphone") in company.heard, "listens to the mix"
    assert ("judge", "interpreter", "microphone") not in company.heard, "listens to the room"
    assert ("judge", "interpreter", "camera") in company.heard
