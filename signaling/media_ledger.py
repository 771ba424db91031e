"""What each person has on the room's worker now, and what they may ask of it.  Pure: no I/O, no clock.

A client names transports, producers and consumers by id; an id that is not its
own is unknown to it.  Everything is forgotten when the room moves to another
worker.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import messages, worker_api
from .application import Device
from .ortc import Struct
from .worker_api import Source

#: Notices that may wait for one reply; a room has fewer consumers per person.
HELD_LIMIT = 1024

#: A worker's reason to the code that the client is told.
CODES = {
    "unknown-room": "media-moved",
    "unknown-peer": "media-moved",
    "unknown-transport": "unknown-transport",
    "unknown-producer": "unknown-producer",
    "unknown-consumer": "unknown-consumer",
    "stale": "media-unavailable",
    "invalid": "media-invalid",
    "over-capacity": "media-full",
    "unsupported": "media-unsupported",
}


class Refused(Exception):
    """``code`` is one of :data:`signaling.refusals.SENTENCES`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class _Transport:
    direction: str
    connected: bool = False


@dataclass(slots=True)
class _Producer:
    transport_id: str
    source: Source
    paused: bool


@dataclass(slots=True)
class Belongings:
    """What one person has.  ``held``: notices that wait until the reply to ``transport.create`` was sent."""

    transports: dict[str, _Transport] = field(default_factory=dict)
    producers: dict[str, _Producer] = field(default_factory=dict)
    consumers: dict[str, messages.ConsumerNew] = field(default_factory=dict)
    #: Directions of transports that are being made; the reply was not sent yet.
    creating: list[str] = field(default_factory=list)
    held: list[messages.AnyNotice] = field(default_factory=list)

    def device(self, source: Source) -> Device:
        for producer in self.producers.values():
            if producer.source == source:
                return "off" if producer.paused else "on"
        return "none"

    def devices(self) -> tuple[Device, Device]:
        """Microphone and camera."""
        return self.device("microphone"), self.device("camera")

    def _drop_transport(self, transport_id: str) -> None:
        self.transports.pop(transport_id, None)
        for producer_id, producer in tuple(self.producers.items()):
            if producer.transport_id == transport_id:
                del self.producers[producer_id]


