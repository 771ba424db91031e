"""A peer who sends, peers who receive, and a port between them on either hot path, at a time of the test's own."""

from __future__ import annotations

import random
import socket
from types import SimpleNamespace
from typing import Any

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

from signaling.ortc import RtpCapabilities, RtpCodec, RtpEncoding, RtpHeaderExtension, RtpParameters
from signaling.sfu import capabilities as caps
from signaling.sfu import rtcp, rtp
from signaling.sfu.capture import Gathered, SinkState
from signaling.sfu.capture_tap import CaptureTap, RoomCapture
from signaling.sfu.clock import NS_PER_S, Clock
from signaling.sfu.consumer import Consumer
from signaling.sfu.downlink import Downlink
from signaling.sfu.dtls_adapter import Certificate, SrtpKeys
from signaling.sfu.fastpath import FastPath
from signaling.sfu.levels import LevelMeter
from signaling.sfu.native.path import NativeSocket
from signaling.sfu.port import Port
from signaling.sfu.producer import Producer
from signaling.sfu.seqmap import SequenceMap
from signaling.sfu.udp import UdpPath, UdpSocket
from signaling.sfu.uplink import Uplink

VP8_PT, RTX_PT, OPUS_PT, H264_PT = 96, 97, 111, 108
MID_ID, RID_ID, RRID_ID, TIME_ID, LEVEL_ID, TURN_ID = 4, 10, 11, 2, 1, 3
AUDIO_SSRC, H264_SSRC = 1000, 3000
HOT_SUBSCRIBERS = 3
RECORD_HEAD_BYTES = 13


def session(number: int, *, outbound: bool) -> Session:
    policy = Policy(
        key=bytes([number]) * 28,
        ssrc_type=Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND,
        srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    )
    policy.allow_repeat_tx = True
    policy.window_size = 1024
    return Session(policy)


def keys(number: int) -> SrtpKeys:
    dtls: Any = SimpleNamespace(_rx_srtp=session(number, outbound=False), _tx_srtp=session(number + 1, outbound=True))
    return SrtpKeys(dtls)


class Track:
    """Keeps what it is told, in order, packets by the hundred among it."""

    def __init__(self, log: list[tuple[Any, ...]], failing: list[bool]) -> None:
        self.log = log
        self._failing = failing
        self._pull: Any = lambda: None

    def gather(self, pull: Any) -> None:
        self._pull = pull

    def absorb(self) -> None:
        gathered: Gathered | None = self._pull()
        if gathered is None:
            return
        records, count, first_ns, last_ns = gathered
        at, times = 0, []
        while at < len(records):
            assert records[at] == 1
            mono_ns = int.from_bytes(records[at + 1 : at + 9], "big")
            end = at + RECORD_HEAD_BYTES + int.from_bytes(records[at + 9 : at + 13], "big")
            self.log.append(("rtp", records[at + RECORD_HEAD_BYTES : end], mono_ns))
            times.append(mono_ns)
            at = end
        assert len(times) == count
        assert (times[0], times[-1]) == (first_ns, last_ns)

    def rtp(self, packet: bytes, mono_ns: int) -> None:
        self._tell("rtp", packet, mono_ns)

    def rtcp(self, packet: bytes, mono_ns: int) -> None:
        self._tell("rtcp", packet, mono_ns)

    def note(self, what: str, mono_ns: int) -> None:
        self._tell("note", what, mono_ns)

    def close(self, reason: str) -> None:
        self._tell("close", reason)

    def _tell(self, *what: Any) -> None:
        self.absorb()
        if self._failing:
            raise OSError("the disk is gone")
        self.log.append(what)


class Sink:
    """One recording; fails while ``failing`` is not empty."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.log: list[tuple[Any, ...]] = []
        self.failing: list[bool] = []

    def open(self, recording_id: str, on_state: Any, about: Any = None) -> Sink:
        return self

    def open_track(self, info: Any) -> Track:
        if self.failing:
            raise OSError("the disk is gone")
        self.log.append(("open", info.source))
        self.tracks.append(Track([], self.failing))
        return self.tracks[-1]

    def state(self) -> SinkState:
        return SinkState(tracks=1, durable_wall_ns=0, bytes=0)

    def close(self, reason: str) -> None: ...

    async def aclose(self) -> None: ...

    def content(self) -> list[list[tuple[Any, ...]]]:
        for track in self.tracks:
            track.absorb()
        return [track.log for track in self.tracks]


class SlowPath:
    """A way to a peer that knows no batches, as TCP's."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def send(self, datagram: bytes | memoryview) -> bool:
        self.got.append(bytes(datagram))
        return True


