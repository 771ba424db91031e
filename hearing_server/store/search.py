"""Finding hearings by what they are called, who was in them, when they were, and what was written down in them.

Each sitting that can be found has one row with its tokens (:mod:`.tokens`): of everything (``a``), and again of the
case number (``n``), the bench (``j``) and the others (``p``), for searches in these alone; and marks (``x``) of who may
find it.  So each search is one question to the full text index, whose answer comes newest first without sorting, and
nobody's search looks at what they may not find.

What a row says may be old for moments: triggers note each change in ``search_stale`` in the transaction that made it,
and :meth:`Search.refresh` makes those rows anew, before each search and by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import BigInteger, BindParameter, String, bindparam, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..court import Event, may_read_stored
from ..court.levels import AROUND_NS, Audience, fold, within
from ..court.permissions import Leave, roles_with
from . import archive_tables as a
from . import tables as t
from .docket import Docket
from .engine import Conflict, transaction
from .levels import read_levels
from .rows import HearingFacts, PersonRow
from .tokens import Term, mentions, terms, tokens

NS = 1_000_000_000
#: Rows of one page of results.
PAGE = 20
#: Bits of a place below the second of the sitting's time.
PLACE_BITS = 20
PLACE_END = 1 << 62
#: Sittings that are made anew in one transaction, and at most before a search.
BATCH = 50
#: Tokens of one sitting; PostgreSQL holds 16,383 positions.
TOKENS_LIMIT = 16_000
#: Characters of one entry that are found.
WORDS_LIMIT = 10_000
#: Places in one hearing that an answer names.
HITS_LIMIT = 5
#: Bookings that are no plan any more but a hearing.
FOUND_BOOKINGS = ("confirmed", "held", "converted_offline")
#: Log entries that hold words of a person besides a reason.
SPOKEN = ("note", "ruling", "objection", "rule_objection", "statement")
BENCH = ("judge", "panel")

_READERS = roles_with("listen", Leave.ALLOWED) & roles_with("read_log", Leave.ALLOWED)
_decoder = msgspec.json.Decoder(Event)


class Words(msgspec.Struct, frozen=True):
    """What somebody wrote down: ``at_utc`` is the time of the record that it belongs to."""

    at_utc: int
    kind: str
    author: str
    text: str


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """``text`` anywhere; the other words in their field alone; ``[from_utc, to_utc)`` of the sitting's time.

    ``court``: of this one only.  ``courts``: of which courts all may be found; ``judges``: the account whose own
    hearings may; ``sitting``: the one that may.  ``before``: the place that the page before ended with;
    ``most``: rows of a page.
    """

    text: str = ""
    number: str = ""
    judge: str = ""
    party: str = ""
    court: str = ""
    from_utc: int = 0
    to_utc: int = 0
    courts: tuple[str, ...] = ()
    judges: str = ""
    sitting: str = ""
    before: int = 0
    most: int = PAGE

    @property
    def sought(self) -> list[Term]:
        return terms(self.text)


class Found(msgspec.Struct, frozen=True):
    facts: HearingFacts
    hits: list[Words]


class Page(msgspec.Struct, frozen=True):
    """``next``: the ``before`` of the page after this; nothing if this is the last."""

    found: list[Found]
    next: int | None


class Search:
    def __init__(self, engine: AsyncEngine, docket: Docket) -> None:
        self._engine = engine
        self._docket = docket

    # --- asking -------------------------------------------------------------------------------

    async def find(self, query: Query) -> Page:
        """The newest sittings that answer the query."""
        await self.refresh(BATCH)
        places = await self.places(query)
        more = len(places) > query.most
        places = places[: query.most]
        async with transaction(self._engine, writes=False) as connection:
            ids = (
                await connection.execute(
                    select(a.search_documents.c.place, a.search_documents.c.sitting_id).where(
                        a.search_documents.c.place.in_(places)
                    )
                )
            ).all()
            sittings = [row[1] for row in sorted(ids, reverse=True)]
            written = await _written(connection, sittings) if query.sought else {}
        facts = {each.sitting_id: each for each in await self._docket.by_sittings(sittings)}
        found = [
            Found(facts[sitting], hits_of(written.get(sitting, []), query.sought))
            for sitting in sittings
            if sitting in facts
        ]
        return Page(found, places[-1] if more else None)

    async def places(self, query: Query) -> list[int]:
        """Where the sittings of one page are, and one more if there are more; by the index alone."""
        low = (query.from_utc // NS) << PLACE_BITS if query.from_utc else 0
        high = (query.to_utc // NS) << PLACE_BITS if query.to_utc else PLACE_END
        high = min(high, query.before or PLACE_END)
        async with transaction(self._engine, writes=False) as connection:
            sqlite = connection.dialect.name == "sqlite"
            asked = (fts5 if sqlite else tsquery)(query)
            if not asked:
                return []
            values = {"asked": asked, "low": low, "high": high, "most": query.most + 1}
            if sqlite:
                return list((await connection.scalars(_FTS5, values)).all())
            return await _by_gin(connection, values)

    # --- keeping the index ----------------------------------------------------------------------

    async def refresh(self, most: int) -> int:
        """Make rows anew that may be old; answers how many."""
        done = 0
        while done < most:
            try:
                count = await self._refresh(min(BATCH, most - done))
            except Conflict:
                # Another process made one of these anew at the same moment.
                return done
            done += count
            if count < BATCH:
                return done
        return done

    async def _refresh(self, most: int) -> int:
        async with transaction(self._engine, writes=False) as connection:
            if await connection.scalar(select(a.search_stale.c.id).limit(1)) is None:
                return 0
        async with transaction(self._engine, writes=True) as connection:
            query = (
                select(a.search_stale).order_by(a.search_stale.c.id).limit(most * 4).with_for_update(skip_locked=True)
            )
            stale = (await connection.execute(query)).all()
            sittings = list(dict.fromkeys(row.sitting_id for row in stale))[:most]
            kept = set(sittings)
            done = [row.id for row in stale if row.sitting_id in kept]
            await connection.execute(delete(a.search_stale).where(a.search_stale.c.id.in_(done)))
            facts = {each.sitting_id: each for each in await self._docket.by_sittings(sittings, connection)}
            written = await _written(connection, sittings)
            places = {
                row.sitting_id: row.place
                for row in await connection.execute(
                    select(a.search_documents.c.sitting_id, a.search_documents.c.place).where(
                        a.search_documents.c.sitting_id.in_(sittings)
                    )
                )
            }
            await connection.execute(delete(a.search_documents).where(a.search_documents.c.sitting_id.in_(sittings)))
            for sitting in sittings:
                if sitting in facts and facts[sitting].booking in FOUND_BOOKINGS:
                    await self._write(connection, facts[sitting], written.get(sitting, []), places.get(sitting))
            return len(sittings)

    async def _write(
        self, connection: AsyncConnection, facts: HearingFacts, written: Sequence[Words], place: int | None
    ) -> None:
        second = (facts.scheduled_utc // NS) << PLACE_BITS
        if place is None or place >> PLACE_BITS << PLACE_BITS != second:
            column = a.search_documents.c.place
            last = await connection.scalar(
                select(column)
                .where(column >= second, column < second + (1 << PLACE_BITS))
                .order_by(column.desc())
                .limit(1)
            )
            place = second if last is None else last + 1
        row = document(facts, written)
        said = " ".join(row) if connection.dialect.name == "sqlite" else tsvector(row)
        await connection.execute(
            insert(a.search_documents).values(place=place, sitting_id=facts.sitting_id, tokens=said)
        )


async def _written(connection: AsyncConnection, sittings: Sequence[str]) -> dict[str, list[Words]]:
    """What can be found in the log and the notes of these sittings, in the order of the record's time."""
    found: dict[str, list[Words]] = {}
    log = select(t.sitting_log.c.sitting_id, t.sitting_log.c.body).where(
        t.sitting_log.c.sitting_id.in_(sittings),
        t.sitting_log.c.name.in_(SPOKEN) | t.sitting_log.c.body.like('%"reason":"_%'),
    )
    for sitting_id, body in (await connection.execute(log.order_by(t.sitting_log.c.seq))).all():
        found.setdefault(sitting_id, []).extend(words_of(_decoder.decode(body)))
    notes = select(a.archive_notes).where(a.archive_notes.c.sitting_id.in_(sittings))
    rows = (await connection.execute(notes.order_by(a.archive_notes.c.seq))).all()
    replaced = {(row.sitting_id, row.replaces) for row in rows if row.replaces is not None}
    for row in rows:
        if row.text and (row.sitting_id, row.seq) not in replaced:
            found.setdefault(row.sitting_id, []).append(Words(row.at_utc, "note", row.author, row.text))
    for sitting_id, decided in (await read_levels(connection, sittings)).items():
        # What is sealed is found by nobody; they who may open it know where it is.
        sealed = fold([row.decision for row in decided]).withheld(Audience.COURT)
        kept = [words for words in found.get(sitting_id, []) if not within(sealed, words.at_utc, AROUND_NS)]
        found[sitting_id] = kept
    return {sitting: sorted(words, key=lambda each: each.at_utc) for sitting, words in found.items()}


