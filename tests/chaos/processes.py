"""The processes of a round: the media worker's sink, the recorder, control.  Each is killed and started again."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import os
import signal
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from hearing_server.booking import book_demo
from hearing_server.court import Actor, Booked, Command, Event, Now, Role, Rules, Sitting, apply, booked, decide, replay
from hearing_server.court.views import into_record
from hearing_server.hearings import custody as custody_module
from hearing_server.hearings import recorder as keeper_module
from hearing_server.hearings.custody import CustodyOffice
from hearing_server.hearings.recorder import Keeper, RecorderClient
from hearing_server.links import Links
from hearing_server.store import HearingFacts, Store, StoreError
from recording import archive, messages, spool
from recording import recorder as recorder_module
from recording.capture import SpoolSink
from recording.keys import load_or_make
from recording.objects import S3Options, open_store
from recording.recorder import Recorder
from recording.service import run_recorder
from signaling.bus.factory import open_bus
from tests.recorded import Arrival, Track, audio_arrivals, audio_track, video_arrivals, video_track

from . import afterwards
from .shim import Disk

SITTING_FILE, DONE_FILE = "sitting", "done"
#: What is to be done with the sealed record, once there; and that it is.
ASKED_FILE, FINISHED_FILE = "asked", "finished"
#: Segments are closed this often instead of every 10 s, so that a round of seconds has several.
ROLL_AFTER_NS = 700_000_000
TICK_S = 0.01
#: What left no trace is waited for this long instead of 20 s.
WRITER_WAIT_S = 3.0
#: Control asks the recorder again this often instead of every 5 s, or 30 s.
ASK_AGAIN_S = 0.3
#: A retry of what a database that is away refused, s.
RETRY_S = 0.1
#: An entry of the ledger: SSRC, arrival on the monotonic clock, how late the writer was with it (ns), digest.
ENTRY = struct.Struct("=IQQ16s")


Result = TypeVar("Result")


@dataclass(frozen=True)
class Place:
    """Where a round happens.  ``store`` and ``s3``: the archive as the recorder reaches it."""

    disk: Disk
    store: str
    s3: S3Options | None
    database: str

    @property
    def folder(self) -> Path:
        return self.disk.place

    @property
    def spool(self) -> Path:
        return self.disk.root / "spool"

    @property
    def key(self) -> Path:
        return self.folder / "court.pem"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def sitting(self) -> tuple[str, list[str]]:
        """The sitting and its people, once control has booked them."""
        sitting_id, *people = (self.folder / SITTING_FILE).read_text().split()
        return sitting_id, people


# --- the media worker -----------------------------------------------------------------------------


def writer(place: Place, epoch: int) -> None:
    """Captures two voices and a camera until it is told to end; every packet is in the ledger before it is captured."""
    place.disk.attach()
    spool.ROLL_AFTER_NS = ROLL_AFTER_NS
    asyncio.run(_capture(place, epoch))


def sources(people: list[str], epoch: int) -> list[tuple[Track, Iterator[Arrival]]]:
    """New packets at each start, as after a page was connected again; numbers and timestamps wrap within seconds."""
    ssrc = 1000 * epoch
    return [
        (audio_track(people[0], f"a{epoch}"), audio_arrivals(60, ssrc=ssrc + 1, sequence=65_500)),
        (video_track(people[0], f"v{epoch}"), video_arrivals(60, ssrc=ssrc + 2, timestamp=2**32 - 90_000)),
        (audio_track(people[1], f"b{epoch}"), audio_arrivals(60, ssrc=ssrc + 3, hertz=600, timestamp=2**32 - 48_000)),
    ]


async def _capture(place: Place, epoch: int) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    sitting_id, people = place.sitting()
    sink = SpoolSink(place.spool, f"worker.{epoch}", software="chaos")
    recording = sink.open(sitting_id, lambda state: None)
    ledger = os.open(place.folder / f"ledger.{epoch}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    tracks = [(recording.open_track(track), arrivals) for track, arrivals in sources(people, epoch)]
    begin = time.monotonic_ns()
    in_order = heapq.merge(
        *([(arrival.at_ns, number, arrival) for arrival in arrivals] for number, (_, arrivals) in enumerate(tracks)),
        key=lambda entry: entry[:2],
    )
    for at_ns, number, arrival in in_order:
        while time.monotonic_ns() - begin < at_ns and not told.is_set():  # noqa: ASYNC110 - the packets' own clock
            await asyncio.sleep(TICK_S)
        if told.is_set():
            break
        now = time.monotonic_ns()
        track = tracks[number][0]
        if arrival.rtcp:
            track.rtcp(arrival.data, now)
            continue
        (ssrc,) = struct.unpack_from(">I", arrival.data, 8)
        os.write(ledger, ENTRY.pack(ssrc, now, now - begin - at_ns, digest(arrival.data)))
        track.rtp(arrival.data, now)
        await asyncio.sleep(0)
    recording.close("room-closed")
    await sink.aclose()


def digest(packet: bytes | memoryview) -> bytes:
    return hashlib.blake2b(packet, digest_size=16).digest()


def read_ledger(path: Path) -> list[tuple[int, int, int, bytes]]:
    """Whole entries: a writer that was killed may have torn the last one."""
    data = path.read_bytes()
    return [ENTRY.unpack_from(data, at) for at in range(0, len(data) - ENTRY.size + 1, ENTRY.size)]


# --- the recorder ---------------------------------------------------------------------------------


def recorder(place: Place) -> None:
    place.disk.attach()
    recorder_module.POLL_S = 0.1
    recorder_module.BACKOFF_S, recorder_module.BACKOFF_LIMIT_S = 0.1, 0.5
    recorder_module.STAND_BY_S = 0.1
    archive.CONFLICT_AGAIN_S = 0.5
    # The disk of whoever runs this may be fuller than a court's: that must not stop playable files from growing.
    recorder_module.DISK_LOW_BYTES = recorder_module.DISK_SHORT_BYTES = 0
    asyncio.run(_record(place))


async def _record(place: Place) -> None:
    store = open_store(place.store, place.s3)
    async with open_bus("local:", place.run, hub=False) as bus:
        await run_recorder(
            Recorder(place.spool, store, load_or_make(place.key), software="chaos", writer_wait_s=WRITER_WAIT_S), bus
        )


# --- control --------------------------------------------------------------------------------------


def control(place: Place) -> None:
    """The law, the database and the bus: opens the sitting, closes it when told, and has its record sealed."""
    place.disk.attach()
    keeper_module.REPEAT_S = custody_module.SOON_S = custody_module.REPEAT_S = ASK_AGAIN_S
    asyncio.run(_control(place))


async def _control(place: Place) -> None:
    close = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, close.set)
    store = await _until(lambda: Store.open(place.database))
    async with open_bus("local:", place.run, hub=True) as bus:
        sitting_id = await _until(lambda: _opened(store, place))

        async def facts(wanted: str) -> messages.SittingFacts | None:
            return await _facts(store, wanted)

        async def withheld(_: HearingFacts) -> list[messages.Withheld]:
            known = await _facts(store, sitting_id)
            return [afterwards.withheld_of(known)] if known is not None else []

        client = RecorderClient(bus)
        keeper = Keeper(store, client, facts, _nothing, withheld=withheld)
        keeper.start()
        (place.folder / "ready").touch()
        if replay(await _until(lambda: store.log.read(sitting_id))).closed is None:  # type: ignore[union-attr]
            await close.wait()
            await _until(lambda: _walk(store, sitting_id, "close"))
        keeper.finalise(sitting_id)
        await _seen(lambda: _playable(store, sitting_id))
        (place.folder / DONE_FILE).touch()
        await _seen(lambda: _there(place.folder / ASKED_FILE))
        await _after_the_seal(place, store, keeper, client, sitting_id)
        await asyncio.Event().wait()


async def _after_the_seal(place: Place, store: Store, keeper: Keeper, client: RecorderClient, sitting_id: str) -> None:
    facts = await _facts(store, sitting_id)
    assert facts is not None
    if (place.folder / ASKED_FILE).read_text() == "export":
        archive = open_store(place.store, place.s3)
        await _seen(lambda: afterwards.exported(store, keeper, client, archive, facts, sitting_id))
    else:
        office = CustodyOffice(store, client)
        office.start()
        await _seen(lambda: afterwards.destroyed(store, office, sitting_id))
    (place.folder / FINISHED_FILE).touch()


async def _seen(look: Callable[[], Awaitable[bool]]) -> None:
    """Looked at again and again until it is so."""
    while not await look():  # noqa: ASYNC110 - another process makes it so
        await asyncio.sleep(RETRY_S)


async def _playable(store: Store, sitting_id: str) -> bool:
    return (await _until(lambda: store.records.get(sitting_id))).playable


async def _there(path: Path) -> bool:
    return await asyncio.to_thread(path.exists)


async def _nothing(sitting_id: str, partial: bool) -> None:
    return None


async def _until(work: Callable[[], Awaitable[Result]]) -> Result:
    """Again and again, while the database is away."""
    while True:
        try:
            return await work()
        except StoreError:
            await asyncio.sleep(RETRY_S)


async def _opened(store: Store, place: Place) -> str:
    if (place.folder / SITTING_FILE).exists():
        return place.sitting()[0]
    booking = await book_demo(store, Links(store, b"k" * 32, time.time_ns))
    facts = await store.docket.by_hearing(booking.hearing_id)
    assert facts is not None
    people = [Booked(id=person.id, role=Role(person.role)) for person in facts.people]
    if not await store.log.read(facts.sitting_id):
        first = booked(facts.sitting_id, people, Rules(countdown_s=0), _now())
        sitting = replay([first])
        assert sitting is not None
        await store.log.append(facts.sitting_id, [first], sitting)
    for name in ("sign_in", "check_in", "open", "first_durable", "elapsed"):
        await _walk(store, facts.sitting_id, name)
    names = [facts.sitting_id, *(person.id for person in people[:2])]
    draft = place.folder / f"{SITTING_FILE}.draft"
    draft.write_text(" ".join(names))
    draft.rename(place.folder / SITTING_FILE)
    return facts.sitting_id


def _now() -> Now:
    return Now(utc=time.time_ns(), mono=time.monotonic_ns())


async def _walk(store: Store, sitting_id: str, name: str) -> None:
    """One step of the sitting by the law, unless it was made before a kill."""
    log = await store.log.read(sitting_id)
    sitting = replay(log)
    assert sitting is not None
    if any(event.name == name for event in log):
        return
    judge = next(person.id for person in sitting.people.values() if person.role is Role.JUDGE)
    own = name in ("first_durable", "elapsed")
    actor = Actor(id="system", role="system") if own else Actor(id=judge, role="judge")
    detail = {"sign_in": {"seat": "s"}, "check_in": {"declaration": True, "check": {"camera": "ok"}}}.get(name, {})
    events = decide(sitting, actor, Command(name=name, request_id=name, detail=detail), _now())
    assert isinstance(events, tuple), (name, events)
    await store.log.append(sitting_id, events, _after(sitting, events))


def _after(sitting: Sitting, events: tuple[Event, ...]) -> Sitting:
    for event in events:
        sitting = apply(sitting, event)
    return sitting


async def _facts(store: Store, sitting_id: str) -> messages.SittingFacts | None:
    facts = await store.docket.by_sitting(sitting_id)
    log = await store.log.read(sitting_id)
    sitting = replay(log)
    assert facts is not None
    assert sitting is not None
    if sitting.opened is None or sitting.closed is None:
        return None
    return messages.SittingFacts(
        court=facts.court.name,
        case_number=facts.case_number,
        case_name=facts.case_name,
        hearing_id=facts.hearing_id,
        opened_wall_ns=sitting.opened,
        closed_wall_ns=sitting.closed,
        participants=[messages.Participant(person_id=p.id, name=p.name, role=p.role) for p in facts.people],
        events=[msgspec.to_builtins(event) for event in into_record(log)],
        writers=list(sitting.writers),
    )
