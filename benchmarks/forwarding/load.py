"""One run of the load: send what is due, read everything in between, report as a browser does, and count."""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pylibsrtp._binding import ffi, lib

from signaling.sfu import rtcp

from .client import Client
from .machine import foreign_cpu_s, usage
from .mmsg import Slots
from .receiving import SequenceBook, delays_ms
from .sending import STAMP, STAMP_BYTES, Flow, Writer, cycle

NS_PER_S = 1_000_000_000
#: All sockets are read once in this time.
SWEEP_NS = 20_000_000
#: Datagrams read from one socket at once, and gathered before they are counted.
BATCH = 64
GATHERED = 1024
#: Enough of a packet for its header, and for a whole STUN request of a server that checks.
HEAD_BYTES = 192
DATAGRAM_BYTES = 2048
MOST_PACKETS_PER_FRAME = 32
REPORT_EVERY_NS = NS_PER_S
#: Consent is renewed at each third report.
CONSENT_TURNS = 3
#: A generator that is later than this gives up what it did not send, and says so.
MOST_LATE_NS = 100_000_000
DRAIN_NS = 400_000_000
NTP_EPOCH_S = 2_208_988_800
OWN_SSRC = 0x7FFFFF01
_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """``subscriptions``: (transport, SSRC as received, number of the flow behind it); ``probes``: transports whose
    packets are decrypted and timed.  ``remb_bps`` is what every subscriber says it can take."""

    flows: list[Flow]
    subscriptions: list[tuple[int, int, int]]
    probes: list[int]
    warmup_s: float
    window_s: float
    server_pid: int
    server_core: int
    remb_bps: int

    @classmethod
    def of(cls, given: dict[str, Any]) -> LoadSpec:
        """From JSON."""
        flows = [Flow(**flow) for flow in given["flows"]]
        subscriptions = [(int(t), int(s), int(f)) for t, s, f in given["subscriptions"]]
        return cls(**{**given, "flows": flows, "subscriptions": subscriptions})


@dataclass(slots=True)
class _Reported:
    """What the last receiver report of a stream said."""

    expected: int = 0
    received: int = 0


@dataclass(slots=True)
class _Snapshot:
    """Taken at both ends of the window."""

    at_ns: int
    wall_ns: int
    server_cpu_s: float
    own_cpu_s: float
    core_busy_s: float
    core_stolen_s: float
    received: int
    gaps: int
    recovered: int
    sent: list[int]


@dataclass(slots=True)
class _Counts:
    nacked: int = 0
    keyframes_asked: int = 0
    nacks_received: int = 0
    skipped: int = 0
    undecrypted: int = 0
    late_ns: list[int] = field(default_factory=list)
    delays: list[tuple[int, int]] = field(default_factory=list)


