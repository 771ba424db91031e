"""The clerk's archive over HTTP: finding sittings by words, and what was written down in them, then and later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from starlette.responses import Response

from ..api import archive as api
from ..court import Event
from ..court.permissions import Leave, roles_with
from ..hearings import Hearings
from ..hearings.custody import BY_SYSTEM
from ..store import HearingFacts, LedgerEntry, PersonRow, Store
from ..store.archive import NoteRow
from ..store.ledger import intact
from ..store.search import Found, Words, titles, words_of
from ..store.tokens import Term, mentions
from .access import Ask, Endpoint, Gate, court_ledger
from .callers import STAFF, AccountCaller
from .problems import Json, ProblemError
from .record_views import NS
from .records import QUERY_LIMIT, Records, may_see, scope_of
from .shares import READERS as SHARE_READERS

#: Who may read who had the record.
READERS: Final = roles_with("ledger", Leave.ALLOWED)
#: Who may read what was changed about the accounts of a court.
COURT_READERS: Final = frozenset({"auditor", "administrator"})
#: Rows of the ledger that one answer has.
ACCESS_LIMIT: Final = 500
#: Digits of a note's number.
NUMBER_LIMIT: Final = 9
#: Who may write notes into a record, and read those of others.
WRITERS: Final = roles_with("note", Leave.ALLOWED)


class Archive:
    def __init__(self, store: Store, hearings: Hearings, records: Records, gate: Gate) -> None:
        self._store = store
        self._hearings = hearings
        self._records = records
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="searchArchive",
                method="GET",
                path="/api/archive",
                summary="Sittings by words (?query=), ?number=, ?judge=, ?party=, ?court=, days (?from=, ?to=).",
                handler=self.search,
                who=STAFF,
                answer=api.ArchivePage,
            ),
            Endpoint(
                name="readWords",
                method="GET",
                path="/api/hearings/{sitting_id}/record/words",
                summary="What was written down in this sitting, and the notes written later, by the record's time.",
                handler=self.words,
                who=STAFF,
                answer=list[api.WordsRow],
            ),
            Endpoint(
                name="addNote",
                method="POST",
                path="/api/hearings/{sitting_id}/record/notes",
                summary="Write a note at a time of the record, or in place of an earlier one of one's own.",
                handler=self.add_note,
                who=WRITERS,
                body=api.NewNote,
                answer=list[api.WordsRow],
                status=201,
            ),
            Endpoint(
                name="withdrawNote",
                method="DELETE",
                path="/api/hearings/{sitting_id}/record/notes/{number}",
                summary="Take back a note of one's own; it stays in the database.",
                handler=self.withdraw_note,
                who=WRITERS,
                answer=list[api.WordsRow],
            ),
            Endpoint(
                name="notePlayed",
                method="POST",
                path="/api/hearings/{sitting_id}/record/played",
                summary="Note in the access ledger what part of the record the page has played.",
                handler=self.played,
                who=STAFF,
                body=api.Played,
                status=204,
            ),
            Endpoint(
                name="readAccess",
                method="GET",
                path="/api/hearings/{sitting_id}/record/access",
                summary="Who opened, played, downloaded or changed what of this hearing: its access ledger, checked.",
                handler=self.access,
                who=READERS,
                answer=api.AccessPage,
            ),
            Endpoint(
                name="readCourtAccess",
                method="GET",
                path="/api/courts/{court_id}/access",
                summary="What was changed about the court's accounts, by whom: the court's own ledger, checked.",
                handler=self.court_access,
                who=COURT_READERS,
                by="account",
                answer=api.AccessPage,
            ),
        )

    # --- finding ----------------------------------------------------------------------------

    async def search(self, ask: Ask) -> Response:
        asked = ask.request.query_params
        text, number, judge, party, court = (
            asked.get(name, "")[:QUERY_LIMIT] for name in ("query", "number", "judge", "party", "court")
        )
        zone = await self._zone(ask)
        query = replace(
            scope_of(ask.caller),
            text=text,
            number=number,
            judge=judge,
            party=party,
            court=court,
            from_utc=_midnight(asked.get("from", ""), zone),
            to_utc=_midnight(asked.get("to", ""), zone, days=1),
            before=_place(asked.get("before", "")),
        )
        page = await self._store.search.find(query)
        found = [await self._visible(ask, each, query.sought) for each in page.found]
        rows = [await self._row(each) for each in found if each is not None]
        sought = [term.sought for term in query.sought]
        return Json(api.ArchivePage(rows=rows, sought=sought, next=None if page.next is None else str(page.next)))

    async def _visible(self, ask: Ask, found: Found, sought: list[Term]) -> Found | None:
        """As the caller may see it: of a record that is hidden from them, or destroyed, no words; and nothing at all if
        it was found by such words alone."""
        if not ask.caller.roles_for(found.facts) & STAFF:
            return None
        if not found.hits or not await self._gate.unseen(ask.caller, found.facts):
            return found
        named = " ".join(titles(found.facts))
        return Found(found.facts, []) if all(mentions(named, [term]) for term in sought) else None

    async def _zone(self, ask: Ask) -> ZoneInfo:
        """Days are those of the caller's first court."""
        caller = ask.caller
        if not isinstance(caller, AccountCaller):
            return ZoneInfo(ask.seat.facts.court.time_zone)
        courts = await self._store.accounts.courts(caller.session.account.roles.keys())
        return ZoneInfo(courts[0].time_zone if courts else "UTC")

    async def _row(self, found: Found) -> api.ArchiveRow:
        facts = found.facts
        parties = [person for person in facts.people if person.role in ("claimant", "respondent")]
        return api.ArchiveRow(
            hearing=await self._records.row(facts),
            parties=[person.name for person in parties],
            parties_zh=[person.name_zh or person.name for person in parties],
            hits=[_hit(facts, words) for words in found.hits],
        )

    # --- words ------------------------------------------------------------------------------

    async def words(self, ask: Ask) -> Response:
        facts = ask.hearing
        await self._gate.note(ask.caller, facts.hearing_id, "read-words", facts.sitting_id, time.time_ns())
        return Json(await self._words(ask))

    async def _words(self, ask: Ask) -> list[api.WordsRow]:
        reading = await self._records.reading(ask)
        start_ns = reading.playback.start_us * 1000
        log = await self._hearings.log_of(ask.hearing.sitting_id)
        events = [event for event in log if may_see(ask, event) and not reading.hides(event.utc)]
        said = [_said(ask, event, start_ns) for event in events if _has_words(event)]
        notes = await self._store.notes.read(ask.hearing.sitting_id)
        written = [_written(ask, note, start_ns) for note in notes if not reading.hides(note.at_utc)]
        return sorted([*said, *written], key=lambda row: (row.at_s, row.written_at))

    async def _start_ns(self, ask: Ask) -> int:
        return (await self._records.reading(ask)).playback.start_us * 1000

    async def add_note(self, ask: Ask) -> Response:
        body: api.NewNote = ask.body
        text = body.text.strip()
        if not text:
            raise ProblemError("invalid")
        if body.replaces is not None:
            await self._own(ask, body.replaces)
        at_utc = await self._start_ns(ask) + round(body.at_s * NS)
        await self._write(ask, text, at_utc, body.replaces)
        return Json(await self._words(ask), 201)

    async def withdraw_note(self, ask: Ask) -> Response:
        number = str(ask.request.path_params["number"])
        if not number.isdecimal() or len(number) > NUMBER_LIMIT:
            raise ProblemError("not-found")
        note = await self._own(ask, int(number))
        await self._write(ask, "", note.at_utc, note.seq)
        return Json(await self._words(ask))

    async def played(self, ask: Ask) -> Response:
        """The bytes that were asked for are in the ledger already; this says what a person heard of them."""
        facts = ask.hearing
        span = await self._records.played_span(ask)
        await self._gate.note(ask.caller, facts.hearing_id, "played", facts.sitting_id, time.time_ns(), **span)
        return Response(status_code=204)

    async def access(self, ask: Ask) -> Response:
        """The ledger of the hearing; to read it is in the ledger, too."""
        facts = ask.hearing
        addresses = bool(ask.roles & SHARE_READERS)
        return await self._ledger(ask, facts.hearing_id, facts.sitting_id, facts.people, addresses=addresses)

    async def court_access(self, ask: Ask) -> Response:
        """The court's own ledger: what was changed about its accounts, and who read that."""
        court_id = str(ask.request.path_params["court_id"])
        return await self._ledger(ask, court_ledger(court_id), court_id, ())

    async def _ledger(
        self, ask: Ask, ledger: str, target: str, people: Sequence[PersonRow], *, addresses: bool = False
    ) -> Response:
        """``addresses``: the reader may know those to which the record was shared."""
        await self._gate.note(ask.caller, ledger, "read-ledger", target, time.time_ns())
        entries = await self._store.ledger.read(ledger)
        whole = await asyncio.to_thread(intact, ledger, entries)
        told = _told(entries)[:ACCESS_LIMIT]
        names = await self._names(people, {entry.access.actor for entry, _ in told}, addresses)
        rows = [_access_row(entry, count, names) for entry, count in told]
        return Json(api.AccessPage(intact=whole, entries=len(entries), rows=rows))

    async def _names(
        self, people: Sequence[PersonRow], actors: set[str], addresses: bool
    ) -> dict[str, tuple[str, str]]:
        names = {person.id: (person.name, person.name_zh or person.name) for person in people}
        names["system"] = BY_SYSTEM
        for actor in sorted(actors - names.keys()):
            account = await self._store.accounts.get(actor)
            if account is not None:
                names[actor] = (account.name, account.name_zh or account.name)
            elif (share := await self._store.shares.get(actor)) is not None:
                names[actor] = (f"{share.name} <{share.email}>" if addresses else share.name,) * 2
        return names

    async def _own(self, ask: Ask, number: int) -> NoteRow:
        notes = await self._store.notes.read(ask.hearing.sitting_id)
        note = next((note for note in notes if note.seq == number), None)
        if note is None:
            raise ProblemError("not-found")
        if note.author != ask.caller.id:
            raise ProblemError("not-allowed")
        return note

    async def _write(self, ask: Ask, text: str, at_utc: int, replaces: int | None) -> None:
        caller, facts = ask.caller, ask.hearing
        action = "withdraw-note" if not text else "correct-note" if replaces else "add-note"
        now = time.time_ns()
        await self._gate.note(caller, facts.hearing_id, action, facts.sitting_id, now, at=at_utc, replaces=replaces)
        await self._store.notes.add(
            NoteRow(
                sitting_id=facts.sitting_id,
                utc=now,
                at_utc=at_utc,
                author=caller.id,
                name=caller.name,
                name_zh=caller.name_zh,
                role=min(ask.roles & WRITERS),
                text=text,
                replaces=replaces,
            )
        )


