"""The clerk's archive: finding hearings, and what is written, shared, sealed and taken out of their records."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .records import Ground, HearingRow, Level
from .shapes import Struct

#: The reference of an order.
OrderText = Annotated[str, msgspec.Meta(max_length=200)]
NoteText = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class Hit(Struct):
    """A place in a hearing's log or notes that holds a word that was searched for; ``at``: its time on the record."""

    at: float
    kind: str
    author: str
    author_zh: str
    text: str


class ArchiveRow(Struct):
    """One sitting that was found."""

    hearing: HearingRow
    parties: list[str]
    parties_zh: list[str]
    hits: list[Hit]


class ArchivePage(Struct):
    """``GET /api/archive``.  ``sought``: the words to be shown where they were found; ``next``: ``before`` of the page
    after this one."""

    rows: list[ArchiveRow]
    sought: list[str]
    next: str | None


class WordsRow(Struct):
    """Something that was written down during the sitting (``kind``: the event's name), or later (``archive``).

    ``number`` is that of the log's entry or of the note.  ``own``: the reader may correct it.  ``corrected``: it
    stands in place of an earlier one.
    """

    number: int
    source: Literal["log", "archive"]
    kind: str
    at_s: float
    wall: float
    written_at: float
    author: str
    author_zh: str
    role: str
    text: str
    private: bool = False
    own: bool = False
    corrected: bool = False


class NewNote(Struct):
    """``POST /api/hearings/{id}/record/notes``.  ``at_s``: where on the record, s after its start."""

    text: NoteText
    at_s: Annotated[float, msgspec.Meta(ge=0, le=1e7)]
    #: The number of one's own note that this one corrects.
    replaces: int | None = None


class Played(Struct):
    """``POST /api/hearings/{id}/record/played``: what was played without a break, s after the record's start."""

    from_s: Annotated[float, msgspec.Meta(ge=0, le=1e7)]
    to_s: Annotated[float, msgspec.Meta(ge=0, le=1e7)]
    rate: Annotated[float, msgspec.Meta(gt=0, le=16)]
    #: Whose sound was heard, if not everybody's.
    heard: Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=100)] | None = None


class AccessRow(Struct):
    """Somebody did something with the record.  ``from_at``, ``to_at``: the part of it that they played or noted;
    ``count``: so many requests for bytes of one player, told as one."""

    number: int
    at: float
    actor: str
    actor_zh: str
    role: str
    action: str
    target: str
    order: str
    from_at: float | None = None
    to_at: float | None = None
    count: int = 1


class AccessPage(Struct):
    """``GET /api/hearings/{id}/record/access``: newest first, at most 500.  ``intact``: each entry of the ledger, also
    those that are not shown, hangs on the one before."""

    intact: bool
    entries: int
    rows: list[AccessRow]


class NewLevel(Struct, omit_defaults=True):
    """``POST /api/hearings/{id}/record/levels``: withhold a span, by the clock; without ``to_at`` from then on.
    ``asked``: the number of what was asked for and is decided by this."""

    level: Level
    ground: Ground
    order: OrderText
    from_at: Annotated[float, msgspec.Meta(gt=0, le=1e11)]
    to_at: Annotated[float, msgspec.Meta(gt=0, le=1e11)] | None = None
    asked: int = 0


class AskedLevel(Struct):
    """``POST /api/hearings/{id}/record/levels/asked``: a span for the judge to decide about; the order may follow."""

    level: Level
    ground: Ground
    from_at: Annotated[float, msgspec.Meta(gt=0, le=1e11)]
    to_at: Annotated[float, msgspec.Meta(gt=0, le=1e11)] | None = None
    order: OrderText = ""


class UnderOrder(Struct):
    """What is lifted or opened under an order."""

    order: OrderText


class NewPart(Struct):
    """``POST /api/hearings/{id}/record/parts``: s after the record's start."""

    from_s: Annotated[float, msgspec.Meta(ge=0, le=1e7)]
    to_s: Annotated[float, msgspec.Meta(ge=0, le=1e7)]
