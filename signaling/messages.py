"""The signalling socket: what a client and the server say to each other.

One WebSocket at ``/signal``, text frames, one JSON object each.  The client sends
requests ``{"id": n, "type": ..., ...}``; each is answered by one
``{"type": "reply", "id": n, ...}`` or ``{"type": "error", "id": n, ...}``, in any
order.  The server sends notices, which have no id.  The socket is authenticated
by the seat cookie of ``POST /api/session``; there is no token in a message.

``signaling`` moves these without knowing the law: what a command does, who may
give it and what a view holds is decided by the application behind
:class:`signaling.application.Application`; views travel as opaque JSON objects whose schema
the application publishes (:mod:`hearing_server.api`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .ortc import (
    DtlsParameters,
    IceCandidate,
    IceParameters,
    IceServer,
    Kind,
    RtpCapabilities,
    RtpParameters,
    ShortText,
    Struct,
)
from .worker_api import PeerQuality, Source

#: Largest frame a client may send, bytes.  A browser's produce request is about 6 kB.
FRAME_LIMIT_BYTES = 64 * 1024
#: Requests one client may have unanswered, and may send per second on average.
PENDING_LIMIT = 64
REQUESTS_PER_S = 50
#: The client sends ``ping`` this often, s; unheard for three periods it is away.
PING_S = 2.0

PROTOCOL_VERSION = 1
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


# --- requests: client to server ------------------------------------------------


class Request(Struct, tag_field="type"):
    """``id`` is chosen by the client, unique among its unanswered requests."""

    id: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Join(Request, tag="join"):
    """The first request.  Reply: :class:`Joined`.

    ``locale`` absent: the language of the session.  ``last_seq`` is the newest event the client holds, if it comes
    back.
    """

    protocol: int = PROTOCOL_VERSION
    locale: Literal["en", "zh-CN"] | None = None
    last_seq: int | None = None


class CheckIn(Request, tag="checkIn"):
    """The person made the declaration and the device check; they now wait (presence WAITING).

    ``camera`` and ``microphone`` say what works; a person may attend with neither, and the bench sees it.
    """

    declaration: bool
    camera: Literal["ok", "refused", "missing", "busy", "off"] = "ok"
    microphone: Literal["ok", "refused", "missing", "busy", "off"] = "ok"
    network: Literal["good", "weak", "unknown"] = "unknown"


class Command(Request, tag="command"):
    """Ask the application to change the sitting.  ``request_id`` makes a repeat harmless.

    ``expected_version`` is the version of the sitting the person was looking at; if it has moved on, the command is
    refused with code ``conflict`` and nothing is done.
    """

    name: Identifier
    request_id: Identifier
    expected_version: int | None = None
    arguments: dict[ShortText, Any] = msgspec.field(default_factory=dict)


class Hint(Request, tag="hint"):
    """Tell the application what holds for a moment only, such as where one points; the next takes its place.

    Nothing of it is stored or repeated, and it may be left out when there are too many.
    """

    name: Identifier
    arguments: dict[ShortText, Any] = msgspec.field(default_factory=dict)


class CreateTransport(Request, tag="transport.create"):
    """Reply: :class:`TransportCreated`.  ``capabilities`` only with direction ``recv``."""

    direction: Literal["send", "recv"]
    capabilities: RtpCapabilities | None = None


class ConnectTransport(Request, tag="transport.connect"):
    transport_id: Identifier
    dtls_parameters: DtlsParameters


class RestartIce(Request, tag="transport.restartIce"):
    """Reply: :class:`IceRestarted`."""

    transport_id: Identifier


class Produce(Request, tag="produce"):
    """Reply: :class:`Produced`."""

    transport_id: Identifier
    kind: Kind
    source: Source
    rtp_parameters: RtpParameters
    paused: bool = False


class PauseProducer(Request, tag="producer.pause"):
    """The person mutes a microphone or closes a camera; everybody is told."""

    producer_id: Identifier


class ResumeProducer(Request, tag="producer.resume"):
    producer_id: Identifier


class CloseProducer(Request, tag="producer.close"):
    producer_id: Identifier


class ResumeConsumer(Request, tag="consumer.resume"):
    """The client made its consumer and wants packets now."""

    consumer_id: Identifier


class PauseConsumer(Request, tag="consumer.pause"):
    consumer_id: Identifier


class SetPreferredLayers(Request, tag="consumer.layers"):
    consumer_id: Identifier
    spatial_layer: Annotated[int, msgspec.Meta(ge=0, le=2)]
    temporal_layer: Annotated[int, msgspec.Meta(ge=0, le=2)] = 2


class Ping(Request, tag="ping"):
    """Keeps the presence alive.  Reply: :class:`Pong` with the server's clock."""


class Leave(Request, tag="leave"):
    """The person leaves by their own will; the socket is closed after the reply."""


#: Requests that concern the media plane; the rest is for the application.
MediaRequest = (
    CreateTransport
    | ConnectTransport
    | RestartIce
    | Produce
    | PauseProducer
    | ResumeProducer
    | CloseProducer
    | ResumeConsumer
    | PauseConsumer
    | SetPreferredLayers
)

