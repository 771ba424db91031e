"""``hearing archive reconcile``: storage, manifests and database compared, record by record."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

import msgspec

from recording.backup import PairedStore, paired
from recording.objects import StoreProblem

from .. import config
from ..config import Settings, variable
from ..processes.parts import needed_record_key, open_archive, prepare_archive, record_key
from ..processes.reconciliation import Checked, Reconciler, severity
from ..store import Store, StoreError
from ..terminal import Terminal
from ..words import Fault, say

#: How often the progress is told where it cannot be drawn in place, records.
TELL_EVERY = 100


def main(options: argparse.Namespace, terminal: Terminal) -> int:
    """0 if everything agrees, or was set right; else 1."""
    settings = config.load()
    try:
        with tempfile.TemporaryDirectory(prefix="hearing-owed-") as notes:
            checked, owed = asyncio.run(_run(settings, options, terminal, Path(notes)))
    except StoreProblem as error:
        raise Fault("store-unreachable", url=settings.store_url, reason=error) from error
    except StoreError as error:
        raise Fault("database-unreachable", reason=error.detail or error.code) from error
    trouble = [each for each in checked if not each.ok]
    code = 1 if trouble or owed else 0
    if terminal.as_json:
        terminal.answer({"ok": not code, "records": [_plain(each) for each in checked], "owed": owed})
        return code
    for each in checked:
        for found in each.found:
            terminal.line(f"{each.sitting_id}  {severity(found)}: {_said(found.code, found.place, terminal)}")
        for found in each.repaired:
            what = _said(found.code, found.place, terminal)
            terminal.line(f"{each.sitting_id}  {say('reconcile-repaired', terminal.locale, what=what)}")
    if trouble:
        terminal.say("reconcile-trouble", trouble=len(trouble), count=len(checked))
    else:
        terminal.say("reconcile-well", count=len(checked))
    if owed:
        terminal.say("copies-left", count=owed)
    return code


async def _run(
    settings: Settings, options: argparse.Namespace, terminal: Terminal, notes: Path
) -> tuple[list[Checked], int]:
    """What was found, and how many copies could not be made that one of two storages lacks.

    ``notes``: where those that are owed are noted, since this command makes them itself.
    """
    key = needed_record_key(settings) if options.repair else record_key(settings)
    if key is None:
        terminal.say("reconcile-no-key", path=settings.public_key_path, name=variable("public_key_file"))
    archive = open_archive(settings, notes)
    await prepare_archive(archive)
    store = await Store.open(settings.database_url)

    def progress(done: int, count: int) -> None:
        if done % TELL_EVERY == 0 and 0 < done < count:
            terminal.say("reconcile-progress", done=done, count=count)

    try:
        reconciler = Reconciler(store, archive, key, repair=options.repair, deep=options.deep)
        checked = await reconciler.everything(progress)
        pair = paired(archive)
        return checked, 0 if pair is None else await _copy(pair, terminal)
    finally:
        await store.aclose()


async def _copy(pair: PairedStore, terminal: Terminal) -> int:
    """Make the copies that are owed; answers how many are owed still."""
    count = left = len(pair.owing())
    with terminal.bar("copies-bar") as progress:
        while left:
            await pair.copy_owed()
            before, left = left, len(pair.owing())
            progress(1 - left / count)
            if left == before:
                break
    return left


def _said(code: str, place: str, terminal: Terminal) -> str:
    return say(f"found-{code}", terminal.locale, place=place)


def _plain(each: Checked) -> object:
    return {
        "sitting": each.sitting_id,
        "ok": each.ok,
        "objects": each.state.objects if each.state else 0,
        "bytes": each.state.bytes if each.state else 0,
        "found": [{**msgspec.to_builtins(found), "severity": severity(found)} for found in each.found],
        "repaired": msgspec.to_builtins(each.repaired),
    }
