"""How far one may trust the record of a hearing that goes on, channel by channel, for the command centre (C25)."""

from __future__ import annotations

from .. import desk_api as d
from ..hearings import views
from ..hearings.actor import SittingActor

NS = 1_000_000_000


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
    told = live.channel(person_id, utc)
    if told is None:
        return None
    return d.Channel(stored_at=told.stored_at, level=told.level, sound_at=told.sound_at, late=told.late)
