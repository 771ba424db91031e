"""Sound and pictures out of a stored file."""

from __future__ import annotations

import io

import av
import numpy as np

from . import cameras
from .tones import RATE_HZ, Samples


def sound_of(content: bytes) -> tuple[float, Samples]:
    """The time of the first sample in the file, s, and all samples from there on, gaps as silence."""
    with av.open(io.BytesIO(content), "r") as container:
        resampler = av.AudioResampler("flt", "mono", RATE_HZ)
        first: float | None = None
        samples = np.zeros(0, np.float32)
        for frame in container.decode(audio=0):
            assert frame.time is not None
            first = frame.time if first is None else first
            at = round((frame.time - first) * RATE_HZ)
            for part in resampler.resample(frame):
                values = part.to_ndarray()[0]
                if at > len(samples):
                    samples = np.concatenate([samples, np.zeros(at - len(samples), np.float32)])
                samples = np.concatenate([samples[:at], values])
                at += len(values)
    assert first is not None
    return first, samples


def seen_in(content: bytes) -> str | None:
    """Whose camera the last picture in the file shows."""
    with av.open(io.BytesIO(content), "r") as container:
        *_, last = container.decode(video=0)
    planes = [np.frombuffer(bytes(plane), np.uint8).astype(float) for plane in last.planes[1:]]
    return cameras.seen(planes[0], planes[1])
