"""Every stored object of a record with its state (A11): what it is, how large, and what is wrong with it.

Sizes, names, signatures and locks are looked at here; whether the bytes are what was signed is known from the last
check of all of them (:mod:`.verify`), whose findings are laid over this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .keys import PublicKey
from .locks import LockKind
from .manifest import ADDED_PREFIX, DERIVED_PREFIX, RAW_PREFIX, prefix
from .objects import NotStored, ObjectStore
from .reconcile import Found, RecordState, added_key, added_names, reconcile_record
from .written import FOLDER

#: Objects that one answer names: those in trouble first.
OBJECTS_LIMIT: Final = 500
#: Findings of :mod:`.verify` that are about one object's bytes, by what is said of it here.
CHECKED: Final = {
    "object-altered": "object-checksum",
    "object-missing": "object-missing",
    "object-unlisted": "object-unlisted",
    "derived-altered": "derived-checksum",
    "derived-missing": "derived-missing",
    "derived-unlisted": "derived-orphan",
    "added-altered": "added-checksum",
    "added-missing": "added-missing",
    "added-unlisted": "added-orphan",
    "added-wrong": "added-unsigned",
}
_NAME = re.compile(r"[^\s:,]+")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """``kind``: segment (sound and picture as received), derived, written, added (after the close, with the court's
    statements on it), or proof (manifest, signatures, stamps).
    ``state``: stored, or a code of :data:`recording.reconcile.CODES`; ``locked_until_s``: 0 where nothing locks it."""

    name: str
    kind: str
    size: int
    state: str
    detail: str
    locked_until_s: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """``objects`` are at most :data:`OBJECTS_LIMIT` of ``count``; ``found`` is what is about no single object."""

    objects: list[StoredObject]
    count: int
    size: int
    found: list[Found]


async def inventory(
    store: ObjectStore, sitting_id: str, key: PublicKey | None, checked: Iterable[tuple[str, str]] = ()
) -> Inventory:
    """``checked``: code and place of each finding of the last verification.

    Raises :class:`recording.objects.StoreProblem`.
    """
    place = prefix(sitting_id)
    keys = {name[len(place) :]: (name, size) for name, size in await store.list(place)}
    keys |= {name: (added_key(sitting_id, name), size) for name, size in (await added_names(store, sitting_id)).items()}
    present = {name: size for name, (_, size) in keys.items()}
    state = await reconcile_record(store, sitting_id, key)
    wrong = _wrong(state, present, checked)
    names = sorted({*present, *wrong}, key=lambda name: (name not in wrong, name))
    objects = [
        StoredObject(
            name=name,
            kind=_kind(name),
            size=present.get(name, 0),
            state=wrong[name].code if name in wrong else "stored",
            detail=wrong[name].place if name in wrong else "",
            locked_until_s=await _locked(store, keys[name][0]) if name in keys else 0,
        )
        for name in names[:OBJECTS_LIMIT]
    ]
    told = {(found.code, found.place) for found in wrong.values()}
    rest = [found for found in state.found if (found.code, found.place) not in told]
    return Inventory(objects, len(names), sum(present.values()), rest)


def _wrong(state: RecordState, present: dict[str, int], checked: Iterable[tuple[str, str]]) -> dict[str, Found]:
    """The first thing that is wrong with each object."""
    wrong: dict[str, Found] = {}
    seen = [*state.found, *(Found(CHECKED[code], where) for code, where in checked if code in CHECKED)]
    for found in seen:
        name = match.group() if (match := _NAME.match(found.place)) is not None else ""
        if name in present or found.code in ("object-missing", "derived-missing", "added-missing"):
            wrong.setdefault(name, found)
    wrong.pop("", None)
    return wrong


def _kind(name: str) -> str:
    if name.startswith(RAW_PREFIX):
        return "segment"
    if name.startswith(FOLDER):
        return "written"
    if name.startswith(ADDED_PREFIX):
        return "added"
    return "derived" if name.startswith(DERIVED_PREFIX) else "proof"


async def _locked(store: ObjectStore, key: str) -> int:
    if store.lock_kind is LockKind.NONE:
        return 0
    try:
        return (await store.protection(key)).until_s
    except NotStored:
        return 0
