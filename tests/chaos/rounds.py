"""One round: a hearing of seconds, a fault at a random moment of it, and what the archive holds afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from recording.format import RecordKind, read_chunks, read_header
from recording.keys import load_or_make
from recording.manifest import Manifest, decoder, prefix
from recording.objects import ObjectStore, S3Options, StoreProblem, open_store
from recording.verify import verify_record
from tests.servers import postgres, s3

from . import afterwards, court, processes
from .plan import (
    CLOCK_JUMPS_S,
    COURT_FAULTS,
    END_LIMIT_S,
    GAP_SLACK_NS,
    LATE_FAULTS,
    MAY_COST_NS,
    SEAL_LIMIT_S,
    START_LIMIT_S,
    STORE_FAULTS,
    Broken,
    Outcome,
    Plan,
)
from .processes import ASKED_FILE, DONE_FILE, FINISHED_FILE, SITTING_FILE, Place, digest, read_ledger
from .proxy import Proxy
from .shim import Disk, build


class Machine:
    """The servers and the library that all rounds share, each started when the first round needs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        library = build(folder)
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.chaos.preload"])
        before = os.environ.get("LD_PRELOAD")
        os.environ["LD_PRELOAD"] = str(library)
        try:
            first = self.context.Process(target=_nothing)
            first.start()
        finally:
            if before is None:
                del os.environ["LD_PRELOAD"]
            else:
                os.environ["LD_PRELOAD"] = before
        first.join()
        self._s3: s3.S3Server | None = None
        self._postgres: postgres.PostgresServer | None = None
        self._bucket = ""

    def s3(self) -> s3.S3Server:
        if self._s3 is None:
            folder = self.folder / "s3"
            folder.mkdir()
            self._s3 = s3.start(folder)
        return self._s3

    def bucket(self) -> str:
        """One for all: each bucket takes some of the server's few volumes."""
        if not self._bucket:
            self._bucket = self.s3().new_bucket()
        return self._bucket

    def postgres(self) -> postgres.PostgresServer:
        if self._postgres is None:
            folder = self.folder / "postgres"
            folder.mkdir()
            self._postgres = postgres.start(folder)
        return self._postgres

    def close(self) -> None:
        for server in (self._s3, self._postgres):
            if server is not None:
                server.process.stop(1.0)


def _nothing() -> None:
    return None


