"""What the repositories give and take: plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Court:
    id: str
    name: str
    name_zh: str
    help_phone: str
    time_zone: str
    #: The court's profile (:mod:`hearing_server.court.profiles`).
    profile: str = "england"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person of one hearing.  ``account``: who they are across hearings; staff have one.

    ``linked_to``, ``represents`` and ``screened_from`` hold ids of people of the same hearing.
    """

    id: str
    role: str
    name: str
    name_zh: str
    account: str | None = None
    hearing_id: str = ""
    side: str = ""
    #: BCP 47 tags.
    languages: tuple[str, ...] = ()
    linked_to: tuple[str, ...] = ()
    represents: tuple[str, ...] = ()
    screened_from: tuple[str, ...] = ()
    deputy: bool = False
    #: Came by the hearing's public link.
    guest: bool = False
    email: str = ""
    phone: str = ""
    locale: str = "en"
    #: What a guest says they come for.
    capacity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """One day of a hearing: one sitting."""

    sitting_id: str
    scheduled_utc: int
    duration_s: int = 7200
    ordinal: int = 0
    state: str = "not_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHearing:
    """What a clerk books.  Without ``days`` it has one, at ``scheduled_utc``, whose sitting has the hearing's id."""

    id: str
    case_number: str
    case_name: str
    case_name_zh: str
    room: str
    room_zh: str
    scheduled_utc: int
    people: tuple[PersonRow, ...]
    days: tuple[DayRow, ...] = ()
    booking: str = "confirmed"
    recording: str = "on"
    recording_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingFacts:
    """A hearing with its case, court and one of its sittings: the one that is on or comes next, else the last.

    ``scheduled_utc`` is that sitting's.  ``observers``: the judge's direction about them, as JSON.
    """

    hearing_id: str
    sitting_id: str
    case_number: str
    case_name: str
    case_name_zh: str
    court: Court
    room: str
    room_zh: str
    scheduled_utc: int
    state: str
    record_state: str
    present: int
    opened_utc: int | None
    closed_utc: int | None
    people: tuple[PersonRow, ...]
    ordinal: int = 1
    duration_s: int = 7200
    booking: str = "confirmed"
    revision: int = 1
    recording: str = "on"
    recording_reason: str = ""
    reason: str = ""
    public_id: str | None = None
    observers: str | None = None

    @property
    def judge(self) -> PersonRow:
        """The presiding judge; nobody, with empty names, in a draft that has none yet."""
        nobody = PersonRow(id="", role="judge", name="", name_zh="")
        return next((person for person in self.people if person.role == "judge"), nobody)

    def person(self, person_id: str) -> PersonRow | None:
        return next((person for person in self.people if person.id == person_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    id: str
    person: PersonRow
    expires_utc: int
    revoked_utc: int | None
    device_limit: int
    #: Devices it was used on so far.
    devices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatRow:
    id: str
    person: PersonRow
    link: LinkRow
    ended_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """``sealed_utc``: everything captured before it is in the archive.  ``manifest_sha256`` is empty until sealed."""

    sitting_id: str
    sealed_utc: int = 0
    objects: int = 0
    bytes: int = 0
    manifest_sha256: str = ""
    playable: bool = False
    #: What the last verification found, as JSON.
    verification: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    id: str
    sitting_id: str
    kind: str
    locale: str
    state: str
    progress: float
    created_utc: int
    created_by: str
    name: str | None = None
    bytes: int | None = None
    message: str | None = None
    #: Of an export of a part: its begin and end, us since 1970, as ``begin-end``.
    part: str = ""
    #: Of a film: whose it is, as every picture of it says; it is given to nobody else.
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Somebody opened, played, downloaded or exported something.  ``seat`` names the device."""

    actor: str
    role: str
    seat: str
    action: str
    target: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    seq: int
    utc: int
    access: Access
    prev_hash: str
    hash: str
