"""Where captured packets go: the interface that the worker is given at start.

The media worker knows no recording format; whoever composes the process injects
a sink.  Every call is made on the event loop's thread and must not block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

#: RTP packets of one track, in order: of each one byte 1, eight of ``time.monotonic_ns()`` at arrival and four of its
#: length, big-endian, then the packet.  How many they are, and when the first and the last arrived (monotonic ns).  The
#: bytes are his who was given them.
Gathered = tuple[bytearray, int, int, int]


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """One producer as the record names it.  ``codec`` as in SDP (``audio/opus``); ``clock_rate`` in Hz;
    ``level_extension``: of its packets' loudness (RFC 6464), 0 if they do not say it."""

    track_id: str
    peer_id: str
    source: str
    kind: str
    codec: str
    payload_type: int
    clock_rate: int
    channels: int
    attributes: dict[str, str] = field(default_factory=dict)
    level_extension: int = 0


@dataclass(frozen=True, slots=True)
class SinkState:
    """What is durable: see :class:`signaling.worker_api.CaptureState` for the fields."""

    tracks: int
    durable_wall_ns: int
    bytes: int
    fault: str | None = None


class TrackCapture(Protocol):
    """Takes the packets of one track in order of arrival, as received, decrypted."""

    def rtp(self, packet: bytes, mono_ns: int) -> None:
        """One RTP packet (header and payload).  ``mono_ns``: ``time.monotonic_ns()`` at arrival."""

    def rtcp(self, packet: bytes, mono_ns: int) -> None:
        """One sender report or BYE that belongs to this track."""

    def note(self, what: str, mono_ns: int) -> None:
        """A fact about the track: ``muted``, ``unmuted``, ``keyframe-asked``, ``layer:2`` (taken from
        here on), ``layer-stopped:2`` (the sender stopped the layer that was taken; nothing comes until another is)."""

    def close(self, reason: str) -> None:
        """The track ends; ``reason`` is one of left, closed, forbidden, lost, room-closed, shutdown."""


@runtime_checkable
class GatheringTrack(TrackCapture, Protocol):
    """A track that also takes packets by the hundred, when it wants them."""

    def gather(self, pull: Callable[[], Gathered | None]) -> None:
        """From now on ``pull`` has packets that arrived before anything it is told, and before it closes or is written
        to disk; it is called at each of these times."""


class RecordingCapture(Protocol):
    """The record of one room on this worker, from its first to its last captured packet."""

    def open_track(self, info: TrackInfo) -> TrackCapture: ...

    def state(self) -> SinkState: ...

    def close(self, reason: str) -> None:
        """Close all tracks and hand the last chunk to disk."""


#: A record of which nothing is known but its id.
UNNAMED: Mapping[str, str] = MappingProxyType({})


class CaptureSink(Protocol):
    def open(
        self, recording_id: str, on_state: Callable[[SinkState], None], about: Mapping[str, str] = UNNAMED
    ) -> RecordingCapture:
        """Begin or continue a recording.  ``on_state`` is called on the loop about once a second, and when the
        number of tracks or the fault has changed; ``about`` names the record in what is stored."""

    async def aclose(self) -> None:
        """Close all recordings; returns when everything is on disk."""