def _child(work: Callable[..., None], place: Place, arguments: tuple[Any, ...]) -> None:
    """Its log goes to the round's folder."""
    log = os.open(place.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    work(place, *arguments)


@dataclass
class Round:
    """Plays one plan in a folder of its own."""

    machine: Machine
    plan: Plan
    folder: Path
    _running: dict[str, BaseProcess] = field(default_factory=dict)
    _epoch: int = 0
    _fault_mono_ns: int = 0
    _note: str = ""

    def play(self) -> Outcome:
        """Raises :class:`Broken`."""
        disk = Disk(self.folder)
        self.folder.mkdir()
        self._page = disk.make()
        with contextlib.ExitStack() as stack:
            self._proxy: Proxy | None = None
            store, options = self._store(disk, stack)
            self._place = Place(disk, store, options, self._database())
            self._place.run.mkdir(mode=0o700)
            self._place.spool.mkdir()
            stack.callback(self._end_all)
            self._start("control", processes.control)
            self._start("recorder", processes.recorder)
            self._wait(self.folder / SITTING_FILE, START_LIMIT_S)
            self._start_writer()
            self._happen()
            self._wait(self.folder / DONE_FILE, SEAL_LIMIT_S)
            outcome = asyncio.run(self._checked())
            if self.plan.fault in COURT_FAULTS:
                return self._in_court(outcome)
            return self._afterwards(outcome) if self.plan.fault in LATE_FAULTS else outcome

    # --- the parts --------------------------------------------------------------------------------

    def _store(self, disk: Disk, stack: contextlib.ExitStack) -> tuple[str, S3Options | None]:
        if self.plan.store == "directory":
            return (disk.root / "archive").as_uri(), None
        server = self.machine.s3()
        self._direct = S3Options(server.endpoint, server.key_id, server.secret, server.region)
        endpoint = server.endpoint
        if self.plan.fault in STORE_FAULTS - {"store"}:
            self._proxy = Proxy(server.endpoint)
            stack.callback(self._proxy.aclose)
            endpoint = self._proxy.endpoint
        options = S3Options(endpoint, server.key_id, server.secret, server.region)
        return f"s3://{self.machine.bucket()}/{self.folder.name}", options

    def _database(self) -> str:
        if self.plan.fault == "database":
            return self.machine.postgres().new_database()
        return f"sqlite+aiosqlite:///{self.folder / 'court.db'}"

    def _start(self, name: str, work: Callable[..., None], *arguments: Any) -> None:
        process = self.machine.context.Process(target=_child, args=(work, self._place, arguments), daemon=True)
        process.start()
        self._running[name] = process

    def _start_writer(self) -> None:
        self._epoch += 1
        self._start("worker", processes.writer, self._epoch)

    def _kill(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is not None:
            process.kill()
            process.join()

    def _end_all(self) -> None:
        for name in list(self._running):
            self._kill(name)

    # --- what happens -----------------------------------------------------------------------------

    def _happen(self) -> None:
        ledger = self.folder / f"ledger.{self._epoch}"
        self._wait(ledger, START_LIMIT_S)
        begin = time.monotonic()
        plan = self.plan
        closed = False
        steps = [(plan.close_s, "close")]
        if plan.fault not in LATE_FAULTS:
            steps += [(plan.at_s, "fault"), (plan.at_s + plan.lasts_s, "mend")]
        for at_s, step in sorted(steps, key=lambda entry: entry[0]):
            time.sleep(max(0.0, begin + at_s - time.monotonic()))
            if step == "close":
                closed = True
                self._close()
            elif step == "fault":
                self._fault_mono_ns = time.monotonic_ns()
                self._fault(closed=closed)
            else:
                self._mend(closed=closed)
        if plan.fault == "control":  # it may have been killed before it could write down that the hearing is closed
            self._tell_control()

    def _close(self) -> None:
        self._tell_control()
        if "worker" in self._running:
            self._running["worker"].terminate()  # type: ignore[attr-defined]

    def _tell_control(self) -> None:
        if "control" in self._running:
            self._wait(self.folder / "ready", START_LIMIT_S)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._running["control"].pid or 0, signal.SIGUSR1)

    def _fault(self, *, closed: bool) -> None:
        match self.plan.fault:
            case "worker" | "recorder":
                self._kill(self.plan.fault)
            case "control":
                self._kill("control")
                (self.folder / "ready").unlink(missing_ok=True)
            case "store":
                self.machine.s3().process.kill()
            case "database":
                self.machine.postgres().process.kill()
            case "power":
                self._kill("worker")
                self._kill("recorder")
                lost = self._place.disk.cut_power(random.Random(self.plan.seed))
                self._note = f", {lost.bytes} bytes and {lost.names} names were not on the disk"
            case "disk-full":
                self._page.set(full=True)
            case "clock":
                self._page.set(clock_s=random.Random(self.plan.seed).choice(CLOCK_JUMPS_S))
            case "refusing" | "slow" | "error-500" | "lying" as mood:
                assert self._proxy is not None
                self._proxy.mood = mood

    def _mend(self, *, closed: bool) -> None:
        match self.plan.fault:
            case "worker":
                self._start_worker_again(closed=closed)
            case "recorder":
                self._start("recorder", processes.recorder)
            case "control":
                self._start("control", processes.control)
            case "store":
                self.machine.s3().process.restart()
            case "database":
                self.machine.postgres().process.restart()
            case "power":
                self._start("recorder", processes.recorder)
                self._start_worker_again(closed=closed)
            case "disk-full" | "clock":
                self._page.set()
            case "refusing" | "slow" | "error-500" | "lying":
                assert self._proxy is not None
                self._proxy.mood = ""

    def _start_worker_again(self, *, closed: bool) -> None:
        """As the supervisor does; and people come back, unless the hearing is over."""
        if not closed:
            self._start_writer()
            self._wait(self.folder / f"ledger.{self._epoch}", START_LIMIT_S)

    def _wait(self, path: Path, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while not path.exists():
            if time.monotonic() > deadline:
                log = self.folder / "log"
                said = log.read_text(errors="replace")[-3000:] if log.exists() else ""
                raise Broken(f"no {path.name} after {limit_s:.0f} s; the log ends:\n{said}")
            time.sleep(0.02)

    def _afterwards(self, outcome: Outcome) -> Outcome:
        """The record is sealed and right: now something is done with it, and who does it is killed."""
        plan = self.plan
        sitting_id, _ = self._place.sitting()
        store, key = self._archive(), load_or_make(self._place.key).public
        before = {name for name, _ in asyncio.run(store.list(prefix(sitting_id)))}
        asked = self.folder / ASKED_FILE
        asked.with_suffix(".draft").write_text(plan.fault)
        asked.with_suffix(".draft").rename(asked)
        time.sleep(plan.at_s)
        finished = (self.folder / FINISHED_FILE).exists()
        self._kill(plan.victim)
        time.sleep(plan.lasts_s)
        self._start(plan.victim, processes.recorder if plan.victim == "recorder" else processes.control)
        self._wait(self.folder / FINISHED_FILE, SEAL_LIMIT_S)
        if plan.fault == "export":
            check = afterwards.check_exports(store, key, sitting_id, self.folder)
        else:
            check = afterwards.check_destroyed(store, key, sitting_id, before)
        try:
            note = asyncio.run(check)
        except afterwards.Wrong as error:
            raise Broken(str(error)) from error
        outcome.note += note + (", which was done before" if finished else "")
        return outcome

    def _in_court(self, outcome: Outcome) -> Outcome:
        """The same, with the product's own control, by people who ask it over HTTP."""
        plan = self.plan
        store, key = self._archive(), load_or_make(self._place.key).public
        self._kill("control")
        self._start("control", court.control)
        asking = court.KINDS[plan.fault](self._place, plan.seed, plan.victim)
        try:
            court.wait_for_control(self._place)
            asking.begin()
            with ThreadPoolExecutor(1) as pool:
                going_on = pool.submit(asking.go_on, self._archive())
                time.sleep(plan.at_s)
                finished = going_on.done()
                self._kill(plan.victim)
                if plan.victim == "control":
                    court.forget_control(self.folder)
                asyncio.run(court.check_broken_off(plan.fault, store, key, asking.sitting_id))
                time.sleep(plan.lasts_s)
                self._start(plan.victim, processes.recorder if plan.victim == "recorder" else court.control)
                going_on.result()
            court.wait_for_control(self._place)
            outcome.note += asyncio.run(asking.check(store, key)) + (", which was done before" if finished else "")
        except afterwards.Wrong as error:
            raise Broken(str(error)) from error
        return outcome

    # --- what must be there afterwards ------------------------------------------------------------

    def _archive(self) -> ObjectStore:
        """As it is, whatever stands between it and the recorder."""
        return open_store(self._place.store, self._direct if self.plan.store == "s3" else None)

    async def _checked(self) -> Outcome:
        """A server that was started again may need a while until it finds all it has."""
        deadline = time.monotonic() + END_LIMIT_S
        while True:
            try:
                return await self._check()
            except StoreProblem:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)

    async def _check(self) -> Outcome:
        store = self._archive()
        key = load_or_make(self._place.key)
        sitting_id, _ = self._place.sitting()
        report = await verify_record(store, prefix(sitting_id), key.public)
        if not report.ok:
            raise Broken("; ".join(finding.en for finding in report.findings if finding.severity == "error"))
        manifest = decoder.decode(await store.read(prefix(sitting_id) + "manifest.json"))
        if manifest.problems or manifest.missing_writers:
            raise Broken(f"problems {manifest.problems}, missing {manifest.missing_writers}")
        archived = await _packets(store, sitting_id, manifest)
        captured = [entry for epoch in range(1, self._epoch + 1) for entry in self._ledger(epoch)]
        lost = [entry for entry in captured if entry[3] not in archived]
        self._judge(captured, lost)
        unlisted = [entry for entry in lost if not _listed(manifest, entry[1], self._offset_ns())]
        if unlisted:
            raise Broken(f"{len(unlisted)} of {len(lost)} lost packets are in no gap of the manifest")
        await self._let_go()
        return Outcome(len(captured), len(lost), len(manifest.gaps) + len(manifest.interruptions), self._note)

    async def _let_go(self) -> None:
        deadline = time.monotonic() + END_LIMIT_S
        while left := [*self._place.spool.glob("*/*/*.hrec"), *self._place.spool.glob("*/*/*.hrec.open")]:
            if time.monotonic() > deadline:
                raise Broken(f"still in the spool: {[path.name for path in left]}")
            await asyncio.sleep(0.1)

    def _ledger(self, epoch: int) -> list[tuple[int, int, int, bytes]]:
        return read_ledger(self.folder / f"ledger.{epoch}")

    def _judge(self, captured: list[tuple[int, int, int, bytes]], lost: list[tuple[int, int, int, bytes]]) -> None:
        if not lost:
            return
        if self.plan.fault not in ("worker", "power"):
            raise Broken(f"{len(lost)} of {len(captured)} packets are not in the archive")
        before = [
            late for _, at, late, _ in captured if self._fault_mono_ns - 3 * MAY_COST_NS < at <= self._fault_mono_ns
        ]
        bar = self._fault_mono_ns - MAY_COST_NS - max(before, default=0)
        old = [at for _, at, _, _ in lost if at < bar]
        if old:
            age_s = (self._fault_mono_ns - min(old)) / 1e9
            raise Broken(f"{len(old)} lost packets are older than 1 s before the fault, the oldest {age_s:.2f} s")

    @staticmethod
    def _offset_ns() -> int:
        return time.time_ns() - time.monotonic_ns()


async def _packets(store: ObjectStore, sitting_id: str, manifest: Manifest) -> set[bytes]:
    found: set[bytes] = set()
    for entry in manifest.objects:
        data = await store.read(prefix(sitting_id) + entry.name)
        _, at = read_header(data)
        for chunk in read_chunks(data, at):
            found |= {digest(record.data) for record in chunk.records() if record.kind == RecordKind.RTP}
    return found


def _listed(manifest: Manifest, mono_ns: int, offset_ns: int) -> bool:
    """Whether this moment is in a gap or an interruption, or after the last that anybody sent."""
    at_us, slack_us = (mono_ns + offset_ns) // 1000, GAP_SLACK_NS // 1000
    spans = [(gap.start_us, gap.start_us + gap.duration_us) for gap in (*manifest.gaps, *manifest.interruptions)]
    return any(start - slack_us <= at_us <= end + slack_us for start, end in spans)


def play(machine: Machine, plans: list[Plan], tell: Callable[[str], None]) -> Iterator[tuple[Plan, Outcome | Broken]]:
    """Each round in turn; what a broken one left stays in its folder."""
    for plan in plans:
        begun = time.monotonic()
        folder = machine.folder / f"round-{plan.seed}-{plan.fault}"
        try:
            outcome: Outcome | Broken = Round(machine, plan, folder).play()
        except Broken as error:
            outcome = error
        word = "ok" if isinstance(outcome, Outcome) else "BROKEN"
        tell(f"{plan}: {word}, {outcome} ({time.monotonic() - begun:.1f} s)")
        yield plan, outcome
