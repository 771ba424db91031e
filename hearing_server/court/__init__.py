"""The law of the room: pure functions over the log of one sitting.

No I/O, no clock, no framework: events, commands and the time go in; events,
plans and views come out.  :mod:`.model` names things, :mod:`.profiles` what
differs between courts, :mod:`.permissions` who may do what, :mod:`.tables` holds
the transitions as data, :mod:`.law` decides by :mod:`.guards` and
:mod:`.effects`, :mod:`.applying` makes states of events, :mod:`.visibility` says
who may send and receive what, :mod:`.views` what a person may know, and
:mod:`.timers` what falls due by itself.  Beside the sitting
:mod:`.booking` and :mod:`.artefact` hold the law of the court's diary and of what
is kept, by the same kind of tables.
"""

from .applying import ChainBroken, apply, replay
from .law import booked, decide, permitted
from .model import (
    SYSTEM,
    Actor,
    Booked,
    Command,
    Consultation,
    Correction,
    Event,
    Exhibit,
    Now,
    Objection,
    Person,
    Refused,
    Sitting,
    Task,
)
from .permissions import Leave, leave, scope
from .profiles import PROFILES, Rules, Stage, profile
from .states import (
    Consent,
    Doors,
    Identity,
    Presence,
    RecordState,
    Role,
    Signature,
    SittingState,
    Stream,
    TaskKind,
    TaskState,
    Transcript,
)
from .views import Seen, TalkSeen, View, into_record, may_chat, may_read, may_read_stored, view
from .visibility import MediaPlan, flows, may_publish, may_receive, plan, role_may_publish, sees_lines

__all__ = [
    "PROFILES",
    "SYSTEM",
    "Actor",
    "Booked",
    "ChainBroken",
    "Command",
    "Consent",
    "Consultation",
    "Correction",
    "Doors",
    "Event",
    "Exhibit",
    "Identity",
    "Leave",
    "MediaPlan",
    "Now",
    "Objection",
    "Person",
    "Presence",
    "RecordState",
    "Refused",
    "Role",
    "Rules",
    "Seen",
    "Signature",
    "Sitting",
    "SittingState",
    "Stage",
    "Stream",
    "TalkSeen",
    "Task",
    "TaskKind",
    "TaskState",
    "Transcript",
    "View",
    "apply",
    "booked",
    "decide",
    "flows",
    "into_record",
    "leave",
    "may_chat",
    "may_publish",
    "may_read",
    "may_read_stored",
    "may_receive",
    "permitted",
    "plan",
    "profile",
    "replay",
    "role_may_publish",
    "scope",
    "sees_lines",
    "view",
]
