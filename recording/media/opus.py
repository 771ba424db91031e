"""Opus packets (RFC 6716 §3.1, RFC 7587): how long each one lasts, and silence."""

from __future__ import annotations

RATE = 48_000

#: Frame durations by configuration number, in samples at 48 kHz (RFC 6716, table 2).
_SILK = (480, 960, 1920, 2880)
_HYBRID = (480, 960)
_CELT = (120, 240, 480, 960)
_FRAME_SAMPLES = _SILK * 3 + _HYBRID * 2 + _CELT * 4
_LONGEST_SAMPLES = 5760

#: 20 ms and 120 ms of digital silence: CELT, full band, mono; each frame is the two bytes an encoder gives for zeros.
SILENCE_SAMPLES = 960
SILENCE = b"\xf8\xff\xfe"
LONG_SILENCE_SAMPLES = 5760
LONG_SILENCE = b"\xfb\x06" + b"\xff\xfe" * 6


def samples(packet: bytes | memoryview) -> int:
    """The duration in samples at 48 kHz; 0 if this is no Opus packet."""
    if not packet:
        return 0
    toc = packet[0]
    frame = _FRAME_SAMPLES[toc >> 3]
    code = toc & 0x03
    count = (1, 2, 2, packet[1] & 0x3F if len(packet) > 1 else 0)[code]
    total = frame * count
    return total if total <= _LONGEST_SAMPLES else 0