def words_of(event: Event) -> list[Words]:
    """The words of an entry of the log, if everybody who may search may read it."""
    if event.actor == "system" or not all(may_read_stored(event, role, "") for role in _READERS):
        return []
    said = " ".join(part for part in (str(event.detail.get("text", "")), event.reason) if part)
    return [Words(event.utc, event.name, event.actor, said)] if said else []


def hits_of(written: Sequence[Words], sought: list[Term]) -> list[Words]:
    """The first places that hold a word that was searched for."""
    return [words for words in written if mentions(words.text, sought)][:HITS_LIMIT]


def document(facts: HearingFacts, written: Sequence[Words]) -> list[str]:
    """The tokens of a sitting, in an order that keeps what stands side by side together."""
    number = tokens(facts.case_number)
    # Who leaves out the zeros that a registry puts before a number finds the case, too.
    number += [bare for token in number if token.isdigit() and (bare := token.lstrip("0")) and bare != token]
    bench = [_names(person) for person in facts.people if person.role in BENCH]
    others = [_names(person) for person in facts.people if person.role not in BENCH]
    titles = [tokens(each) for each in (facts.case_name, facts.case_name_zh, facts.room, facts.room_zh)]
    said = [tokens(words.text[:WORDS_LIMIT]) for words in written]
    everything = [number, *titles, *bench, *others, *said]
    marks = [court_mark(facts.court.id), sitting_mark(facts.sitting_id)]
    marks += [judge_mark(person.account) for person in facts.people if person.role in BENCH and person.account]
    found = [*marks, *_field("n", [number]), *_field("j", bench), *_field("p", others), *_field("a", everything)]
    return found[:TOKENS_LIMIT]


