"""Sockets on a real server: order, bounds, garbage, silence, slow readers, displaced devices, and endings."""

from __future__ import annotations

import asyncio
import itertools
import socket as sockets
from collections.abc import AsyncIterator

import msgspec
import pytest

from signaling import messages
from signaling.bus.local import LocalBus
from signaling.rooms import Rooms
from tests.unit.signaling.fake_worker import FakeWorker
from tests.unit.signaling.room_parts import until

from .client import RequestError, SignalClient
from .court import SmallCourt, served


@pytest.fixture
async def bus() -> AsyncIterator[LocalBus]:
    bus = LocalBus()
    yield bus
    await bus.aclose()


@pytest.fixture
async def worker(bus: LocalBus) -> FakeWorker:
    return FakeWorker(bus)


@pytest.fixture
async def court(bus: LocalBus, worker: FakeWorker) -> AsyncIterator[SmallCourt]:
    rooms = Rooms(bus)
    await rooms.start()
    await asyncio.sleep(0)
    await worker.start()
    yield SmallCourt(rooms)
    await rooms.aclose()


@pytest.fixture
async def url(court: SmallCourt) -> AsyncIterator[str]:
    async with served(court) as url:
        yield url


async def join(url: str, person_id: str, device: str = "1", locale: str = "en") -> SignalClient:
    client = await SignalClient.connect(f"{url}?person={person_id}&device={device}&locale={locale}")
    await client.ask("join", protocol=1)
    return client


async def refused(client: SignalClient, type_: str, **fields: object) -> str:
    with pytest.raises(RequestError) as raised:
        await client.ask(type_, **fields)
    return raised.value.code


