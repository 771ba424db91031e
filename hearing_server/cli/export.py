"""``hearing export``: a record as a folder that anyone can check, whole or less what is withheld from its readers."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from recording.excerpt import FolderTarget, export_part
from recording.export import NotSealed, export_to
from recording.keys import PublicKey
from recording.objects import ObjectStore, StoreProblem
from recording.transparency import LogProblem, TransparencyLog
from recording.verify import VERIFIER_NAME
from recording.verify_files import Progress

from .. import config
from ..config import Settings
from ..court.custody import SYSTEM
from ..court.levels import Audience
from ..hearings.levels import level_file, told
from ..processes.parts import SOFTWARE, needed_record_key, open_archive, signing_key
from ..store import Access, Store, StoreError
from ..terminal import Terminal
from ..words import Fault

#: The page that checks a record without a server, where the client was built.
VERIFIER = Path(__file__).parent.parent / "web" / "static" / VERIFIER_NAME


def main(options: argparse.Namespace, terminal: Terminal) -> int:
    """Whole, for the court itself; with ``--for``, as exports that are made in the player."""
    settings = config.load()
    if not options.audience:
        key = needed_record_key(settings)
        return written(open_archive(settings), settings.store_url, key, options, terminal)
    audience, folder = Audience(options.audience), Path(options.folder)
    try:
        with terminal.bar("export-bar") as progress:
            size, count = asyncio.run(_less(settings, options.sitting, audience, folder, progress))
    except StoreError as error:
        raise Fault("database-unreachable", reason=error.detail or error.code) from error
    except (NotSealed, StoreProblem, LogProblem, OSError) as error:
        raise _fault(error, settings.store_url, options) from error
    _answer(size, options, terminal, withheld=count)
    return 0


def written(store: ObjectStore, place: str, key: PublicKey, options: argparse.Namespace, terminal: Terminal) -> int:
    """Copy all of it."""
    folder = Path(options.folder)
    try:
        with terminal.bar("export-bar") as progress:
            size = asyncio.run(export_to(store, options.sitting, folder, key, verifier=_verifier(), progress=progress))
    except (NotSealed, StoreProblem, OSError) as error:
        raise _fault(error, place, options) from error
    _answer(size, options, terminal)
    return 0


async def _less(
    settings: Settings, sitting_id: str, audience: Audience, folder: Path, progress: Progress
) -> tuple[int, int]:
    """What this audience may have, once the access ledger has it; answers bytes, and how many spans are left out."""
    archive, key = open_archive(settings), signing_key(settings)
    store = await Store.open(settings.database_url)
    try:
        facts = await store.docket.by_sitting(sitting_id)
        if facts is None:
            raise NotSealed(sitting_id)
        file = await level_file(store, facts, time.time_ns())
        spans = told(file, facts, file.withheld(audience))
        detail = {"for": audience.value, "withheld": len(spans)}
        access = Access(actor=SYSTEM, role="", seat="terminal", action="export", target=sitting_id, detail=detail)
        await store.ledger.write(facts.hearing_id, access, time.time_ns())
    finally:
        await store.aclose()
    with tempfile.TemporaryDirectory(prefix="hearing-export-") as work:
        size = await export_part(
            archive,
            sitting_id,
            FolderTarget(folder),
            key,
            spans,
            None,
            Path(work),
            transparency=TransparencyLog(archive, key, settings.transparency_log),
            software=SOFTWARE,
            verifier=_verifier(),
            progress=progress,
        )
    return size, len(spans)


def _verifier() -> bytes | None:
    return VERIFIER.read_bytes() if VERIFIER.exists() else None


def _fault(error: Exception, place: str, options: argparse.Namespace) -> Fault:
    if isinstance(error, NotSealed):
        return Fault("record-not-sealed", sitting=options.sitting)
    if isinstance(error, FileExistsError):
        return Fault("folder-exists", path=options.folder)
    if isinstance(error, OSError):
        return Fault("folder-unwritable", path=options.folder, reason=error.strerror or str(error))
    return Fault("store-unreachable", url=place, reason=error)


def _answer(size: int, options: argparse.Namespace, terminal: Terminal, withheld: int | None = None) -> None:
    folder = Path(options.folder).resolve()
    if terminal.as_json:
        less = {} if withheld is None else {"for": options.audience, "withheld": withheld}
        terminal.answer({"folder": str(folder), "bytes": size, "sitting": options.sitting, **less})
        return
    terminal.say("exported", path=folder, megabytes=round(size / 1e6, 1))
    if withheld is not None:
        terminal.say("exported-less", count=withheld)
