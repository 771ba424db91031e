"""Notices by e-mail that follow from a sitting's log: a statement is needed, a draft is out, somebody signed.

What is due stands on the pages and in the tasks, too.  A notice of an event is written once, by the process that wrote
the event, or, where that ended before it could, by the next: at its start it reads the last day's events again, and the
letters that are there already have the names of the event and the person.  The outbox sends them, again and again until
they are taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import structlog

from .court import Event, Role, Sitting, apply, replay
from .mailing import Mailing
from .store import HearingFacts, PersonRow, Store, StoreError

log = structlog.get_logger(__name__)

#: Notices that wait to be written; more are left out, and that is logged.
WAITING_LIMIT = 1000
#: What a database that is away refused is tried again after this, s.
RETRY_S = 5.0
#: Events that are older are no news any more, ns.
NEWS_NS = 24 * 3600 * 1_000_000_000
#: The events of which somebody is told.
EVENTS = frozenset({"open_incident", "finalize", "circulate", "sign_record", "refuse_to_sign"})


@dataclass(frozen=True, slots=True)
class _Due:
    """``event`` names the sitting and the number in its log."""

    event: str
    kind: str
    facts: HearingFacts
    to: list[PersonRow]
    words: dict[str, str]
    who: PersonRow | None = None


class RecordNotices:
    """:meth:`heard` takes what a sitting has become; a task of its own writes the letters."""

    def __init__(self, mailing: Mailing, store: Store) -> None:
        self._mailing = mailing
        self._store = store
        self._due: asyncio.Queue[_Due] = asyncio.Queue(WAITING_LIMIT)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="record notices")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def heard(self, facts: HearingFacts, sitting: Sitting, events: Sequence[Event]) -> None:
        for event in events:
            for due in _due(facts, sitting, event):
                try:
                    self._due.put_nowait(due)
                except asyncio.QueueFull:
                    log.warning("notice.left_out", hearing=facts.hearing_id, kind=due.kind)

    async def _run(self) -> None:
        await self._again(partial(self.catch_up, time.time_ns()))
        while True:
            due = await self._due.get()
            await self._again(partial(self._write, due))

    async def _again(self, work: Callable[[], Awaitable[None]]) -> None:
        """Until the database has taken it."""
        while True:
            try:
                await work()
                return
            except StoreError as error:
                log.warning("notice.not_written_yet", code=error.code)
            except Exception:
                log.exception("notice.not_written")
                return
            await asyncio.sleep(RETRY_S)

    async def catch_up(self, now_utc: int) -> None:
        """Write what an earlier run of the program could not any more.  Raises :class:`StoreError`."""
        since = now_utc - NEWS_NS
        for sitting_id in await self._store.log.with_events(EVENTS, since):
            facts = await self._store.docket.by_sitting(sitting_id)
            if facts is None:
                continue
            first, *rest = await self._store.log.read(sitting_id)
            sitting = replay([first])
            assert sitting is not None
            # What was decided at one moment was written, and heard of, at one time.
            for utc, together in groupby(rest, key=lambda event: event.utc):
                events = list(together)
                for event in events:
                    sitting = apply(sitting, event)
                for due in [due for event in events for due in _due(facts, sitting, event) if utc >= since]:
                    await self._write(due)

    async def _write(self, due: _Due) -> None:
        await self._mailing.tell(due.kind, due.facts, due.to, due.who, event=due.event, **due.words)


def _due(facts: HearingFacts, sitting: Sitting, event: Event) -> list[_Due]:
    """Who is to be told of this event."""
    about = f"{sitting.id} {event.seq}"
    match event.name:
        case "open_incident" | "finalize" if sitting.incident:
            judge = facts.person(sitting.presiding)
            return [] if judge is None else [_Due(about, "incident", facts, [judge], {})]
        case "circulate":
            asked = [person for person in facts.people if _asked(sitting, person)]
            return [_Due(about, "circulated", facts, asked, {"draft": str(sitting.draft)})]
        case "sign_record" | "refuse_to_sign":
            clerks = [person for person in facts.people if person.role == Role.CLERK]
            words = {"draft": str(sitting.draft), "reason": event.reason or ""}
            kind = "signed" if event.name == "sign_record" else "refused"
            return [_Due(about, kind, facts, clerks, words, facts.person(event.subject or event.actor))]
        case _:
            return []


def _asked(sitting: Sitting, person: PersonRow) -> bool:
    known = sitting.people.get(person.id)
    return known is not None and known.signature.value == "asked"
