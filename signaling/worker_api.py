"""Commands from control to a media worker, and events back, over the bus.

A command is one JSON object tagged by ``type`` sent as a request to the service
``worker.<worker_id>``; the answer is :class:`Done`, a typed result, or
:class:`Refused`.  Events are published to the topic ``worker.<worker_id>``;
heartbeats of all workers to ``workers``.

The worker knows rooms, peers, producers, consumers and a plan; it does not know
what a judge is.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .ortc import (
    DtlsParameters,
    IceCandidate,
    IceParameters,
    Kind,
    RtpCapabilities,
    RtpParameters,
    Struct,
)

#: What a producer shows.  One producer per (peer, source).
Source = Literal["microphone", "camera", "screen"]

HEARTBEAT_TOPIC = "workers"
#: Heartbeat period, s.  A worker unheard for two of them is asked whether it is there; one that does not answer, or is
#: unheard for long, is taken for dead.
HEARTBEAT_S = 0.5
WORKER_DEAD_AFTER_S = 3.5


def service(worker_id: str) -> str:
    """The bus service a worker answers on; its events use the same text as topic."""
    return f"worker.{worker_id}"


class Plan(Struct, omit_defaults=False):
    """Who may send and receive what in a room: the whole truth, each time.

    Shapes: ``publish`` maps a peer to the sources it may send; packets of any
    other producer are dropped at the door and neither forwarded nor captured.
    ``receive`` maps a subscriber to the peers it may get media from, save the
    sources in ``withhold`` (subscriber to publisher to sources).  Whoever is
    absent has no right.  ``record`` is the recording (a sitting's id) that is
    kept open, or nothing; ``capture`` says which sources of which peers go into
    it, and ``labels`` what their tracks' headers say beside the attributes they
    were produced with.  Without ``capture`` all that may be published goes in.
    ``about``: what the head of each stored segment says of the record, so that a loose copy names itself.
    ``pinned``: peers whose pictures yield no earlier than the speaker's on a
    receiver's weak link.
    """

    version: int
    publish: dict[str, list[Source]] = msgspec.field(default_factory=dict)
    receive: dict[str, list[str]] = msgspec.field(default_factory=dict)
    withhold: dict[str, dict[str, list[Source]]] = msgspec.field(default_factory=dict)
    record: str | None = None
    capture: dict[str, list[Source]] | None = None
    labels: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    pinned: list[str] = msgspec.field(default_factory=list)
    about: dict[str, str] = msgspec.field(default_factory=dict)


# --- commands ---------------------------------------------------------------


class Command(Struct, tag_field="type"):
    """Base of all commands."""


class OpenRoom(Command, tag="room.open"):
    """Make the room if it is not there; answer :class:`RoomOpened` either way."""

    room_id: str
    plan: Plan


class CloseRoom(Command, tag="room.close"):
    room_id: str


class SetPlan(Command, tag="room.plan"):
    """Obey this plan from now on; an older version than the present one is refused as ``stale``.

    On the answer nothing that the plan forbids flows any more.
    """

    room_id: str
    plan: Plan


class CreateTransport(Command, tag="transport.create"):
    """A send or a receive transport of a peer; a second one of the same direction replaces the first.

    ``capabilities`` (receive only) says what the client can decode.
    """

    room_id: str
    peer_id: str
    direction: Literal["send", "recv"]
    capabilities: RtpCapabilities | None = None


class ConnectTransport(Command, tag="transport.connect"):
    transport_id: str
    dtls_parameters: DtlsParameters


class RestartIce(Command, tag="transport.restartIce"):
    transport_id: str


class Produce(Command, tag="produce"):
    """``attributes`` travel untouched into the track's header in the record (name, role, language)."""

    transport_id: str
    kind: Kind
    source: Source
    rtp_parameters: RtpParameters
    paused: bool = False
    attributes: dict[str, str] = msgspec.field(default_factory=dict)


class PauseProducer(Command, tag="producer.pause"):
    producer_id: str


class ResumeProducer(Command, tag="producer.resume"):
    producer_id: str


class CloseProducer(Command, tag="producer.close"):
    producer_id: str


class ResumeConsumer(Command, tag="consumer.resume"):
    """Start or go on sending; consumers are born paused (video begins with a keyframe)."""

    consumer_id: str


class PauseConsumer(Command, tag="consumer.pause"):
    consumer_id: str


class SetPreferredLayers(Command, tag="consumer.layers"):
    """The highest layers this subscriber has use for: spatial 0 low, 1 middle, 2 high."""

    consumer_id: str
    spatial_layer: int
    temporal_layer: int = 2


class ClosePeer(Command, tag="peer.close"):
    """Forget all transports, producers and consumers of this peer."""

    room_id: str
    peer_id: str


AnyCommand = (
    OpenRoom
    | CloseRoom
    | SetPlan
    | CreateTransport
    | ConnectTransport
    | RestartIce
    | Produce
    | PauseProducer
    | ResumeProducer
    | CloseProducer
    | ResumeConsumer
    | PauseConsumer
    | SetPreferredLayers
    | ClosePeer
)


# --- answers ----------------------------------------------------------------


class Answer(Struct, tag_field="type", omit_defaults=False):
    """Base of all answers."""


class Done(Answer, tag="done"):
    pass


class Refused(Answer, tag="refused"):
    """``reason`` is one of: unknown-room, unknown-peer, unknown-transport, unknown-producer, unknown-consumer,
    stale, invalid, over-capacity, unsupported; ``detail`` is for the log."""

    reason: str
    detail: str = ""


class RoomOpened(Answer, tag="room.opened"):
    router_rtp_capabilities: RtpCapabilities


class TransportCreated(Answer, tag="transport.created"):
    id: str
    ice_parameters: IceParameters
    ice_candidates: list[IceCandidate]
    dtls_parameters: DtlsParameters


class IceRestarted(Answer, tag="transport.iceRestarted"):
    ice_parameters: IceParameters


class Produced(Answer, tag="produced"):
    id: str


AnyAnswer = Done | Refused | RoomOpened | TransportCreated | IceRestarted | Produced


# --- events -----------------------------------------------------------------


class Event(Struct, tag_field="type", omit_defaults=False, kw_only=True):
    """Base of all events of a worker.

    ``seq`` counts the events of one run of the worker from 1, so that control sees when the bus lost one; 0: not
    counted.
    """

    room_id: str
    seq: int = 0


class ConsumerNew(Event, tag="consumer.new"):
    """A consumer was made because the plan allows it; the client answers with ``consumer.resume``."""

    peer_id: str
    consumer_id: str
    producer_id: str
    producer_peer_id: str
    source: Source
    kind: Kind
    rtp_parameters: RtpParameters
    producer_paused: bool


class ConsumerClosed(Event, tag="consumer.closed"):
    peer_id: str
    consumer_id: str


class ConsumerState(Event, tag="consumer.state"):
    """Nothing comes now, or it comes again: the producer behind it was paused or resumed, or the receiver's link has
    no room for its picture (video yields, sound does not)."""

    peer_id: str
    consumer_id: str
    producer_paused: bool


class TransportState(Event, tag="transport.state"):
    """``lost`` after the consent time-out; the transport is kept so that an ICE restart can revive it."""

    peer_id: str
    transport_id: str
    direction: Literal["send", "recv"]
    state: Literal["connected", "lost", "failed", "closed"]


class Levels(Event, tag="levels"):
    """Loudness per speaking peer in the last period, -dBov (RFC 6464: 0 loudest, 127 silence)."""

    levels: dict[str, int]


class PeerQuality(Struct, omit_defaults=False):
    """How the network served one peer in the last period.

    ``uplink_loss``: share of the packets from the peer that did not come at once, mended or not, 0..1;
    ``downlink_loss``: share of the packets to the peer that it reported lost, 0..1; ``rtt_ms``: round trip between
    worker and peer.  Each is nothing while nothing was sent or reported.  ``layer``: the highest layer of the peer's
    camera that arrives (0 low, 2 high), nothing without a picture.  ``held_back``: pictures that the peer wants and
    that its link has no room for, or only in a lower layer than there is.  ``words_lost_ms``: how much sound of the
    peer's microphone never came, while the peer spoke.
    """

    uplink_loss: float | None = None
    downlink_loss: float | None = None
    rtt_ms: float | None = None
    layer: int | None = None
    held_back: int = 0
    words_lost_ms: int = 0


#: Period of :class:`Quality`, s.
QUALITY_S = 2.0


class Quality(Event, tag="quality"):
    """Of each peer that is connected, each :data:`QUALITY_S`."""

    peers: dict[str, PeerQuality]


class CaptureState(Event, tag="capture"):
    """What the record of the room has made durable on this worker's spool (fsynced), about once a second.

    ``durable_wall_ns``: everything that arrived before this wall clock time (ns since 1970) is on disk.
    ``tracks``: number of tracks open now.  ``fault``: nothing, or why capture fails (disk-full, io-error).
    """

    recording_id: str
    tracks: int
    durable_wall_ns: int
    bytes: int
    fault: str | None = None


AnyEvent = ConsumerNew | ConsumerClosed | ConsumerState | TransportState | Levels | Quality | CaptureState


#: What a worker counts from its start on.  ``packets_lost`` of ``packets_expected`` did not come at once; ``nacks``
#: count packets asked for again, ``keyframes_wanted`` what receivers asked for.
COUNTERS = (
    "packets_out",
    "packets_expected",
    "packets_lost",
    "nacks_sent",
    "nacks_received",
    "retransmissions",
    "keyframes_asked",
    "keyframes_wanted",
)
#: Why packets were not taken or not sent: from addresses that proved nothing or not to be read; not by the peer's keys;
#: no room in the computer's buffers; asked for again too often.
DROP_CAUSES = ("unproven", "forged", "no-room", "asked-too-often")
#: What consumers get now; ``waiting`` for the first packet, ``yielded`` for want of room on their link.
CONSUMER_STATES = ("sound", "low", "middle", "high", "waiting", "yielded", "paused")
TRANSPORT_STATES = ("new", "connected", "lost", "failed", "closed")


class WorkerMetrics(Struct, omit_defaults=False):
    """Numbers of one worker, by the names above; no person, room or stream is named."""

    transports: dict[str, int]
    consumers: dict[str, int]
    counters: dict[str, int]
    dropped: dict[str, int]


class Heartbeat(Struct, omit_defaults=False):
    """``epoch`` is new at each start of the process, so that a restart is seen even between two heartbeats.

    ``packets_out_s`` is the present load, ``packets_out_limit_s`` the stated budget."""

    worker_id: str
    epoch: str
    rooms: list[str]
    packets_out_s: float
    packets_out_limit_s: float
    metrics: WorkerMetrics | None = None


command_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
answer_decoder: msgspec.json.Decoder[AnyAnswer] = msgspec.json.Decoder(AnyAnswer)
event_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
heartbeat_decoder: msgspec.json.Decoder[Heartbeat] = msgspec.json.Decoder(Heartbeat)
encode = msgspec.json.Encoder().encode
