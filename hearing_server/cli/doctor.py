"""``hearing doctor``: try each thing a hearing needs, for real, and say what is wrong in one line each."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import platform
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from signaling.bus.factory import open_bus
from signaling.worker_api import HEARTBEAT_TOPIC, Heartbeat, heartbeat_decoder

from .. import logs
from ..addresses import check_port
from ..config import Settings
from ..processes import folder
from ..processes.parts import open_archive, port_uses, prepare_archive, record_key, signing_key
from ..recording_tests import NoWorkers, RecordingTests
from ..recording_tests import Path as RealPath
from ..recording_tests.course import NEVER
from ..store import Store
from ..store.recording_tests import AlreadyRunning, RecordingTestRow
from ..terminal import Terminal
from ..words import Fault, say

OLDEST_PYTHON = (3, 11)
#: No probe takes longer, s.
PROBE_LIMIT_S = 10.0
#: How long media workers are listened for, s; each is heard twice a second.
HEARD_LIMIT_S = 3.0
GIGABYTE = 1_000_000_000
#: The store is write-once, so the same few bytes are put under the same name each time.
STORE_PROBE = ("doctor/probe", b"hearing doctor\n")
WEB_PAGES = Path(__file__).parent.parent / "web" / "static"


@dataclass(frozen=True, slots=True)
class Finding:
    """``key`` and ``values`` make the sentence; ``name`` is the stable name of the check."""

    name: str
    ok: bool
    key: str
    values: dict[str, Any] = field(default_factory=dict)


class Unwell(Exception):
    """A probe failed; ``str()`` is the reason."""


def main(settings: Settings, terminal: Terminal, *, record: bool = False) -> int:
    """``record``: also make a test recording on each media worker of the court that runs."""
    findings = asyncio.run(_all(settings))
    if record:
        # Not where the answer goes.
        logs.configure(dataclasses.replace(settings, log_level="warning", log_file=""), "doctor")
        findings += asyncio.run(recorded(settings))
    if terminal.as_json:
        terminal.answer(
            {
                "ok": all(finding.ok for finding in findings),
                "checks": [
                    {"name": f.name, "ok": f.ok, "detail": say(f.key, terminal.locale, **f.values)} for f in findings
                ],
            }
        )
    else:
        for finding in findings:
            mark = "✓" if finding.ok else "✗"
            title = say(f"check-{finding.name}", terminal.locale)
            terminal.line(f"{mark} {title}: {say(finding.key, terminal.locale, **finding.values)}")
    return 0 if all(finding.ok for finding in findings) else 1


async def _all(settings: Settings) -> list[Finding]:
    checks: list[tuple[str, Callable[[Settings], Awaitable[Finding]]]] = [
        ("python", _python),
        ("ffmpeg", _ffmpeg),
        ("data", _data),
        ("ports", _ports),
        ("hot-path", _hot_path),
        ("record-path", _record_path),
        ("database", _database),
        ("bus", _bus),
        ("store", _store),
        ("certificates", _certificates),
        ("client", _client),
    ]
    findings = []
    for name, check in checks:
        try:
            async with asyncio.timeout(PROBE_LIMIT_S):
                findings.append(await check(settings))
        except Fault as fault:
            findings.append(Finding(name, False, fault.key, fault.values))
        except Exception as error:  # whatever a library raises is the finding
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            findings.append(Finding(name, False, "check-failed", {"reason": reason}))
    return findings


async def recorded(settings: Settings) -> list[Finding]:
    """A test recording on each media worker, as control makes one every day."""
    if settings.bus == "local:" and folder.holder(settings.data) is None:
        return [Finding("record", False, "check-record-none")]
    try:
        return await _recorded(settings)
    except NoWorkers:
        return [Finding("record", False, "check-record-none")]
    except AlreadyRunning:
        return [Finding("record", False, "check-record-busy")]
    except Fault as fault:
        return [Finding("record", False, fault.key, fault.values)]
    except Exception as error:  # as above
        return [Finding("record", False, "check-failed", {"reason": " ".join(str(error).split())[:300]})]


async def _recorded(settings: Settings) -> list[Finding]:
    beats: dict[str, Heartbeat] = {}
    async with contextlib.AsyncExitStack() as stack:
        store = await Store.open(settings.database_url)
        stack.push_async_callback(store.aclose)
        bus = await stack.enter_async_context(open_bus(settings.bus, settings.run_folder, hub=False))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HEARD_LIMIT_S), bus.subscribe(HEARTBEAT_TOPIC) as inbox:
                async for _, payload in inbox:
                    beat = heartbeat_decoder.decode(payload)
                    beats[beat.worker_id] = beat
        path = RealPath(bus, open_archive(settings), lambda: record_key(settings))
        tests = RecordingTests(store, path, lambda: beats, NEVER)
        stack.push_async_callback(tests.aclose)
        run = await tests.begin()
        await tests.finished()
        return [_of_worker(row) for row in await store.recording_tests.of_run(run)]


def _of_worker(row: RecordingTestRow) -> Finding:
    if row.outcome == "passed" and row.ended_utc is not None:
        seconds = round((row.ended_utc - row.began_utc) / 1_000_000_000)
        return Finding("record", True, "check-record-ok", {"worker": row.worker_id, "seconds": seconds})
    if row.outcome == "skipped":
        return Finding("record", True, "check-record-full", {"worker": row.worker_id})
    values = {"worker": row.worker_id, "step": row.step, "problem": row.problem}
    return Finding("record", False, "check-record-bad", values)


async def _python(settings: Settings) -> Finding:
    ok = sys.version_info >= OLDEST_PYTHON
    return Finding(
        "python", ok, "check-python-ok" if ok else "check-python-bad", {"version": platform.python_version()}
    )


async def _ffmpeg(settings: Settings) -> Finding:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-encoders"]
    output = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=PROBE_LIMIT_S, check=True
    )
    missing = [name for name in ("libx264", "aac") if f" {name} " not in output.stdout]
    if missing:
        raise Unwell(f"{command[0]} has no encoder {', '.join(missing)}")
    return Finding("ffmpeg", True, "check-plain", {"text": command[0]})


async def _data(settings: Settings) -> Finding:
    free = folder.check(settings.data)
    for setting, path in (("spool", settings.spool_folder), ("key_file", settings.record_key_path.parent)):
        folder.check(path, setting)
    if settings.key_token:  # it is asked to sign once
        await asyncio.to_thread(signing_key, settings)
    if settings.document_key_token:
        from ..processes.recorder import document_key  # its libraries take a second to load

        await asyncio.to_thread(document_key, settings)
    return Finding(
        "data", True, "check-data-ok", {"path": settings.data.resolve(), "free_gb": round(free / GIGABYTE, 1)}
    )


async def _ports(settings: Settings) -> Finding:
    if folder.holder(settings.data) is not None:
        return Finding("ports", True, "check-ports-running")
    for address, port, use in port_uses(settings):
        check_port(address, port, use)
    ports = ", ".join(str(port) for _, port, _ in port_uses(settings))
    return Finding("ports", True, "check-ports-ok", {"ports": ports})


async def _hot_path(settings: Settings) -> Finding:
    from signaling.sfu.native.library import Unavailable, load

    if settings.media_hot_path == "python":
        return Finding("hot-path", True, "check-plain", {"text": "Python"})
    try:
        load()
    except Unavailable as error:
        wanted = settings.media_hot_path == "native"
        return Finding("hot-path", not wanted, "check-hot-path-python", {"reason": str(error)})
    return Finding("hot-path", True, "check-hot-path-native")


async def _record_path(settings: Settings) -> Finding:
    from recording.native.library import Unavailable, find

    try:
        find()
    except Unavailable as error:
        return Finding("record-path", True, "check-hot-path-python", {"reason": str(error)})
    return Finding("record-path", True, "check-hot-path-native")


async def _database(settings: Settings) -> Finding:
    from sqlalchemy import text

    from ..store.engine import make_engine, transaction

    engine = make_engine(settings.database_url)
    try:
        async with transaction(engine, writes=False) as connection:
            await connection.execute(text("SELECT 1"))
        kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[engine.dialect.name]
        return Finding("database", True, "check-database-ok", {"kind": kind})
    finally:
        await engine.dispose()


async def _bus(settings: Settings) -> Finding:
    if settings.bus == "local:":
        return Finding("bus", True, "check-bus-embedded")
    import redis.asyncio

    async with redis.asyncio.from_url(settings.bus) as client:
        version = (await client.info("server"))["redis_version"]
    return Finding("bus", True, "check-bus-ok", {"version": version})


async def _store(settings: Settings) -> Finding:
    store = open_archive(settings)
    await prepare_archive(store)
    await store.put_new(*STORE_PROBE)
    kind = f"check-store-{store.lock_kind.value}"
    return Finding("store", True, kind, {"url": settings.store_url})


async def _certificates(settings: Settings) -> Finding:
    path = Path(settings.tls_certificate) if settings.tls_certificate else settings.certificates_folder / "server.crt"
    if not settings.tls_certificate and not path.exists():
        return Finding("certificates", True, "check-certificates-none")
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    spoken = ", ".join(str(name.value) for name in names)
    until = certificate.not_valid_after_utc
    if until < datetime.now(UTC):
        return Finding("certificates", False, "check-certificates-expired", {"until": until.date()})
    return Finding("certificates", True, "check-certificates-ok", {"until": until.date(), "names": spoken})


async def _client(settings: Settings) -> Finding:
    if not (WEB_PAGES / "index.html").exists():
        raise Fault("client-missing")
    return Finding("client", True, "check-client-ok")
