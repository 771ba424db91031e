"""Shares of a record: what the court makes and sees of them, and what the person with the link is given."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .records import RecordPage
from .shapes import Locale, Struct

ShareState = Literal["active", "expired", "revoked"]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class NewShare(Struct, omit_defaults=True):
    """``POST /api/hearings/{id}/record/shares``.  ``hours``: how long it works; ``order``: needed by who may download
    under an order only, if the share is to be downloaded from; ``from_s``, ``to_s``: the only part that is opened, both
    or neither, s of the record as who shares it is shown it."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    email: Annotated[str, msgspec.Meta(min_length=3, max_length=254)]
    locale: Locale
    purpose: Text
    hours: Annotated[int, msgspec.Meta(ge=1, le=720)]
    download: bool = False
    order: Annotated[str, msgspec.Meta(max_length=200)] = ""
    from_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    to_s: Annotated[float, msgspec.Meta(ge=0)] | None = None


class ShareEntry(Struct):
    """What was done or tried with a share.  ``count``: so many requests for bytes of one player, told as one;
    ``code``: why it was refused."""

    number: int
    at: float
    action: str
    code: str = ""
    from_at: float | None = None
    to_at: float | None = None
    count: int = 1


class ShareRow(Struct):
    """``entries``: newest first, at most 50; ``played``: whether anything was; ``letter``: how far the
    message with the link is; ``from_at``, ``to_at``: the only part that is opened, nothing for the whole."""

    share_id: str
    name: str
    email: str
    purpose: str
    order: str
    download: bool
    state: ShareState
    made_at: float
    made_by: str
    made_by_zh: str
    expires_at: float
    revoked_at: float | None
    played: bool
    letter: Literal["queued", "sending", "sent", "failed"]
    entries: list[ShareEntry]
    from_at: float | None = None
    to_at: float | None = None


class SharesPage(Struct):
    """``GET /api/hearings/{id}/record/shares``: newest first.  ``may_share``: the caller may make and revoke them;
    ``download``: what they may allow, freely, under an order they name, or not; ``hours``: how long one works if
    nothing else is said."""

    rows: list[ShareRow]
    may_share: bool
    download: Literal["free", "order", "no"]
    hours: int


class ShareCard(Struct):
    """``GET /api/shares/{token}``.  Nothing of the case before the address is proved (``proved``).

    ``address``: where the code goes, all but its first letter and its domain left out.
    """

    court: str
    court_zh: str
    address: str
    expires_at: float
    proved: bool
    help_phone: str


class ShareProof(Struct):
    """``POST /api/shares/{token}/session``."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]


class SharedRecord(Struct):
    """``GET /api/shares/{token}/record``: the record, as far as this share opens it.

    ``mark``: what stands in the picture with the time, and leads back to this opening in the ledger; ``part``: it is
    of a part only, and the record's own begin and end are that part's.
    """

    record: RecordPage
    name: str
    purpose: str
    expires_at: float
    download: bool
    part: bool
    mark: str
