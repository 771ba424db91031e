"""Which media workers live, and which one takes the next room.  Pure: heartbeats and ``now`` in, changes out.

A worker is dead after a silence.  Silence counts only while this process hears
the bus: control hears its own beats too, and time in which it did not (the bus
was down, the process was stopped) is nobody's silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .worker_api import HEARTBEAT_S, WORKER_DEAD_AFTER_S, Heartbeat

#: Period of control's own beats, s, and the most that one of them may add to the time that counts.
BEAT_S = 0.25
BEAT_COUNTS_AT_MOST_S = 0.5
#: A worker unheard for this long is asked whether it is there, s.
SUSPECT_AFTER_S = 2 * HEARTBEAT_S
#: Load that a room is expected to make when full, packets/s: 6 people, each sending 50 packets/s of sound and 100 of
#: picture to 5 others.  Counted for rooms that do not send yet, so that many empty rooms do not gather on one worker.
ROOM_PACKETS_S = 6 * 5 * 150.0


@dataclass(frozen=True, slots=True, order=True)
class Home:
    """A worker process: the same worker started again is another home."""

    worker_id: str
    epoch: str

    @property
    def writer(self) -> str:
        """As the record names it."""
        return f"{self.worker_id}.{self.epoch}"


@dataclass(frozen=True, slots=True)
class WorkerUp:
    home: Home


@dataclass(frozen=True, slots=True)
class WorkerLost:
    home: Home


Change = WorkerUp | WorkerLost


@dataclass(slots=True)
class _Worker:
    home: Home
    heard: float
    packets_out_s: float
    limit_s: float
    rooms: frozenset[str]
    #: Rooms given to it by :meth:`Placement.choose` and not yet in its heartbeats, with the time.
    given: dict[str, float] = field(default_factory=dict)

    def load(self) -> float:
        rooms = len(self.rooms | self.given.keys())
        return max(self.packets_out_s, rooms * ROOM_PACKETS_S)

    def has_room(self) -> bool:
        """For one more room; an idle worker always has."""
        return self.load() == 0 or self.load() + ROOM_PACKETS_S <= self.limit_s


class Placement:
    """``now`` is any clock in seconds that does not go back."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        #: Time in which the bus was heard, s.
        self._listened = 0.0
        self._last_beat: float | None = None

    def beat(self, now: float) -> list[Change]:
        """Control heard its own beat: the bus works."""
        if self._last_beat is not None:
            self._listened += min(now - self._last_beat, BEAT_COUNTS_AT_MOST_S)
        self._last_beat = now
        dead = [worker.home for worker in self._workers.values() if self._silence(worker) > WORKER_DEAD_AFTER_S]
        for home in dead:
            del self._workers[home.worker_id]
        return [WorkerLost(home) for home in dead]

    def heartbeat(self, message: Heartbeat) -> list[Change]:
        """A worker was heard.  A new epoch means that the earlier process is gone."""
        home = Home(message.worker_id, message.epoch)
        earlier = self._workers.get(message.worker_id)
        worker = _Worker(
            home, self._listened, message.packets_out_s, message.packets_out_limit_s, frozenset(message.rooms)
        )
        self._workers[message.worker_id] = worker
        if earlier is None:
            return [WorkerUp(home)]
        if earlier.home != home:
            return [WorkerLost(earlier.home), WorkerUp(home)]
        worker.given = {
            room: since
            for room, since in earlier.given.items()
            if room not in worker.rooms and self._listened - since < WORKER_DEAD_AFTER_S
        }
        return []

    def lost(self, home: Home) -> list[Change]:
        """Somebody knows that this process is gone."""
        worker = self._workers.get(home.worker_id)
        if worker is None or worker.home != home:
            return []
        del self._workers[home.worker_id]
        return [WorkerLost(home)]

    def alive(self, home: Home) -> bool:
        worker = self._workers.get(home.worker_id)
        return worker is not None and worker.home == home

    def homes(self) -> list[Home]:
        return [worker.home for worker in self._workers.values()]

    def suspects(self) -> list[Home]:
        """Workers whose heartbeat is overdue."""
        return [worker.home for worker in self._workers.values() if self._silence(worker) > SUSPECT_AFTER_S]

    def suspect(self, home: Home) -> bool:
        """Whether its heartbeat is overdue, or it is gone."""
        worker = self._workers.get(home.worker_id)
        return worker is None or worker.home != home or self._silence(worker) > SUSPECT_AFTER_S

    def choose(self, room_id: str, avoid: frozenset[Home] = frozenset()) -> Home | None:
        """The worker with the smallest share of its budget in use, and count the room there.

        Nothing if none has the budget for one more room; an idle worker always has.  Suspects are not chosen.
        """
        fit = [
            worker
            for worker in self._workers.values()
            if worker.home not in avoid and self._silence(worker) <= SUSPECT_AFTER_S and worker.has_room()
        ]
        if not fit:
            return None
        chosen = min(fit, key=lambda worker: (worker.load() / max(worker.limit_s, 1.0), worker.home))
        chosen.given[room_id] = self._listened
        return chosen.home

    def full(self) -> bool:
        """Whether workers live, and none of them has the budget for one more room."""
        live = [worker for worker in self._workers.values() if self._silence(worker) <= SUSPECT_AFTER_S]
        return bool(live) and not any(worker.has_room() for worker in live)

    def _silence(self, worker: _Worker) -> float:
        return self._listened - worker.heard
