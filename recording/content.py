"""What the records of the tracks say: packets in order, losses, mutes, the end.  Facts for the manifest, and media.

Fed with verified chunks in order; holds no packets itself but the few that wait for a missing one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from .format import Chunk, FormatError, RecordKind, TrackHeader, read_note
from .media.rtp import Packet, SenderReport, Sequencer, parse_rtp, sender_reports
from .walk import Walk

#: Losses closer together than this are listed as one gap, ns.
MERGE_NS = 1_000_000_000
#: Without any packet for this long, unmuted, a track has a gap, ns (record.md E1).
STALL_NS = 1_000_000_000
#: Sources (SSRCs) one track may have; a browser uses one per simulcast layer and connection.
SOURCES_LIMIT = 64
#: Notes kept per track for the manifest.
NOTES_LIMIT = 10_000


class MediaSink(Protocol):
    """Takes the media of one track in order, as :mod:`recording.media.remux` does."""

    def packet(self, packet: Packet, missing: int) -> None: ...

    def report(self, report: SenderReport) -> None: ...

    def switched(self) -> None:
        """Another simulcast layer begins: what was begun of the one before is not gone on with."""


@dataclass(slots=True)
class Gap:
    """A span of a track without media, on the writer's monotonic clock, ns.  ``packets`` is 0 if not known."""

    start_ns: int
    end_ns: int
    cause: str
    packets: int = 0


