"""An application's side of a media room, and connections, for the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from signaling import messages
from signaling.application import Seat
from signaling.worker_api import CaptureState, PeerQuality, Plan


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