AnyRequest = (
    Join
    | CheckIn
    | Command
    | Hint
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
    | Ping
    | Leave
)


# --- answers: server to client -------------------------------------------------


class Answer(Struct, tag_field="type", omit_defaults=False):
    id: int


class Reply(Answer, tag="reply"):
    """``data`` is one of the result structs below, or an empty object."""

    data: Any


class ErrorReply(Answer, tag="error"):
    """``code`` is stable and listed in docs/protocol.md; ``message`` is a sentence in the person's language.

    ``id`` is -1 if the request could not be read at all.
    """

    code: str
    message: str


class Joined(Struct, omit_defaults=False):
    """``media`` is absent until a media worker has the room; a ``media`` notice then follows.

    ``held``: what of this device outlived an earlier socket, in the same generation.  A client that has it still goes
    on with it; anything else is made anew.
    """

    protocol: int
    server_time: float
    view: dict[str, Any]
    media: MediaReady | None
    held: Held | None = None


class HeldProducer(Struct, omit_defaults=False):
    id: str
    source: Source
    paused: bool


class Held(Struct, omit_defaults=False):
    """``send`` and ``recv`` are the ids of the transports, ``consumers`` all that the server has for this person."""

    send: str | None
    recv: str | None
    producers: list[HeldProducer]
    consumers: list[ConsumerNew]


class MediaReady(Struct, omit_defaults=False):
    """The room is on a media worker.  ``generation`` grows with each move: all transports of an older one are dead."""

    generation: int
    router_rtp_capabilities: RtpCapabilities


class TransportCreated(Struct, omit_defaults=False):
    id: str
    ice_parameters: IceParameters
    ice_candidates: list[IceCandidate]
    dtls_parameters: DtlsParameters
    ice_servers: list[IceServer] = msgspec.field(default_factory=list)


class IceRestarted(Struct, omit_defaults=False):
    """``ice_servers`` anew, since the earlier credentials may have ended."""

    ice_parameters: IceParameters
    ice_servers: list[IceServer] = msgspec.field(default_factory=list)


class Produced(Struct, omit_defaults=False):
    id: str


class Pong(Struct, omit_defaults=False):
    """Seconds since 1970 on the court's clock."""

    server_time: float


# --- notices: server to client --------------------------------------------------


class Notice(Struct, tag_field="type", omit_defaults=False):
    """Base of what the server says unasked."""


class ViewChanged(Notice, tag="view"):
    """The whole of what this person may know of the hearing now; replaces the earlier view."""

    view: dict[str, Any]


class Entries(Notice, tag="entries"):
    """Entries of the application's log that this person may read, oldest first.

    ``afresh``: they take the place of all that the client held; otherwise they follow those.  A client that comes back
    with ``last_seq`` gets what it missed, as far as that is kept, and else the newest afresh.
    """

    afresh: bool
    entries: list[dict[str, Any]]


class News(Notice, tag="news"):
    """Something the application tells beside the view.  ``data`` has the shape that goes with ``name``."""

    name: str
    data: dict[str, Any]


class Hinted(Notice, tag="hinted"):
    """What holds for a moment only, as somebody told it by ``hint``; may be left out on a slow line."""

    name: str
    data: dict[str, Any]


class MediaNotice(Notice, tag="media"):
    """``ready`` with the room's capabilities, or ``lost``: the worker is gone, another is looked for; keep the page."""

    state: Literal["ready", "lost"]
    media: MediaReady | None = None


class ConsumerNew(Notice, tag="consumer.new"):
    """Make a consumer on the receive transport, then send ``consumer.resume``."""

    consumer_id: str
    producer_id: str
    person_id: str
    source: Source
    kind: Kind
    rtp_parameters: RtpParameters
    producer_paused: bool


class ConsumerClosed(Notice, tag="consumer.closed"):
    consumer_id: str


class ConsumerState(Notice, tag="consumer.state"):
    consumer_id: str
    producer_paused: bool


class TransportState(Notice, tag="transport.state"):
    """What the worker sees of a transport of this client; on ``lost`` the client restarts ICE."""

    transport_id: str
    direction: Literal["send", "recv"]
    state: Literal["connected", "lost", "failed", "closed"]


class Levels(Notice, tag="levels"):
    """Loudness per audible person, -dBov (RFC 6464: 0 loudest, 127 silence); absent means silent."""

    levels: dict[str, int]


class Quality(Notice, tag="quality"):
    """How the network serves people, each two seconds: the person alone, or, for the bench and the clerk, all.

    Measured by the media worker, both ways; whoever has no media connection is absent.
    """

    people: dict[str, PeerQuality]


class Ended(Notice, tag="ended"):
    """The last message on this socket.  ``reason``: displaced (another device of the same person took the seat),
    closed (the hearing is over), removed, expired, left, restarting (come back at once)."""

    reason: Literal["displaced", "closed", "removed", "expired", "left", "restarting"]
    message: str


AnyNotice = (
    ViewChanged
    | Entries
    | News
    | Hinted
    | MediaNotice
    | ConsumerNew
    | ConsumerClosed
    | ConsumerState
    | TransportState
    | Levels
    | Quality
    | Ended
)

request_decoder: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
encode = msgspec.json.Encoder().encode
