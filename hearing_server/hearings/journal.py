"""The newest events of a sitting's log, and who may read each.

That is decided when the event happens, by who is where then: a witness who is called in later is not told what another
said before (hearing-model.md §6, W1).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

from recording.messages import Interruption

from .. import api
from ..court import ChainBroken, Event, RecordState, Sitting, apply, may_read, replay
from ..court.states import Machine

NS = 1_000_000_000
#: Events that are kept at hand; a sitting of a day has some thousands.
KEPT: Final = 1_000
#: Entries that a client gets at once.
TOLD: Final = 200
#: The making of the sitting, where the record is written and what its root is, are nobody's news.
_UNTOLD: Final = frozenset({"book", "writer", "root"})
#: Names a device of a person.
_SECRET: Final = frozenset({"seat"})


class Journal:
    def __init__(self) -> None:
        self._entries: deque[tuple[Event, frozenset[str]]] = deque(maxlen=KEPT)
        #: The newest event that is not at hand any more.
        self._gone = 0

    def add(self, sitting: Sitting, event: Event) -> None:
        """``sitting``: the state that the event has led to."""
        if event.name in _UNTOLD:
            return
        if len(self._entries) == KEPT:
            self._gone = self._entries[0][0].seq
        readers = frozenset(person for person in sitting.people if may_read(sitting, person, event))
        self._entries.append((event, readers))

    def since(self, reader: str, seq: int | None) -> tuple[bool, list[Event]]:
        """What the reader may know of what came after this number, oldest first; and whether it is told afresh,
        because that is more than is at hand or told at once."""
        mine = [event for event, readers in self._entries if reader in readers and event.seq > (seq or 0)]
        afresh = seq is None or seq < self._gone or len(mine) > TOLD
        if afresh:
            mine = [event for event, readers in self._entries if reader in readers]
        return afresh, mine[-TOLD:]


def replayed(events: Sequence[Event]) -> tuple[Sitting | None, Journal]:
    """The state after these events, and the newest of them.  Raises :class:`~hearing_server.court.ChainBroken`."""
    journal = Journal()
    old = max(1, len(events) - KEPT)
    sitting = replay(events[:old])
    if sitting is None:
        return None, journal
    journal._gone = events[old - 1].seq
    for event in events[old:]:
        if event.hash != event.digest():
            raise ChainBroken(f"event {event.seq} does not match its hash")
        sitting = apply(sitting, event)
        journal.add(sitting, event)
    return sitting, journal


def interruptions(events: Sequence[Event]) -> list[Interruption]:
    """The spans that the court declared not to be on record, each with its ground: until the record ran again."""
    found: list[Interruption] = []
    since: Event | None = None
    for event in events:
        if event.machine is not Machine.RECORD:
            continue
        if event.to == RecordState.INTERRUPTED and event.source != event.to:
            since = since or event
        elif since is not None and event.to in (RecordState.RECORDING, RecordState.FINALIZING):
            ground = str(since.detail.get("ground", "")) or since.reason
            found.append(Interruption(start_wall_ns=since.utc, end_wall_ns=event.utc, ground=ground))
            since = None
    return found


def entry(event: Event, known: Collection[str]) -> api.EntryView:
    """As a reader sees it who knows these people."""
    return api.EntryView(
        seq=event.seq,
        at=event.utc / NS,
        event=event.name,
        actor=event.actor if event.actor == "system" or event.actor in known else "",
        person_id=event.subject if event.subject in known else "",
        source=event.source,
        to=event.to,
        reason=event.reason,
        detail={name: value for name, value in event.detail.items() if name not in _SECRET},
    )
