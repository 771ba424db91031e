"""One sitting at work, what goes out: views, entries of the log, news and hints, each to those who may know."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from signaling.application import Connection, Device, MediaRooms
from signaling.messages import Entries, Hinted, News, Quality, ViewChanged
from signaling.worker_api import PeerQuality

from .. import api
from ..court import Actor, Event, Presence, Sitting, may_chat, permitted
from ..court.states import STAFF
from ..court.views import sees
from ..court.visibility import sees_channels, sees_lines_of
from ..refusals import sentence
from ..store import HearingFacts, Store
from .allowance import Allowance
from .channels import confidence
from .clock import Clock
from .journal import Journal, entry
from .sitting import NS, SittingWork
from .unheard import Unheard, is_due
from .views import CAPTURING, hearing_view

#: Views are gathered for this long, s, so that a burst of events makes one message.
VIEW_DELAY_S = 0.03
#: Hints of one person in a burst, and per second after it: a hand that points.
HINT_BURST = 30.0
HINTS_PER_S = 15.0
#: The end of a page, per mille.
PER_MILLE = 1000


class SittingAudience(SittingWork):
    """The people on their sockets, and what they are told unasked."""

    def __init__(
        self, facts: HearingFacts, sitting: Sitting, journal: Journal, store: Store, rooms: MediaRooms, clock: Clock
    ) -> None:
        self._connections: dict[str, Connection] = {}
        self._devices: dict[str, tuple[Device, Device]] = {}
        self.microphone_since: dict[str, int] = {}
        """When each person's microphone was turned on last, ns."""
        self.unheard = Unheard()
        self._journal = journal
        #: The newest event that each socket has been told of.
        self._told: dict[str, int] = {}
        self._hints = Allowance(HINT_BURST, HINTS_PER_S)
        self._views_due: asyncio.TimerHandle | None = None
        super().__init__(facts, sitting, store, rooms, clock)

    @abstractmethod
    def _drop(self, connection: Connection) -> None:
        """Forget this socket, as if it had broken."""

    @property
    def sockets(self) -> int:
        """People on a socket now."""
        return len(self._connections)

    async def aclose(self) -> None:
        if self._views_due is not None:
            self._views_due.cancel()
        await super().aclose()

    # --- what the room tells -----------------------------------------------------------

    def devices_changed(self, person_id: str, microphone: Device, camera: Device) -> None:
        if person_id in self.sitting.people:
            if microphone == "on" and self.devices(person_id)[0] != "on":
                self.microphone_since[person_id] = self._clock.utc()
            self._devices[person_id] = (microphone, camera)
            self._show()

    def devices(self, person_id: str) -> tuple[Device, Device]:
        """The state of this person's microphone and camera."""
        return self._devices.get(person_id, ("none", "none"))

    def channel(self, person_id: str, utc: int) -> api.ChannelView | None:
        """The confidence in one person's channel at ``utc``, ns since 1970."""
        return confidence(
            self.sitting,
            person_id,
            self.channels.get(person_id),
            microphone=self.devices(person_id)[0],
            turned_on=self.microphone_since.get(person_id, 0),
            utc=utc,
        )

    def quality_changed(self, people: dict[str, PeerQuality]) -> None:
        """Everybody learns of their own line; those who see the checks learn of all; and who may ask for it learns of
        words that were lost."""
        lost_ms = {person_id: quality.words_lost_ms for person_id, quality in people.items()}
        if self.unheard.told(lost_ms, lambda person_id: is_due(self.sitting, person_id), self._clock.utc()):
            self._show()
        for person_id, connection in list(self._connections.items()):
            seen = {other: people[other] for other in sees_lines_of(self.sitting, person_id) if other in people}
            if seen:
                connection.notify(Quality(people=seen))

    # --- what happened -------------------------------------------------------------------

    def _tell(self, before: Sitting, steps: Sequence[tuple[Event, Sitting]]) -> None:
        for event, after in steps:
            self._journal.add(after, event)
            if event.name == "ask_repeat":
                self.unheard.asked(event.subject)
        for person_id in list(self._told):
            self._tell_entries(person_id)
        self._tell_moves(before)
        self._end_removed(before)

    def _begin_entries(self, person_id: str, last_seq: int | None) -> None:
        """The first entries of a new socket: what it missed, or the newest."""
        afresh, events = self._journal.since(person_id, last_seq)
        self._told[person_id] = self.sitting.seq
        self._notify_entries(person_id, events, afresh=afresh)

    def _tell_entries(self, person_id: str) -> None:
        afresh, events = self._journal.since(person_id, self._told[person_id])
        self._told[person_id] = self.sitting.seq
        if events or afresh:
            self._notify_entries(person_id, events, afresh=afresh)

    def _notify_entries(self, person_id: str, events: list[Event], *, afresh: bool) -> None:
        connection, reader = self._connections.get(person_id), self.sitting.people.get(person_id)
        if connection is None or reader is None:
            return
        known = {other.id for other in self.sitting.people.values() if sees(self.sitting, reader, other)}
        entries = [msgspec.to_builtins(entry(event, known)) for event in events]
        connection.notify(Entries(afresh=afresh, entries=entries))

    def _tell_moves(self, before: Sitting) -> None:
        """Who came in or went out, to those who are inside and may see them."""
        for person in self.sitting.people.values():
            was = before.people.get(person.id)
            was_inside = was is not None and was.in_room
            if was_inside != person.in_room:
                news = api.PersonNews(person_id=person.id)
                self._tell_inside("entered" if person.in_room else "left", news, about=person.id)

    def _tell_inside(self, name: str, data: api.PersonNews, *, about: str) -> None:
        person = self.sitting.people[about]
        for other_id, connection in list(self._connections.items()):
            other = self.sitting.people[other_id]
            if other_id != about and other.in_room and sees(self.sitting, other, person):
                connection.notify(News(name=name, data=msgspec.to_builtins(data)))

    def _end_removed(self, before: Sitting) -> None:
        """The judge has sent somebody away."""
        for person in self.sitting.people.values():
            was = before.people.get(person.id)
            connection = self._connections.get(person.id)
            new = was is None or was.presence is not Presence.REMOVED
            if connection is not None and person.presence is Presence.REMOVED and new:
                self._drop(connection)
                connection.end("removed", sentence("removed", connection.seat.locale))

    def tell(self, name: str, data: dict[str, Any], to: Callable[[str], bool]) -> None:
        """News that is no law, to those on a socket whom ``to`` names."""
        for person_id, connection in list(self._connections.items()):
            if person_id in self.sitting.people and to(person_id):
                connection.notify(News(name=name, data=data))

    # --- hints ----------------------------------------------------------------------------------

    def hint(self, connection: Connection, name: str, arguments: dict[str, Any]) -> None:
        """Tell those who may know what holds for a moment; raises :class:`~signaling.application.Refusal`."""
        person_id, locale = connection.seat.person_id, connection.seat.locale
        self._must_be_current(connection)
        if not self._hints.take(person_id, self._clock.mono() / NS):
            return
        if name == "pointer":
            self._point(person_id, arguments, locale)
        elif name == "typing":
            self._type(person_id, arguments, locale)
        else:
            raise self._refusal("unknown-command", locale)

    def _point(self, person_id: str, arguments: dict[str, Any], locale: str) -> None:
        shown, person = self.sitting.exhibit, self.sitting.people[person_id]
        actor = Actor(id=person_id, role=person.role.value)
        if shown is None:
            raise self._refusal("no-exhibit", locale)
        if not permitted(self.sitting, actor, "turn_page", person_id, self._now()):
            raise self._refusal("not-presenting", locale)
        x, y = arguments.get("x"), arguments.get("y")
        if not (x is None and y is None) and not (_per_mille(x) and _per_mille(y)):
            raise self._refusal("invalid", locale)
        data = msgspec.to_builtins(api.PointerHint(document=shown.document, page=shown.page, x=x, y=y))
        for other_id, connection in list(self._connections.items()):
            other = self.sitting.people[other_id]
            if other_id != person_id and other.in_room and sees(self.sitting, other, person):
                connection.notify(Hinted(name="pointer", data=data))

    def _type(self, person_id: str, arguments: dict[str, Any], locale: str) -> None:
        about = arguments.get("personId", person_id)
        from_staff = about != person_id
        if from_staff and not (isinstance(about, str) and self._may_help(person_id, about)):
            raise self._refusal("unknown-person", locale)
        data = msgspec.to_builtins(api.TypingHint(person_id=about, from_staff=from_staff))
        for other_id, connection in list(self._connections.items()):
            own = other_id == about
            if other_id != person_id and (own or self._may_help(other_id, about)):
                connection.notify(Hinted(name="typing", data=data))

    def _may_help(self, staff_id: str, person_id: str) -> bool:
        staff = self.sitting.people.get(staff_id)
        return staff is not None and staff.role in STAFF and may_chat(self.sitting, staff_id, person_id)

    # --- views ----------------------------------------------------------------------------------

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
            losses=self.unheard.losses(),
            channels=self._channels_for(person_id),
        )

    def _channels_for(self, reader: str) -> list[api.ChannelView] | None:
        """What the record has of each person's sound; nothing for who is not told, and while nothing is recorded."""
        if self.sitting.record not in CAPTURING or not sees_channels(self.sitting, reader):
            return None
        utc = self._clock.utc()
        return [found for person_id in self.sitting.people if (found := self.channel(person_id, utc)) is not None]

    # --- who speaks ---------------------------------------------------------------------------------

    def _must_be_current(self, connection: Connection) -> None:
        current = self._connections.get(connection.seat.person_id)
        if current is not connection:
            code = "displaced" if current is not None else "not-checked-in"
            raise self._refusal(code, connection.seat.locale)


def _per_mille(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= PER_MILLE
