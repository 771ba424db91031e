"""A person's view: what the law lets them see (:func:`hearing_server.court.view`), with names and times filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import msgspec

from .. import api, court
from ..court import Now, Person, Presence, RecordState, Sitting
from ..store import HearingFacts, PersonRow, RecordRow
from .watch import CaptureWatch

NS = 1_000_000_000

Device = Literal["on", "off", "none"]
NO_DEVICES: tuple[Device, Device] = ("none", "none")

#: States of the record in which the worker's spool, and not the archive, says how far it is safe.
CAPTURING = frozenset({RecordState.RECORDING, RecordState.DEGRADED, RecordState.FAILED})


def card(facts: HearingFacts, state: str | None = None) -> api.HearingCard:
    """What the summons says.  ``state`` is newer than the one of the facts, if given."""
    judge = facts.judge
    return api.HearingCard(
        hearing_id=facts.hearing_id,
        case_number=facts.case_number,
        case_name=facts.case_name,
        case_name_zh=facts.case_name_zh,
        court=facts.court.name,
        court_zh=facts.court.name_zh,
        room=facts.room,
        room_zh=facts.room_zh,
        judge=judge.name,
        judge_zh=judge.name_zh,
        scheduled_at=facts.scheduled_utc / NS,
        state=cast(api.SittingState, state or facts.state),
        help_phone=facts.court.help_phone,
    )


def me(facts: HearingFacts, person: PersonRow, *, state: str | None = None, seated_elsewhere: bool = False) -> api.Me:
    return api.Me(
        person_id=person.id,
        name=person.name,
        name_zh=person.name_zh,
        role=cast(api.Role, person.role),
        hearing=card(facts, state),
        seated_elsewhere=seated_elsewhere,
    )


def live_record(sitting: Sitting, watch: CaptureWatch) -> api.RecordView:
    """The record of a sitting that goes on, from what the media worker reports."""
    capturing = sitting.record in CAPTURING
    return api.RecordView(
        state=sitting.record.value,
        tracks=watch.tracks if capturing else 0,
        sealed_at=watch.durable_wall_ns / NS
        if watch.durable_wall_ns and sitting.record is not RecordState.IDLE
        else None,
        fault=(watch.fault or sitting.record_reason) or None,
    )


def stored_record(facts: HearingFacts, record: RecordRow) -> api.RecordView:
    """The record as the database knows it, for lists and closed sittings."""
    return api.RecordView(
        state=cast(api.RecordState, facts.record_state),
        tracks=0,
        sealed_at=record.sealed_utc / NS if record.sealed_utc else None,
    )


def hearing_view(
    facts: HearingFacts,
    sitting: Sitting,
    person_id: str,
    *,
    now: Now,
    watch: CaptureWatch,
    devices: Mapping[str, tuple[Device, Device]],
    media_full: bool = False,
) -> dict[str, Any]:
    """The view of one person as plain JSON values."""
    allowed = court.view(sitting, person_id, now)
    rows = {row.id: row for row in facts.people}
    shape = api.HearingView(
        version=sitting.version,
        seq=sitting.seq,
        server_time=now.utc / NS,
        me=me(facts, rows[person_id], state=sitting.state.value),
        state=sitting.state.value,
        state_since=sitting.since / NS,
        state_reason=sitting.reason or None,
        countdown_ends_at=_seconds(sitting.countdown_ends),
        opened_at=_seconds(sitting.opened),
        closed_at=_seconds(sitting.closed),
        record=_told(live_record(sitting, watch), allowed),
        people=[
            _person(sitting.people[seen.person_id], rows[seen.person_id], seen, devices)
            for seen in allowed.people
            if seen.person_id in rows
        ],
        may=cast(Any, list(allowed.may)),
        may_publish=cast(Any, list(allowed.may_publish)),
        media_full=media_full and court.sees_lines(sitting, person_id),
        doors="open",
        watching=allowed.watching,
    )
    return cast(dict[str, Any], msgspec.to_builtins(shape))


def _told(record: api.RecordView, allowed: court.View) -> api.RecordView:
    """The number of tracks would say how many people are inside."""
    return msgspec.structs.replace(record, tracks=0) if allowed.isolated else record


def _person(
    person: Person, row: PersonRow, seen: court.Seen, devices: Mapping[str, tuple[Device, Device]]
) -> api.PersonView:
    microphone, camera = devices.get(person.id, NO_DEVICES)
    return api.PersonView(
        person_id=person.id,
        name=row.name if seen.named else "",
        name_zh=row.name_zh if seen.named else "",
        role=person.role.value,
        presence=person.presence.value,
        in_room=person.in_room,
        microphone=microphone,
        camera=camera,
        away_since=person.since / NS if person.presence is Presence.AWAY else None,
        called_at=_seconds(person.called),
        check=dict(person.check) if seen.check and person.check else None,
    )


def _seconds(utc_ns: int | None) -> float | None:
    return None if utc_ns is None else utc_ns / NS
