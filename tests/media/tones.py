"""A voice per person: a tone of its own, swelling like speech, and the means to find it again in any sound."""

from __future__ import annotations

import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE_HZ = 48_000
#: Far apart, and none a multiple or a sum of others, so that distortion of one is never taken for another.
TONES_HZ = {
    "judge": 433.0,
    "claimant": 691.0,
    "respondent": 1013.0,
    "witness": 1429.0,
    "interpreter": 1867.0,
    "clerk": 2351.0,
}
#: Noise suppression takes a steady tone for noise and removes it, so the tones swell at the pace of syllables.
SYLLABLES_HZ = 4.0
QUIETEST, LOUDEST = 0.25, 0.6
#: Length of a window in which a tone is looked for, s: bins 20 Hz wide.
WINDOW_S = 0.05
#: Length of the blocks of which a longer sound is judged, s: bins 8 Hz wide.
BLOCK_S = 0.25
#: A tone is present if it holds this part of the sound's energy, and the sound is louder than this (RMS, full scale 1).
SHARE = 0.1
SILENCE_RMS = 0.002


def voice(frequency_hz: float, seconds: float) -> Samples:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    swell = QUIETEST + (LOUDEST - QUIETEST) * (0.5 - 0.5 * np.cos(2 * np.pi * SYLLABLES_HZ * time))
    return (swell * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


def write_wav(path: Path, samples: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def microphone(path: Path, role: str, seconds: float = 4.0) -> Path:
    """A file for a browser's fake microphone, which plays it in a loop without a click at the seam."""
    return write_wav(path, voice(TONES_HZ[role], seconds))


def power(samples: Samples, frequency_hz: float, rate_hz: int = RATE_HZ) -> float:
    """Mean square of the part of the sound at this frequency (Goertzel's question, asked with a Hann window)."""
    window = np.hanning(len(samples))
    phase = np.exp(-2j * np.pi * frequency_hz * np.arange(len(samples)) / rate_hz)
    amplitude = 2 * abs(np.sum(samples * window * phase)) / np.sum(window)
    return float(amplitude**2 / 2)


def heard(
    samples: Samples, rate_hz: int = RATE_HZ, *, voices: Mapping[str, float] = TONES_HZ, share: float = SHARE
) -> set[str]:
    """Whose voices are in this sound: those that hold this share of it."""
    # In short blocks, because a tone that paused goes on in another phase.
    blocks = np.array_split(samples, max(1, round(len(samples) / rate_hz / BLOCK_S)))
    total = float(np.mean([np.mean(block.astype(np.float64) ** 2) for block in blocks])) if len(samples) else 0.0
    if total < SILENCE_RMS**2:
        return set()
    shares = {role: np.mean([power(block, tone, rate_hz) for block in blocks]) / total for role, tone in voices.items()}
    return {role for role, part in shares.items() if part > share}


def envelope(samples: Samples, frequency_hz: float, rate_hz: int = RATE_HZ, step_s: float = 0.01) -> Samples:
    """Amplitude of one tone over time, one value per step; each window begins at its value's time."""
    width, step = int(WINDOW_S * rate_hz), int(step_s * rate_hz)
    count = max(0, (len(samples) - width) // step + 1)
    window = np.hanning(width)
    phase = np.exp(-2j * np.pi * frequency_hz * np.arange(width) / rate_hz)
    kernel = window * phase * 2 / np.sum(window)
    blocks = np.lib.stride_tricks.sliding_window_view(samples, width)[::step][:count]
    amplitudes: Samples = np.abs(blocks @ kernel).astype(np.float32)
    return amplitudes


def pauses(samples: Samples, frequency_hz: float, rate_hz: int = RATE_HZ, shortest_s: float = 0.3) -> list[float]:
    """When a tone that was heard falls silent for at least ``shortest_s``, in seconds from the first sample."""
    step_s = 0.01
    loud = envelope(samples, frequency_hz, rate_hz, step_s) > QUIETEST / 5
    starts: list[float] = []
    quiet_since: int | None = None
    seen = False
    for index, is_loud in enumerate(loud.tolist()):
        if is_loud:
            if seen and quiet_since is not None and (index - quiet_since) * step_s >= shortest_s:
                starts.append(quiet_since * step_s + WINDOW_S / 2)
            quiet_since, seen = None, True
        elif quiet_since is None:
            quiet_since = index
    return starts