class Load:
    """``clients`` are connected; nobody else may read their sockets while :meth:`run` runs."""

    def __init__(self, spec: LoadSpec, clients: list[Client]) -> None:
        self._spec = spec
        self._clients = clients
        self._writers = [Writer(flow) for flow in spec.flows]
        self._book = SequenceBook([(transport, ssrc) for transport, ssrc, _ in spec.subscriptions])
        self._streams: dict[int, list[int]] = {}
        for number, (transport, _, _) in enumerate(spec.subscriptions):
            self._streams.setdefault(transport, []).append(number)
        self._reported = [_Reported() for _ in spec.subscriptions]
        self._counts = _Counts()
        self._by_ssrc = {writer.flow.ssrc: writer for writer in self._writers}
        self._flows_of: dict[int, list[Writer]] = {}
        for writer in self._writers:
            self._flows_of.setdefault(writer.flow.transport, []).append(writer)

        self._out = Slots(MOST_PACKETS_PER_FRAME, DATAGRAM_BYTES)
        self._size = ffi.new("int *")
        self._heads = Slots(GATHERED, HEAD_BYTES)
        self._heads16 = self._heads.data.view(">u2")
        self._heads32 = self._heads.data.view(">u4")
        self._owners = np.zeros(GATHERED, np.uint64)
        self._gathered = 0
        self._whole = Slots(BATCH, DATAGRAM_BYTES)
        self._timed = Slots(BATCH, DATAGRAM_BYTES, stamped=True)

        probes = set(spec.probes)
        subscribers = set(self._streams)
        self._sockets = [(self._read_heads, i) for i in range(len(clients)) if i in subscribers and i not in probes]
        self._sockets += [(self._read_timed, i) for i in spec.probes]
        self._sockets += [(self._read_control, i) for i in range(len(clients)) if i not in subscribers]
        self._next_socket = 0
        self._sweep_ns = 0
        self._reporters = list(range(len(clients)))
        self._next_reporter = 0
        self._report_turn = 0
        self._report_ns = 0

    # --- the loop ------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        spec = self._spec
        length_ns, events = cycle(spec.flows)
        started = cycle_ns = time.monotonic_ns() + 20_000_000
        self._sweep_ns = self._report_ns = started
        window_at = started + int(spec.warmup_s * NS_PER_S)
        end_at = window_at + int(spec.window_s * NS_PER_S)
        before: _Snapshot | None = None
        at = 0
        while True:
            now = time.monotonic_ns()
            if now >= window_at and before is None:
                self._read_all()
                before = self._snapshot()
                now = time.monotonic_ns()
            if now >= end_at:
                break
            offset, number = events[at]
            due = cycle_ns + offset
            if now >= due:
                if now - due > MOST_LATE_NS:
                    self._counts.skipped += 1
                else:
                    self._send(self._writers[number])
                    if before is not None:
                        self._counts.late_ns.append(now - due)
                at += 1
                if at == len(events):
                    at, cycle_ns = 0, cycle_ns + length_ns
                if now >= self._sweep_ns:  # reading goes on even if sending is late
                    self._read_next(now)
            elif now >= self._sweep_ns:
                self._read_next(now)
            elif now >= self._report_ns:
                self._report_next(now)
            else:
                wait_ns = min(due, self._sweep_ns, self._report_ns, end_at) - now
                time.sleep(wait_ns / NS_PER_S)
        after = self._snapshot()
        resident = usage(spec.server_pid).resident_bytes
        quiet_at = time.monotonic_ns() + DRAIN_NS
        while time.monotonic_ns() < quiet_at:
            self._read_all()
            time.sleep(0.005)
        assert before is not None
        return self._result(before, after, resident)

    def _read_all(self) -> None:
        for read, transport in self._sockets:
            while read(transport) == BATCH:
                pass
        self._count_gathered()

    def _read_next(self, now: int) -> None:
        read, transport = self._sockets[self._next_socket]
        if read(transport) == BATCH:
            return
        self._next_socket += 1
        if self._next_socket == len(self._sockets):
            self._next_socket = 0
            self._count_gathered()
            self._sweep_ns = max(self._sweep_ns + SWEEP_NS, now)

    # --- sending -------------------------------------------------------------------

    def _send(self, writer: Writer) -> None:
        out, size, client = self._out, self._size, self._clients[writer.flow.transport]
        view, slot_bytes, tx = out.view, out.size, client.tx
        keyframe = writer.begin_frame()
        for i in range(writer.flow.packets):
            writer.write(view, i * slot_bytes, i, keyframe, time.time_ns())
            size[0] = writer.size
            lib.srtp_protect(tx, out.pointers[i], size)
            out.set_length(i, size[0])
        out.send(client.fd, writer.flow.packets)

    # --- reading -------------------------------------------------------------------

    def _read_heads(self, transport: int) -> int:
        at = self._gathered
        received = self._heads.receive(self._clients[transport].fd, at, BATCH)
        if received:
            self._owners[at : at + received] = transport
            self._gathered = at + received
            if self._gathered > GATHERED - BATCH:
                self._count_gathered()
        return received

    def _count_gathered(self) -> None:
        count, self._gathered = self._gathered, 0
        if not count:
            return
        first, second = self._heads.data[:count, 0], self._heads.data[:count, 1]
        media = (first >> 6 == 2) & ((second < 192) | (second > 223))
        owners, ssrcs, sequences = self._owners[:count], self._heads32[:count, 2], self._heads16[:count, 1]
        if not media.all():
            for i in np.flatnonzero(first < 4):
                self._clients[int(owners[i])].on_stun(self._heads.data[i, : self._heads.lengths[i]].tobytes())
            owners, ssrcs, sequences = owners[media], ssrcs[media], sequences[media]
        self._note(owners, ssrcs, sequences)

    def _note(self, owners: Any, ssrcs: Any, sequences: Any) -> None:
        for stream, numbers in self._book.add(owners, ssrcs.astype(np.uint64), sequences.astype(np.int64)):
            transport, ssrc, _ = self._spec.subscriptions[stream]
            self._counts.nacked += len(numbers)
            nack = rtcp.nack(OWN_SSRC, ssrc, numbers)
            self._clients[transport].send_rtcp(rtcp.receiver_report(OWN_SSRC, []) + nack)

    def _read_timed(self, transport: int) -> int:
        slots, client, size = self._timed, self._clients[transport], self._size
        received = slots.receive(client.fd, 0, BATCH)
        ssrcs: list[int] = []
        sequences: list[int] = []
        streams = {self._spec.subscriptions[stream][1] for stream in self._streams[transport]}
        for i in range(received):
            at = i * slots.size
            first, second, sequence, _, ssrc = _HEADER.unpack_from(slots.view, at)
            if first < 4:
                client.on_stun(bytes(slots.view[at : at + int(slots.lengths[i])]))
            if first >> 6 != 2 or 192 <= second <= 223:
                continue
            ssrcs.append(ssrc)
            sequences.append(sequence)
            size[0] = int(slots.lengths[i])
            if lib.srtp_unprotect(client.rx, slots.pointers[i], size):
                self._counts.undecrypted += 1
            elif ssrc in streams:
                (sent_ns,) = STAMP.unpack_from(slots.view, at + size[0] - STAMP_BYTES)
                arrived_ns = int(slots.stamps[i, 0]) * NS_PER_S + int(slots.stamps[i, 1])
                self._counts.delays.append((sent_ns, arrived_ns - sent_ns))
        if ssrcs:
            owners = np.full(len(ssrcs), transport, np.uint64)
            self._note(owners, np.array(ssrcs, np.uint64), np.array(sequences, np.int64))
        return received

    def _read_control(self, transport: int) -> int:
        """What a sender is told: checks, requests for keyframes and for lost packets."""
        slots, client = self._whole, self._clients[transport]
        received = slots.receive(client.fd, 0, BATCH)
        for i in range(received):
            at = i * slots.size
            datagram = bytes(slots.view[at : at + int(slots.lengths[i])])
            if datagram[:1] < b"\x04":
                client.on_stun(datagram)
            elif rtcp.is_rtcp(datagram):
                self._on_feedback(client.unprotect_rtcp(datagram))
        return received

    def _on_feedback(self, compound: bytes) -> None:
        for report in rtcp.parse(compound):
            if isinstance(report, rtcp.KeyframeRequest):
                self._counts.keyframes_asked += 1
                writer = self._by_ssrc.get(report.media_ssrc)
                if writer is not None:
                    writer.wants_keyframe = True
            elif isinstance(report, rtcp.Nack):
                self._counts.nacks_received += len(report.sequences)

    # --- reporting -----------------------------------------------------------------

    def _report_next(self, now: int) -> None:
        """Each transport in turn, all of them once a second."""
        transport = self._reporters[self._next_reporter]
        self._next_reporter += 1
        client = self._clients[transport]
        if transport in self._streams:
            client.send_rtcp(self._receiver_report(transport))
        for writer in self._flows_of.get(transport, ()):
            client.send_rtcp(self._sender_report(writer))
        if self._report_turn % CONSENT_TURNS == 0:
            client.consent()
        if self._next_reporter == len(self._reporters):
            self._next_reporter = 0
            self._report_turn += 1
        self._report_ns = max(self._report_ns + REPORT_EVERY_NS // len(self._reporters), now)

    def _receiver_report(self, transport: int) -> bytes:
        blocks, ssrcs = [], []
        for stream in self._streams[transport]:
            ssrc = self._spec.subscriptions[stream][1]
            ssrcs.append(ssrc)
            expected, received = self._book.expected(stream), int(self._book.received[stream])
            if not received:
                continue
            highest, last = self._book.extended_highest(stream), self._reported[stream]
            due, came = expected - last.expected, received - last.received
            self._reported[stream] = _Reported(expected, received)
            fraction = max(0, due - came) * 256 // due if due > 0 else 0
            blocks.append(rtcp.ReportBlock(ssrc, min(fraction, 255), expected - received, highest, 30, 0, 0))
        return rtcp.receiver_report(OWN_SSRC, blocks) + rtcp.remb(OWN_SSRC, self._spec.remb_bps, ssrcs)

    def _sender_report(self, writer: Writer) -> bytes:
        now_ns = time.time_ns()
        ntp = (now_ns << 32) // NS_PER_S + (NTP_EPOCH_S << 32)
        ssrc = writer.flow.ssrc
        report = rtcp.sender_report(ssrc, ntp, writer.timestamp, writer.packets, writer.octets)
        return report + rtcp.sdes_cname([(ssrc, f"flow-{writer.flow.transport}")])

    # --- the outcome ---------------------------------------------------------------

    def _snapshot(self) -> _Snapshot:
        server = usage(self._spec.server_pid)
        busy_s, stolen_s = foreign_cpu_s(self._spec.server_core)
        return _Snapshot(
            at_ns=time.monotonic_ns(),
            wall_ns=time.time_ns(),
            server_cpu_s=server.cpu_s,
            own_cpu_s=time.process_time(),
            core_busy_s=busy_s,
            core_stolen_s=stolen_s,
            received=int(self._book.received.sum()),
            gaps=int(self._book.gaps.sum()),
            recovered=int(self._book.recovered.sum()),
            sent=[writer.packets for writer in self._writers],
        )

    def _result(self, before: _Snapshot, after: _Snapshot, resident_bytes: int) -> dict[str, Any]:
        seconds = (after.at_ns - before.at_ns) / NS_PER_S
        sent = [b - a for a, b in zip(before.sent, after.sent, strict=True)]
        expected = sum(sent[flow] for _, _, flow in self._spec.subscriptions)
        received = int(self._book.received.sum()) - before.received
        gaps = int(self._book.gaps.sum()) - before.gaps
        recovered = int(self._book.recovered.sum()) - before.recovered
        delays = [delay for at, delay in self._counts.delays if before.wall_ns <= at < after.wall_ns]
        streams = [stream for probe in self._spec.probes for stream in self._streams[probe]]
        probed = sum(sent[self._spec.subscriptions[stream][2]] for stream in streams)
        late = np.percentile(self._counts.late_ns or [0], 99) / 1e6
        server_cpu_s = after.server_cpu_s - before.server_cpu_s
        busy_s = after.core_busy_s - before.core_busy_s
        return {
            "seconds": round(seconds, 3),
            "packets_in_s": round(sum(sent) / seconds),
            "packets_out_s": round(received / seconds),
            "expected": expected,
            "received": received,
            "gaps": gaps,
            "recovered": recovered,
            "delay_ms": delays_ms(delays),
            "probed": len(delays),
            "probes_expected": probed,
            "cpu_percent": round(100 * server_cpu_s / seconds, 1),
            "us_per_packet": round(1e6 * server_cpu_s / received, 2) if received else None,
            "resident_mb": round(resident_bytes / 1e6, 1),
            "others_on_core_percent": round(100 * max(0.0, busy_s - server_cpu_s) / seconds, 1),
            "stolen_percent": round(100 * (after.core_stolen_s - before.core_stolen_s) / seconds, 1),
            "generator": {
                "cpu_percent": round(100 * (after.own_cpu_s - before.own_cpu_s) / seconds, 1),
                "late_p99_ms": round(float(late), 3),
                "skipped": self._counts.skipped,
                "dropped": _dropped({client.port for client in self._clients}),
                "undecrypted": self._counts.undecrypted,
                "unknown_ssrc": self._book.unknown,
                "nacked": self._counts.nacked,
                "nacks_received": self._counts.nacks_received,
                "keyframes_asked": self._counts.keyframes_asked,
            },
        }


def _dropped(ports: set[int]) -> int:
    """Datagrams that the kernel dropped because a socket of ours was full."""
    dropped = 0
    for line in Path(f"/proc/{os.getpid()}/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) in ports:
            dropped += int(fields[-1])
    return dropped
