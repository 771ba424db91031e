"""The seam between the sockets and rooms of this package and the application that knows the law.

``signaling`` calls :class:`Application`; the application calls :class:`MediaRoom`
(one per sitting, made by :class:`signaling.rooms.Rooms`) and :class:`Connection`
(one per socket).  All calls are made on the event loop of the control process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .messages import AnyNotice, CheckIn, Command, Held, Hint, Join, MediaReady, MediaRequest
from .ortc import Struct
from .worker_api import CaptureState, PeerQuality, Plan, Source

Device = Literal["on", "off", "none"]
#: Of a media room: on a worker, looked for one, or there is none with room for it.
PlaceState = Literal["ready", "lost", "full"]


@dataclass(frozen=True, slots=True)
class Seat:
    """Who holds this socket: a person of one sitting on one device.  ``locale``: ``en`` or ``zh-CN``; ``device``: of
    which class it is, and ``browser`` its family, where that is known."""

    sitting_id: str
    person_id: str
    seat_id: str
    locale: str
    device: str = ""
    browser: str = ""


class Refusal(Exception):
    """The application says no.  ``code`` is stable (docs/protocol.md), ``message`` in the person's language."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Connection(Protocol):
    """One client's socket.  ``notify`` never blocks: a client that does not read is cut at a bound."""

    seat: Seat

    def notify(self, notice: AnyNotice) -> None: ...

    def end(self, reason: str, message: str, *, keep_media: bool = False) -> None:
        """Send ``ended`` and close.  ``keep_media``: the same device is on a newer socket, and its media goes on."""


class Application(Protocol):
    """What the sockets ask of the law.  Every method may raise :class:`Refusal`."""

    async def enter(self, connection: Connection, join: Join) -> tuple[dict[str, Any], MediaRoom]:
        """The person is on the socket; answer the view and the room.  An older connection of the person is ended."""
        ...

    async def check_in(self, connection: Connection, request: CheckIn) -> None: ...

    async def command(self, connection: Connection, request: Command) -> dict[str, Any]: ...

    async def hint(self, connection: Connection, request: Hint) -> None:
        """Tell those who may know; nothing is stored."""

    async def may_produce(self, connection: Connection, source: Source) -> dict[str, str]:
        """Raise if this person has no right to send such a track in this hearing at all (an observer never has).

        Answer what the record's header says about the track: the person's ``name`` and ``role`` at least.
        """
        ...

    async def leave(self, connection: Connection) -> None: ...

    async def gone(self, connection: Connection) -> None:
        """The socket broke or went silent; never raises."""


class RoomListener(Protocol):
    """What a media room tells the application."""

    def devices_changed(self, person_id: str, microphone: Device, camera: Device) -> None: ...

    def capture_changed(self, state: CaptureState) -> None: ...

    def media_changed(self, state: PlaceState, writer: str | None) -> None:
        """The room was placed on a worker, lost it, or finds none with room for it.

        ``writer``: ``<worker_id>.<epoch>``, as the record names it.
        """

    def transport_changed(self, person_id: str, direction: str, state: str) -> None: ...

    def quality_changed(self, people: dict[str, PeerQuality]) -> None:
        """How the network serves each person; who is told of whom is the application's to decide."""


class MediaRoom(Protocol):
    """A sitting's room on some media worker; moved to another by itself when that one dies.

    The application uses :meth:`obey` and :meth:`close`; the rest is for the sockets.
    """

    async def obey(self, plan: Plan) -> None:
        """Obey this plan; returns when the worker has, or at once (and later by itself) while no worker has the room.

        While the worker does not answer it returns after some seconds, and the room goes on trying.
        Of plans given at the same time the one with the highest version wins.
        """

    async def close(self) -> None:
        """Close the room on its worker; never raises.  Its record ends there."""

    async def attach(self, connection: Connection) -> None:
        """This connection speaks for its person from now on.

        If the person's media belongs to another seat (device), it is ended before this returns.
        """

    def media(self) -> MediaReady | None:
        """What a client needs to begin, if a worker has the room now."""
        ...

    def held(self, connection: Connection) -> Held | None:
        """What of this connection's device outlived an earlier connection."""
        ...

    async def ask(self, connection: Connection, request: MediaRequest, attributes: dict[str, str]) -> Struct | None:
        """Do what the client asked; answer the reply's data.  ``attributes`` only with ``produce``.

        Raises :class:`Refusal`.  Notices that the reply must precede are held until :meth:`release`.
        """
        ...

    def release(self, connection: Connection) -> None:
        """The reply was sent: let the notices go that were held back for it."""

    async def detach(self, connection: Connection, *, keep: bool) -> None:
        """The connection is gone.  ``keep``: the person's media goes on without it for as long as a seat is held."""


class MediaRooms(Protocol):
    """Makes media rooms; :class:`signaling.rooms.Rooms` is the one that places them on workers."""

    async def open(self, room_id: str, plan: Plan, listener: RoomListener) -> MediaRoom:
        """The room of this sitting, made if it is not there.

        Returns at once; a worker is looked for in the background, and ``listener.media_changed`` tells.  A second
        call for the same id answers the same room and replaces its plan and listener.
        """
        ...
