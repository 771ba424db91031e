"""What to do next for one media room.  Pure: facts in, the next step out; :mod:`signaling.rooms` does the steps.

The core compares what is wanted (a worker has the room, it obeys the last plan,
certain peers are gone, or the room is closed) with what is known to be so, and
names one step at a time.  Whatever fails is simply wanted still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .ortc import RtpCapabilities
from .placement import Home
from .worker_api import Plan

#: Heartbeats of its worker in a row that must lack the room before it is taken for lost.
MISSES_LIMIT = 3
#: Answers in a row that may fail to come before a worker is taken for lost.
SILENCES_LIMIT = 2


@dataclass(frozen=True, slots=True)
class Seek:
    """Find a worker, then :meth:`RoomCore.placed`."""


@dataclass(frozen=True, slots=True)
class Open:
    """Close what an earlier control may have left there, open the room, then :meth:`RoomCore.opened`."""

    home: Home
    plan: Plan


@dataclass(frozen=True, slots=True)
class Apply:
    """Send the plan, then :meth:`RoomCore.applied`."""

    home: Home
    plan: Plan


@dataclass(frozen=True, slots=True)
class EndPeer:
    """Close the peer on the worker, then :meth:`RoomCore.peer_ended`."""

    home: Home
    peer_id: str


@dataclass(frozen=True, slots=True)
class Shut:
    """Close the room on the worker, then :meth:`RoomCore.shut`."""

    home: Home


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until something changes."""


@dataclass(frozen=True, slots=True)
class Over:
    """The room is closed; nothing will ever be to do."""


Step = Seek | Open | Apply | EndPeer | Shut | Rest | Over


class RoomCore:
    """``generation`` is that of the first placing; each later one has a higher number."""

    def __init__(self, plan: Plan, generation: int) -> None:
        self.plan = plan
        self.generation = generation - 1
        self.home: Home | None = None
        self.capabilities: RtpCapabilities | None = None
        self._phase: Literal["seeking", "opening", "ready", "over"] = "seeking"
        self._closing = False
        #: What the worker has answered for; None: must be sent (again).
        self._obeyed: Plan | None = None
        self._ending: dict[str, None] = {}
        self._misses = 0
        self._silences = 0

    @property
    def ready(self) -> bool:
        return self._phase == "ready" and not self._closing

    @property
    def obeys(self) -> bool:
        """Whether the present worker, if there is one, obeys the last plan."""
        return self._phase != "ready" or self._obeyed == self.plan

    def ending(self, peer_id: str) -> bool:
        return peer_id in self._ending

    def next(self) -> Step:
        if self._phase == "over":
            return Over()
        if self._closing:
            return Shut(self.home) if self.home is not None else Over()
        if self.home is None:
            return Seek()
        if self._phase == "opening":
            return Open(self.home, self.plan)
        # Rights are taken away before anything else is done.
        if self._obeyed != self.plan:
            return Apply(self.home, self.plan)
        for peer_id in self._ending:
            return EndPeer(self.home, peer_id)
        return Rest()

    # --- what is wanted ----------------------------------------------------------

    def want_plan(self, plan: Plan) -> None:
        """An older plan than the present one is ignored: calls may overtake each other."""
        if plan.version >= self.plan.version:
            self.plan = plan

    def want_peer_gone(self, peer_id: str) -> None:
        if self._phase == "ready":
            self._ending[peer_id] = None

    def want_closed(self) -> None:
        self._closing = True

    def want_proof(self) -> None:
        """The worker's heartbeat is overdue: send the plan once more and see whether it answers."""
        self._obeyed = None

    # --- what happened ------------------------------------------------------------

    def placed(self, home: Home) -> None:
        if self.home is None and self._phase == "seeking":
            self.home = home
            self._phase = "opening"

    def opened(self, home: Home, plan: Plan, capabilities: RtpCapabilities) -> bool:
        """The worker has the room; True if this is news."""
        if self.home != home or self._phase != "opening":
            return False
        self._phase = "ready"
        self.generation += 1
        self.capabilities = capabilities
        self._obeyed = plan
        self._misses = self._silences = 0
        return True

    def applied(self, home: Home, plan: Plan) -> None:
        if self.home == home and self._phase == "ready":
            self._obeyed = plan
            self._silences = 0

    def peer_ended(self, home: Home, peer_id: str) -> None:
        if self.home == home:
            self._ending.pop(peer_id, None)
            self._silences = 0

    def shut(self, home: Home) -> None:
        if self.home == home:
            self._phase = "over"
            self.home = None
            # Whatever was to be ended in the room has ended with it.
            self._ending.clear()

    def silent(self, home: Home) -> bool:
        """A request was not answered in time; True if the room is lost by that."""
        if self.home != home:
            return False
        self._silences += 1
        return self._silences >= SILENCES_LIMIT and self.lost(home)

    def listed(self, home: Home, *, present: bool) -> bool:
        """A heartbeat of its worker does or does not name the room; True if the room is lost by that."""
        if self.home != home or self._phase != "ready":
            return False
        self._misses = 0 if present else self._misses + 1
        return self._misses >= MISSES_LIMIT and self.lost(home)

    def lost(self, home: Home) -> bool:
        """That worker does not have the room any more; True if it was ready there."""
        if self.home != home:
            return False
        was_ready = self._phase == "ready"
        self.home = None
        self.capabilities = None
        self._obeyed = None
        self._ending.clear()
        self._misses = self._silences = 0
        if self._phase != "over":
            self._phase = "seeking"
        return was_ready
