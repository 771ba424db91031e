"""A person's view: what the law lets them see (:func:`hearing_server.court.view`), with names and times filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec

from .. import api, court
from ..court import Now, Person, Presence, RecordState, Role, Sitting
from ..court.states import BENCH, STAFF
from ..store import HearingFacts, PersonRow, RecordRow
from .unheard import Loss
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
        sitting_id=facts.sitting_id,
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


def me(
    facts: HearingFacts,
    person: PersonRow,
    *,
    state: str | None = None,
    role: str | None = None,
    seated_elsewhere: bool = False,
) -> api.Me:
    """``role``: the one in the sitting, if it is loaded."""
    return api.Me(
        person_id=person.id,
        name=person.name,
        name_zh=person.name_zh,
        role=cast(api.Role, role or person.role),
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
        off_record=sitting.off_record,
        fallback=sitting.fallback,
        incident=sitting.incident,
        root=sitting.root,
        root_at=_seconds(sitting.root_at),
        failed_starts=sitting.failed_starts,
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
    losses: Sequence[Loss] = (),
    channels: Sequence[api.ChannelView] | None = None,
) -> dict[str, Any]:
    """The view of one person as plain JSON values."""
    allowed = court.view(sitting, person_id, now)
    rows = {row.id: row for row in facts.people}
    person = sitting.people[person_id]
    shape = api.HearingView(
        version=sitting.version,
        seq=sitting.seq,
        server_time=now.utc / NS,
        me=me(facts, rows[person_id], state=sitting.state.value, role=person.role.value),
        state=sitting.state.value,
        state_since=sitting.since / NS,
        state_reason=sitting.reason or None,
        countdown_ends_at=_seconds(sitting.countdown_ends),
        recess_until=_seconds(sitting.recess_until),
        opened_at=_seconds(sitting.opened),
        closed_at=_seconds(sitting.closed),
        record=_told(live_record(sitting, watch), allowed),
        people=_people(sitting, person, allowed, rows, devices),
        may=list(allowed.may),
        may_publish=cast(Any, list(allowed.may_publish)),
        media_full=media_full and court.sees_lines(sitting, person_id),
        doors=sitting.doors.value,
        doors_since=_seconds(sitting.doors_since or None),
        doors_ground=sitting.doors_ground if sitting.doors == court.Doors.CLOSED else "",
        watching=allowed.watching,
        isolated=allowed.isolated,
        place=place(person),
        talk=_talk(allowed.talk),
        invitations=[talk for seen in allowed.invitations if (talk := _talk(seen)) is not None],
        restriction=allowed.restriction,
        stream=sitting.stream.value,
        stream_since=_seconds(sitting.stream_since or None),
        stream_objections=[api.ObjectionView(id=one.id, by=one.by, text=one.text) for one in allowed.stream_objections],
        category=allowed.category,
        tasks=[_task(task) for task in allowed.tasks],
        listens=person.listens,
    )
    if not allowed.isolated:
        _add_course(shape, sitting, allowed)
    asks = {seen.person_id for seen in allowed.people if "ask_repeat" in seen.may}
    shape.unheard = [
        api.UnheardView(person_id=loss.person_id, since=loss.since / NS, lost_s=loss.lost_ms / 1000)
        for loss in losses
        if loss.person_id in asks
    ]
    if channels is not None:
        seen_ids = {seen.person_id for seen in allowed.people}
        shape.channels = [channel for channel in channels if channel.person_id in seen_ids]
    if person.role in BENCH | STAFF:
        shape.public_grounds = sitting.public_grounds
        shape.suspend_asked_by = allowed.suspend_asked_by or None
        shape.interrupt_asked = allowed.interrupt_asked or None
        shape.interrupt_asked_by = allowed.interrupt_asked_by or None
        shape.rules = _rules(sitting)
    return cast(dict[str, Any], msgspec.to_builtins(shape))


def _add_course(shape: api.HearingView, sitting: Sitting, allowed: court.View) -> None:
    """What goes on in the hearing room."""
    shape.curtain = sitting.curtain
    shape.agenda = [
        api.StageView(name=stage.name, consent=stage.consent)
        for stage in sitting.rules.agenda
        if stage.name in allowed.agenda
    ]
    shape.stage = allowed.stage
    shape.stage_since = _seconds(sitting.stage_since or None)
    shape.floor = allowed.floor or None
    shape.spotlight = allowed.spotlight or None
    shape.hands = list(allowed.hands)
    shape.mixes = list(allowed.mixes)
    if allowed.exhibit is not None:
        shown = allowed.exhibit
        shape.exhibit = api.ExhibitView(document=shown.document, page=shown.page, by=shown.by)
    shape.objections = [api.ObjectionView(id=one.id, by=one.by, text=one.text) for one in allowed.objections]


def _told(record: api.RecordView, allowed: court.View) -> api.RecordView:
    """The number of tracks would say how many people are inside."""
    return msgspec.structs.replace(record, tracks=0) if allowed.isolated else record


# --- people -----------------------------------------------------------------------------------


def place(person: Person) -> api.Place:
    """Where a person is, or holds a place while they are away."""
    if person.in_room:
        return "hearing"
    if person.has_place(Presence.IN_CONSULTATION):
        return "consultation"
    if person.has_place(Presence.IN_DELIBERATION):
        return "deliberation"
    waits = person.has_place(Presence.WAITING) or person.has_place(Presence.CHECKING)
    return "waiting_room" if waits else "none"


def _people(
    sitting: Sitting,
    reader: Person,
    allowed: court.View,
    rows: Mapping[str, PersonRow],
    devices: Mapping[str, tuple[Device, Device]],
) -> list[api.PersonView]:
    seen_ids = frozenset(seen.person_id for seen in allowed.people)
    found = []
    for seen in allowed.people:
        person, row = sitting.people[seen.person_id], rows.get(seen.person_id)
        if row is None:
            continue
        view = _person(person, row, seen, devices.get(person.id, NO_DEVICES), seen_ids)
        if person is reader:
            view.repeat_at = _seconds(person.repeat)
        view.hand_at = _seconds(person.hand) if person.id in allowed.hands else None
        if seen.check:
            view.check = dict(person.check) or None
            view.identity = person.identity.value
            view.consent = {stage: answer.value for stage, answer in person.consent.items()}
            view.blocked = person.blocked or None
            view.languages = list(person.languages)
        if seen.check or reader.role in BENCH | STAFF:
            view.grants = list(person.grants)
            view.leaving = cast(Any, person.leaving)
            view.leaving_since = _seconds(person.leaving_since)
            view.attend_at = person.attend_at
        found.append(view)
    return found


def _person(
    person: Person, row: PersonRow, seen: court.Seen, devices: tuple[Device, Device], seen_ids: frozenset[str]
) -> api.PersonView:
    """What everybody is told who sees this person at all."""
    microphone, camera = devices
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
        place=place(person),
        side=person.side,
        deputy=person.deputy,
        linked=[other for other in person.linked if other in seen_ids],
        muted=person.muted,
        locked=person.locked,
        behind_curtain=person.behind_curtain,
        mix=person.mix if person.role is Role.INTERPRETER else "",
        under_oath=person.under_oath,
        released=person.released,
        may=list(seen.may),
    )


# --- the parts of a view ------------------------------------------------------------------------


def _talk(seen: court.TalkSeen | None) -> api.TalkView | None:
    if seen is None:
        return None
    return api.TalkView(
        id=seen.id,
        state="locked" if seen.state == "locked" else "open",
        opened_by=seen.opened_by,
        members=list(seen.members),
        invited=list(seen.invited),
        declined=list(seen.declined),
    )


def _task(task: court.Task) -> api.TaskView:
    return api.TaskView(
        id=task.id,
        kind=task.kind.value,
        person_id=task.subject,
        reason=task.reason,
        opened_at=task.opened / NS,
        closed_at=_seconds(task.closed),
        closed_by=task.closed_by,
    )


def _rules(sitting: Sitting) -> api.RulesView:
    rules = sitting.rules
    return api.RulesView(
        profile=rules.profile,
        interrupt_grounds=list(rules.interrupt_grounds),
        doors_grounds=list(rules.doors_grounds),
        convert_grounds=list(rules.convert_grounds),
        categories=list(rules.categories),
        stream_excluded=list(rules.stream_excluded),
        stream_never=list(rules.stream_never),
        exempt_grounds=list(rules.exempt_grounds),
        off_record_allowed=rules.off_record_allowed,
        consult_limit=rules.consult_limit,
        mixes=list(rules.mixes),
    )


def _seconds(utc_ns: int | None) -> float | None:
    return None if utc_ns is None else utc_ns / NS
