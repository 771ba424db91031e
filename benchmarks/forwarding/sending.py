"""RTP that looks like a browser's, and when each packet of it is due."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import lcm

#: Ids of header extensions, as clients of both sides announce them here.
ABS_SEND_TIME_ID = 4
AUDIO_LEVEL_ID = 10
OPUS_PT = 111
VP8_PT = 96
VP8_RTX_PT = 97
AUDIO_CLOCK_HZ = 48000
VIDEO_CLOCK_HZ = 90000
NS_PER_S = 1_000_000_000
#: The send time ends every payload, so that a probe finds it whatever was rewritten before it.
STAMP_BYTES = 8
STAMP = struct.Struct("!Q")
#: First bytes of a keyframe (RFC 6386 §9.1: frame tag with the P bit clear, start code, 1280 x 720) and of others.
_KEYFRAME = bytes.fromhex("1000009d012a0005d002")
_DELTA = bytes.fromhex("110000")
#: VP8 payload descriptor with a 15-bit picture id (RFC 7741 §4.2), first packet of a frame and others.
_STARTS_FRAME, _GOES_ON = 0x90, 0x80
#: About -30 dBov, voice.
_LEVEL = 0x80 | 30


@dataclass(frozen=True, slots=True)
class Flow:
    """A stream to send: ``packets`` of ``payload`` bytes every ``period_ms``, from ``phase_us`` into the cycle."""

    transport: int
    kind: str
    ssrc: int
    period_ms: int
    packets: int
    payload: int
    phase_us: int


class Writer:
    """Writes the packets of one flow; state that goes on from packet to packet."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.wants_keyframe = True
        self.packets = 0
        self.octets = 0
        self.timestamp = flow.ssrc * 2654435761 & 0xFFFFFFFF
        self._sequence = flow.ssrc * 40503 & 0x7FFF
        self._picture = flow.ssrc & 0x3FFF
        self._video = flow.kind == "video"
        clock = VIDEO_CLOCK_HZ if self._video else AUDIO_CLOCK_HZ
        self._step = clock * flow.period_ms // 1000
        body = flow.payload - STAMP_BYTES - (4 if self._video else 0)
        self._key_body = _KEYFRAME.ljust(body, b"\x5a")
        self._delta_body = _DELTA.ljust(body, b"\x5a")
        self._rest_body = b"\x5a" * body
        if self._video:
            self._pack = struct.Struct(f"!BBHIIHHIBBH{body}sQ").pack_into
        else:
            self._pack = struct.Struct(f"!BBHIIHHBBH{body}sQ").pack_into
        self.size = 12 + 8 + flow.payload

    def begin_frame(self) -> bool:
        """Move the clock on; ``True`` if this frame is a keyframe."""
        self.timestamp = self.timestamp + self._step & 0xFFFFFFFF
        self._picture = self._picture + 1 & 0x7FFF
        keyframe, self.wants_keyframe = self._video and self.wants_keyframe, False
        return keyframe

    def write(self, buffer: memoryview, at: int, index: int, keyframe: bool, now_ns: int) -> None:
        """Packet ``index`` of the present frame at ``buffer[at:]``, :attr:`size` bytes; ``now_ns`` is wall clock."""
        flow = self.flow
        self._sequence = self._sequence + 1 & 0xFFFF
        self.packets += 1
        self.octets += flow.payload
        if not self._video:
            self._pack(
                buffer, at, 0x90, OPUS_PT, self._sequence, self.timestamp, flow.ssrc, 0xBEDE, 1,
                AUDIO_LEVEL_ID << 4, _LEVEL, 0, self._rest_body, now_ns,
            )  # fmt: skip
            return
        marker = 0x80 if index == flow.packets - 1 else 0
        sent = (now_ns << 18) // NS_PER_S & 0xFFFFFF
        body = self._rest_body if index else self._key_body if keyframe else self._delta_body
        self._pack(
            buffer, at, 0x90, marker | VP8_PT, self._sequence, self.timestamp, flow.ssrc, 0xBEDE, 1,
            (ABS_SEND_TIME_ID << 4 | 2) << 24 | sent, _GOES_ON if index else _STARTS_FRAME, 0x80,
            0x8000 | self._picture, body, now_ns,
        )  # fmt: skip


def cycle(flows: list[Flow]) -> tuple[int, list[tuple[int, int]]]:
    """The cycle's length and when in it which flow sends: ns, (ns from its start, number of the flow), ascending."""
    length_ms = lcm(*(flow.period_ms for flow in flows))
    events = [
        ((flow.phase_us * 1000 + turn * flow.period_ms * 1_000_000) % (length_ms * 1_000_000), number)
        for number, flow in enumerate(flows)
        for turn in range(length_ms // flow.period_ms)
    ]
    return length_ms * 1_000_000, sorted(events)