def _has_words(event: Event) -> bool:
    return bool(words_of(event)) or (event.name == "note" and bool(event.detail.get("text")))


def _said(ask: Ask, event: Event, start_ns: int) -> api.WordsRow:
    person = ask.hearing.person(event.actor)
    text = " ".join(part for part in (str(event.detail.get("text", "")), event.reason) if part)
    return api.WordsRow(
        number=event.seq,
        source="log",
        kind=event.name,
        at_s=(event.utc - start_ns) / NS,
        wall=event.utc / NS,
        written_at=event.utc / NS,
        author=person.name if person else "",
        author_zh=(person.name_zh or person.name) if person else "",
        role=event.role,
        text=text,
        private=bool(event.detail.get("private")),
    )


def _written(ask: Ask, note: NoteRow, start_ns: int) -> api.WordsRow:
    return api.WordsRow(
        number=note.seq,
        source="archive",
        kind="note",
        at_s=(note.at_utc - start_ns) / NS,
        wall=note.at_utc / NS,
        written_at=note.utc / NS,
        author=note.name,
        author_zh=note.name_zh or note.name,
        role=note.role,
        text=note.text,
        own=note.author == ask.caller.id and bool(ask.roles & WRITERS),
        corrected=note.replaces is not None,
    )


def _told(entries: Sequence[LedgerEntry]) -> list[tuple[LedgerEntry, int]]:
    """Newest first; a player's requests for one file after another of the same device are told as one, the first."""
    told: list[tuple[LedgerEntry, int]] = []
    for entry in entries:
        last, count = told[-1] if told else (None, 0)
        plays = entry.access.action == "play"
        if plays and last and (last.access.action, last.access.seat) == ("play", entry.access.seat):
            told[-1] = (last, count + 1)
        else:
            told.append((entry, 1))
    return told[::-1]


