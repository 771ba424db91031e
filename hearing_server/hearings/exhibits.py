"""Showing an exhibit to the room: it must be there, the presenter must be able to open it, and it has that page."""

from __future__ import annotations

from ..court import Command, Role, Sitting
from ..court.guards.places import side_of
from ..court.states import BENCH, STAFF
from ..store import Store
from ..store.desk import ExhibitRow

#: Commands that name an exhibit, or a page of the one that is shown.
SHOWING = frozenset({"show_exhibit", "turn_page"})


async def refusal(store: Store, hearing_id: str, sitting: Sitting, person_id: str, command: Command) -> str | None:
    """Why this exhibit or page cannot be shown by this person, as a code."""
    if command.name not in SHOWING:
        return None
    shown = sitting.exhibit.document if sitting.exhibit is not None else ""
    document = command.detail.get("document", "") if command.name == "show_exhibit" else shown
    if command.name == "turn_page" and not document:
        return None  # the law says that nothing is shown
    row = await store.desk.exhibit(hearing_id, document) if isinstance(document, str) else None
    if row is None or not _opens(sitting, person_id, row):
        return "exhibit-unknown"
    page = command.detail.get("page", 1)
    return "page-unknown" if isinstance(page, int) and page > max(1, row.pages) else None


def _opens(sitting: Sitting, person_id: str, row: ExhibitRow) -> bool:
    person = sitting.people.get(person_id)
    if person is None:
        return False
    own = row.uploaded_by == person_id or (bool(row.side) and row.side == side_of(person))
    court = person.role in BENCH | STAFF | {Role.TECHNICIAN}
    return court or own or row.shown_utc is not None
