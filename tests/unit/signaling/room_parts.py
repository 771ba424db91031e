"""An application's side of a media room, and connections, for the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from signaling import messages
from signaling.application import Refusal, Seat
from signaling.media_room import Room
from signaling.rooms import Rooms
from signaling.worker_api import CaptureState, PeerQuality, Plan

from .fake_worker import CAPABILITIES, DTLS, PARAMETERS


def plan(version: int, *people: str, record: str | None = None) -> Plan:
    """Everybody sends and receives everything."""
    return Plan(
        version=version,
        publish={person: ["microphone", "camera"] for person in people},
        receive={person: [other for other in people if other != person] for person in people},
        record=record,
    )


class Listener:
    def __init__(self) -> None:
        self.devices: dict[str, tuple[str, str]] = {}
        self.captures: list[CaptureState] = []
        self.media: list[tuple[str, str | None]] = []
        self.transports: list[tuple[str, str, str]] = []
        self.qualities: list[dict[str, PeerQuality]] = []

    def devices_changed(self, person_id: str, microphone: str, camera: str) -> None:
        self.devices[person_id] = (microphone, camera)

    def capture_changed(self, state: CaptureState) -> None:
        self.captures.append(state)

    def media_changed(self, state: str, writer: str | None) -> None:
        self.media.append((state, writer))

    def transport_changed(self, person_id: str, direction: str, state: str) -> None:
        self.transports.append((person_id, direction, state))

    def quality_changed(self, people: dict[str, PeerQuality]) -> None:
        self.qualities.append(people)


class FakeConnection:
    def __init__(self, person_id: str, seat_id: str = "s1", locale: str = "en") -> None:
        self.seat = Seat("sitting", person_id, seat_id, locale)
        self.notices: list[Any] = []
        self.ended: tuple[str, str] | None = None

    def notify(self, notice: messages.AnyNotice) -> None:
        self.notices.append(notice)

    def end(self, reason: str, message: str, *, keep_media: bool = False) -> None:
        self.ended = (reason, message)

    def heard(self, kind: type) -> list[Any]:
        return [notice for notice in self.notices if isinstance(notice, kind)]


async def until(fulfilled: Callable[[], Any], limit_s: float = 10.0) -> None:
    """Wait until something holds; the limit only bounds a broken test."""
    async with asyncio.timeout(limit_s):
        while not fulfilled():  # noqa: ASYNC110 - there is no event for "whatever the test asks"
            await asyncio.sleep(0.005)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def pass_time(rooms: Rooms, clock: Clock, seconds: float) -> None:
    """Control hears its own beats while this time passes."""
    for _ in range(round(seconds * 2)):
        clock.now += 0.5
        rooms._heard(rooms._beat_topic, b"")
        await asyncio.sleep(0)


async def join(room: Room, person_id: str, seat_id: str = "s1") -> FakeConnection:
    connection = FakeConnection(person_id, seat_id)
    await room.attach(connection)
    return connection


async def create(room: Room, connection: FakeConnection, direction: str) -> str:
    request = messages.CreateTransport(
        id=1,
        direction=direction,  # type: ignore[arg-type]
        capabilities=CAPABILITIES if direction == "recv" else None,
    )
    created = await room.ask(connection, request, {})
    room.release(connection)
    assert isinstance(created, messages.TransportCreated)
    await room.ask(connection, messages.ConnectTransport(id=2, transport_id=created.id, dtls_parameters=DTLS), {})
    return created.id


async def produce(room: Room, connection: FakeConnection, transport_id: str) -> str:
    request = messages.Produce(
        id=3, transport_id=transport_id, kind="audio", source="microphone", rtp_parameters=PARAMETERS
    )
    produced = await room.ask(connection, request, {"name": "A. Li", "role": "party"})
    assert isinstance(produced, messages.Produced)
    return produced.id


async def refused(work: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as raised:
        await work
    return raised.value.code