def titles(facts: HearingFacts) -> list[str]:
    """What a sitting is called and who was in it: all that it is found by but words of its record."""
    people = [name for person in facts.people for name in (person.name, person.name_zh)]
    return [facts.case_number, facts.case_name, facts.case_name_zh, facts.room, facts.room_zh, *people]


def _names(person: PersonRow) -> list[str]:
    return tokens(person.name) + (tokens(person.name_zh) if person.name_zh != person.name else [])


def _field(letter: str, groups: Iterable[Sequence[str]]) -> list[str]:
    return [letter + token for group in groups for token in group]


def court_mark(court_id: str) -> str:
    return _mark("court", court_id)


def judge_mark(account: str) -> str:
    return _mark("judge", account)


def sitting_mark(sitting_id: str) -> str:
    return _mark("sitting", sitting_id)


def _mark(kind: str, name: str) -> str:
    return "x" + hashlib.sha256(f"{kind}\0{name}".encode()).hexdigest()[:24]


# --- the databases' own languages -------------------------------------------------------------------
# Tokens consist of letters and digits alone and cannot end a quotation.

_FTS5 = text(
    "SELECT rowid FROM search_tokens WHERE search_tokens MATCH :asked AND rowid >= :low AND rowid < :high "
    "ORDER BY rowid DESC LIMIT :most"
)
#: Rows that are looked at one after another, the newest first, before the index is asked; about 1 ms for 2,000.  Where
#: what was found in the first so many promises a page within the second, that many are.
LOOKED_AT, LOOKED_AT_MOST = 4_000, 64_000
_NEWEST = text(
    "SELECT place FROM (SELECT place, tokens FROM search_documents WHERE place >= :low AND place < :high "
    "ORDER BY place DESC LIMIT :looked) AS newest "
    "WHERE tokens @@ CAST(:asked AS tsquery) ORDER BY place DESC LIMIT :most"
)
_GIN = text(
    "SELECT place FROM search_documents WHERE tokens @@ CAST(:asked AS tsquery) AND place >= :low AND place < :high "
    # Not the column itself: its index would be walked through in order, as if what is sought were everywhere.
    "ORDER BY place + 0 DESC LIMIT :most"
)
#: A plan that is made once for whatever may be asked reads the index of places to its end; until the transaction's end.
_PLANNED = text("SET LOCAL plan_cache_mode = force_custom_plan")