class MediaLedger:
    """All people of one room on one worker."""

    def __init__(self, room_id: str) -> None:
        self._room_id = room_id
        self._people: dict[str, Belongings] = {}

    def of(self, person_id: str) -> Belongings:
        return self._people.get(person_id) or Belongings()

    def held(self, person_id: str) -> messages.Held | None:
        """What a client that comes back may go on with; nothing while it has no transport."""
        own = self.of(person_id)
        if not own.transports:
            return None
        by_direction = {transport.direction: id for id, transport in own.transports.items()}
        return messages.Held(
            send=by_direction.get("send"),
            recv=by_direction.get("recv"),
            producers=[
                messages.HeldProducer(id=id, source=producer.source, paused=producer.paused)
                for id, producer in own.producers.items()
            ],
            consumers=list(own.consumers.values()),
        )

    def people(self) -> list[str]:
        return list(self._people)

    def forget(self, person_id: str) -> None:
        self._people.pop(person_id, None)

    def clear(self) -> None:
        self._people.clear()

    # --- requests ------------------------------------------------------------------

    def begin(
        self, person_id: str, request: messages.MediaRequest, attributes: dict[str, str]
    ) -> worker_api.AnyCommand:
        """The worker's command for this request.  Raises :class:`Refused`; :meth:`end` must follow otherwise."""
        own = self._people.setdefault(person_id, Belongings())
        match request:
            case messages.CreateTransport(direction=direction, capabilities=capabilities):
                if direction == "recv" and capabilities is None:
                    raise Refused("capabilities-missing")
                own.creating.append(direction)
                return worker_api.CreateTransport(
                    room_id=self._room_id, peer_id=person_id, direction=direction, capabilities=capabilities
                )
            case messages.ConnectTransport(transport_id=transport_id):
                self._transport(own, transport_id)
                return worker_api.ConnectTransport(transport_id=transport_id, dtls_parameters=request.dtls_parameters)
            case messages.RestartIce(transport_id=transport_id):
                self._transport(own, transport_id)
                return worker_api.RestartIce(transport_id=transport_id)
            case messages.Produce(transport_id=transport_id):
                transport = self._transport(own, transport_id)
                if transport.direction != "send":
                    raise Refused("wrong-direction")
                if not transport.connected:
                    raise Refused("transport-not-connected")
                return worker_api.Produce(
                    transport_id=transport_id,
                    kind=request.kind,
                    source=request.source,
                    rtp_parameters=request.rtp_parameters,
                    paused=request.paused,
                    attributes=attributes,
                )
            case messages.PauseProducer(producer_id=producer_id):
                self._check_producer(own, producer_id)
                return worker_api.PauseProducer(producer_id=producer_id)
            case messages.ResumeProducer(producer_id=producer_id):
                self._check_producer(own, producer_id)
                return worker_api.ResumeProducer(producer_id=producer_id)
            case messages.CloseProducer(producer_id=producer_id):
                self._check_producer(own, producer_id)
                return worker_api.CloseProducer(producer_id=producer_id)
            case messages.ResumeConsumer(consumer_id=consumer_id):
                self._check_consumer(own, consumer_id)
                return worker_api.ResumeConsumer(consumer_id=consumer_id)
            case messages.PauseConsumer(consumer_id=consumer_id):
                self._check_consumer(own, consumer_id)
                return worker_api.PauseConsumer(consumer_id=consumer_id)
            case messages.SetPreferredLayers(consumer_id=consumer_id):
                self._check_consumer(own, consumer_id)
                return worker_api.SetPreferredLayers(
                    consumer_id=consumer_id,
                    spatial_layer=request.spatial_layer,
                    temporal_layer=request.temporal_layer,
                )

    def end(self, person_id: str, request: messages.MediaRequest, answer: worker_api.AnyAnswer | None) -> Struct | None:
        """Note what the worker answered (None: nothing came); return the reply's data.  Raises :class:`Refused`."""
        own = self._people.get(person_id)
        if own is None:  # the person's media was ended meanwhile
            raise Refused("media-moved")
        if answer is None:
            raise Refused("media-unavailable")
        match request, answer:
            case _, worker_api.Refused(reason=reason):
                raise Refused(CODES.get(reason, "media-invalid"))
            case messages.CreateTransport(direction=direction), worker_api.TransportCreated():
                return self._created(own, direction, answer)
            case messages.ConnectTransport(transport_id=transport_id), worker_api.Done():
                if transport_id in own.transports:
                    own.transports[transport_id].connected = True
            case messages.RestartIce(), worker_api.IceRestarted(ice_parameters=ice_parameters):
                return messages.IceRestarted(ice_parameters=ice_parameters)
            case messages.Produce(), worker_api.Produced(id=producer_id):
                self._drop_source(own, request.source)
                if request.transport_id in own.transports:
                    own.producers[producer_id] = _Producer(request.transport_id, request.source, request.paused)
                return messages.Produced(id=producer_id)
            case (
                messages.PauseProducer(producer_id=producer_id) | messages.ResumeProducer(producer_id=producer_id),
                worker_api.Done(),
            ):
                if producer_id in own.producers:
                    own.producers[producer_id].paused = isinstance(request, messages.PauseProducer)
            case messages.CloseProducer(producer_id=producer_id), worker_api.Done():
                own.producers.pop(producer_id, None)
            case _, worker_api.Done():
                pass
            case _:
                raise Refused("internal")
        return None

    def release(self, person_id: str) -> list[messages.AnyNotice]:
        """The reply to ``transport.create`` was sent (or will never be): the notices that waited for it."""
        own = self._people.get(person_id)
        if own is None or not own.creating:
            return []
        del own.creating[0]
        if own.creating:
            return []
        held, own.held = own.held, []
        return held

    def release_all(self, person_id: str) -> None:
        """The connection that the held notices were for is gone."""
        own = self._people.get(person_id)
        if own is not None:
            own.creating.clear()
            own.held.clear()

    def _created(
        self, own: Belongings, direction: str, answer: worker_api.TransportCreated
    ) -> messages.TransportCreated:
        for transport_id, transport in tuple(own.transports.items()):
            if transport.direction == direction:
                own._drop_transport(transport_id)
        own.transports[answer.id] = _Transport(direction)
        return messages.TransportCreated(
            id=answer.id,
            ice_parameters=answer.ice_parameters,
            ice_candidates=answer.ice_candidates,
            dtls_parameters=answer.dtls_parameters,
        )

    def _transport(self, own: Belongings, transport_id: str) -> _Transport:
        try:
            return own.transports[transport_id]
        except KeyError:
            raise Refused("unknown-transport") from None

    def _check_producer(self, own: Belongings, producer_id: str) -> None:
        if producer_id not in own.producers:
            raise Refused("unknown-producer")

    def _check_consumer(self, own: Belongings, consumer_id: str) -> None:
        if consumer_id not in own.consumers:
            raise Refused("unknown-consumer")

    def _drop_source(self, own: Belongings, source: Source) -> None:
        for producer_id, producer in tuple(own.producers.items()):
            if producer.source == source:
                del own.producers[producer_id]

    # --- events --------------------------------------------------------------------

    def consumer_new(self, event: worker_api.ConsumerNew) -> list[messages.AnyNotice]:
        notice = messages.ConsumerNew(
            consumer_id=event.consumer_id,
            producer_id=event.producer_id,
            person_id=event.producer_peer_id,
            source=event.source,
            kind=event.kind,
            rtp_parameters=event.rtp_parameters,
            producer_paused=event.producer_paused,
        )
        own = self._people.setdefault(event.peer_id, Belongings())
        own.consumers[event.consumer_id] = notice
        return self._now_or_held(own, notice)

    def consumer_closed(self, event: worker_api.ConsumerClosed) -> list[messages.AnyNotice]:
        own = self.of(event.peer_id)
        if own.consumers.pop(event.consumer_id, None) is None:
            return []
        return self._now_or_held(own, messages.ConsumerClosed(consumer_id=event.consumer_id))

    def consumer_state(self, event: worker_api.ConsumerState) -> list[messages.AnyNotice]:
        own = self.of(event.peer_id)
        consumer = own.consumers.get(event.consumer_id)
        if consumer is None:
            return []
        consumer.producer_paused = event.producer_paused
        return self._now_or_held(
            own, messages.ConsumerState(consumer_id=event.consumer_id, producer_paused=event.producer_paused)
        )

    def transport_state(self, event: worker_api.TransportState) -> list[messages.AnyNotice]:
        """Nothing for a transport that another has taken, or is taking, the place of."""
        own = self.of(event.peer_id)
        if event.transport_id not in own.transports:
            return []
        if event.state == "closed":
            own._drop_transport(event.transport_id)
            if event.direction in own.creating:
                return []
        return [messages.TransportState(transport_id=event.transport_id, direction=event.direction, state=event.state)]

    def _now_or_held(self, own: Belongings, notice: messages.AnyNotice) -> list[messages.AnyNotice]:
        if not own.creating:
            return [notice]
        if len(own.held) < HELD_LIMIT:
            own.held.append(notice)
        return []