def _access_row(entry: LedgerEntry, count: int, names: dict[str, tuple[str, str]]) -> api.AccessRow:
    access = entry.access
    name, name_zh = names.get(access.actor, (access.actor, access.actor))
    span = [access.detail.get(end) for end in ("from_us", "to_us")]
    begin, end = (each / 1e6 if isinstance(each, int) else None for each in span)
    return api.AccessRow(
        number=entry.seq,
        at=entry.utc / NS,
        actor=name,
        actor_zh=name_zh,
        role=access.role,
        action=access.action,
        target=access.target,
        order=str(access.detail.get("order", "")),
        from_at=begin,
        to_at=end,
        count=count,
    )


def _hit(facts: HearingFacts, words: Words) -> api.Hit:
    person = facts.person(words.author)
    return api.Hit(
        at=words.at_utc / NS,
        kind=words.kind,
        author=person.name if person else "",
        author_zh=(person.name_zh or person.name) if person else "",
        text=words.text,
    )


def _midnight(day: str, zone: ZoneInfo, days: int = 0) -> int:
    """The begin of a day (``2026-11-24``) and so many more in ns since 1970, nothing for no day."""
    if not day:
        return 0
    try:
        wanted = date.fromisoformat(day) + timedelta(days=days)
    except (ValueError, OverflowError):
        raise ProblemError("invalid") from None
    begin = datetime(wanted.year, wanted.month, wanted.day, tzinfo=zone).astimezone(UTC)
    return max(1, int(begin.timestamp())) * NS


def _place(before: str) -> int:
    if not before:
        return 0
    if not (before.isascii() and before.isdecimal() and len(before) < 20):
        raise ProblemError("invalid")
    return min(int(before), (1 << 62) - 1)
