"""How loud a person was, over time: peaks of the sound for the lane of the archive.

Every browser says with each packet how loud it is (RFC 6464), which costs nothing to read.  Sound of a sender that does
not say so is decoded, some of it.
"""

from __future__ import annotations

import av
from av.audio.codeccontext import AudioCodecContext

#: One value per this long, ms.
PERIOD_MS = 500
#: A level is the root mean square of a packet's samples; speech peaks so far above it, dB, as few as 20 ms are.
CREST_DB = 9
#: What a level of 0..127 -dBov is among the peaks.
LOUDNESS = bytes(min(100, round(100 * 10 ** ((CREST_DB - level) / 20))) for level in range(127)) + bytes(1)
#: Of so many packets that do not say how loud they are the first two are decoded, and every so many samples of the
#: second looked at: speech is still caught, and twenty hearings at a time cost less.  The first brings the decoder back
#: into the sound: what it gives after a leap may be twice as loud.
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

    def add(self, time_ms: int, packet: bytes | memoryview, level: int | None = None) -> None:
        """A packet at its place in the file and its level, if it says so, else it may be decoded.

        One that cannot be decoded counts as silence.
        """
        if level is not None:
            self.raise_to(time_ms // PERIOD_MS, LOUDNESS[level : level + 1])
            return
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
        peaks = [0]
        for frame in frames:
            samples = memoryview(frame.planes[0]).cast("B").cast("f")[: frame.samples : _STRIDE].tolist()
            if samples:
                peaks.append(min(100, round(100 * max(max(samples), -min(samples)))))
        self.raise_to(max(0, time_ms) // PERIOD_MS, bytes([max(peaks)]))

    def raise_to(self, index: int, peaks: bytes) -> None:
        """The periods from this one on have at least these peaks."""
        missing = index + len(peaks) - len(self.values)
        if missing > 0:
            self.values.extend([0] * missing)
        for at, peak in enumerate(peaks, start=index):
            if peak > self.values[at]:
                self.values[at] = peak
