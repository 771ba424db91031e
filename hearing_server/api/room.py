"""The hearing's view, its log and hints: what travels on the socket (docs/protocol.md)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .seats import Me
from .shapes import Consent, Identity, Place, Presence, RecordState, Role, SittingState, Struct


class PersonView(Struct):
    """One person as the reader may see them.  Both names are empty where the reader may know the role only."""

    person_id: str
    name: str
    name_zh: str
    role: Role
    presence: Presence
    in_room: bool
    #: Paused by the person: shown on the tile.
    microphone: Literal["on", "off", "none"]
    camera: Literal["on", "off", "none"]
    away_since: float | None = None
    #: When the judge called this person in, if that is how they came: the last one called takes the main picture.
    called_at: float | None = None
    #: What the check-in said; only staff and the bench are told, and each person of themself.
    check: dict[str, str] | None = None
    place: Place = "none"
    #: ``claimant`` or ``respondent``; empty for who is on nobody's side.
    side: str = ""
    deputy: bool = False
    #: An interpreter's people, and each of these people's interpreters; only those whom the reader may see.
    linked: list[str] = msgspec.field(default_factory=list)
    #: Silenced by the court; ``locked``: and may not undo it.
    muted: bool = False
    locked: bool = False
    #: Stays silent and unseen after the curtain was lifted for others.
    behind_curtain: bool = False
    hand_at: float | None = None
    #: When the court last asked them to say something again; told to themself.
    repeat_at: float | None = None
    #: What the judge has granted: ``share`` and others.
    grants: list[str] = msgspec.field(default_factory=list)
    #: The language an interpreter speaks into; empty: to the room.
    mix: str = ""
    under_oath: bool = False
    released: bool = False
    #: ``prompted``, ``warned`` or ``left``: what the court did about their leaving, and since when.
    leaving: Literal["", "prompted", "warned", "left"] = ""
    leaving_since: float | None = None
    #: Where the court has ordered them to attend from.
    attend_at: str = ""
    #: The following are told to those who are told the check.
    identity: Identity | None = None
    consent: dict[str, Consent] | None = None
    #: ``camera``, ``microphone`` or ``both``: blocked by their browser.
    blocked: str | None = None
    languages: list[str] | None = None
    #: Commands that the reader can give about this person now.
    may: list[str] = msgspec.field(default_factory=list)


class RecordView(Struct):
    """Computed from stored bytes.  ``sealed_at``: everything captured before it is durable (fsynced or archived)."""

    state: RecordState
    tracks: int
    sealed_at: float | None
    #: ``disk-full``, ``io-error``, ``late``, ``media-lost``: why the record is degraded or has failed; the ground while
    #: it is interrupted (``recess``, ``private_evidence``, ``mediation``, ``fault``).
    fault: str | None = None
    #: The judge's reason to sit without a record, or to go on with another one.
    off_record: str = ""
    fallback: str = ""
    #: A statement about an incident is missing; the judge gives it (``state_incident``).
    incident: bool = False
    #: The newest root of the archived record, hex, and when the log took it down: one hash over the log and the heads
    #: of all tracks; empty until the archive holds something.
    root: str = ""
    root_at: float | None = None
    #: How often in a row it could not be started when the countdown was over.
    failed_starts: int = 0


class TalkView(Struct):
    """A consultation that the reader is in or invited to.  It is never recorded."""

    id: str
    state: Literal["open", "locked"]
    #: Empty where the reader may not see who.
    opened_by: str
    members: list[str]
    invited: list[str]
    declined: list[str]


class ChannelView(Struct):
    """What the archive has of a person's sound: measured on stored bytes.  ``level``: the loudest of the last five
    seconds stored, 0..100 (full scale).  ``late``: their microphone is on and on record, and nothing of it has been
    stored lately."""

    person_id: str
    stored_at: float | None
    level: int
    sound_at: float | None
    late: bool


class UnheardView(Struct):
    """Sound of this person that never came while they spoke.  ``since``: when it was noticed."""

    person_id: str
    since: float
    lost_s: float


class StageView(Struct):
    """One item of the agenda.  ``consent``: the consent that doing it online needs, if any."""

    name: str
    consent: str


class ExhibitView(Struct):
    """What is shown to the room.  ``document`` is an ``exhibitId`` of ``GET /api/hearings/{id}/exhibits``.

    ``by`` presents it, and is empty where the reader may not see who.  The pointer comes in the notice ``hinted``.
    """

    document: str
    page: int
    by: str


class ObjectionView(Struct):
    """Raised, and not ruled on yet."""

    id: int
    by: str
    text: str


class TaskView(Struct):
    """Something for the court's staff to do in this sitting."""

    id: str
    kind: str
    person_id: str
    reason: str
    opened_at: float
    closed_at: float | None
    closed_by: str


