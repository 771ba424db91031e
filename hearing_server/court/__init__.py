"""The law of the room: pure functions over the log of one sitting.

No I/O, no clock, no framework: events, commands and the time go in; events,
plans and views come out.  :mod:`.model` names things, :mod:`.tables` holds the
transitions as data, :mod:`.law` decides and applies, :mod:`.visibility` says who
may send, receive and see what, :mod:`.timers` what falls due by itself.
"""

from .law import ChainBroken, apply, booked, decide, replay
from .model import (
    SYSTEM,
    Actor,
    Booked,
    Command,
    Event,
    Now,
    Person,
    Presence,
    RecordState,
    Refused,
    Role,
    Rules,
    Sitting,
    SittingState,
)
from .visibility import MediaPlan, Seen, View, may_publish, may_receive, plan, role_may_publish, view

__all__ = [
    "SYSTEM",
    "Actor",
    "Booked",
    "ChainBroken",
    "Command",
    "Event",
    "MediaPlan",
    "Now",
    "Person",
    "Presence",
    "RecordState",
    "Refused",
    "Role",
    "Rules",
    "Seen",
    "Sitting",
    "SittingState",
    "View",
    "apply",
    "booked",
    "decide",
    "may_publish",
    "may_receive",
    "plan",
    "replay",
    "role_may_publish",
    "view",
]
