"""The fast way sends what the plain way sends, byte for byte, whatever happens in between."""

from __future__ import annotations

import random
import socket
from typing import Any

import pytest
from pylibsrtp import Policy, Session
from pylibsrtp._binding import lib

from signaling.ortc import RtpCodec, RtpEncoding, RtpHeaderExtension, RtpParameters
from signaling.sfu import capabilities as caps
from signaling.sfu import dtls_adapter, mmsg, rtp
from signaling.sfu.clock import NS_PER_MS as MS
from signaling.sfu.clock import NS_PER_S
from signaling.sfu.consumer import Consumer
from signaling.sfu.fastpath import FastPath, Outbox
from signaling.sfu.producer import Producer
from signaling.sfu.rate import UplinkEstimate
from signaling.sfu.seqmap import SequenceMap

pytestmark = pytest.mark.skipif(not mmsg.AVAILABLE, reason="this system has no sendmmsg as known here")

PT = 96
SUBSCRIBERS = 4


class Keys:
    def __init__(self, number: int) -> None:
        policy = Policy(
            key=bytes([number + 1]) * 28,
            ssrc_type=Policy.SSRC_ANY_OUTBOUND,
            srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
        )
        self._session = Session(policy)
        self.sending_context = self._session._srtp[0]

    def protect_rtp(self, size: int) -> int:
        dtls_adapter._length[0] = size
        return (
            0
            if lib.srtp_protect(self.sending_context, dtls_adapter._cdata, dtls_adapter._length)
            else int(dtls_adapter._length[0])
        )


class Subscriber:
    """A downlink with one receiving socket.  With an outbox it offers the fast way."""

    def __init__(self, number: int, sender: socket.socket, outbox: Outbox | None) -> None:
        self.ready = True
        self.time_ns = NS_PER_S
        self.packets_out = 0
        self.keys = Keys(number)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.got: list[bytes] = []
        self._sender, self.outbox = sender, outbox
        self._name = mmsg.Name(mmsg.pack_name(socket.AF_INET, self.socket.getsockname()))

    def now_ns(self) -> int:
        return self.time_ns

    def report_soon(self) -> None: ...

    def fast_route(self) -> Any:
        return (self.outbox, self.keys, self._name.address) if self.outbox is not None else None

    def send_rtp(self, size: int) -> None:
        size = self.keys.protect_rtp(size)
        if size:
            self._sender.sendto(dtls_adapter.SEND_BUFFER[:size], self.socket.getsockname())
            self.packets_out += 1

    def receive(self) -> None:
        while True:
            try:
                self.got.append(self.socket.recv(4096))
            except BlockingIOError:
                return


class Side:
    """A producer of three layers and its subscribers, of which every second one has the fast way if there is one."""

    def __init__(self, *, fast: bool, segmentation: bool = False) -> None:
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sender.bind(("127.0.0.1", 0))
        self.fast = FastPath(segmentation=segmentation) if fast else None
        outbox = Outbox(self.sender, segmentation=segmentation)
        if self.fast is not None:
            self.fast.outboxes.append(outbox)
            self.fast.batching = True
        parameters = RtpParameters(
            mid="0",
            codecs=[
                RtpCodec(mime_type="video/VP8", clock_rate=90000, payload_type=PT),
                RtpCodec(mime_type="video/rtx", clock_rate=90000, payload_type=97, parameters={"apt": PT}),
            ],
            header_extensions=[RtpHeaderExtension(uri=caps.ORIENTATION_URI, id=3)],
            encodings=[RtpEncoding(ssrc=100 + i) for i in range(3)],
        )
        codec = caps.producer_codec("video", parameters)
        self.producer = Producer(
            "p", "peer", "camera", "video", codec, parameters, {}, request_keyframe=lambda layer: True, fast=self.fast
        )
        self.producer.set_flow(allowed=True)
        self.streams = [self.producer.add_stream(100 + i, i) for i in range(3)]
        self.estimate = UplinkEstimate(0)
        self.subscribers: list[Subscriber] = []
        self.consumers: list[Consumer] = []
        for n in range(SUBSCRIBERS):
            has_fast = fast and n != SUBSCRIBERS - 1  # the last one is over TCP, as it were
            subscriber = Subscriber(n, self.sender, outbox if has_fast else None)
            downlink: Any = subscriber
            consumer = Consumer(
                f"c{n}",
                downlink,
                self.producer,
                ssrc=1000 + n,
                rtx_ssrc=2000 + n if n != 1 else None,
                payload_type=101,
                rtx_payload_type=102,
                cname="n",
            )
            consumer._map = SequenceMap(65_500)
            consumer._rtx_sequence = 10
            self.producer.consumers[consumer.id] = consumer
            self.subscribers.append(subscriber)
            self.consumers.append(consumer)

    def at(self, now_ns: int) -> None:
        for subscriber in self.subscribers:
            subscriber.time_ns = now_ns

    def packet(self, data: bytes, layer: int, now_ns: int) -> None:
        packet = rtp.parse(data)
        assert packet is not None
        self.producer.on_rtp(self.streams[layer], packet, now_ns, self.estimate, recovered=False)

    def flush(self) -> None:
        if self.fast is not None:
            self.fast.flush()
        for subscriber in self.subscribers:
            subscriber.receive()

    def close(self) -> None:
        self.sender.close()
        for subscriber in self.subscribers:
            subscriber.socket.close()


