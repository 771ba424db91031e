"""Recordings that the court added to a record: what the page shows of them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .shapes import Struct

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class AddedWithdrawal(Struct):
    """``POST …/added/{version}/withdrawal``: why it is not to be relied on."""

    reason: Reason


class AddedWithdrawn(Struct):
    """Why a version is not to be relied on, who says so, and when."""

    reason: str
    by: str
    by_zh: str
    at: float


class AddedVersion(Struct):
    """One file of a recording, whole as it came.  ``url``: nothing for who may not have it; ``duration_s``: as the file
    says it; ``current``: the version that the court goes by; ``withdrawn``: nothing unless the court withdrew it."""

    version_id: str
    version: int
    current: bool
    file_name: str
    equipment: str
    media_type: str
    bytes: int
    sha256: str
    duration_s: float
    has_audio: bool
    added_at: float
    added_by: str
    added_by_zh: str
    url: str | None
    withdrawn: AddedWithdrawn | None


class AddedRecording(Struct):
    """``versions``: newest first; the same title, kind and start make them one recording."""

    title: str
    kind: Literal["audio", "video"]
    started_at: float
    versions: list[AddedVersion]


class AddedPage(Struct):
    """``GET /api/hearings/{id}/record/added``.  ``withheld``: parts of the record are withheld from the reader, and all
    of this with them, as nobody has checked what it holds of those parts; ``limit_bytes``: of one
    file; ``held_at``: when the sitting was opened, or should have been."""

    recordings: list[AddedRecording]
    may_add: bool
    withheld: bool
    limit_bytes: int
    time_zone: str
    held_at: float
