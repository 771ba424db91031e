"""Damaged requests through the whole path to a real worker: each is answered, and nothing fails on our side.

The seed is fixed, so that a failure can be repeated; ``FUZZ_SEED`` and ``FUZZ_ROUNDS`` choose others.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocket

from signaling.application import Seat
from signaling.bus import HandlerFailed
from signaling.bus.local import LocalBus
from signaling.gate import Gate
from signaling.placement import Home
from signaling.rooms import Rooms
from signaling.sfu.service import run_worker
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker
from signaling.socket import serve
from signaling.worker_api import AnyAnswer, AnyCommand
from tests.integration.sfu.peer import MemorySink
from tests.integration.signaling.court import SITTING, SmallCourt
from tests.unit.signaling.room_parts import until

SEED = int(os.environ.get("FUZZ_SEED", "1"))
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "400"))

#: Most damage is little, so that it gets deep.
HARMS = (0.003, 0.01, 0.01, 0.05)

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
EXAMPLES = [json.loads(example) for example in re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)]
REQUESTS = [
    example
    for example in EXAMPLES
    if "id" in example and example["type"] not in ("reply", "error", "leave", "join", "ping")
]
EVIL: list[Any] = [
    None, True, -1, 0, 2**31, 2**53, 2**64, 1e308, "", "\x00", "庭" * 50, "x" * 300, [], {}, [[]], {"a": {}}, "NaN",
]  # fmt: skip


class Line:
    """A socket without a network."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answers: dict[int, dict[str, Any]] = {}
        self.notices: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.incoming.put_nowait({"type": "websocket.connect"})

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":
            self.closed = message["code"]
        elif message["type"] == "websocket.send":
            content = json.loads(message["text"])
            if "id" in content:
                self.answers[content["id"]] = content
            else:
                self.notices.append(content)

    def say(self, text: str) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker(WorkerSettings(listen=("127.0.0.1",)), MemorySink())
    await worker.start()
    yield worker
    await worker.aclose()


@pytest.fixture
async def bus(worker: Worker) -> AsyncIterator[LocalBus]:
    bus = LocalBus()
    running = asyncio.create_task(run_worker(worker, bus, "w1"))
    yield bus
    running.cancel()
    await asyncio.wait([running])
    await bus.aclose()


@pytest.fixture
async def failures(monkeypatch: pytest.MonkeyPatch) -> list[AnyCommand]:
    """Commands that made the worker's handler raise."""
    failures: list[AnyCommand] = []
    command_of = Rooms.command

    async def watched(rooms: Rooms, home: Home, command: AnyCommand) -> AnyAnswer:
        try:
            return await command_of(rooms, home, command)
        except HandlerFailed:
            failures.append(command)
            raise

    monkeypatch.setattr(Rooms, "command", watched)
    return failures


def damaged(chance: random.Random, value: Any, harm: float) -> Any:
    """The value with a few things wrong in it; ``harm`` 0 to 1."""
    if chance.random() < harm:
        return chance.choice(EVIL)
    if isinstance(value, dict):
        items = [(name, damaged(chance, each, harm)) for name, each in value.items() if chance.random() > harm]
        if items and chance.random() < harm:
            items.append((chance.choice(["extra", items[0][0], "id"]), chance.choice(EVIL)))
        return dict(items)
    if isinstance(value, list):
        copies = [damaged(chance, each, harm) for each in value]
        return copies * (chance.choice([0, 2, 9]) if chance.random() < harm else 1)
    if isinstance(value, int) and not isinstance(value, bool) and chance.random() < 2 * harm:
        return chance.choice([value + 1, value - 1, value ^ (1 << chance.randrange(20)), 0, 127, 255, 65536])
    return value


def spoilt(chance: random.Random, text: str) -> str:
    """The text with some characters changed, now and then."""
    if chance.random() > 0.1:
        return text
    position = chance.randrange(len(text))
    return text[:position] + chance.choice(["", '"', "}", "\x00", "\ud800", "9" * 40]) + text[position + 1 :]


async def test_damaged_requests(bus: LocalBus, failures: list[AnyCommand], monkeypatch: pytest.MonkeyPatch) -> None:
    # The bounds have tests of their own; here each frame is to get as far as it can.
    monkeypatch.setattr("signaling.gate.BURST_REQUESTS", 10**9)
    monkeypatch.setattr("signaling.gate.OFFENCES_LIMIT", 10**9)
    chance = random.Random(SEED)
    rooms = Rooms(bus)
    await rooms.start()
    court = SmallCourt(rooms)
    line = Line()
    scope = {"type": "websocket", "path": "/signal", "headers": [], "query_string": b""}
    websocket = WebSocket(scope, line.incoming.get, line.send)
    await websocket.accept()
    serving = asyncio.create_task(serve(websocket, Seat(SITTING, "judge", "1", "en"), court))

    line.say('{"type": "join", "id": 1}')
    await until(lambda: 1 in line.answers)
    await until(lambda: court.room is not None and court.room.media())
    number = 1
    own: dict[str, list[str]] = {"transportId": [], "producerId": [], "consumerId": ["77d0"]}
    for round_ in range(ROUNDS):
        number += 1
        if round_ % 40 == 0:  # a page that does everything right goes on in between
            line.say(json.dumps({"type": "transport.create", "id": number, "direction": "send"}))
            await until(lambda wanted=number: wanted in line.answers)
            own["transportId"].append(line.answers[number]["data"]["id"])
            number += 1
        request = dict(chance.choice(REQUESTS), id=number)
        for name, ids in own.items():
            if name in request and ids and chance.random() < 0.9:
                request[name] = ids[-1]
        line.say(spoilt(chance, json.dumps(damaged(chance, request, chance.choice(HARMS)))))
        number += 1
        line.say(json.dumps({"type": "ping", "id": number}))
        await until(lambda wanted=number: wanted in line.answers)
        for answer in line.answers.values():
            if answer["type"] == "reply" and set(answer["data"]) == {"id"}:
                own["producerId"] = [answer["data"]["id"]]
        assert line.closed is None

    number += 1
    line.say(json.dumps({"type": "command", "id": number, "name": "open", "requestId": "r"}))
    await until(lambda: number in line.answers)
    assert line.answers[number]["data"]["done"] == "open"
    codes = {answer["code"] for answer in line.answers.values() if answer["type"] == "error"}
    assert "internal" not in codes
    assert failures == []
    line.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await serving
    assert court.log[-1] == ("gone", "judge")
    await rooms.aclose()


def test_random_text_at_the_gate() -> None:
    chance = random.Random(SEED)
    gate = Gate(0.0)
    alphabet = '{}[]",:0123456789.eE+-\\ntf typeidjoncmad \x00\x7f庭\ud800'
    for round_ in range(ROUNDS * 10):
        gate.take("".join(chance.choice(alphabet) for _ in range(chance.randrange(60))), float(round_))
