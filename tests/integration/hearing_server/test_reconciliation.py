"""Storage, manifests and database compared: what is wrong is named, and each is made anew from the one before."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from hearing_server.cli import main
from hearing_server.court import Event
from hearing_server.court.custody import Action, Decision
from hearing_server.court.custody import fold as fold_custody
from hearing_server.court.levels import NOT_RECORDED, Audience, fold
from hearing_server.processes.control import copying
from hearing_server.processes.reconciliation import (
    Checked,
    Reconciler,
    due_tonight,
    night,
    renew_locks,
    seconds_to_night,
)
from hearing_server.store import Court, NewHearing, PersonRow, Store
from hearing_server.store.custody import CustodyLog, CustodyRow
from hearing_server.store.reconciliation import ClosedSitting
from recording.backup import BACKUP, PairedStore
from recording.custody import CustodyEntry
from recording.keys import SigningKey, load_or_make
from recording.locks import Lock
from recording.manifest import Manifest, encode
from recording.messages import Accepted, Keep, Withheld, Withhold
from recording.messages import Kept as KeptAnswer
from recording.objects import NotStored, ObjectStore, S3Options, StoreProblem, open_store
from recording.playback import RENDITIONS_PREFIX
from recording.recorder import Recorder
from recording.serve import RecordReader
from recording.verify import verify_record
from recording.withheld import rendition_id
from tests.added import ACTS, FIRST, SECOND, put, stated
from tests.recorded import Tape, audio_arrivals, audio_track, eventually, facts, running, sealed

SITTING = "sitting"
RAW = f"hearings/{SITTING}/raw/worker.1/000000.hrec"
COURT = Court(id="north", name="Court of Tests", name_zh="测试法院", help_phone="", time_zone="UTC")
NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@dataclass
class Kept:
    """A court with one sealed record."""

    store: Store
    archive: ObjectStore
    key: SigningKey
    folder: Path

    async def check(self, *, repair: bool = False, deep: bool = False) -> Checked:
        reconciler = Reconciler(self.store, self.archive, self.key.public, repair=repair, deep=deep)
        (checked,) = await reconciler.everything()
        return checked

    async def codes(self, *, deep: bool = False) -> set[str]:
        return {found.code for found in (await self.check(deep=deep)).found}

    def path(self, key: str) -> Path:
        return self.folder / "archive" / key


def log() -> list[dict[str, object]]:
    texts = dict.fromkeys(("subject", "role", "from", "reason", "request_id"), "")
    event = {
        **texts,
        "seq": 1,
        "utc": 1,
        "mono": 1,
        "machine": "sitting",
        "name": "book",
        "actor": "system",
        "to": "not_started",
        "detail": {},
        "prev_hash": "0" * 64,
        "hash": "1" * 64,
    }
    return [msgspec.to_builtins(msgspec.convert(event, Event))]


async def court(tmp_path: Path, archive: ObjectStore) -> Kept:
    key = load_or_make(tmp_path / "record.pem")
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite3'}")
    tape = Tape(tmp_path / "spool")
    number = tape.track(audio_track("p1"), audio_arrivals(2))
    tape.note(number, 2, "end", reason="room-closed")
    tape.write(2.5).abandon()
    async with running(Recorder(tmp_path / "spool", archive, key, origin="court.test/records")) as recorder:
        await sealed(recorder, SITTING, msgspec.structs.replace(facts(2, ["p1"]), events=log()))
        await _anchored(archive)
    return Kept(store, archive, key, tmp_path)


async def _anchored(archive: ObjectStore) -> None:
    async def there() -> bool:
        try:
            return await archive.size(f"hearings/{SITTING}/inclusion.json") > 0
        except NotStored:
            return False

    await eventually(there)


async def booked(kept: Kept) -> Kept:
    """The database knows the hearing, as it does when nothing went wrong."""
    await kept.check(repair=True)
    assert (await kept.check()).found == []
    return kept


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    made = await court(tmp_path, open_store((tmp_path / "archive").as_uri()))
    yield made
    await made.store.aclose()


@pytest.mark.parametrize("kind", ["directory", pytest.param("s3", marks=pytest.mark.servers)])
async def test_the_database_is_made_anew_from_the_manifest(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    archive = open_store((tmp_path / "archive").as_uri())
    if kind == "s3":
        server = request.getfixturevalue("s3_server")
        options = S3Options(server.endpoint, server.key_id, server.secret, server.region)
        archive = open_store(f"s3://{server.new_bucket()}/court", options)
    kept = await court(tmp_path, archive)
    found = await kept.check()
    assert [each.code for each in found.found] == ["database-missing"]
    assert await kept.store.docket.by_sitting(SITTING) is None
    repaired = await kept.check(repair=True)
    assert repaired.ok
    assert [each.code for each in repaired.repaired] == ["database-missing"]
    hearing = await kept.store.docket.by_sitting(SITTING)
    assert hearing is not None
    assert (hearing.hearing_id, hearing.case_number, hearing.state) == ("hearing", "(2026) T 1", "closed")
    assert [person.name for person in hearing.people] == ["P1"]
    assert [event.name for event in await kept.store.log.read(SITTING)] == ["book"]
    record = await kept.store.records.get(SITTING)
    assert record.playable
    assert record.objects == 1
    report = await verify_record(archive, f"hearings/{SITTING}/", kept.key.public)
    assert record.manifest_sha256 == report.manifest_sha256
    found = await kept.check(deep=True)
    assert (found.ok, found.found) == (True, [])
    await kept.store.aclose()


async def test_what_the_court_did_with_added_recordings_is_made_anew_from_its_statements(kept: Kept) -> None:
    await put(kept.archive, SITTING, FIRST, SECOND)
    async with running(
        Recorder(kept.folder / "spool", kept.archive, kept.key, origin="court.test/records")
    ) as recorder:
        await stated(recorder, SITTING, *ACTS)
    await kept.check(repair=True)  # the database was lost
    rows, acts = await kept.store.added.all(SITTING)
    assert [(row.version, row.current, row.sha256) for row in rows] == [
        (2, False, hashlib.sha256(SECOND).hexdigest()),
        (1, True, hashlib.sha256(FIRST).hexdigest()),
    ]
    assert rows[0].withdrawn is not None
    assert (rows[0].withdrawn.reason, rows[1].name) == ("Of another courtroom", "Clerk Wu")
    assert [act.serial for act in acts] == [1, 2, 3, 4]
    assert await kept.store.added.untold() == []
    assert (await kept.check(deep=True)).found == []
    kept.path(f"added/{SITTING}/{hashlib.sha256(FIRST).hexdigest()}").unlink()
    assert await kept.codes() == {"added-missing"}


@pytest.mark.parametrize("index", ["signed", "unsigned", "forged"])
async def test_what_was_withheld_is_withheld_again(kept: Kept, index: str) -> None:
    manifest = msgspec.json.decode(await kept.archive.read(f"hearings/{SITTING}/manifest.json"), type=Manifest)
    begin = manifest.opened_us
    spans = [
        Withheld(
            start_us=begin,
            end_us=begin + end_us,
            level=level,
            order=order,
            by="Judge",
            by_zh="法官",
            decided_us=begin + decided_us,
        )
        for level, order, end_us, decided_us in (("sealed", "O-1", 500_000, 9), ("confidential", "O-2", 900_000, 0))
    ]
    reader = RecordReader(kept.archive)

    async def made() -> bool:
        copies = [await reader.rendition(SITTING, rendition_id(some)) for some in (spans, spans[:1])]
        return None not in copies

    async with running(Recorder(kept.folder / "spool", kept.archive, kept.key)) as recorder:
        for some in (spans, spans[:1]):
            assert await recorder.withhold(Withhold(sitting_id=SITTING, withheld=some)) == Accepted()
        await eventually(made)
    signature = kept.path(f"hearings/{SITTING}/{RENDITIONS_PREFIX}{rendition_id(spans)}/playback.sig")
    if index != "signed":  # as after a kill between the two, or where somebody else has written
        signature.unlink()
    if index == "forged":
        signature.write_bytes(bytes(64))
    await kept.check(repair=True)  # the database was lost
    levels = fold([row.decision for row in await kept.store.levels.read(SITTING)])
    if index != "signed":
        whole = [(span.level, span.from_utc, span.to_utc) for span in levels.withheld(Audience.COURT)]
        assert ("sealed", begin * 1000, manifest.closed_us * 1000) in whole
        return
    assert [(span.level, span.order, span.from_utc, span.to_utc) for span in levels.withheld(Audience.OUTSIDE)] == [
        ("confidential", "O-2", begin * 1000, (begin + 900_000) * 1000),
        ("sealed", "O-1", begin * 1000, (begin + 500_000) * 1000),
    ]
    assert [span.order for span in levels.withheld(Audience.COURT)] == ["O-1"]
    assert {span.ground for span in levels.spans} == {NOT_RECORDED}  # and not one that nobody gave
    assert (await kept.check(deep=True)).found == []


async def test_what_was_decided_about_its_custody_is_made_anew(kept: Kept) -> None:
    """The storage was told the first decision and the fourth; of those between nobody knows."""
    until = datetime(2040, 1, 1, tzinfo=UTC).date()
    outcome = Decision(action=Action.OUTCOME, by="c", outcome="civil", decided=until.replace(year=2033), until=until)
    hold = Decision(action=Action.HOLD, by="c", order="O-9", reason="appeal")
    async with running(Recorder(kept.folder / "spool", kept.archive, kept.key)) as recorder:
        for serial, decision in ((1, outcome), (4, hold)):
            said = {"name": "Clerk Wu", "at": 1_790_000_000_000_000 + serial, **msgspec.to_builtins(decision)}
            request = Keep(
                sitting_id=SITTING,
                serial=serial,
                retain_until_s=2_200_000_000,
                hold=serial == 4,
                destroy=False,
                decision=said,
            )

            async def told(request: Keep = request) -> bool:
                return isinstance(await recorder.custodian.keep(request), KeptAnswer)

            await eventually(told)
    await kept.check(repair=True)  # the database was lost
    rows = await kept.store.custody.read("hearing")
    assert [(row.serial, row.decision.action, row.name) for row in rows] == [
        (1, Action.OUTCOME, "Clerk Wu"),
        (2, Action.HIDE, ""),
        (3, Action.HIDE, ""),
        (4, Action.HOLD, "Clerk Wu"),
    ]
    custody = fold_custody([row.decision for row in rows], "demo")
    assert (custody.until, custody.held, custody.hold_order, custody.hidden) == (until, True, "O-9", True)
    assert [told.serial for told in await kept.store.custody.told("hearing")] == [4]
    assert await kept.store.custody.untold() == []


async def test_a_record_that_was_half_restored_is_seen_only_with_its_decisions(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"name": "Clerk Wu", "at": 1, **msgspec.to_builtins(Decision(action=Action.HOLD, by="c", order="O-9"))}
    async with running(Recorder(kept.folder / "spool", kept.archive, kept.key)) as recorder:
        request = Keep(sitting_id=SITTING, serial=2, retain_until_s=0, hold=True, destroy=False, decision=said)

        async def told() -> bool:
            return isinstance(await recorder.custodian.keep(request), KeptAnswer)

        await eventually(told)
    append = CustodyLog.append

    async def away(log: CustodyLog, hearing_id: str, row: CustodyRow) -> None:
        if row.serial == 2:
            raise StoreProblem("custody", "as if it were ended here")
        await append(log, hearing_id, row)

    with monkeypatch.context() as patch:
        patch.setattr(CustodyLog, "append", away)
        with pytest.raises(StoreProblem):
            await kept.check(repair=True)  # the database was lost
    facts = await kept.store.records.get(SITTING)
    assert not facts.manifest_sha256
    await kept.check(repair=True)
    assert (await kept.store.records.get(SITTING)).manifest_sha256
    rows = await kept.store.custody.read("hearing")
    assert [(row.serial, row.decision.action) for row in rows] == [(1, Action.HIDE), (2, Action.HOLD)]


@pytest.mark.parametrize("broken", ["missing", "forged", "the first once more"])
async def test_a_decision_that_is_not_signed_hides_the_record(kept: Kept, broken: str) -> None:
    """As the recorder leaves it that is killed between the two, or somebody who wants it to be seen."""
    said = {"name": "Clerk Wu", "at": 1, **msgspec.to_builtins(Decision(action=Action.HOLD, by="c", order="O-9"))}
    for serial in (1, 2):
        entry = CustodyEntry(
            version=1,
            sitting_id=SITTING,
            serial=serial,
            retain_until_us=0,
            hold=True,
            destroy=False,
            manifest_sha256="",
            made_us=1_790_000_000_000_000,
            decision=said,
        )
        if broken == "the first once more":
            entry.serial = 1
        data, place = encode(entry), f"custody/{SITTING}/{serial:06d}"
        await kept.archive.put_new(f"{place}.json", data)
        if serial == 1 or broken != "missing":
            signed = b"another" if serial == 2 and broken == "forged" else data
            await kept.archive.put_new(f"{place}.sig", kept.key.sign(signed))
    await kept.check(repair=True)  # the database was lost
    rows = await kept.store.custody.read("hearing")
    assert [(row.serial, row.decision.action) for row in rows] == [(1, Action.HOLD), (2, Action.HIDE)]
    # The storage is told what holds, under a number that it has nothing of.
    assert [told.serial for told in await kept.store.custody.told("hearing")] == [2]


async def test_a_database_that_is_behind_is_brought_up(kept: Kept) -> None:
    await booked(kept)
    await kept.store.records.archived(SITTING, sealed_utc=1, objects=99, size=1)
    assert await kept.codes() == {"database-stale"}
    assert (await kept.check(repair=True)).ok
    assert (await kept.store.records.get(SITTING)).objects == 1


async def test_another_manifest_than_the_database_knows_is_never_repaired(kept: Kept) -> None:
    await booked(kept)
    await kept.store.records.sealed(SITTING, manifest_sha256="ab" * 32, playable=True)
    assert await kept.codes() == {"hash-differs"}
    assert not (await kept.check(repair=True)).ok
    assert (await kept.store.records.get(SITTING)).manifest_sha256 == "ab" * 32


async def test_each_fault_of_an_object_has_a_name(kept: Kept) -> None:
    await booked(kept)
    path = kept.path(RAW)
    whole = path.read_bytes()
    for data, code, deep in (
        (b"", "object-empty", False),
        (whole[:-1], "object-size", False),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "object-checksum", True),
        (b"x" * len(whole), "object-type", True),
    ):
        path.unlink()
        path.write_bytes(data)
        assert code in await kept.codes(deep=deep), code
    path.unlink()
    assert "object-missing" in await kept.codes()
    path.write_bytes(whole)
    path.with_name("000009.hrec").write_bytes(b"x")
    assert await kept.codes() == {"object-unlisted", "database-stale"}
    path.with_name("000009.hrec").write_bytes(b"")
    assert "object-empty" in await kept.codes()


async def test_faults_of_what_was_made_from_it(kept: Kept) -> None:
    await booked(kept)
    folder = kept.path(f"hearings/{SITTING}")
    (media,) = (folder / "derived/media").iterdir()
    whole = media.read_bytes()
    media.unlink()
    assert await kept.codes() == {"derived-missing"}
    media.write_bytes(b"")
    assert await kept.codes() == {"derived-empty"}
    media.write_bytes(whole)
    (folder / "derived/exports").mkdir()
    (folder / "derived/exports/j.1.mp4").write_bytes(b"half")
    checked = await kept.check()
    assert [found.code for found in checked.found] == ["derived-orphan"]
    assert checked.ok
    (folder / "derived/playback.sig").unlink()
    assert {"not-playable"} <= await kept.codes()
    (folder / "inclusion.json").unlink()
    assert "not-anchored" in await kept.codes()
    signature = (folder / "manifest.sig").read_bytes()
    (folder / "manifest.sig").unlink()
    (folder / "manifest.sig").write_bytes(signature[:-1] + bytes([signature[-1] ^ 1]))
    assert "manifest-unsigned" in await kept.codes()
    (folder / "manifest.sig").unlink()
    assert "not-sealed" in await kept.codes()


async def test_a_record_that_is_gone_is_told_of(kept: Kept) -> None:
    await booked(kept)
    for path in sorted(kept.path(f"hearings/{SITTING}").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert await kept.codes() == {"record-missing", "not-sealed"}


async def test_copies_that_one_of_two_storages_lacks_are_owed(tmp_path: Path) -> None:
    pair = PairedStore(
        open_store((tmp_path / "archive").as_uri()), open_store((tmp_path / "b").as_uri()), tmp_path / "owed"
    )
    kept = await court(tmp_path, pair)
    await booked(kept)
    (tmp_path / "b" / RAW).unlink()
    assert await kept.codes() == {"copy-owed"}
    assert (await kept.check(repair=True)).ok
    assert pair.owing() == [(BACKUP, RAW)]
    await kept.store.aclose()


async def test_control_makes_the_copies_that_it_owes(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    stores = [open_store((tmp_path / name).as_uri()) for name in ("archive", "b")]
    pair = PairedStore(*stores, tmp_path / "owed")
    await stores[0].put_new("exhibits/a", b"an exhibit")
    await pair.note_owed(BACKUP, "exhibits/a")
    assert registry.get_sample_value("hearing_control_copies_owed") is None

    async def copied() -> bool:
        return registry.get_sample_value("hearing_control_copies_owed") == 0

    async with copying(pair, registry):
        await eventually(copied)
    assert await stores[1].read("exhibits/a") == b"an exhibit"


async def test_without_the_courts_key_nothing_is_set_right(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    await booked(kept)
    (row,) = await kept.store.reconciliation.closed()
    now = datetime.fromtimestamp(row.closed_utc / 1e9, UTC) + timedelta(days=1)
    await kept.store.records.archived(SITTING, sealed_utc=1, objects=99, size=1)
    assert await night(kept.store, kept.archive, None, now) == 1
    assert await kept.codes() == {"database-stale"}
    assert await night(kept.store, kept.archive, kept.key.public, now) == 0
    await kept.store.aclose()
    monkeypatch.setenv("HEARING_DATA", str(kept.folder))
    monkeypatch.setenv("HEARING_PUBLIC_KEY_FILE", str(kept.folder / "nowhere.pem"))
    monkeypatch.setenv("HEARING_DATABASE", f"sqlite+aiosqlite:///{kept.folder / 'db.sqlite3'}")
    assert await asyncio.to_thread(main, ["archive", "reconcile", "--repair"]) == 2


async def test_at_night_trouble_becomes_a_task(kept: Kept) -> None:
    await booked(kept)
    (row,) = await kept.store.reconciliation.closed()
    now = datetime.fromtimestamp(row.closed_utc / 1e9, UTC) + timedelta(days=1)
    assert await night(kept.store, kept.archive, kept.key.public, now) == 0
    path = kept.path(RAW)
    path.unlink()
    path.write_bytes(b"")
    for _ in range(2):
        assert await night(kept.store, kept.archive, kept.key.public, now) == 1
    (task,) = (await kept.store.desk.tasks(["hearing"]))["hearing"]
    assert task.kind == "record-trouble"
    assert task.detail.startswith("object-empty raw/")
    noted = [entry.access for entry in await kept.store.ledger.read("hearing")]
    assert [(access.actor, access.action) for access in noted] == [("system", "run-job")] * 3
    assert [access.detail["found"] for access in noted] == [[], ["object-empty"], ["object-empty"]]


async def test_the_lock_of_a_case_without_an_outcome_is_renewed(tmp_path: Path) -> None:
    kept = await court(tmp_path, open_store((tmp_path / "archive").as_uri(), lock=Lock("possible", days=30)))
    await booked(kept)
    first = (await kept.archive.protection(RAW)).until_s
    now = datetime.fromtimestamp(time.time(), UTC)
    assert await renew_locks(kept.store, kept.archive, 30, now) == 0
    later = now + timedelta(days=16)
    assert await renew_locks(kept.store, kept.archive, 30, later) == 1
    assert (await kept.archive.protection(RAW)).until_s >= first + 16 * 86_400
    assert await renew_locks(kept.store, kept.archive, 30, later) == 0
    said = Decision(action=Action.HOLD, by="a", reason="appeal", order="CA-1")
    await kept.store.custody.append("hearing", CustodyRow(serial=1, utc=1, name="A", name_zh="甲", decision=said))
    assert await kept.store.custody.undecided() == []
    await kept.store.aclose()


def test_each_older_record_has_its_night() -> None:
    def row(number: int, days: float) -> ClosedSitting:
        closed = int((NIGHT - timedelta(days=days)).timestamp()) * 1_000_000_000
        return ClosedSitting(
            sitting_id=f"s-{number}", hearing_id="h", record_state="sealed", closed_utc=closed, objects=1, bytes=1,
            manifest_sha256="", playable=True,
        )  # fmt: skip

    old = [row(number, 400) for number in range(300)]
    seen = [each for day in range(90) for each in due_tonight(old, NIGHT + timedelta(days=day))[1]]
    assert sorted(each.sitting_id for each in seen) == sorted(each.sitting_id for each in old)
    recent, older = due_tonight([row(1, 0.001), row(2, 0.5), row(3, 6.9)], NIGHT)
    assert [each.sitting_id for each in recent] == ["s-2", "s-3"]
    assert older == []


def test_night_is_once_a_day() -> None:
    assert seconds_to_night(NIGHT) == 86_400
    assert seconds_to_night(NIGHT - timedelta(minutes=1)) == 60


async def test_the_command(kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    await kept.store.aclose()
    monkeypatch.setenv("HEARING_DATA", str(kept.folder))
    monkeypatch.setenv("HEARING_DATABASE", f"sqlite+aiosqlite:///{kept.folder / 'db.sqlite3'}")
    monkeypatch.setenv("HEARING_KEY_FILE", str(kept.folder / "record.pem"))
    assert await asyncio.to_thread(main, ["archive", "reconcile", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["records"][0]["found"][0]["code"] == "database-missing"
    assert await asyncio.to_thread(main, ["archive", "reconcile", "--repair"]) == 0
    assert "set right: the database does not know this record: (2026) T 1" in capsys.readouterr().out
    monkeypatch.setenv("HEARING_LANG", "zh-CN")
    assert await asyncio.to_thread(main, ["archive", "reconcile", "--deep"]) == 0
    assert "1 份记录：存储、清单与数据库一致。" in capsys.readouterr().out


async def test_the_command_makes_the_copies_that_one_of_two_storages_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = [open_store((tmp_path / name).as_uri()) for name in ("archive", "b")]
    kept = await court(tmp_path, PairedStore(*stores, tmp_path / "owed"))
    await booked(kept)
    await kept.store.aclose()
    (tmp_path / "b" / RAW).unlink()
    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    monkeypatch.setenv("HEARING_BACKUP_STORE", (tmp_path / "b").as_uri())
    monkeypatch.setenv("HEARING_DATABASE", f"sqlite+aiosqlite:///{tmp_path / 'db.sqlite3'}")
    monkeypatch.setenv("HEARING_KEY_FILE", str(tmp_path / "record.pem"))
    assert await asyncio.to_thread(main, ["archive", "reconcile", "--json"]) == 1
    assert not (tmp_path / "b" / RAW).exists()
    assert await asyncio.to_thread(main, ["archive", "reconcile", "--repair"]) == 0
    assert (tmp_path / "b" / RAW).read_bytes() == (tmp_path / "archive" / RAW).read_bytes()
    assert capsys.readouterr().err == ""


async def test_a_day_of_a_hearing_that_is_known_already(kept: Kept) -> None:
    person = PersonRow(id="p1", role="claimant", name="P1", name_zh="P1")
    hearing = NewHearing(
        id="hearing", case_number="(2026) T 1", case_name="A v B", case_name_zh="甲诉乙", room="1", room_zh="1",
        scheduled_utc=time.time_ns(), people=(person,),
    )  # fmt: skip
    await kept.store.docket.book(COURT, replace(hearing), time.time_ns())
    found = await kept.check(repair=True)
    assert [each.code for each in found.repaired] == ["database-missing"]
    days = await kept.store.docket.days("hearing")
    assert [(day.sitting_id, day.state) for day in days] == [("hearing", "not_started"), (SITTING, "closed")]
    assert (await kept.check()).found == []
