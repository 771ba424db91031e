"""Links, seats and the hearing that somebody comes to."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .shapes import Role, SittingState, Struct


class SessionRequest(Struct):
    """``POST /api/session``: trade a personal link's token for a seat on this device (HttpOnly cookie)."""

    link: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class LinkRequest(Struct):
    """``POST /api/link``: whose link is this?  Binds nothing, so that a person can say "I am someone else"."""

    link: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class HearingCard(Struct):
    """What the summons says."""

    hearing_id: str
    sitting_id: str
    case_number: str
    case_name: str
    case_name_zh: str
    court: str
    court_zh: str
    room: str
    room_zh: str
    judge: str
    judge_zh: str
    scheduled_at: float
    state: SittingState
    help_phone: str


class Me(Struct):
    """``name`` and ``name_zh`` are never empty; the client shows the one of its language."""

    person_id: str
    name: str
    name_zh: str
    role: Role
    hearing: HearingCard
    #: Seated on another device now: going on will move the seat here.
    seated_elsewhere: bool = False
