"""Does the storage hold what the signed manifest says?  Read-only: what is found is told, and nothing is removed.

Names, sizes and locks are looked at; with ``deep`` every byte is read and hashed too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec

from . import added
from .custody import CustodyEntry, newest
from .format import MAGIC
from .keys import PublicKey
from .locks import LockKind
from .manifest import (
    ADDED_PREFIX,
    INCLUSION_NAME,
    MANIFEST_NAME,
    RAW_PREFIX,
    SIGNATURE_NAME,
    STAMP_NAME,
    Manifest,
    added_prefix,
    prefix,
)
from .manifest import decoder as manifest_decoder
from .messages import Act
from .objects import NotStored, ObjectStore
from .playback import (
    EXPORTS_PREFIX,
    PLAYBACK_NAME,
    PLAYBACK_SIGNATURE_NAME,
    ExportEntry,
    export_decoder,
)
from .playback import decoder as playback_decoder
from .written import INDEX_NAME, INDEX_SIGNATURE_NAME, index_decoder

#: Objects whose lock is asked for, when it should have been made longer: the first and the last stored.
LOCKS_ASKED = 2
#: Findings listed of one record.
FINDINGS_LIMIT = 100

#: What each finding means.  ``error``: something of the record itself is not as it was signed.
CODES: dict[str, str] = {
    "object-missing": "error",
    "object-empty": "error",
    "object-size": "error",
    "object-type": "error",
    "object-checksum": "error",
    "object-unlisted": "error",
    "manifest-unreadable": "error",
    "manifest-unsigned": "error",
    "not-sealed": "warning",
    "not-playable": "warning",
    "not-anchored": "warning",
    "derived-missing": "warning",
    "derived-empty": "error",
    "derived-size": "warning",
    "derived-orphan": "note",
    "added-missing": "error",
    "added-size": "error",
    "added-checksum": "error",
    "added-unsigned": "error",
    "added-orphan": "warning",
    "not-locked": "warning",
    "copy-owed": "warning",
    "destroyed-yet-there": "error",
}


@dataclass(frozen=True, slots=True)
class Found:
    code: str
    place: str = ""

    @property
    def severity(self) -> str:
        return CODES.get(self.code, "error")


@dataclass(slots=True)
class RecordState:
    """What the storage has of one record.  ``manifest`` is nothing unless it is there and signed."""

    sitting_id: str
    objects: int = 0
    bytes: int = 0
    playable: bool = False
    manifest: Manifest | None = None
    manifest_sha256: str = ""
    custody: CustodyEntry | None = None
    #: What the court stated of recordings that it added, in order.
    acts: list[Act] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)

    def add(self, code: str, place: str = "") -> None:
        if len(self.found) < FINDINGS_LIMIT:
            self.found.append(Found(code, place))


async def reconcile_record(
    store: ObjectStore, sitting_id: str, key: PublicKey | None, *, deep: bool = False
) -> RecordState:
    """Compare one record with its manifest.  Raises :class:`recording.objects.StoreProblem`."""
    state = RecordState(sitting_id)
    place = prefix(sitting_id)
    present = {name[len(place) :]: size for name, size in await store.list(place)}
    beside = await added_names(store, sitting_id)
    raw = {name: size for name, size in present.items() if name.startswith(RAW_PREFIX)}
    state.objects, state.bytes = len(raw), sum(raw.values())
    state.custody = await newest(store, sitting_id)
    if state.custody is not None and state.custody.destroy:
        if present or beside:
            state.add("destroyed-yet-there", f"{len(present) + len(beside)}")
        return state
    await _signed(store, place, present, key, state)
    if state.manifest is None:
        for name in sorted(name for name, size in raw.items() if not size):
            state.add("object-empty", name)
        return state
    listed = {entry.name: (entry.size, entry.sha256) for entry in state.manifest.objects}
    for name, (size, sha256) in listed.items():
        await _object(store, place, name, raw.get(name), size, sha256 if deep else "", state)
    for name in sorted(set(raw) - set(listed)):
        state.add("object-unlisted" if raw[name] else "object-empty", name)
    if INCLUSION_NAME not in present:
        state.add("not-anchored")
    await _derived(store, place, present, state)
    await _added(store, beside, key, state, deep=deep)
    await _locks(store, {name: place + name for name in sorted(present)}, state)
    await _locks(store, {name: added_key(sitting_id, name) for name in sorted(beside)}, state)
    return state


async def added_names(store: ObjectStore, sitting_id: str) -> dict[str, int]:
    """What was added to a record: the names that it has in an export, and sizes."""
    place = added_prefix(sitting_id)
    return {ADDED_PREFIX + name[len(place) :]: size for name, size in await store.list(place)}


def added_key(sitting_id: str, name: str) -> str:
    """Where the store has what is ``added/…`` in an export."""
    return added_prefix(sitting_id) + name.removeprefix(ADDED_PREFIX)


async def _signed(
    store: ObjectStore, place: str, present: dict[str, int], key: PublicKey | None, state: RecordState
) -> None:
    if MANIFEST_NAME not in present or SIGNATURE_NAME not in present:
        state.add("not-sealed")
        return
    data = await store.read(place + MANIFEST_NAME)
    state.manifest_sha256 = hashlib.sha256(data).hexdigest()
    if key is not None and not key.verifies(data, await store.read(place + SIGNATURE_NAME)):
        state.add("manifest-unsigned")
        return
    try:
        state.manifest = manifest_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        state.add("manifest-unreadable")


async def _object(
    store: ObjectStore, place: str, name: str, found: int | None, size: int, sha256: str, state: RecordState
) -> None:
    """One segment.  ``sha256`` is empty if its bytes are not to be read."""
    if found is None:
        state.add("object-missing", name)
    elif not found:
        state.add("object-empty", name)
    elif found != size:
        state.add("object-size", f"{name}: {found}, {size} were signed")
    elif sha256 and (await store.digest(place + name))[1] != sha256:
        head = b"".join([piece async for piece in store.stream(place + name, 0, len(MAGIC))])
        state.add("object-checksum" if head == MAGIC else "object-type", name)


async def _derived(store: ObjectStore, place: str, present: dict[str, int], state: RecordState) -> None:
    """What was made from it, and what a killed try left behind."""
    known = {MANIFEST_NAME, SIGNATURE_NAME, INCLUSION_NAME, STAMP_NAME, PLAYBACK_NAME, PLAYBACK_SIGNATURE_NAME}
    entries: list[tuple[str, int]] = []
    state.playable = PLAYBACK_NAME in present and PLAYBACK_SIGNATURE_NAME in present
    if state.playable:
        index = playback_decoder.decode(await store.read(place + PLAYBACK_NAME))
        entries += [(entry.name, entry.size) for entry in index.media]
    else:
        state.add("not-playable")
    for name in present:
        if name.startswith(EXPORTS_PREFIX) and name.endswith(".json"):
            signature = name.removesuffix(".json") + ".sig"
            if signature in present:
                export: ExportEntry = export_decoder.decode(await store.read(place + name))
                entries.append((export.name, export.size))
                known |= {name, signature}
    if INDEX_NAME in present and INDEX_SIGNATURE_NAME in present:
        written = index_decoder.decode(await store.read(place + INDEX_NAME))
        entries += [(entry.name, entry.size) for entry in written.files]
        known |= {INDEX_NAME, INDEX_SIGNATURE_NAME}
    for name, size in entries:
        known.add(name)
        if name not in present:
            state.add("derived-missing", name)
        elif not present[name]:
            state.add("derived-empty", name)
        elif present[name] != size:
            state.add("derived-size", name)
    for name in sorted(set(present) - known):
        if name.startswith(EXPORTS_PREFIX):
            state.add("derived-orphan", name)


async def _added(
    store: ObjectStore, beside: dict[str, int], key: PublicKey | None, state: RecordState, *, deep: bool
) -> None:
    """Recordings that were added after the close: the court's statements on them, and their files."""
    chain = added.Chain(state.sitting_id, state.manifest_sha256)
    known: set[str] = set()
    for name in sorted(name for name in beside if added.is_statement(name)):
        known |= {name, added.signature_of(name), added.inclusion_of(name)}
        data = await store.read(added_key(state.sitting_id, name))
        signature = added.signature_of(name)
        signed = await store.read(added_key(state.sitting_id, signature)) if signature in beside else b""
        try:
            statement = added.decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            state.add("added-unsigned", name)
            continue
        if chain.take(name, data, statement) or (key is not None and not key.verifies(data, signed)):
            state.add("added-unsigned", name)
        else:
            state.acts.append(statement.act)
    for sha256, size in chain.files.items():
        name = added.file_name(sha256)
        known.add(name)
        if name not in beside:
            state.add("added-missing", name)
        elif beside[name] != size:
            state.add("added-size", f"{name}: {beside[name]}, {size} were signed")
        elif deep and (await store.digest(added_key(state.sitting_id, name)))[1] != sha256:
            state.add("added-checksum", name)
    for name in sorted(set(beside) - known):
        state.add("added-orphan", name)


async def _locks(store: ObjectStore, keys: dict[str, str], state: RecordState) -> None:
    """Whether what was stored first and last is locked for as long as the court decided."""
    entry = state.custody
    if entry is None or store.lock_kind is LockKind.NONE or not entry.retain_until_us:
        return
    names = list(keys)
    for name in {*names[:1], *names[-1:]} if len(names) > LOCKS_ASKED else names:
        try:
            protection = await store.protection(keys[name])
        except NotStored:
            continue
        if protection.until_s < entry.retain_until_us // 1_000_000:
            state.add("not-locked", name)