def _parameters(mid: str, codecs: list[RtpCodec], encodings: list[RtpEncoding]) -> RtpParameters:
    uris = {
        caps.MID_URI: MID_ID,
        caps.RID_URI: RID_ID,
        caps.REPAIRED_RID_URI: RRID_ID,
        caps.ABS_SEND_TIME_URI: TIME_ID,
        caps.AUDIO_LEVEL_URI: LEVEL_ID,
        caps.ORIENTATION_URI: TURN_ID,
    }
    extensions = [RtpHeaderExtension(uri=uri, id=number) for uri, number in uris.items()]
    return RtpParameters(mid=mid, codecs=codecs, header_extensions=extensions, encodings=encodings)


SOURCES = {
    "microphone": _parameters(
        "0",
        [RtpCodec(mime_type="audio/opus", clock_rate=48000, channels=2, payload_type=OPUS_PT)],
        [RtpEncoding(ssrc=AUDIO_SSRC)],
    ),
    "camera": _parameters(
        "1",
        [
            RtpCodec(mime_type="video/VP8", clock_rate=90000, payload_type=VP8_PT),
            RtpCodec(mime_type="video/rtx", clock_rate=90000, payload_type=RTX_PT, parameters={"apt": VP8_PT}),
        ],
        [RtpEncoding(rid=f"r{i}") for i in range(3)],
    ),
    "screen": _parameters(
        "2",
        [
            RtpCodec(
                mime_type="video/H264",
                clock_rate=90000,
                payload_type=H264_PT,
                parameters={"packetization-mode": 1, "profile-level-id": "42e01f", "level-asymmetry-allowed": 1},
            )
        ],
        [RtpEncoding(ssrc=H264_SSRC)],
    ),
}


