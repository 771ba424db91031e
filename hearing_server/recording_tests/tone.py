"""The known tone of a test recording: made, and looked for in what was played back."""

from __future__ import annotations

import array
import io
import math
from collections.abc import Sequence

import av

#: Between two harmonics of the mains (50 and 60 Hz), well within what Opus keeps.
TONE_HZ = 730
RATE_HZ = 48_000
#: A quarter of full scale.
AMPLITUDE = 8192
#: What is played back is looked at in pieces of this length, s, at this rate.
PIECE_S = 0.1
HEARD_RATE_HZ = 8_000
#: Least share of a piece's power at the tone, and least loudness (RMS, of 32768), for the tone to be in it.
SHARE, LOUDNESS = 0.8, AMPLITUDE / math.sqrt(2) / 4
#: What is decoded at most, s: a test is much shorter.
DECODED_LIMIT_S = 60


def samples(first: int, count: int) -> bytes:
    """The tone from this sample on, 16 bits, mono, at :data:`RATE_HZ`."""
    turn = 2 * math.pi * TONE_HZ / RATE_HZ
    return array.array("h", (round(AMPLITUDE * math.sin(turn * n)) for n in range(first, first + count))).tobytes()


def has_tone(piece: Sequence[int], rate_hz: int = HEARD_RATE_HZ) -> bool:
    """Whether these samples are the tone and nothing else (Goertzel's algorithm)."""
    power = sum(sample * sample for sample in piece)
    if not piece or math.sqrt(power / len(piece)) < LOUDNESS:
        return False
    factor = 2 * math.cos(2 * math.pi * TONE_HZ / rate_hz)
    before = last = 0.0
    for sample in piece:
        before, last = last, sample + factor * last - before
    at_tone = last * last + before * before - factor * last * before
    return 2 * at_tone / len(piece) / power >= SHARE


def heard_s(media: bytes) -> float:
    """How long the tone is in this playable file, s.  Raises :class:`av.error.FFmpegError` or :class:`ValueError`."""
    found = array.array("h")
    resampler = av.AudioResampler("s16", "mono", HEARD_RATE_HZ)
    with av.open(io.BytesIO(media), "r") as file:
        for frame in file.decode(audio=0):
            for piece in resampler.resample(frame):
                found.frombytes(bytes(piece.planes[0])[: 2 * piece.samples])
            if len(found) > DECODED_LIMIT_S * HEARD_RATE_HZ:
                break
    length = int(PIECE_S * HEARD_RATE_HZ)
    pieces = (found[begin : begin + length] for begin in range(0, len(found) - length + 1, length))
    return PIECE_S * sum(has_tone(piece) for piece in pieces)