class RulesView(Struct):
    """What the court's profile allows to choose from, for the dialogs of those who may choose."""

    profile: str
    interrupt_grounds: list[str]
    doors_grounds: list[str]
    convert_grounds: list[str]
    #: Kinds of cases; of these those that are streamed with reasons only, and those that never are.
    categories: list[str]
    stream_excluded: list[str]
    stream_never: list[str]
    exempt_grounds: list[str]
    off_record_allowed: bool
    consult_limit: int
    #: Languages an interpreter may be assigned to; empty: any.
    mixes: list[str]


class HearingView(Struct, kw_only=True):
    """All that one person may know now; made by the visibility rules of the court, never cut by the client.

    People are named by id, and only those that ``people`` holds.
    """

    version: int
    seq: int
    server_time: float
    me: Me
    state: SittingState
    state_since: float
    #: Why the sitting is in this state, if there is something to say: ``no-record`` (the record could not be started),
    #: ``no-judge`` (the presiding judge was not connected when the countdown ended), ``judge-absent`` or
    #: ``record-failed`` (the court suspended by itself), or the words of whoever suspended or converted.
    state_reason: str | None = None
    countdown_ends_at: float | None
    #: When the court means to go on after the recess.
    recess_until: float | None = None
    opened_at: float | None
    closed_at: float | None
    record: RecordView
    #: No media worker has room for this hearing; told to the bench and the clerk, who call technical staff.
    media_full: bool = False
    people: list[PersonView]
    #: Commands this person may give now, about somebody or not; see ``people[].may`` for whom.
    may: list[str]
    may_publish: list[Literal["microphone", "camera", "screen"]]
    doors: Literal["open", "closed"]
    doors_since: float | None = None
    doors_ground: str = ""
    #: Only the bench is seen and heard.
    curtain: bool = False
    watching: int
    #: Has not been called yet: what goes on inside is not told, and the fields below are empty.
    isolated: bool = False
    #: My own place.
    place: Place = "none"
    #: The consultation I am in, and those that I am invited to.
    talk: TalkView | None = None
    invitations: list[TalkView] = msgspec.field(default_factory=list)
    agenda: list[StageView] = msgspec.field(default_factory=list)
    stage: str = ""
    stage_since: float | None = None
    floor: str | None = None
    spotlight: str | None = None
    #: Raised hands, the first first.
    hands: list[str] = msgspec.field(default_factory=list)
    #: Languages that are interpreted into now, and the one I listen to (empty: the room).
    mixes: list[str] = msgspec.field(default_factory=list)
    listens: str = ""
    exhibit: ExhibitView | None = None
    objections: list[ObjectionView] = msgspec.field(default_factory=list)
    #: Whose words were lost on the way just now, the first first; only of whom the reader may ask to repeat them.
    unheard: list[UnheardView] = msgspec.field(default_factory=list)
    #: What the record has of each person's sound; told to the bench and the court's officers in the room, and only
    #: while it is recorded.
    channels: list[ChannelView] | None = None
    #: Whether the public watches: ``announced`` to the people of the hearing first, who may object on the record.
    stream: Literal["off", "announced", "live"] = "off"
    stream_since: float | None = None
    #: All for the bench and the court's staff; one's own for others.
    stream_objections: list[ObjectionView] = msgspec.field(default_factory=list)
    #: What kind of case it is; only for the bench and the court's staff.
    category: str = ""
    #: The reporting restriction, shown to everybody.
    restriction: str = ""
    #: The grounds of the direction that lets observers in; told to the court.
    public_grounds: str = ""
    #: Open first; only for the court's staff.
    tasks: list[TaskView] = msgspec.field(default_factory=list)
    #: Who has asked the judge to suspend; the ground on which a clerk has asked to interrupt the record, and who.
    suspend_asked_by: str | None = None
    interrupt_asked: str | None = None
    interrupt_asked_by: str | None = None
    rules: RulesView | None = None


class EntryView(Struct):
    """One event of the sitting's log that the reader may see, as the notice ``entries`` and ``joined`` carry it.

    ``event`` is the command or the court's own step; ``actor`` a person's id, ``system``, or empty where the reader may
    not see who; ``detail`` its arguments (docs/protocol.md).
    """

    seq: int
    at: float
    event: str
    actor: str
    person_id: str
    #: States of the machine that the event moved; equal if it moved none.
    source: str
    to: str
    reason: str
    detail: dict[str, Any]


class PointerHint(Struct):
    """``hinted`` of the name ``pointer``: where the presenter points, per mille of the page; nothing: no pointer."""

    document: str
    page: int
    x: int | None
    y: int | None


class TypingHint(Struct):
    """``hinted`` of the name ``typing``: in the chat with the court's staff, in the conversation of ``person_id``."""

    person_id: str
    from_staff: bool


class PersonNews(Struct):
    """``news`` of the name ``entered`` or ``left``: somebody came into the hearing room or went out of it."""

    person_id: str