class Rig:
    """Needs a running loop, but nothing is awaited: the test says when the socket is read."""

    def __init__(self, fast: FastPath, certificate: Certificate) -> None:
        self.now_ns = 5 * NS_PER_S
        self.fast = fast
        clock = Clock(mono_ns=lambda: self.now_ns)
        self.port = Port(clock, fast)
        self._clock = clock
        self.sock = UdpSocket(self.port, "127.0.0.1", 0, clock)
        self.port._sockets.append(self.sock)
        self.address = ("127.0.0.1", self.sock.number)
        self.sockets: list[socket.socket] = []
        self.sink, self.levels = Sink(), LevelMeter()
        any_sink: Any = self.sink
        self.room = RoomCapture(any_sink, "r", clock, lambda state: None)

        self.uplink = Uplink("u", "peer", self.port, certificate, clock, lambda transport, state: None)
        self.client, path = self._peer()
        self.uplink._keys, self.uplink._path = keys(1), path
        self.uplink._own_ssrc = 77
        self.uplink._ice.heard_ns = self.now_ns
        self.port.path_proven(path, self.uplink)
        self.uplink.on_connected()

        self.producers = [self._producer(source) for source in SOURCES]
        self.downlinks: list[Downlink] = []
        self.slow_path = SlowPath()
        self.received: list[list[bytes]] = [[] for _ in range(HOT_SUBSCRIBERS)]
        self.told: list[bytes] = []
        for n in range(HOT_SUBSCRIBERS + 1):
            down = Downlink(
                f"d{n}", f"peer{n}", self.port, certificate, clock, lambda transport, state: None, RtpCapabilities()
            )
            down._path = self._peer()[1] if n < HOT_SUBSCRIBERS else self.slow_path
            down._keys = keys(10 + 2 * n)
            self.downlinks.append(down)
        self.consumers = [self._consumer(n, p) for n in range(HOT_SUBSCRIBERS + 1) for p in range(len(SOURCES))]

    def _peer(self) -> tuple[socket.socket, UdpPath]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        self.sockets.append(sock)
        return sock, UdpPath(self.sock._socket, sock.getsockname(), self.sock._outbox)

    def _producer(self, source: str) -> Producer:
        parameters = SOURCES[source]
        kind = "audio" if source == "microphone" else "video"
        producer = Producer(
            source,
            "peer",
            source,
            kind,
            caps.producer_codec(kind, parameters),
            parameters,
            {},
            request_keyframe=lambda layer: self.uplink.request_keyframe(producer, layer),
            fast=self.fast,
        )
        producer.on_level = self.levels.add
        producer.set_flow(allowed=True)
        announced = [(e.ssrc, None) for e in parameters.encodings if e.ssrc is not None]
        self.uplink.add_producer(producer, announced)
        producer.capture = CaptureTap(self.room, producer)
        return producer

    def record(self, producer: int) -> None:
        """Begin to record this source, or end it."""
        source = self.producers[producer]
        if source.capture is not None:
            source.capture.close("forbidden")
            source.capture = None
        else:
            source.capture = CaptureTap(self.room, source)

    def _consumer(self, number: int, producer: int) -> Consumer:
        source = self.producers[producer]
        rtx = source.kind == "video" and number != 1
        consumer = Consumer(
            f"c{number}-{producer}",
            self.downlinks[number],
            source,
            ssrc=5000 + 10 * number + producer,
            rtx_ssrc=7000 + 10 * number + producer if rtx else None,
            payload_type=100 + producer,
            rtx_payload_type=120,
            cname="n",
            mid=b"m" if number == 2 else b"",
        )
        consumer._map = SequenceMap(65_500)
        consumer._named_below = consumer._map.highest_out + 1 + 20 if number == 2 else 0
        consumer._rtx_sequence = 10
        source.consumers[consumer.id] = consumer
        self.downlinks[number].add_consumer(consumer)
        consumer.resume()
        return consumer

    def read(self) -> None:
        """Everything that came is taken."""
        native = self.sock._outbox
        if isinstance(native, NativeSocket):
            self.sock._readable_native(self.fast, native)
        else:
            self.sock._readable_batch(self.fast)
        self.settle()

    def settle(self) -> None:
        """What is to be sent is sent, and read by its receivers."""
        self.fast.flush()
        for sock, got in zip(self.sockets, [self.told, *self.received], strict=True):
            while True:
                try:
                    got.append(sock.recv(4096))
                except BlockingIOError:
                    break

    def tick(self) -> None:
        self.uplink.on_timer(self.now_ns)
        for producer in self.producers:
            producer.on_timer(self.now_ns)

    def report(self) -> dict[str, int] | None:
        """Half a second is over; who spoke in it."""
        self.uplink.report(self.now_ns)
        self.uplink.check_consent(self.now_ns)
        for down in self.downlinks:
            down.report(self.now_ns)
        for producer in self.producers:
            if producer.capture is not None:
                producer.capture.on_timer(self.now_ns)
            producer.tell_level()
        return self.levels.take()

    def close(self) -> None:
        self.sock.close()
        for sock in self.sockets:
            sock.close()