@dataclass(slots=True)
class TrackContent:
    """One track of one writer."""

    number: int
    header: TrackHeader | None = None
    records: int = 0
    packets: int = 0
    bytes: int = 0
    foreign: int = 0
    first_mono_ns: int = 0
    last_mono_ns: int = 0
    first_wall_ns: int = 0
    last_wall_ns: int = 0
    end_reason: str | None = None
    gaps: list[Gap] = field(default_factory=list)
    notes: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    media: MediaSink | None = None
    #: Compiled code that takes what is in order, if there is any.
    walk: Walk | None = None
    _sequencers: dict[int, Sequencer] = field(default_factory=dict)
    _muted_since_ns: int | None = None
    _unmuted_ns: int = 0
    _last_packet_ns: int | None = None
    _layer_stopped: bool = False
    _last_ordered_ns: dict[int, int] = field(default_factory=dict)
    _newest_ssrc: int = 0

    def peek(self, chunk: Chunk) -> None:
        """Read the track's header ahead of its first chunk, so that its media can be led somewhere."""
        try:
            for record in chunk.records():
                if record.kind == RecordKind.TRACK:
                    self.header = msgspec.json.decode(record.data, type=TrackHeader)
                return
        except (FormatError, msgspec.DecodeError, UnicodeDecodeError):
            return

    def feed(self, data: Any, chunks: Sequence[Chunk]) -> list[FormatError]:
        """Take all chunks of a segment, whose hashes were checked.  Answers where records are malformed.

        ``data``: the segment's bytes.  Only what compiled code still holds of them is needed afterwards.
        """
        if not self.records:
            self.first_mono_ns, self.first_wall_ns = chunks[0].first_mono_ns, chunks[0].first_wall_ns
        self.last_mono_ns, self.last_wall_ns = chunks[-1].last_mono_ns, chunks[-1].last_wall_ns
        if self.walk is not None:
            return self.walk.feed(self, data, chunks)
        errors = []
        for chunk in chunks:
            try:
                for record in chunk.records():
                    self.record(record.kind, record.mono_ns, record.data)
            except FormatError as error:
                errors.append(error.with_traceback(None))  # whose frames hold the data
        return errors

    def record(self, kind: int, mono_ns: int, data: memoryview) -> None:
        """Take the next record."""
        # What waits for a missing packet is not to hold the whole segment.
        data = memoryview(bytes(data))
        self.records += 1
        if kind == RecordKind.RTP:
            self._rtp(data, mono_ns)
        elif kind == RecordKind.RTCP:
            self.rtcp(data, mono_ns)
        elif kind == RecordKind.NOTE:
            self._note(read_note(data), mono_ns)

    def rtcp(self, data: memoryview, mono_ns: int) -> None:
        if self.media is not None:
            for report in sender_reports(data, mono_ns):
                self.media.report(report)

    def in_order(self) -> tuple[int, int, int, int] | None:
        """Payload type, SSRC and sequence number of the packet that would follow, and the arrival of the last one, ns.

        Nothing while packets are waited for, or where the next one needs a look.
        """
        sequencer = self._sequencers.get(self._newest_ssrc)
        expected = sequencer.expected if sequencer is not None else None
        if expected is None or self.header is None or self._last_packet_ns is None or self._layer_stopped:
            return None
        return self.header.payload_type, self._newest_ssrc, expected, self._last_packet_ns

    def followed(self, records: int, packets: int, size: int, last_ns: int) -> None:
        """So many packets were what :meth:`in_order` said and were taken, of ``size`` bytes, among so many records."""
        self.records += records
        self.packets += packets
        self.bytes += size
        self._last_packet_ns = self._last_ordered_ns[self._newest_ssrc] = last_ns
        self._sequencers[self._newest_ssrc].followed(packets)

    def finish(self) -> None:
        """Nothing more will come: let go of what waits for missing packets, and end an open mute."""
        for sequencer in self._sequencers.values():
            self._ordered(sequencer.flush())
        if self._muted_since_ns is not None:
            self._gap(Gap(self._muted_since_ns, self.last_mono_ns, "mute"))
            self._muted_since_ns = None

    def _rtp(self, data: memoryview, mono_ns: int) -> None:
        packet = parse_rtp(data, mono_ns)
        if packet is None or (self.header is not None and packet.payload_type != self.header.payload_type):
            self.foreign += 1
            return
        self.packets += 1
        self.bytes += len(data)
        before = self._last_packet_ns
        if before is not None and mono_ns - before > STALL_NS and not self._was_muted(before):
            self._gap(Gap(before, mono_ns, "sender" if self._layer_stopped else "unknown"))
        self._layer_stopped = False
        self._last_packet_ns = mono_ns
        self._newest_ssrc = packet.ssrc
        sequencer = self._sequencers.get(packet.ssrc)
        if sequencer is not None and sequencer.follows(packet.sequence):
            # Nearly every packet: nothing is missing and nothing waits.
            self._last_ordered_ns[packet.ssrc] = mono_ns
            if self.media is not None:
                self.media.packet(packet, 0)
            return
        if sequencer is None:
            if len(self._sequencers) >= SOURCES_LIMIT:
                oldest = next(iter(self._sequencers))
                self._ordered(self._sequencers.pop(oldest).flush())
                self._last_ordered_ns.pop(oldest, None)
            sequencer = self._sequencers[packet.ssrc] = Sequencer()
        self._ordered(sequencer.push(packet))

    def _ordered(self, packets: list[tuple[Packet, int]]) -> None:
        for packet, missing in packets:
            if missing:
                before = self._last_ordered_ns.get(packet.ssrc, packet.arrival_ns)
                if not self._was_muted(before):
                    self._gap(Gap(before, packet.arrival_ns, "loss", max(missing, 0)))
            self._last_ordered_ns[packet.ssrc] = packet.arrival_ns
            if self.media is not None:
                self.media.packet(packet, missing)

    def _note(self, note: dict[str, Any], mono_ns: int) -> None:
        if len(self.notes) < NOTES_LIMIT:
            self.notes.append((mono_ns, note))
        what = note["note"]
        if what == "muted" and self._muted_since_ns is None:
            self._muted_since_ns = mono_ns
        elif what == "unmuted" and self._muted_since_ns is not None:
            self._gap(Gap(self._muted_since_ns, mono_ns, "mute"))
            self._muted_since_ns, self._unmuted_ns = None, mono_ns
        elif what.startswith("layer-stopped:"):
            self._layer_stopped = True
        elif what.startswith("layer:"):
            # The layer before ends here; if it is taken again later, what it sent in between is not lost.
            for sequencer in self._sequencers.values():
                self._ordered(sequencer.flush())
            self._sequencers.clear()
            self._last_ordered_ns.clear()
            if self.media is not None:
                self.media.switched()
        elif what == "lost":
            start, end, records = (note.get(key) for key in ("fromMonoNs", "toMonoNs", "records"))
            if isinstance(start, int) and isinstance(end, int) and isinstance(records, int):
                self._gap(Gap(start, end, "torn", records))
        elif what == "end":
            self.end_reason = str(note.get("reason", ""))

    def _was_muted(self, since_ns: int) -> bool:
        """Whether a mute covers some of the time after this moment."""
        return self._muted_since_ns is not None or self._unmuted_ns > since_ns

    def _gap(self, gap: Gap) -> None:
        last = self.gaps[-1] if self.gaps else None
        if last is not None and last.cause == gap.cause == "loss" and gap.start_ns - last.end_ns < MERGE_NS:
            last.end_ns = max(last.end_ns, gap.end_ns)
            last.packets += gap.packets
        elif last is not None and last.cause == "unknown" and gap.cause == "loss" and gap.start_ns >= last.start_ns:
            # The same silence, seen first by its length and then by its missing packets.
            last.cause, last.packets = "loss", gap.packets
        else:
            self.gaps.append(gap)
