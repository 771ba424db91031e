"""How far one may trust the record of a hearing that goes on, channel by channel: as the archive has it (C25)."""

from __future__ import annotations

from recording.messages import Channel

from .. import api
from ..court import Sitting, SittingState
from .views import CAPTURING

NS = 1_000_000_000
#: A microphone that is on and of which nothing reached the archive for so long is in trouble, s: objects are stored
#: about every ten seconds.
CHANNEL_LATE_S = 30


def confidence(
    sitting: Sitting, person_id: str, heard: Channel | None, *, microphone: str, turned_on: int, utc: int
) -> api.ChannelView | None:
    """The confidence in one person's channel; nothing where their sound is not due on record now.

    ``microphone`` is as the media room has it, ``turned_on`` and ``utc`` are ns since 1970 (0: never).
    """
    person = sitting.people.get(person_id)
    if person is None or sitting.record not in CAPTURING or (heard is None and not person.in_room):
        return None
    silenced = sitting.curtain or person.muted or person.locked or person.behind_curtain
    due = person.in_room and sitting.state is SittingState.IN_SESSION and not silenced
    stored = heard.stored_wall_ns if heard is not None else 0
    since = max(sitting.since, person.since, sitting.record_since, turned_on, stored)
    speaks = due and microphone == "on"
    if heard is None and not speaks:
        return None
    return api.ChannelView(
        person_id=person_id,
        stored_at=heard.stored_wall_ns / NS if heard is not None else None,
        level=heard.level if heard is not None else 0,
        sound_at=heard.sound_wall_ns / NS if heard is not None and heard.sound_wall_ns else None,
        late=speaks and utc - since > CHANNEL_LATE_S * NS,
    )
