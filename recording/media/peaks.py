"""How loud a person was, over time: peaks of the decoded sound for the lane of the archive."""

from __future__ import annotations

import av
from av.audio.codeccontext import AudioCodecContext

#: One value per this long, ms.
PERIOD_MS = 500
#: Of so many packets the first two are decoded, and every so many samples of the second looked at: speech is still
#: caught, and twenty hearings at a time cost less.  The first brings the decoder back into the sound: what it gives
#: after a leap may be twice as loud.
_PACKETS = 8
_STRIDE = 8


class Peaks:
    """Values 0..100, 100 being full scale, one per :data:`PERIOD_MS` since the file's start."""

    def __init__(self) -> None:
        self.values: list[int] = []
        decoder = av.CodecContext.create("opus", "r")
        assert isinstance(decoder, AudioCodecContext)
        decoder.layout = "stereo"
        decoder.sample_rate = 48_000
        self._decoder = decoder
        self._turn = 0

    def add(self, time_ms: int, packet: bytes | memoryview) -> None:
        """A packet at its place in the file; one that cannot be decoded counts as silence."""
        turn, self._turn = self._turn, (self._turn + 1) % _PACKETS
        if turn <= 1:
            self.look(time_ms, packet, turn)

    def look(self, time_ms: int, packet: bytes | memoryview, turn: int) -> None:
        """The first (``turn`` 0) or second packet of those that are looked at."""
        try:
            frames = self._decoder.decode(av.Packet(bytes(packet)))
        except av.error.FFmpegError:
            return
        if turn == 0:
            return
        index = max(0, time_ms) // PERIOD_MS
        if index >= len(self.values):
            self.values.extend([0] * (index + 1 - len(self.values)))
        for frame in frames:
            samples = memoryview(frame.planes[0]).cast("B").cast("f")[: frame.samples : _STRIDE].tolist()
            if samples:
                peak = min(100, round(100 * max(max(samples), -min(samples))))
                if peak > self.values[index]:
                    self.values[index] = peak
