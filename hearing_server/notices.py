"""Notices by e-mail that follow from a sitting's log: a statement is needed, a draft is out, somebody signed.

Best effort: what is due stands on the pages and in the tasks, too.  A notice is written once, by the process that wrote
the event; the outbox sends it, again and again until it is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from .court import Event, Role, Sitting
from .mailing import Mailing
from .store import HearingFacts, PersonRow, StoreError

log = structlog.get_logger(__name__)

#: Notices that wait to be written; more are left out, and that is logged.
WAITING_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class _Due:
    kind: str
    facts: HearingFacts
    to: list[PersonRow]
    words: dict[str, str]
    who: PersonRow | None = None


class RecordNotices:
    """:meth:`heard` takes what a sitting has become; a task of its own writes the letters."""

    def __init__(self, mailing: Mailing) -> None:
        self._mailing = mailing
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
        while True:
            due = await self._due.get()
            try:
                await self._mailing.tell(due.kind, due.facts, due.to, due.who, **due.words)
            except StoreError as error:
                log.error("notice.not_written", hearing=due.facts.hearing_id, kind=due.kind, code=error.code)
            except Exception:
                log.exception("notice.not_written", hearing=due.facts.hearing_id, kind=due.kind)


def _due(facts: HearingFacts, sitting: Sitting, event: Event) -> list[_Due]:
    """Who is to be told of this event."""
    match event.name:
        case "open_incident" | "finalize" if sitting.incident:
            judge = facts.person(sitting.presiding)
            return [] if judge is None else [_Due("incident", facts, [judge], {})]
        case "circulate":
            asked = [person for person in facts.people if _asked(sitting, person)]
            return [_Due("circulated", facts, asked, {"draft": str(sitting.draft)})]
        case "sign_record" | "refuse_to_sign":
            clerks = [person for person in facts.people if person.role == Role.CLERK]
            words = {"draft": str(sitting.draft), "reason": event.reason or ""}
            kind = "signed" if event.name == "sign_record" else "refused"
            return [_Due(kind, facts, clerks, words, facts.person(event.subject or event.actor))]
        case _:
            return []


def _asked(sitting: Sitting, person: PersonRow) -> bool:
    known = sitting.people.get(person.id)
    return known is not None and known.signature.value == "asked"
