"""What happens to a record after it is sealed: exports of it, and its destruction.  Control asks, and is killed, or the
recorder is, at a random moment of it; both go on from what the database and the store hold."""

from __future__ import annotations

import asyncio
import hashlib
import time
from datetime import date
from pathlib import Path

from hearing_server.court.custody import Action, Decision, RecordCustody
from hearing_server.court.permissions import CUSTODIAN
from hearing_server.hearings.custody import CustodyOffice
from hearing_server.hearings.recorder import Keeper, RecorderClient, RecorderUnavailable
from hearing_server.store import JobRow, Store
from recording import custody, messages
from recording.keys import PublicKey
from recording.manifest import added_prefix, prefix
from recording.objects import ObjectStore, StoreProblem
from recording.playback import EXPORTS_PREFIX, RENDITIONS_PREFIX
from recording.report import Report
from recording.serve import RecordReader
from recording.verify import verify_record
from recording.withheld import rendition_id
from recording.zipped import ZippedRecord

#: What is left out of every copy and export: so much of the middle of the hearing, us.
WITHHELD_US = 300_000
PART_JOB, FILM_JOB = "part", "film"
#: The judgment was so long ago that the record is due to be destroyed.
DECIDED = date(2000, 1, 2)


def withheld_of(facts: messages.SittingFacts) -> messages.Withheld:
    middle_us = (facts.opened_wall_ns + facts.closed_wall_ns) // 2000
    return messages.Withheld(
        start_us=middle_us - WITHHELD_US // 2,
        end_us=middle_us + WITHHELD_US // 2,
        level="sealed",
        order="(2026) 1",
        by="Judge",
        by_zh="法官",
        decided_us=facts.closed_wall_ns // 1000,
    )


# --- control's part: called again and again, by every run of control ----------------------------------


async def exported(
    store: Store, keeper: Keeper, client: RecorderClient, archive: ObjectStore, facts: messages.SittingFacts, name: str
) -> bool:
    """Asks for a film, an export of a part and a copy without what is withheld; true when all are there."""
    part = f"{facts.opened_wall_ns // 1000}-{facts.closed_wall_ns // 1000}"
    for job_id, kind, of in ((FILM_JOB, "composite", ""), (PART_JOB, "part", part)):
        job = await store.records.job(job_id)
        if job is None:
            row = JobRow(
                id=job_id,
                sitting_id=name,
                kind=kind,
                locale="en",
                state="queued",
                progress=0.0,
                created_utc=time.time_ns(),
                created_by="clerk",
                part=of,
            )
            job = await store.records.add_job(row)
        keeper.follow(job)
    spans = [withheld_of(facts)]
    try:
        await client.ask(messages.Withhold(sitting_id=name, withheld=spans))
        copied = await RecordReader(archive).rendition(name, rendition_id(spans)) is not None
    except (RecorderUnavailable, StoreProblem):
        return False
    jobs = [await store.records.job(job_id) for job_id in (FILM_JOB, PART_JOB)]
    failed = [job.message for job in jobs if job is not None and job.state == "failed"]
    if failed:
        raise AssertionError(f"a job failed: {failed}")
    return copied and all(job is not None and job.state == "done" for job in jobs)


async def destroyed(store: Store, office: CustodyOffice, name: str) -> bool:
    """Decides, one step at a time, that the record is destroyed; true when the storage has said that it is no more."""
    facts = await store.docket.by_sitting(name)
    assert facts is not None
    file = await office.file(facts)
    decision = _next_step(file.custody)
    if decision is not None and all(told.serial >= file.custody.to_storage for told in file.told):
        await office.decide(facts, decision, frozenset({CUSTODIAN}), decision.by, decision.by)
    return file.custody.destroyed


def _next_step(known: RecordCustody) -> Decision | None:
    if known.until is None:
        return Decision(action=Action.OUTCOME, by="first", outcome="not_guilty", decided=DECIDED)
    if not known.marked_by:
        return Decision(action=Action.MARK, by="first", reason="due")
    if not known.approved_by:
        return Decision(action=Action.APPROVE, by="second", reason="due")
    return None


# --- what must be there afterwards ---------------------------------------------------------------------


class Wrong(AssertionError):
    """Something of the record, or about it, is not as it must be."""


async def check_exports(store: ObjectStore, key: PublicKey, name: str, folder: Path) -> str:
    """Each was made once, is whole, and the record is what it was.  Raises :class:`Wrong`."""
    reader = RecordReader(store)
    entries = await reader.exports(name)
    if sorted(entry.job_id for entry in entries) != [FILM_JOB, PART_JOB]:
        raise Wrong(f"exports {[entry.job_id for entry in entries]}")
    for entry in entries:
        data = await store.read(prefix(name) + entry.name)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise Wrong(f"{entry.name} is not what its entry says")
        if len(entry.withheld) != 1:
            raise Wrong(f"{entry.name} leaves out {entry.withheld}")
        if entry.job_id == PART_JOB:
            path = folder / "part.zip"
            await asyncio.to_thread(path.write_bytes, data)
            whole(await verify_record(ZippedRecord(path), "", key), "the part")
    copy = await reader.rendition(name, rendition_id(entries[0].withheld))
    if copy is None or not copy.media:
        raise Wrong("no copy without what is withheld")
    for media in copy.media:
        if (await store.digest_late(prefix(name) + media.name, media.hashed_from))[1] != media.sha256:
            raise Wrong(f"{media.name} is not what the copy's index says")
    whole(await verify_record(store, prefix(name), key), "the record")
    stored = [found for found, _ in await store.list(prefix(name))]
    tries = sum(EXPORTS_PREFIX in found and found.endswith((".mp4", ".zip")) for found in stored)
    copied = sum(RENDITIONS_PREFIX in found for found in stored)
    return f", {tries} tries for 2 exports, {copied} objects of a copy"


def whole(report: Report, what: str) -> None:
    if not report.ok:
        errors = [found.en for found in report.findings if found.severity == "error"]
        raise Wrong(f"{what}: {'; '.join(errors)}")


async def check_destroyed(store: ObjectStore, key: PublicKey, name: str, before: set[str]) -> str:
    """Nothing is left but the signed decision, which names all there was.  Raises :class:`Wrong`."""
    left = [found for place in (prefix(name), added_prefix(name)) for found, _ in await store.list(place)]
    if left:
        raise Wrong(f"{len(left)} objects are left: {left[:3]}")
    entry = await custody.newest(store, name)
    if entry is None or not entry.destroy:
        raise Wrong(f"the last decision is {entry}")
    place = f"{custody.folder(name)}{entry.serial:06d}"
    if not key.verifies(await store.read(f"{place}.json"), await store.read(f"{place}.sig")):
        raise Wrong("the decision's signature is wrong")
    if missing := before - {found for found, _ in entry.destroyed}:
        raise Wrong(f"{len(missing)} objects went unnamed: {sorted(missing)[:3]}")
    if len(entry.manifest_sha256) != hashlib.sha256().digest_size * 2:
        raise Wrong("the decision does not say which record it was")
    return f", {len(entry.destroyed)} objects destroyed"
