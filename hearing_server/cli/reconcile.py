"""``hearing archive reconcile``: storage, manifests and database compared, record by record."""

from __future__ import annotations

import argparse
import asyncio

import msgspec

from recording.objects import StoreProblem

from .. import config
from ..config import Settings
from ..processes.parts import open_archive, prepare_archive, record_key
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
        checked = asyncio.run(_run(settings, options, terminal))
    except StoreProblem as error:
        raise Fault("store-unreachable", url=settings.store_url, reason=error) from error
    except StoreError as error:
        raise Fault("database-unreachable", reason=error.detail or error.code) from error
    trouble = [each for each in checked if not each.ok]
    if terminal.as_json:
        terminal.answer({"ok": not trouble, "records": [_plain(each) for each in checked]})
        return 1 if trouble else 0
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
    return 1 if trouble else 0


async def _run(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> list[Checked]:
    archive = open_archive(settings)
    await prepare_archive(archive)
    store = await Store.open(settings.database_url)

    def progress(done: int, count: int) -> None:
        if done % TELL_EVERY == 0 and 0 < done < count:
            terminal.say("reconcile-progress", done=done, count=count)

    try:
        reconciler = Reconciler(store, archive, record_key(settings), repair=options.repair, deep=options.deep)
        return await reconciler.everything(progress)
    finally:
        await store.aclose()


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
