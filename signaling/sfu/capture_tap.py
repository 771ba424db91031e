"""From producers to the record: what is captured of each, and how a failing record is kept from harming the hearing.

Sound is captured always, of the picture the best layer received, changed at keyframes only.  The sink may fail at any
call: the failure is counted and told, the packet goes on to its receivers, and the track is opened anew a little later.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from . import layers
from .capture import UNNAMED, CaptureSink, GatheringTrack, RecordingCapture, SinkState, TrackCapture, TrackInfo
from .clock import NS_PER_MS, NS_PER_S, Clock

if TYPE_CHECKING:
    from .fastpath import CaptureBuffer
    from .producer import Producer
    from .stream import MediaStream

logger = logging.getLogger(__name__)

#: A keyframe is asked for if none was captured for this long.
KEYFRAME_S = 4.0
#: After a failure of the sink, before the next try.
RETRY_MS = 1000
#: Faults are told at most this often.
TELL_MS = 1000


class RoomCapture:
    """The record of one room under one recording id.  ``tell`` is given every state that the sink reports; ``about`` is
    what is said of the record in what is stored."""

    def __init__(
        self,
        sink: CaptureSink,
        recording_id: str,
        clock: Clock,
        tell: Callable[[SinkState], None],
        about: Mapping[str, str] = UNNAMED,
    ) -> None:
        self.recording_id = recording_id
        self._about = about
        self.faults = 0
        self._sink = sink
        self._clock = clock
        self._tell = tell
        self._recording: RecordingCapture | None = None
        self._retry_ns = 0
        self._told_ns: int | None = None
        self._closed = False
        self.ensure_open(clock.mono_ns())

    def ensure_open(self, now_ns: int) -> RecordingCapture | None:
        """The open recording; after a failure it is tried again about each second."""
        if self._recording is None and not self._closed and now_ns >= self._retry_ns:
            try:
                self._recording = self._sink.open(self.recording_id, self._tell, self._about)
            except Exception as error:
                self._retry_ns = now_ns + RETRY_MS * NS_PER_MS
                self.fault(error, now_ns)
        return self._recording

    def fault(self, error: Exception, now_ns: int) -> None:
        """Count a failure of the sink and tell it."""
        self.faults += 1
        if self._told_ns is not None and now_ns - self._told_ns < TELL_MS * NS_PER_MS:
            return
        self._told_ns = now_ns
        logger.error("capture of %s fails", self.recording_id, exc_info=error)
        state = SinkState(tracks=0, durable_wall_ns=0, bytes=0)
        if self._recording is not None:
            try:
                state = self._recording.state()
            except Exception:
                logger.exception("the state of the record is unknown")
        reason = "disk-full" if isinstance(error, OSError) and error.errno == 28 else "io-error"
        self._tell(SinkState(state.tracks, state.durable_wall_ns, state.bytes, state.fault or reason))

    def close(self, reason: str) -> None:
        """End the recording; the tracks were closed before."""
        self._closed = True
        recording, self._recording = self._recording, None
        if recording is not None:
            try:
                recording.close(reason)
            except Exception as error:
                self.fault(error, self._clock.mono_ns())


class CaptureTap:
    """One producer's way into the record, one track at a time."""

    def __init__(self, room: RoomCapture, producer: Producer) -> None:
        self._room = room
        self._producer = producer
        self._track: TrackCapture | None = None
        self._stream: MediaStream | None = None
        self._buffer = producer.fast.capture_buffer() if producer.fast is not None else None
        self._gathers = False
        self._keyframe_ns = 0
        self._asked_ns = 0
        self._retry_ns = 0

    @property
    def open(self) -> bool:
        return self._track is not None

    def direct(self, stream: MediaStream) -> tuple[bool, CaptureBuffer | None]:
        """Whether packets of the stream, keyframes apart, need not be brought here; and where they go instead, if they
        are captured.  Holds until :meth:`.producer.Producer.unlend` is called."""
        if self._track is None:
            return False, None
        if stream is self._stream:
            return self._gathers, self._buffer
        return self._stream is not None and self._producer.kind == "video", None

    def rtp(self, stream: MediaStream, packet: bytes, now_ns: int, *, keyframe: bool) -> None:
        """A packet as received (a retransmitted one in its original form)."""
        if self._track is None and not self._open_track(now_ns):
            return
        if stream is not self._stream and not self._takes(stream, now_ns, keyframe=keyframe):
            return
        if keyframe:
            self._keyframe_ns = now_ns
        track = self._track
        if track is None:  # the sink failed just now
            return
        try:
            track.rtp(packet, now_ns)
        except Exception as error:
            self._failed(error, now_ns)

    def rtcp(self, stream: MediaStream, packet: bytes, now_ns: int) -> None:
        if stream is self._stream:
            self._call(lambda track: track.rtcp(packet, now_ns), now_ns)

    def note(self, what: str, now_ns: int) -> None:
        self._call(lambda track: track.note(what, now_ns), now_ns)

    def stream_replaced(self, earlier: MediaStream | None) -> None:
        """The sender restarted a stream; whatever comes next of it is taken."""
        if earlier is self._stream:
            self._follow(None)

    def layer_stopped(self, stream: MediaStream, now_ns: int) -> None:
        """The sender stopped a layer.  If it is the one that is captured, another is taken at its next keyframe."""
        if stream is not self._stream:
            return
        self.note(f"layer-stopped:{stream.layer}", now_ns)
        best = self._best(now_ns)
        if best is not None:
            self._ask_keyframe(best, now_ns)

    def on_timer(self, now_ns: int) -> None:
        """About twice a second: see that keyframes come, and that the best layer is captured."""
        if self._track is None or self._producer.kind != "video" or not self._producer.flowing:
            return
        best = self._best(now_ns)
        if best is None:
            return
        current = self._stream.layer if self._stream is not None else None
        stale = now_ns - max(self._keyframe_ns, self._asked_ns) > KEYFRAME_S * NS_PER_S
        if stale or (current != best and now_ns - self._asked_ns > NS_PER_S):
            self._ask_keyframe(best, now_ns)

    def close(self, reason: str) -> None:
        """End the track, if one is open."""
        track, self._track = self._track, None
        self._follow(None)
        if track is not None:
            try:
                track.close(reason)
            except Exception as error:
                self._room.fault(error, self._room._clock.mono_ns())

    def _follow(self, stream: MediaStream | None) -> None:
        self._stream = stream
        self._producer.unlend()

    def _ask_keyframe(self, layer: int, now_ns: int) -> None:
        self._asked_ns = now_ns
        self.note("keyframe-asked", now_ns)
        self._producer.want_keyframe(layer, now_ns)

    def _best(self, now_ns: int) -> int | None:
        return self._producer.best_layer(self._producer.layers - 1, now_ns)

    def _takes(self, stream: MediaStream, now_ns: int, *, keyframe: bool) -> bool:
        """Whether the record goes over to this stream with this packet."""
        if self._producer.kind == "video":
            current = self._stream
            if current is not None:
                ended = current.stopped or layers.is_stale(current.last_packet_ns, now_ns)
                if not keyframe or (stream.layer < current.layer and not ended):
                    return False
            if current is None or current.layer != stream.layer:
                self.note(f"layer:{stream.layer}", now_ns)
        self._follow(stream)
        if stream.sender_report is not None:
            report, arrived_ns = stream.sender_report.raw, stream.sender_report_ns
            self._call(lambda track: track.rtcp(report, arrived_ns), now_ns)
        return True

    def _open_track(self, now_ns: int) -> bool:
        if now_ns < self._retry_ns:
            return False
        recording = self._room.ensure_open(now_ns)
        if recording is None:
            return False
        producer = self._producer
        router = producer.codec.router
        info = TrackInfo(
            track_id=secrets.token_hex(16),
            peer_id=producer.peer_id,
            source=producer.source,
            kind=producer.kind,
            codec=router.mime_type,
            payload_type=producer.codec.payload_type,
            clock_rate=router.clock_rate,
            channels=router.channels or 0,
            attributes={**producer.attributes, **producer.labels},
            level_extension=producer.level_id,
        )
        try:
            self._track = recording.open_track(info)
        except Exception as error:
            self._failed(error, now_ns)
            return False
        self._gathers = self._buffer is not None and isinstance(self._track, GatheringTrack)
        if self._buffer is not None and isinstance(self._track, GatheringTrack):
            self._track.gather(self._buffer.pull)
        self._follow(None)
        self._keyframe_ns = 0
        self._asked_ns = now_ns
        if producer.kind == "video":
            self._ask_keyframe(producer.layers - 1, now_ns)
        return True

    def _call(self, call: Callable[[TrackCapture], None], now_ns: int) -> None:
        track = self._track
        if track is None:
            return
        try:
            call(track)
        except Exception as error:
            self._failed(error, now_ns)

    def _failed(self, error: Exception, now_ns: int) -> None:
        """Give the track up for now; the next packet after a while opens another."""
        track, self._track = self._track, None
        self._follow(None)
        self._retry_ns = now_ns + RETRY_MS * NS_PER_MS
        self._room.fault(error, now_ns)
        if track is not None:
            try:
                track.close("lost")
            except Exception:
                logger.debug("a failed track could not be closed", exc_info=True)
        if self._buffer is not None:  # what the failed track did not take is no other's
            self._buffer.pull()
