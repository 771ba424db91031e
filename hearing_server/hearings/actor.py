"""One sitting at work, what comes in: people on their sockets and what they ask, and what the court's desks change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from signaling.application import Connection, MediaRoom, MediaRooms

from ..court import Actor, Command, Presence, Sitting, SittingState
from ..court.law import answer_key, is_live
from ..court.people import has_business
from ..refusals import sentence
from ..store import HearingFacts, Store, StoreError
from . import exhibits
from .allowance import Allowance
from .audience import SittingAudience
from .clock import Clock
from .commands import URGENT
from .inbox import InboxClosed
from .journal import Journal
from .rebooking import as_planned, changes
from .sitting import NS

T = TypeVar("T")

#: How long after the close the sockets stay open, s, so that the last view and the reply are read.
FAREWELL_S = 0.3
#: What one person may ask in a burst, and per second after it.
ASK_BURST = 30.0
ASKS_PER_S = 1.0


class SittingActor(SittingAudience):
    """The runtime of one sitting.

    ``on_closed`` is called when the record is to be sealed: the court has closed it, or a fault was stated; ``on_rest``
    when nobody is there and nothing is left to do, after which it must not be used any more: the log has all of it.
    """

    def __init__(
        self,
        facts: HearingFacts,
        sitting: Sitting,
        journal: Journal,
        store: Store,
        rooms: MediaRooms,
        clock: Clock,
        on_closed: Callable[[SittingActor], None],
        on_rest: Callable[[SittingActor], None],
    ) -> None:
        self._on_closed = on_closed
        self._on_rest = on_rest
        self._seen: set[str] = set()
        self._asks = Allowance(ASK_BURST, ASKS_PER_S)
        self._follows_booking = False
        self._farewell_due = False
        self._farewell_alarm: asyncio.TimerHandle | None = None
        super().__init__(facts, sitting, journal, store, rooms, clock)

    # --- presence, rest --------------------------------------------------------------

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

    async def enter(self, connection: Connection, last_seq: int | None) -> tuple[dict[str, Any], MediaRoom]:
        """``last_seq``: the newest event that this client has seen, if it comes back."""
        return await self._ask(lambda: self._enter(connection, last_seq), connection.seat.locale)

    async def _enter(self, connection: Connection, last_seq: int | None) -> tuple[dict[str, Any], MediaRoom]:
        seat = connection.seat
        await self._catch_up()
        await self._follow_booking()
        self._must_be_welcome(seat.person_id, seat.locale)
        room = await self._open_room()
        older = self._connections.get(seat.person_id)
        self._connections[seat.person_id] = connection
        self._seen.add(seat.person_id)
        self._elsewhere.discard(seat.person_id)
        self._told.pop(seat.person_id, None)
        if older is not None and older is not connection:
            same_device = older.seat.seat_id == seat.seat_id
            older.end("displaced", sentence("displaced", older.seat.locale), keep_media=same_device)
        try:
            arrival = self._arrival(seat.person_id, seat.seat_id)
            if arrival is not None:
                await self._give(self._actor(seat.person_id), arrival, seat.locale)
        except BaseException:
            self._forget(connection)
            raise
        await self._settle()
        if self.sitting.state is SittingState.CLOSED:
            self._set_farewell(self._bench_room_left_s() + FAREWELL_S)
        self._begin_entries(seat.person_id, last_seq)
        return self._view(seat.person_id), room

    def _must_be_welcome(self, person_id: str, locale: str) -> None:
        person = self.sitting.people.get(person_id)
        if person is None or self.facts.person(person_id) is None:
            raise self._refusal("unknown-person", locale)
        if person.presence is Presence.REMOVED:
            raise self._refusal("removed", locale)
        if not self._has_business(person_id):
            raise self._refusal("sitting-closed", locale)

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
            await self._must_be_showable(connection.seat.person_id, command, connection.seat.locale)
            before = self.sitting
            given = self._measured(as_planned(command, self.facts))
            await self._give(self._actor(connection.seat.person_id), given, connection.seat.locale)
            await self._note_shown(before)
            # A repeat gets what the first got, whatever has happened since.
            made = self.sitting.answered.get(answer_key(connection.seat.person_id, command.request_id))
            await self._settle()
            return {"version": self.sitting.version if made is None else made}

        return await self._ask(job, connection.seat.locale)

    def _measured(self, command: Command) -> Command:
        """The log has of what was lost what the court's server has counted."""
        if command.name != "ask_repeat":
            return command
        return msgspec.structs.replace(command, detail={"lost_ms": self.unheard.lost_ms(command.subject)})

    async def _must_be_showable(self, person_id: str, command: Command, locale: str) -> None:
        code = await exhibits.refusal(self._store, self.facts.hearing_id, self.sitting, person_id, command)
        if code is not None:
            raise self._refusal(code, locale)

    async def _note_shown(self, before: Sitting) -> None:
        """From its first showing on everybody in the hearing may open an exhibit."""
        shown = self.sitting.exhibit
        if shown is None or (before.exhibit is not None and before.exhibit.document == shown.document):
            return
        await self._store.desk.exhibit_shown(self.facts.hearing_id, shown.document, self._clock.utc())
        self.tell("exhibits", {}, lambda _: True)

    async def act(self, actor: Actor, command: Command, locale: str) -> Sitting:
        """A command that came over HTTP, from somebody of this sitting or the court's own machinery."""

        async def job() -> Sitting:
            await self._follow_booking()
            await self._give(actor, command, locale)
            await self._settle()
            return self.sitting

        return await self._ask(job, locale)

    async def look(self) -> None:
        """See what is due in a sitting that nobody has been in for long."""
        await self._ask(self._settle, "en")

    async def leave(self, connection: Connection) -> None:
        async def job() -> None:
            if self._connections.get(connection.seat.person_id) is not connection:
                return
            self._forget(connection)
            person = self.sitting.people[connection.seat.person_id]
            if is_live(person) and self._has_business(person.id):
                await self._give(self._actor(person.id), Command(name="sign_out"), connection.seat.locale)
            await self._settle()

        await self._ask(job, connection.seat.locale)

    def gone(self, connection: Connection) -> None:
        """The socket broke: the person is away, unless a newer socket has taken over."""
        self._forget(connection)
        self._inbox.post(self._settle)

    def _forget(self, connection: Connection) -> None:
        person_id = connection.seat.person_id
        if self._connections.get(person_id) is connection:
            del self._connections[person_id]
            self._devices.pop(person_id, None)
            self._told.pop(person_id, None)

    def displace(self, person_id: str, seat_id: str) -> None:
        """Another device has taken this person's seat."""
        connection = self._connections.get(person_id)
        if connection is not None and connection.seat.seat_id != seat_id:
            self.gone(connection)
            connection.end("displaced", sentence("displaced", connection.seat.locale))

    async def rebooked(self, facts: HearingFacts) -> None:
        """The booking was changed: the log follows it, and names, times and rooms are shown as they are now."""

        async def job() -> None:
            self.facts = facts
            self._follows_booking = False
            await self._follow_booking()
            await self._settle()
            self._show()

        await self._ask(job, "en")

    async def _follow_booking(self) -> None:
        """Let the people of the sitting be those of the booking."""
        if self._follows_booking or self.sitting.state is SittingState.CLOSED:
            return
        for actor, command in changes(self.sitting, self.facts):
            refused = await self._attempt(actor, command)
            if refused is not None:
                self._log.warning("sitting.rebooking_refused", what=command.name, code=refused.code)
        self._follows_booking = True

    def remove(self, person_id: str) -> None:
        """The court has withdrawn this person's link."""
        connection = self._connections.get(person_id)
        if connection is not None:
            self.gone(connection)
            connection.end("removed", sentence("link-revoked", connection.seat.locale))

    def _drop(self, connection: Connection) -> None:
        self.gone(connection)

    def _spend_ask(self, connection: Connection, name: str = "") -> None:
        """What is asked goes into the log, which must not be flooded; what must not wait has its own allowance."""
        key = (connection.seat.person_id, name if name in URGENT else "")
        if not self._asks.take(key, self._clock.mono() / NS):
            raise self._refusal("too-many", connection.seat.locale)

    def _actor(self, person_id: str) -> Actor:
        return Actor(id=person_id, role=self.sitting.people[person_id].role.value)

    # --- the end ---------------------------------------------------------------------------

    def _court_closed(self) -> None:
        self._flush_views()
        self._farewell_due = True
        self._set_farewell(FAREWELL_S)
        self._record_due()

    def _record_due(self) -> None:
        self._on_closed(self)

    def _set_farewell(self, delay_s: float) -> None:
        if self._farewell_alarm is not None:
            self._farewell_alarm.cancel()
        self._farewell_alarm = self._loop.call_later(delay_s, self._farewell)

    def _farewell(self) -> None:
        """Everybody goes; the bench stays for as long as it has its room."""
        for person_id, connection in list(self._connections.items()):
            if not self._has_business(person_id):
                connection.end("closed", sentence("closed", connection.seat.locale))
                self._forget(connection)
        if self._connections:
            self._set_farewell(self._bench_room_left_s() + FAREWELL_S)
        self._farewell_due = False
        self._inbox.post(self._settle)

    def _has_business(self, person_id: str) -> bool:
        return has_business(self.sitting, self.sitting.people[person_id], self._clock.utc())

    def _bench_room_left_s(self) -> float:
        closed = self.sitting.closed or 0
        return max(0.0, (closed - self._clock.utc()) / NS + self.sitting.rules.bench_room_s)

    async def aclose(self) -> None:
        if self._farewell_alarm is not None:
            self._farewell_alarm.cancel()
        await super().aclose()
