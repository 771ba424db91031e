"""What was decided about a record, made anew from what the storage has of it, after the database was lost.

Where the storage does not say all, the restored record is seen by fewer people than before and never by more.
"""

from __future__ import annotations

import msgspec

from recording.custody import CustodyEntry, folder
from recording.keys import PublicKey
from recording.manifest import Manifest, prefix
from recording.messages import Withheld
from recording.objects import NotStored, ObjectStore
from recording.playback import PLAYBACK_NAME, RENDITIONS_PREFIX, Playback
from recording.reconcile import RecordState

from ..court.custody import Action, Decision
from ..court.levels import NOT_RECORDED, Level, LevelAction, LevelDecision
from ..store import LevelRow, Store
from ..store.custody import CustodyRow, ToldRow

#: Whose account what is restored is under.
RESTORED = "restored"
#: Why a record is hidden, or sealed, whose decisions are not all known.
UNKNOWN = "Restored from the storage, which was not told what was decided here"
#: The index of a copy that leaves something out.
PLAYBACK_FILE = PLAYBACK_NAME.rsplit("/", 1)[-1]


async def withhold_again(store: Store, archive: ObjectStore, key: PublicKey | None, manifest: Manifest) -> None:
    """What was withheld when a copy without it was made, by the court's signed index of that copy, is withheld again:
    also what has been lifted since, which has to be lifted once more.  Grounds are in no copy, since copies are given
    to those who may not know them.

    Where the index of a copy is not signed by the court, what it leaves out is not known: all of the record is sealed.
    """
    sitting_id = manifest.sitting_id
    spans: dict[tuple[int, int, str, str], Withheld] = {}
    for name, _ in await archive.list(prefix(sitting_id) + RENDITIONS_PREFIX):
        if name.endswith(f"/{PLAYBACK_FILE}"):
            data = await _signed(archive, key, name)
            withheld = [_all_of(manifest)] if data is None else msgspec.json.decode(data, type=Playback).withheld
            for span in withheld:
                spans[span.start_us, span.end_us, span.level, span.order] = span
    known = len(await store.levels.read(sitting_id))  # those of a try before this one
    for serial, span in enumerate(sorted(spans.values(), key=lambda each: (each.decided_us, each.start_us)), 1):
        if serial <= known:
            continue
        decision = LevelDecision(
            action=LevelAction.SET,
            by=RESTORED,
            order=span.order,
            level=Level(span.level),
            ground=NOT_RECORDED,
            from_utc=span.start_us * 1000,
            to_utc=span.end_us * 1000,
        )
        row = LevelRow(serial=serial, utc=span.decided_us * 1000, name=span.by, name_zh=span.by_zh, decision=decision)
        await store.levels.append(sitting_id, row)


def _all_of(manifest: Manifest) -> Withheld:
    return Withheld(
        start_us=manifest.opened_us,
        end_us=manifest.closed_us,
        level="sealed",
        order=UNKNOWN,
        by="",
        by_zh="",
        decided_us=manifest.sealed_us,
    )


async def keep_again(
    store: Store, archive: ObjectStore, key: PublicKey | None, state: RecordState, hearing_id: str
) -> None:
    """The outcome, orders and holds that the storage was told, under their numbers.

    Numbers that it was not told may have been of hiding the record: until the custodian shows it, it is hidden.  So it
    is where what the storage has under a number is not signed by the court, or is another decision.
    """
    entries: dict[int, CustodyEntry | None] = {}
    for name, _ in await archive.list(folder(state.sitting_id)):
        number = name.rsplit("/", 1)[-1].removesuffix(".json")
        if name.endswith(".json") and number.isdecimal():
            data = await _signed(archive, key, name)
            entry = None if data is None else msgspec.json.decode(data, type=CustodyEntry)
            own = entry is not None and (entry.sitting_id, entry.serial) == (state.sitting_id, int(number))
            entries[int(number)] = entry if own else None
    if not entries:
        return
    last = max(entries)
    sealed_us = state.manifest.sealed_us if state.manifest is not None else 0
    made_us = max((entry.made_us for entry in entries.values() if entry is not None), default=sealed_us)
    known = len(await store.custody.read(hearing_id))  # of another day of the hearing, or a try before this one
    for serial in range(known + 1, last + 1):
        await store.custody.append(hearing_id, _decided(serial, entries.get(serial), made_us))
    told = ToldRow(sitting_id=state.sitting_id, hearing_id=hearing_id, serial=last, objects=state.objects)
    await store.custody.tell(told)


def _decided(serial: int, entry: CustodyEntry | None, made_us: int) -> CustodyRow:
    if entry is None:
        hidden = Decision(action=Action.HIDE, by=RESTORED, reason=UNKNOWN)
        return CustodyRow(serial=serial, utc=made_us * 1000, name="", name_zh="", decision=hidden)
    said = dict(entry.decision)
    name, at_us = str(said.pop("name", "")), int(said.pop("at", entry.made_us))
    decision = msgspec.convert(said, Decision)
    return CustodyRow(serial=serial, utc=at_us * 1000, name=name, name_zh=name, decision=decision)


async def _signed(archive: ObjectStore, key: PublicKey | None, name: str) -> bytes | None:
    """The object's bytes, unless its signature is not there, or not by the court's key."""
    data = await archive.read(name)
    try:
        signature = await archive.read(name.removesuffix(".json") + ".sig")
    except NotStored:
        return None
    return data if key is None or key.verifies(data, signature) else None
