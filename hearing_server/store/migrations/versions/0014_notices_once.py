"""Notices get the name of their event and person, as those since have it: none of the last day goes out anew."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

#: The notice that an entry of a sitting's log leads to.
KINDS = {
    "open_incident": "incident",
    "finalize": "incident",
    "circulate": "circulated",
    "sign_record": "signed",
    "refuse_to_sign": "refused",
}
#: Letters had a number of so many digits, and have a name of so many.
OLD_DIGITS, DIGITS = 16, 32
#: Older letters than this before the newest are of no event that is looked at again, ns.
LATELY_NS = 2 * 86_400 * 1_000_000_000

outbox = sa.table("outbox", *map(sa.column, ("id", "hearing_id", "person_id", "kind", "created_utc")))
sitting_log = sa.table("sitting_log", *map(sa.column, ("sitting_id", "seq", "utc", "name")))
sittings = sa.table("sittings", *map(sa.column, ("id", "hearing_id")))


def upgrade() -> None:
    connection = op.get_bind()
    column = outbox.c
    wanted = (
        column.kind.in_(set(KINDS.values())),
        column.person_id.is_not(None),
        sa.func.length(column.id) == OLD_DIGITS,
    )
    newest = connection.scalar(sa.select(sa.func.max(column.created_utc)).where(*wanted))
    if newest is None:
        return
    lately = (*wanted, column.created_utc > newest - LATELY_NS)
    # Also those that were written since they have names.
    taken = set(connection.scalars(sa.select(column.id).where(sa.func.length(column.id) == DIGITS)))
    for letter in connection.execute(sa.select(outbox).where(*lately).order_by(column.created_utc, column.id)).all():
        name = _name(connection, letter, taken)
        if name:
            taken.add(name)
            connection.execute(sa.update(outbox).where(column.id == letter.id).values(id=name))


def _name(connection: sa.Connection, letter: sa.Row[tuple[object, ...]], taken: set[str]) -> str:
    """Of the newest event before the letter that this person has no other letter of; empty if there is none."""
    event = sitting_log.c
    names = [name for name, kind in KINDS.items() if kind == letter.kind]
    before = (
        sa.select(event.sitting_id, event.seq)
        .join_from(sitting_log, sittings, sittings.c.id == event.sitting_id)
        .where(sittings.c.hearing_id == letter.hearing_id, event.name.in_(names), event.utc <= letter.created_utc)
        .order_by(event.utc.desc(), event.seq.desc())
    )
    for sitting_id, seq in connection.execute(before):
        said = f"{sitting_id} {seq} {letter.kind} {letter.person_id}"
        name = hashlib.sha256(said.encode()).hexdigest()[:DIGITS]
        if name not in taken:
            return name
    return ""