class Sender:
    """Makes what one browser might send, on a bad day and on a bad network."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self._srtp = session(1, outbound=True)
        self._number = {"audio": 65_400, "h264": 30_000} | {f"r{i}": 65_300 + 70 * i for i in range(3)}
        self._ssrc = {"audio": AUDIO_SSRC, "h264": H264_SSRC} | {f"r{i}": 2000 + i for i in range(3)}
        self._frame = 0
        self._kept: dict[str, list[bytes]] = {}
        self.active = {"r0", "r1", "r2"}
        self.temporal = 1

    def protected(self, packet: bytes) -> bytes:
        """Longer than pylibsrtp's own method takes it; as it is, if libsrtp has no way to protect it."""
        buffer, size = ffi.new("unsigned char[]", 4096), ffi.new("int *", len(packet))
        ffi.buffer(buffer)[0 : len(packet)] = packet
        if lib.srtp_protect(self._srtp._srtp[0], buffer, size):
            return packet
        return bytes(ffi.buffer(buffer, size[0]))

    def audio(self, now_ns: int) -> list[bytes]:
        chance = self.chance
        level = b"" if chance.random() < 0.1 else bytes([chance.randrange(256)])
        return [self._packet("audio", OPUS_PT, now_ns, bytes([7]) * chance.randrange(1, 120), level=level)]

    def frame(self, now_ns: int) -> list[bytes]:
        """One picture on each layer."""
        chance = self.chance
        self._frame += 1
        made = []
        for rid in sorted(self.active):
            key = chance.random() < 0.05
            size = chance.choice([200, 500, 500, 1100, 1570])
            temporal = chance.randrange(self.temporal)
            for i in range(count := chance.randrange(1, 5)):
                head = bytes([0x90 if not i else 0x80, 0xE0]) + (0x8000 | self._frame & 0x7FFF).to_bytes(2, "big")
                head += bytes([self._frame & 0xFF, temporal << 6])
                if chance.random() < 0.03:
                    head = chance.choice([b"\x90\x80\x05", b"\x10", b"\x90\xf0", b"\x80\x80\x80", b""])
                body = (b"\x10" if key and not i else b"\x11") + bytes([i]) * (size if i < count - 1 else size // 3)
                made.append(self._packet(rid, VP8_PT, now_ns, head + body, marker=i == count - 1, rid=rid.encode()))
        return made

    def screen(self, now_ns: int) -> list[bytes]:
        chance = self.chance
        units = [b"\x67parameter set", b"\x41slice", b"\x7c\x87fragment", b"\x7c\x05fragment", b"\x78\x00\x02\x67\x00"]
        return [
            self._packet("h264", H264_PT, now_ns, chance.choice([units[1]] * 9 + units) + bytes(50), marker=bool(i))
            for i in range(chance.randrange(1, 4))
        ]

    def restart(self) -> None:
        """A stream jumps, or is another."""
        name = self.chance.choice(["audio", "r0", "r1", "r2", "h264"])
        if self.chance.random() < 0.5 or name in ("audio", "h264"):
            self._number[name] += self.chance.choice([600, 5_000, 20_000, 40_000])
        else:
            self._ssrc[name] += 10

    def sender_report(self, now_ns: int) -> bytes:
        name = self.chance.choice(list(self._ssrc))
        report = rtcp.sender_report(self._ssrc[name], (now_ns << 32) // NS_PER_S, now_ns * 9 // 100_000, 1, 1)
        return bytes(self._srtp.protect_rtcp(report))

    def retransmission(self) -> bytes | None:
        """Of a packet of the camera that was made lately."""
        names = [name for name in self._kept if name.startswith("r") and self._kept[name]]
        if not names:
            return None
        name = self.chance.choice(names)
        parsed = rtp.parse(self.chance.choice(self._kept[name]))
        if parsed is None:
            return None
        payload = parsed.sequence.to_bytes(2, "big") + parsed.payload
        self._number[name + "x"] = number = self._number.get(name + "x", 0) + 1
        extensions = {MID_ID: b"1", RRID_ID: name.encode()}
        ssrc = 9000 + self._ssrc[name]
        packet = rtp.build(RTX_PT, number, parsed.timestamp, ssrc, payload, extensions=extensions)
        return self.protected(packet)

    def _packet(
        self,
        name: str,
        payload_type: int,
        now_ns: int,
        payload: bytes,
        *,
        marker: bool = False,
        rid: bytes = b"",
        level: bytes = b"",
    ) -> bytes:
        chance = self.chance
        self._number[name] += 1
        extensions: dict[int, bytes] = {}
        if rid:
            extensions |= {MID_ID: b"1", RID_ID: rid}
        if payload_type != OPUS_PT and chance.random() < 0.9:
            extensions[TIME_ID] = ((now_ns - 3_000_000) * (1 << 18) // NS_PER_S & 0xFFFFFF).to_bytes(3, "big")
        if payload_type != OPUS_PT and chance.random() < 0.1:
            extensions[TURN_ID] = b"\x01"
        if level:
            extensions[LEVEL_ID] = level
        odd = chance.random()
        if odd < 0.02:
            payload = b""
        if odd > 0.99:
            payload_type = 55
        clock = 48 if payload_type == OPUS_PT else 90
        packet = rtp.build(
            payload_type,
            self._number[name],
            now_ns // 1_000_000 * clock,
            self._ssrc[name],
            payload,
            marker=marker,
            extensions=extensions or None,
        )
        if odd < 0.04:  # padding behind the payload, or nothing else
            packet = bytes([packet[0] | 0x20]) + packet[1:] + bytes(3) + b"\x04"
        elif odd < 0.05:  # contributing sources
            packet = bytes([packet[0] | 2]) + packet[1:12] + bytes(8) + packet[12:]
        elif odd < 0.055:  # an extension that is longer than the packet
            packet = bytes([packet[0] | 0x10]) + packet[1:12] + b"\xbe\xde\x7f\xff" + packet[12:]
        kept = self._kept.setdefault(name, [])
        kept.append(packet)
        del kept[:-40]
        return self.protected(packet)