CAPABILITIES = {
    "codecs": [{"kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "preferredPayloadType": 100}]
}
DTLS = {"role": "client", "fingerprints": [{"algorithm": "sha-256", "value": "AA"}]}
RTP = {"codecs": [{"mimeType": "audio/opus", "clockRate": 48000, "payloadType": 100}], "encodings": [{"ssrc": 1}]}


async def test_joining(url: str, court: SmallCourt) -> None:
    client = await SignalClient.connect(f"{url}?person=judge")
    assert isinstance((await client.ask("ping"))["serverTime"], float)
    joined = await client.ask("join", protocol=1)
    assert joined["view"]["me"] == "judge"
    assert joined["protocol"] == 1
    media = joined["media"] or (await client.notice("media", state="ready"))["media"]
    assert media["routerRtpCapabilities"]["codecs"]
    await client.ask("checkIn", declaration=True)
    assert await refused(client, "checkIn", declaration=False) == "declaration-missing"
    answer = await client.ask("command", name="open", requestId="r1", arguments={"deep": [1, {"a": None}]})
    assert answer == {"done": "open", "locale": "en"}
    await client.aclose()
    await until(lambda: court.log[-1] == ("gone", "judge"))


async def test_the_reply_to_join_comes_before_any_notice(url: str, court: SmallCourt) -> None:
    client = await SignalClient.connect(f"{url}?person=judge")
    await client.socket.send('{"id": 9, "type": "join", "protocol": 1}')
    await until(lambda: client.notices)
    assert client.unreadable[0]["id"] == 9
    assert client.unreadable[0]["type"] == "reply"
    await client.aclose()


async def test_nothing_before_join(url: str) -> None:
    client = await SignalClient.connect(f"{url}?person=judge")
    assert await refused(client, "command", name="open", requestId="r1") == "join-first"
    assert await refused(client, "checkIn", declaration=True) == "join-first"
    assert await refused(client, "transport.create", direction="send") == "join-first"
    assert await refused(client, "produce", transportId="x", kind="audio", source="microphone", rtpParameters=RTP) == (
        "join-first"
    )
    assert await refused(client, "leave") == "join-first"
    assert await refused(client, "join", protocol=99) == "protocol-version"
    await client.ask("join", protocol=1)
    assert await refused(client, "join", protocol=1) == "already-joined"
    await client.aclose()


async def test_a_refused_join_may_be_tried_again(url: str) -> None:
    client = await SignalClient.connect(f"{url}?person=stranger")
    assert await refused(client, "join") == "removed"
    assert await refused(client, "join") == "removed"
    assert await refused(client, "command", name="open", requestId="r1") == "join-first"
    await client.aclose()


async def test_the_language(url: str) -> None:
    client = await SignalClient.connect(f"{url}?person=judge&locale=zh-CN")
    with pytest.raises(RequestError, match="请先加入庭审"):
        await client.ask("leave")
    await client.ask("join")
    assert (await client.ask("command", name="open", requestId="r1"))["locale"] == "zh-CN"
    await client.aclose()
    client = await SignalClient.connect(f"{url}?person=judge&locale=zh-CN")
    await client.ask("join", locale="en")
    assert (await client.ask("command", name="open", requestId="r1"))["locale"] == "en"
    await client.aclose()


async def test_media_in_the_wrong_order(url: str) -> None:
    client = await join(url, "claimant")
    produce = {"kind": "audio", "source": "microphone", "rtpParameters": RTP}
    assert await refused(client, "produce", transportId="none", **produce) == "unknown-transport"
    assert await refused(client, "transport.create", direction="recv") == "capabilities-missing"
    recv = await client.ask("transport.create", direction="recv", capabilities=CAPABILITIES)
    send = await client.ask("transport.create", direction="send")
    assert await refused(client, "produce", transportId=send["id"], **produce) == "transport-not-connected"
    await client.ask("transport.connect", transportId=send["id"], dtlsParameters=DTLS)
    await client.ask("transport.connect", transportId=recv["id"], dtlsParameters=DTLS)
    assert await refused(client, "produce", transportId=recv["id"], **produce) == "wrong-direction"
    await client.ask("produce", transportId=send["id"], **produce)
    assert await refused(client, "consumer.resume", consumerId="none") == "unknown-consumer"
    await client.aclose()


async def test_an_observer_may_not_send(url: str, worker: FakeWorker) -> None:
    client = await join(url, "observer")
    send = await client.ask("transport.create", direction="send")
    await client.ask("transport.connect", transportId=send["id"], dtlsParameters=DTLS)
    code = await refused(
        client, "produce", transportId=send["id"], kind="audio", source="microphone", rtpParameters=RTP
    )
    assert code == "may-not-publish"
    assert worker.producers == {}
    await client.aclose()


async def test_garbage_is_answered_and_harms_nothing(url: str) -> None:
    client = await join(url, "judge")
    for frame in ("", "{", "null", "[]", '{"id": 5}', '{"id": 5, "type": "no.such"}', '{"id": -3, "type": "ping"}'):
        await client.socket.send(frame)
    await client.socket.send(b"\x00\xff binary")
    await client.socket.send('{"id": 7, "type": "command", "name": "", "requestId": "r"}')
    await client.socket.send('{"id": 8, "type": "command", "name": "x", "requestId": "r", "arguments": ' + "[" * 9000)
    await until(lambda: len(client.unreadable) == 10)
    assert {answer["code"] for answer in client.unreadable} == {"bad-message"}
    assert [answer["id"] for answer in client.unreadable] == [-1, -1, -1, -1, 5, 5, -3, -1, 7, -1]
    await client.ask("ping")
    await client.aclose()


async def test_endless_garbage_ends_the_socket(url: str, court: SmallCourt) -> None:
    client = await join(url, "judge")
    for _ in range(150):
        await client.socket.send("garbage")
    assert await client.closed() == 1008
    await until(lambda: court.log[-1] == ("gone", "judge"))
    await client.aclose()


async def test_a_frame_too_large_ends_the_socket(url: str) -> None:
    client = await join(url, "judge")
    await client.socket.send(" " * (messages.FRAME_LIMIT_BYTES + 1))
    assert await client.closed() == 1009
    await client.aclose()


async def test_the_same_number_twice(url: str, court: SmallCourt) -> None:
    client = await join(url, "judge")
    court.unlocked.clear()
    for _ in range(2):
        await client.socket.send('{"id": 70, "type": "command", "name": "open", "requestId": "r"}')
    await until(lambda: client.unreadable)
    assert (client.unreadable[0]["id"], client.unreadable[0]["code"]) == (70, "duplicate-id")
    court.unlocked.set()
    await until(lambda: len(client.unreadable) == 2)
    assert client.unreadable[1]["type"] == "reply"
    assert court.log.count(("command", "judge", "open")) == 1
    await client.aclose()


async def test_too_many_unanswered_requests(url: str, court: SmallCourt) -> None:
    client = await join(url, "judge")
    court.unlocked.clear()
    for number in range(messages.PENDING_LIMIT + 3):
        await client.socket.send(f'{{"id": {100 + number}, "type": "command", "name": "open", "requestId": "r"}}')
    await until(lambda: len(client.unreadable) == 3)
    assert {answer["code"] for answer in client.unreadable} == {"too-many-pending"}
    court.unlocked.set()
    await until(lambda: len(client.unreadable) == messages.PENDING_LIMIT + 3)
    await client.aclose()


async def test_too_many_requests_a_second(url: str) -> None:
    client = await join(url, "judge")
    for number in range(130):
        await client.socket.send(f'{{"id": {100 + number}, "type": "ping"}}')
    await until(lambda: len(client.unreadable) == 130)
    codes = [answer.get("code") for answer in client.unreadable]
    assert "too-fast" in codes
    assert codes.count(None) >= 90
    await client.aclose()


async def test_commands_are_done_in_order_and_do_not_hold_up_media(url: str, court: SmallCourt) -> None:
    client = await join(url, "judge")
    court.unlocked.clear()
    commands = [asyncio.create_task(client.ask("command", name=name, requestId=name)) for name in "abc"]
    await asyncio.sleep(0.05)
    await client.ask("transport.create", direction="send")
    court.unlocked.set()
    await asyncio.gather(*commands)
    assert [entry[2] for entry in court.log if entry[0] == "command"] == ["a", "b", "c"]
    await client.aclose()


async def test_a_failing_application_is_answered(url: str) -> None:
    client = await join(url, "judge")
    assert await refused(client, "command", name="fail", requestId="r") == "internal"
    await client.ask("ping")
    await client.aclose()


async def test_leaving(url: str, court: SmallCourt, worker: FakeWorker) -> None:
    client = await join(url, "judge")
    await client.ask("transport.create", direction="send")
    await client.ask("leave")
    ended = await client.notice("ended")
    assert (ended["reason"], ended["message"]) == ("left", "You have left the hearing.")
    assert await client.closed() == 1000
    await until(lambda: not worker.transports)
    assert court.log[-1] == ("leave", "judge")
    await client.aclose()


async def test_a_second_device_takes_the_seat(url: str, court: SmallCourt, worker: FakeWorker) -> None:
    phone = await join(url, "claimant", "phone")
    await phone.ask("transport.create", direction="send")
    laptop = await join(url, "claimant", "laptop")
    assert (await phone.notice("ended"))["reason"] == "displaced"
    assert await phone.closed() == 1000
    assert worker.transports == {}
    await laptop.ask("transport.create", direction="send")
    await asyncio.sleep(0.05)
    assert len(worker.transports) == 1
    assert ("gone", "claimant") not in court.log
    await laptop.aclose()
    await phone.aclose()


async def test_a_broken_connection_keeps_the_media(url: str, court: SmallCourt, worker: FakeWorker) -> None:
    client = await join(url, "claimant")
    send = await client.ask("transport.create", direction="send")
    await client.vanish()
    await until(lambda: court.log[-1] == ("gone", "claimant"))
    assert len(worker.transports) == 1
    again = await SignalClient.connect(f"{url}?person=claimant&device=1")
    joined = await again.ask("join", protocol=1)
    assert joined["held"] == {"send": send["id"], "recv": None, "producers": [], "consumers": []}
    await again.ask("transport.create", direction="send")
    assert len(worker.transports) == 1
    await again.aclose()


async def test_the_same_device_comes_back_before_its_loss_was_seen(
    url: str, court: SmallCourt, worker: FakeWorker
) -> None:
    """The network went away without a word: the earlier socket still seems to be there."""
    earlier = await join(url, "claimant")
    send = await earlier.ask("transport.create", direction="send")
    again = await SignalClient.connect(f"{url}?person=claimant&device=1")
    joined = await again.ask("join", protocol=1)
    assert joined["held"]["send"] == send["id"]
    assert await earlier.closed() == 1000
    await asyncio.sleep(0.05)
    assert list(worker.transports) == [send["id"]]
    assert ("gone", "claimant") not in court.log
    await again.aclose()
    await earlier.aclose()


async def test_silence_is_noticed(url: str, court: SmallCourt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.gate.SILENCE_LIMIT_S", 0.3)
    client = await join(url, "claimant")
    assert await client.closed() == 4408
    await until(lambda: court.log[-1] == ("gone", "claimant"))
    await client.aclose()


async def test_a_client_that_does_not_read_is_cut_off(url: str, court: SmallCourt) -> None:
    host, port = url.removeprefix("ws://").split("/")[0].split(":")
    client = sockets.socket()
    client.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (host, int(port)))
    request = (
        f"GET /signal?person=claimant HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await loop.sock_sendall(client, request.encode())
    await asyncio.sleep(0.2)
    text = b'{"id":1,"type":"join"}'
    # A masked text frame (RFC 6455 §5.2) with a mask of zeros.
    await loop.sock_sendall(client, bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    await until(lambda: court.connections)
    connection = court.connections["claimant"]
    for number in itertools.count():
        if ("gone", "claimant") in court.log:
            break
        assert number < 20_000
        notice = messages.ConsumerClosed(consumer_id="x" * 4000)
        connection.notify(notice)
        await asyncio.sleep(0)
    client.close()


async def test_a_command_goes_on_when_the_client_goes(url: str, court: SmallCourt) -> None:
    client = await join(url, "judge")
    court.unlocked.clear()
    await client.socket.send('{"id": 70, "type": "command", "name": "close", "requestId": "r"}')
    await client.ask("ping")
    await client.vanish()
    await until(lambda: ("gone", "judge") in court.log)
    court.unlocked.set()
    await until(lambda: ("command", "judge", "close") in court.log)


async def test_devices_are_told_to_everybody(url: str, court: SmallCourt) -> None:
    judge, claimant = await join(url, "judge"), await join(url, "claimant")
    send = await claimant.ask("transport.create", direction="send")
    await claimant.ask("transport.connect", transportId=send["id"], dtlsParameters=DTLS)
    produced = await claimant.ask(
        "produce", transportId=send["id"], kind="audio", source="microphone", rtpParameters=RTP, paused=True
    )
    for request, state in (("producer.resume", "on"), ("producer.pause", "off"), ("producer.close", "none")):
        await claimant.ask(request, producerId=produced["id"])
        assert court.devices["claimant"] == (state, "none")
    await until(lambda: any(notice["type"] == "view" for notice in judge.notices))
    await until(lambda: judge.notices[-1].get("view", {}).get("devices") == {"claimant": ["none", "none"]})
    await judge.aclose()
    await claimant.aclose()


async def test_a_frame_at_the_limit_is_read(url: str) -> None:
    client = await join(url, "judge")
    head = '{"id": 70, "type": "command", "name": "open", "requestId": "r", "arguments": {}, "note": "'
    await client.socket.send(head + "x" * (messages.FRAME_LIMIT_BYTES - len(head) - 2) + '"}')
    await until(lambda: client.unreadable)
    assert msgspec.convert(client.unreadable[0]["data"], dict)["done"] == "open"
    await client.aclose()
