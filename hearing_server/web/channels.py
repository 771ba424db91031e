"""How far one may trust the record of a hearing that goes on, channel by channel, for the command centre (C25)."""

from __future__ import annotations

from .. import desk_api as d
from ..court import SittingState
from ..hearings import views
from ..hearings.actor import SittingActor

NS = 1_000_000_000
#: A microphone that is on and of which nothing reached the archive for so long is in trouble, s: objects are stored
#: about every ten seconds.
CHANNEL_LATE_S = 30


def capture_of(live: SittingActor) -> d.Capture | None:
    """How the record of a hearing goes that is at work."""
    if live.sitting.record not in views.CAPTURING:
        return None
    shape = views.live_record(live.sitting, live.watch)
    return d.Capture(
        tracks=shape.tracks,
        sealed_at=shape.sealed_at,
        archived_at=live.archive_wall_ns / NS if live.archive_wall_ns else None,
        fault=shape.fault,
    )


def channel_of(live: SittingActor, person_id: str, utc: int) -> d.Channel | None:
    """The confidence in one person's channel; nothing where their sound is not due on record now."""
    sitting, heard = live.sitting, live.channels.get(person_id)
    person = sitting.people.get(person_id)
    if person is None or sitting.record not in views.CAPTURING or (heard is None and not person.in_room):
        return None
    silenced = sitting.curtain or person.muted or person.locked or person.behind_curtain
    due = person.in_room and sitting.state is SittingState.IN_SESSION and not silenced
    turned_on, stored = live.microphone_since.get(person_id, 0), heard.stored_wall_ns if heard is not None else 0
    since = max(sitting.since, person.since, sitting.record_since, turned_on, stored)
    speaks = due and live.devices(person_id)[0] == "on"
    if heard is None and not speaks:
        return None
    return d.Channel(
        stored_at=heard.stored_wall_ns / NS if heard is not None else None,
        level=heard.level if heard is not None else 0,
        sound_at=heard.sound_wall_ns / NS if heard is not None and heard.sound_wall_ns else None,
        late=speaks and utc - since > CHANNEL_LATE_S * NS,
    )