async def _by_gin(connection: AsyncConnection, values: dict[str, Any]) -> list[int]:
    """A GIN index has no order: all that it finds must be fetched and sorted.  What is in every thousandth hearing is
    therefore looked for in the newest first, where a page of it is soon full; the index is left what is rarer."""
    typed: list[BindParameter[Any]] = [
        bindparam("asked", type_=String()),
        *(bindparam(name, type_=BigInteger()) for name in ("low", "high")),
    ]
    newest, most = _NEWEST.bindparams(*typed), values["most"]
    found = (await connection.scalars(newest, values | {"looked": LOOKED_AT})).all()
    # Twice what it should take, since words come in clusters.
    promised = 2 * LOOKED_AT * most // max(1, len(found))
    if len(found) < most and promised <= LOOKED_AT_MOST:
        found = (await connection.scalars(newest, values | {"looked": promised})).all()
    if len(found) < most:
        await connection.execute(_PLANNED)
        found = (await connection.scalars(_GIN.bindparams(*typed), values)).all()
    return [int(place) for place in found]


def _asked(query: Query) -> tuple[list[str], list[tuple[str, Term]]]:
    """Marks of which one must be there, and terms that all must."""
    marks = [court_mark(court) for court in query.courts]
    marks += [judge_mark(query.judges)] if query.judges else []
    marks += [sitting_mark(query.sitting)] if query.sitting else []
    fields = {"a": query.text, "n": query.number, "j": query.judge, "p": query.party}
    return marks, [(letter, term) for letter, words in fields.items() for term in terms(words)]


def fts5(query: Query) -> str:
    """https://www.sqlite.org/fts5.html#full_text_query_syntax; empty if nobody may find anything."""
    marks, sought = _asked(query)
    if not marks:
        return ""
    parts = [f"({' OR '.join(marks)})", *([court_mark(query.court)] if query.court else [])]
    for letter, term in sought:
        phrase = " ".join(letter + token for token in term.tokens)
        parts.append(f'"{phrase}"{" *" if term.prefix else ""}')
    return " AND ".join(parts)


def tsquery(query: Query) -> str:
    """https://www.postgresql.org/docs/current/datatype-textsearch.html; empty if nobody may find anything."""
    marks, sought = _asked(query)
    if not marks:
        return ""
    parts = [f"({' | '.join(marks)})", *([court_mark(query.court)] if query.court else [])]
    for letter, term in sought:
        quoted = [f"'{letter}{token}'" for token in term.tokens]
        parts.append(f"({' <-> '.join(quoted)}{':*' if term.prefix else ''})")
    return " & ".join(parts)


def tsvector(row: Sequence[str]) -> str:
    """The text form of a tsvector: each token with its positions."""
    positions: dict[str, list[int]] = {}
    for at, token in enumerate(row, 1):
        positions.setdefault(token, []).append(at)
    # The type keeps 255 positions of a lexeme.
    return " ".join(f"'{token}':{','.join(map(str, places[:255]))}" for token, places in positions.items())