def vp8(number: int, layer: int, *, key: bool, size: int, marker: bool, turned: bool) -> bytes:
    descriptor = b"\x90\xc0" + (0x8000 | number * 3 & 0x7FFF).to_bytes(2, "big") + bytes([number & 0xFF])
    payload = descriptor + (b"\x10" if key else b"\x11") + bytes([layer]) * size if size else b""
    return rtp.build(
        PT, number, number * 700, 100 + layer, payload, marker=marker, extensions={3: b"\x01"} if turned else None
    )


@pytest.mark.parametrize("segmentation", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_fast_way_sends_what_the_plain_way_sends(seed: int, segmentation: bool) -> None:
    if segmentation and not mmsg.segmentation_works():
        pytest.skip("no UDP segmentation offload")
    plain, fast = Side(fast=False), Side(fast=True, segmentation=segmentation)
    sides = (plain, fast)
    chance = random.Random(seed)
    numbers = [65_000, 300, 20_000]
    now_ns = 5 * NS_PER_S
    held: list[tuple[bytes, int]] = []
    for side in sides:
        for consumer in side.consumers:
            consumer.resume()
    for _ in range(400):
        now_ns += chance.randrange(1, 30) * MS
        for side in sides:
            side.at(now_ns)
        for layer in range(3):
            size = chance.choice([300, 300, 900, 40])
            key = chance.random() < 0.1
            for i in range(chance.randrange(1, 6)):
                numbers[layer] += 1 if chance.random() > 0.02 else 2 if chance.random() < 0.9 else 5000
                last = i == 4 or chance.random() < 0.3
                data = vp8(
                    numbers[layer] & 0xFFFF,
                    layer,
                    key=key and not i,
                    size=0 if chance.random() < 0.05 else size if not last else size // 2 + 1,
                    marker=last,
                    turned=chance.random() < 0.05,
                )
                fate = chance.random()
                if fate < 0.04:
                    held.append((data, layer))
                    continue
                for side in sides:
                    side.packet(data, layer, now_ns)
                    if fate > 0.98:
                        side.packet(data, layer, now_ns)
        if held and chance.random() < 0.5:
            late, layer = held.pop(0)
            for side in sides:
                side.packet(late, layer, now_ns)
        act, who, wish = chance.random(), chance.randrange(SUBSCRIBERS), chance.randrange(3)
        if chance.random() < 0.7 or act < 0.3:
            for side in sides:
                side.flush()
        asked = tuple(
            chance.randrange(65536) if act < 0.05 else 65_500 + chance.randrange(3000) & 0xFFFF for _ in "xyz"
        )
        for side in sides:
            consumer = side.consumers[who]
            if act < 0.3:
                consumer.on_nack(asked, now_ns)
            elif act < 0.4:
                consumer.preferred = wish
            elif act < 0.43:
                consumer.pause()
            elif act < 0.5:
                consumer.resume()
        reports = [side.consumers[who].sender_report(now_ns) for side in sides]
        assert reports[0] == reports[1]
    for side in sides:
        side.flush()
        side.close()
    total = 0
    for one, other in zip(plain.subscribers, fast.subscribers, strict=True):
        assert sorted(one.got) == sorted(other.got)
        media = [[d[2:4] for d in s.got if d[8:10] == b"\x00\x00" and d[10] == 3] for s in (one, other)]
        assert media[0] == media[1], "in the same order"
        total += len(one.got)
    assert total > 1000
    assert sum(stream.hot_packets for stream in fast.streams) > 500
    for one, other in zip(plain.consumers, fast.consumers, strict=True):
        other.settle()
        assert (one.packets, one.octets) == (other.packets, other.octets)
    assert [s.packets_out for s in plain.subscribers] == [s.packets_out for s in fast.subscribers]
