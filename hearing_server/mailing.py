"""Notices by e-mail to people of a hearing and to those a record is shared with.  The outbox retries them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from . import diary, notice_letters
from .letters import NS, zone_of
from .links import Links
from .notice_letters import LEAVE, PART, Addressee
from .store import DayRow, HearingFacts, PersonRow, Store
from .store.outbox import OutboxRow
from .store.shares import ShareRow

LETTER_ID_DIGITS = 32


class Mailing:
    """``base_url`` begins every link; ``sender`` is the court's address, empty where no mail is set: nothing is written
    then.  ``posted`` wakes who sends."""

    def __init__(
        self, store: Store, links: Links, *, base_url: str, sender: str, posted: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._links = links
        self._base_url = base_url.rstrip("/")
        self._sender = sender
        self._posted = posted

    @property
    def works(self) -> bool:
        """Whether e-mail can be sent at all."""
        return bool(self._sender)

    # --- shares ---------------------------------------------------------------------------

    def shared(self, facts: HearingFacts, share: ShareRow, token: str) -> OutboxRow:
        """The letter that hands the link over: nobody else is told it.  Its id is the share's ``letter_id``, and it is
        stored with it; :meth:`posted` then has it sent."""
        to = _addressee(share)
        words = {
            "until": moment(share.expires_utc, facts.court.time_zone, chinese=to.chinese),
            "purpose": share.purpose,
            "leave": LEAVE[share.download][to.chinese],
        }
        if share.part:
            begin, end = (clock_time(at * 1000, facts.court.time_zone) for at in share.part)
            words["leave"] = PART[to.chinese].format(begin=begin, end=end, leave=words["leave"])
        link = f"{self._base_url}/shared/{token}"
        return notice_letters.write(
            "share", facts, to, link=link, utc=time.time_ns(), letter_id=share.letter_id, **words
        )

    async def code(self, facts: HearingFacts, share: ShareRow, code: str, minutes: int) -> None:
        await self._send("share-code", facts, _addressee(share), code=code, minutes=str(minutes))

    def revoked(self, facts: HearingFacts, share: ShareRow) -> OutboxRow:
        """The letter that says so, to be stored with it."""
        return notice_letters.write("share-revoked", facts, _addressee(share), link="", utc=time.time_ns())

    def posted(self) -> None:
        """Something was put into the outbox."""
        self._posted()

    # --- people of the hearing --------------------------------------------------------------

    async def tell(
        self,
        kind: str,
        facts: HearingFacts,
        people: Sequence[PersonRow],
        who: PersonRow | None = None,
        *,
        event: str,
        **words: str,
    ) -> None:
        """A notice to each of these people who has an address, with their own link; ``who``: whom it speaks of.

        ``event`` names what it is about: of one event nobody is told twice, however often this is called.
        """
        letters = {person.id: _letter_id(event, kind, person) for person in people if person.email}
        if not letters or not self.works:
            return
        known = await self._store.outbox.known(letters.values())
        people = [person for person in people if person.email and letters[person.id] not in known]
        tokens = await working_tokens(
            self._store, self._links, facts, await self._store.docket.days(facts.hearing_id), people
        )
        for person in people:
            chinese = person.locale == "zh-CN"
            named = {} if who is None else {"who": (who.name_zh or who.name) if chinese else who.name}
            to = Addressee(
                name=(person.name_zh or person.name) if chinese else person.name,
                email=person.email,
                locale=person.locale,
                person_id=person.id,
            )
            link = f"{self._base_url}/j/{tokens[person.id]}"
            await self._send(kind, facts, to, link=link, letter_id=letters[person.id], **named, **words)

    async def _send(
        self, kind: str, facts: HearingFacts, to: Addressee, *, link: str = "", letter_id: str = "", **words: str
    ) -> None:
        utc = time.time_ns()
        message = notice_letters.write(kind, facts, to, link=link, utc=utc, letter_id=letter_id, **words)
        await self._store.outbox.add([message])
        self._posted()


async def working_tokens(
    store: Store, links: Links, facts: HearingFacts, days: Sequence[DayRow], people: Sequence[PersonRow]
) -> dict[str, str]:
    """A personal link of each of these people, as token: the one that works, or a new one."""
    now = time.time_ns()
    working = {
        link.person.id: links.token(link.id)
        for link in await store.seats.links_of(facts.hearing_id)
        if link.expires_utc > now and link.devices < link.device_limit
    }
    last = max([now, *(day.scheduled_utc for day in days)])
    for person in people:
        if person.id not in working:
            working[person.id] = await links.issue(person.id, expires_utc=last + diary.LINK_AFTER_S * NS)
    return working


def moment(utc: int, time_zone: str, *, chinese: bool) -> str:
    """``25 November 2026, 10:00 (Europe/London)``."""
    at = datetime.fromtimestamp(utc / NS, zone_of(time_zone))
    if chinese:
        return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}（{time_zone}）"
    return f"{at.day} {at:%B} {at.year}, {at:%H:%M} ({time_zone})"


def clock_time(utc: int, time_zone: str) -> str:
    """``10:02:07``, on the court's clock."""
    return f"{datetime.fromtimestamp(utc / NS, zone_of(time_zone)):%H:%M:%S}"


def _letter_id(event: str, kind: str, person: PersonRow) -> str:
    return hashlib.sha256(f"{event} {kind} {person.id}".encode()).hexdigest()[:LETTER_ID_DIGITS]


def _addressee(share: ShareRow) -> Addressee:
    return Addressee(name=share.name, email=share.email, locale=share.locale)
