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


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person of one hearing.  ``account``: who they are across hearings; staff have one."""

    id: str
    role: str
    name: str
    name_zh: str
    account: str | None = None
    hearing_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHearing:
    """What a clerk books."""

    id: str
    case_number: str
    case_name: str
    case_name_zh: str
    room: str
    room_zh: str
    scheduled_utc: int
    people: tuple[PersonRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingFacts:
    """A hearing with its case, court and newest sitting."""

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

    @property
    def judge(self) -> PersonRow:
        """The presiding judge."""
        return next(person for person in self.people if person.role == "judge")


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
