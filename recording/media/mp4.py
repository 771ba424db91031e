"""An MP4 writer for H.264 pictures (ISO/IEC 14496-15), by FFmpeg's muxer: what was received, in another box.

The head stands in front of the media, so that a browser seeks by HTTP ranges after one read.  The same frames give the
same bytes.
"""

from __future__ import annotations

import contextlib
import io
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.stream

_MS = Fraction(1, 1000)
#: How long the last picture stands, ms.
_LAST_MS = 40
_OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact"}


class Mp4Writer:
    """One picture track; the file is made with the first keyframe, whose parameter sets and size it states."""

    def __init__(self, path: Path) -> None:
        self.width = 0
        self.height = 0
        self._path = path
        self._container: av.container.OutputContainer | None = None
        self._stream: av.stream.Stream | None = None

    def write(self, track: int, time_ms: int, data: bytes | memoryview, key: bool) -> bool:
        """One picture as a byte stream (Annex B), in order of time; false if the muxer finds no picture in it.

        Raises :class:`OSError`.
        """
        try:
            if self._container is None and not (key and self._open(bytes(data))):
                return False
            assert self._container is not None
            assert self._stream is not None
            packet = av.Packet(bytes(data))
            packet.stream = self._stream
            packet.time_base = _MS
            packet.pts = packet.dts = time_ms
            packet.duration = _LAST_MS
            packet.is_keyframe = key
            self._container.mux_one(packet)
        except av.FFmpegError as error:
            _raise_if_of_the_disk(error)
            return False
        return True

    def finish(self, duration_ms: int, title: str = "", begun_ns: int | None = None) -> None:
        """Write the head.  The length follows from the pictures, and there is no title nor date: they would have to
        stand before them.  Raises :class:`OSError`."""
        container, self._container = self._container, None
        if container is not None:
            try:
                container.close()
            except av.FFmpegError as error:
                raise OSError(f"{self._path}: {error}") from error

    def close(self) -> None:
        """Let go of an unfinished file, which is thrown away."""
        container, self._container = self._container, None
        if container is not None:
            with contextlib.suppress(av.FFmpegError, OSError):
                container.close()

    def _open(self, keyframe: bytes) -> bool:
        with av.open(io.BytesIO(keyframe), format="h264") as source:
            if not source.streams.video or not source.streams.video[0].width:
                return False
            container = av.open(str(self._path), "w", format="mp4", options=_OPTIONS)
            self._stream = container.add_stream_from_template(source.streams.video[0])
            self._stream.time_base = _MS
            self._container = container
        return True


def _raise_if_of_the_disk(error: av.FFmpegError) -> None:
    """What a sender made of its pictures must not look like a full disk, after which the files are made anew."""
    if isinstance(error, OSError):
        raise OSError(error.errno, str(error)) from error
