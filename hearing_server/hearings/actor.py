"""One sitting at work, the people's side: their sockets, their views, what they ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from signaling.application import Connection, Device, MediaRoom, MediaRooms, Refusal
from signaling.messages import News, Quality, ViewChanged
from signaling.worker_api import PeerQuality

from ..court import SYSTEM, Actor, Command, Presence, Sitting, SittingState
from ..court.law import answer_key, is_live
from ..court.visibility import sees_lines_of
from ..refusals import sentence
from ..store import HearingFacts, Store, StoreError
from .clock import Clock
from .commands import URGENT
from .inbox import InboxClosed
from .rebooking import changes
from .sitting import NS, SittingWork
from .views import hearing_view

T = TypeVar("T")

#: Views are gathered for this long, s, so that a burst of events makes one message.
VIEW_DELAY_S = 0.03
#: How long after the close the sockets stay open, s, so that the last view and the reply are read.
FAREWELL_S = 0.3
#: What one person may ask in a burst, and per second after it.
ASK_BURST = 30.0
ASKS_PER_S = 1.0


class SittingActor(SittingWork):
    """The runtime of one sitting.

    ``on_closed`` is called when the court closes it; ``on_rest`` when nobody is there and nothing is left to do, after
    which it must not be used any more: the log has all of it.
    """

    def __init__(
        self,
        facts: HearingFacts,
        sitting: Sitting,
        store: Store,
        rooms: MediaRooms,
        clock: Clock,
        on_closed: Callable[[SittingActor], None],
        on_rest: Callable[[SittingActor], None],
    ) -> None:
        self._on_closed = on_closed
        self._on_rest = on_rest
        self._connections: dict[str, Connection] = {}
        self._seen: set[str] = set()
        self._devices: dict[str, tuple[Device, Device]] = {}
        self._asks: dict[tuple[str, str], tuple[float, float]] = {}
        self._farewell_due = False
        self._views_due: asyncio.TimerHandle | None = None
        super().__init__(facts, sitting, store, rooms, clock)

    # --- presence, rest --------------------------------------------------------------

    @property
    def sockets(self) -> int:
        """People on a socket now."""
        return len(self._connections)

    def _is_here(self, person_id: str) -> bool:
        return person_id in self._connections

    def _was_here(self, person_id: str) -> bool:
        return person_id in self._seen

    def _idle(self) -> bool:
        if self._connections or self._farewell_due:
            return False
        if self.sitting.state is SittingState.CLOSED:
            return True
        gone = (Presence.NOT_SIGNED_IN, Presence.DISCONNECTED)
        return self.sitting.state is SittingState.NOT_STARTED and all(
            person.presence in gone for person in self.sitting.people.values()
        )

    async def _rests(self) -> bool:
        """Nobody is there, and nothing is left to do: the media room is closed, and the sitting let go."""
        if not self._idle():
            return False
        await self._close_room()
        if self._idle() and self._inbox.empty:
            self._set_alarm(float("inf"))
            self._on_rest(self)
            return True
        return False

    async def aclose(self) -> None:
        if self._views_due is not None:
            self._views_due.cancel()
        await super().aclose()

    async def _ask(self, job: Callable[[], Awaitable[T]], locale: str) -> T:
        """Do this in its turn; what the court's own trouble prevents is a :class:`Refusal` too."""
        try:
            return await self._inbox.run(job)
        except InboxClosed:
            raise self._refusal("busy", locale) from None
        except StoreError as error:
            self._log.error("sitting.store_failed", code=error.code, detail=error.detail)
            raise self._refusal(error.code, locale) from error

    # --- what sockets ask ----------------------------------------------------------

    async def enter(self, connection: Connection) -> tuple[dict[str, Any], MediaRoom]:
        return await self._ask(lambda: self._enter(connection), connection.seat.locale)

    async def _enter(self, connection: Connection) -> tuple[dict[str, Any], MediaRoom]:
        seat = connection.seat
        if seat.person_id not in self.sitting.people:
            raise self._refusal("unknown-person", seat.locale)
        if self.sitting.state is SittingState.CLOSED:
            raise self._refusal("sitting-closed", seat.locale)
        room = await self._open_room()
        older = self._connections.get(seat.person_id)
        self._connections[seat.person_id] = connection
        self._seen.add(seat.person_id)
        if older is not None and older is not connection:
            same_device = older.seat.seat_id == seat.seat_id
            older.end("displaced", sentence("displaced", older.seat.locale), keep_media=same_device)
        try:
            arrival = self._arrival(seat.person_id, seat.seat_id)
            if arrival is not None:
                await self._give(self._actor(seat.person_id), arrival, seat.locale)
        except BaseException:
            if self._connections.get(seat.person_id) is connection:
                del self._connections[seat.person_id]
            raise
        await self._settle()
        return self._view(seat.person_id), room

    def _arrival(self, person_id: str, seat_id: str) -> Command | None:
        """What it means that this person is on a socket again."""
        person = self.sitting.people[person_id]
        if person.presence in (Presence.NOT_SIGNED_IN, Presence.DISCONNECTED):
            return Command(name="sign_in", detail={"seat": seat_id})
        if person.seat != seat_id:
            return Command(name="change_device", detail={"seat": seat_id})
        if person.presence is Presence.AWAY:
            return Command(name="come_back")
        return None

    async def check_in(self, connection: Connection, check: dict[str, str], *, declaration: bool) -> None:
        async def job() -> None:
            self._must_be_current(connection)
            person = self.sitting.people[connection.seat.person_id]
            if declaration and person.presence is not Presence.CHECKING and person.check == check:
                return
            self._spend_ask(connection)
            command = Command(name="check_in", detail={"declaration": declaration, "check": check})
            await self._give(self._actor(person.id), command, connection.seat.locale)
            await self._settle()

        await self._ask(job, connection.seat.locale)

    async def command(self, connection: Connection, command: Command) -> dict[str, Any]:
        async def job() -> dict[str, Any]:
            self._must_be_current(connection)
            self._spend_ask(connection, command.name)
            await self._give(self._actor(connection.seat.person_id), command, connection.seat.locale)
            # A repeat gets what the first got, whatever has happened since.
            made = self.sitting.answered.get(answer_key(connection.seat.person_id, command.request_id))
            await self._settle()
            return {"version": self.sitting.version if made is None else made}

        return await self._ask(job, connection.seat.locale)

    async def hint(self, connection: Connection, name: str, arguments: dict[str, Any]) -> None:
        """Tell those who may know what holds for a moment."""
        self._must_be_current(connection)
        raise self._refusal("unknown-command", connection.seat.locale)

    async def leave(self, connection: Connection) -> None:
        async def job() -> None:
            if self._connections.get(connection.seat.person_id) is not connection:
                return
            del self._connections[connection.seat.person_id]
            self._devices.pop(connection.seat.person_id, None)
            person = self.sitting.people[connection.seat.person_id]
            if is_live(person) and self.sitting.state is not SittingState.CLOSED:
                await self._give(self._actor(person.id), Command(name="sign_out"), connection.seat.locale)
            await self._settle()

        await self._ask(job, connection.seat.locale)

    def gone(self, connection: Connection) -> None:
        """The socket broke: the person is away, unless a newer socket has taken over."""
        if self._connections.get(connection.seat.person_id) is connection:
            del self._connections[connection.seat.person_id]
            self._devices.pop(connection.seat.person_id, None)
        self._inbox.post(self._settle)

    def displace(self, person_id: str, seat_id: str) -> None:
        """Another device has taken this person's seat."""
        connection = self._connections.get(person_id)
        if connection is not None and connection.seat.seat_id != seat_id:
            self.gone(connection)
            connection.end("displaced", sentence("displaced", connection.seat.locale))

    async def act(self, actor: Actor, command: Command, locale: str) -> Sitting:
        """A command that came over HTTP, from somebody of this sitting or the court's own machinery."""

        async def job() -> Sitting:
            await self._give(actor, command, locale)
            await self._settle()
            return self.sitting

        return await self._ask(job, locale)

    async def rebooked(self, facts: HearingFacts) -> None:
        """The booking was changed: the log follows it, and names, times and rooms are shown as they are now."""

        async def job() -> None:
            self.facts = facts
            for command in changes(self.sitting, facts):
                try:
                    await self._give(SYSTEM, command, "en")
                except Refusal as refused:
                    self._log.warning("sitting.rebooking_refused", what=command.name, code=refused.code)
            await self._settle()
            self._show()

        await self._ask(job, "en")

    def tell(self, name: str, data: dict[str, Any], to: Callable[[str], bool]) -> None:
        """News that is no law, to those on a socket whom ``to`` names."""
        for person_id, connection in list(self._connections.items()):
            if person_id in self.sitting.people and to(person_id):
                connection.notify(News(name=name, data=data))

    def remove(self, person_id: str) -> None:
        """The court has withdrawn this person's link."""
        connection = self._connections.get(person_id)
        if connection is not None:
            self.gone(connection)
            connection.end("removed", sentence("link-revoked", connection.seat.locale))

    def _must_be_current(self, connection: Connection) -> None:
        current = self._connections.get(connection.seat.person_id)
        if current is not connection:
            code = "displaced" if current is not None else "not-checked-in"
            raise self._refusal(code, connection.seat.locale)

    def _spend_ask(self, connection: Connection, name: str = "") -> None:
        """A token bucket per person: what is asked goes into the log, which must not be flooded.

        What must not wait has a bucket of its own.
        """
        now = self._clock.mono() / NS
        key = (connection.seat.person_id, name if name in URGENT else "")
        left, since = self._asks.get(key, (ASK_BURST, now))
        left = min(ASK_BURST, left + (now - since) * ASKS_PER_S)
        if left < 1:
            raise self._refusal("too-many", connection.seat.locale)
        self._asks[key] = (left - 1, now)

    def _actor(self, person_id: str) -> Actor:
        return Actor(id=person_id, role=self.sitting.people[person_id].role.value)

    def _refusal(self, code: str, locale: str) -> Refusal:
        return Refusal(code, sentence(code, locale))

    # --- views ---------------------------------------------------------------------------

    def devices_changed(self, person_id: str, microphone: Device, camera: Device) -> None:
        if person_id in self.sitting.people:
            self._devices[person_id] = (microphone, camera)
            self._show()

    def quality_changed(self, people: dict[str, PeerQuality]) -> None:
        """Everybody learns of their own line; those who see the checks learn of all."""
        for person_id, connection in list(self._connections.items()):
            seen = {other: people[other] for other in sees_lines_of(self.sitting, person_id) if other in people}
            if seen:
                connection.notify(Quality(people=seen))

    def _court_closed(self) -> None:
        self._flush_views()
        self._farewell_due = True
        self._loop.call_later(FAREWELL_S, self._farewell)
        self._on_closed(self)

    def _farewell(self) -> None:
        for connection in list(self._connections.values()):
            connection.end("closed", sentence("closed", connection.seat.locale))
        self._connections.clear()
        self._farewell_due = False
        self._inbox.post(self._close_room)

    def _show(self) -> None:
        """Send everybody their view soon."""
        if self._views_due is None and self._connections:
            self._views_due = self._loop.call_later(VIEW_DELAY_S, self._flush_views)

    def _flush_views(self) -> None:
        if self._views_due is not None:
            self._views_due.cancel()
            self._views_due = None
        for person_id, connection in list(self._connections.items()):
            try:
                connection.notify(ViewChanged(view=self._view(person_id)))
            except Exception:
                self._log.exception("view.failed", person=person_id)

    def _view(self, person_id: str) -> dict[str, Any]:
        return hearing_view(
            self.facts,
            self.sitting,
            person_id,
            now=self._now(),
            watch=self.watch,
            devices=self._devices,
            media_full=self.media_full,
        )
