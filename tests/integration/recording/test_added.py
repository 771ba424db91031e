"""Recordings that a court adds after the close: stated, entered in the log, exported, checked, and never taken for what
the room recorded."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from recording import messages as m
from recording.added import decoder
from recording.excerpt import FolderTarget, export_part
from recording.export import export_to
from recording.inventory import inventory
from recording.keys import SigningKey, load_or_make
from recording.manifest import encode
from recording.messages import Part, Withheld
from recording.objects import ObjectStore, open_store
from recording.reconcile import reconcile_record
from recording.recorder import Recorder
from recording.report import Report
from recording.sentences import sentences
from recording.transparency import TransparencyLog
from recording.verify import verify_record
from tests.added import ACTS, FIRST, SECOND, act, put, stated
from tests.recorded import BEGIN_WALL_NS, Tape, audio_arrivals, audio_track, eventually, facts, running, sealed

BEGIN_US = BEGIN_WALL_NS // 1000
ORIGIN = "court.example/records"
FILE = f"added/{hashlib.sha256(FIRST).hexdigest()}"


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sealed record, two versions of a recording and four acts about them in ``store``, and the key."""
    folder = tmp_path_factory.mktemp("court")
    asyncio.run(_make(folder))
    return folder


async def _make(folder: Path) -> None:
    key = load_or_make(folder / "court.pem")
    store = open_store((folder / "store").as_uri())
    tape = Tape(folder / "spool")
    number = tape.track(audio_track("p1"), audio_arrivals(12))
    tape.note(number, 12, "end", reason="room-closed")
    tape.write(12.5).abandon()
    async with running(Recorder(folder / "spool", store, key, origin=ORIGIN)) as recorder:
        assert await stated(recorder, "sitting", ACTS[0]) == m.Refused(reason="not-sealed")
        await sealed(recorder, "sitting", facts(12, ["p1"]))
        await put(store, "sitting", FIRST, SECOND)
        assert await stated(recorder, "sitting", *ACTS) == m.Stated(serial=4)

        async def anchored() -> bool:
            return "hearings/sitting/inclusion.json" in {name for name, _ in await store.list("hearings/sitting/")}

        await eventually(anchored)
    await export_to(store, "sitting", folder / "export", key.public)


@pytest.fixture(scope="module")
def key(court: Path) -> SigningKey:
    return load_or_make(court / "court.pem")


@pytest.fixture
def copy(court: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(court / "export", tmp_path / "export"))


async def verify(folder: Path, key: SigningKey) -> Report:
    return await verify_record(open_store(folder.as_uri()), "", key.public)


def errors(report: Report) -> set[str]:
    return {found.code for found in report.findings if found.severity == "error"}


async def test_an_export_says_what_was_added_by_whom_and_when(court: Path, key: SigningKey) -> None:
    store = open_store((court / "store").as_uri())
    report = await verify(court / "export", key)
    assert report.ok, sentences(report, chinese=False)
    said = [found for found in report.findings if found.code.startswith("added")]
    assert [found.code for found in said] == ["added", "added", "added-withdrawn", "added-chosen", "added-logged"]
    assert said[0].en.startswith(
        "Added after the close, and no part of what the room recorded: “Courtroom 3”, version 1,"
    )
    assert "added by Clerk Wu on 20" in said[0].en
    assert said[0].zh.startswith("闭庭后补充，不属于法庭现场录制的内容：《Courtroom 3》第 1 版，")
    assert said[2].en.endswith(": Of another courtroom.")
    assert said[4].place == "4 of 4"
    assert (await verify_record(store, "hearings/sitting/", key.public)).findings == report.findings
    assert (await TransparencyLog(store, key, ORIGIN).newest())[0].decode().splitlines()[1] == "5"


def _flip(name: str) -> Callable[[Path, SigningKey], None]:
    def alter(folder: Path, _: SigningKey) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return alter


def _without(*names: str) -> Callable[[Path, SigningKey], None]:
    def alter(folder: Path, _: SigningKey) -> None:
        for name in names:
            (folder / name).unlink()

    return alter


def _signed_anew(folder: Path, key: SigningKey) -> None:
    """Even the court itself cannot change one that others follow."""
    path = folder / "added/000002.json"
    statement = decoder.decode(path.read_bytes())
    statement.act.equipment = "Another recorder"
    path.write_bytes(encode(statement))
    (folder / "added/000002.sig").write_bytes(key.sign(encode(statement)))


def _of_another_record(folder: Path, key: SigningKey) -> None:
    path = folder / "added/000004.json"
    path.write_bytes(encode(msgspec.structs.replace(decoder.decode(path.read_bytes()), manifest_sha256="0" * 64)))
    (folder / "added/000004.sig").write_bytes(key.sign(path.read_bytes()))


THIRD = ("added/000003.json", "added/000003.sig", "added/000003.inclusion.json")


@pytest.mark.parametrize(
    ("alter", "expected", "place"),
    [
        (_flip(FILE), "added-altered", FILE),
        (_flip("added/000001.json"), "added-wrong", "added/000001.json"),
        (_flip("added/000001.sig"), "added-wrong", "added/000001.json"),
        (_flip("added/000002.inclusion.json"), "inclusion-wrong", "added/000002.inclusion.json"),
        (_without(FILE), "added-missing", FILE),
        (_without(*THIRD), "added-wrong", "added/000004.json"),
        (_signed_anew, "added-wrong", "added/000003.json"),
        (_of_another_record, "added-wrong", "added/000004.json"),
    ],
)
async def test_what_does_not_hold_is_named(
    copy: Path, key: SigningKey, alter: Callable[[Path, SigningKey], None], expected: str, place: str
) -> None:
    alter(copy, key)
    report = await verify(copy, key)
    assert not report.ok
    assert any(found.code == expected and place in found.place for found in report.findings), report.findings


async def test_every_byte_of_a_statement_and_its_signature_is_covered(copy: Path, key: SigningKey) -> None:
    for name in ("added/000001.json", "added/000001.sig"):
        data = (copy / name).read_bytes()
        for at in range(0, len(data), 11):
            (copy / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert "added-wrong" in errors(await verify(copy, key)), (name, at)
        (copy / name).write_bytes(data)


async def test_what_no_statement_names_is_no_part_of_it(copy: Path, key: SigningKey) -> None:
    (copy / "added" / ("0" * 64)).write_bytes(b"slipped in")
    report = await verify(copy, key)
    (found,) = (found for found in report.findings if found.code == "added-unlisted")
    assert (found.severity, found.place) == ("warning", "added/" + "0" * 64)


async def test_a_copy_that_leaves_time_out_has_the_statements_and_no_file(
    court: Path, key: SigningKey, tmp_path: Path
) -> None:
    store = open_store((court / "store").as_uri())
    span = Withheld(
        start_us=BEGIN_US + 2_000_000,
        end_us=BEGIN_US + 3_000_000,
        level="sealed",
        order="Order 7",
        by="Judge Chen",
        by_zh="陈法官",
        decided_us=BEGIN_US,
    )
    part = Part(start_us=BEGIN_US + 4_000_000, end_us=BEGIN_US + 5_000_000)
    log = TransparencyLog(store, key, ORIGIN)
    for name, spans, of in (("public", [span], None), ("part", [], part)):
        folder = tmp_path / name
        await export_part(store, "sitting", FolderTarget(folder), key, spans, of, tmp_path, transparency=log)
        assert not (folder / FILE).exists()
        report = await verify(folder, key)
        assert report.ok, sentences(report, chinese=False)
        codes = [found.code for found in report.findings]
        assert (codes.count("added"), codes.count("added-withheld"), codes.count("added-missing")) == (2, 2, 0)
        assert {"inclusion", "statement-logged"} <= set(codes)
        _flip("statement.inclusion.json")(folder, key)
        assert "inclusion-wrong" in errors(await verify(folder, key))
    statement = json.loads((tmp_path / "public/statement.json").read_bytes())
    assert len(statement["added"]) == 2
    (tmp_path / "public" / FILE).write_bytes(FIRST)
    assert "statement-wrong" in errors(await verify(tmp_path / "public", key))
    whole = tmp_path / "whole"
    await export_part(store, "sitting", FolderTarget(whole), key, [], None, tmp_path, transparency=log)
    assert (whole / FILE).exists()
    assert (await verify(whole, key)).ok


async def test_it_is_signed_only_if_it_is_there_and_the_next(court: Path, key: SigningKey, tmp_path: Path) -> None:
    store = open_store(Path(shutil.copytree(court / "store", tmp_path / "store")).as_uri())
    other = b"never stored"

    async def refused(recorder: Recorder, *acts: m.Act) -> None:
        answer = await stated(recorder, "sitting", *acts)
        assert isinstance(answer, m.Refused)
        assert answer.reason == "invalid"

    async with running(Recorder(tmp_path / "spool", store, key, origin=ORIGIN)) as recorder:
        assert await stated(recorder, "sitting", *ACTS) == m.Stated(serial=4)  # asked again: nothing new
        await refused(recorder, act(1, SECOND))
        await refused(recorder, act(5, other, title="Another"))
        await refused(recorder, act(6, FIRST, "withdraw", reason="Not the next"))
        await refused(recorder, act(5, FIRST, number=7))
        await refused(recorder, act(5, FIRST, "withdraw"))
    names = {name for name, _ in await store.list("added/sitting/")}
    assert "added/sitting/000005.json" not in names


async def test_a_killed_try_is_finished(court: Path, store: ObjectStore, key: SigningKey, tmp_path: Path) -> None:
    unfinished = {"added/sitting/000004.sig", "added/sitting/000004.inclusion.json"}
    for path in (court / "store").rglob("*"):
        name = path.relative_to(court / "store").as_posix()
        if path.is_file() and name not in unfinished:
            await store.put_new(name, path.read_bytes())
    async with running(Recorder(tmp_path / "spool", store, key, origin=ORIGIN)) as recorder:
        assert await stated(recorder, "sitting", *ACTS) == m.Stated(serial=4)
    assert (await verify_record(store, "hearings/sitting/", key.public)).ok
    state = await reconcile_record(store, "sitting", key.public, deep=True)
    assert (state.found, [each.serial for each in state.acts]) == ([], [1, 2, 3, 4])


async def test_statements_are_locked_and_destroyed_with_the_record(
    court: Path, key: SigningKey, tmp_path: Path
) -> None:
    store = open_store(Path(shutil.copytree(court / "store", tmp_path / "store")).as_uri())
    until = int(time.time()) + 3

    def keep(serial: int, *, destroy: bool = False) -> m.Keep:
        return m.Keep(
            sitting_id="sitting", serial=serial, retain_until_s=until, hold=False, destroy=destroy, decision={}
        )

    async def locked() -> bool:
        keys = [name for name, _ in await store.list("added/sitting/")]
        return [(await store.protection(name)).until_s for name in keys] == [until] * len(keys)

    async with running(Recorder(tmp_path / "spool", store, key, origin=ORIGIN)) as recorder:
        await eventually(lambda: _kept(recorder, keep(1)))
        assert await locked()
        assert await stated(recorder, "sitting", act(5, FIRST, "withdraw", reason="Late")) == m.Stated(serial=5)
        await eventually(locked)
        await eventually(lambda: _kept(recorder, keep(2, destroy=True)))
        assert await store.list("added/sitting/") == []
        assert await stated(recorder, "sitting", ACTS[0]) == m.Refused(reason="destroyed")


async def _kept(recorder: Recorder, request: m.Keep) -> bool:
    return isinstance(await recorder.keep(request), m.Kept)


async def test_inventory_and_reconciliation_know_them(court: Path, key: SigningKey, tmp_path: Path) -> None:
    place = Path(shutil.copytree(court / "store", tmp_path / "store"))
    store: ObjectStore = open_store(place.as_uri())

    async def found(*, deep: bool = False) -> list[tuple[str, str]]:
        state = await reconcile_record(store, "sitting", key.public, deep=deep)
        return [(each.code, each.place) for each in state.found]

    assert await found(deep=True) == []
    assert [each.serial for each in (await reconcile_record(store, "sitting", key.public)).acts] == [1, 2, 3, 4]
    path = place / "added/sitting" / FILE.removeprefix("added/")
    listed = {each.name: each for each in (await inventory(store, "sitting", key.public)).objects}
    assert (listed[FILE].kind, listed[FILE].state, listed[FILE].size) == ("added", "stored", len(FIRST))
    path.write_bytes(FIRST[:-1] + b"x")
    assert await found() == []
    assert await found(deep=True) == [("added-checksum", FILE)]
    path.write_bytes(FIRST[:-1])
    assert [code for code, _ in await found()] == ["added-size"]
    path.unlink()
    assert await found() == [("added-missing", FILE)]
    listed = {each.name: each for each in (await inventory(store, "sitting", key.public)).objects}
    assert listed[FILE].state == "added-missing"
    path.write_bytes(FIRST)
    path.with_name("1" * 64).write_bytes(b"nobody's")
    assert await found() == [("added-orphan", "added/" + "1" * 64)]
    path.with_name("1" * 64).unlink()
    (place / "added/sitting/000004.sig").write_bytes(b"x" * 64)
    assert await found() == [("added-unsigned", "added/000004.json")]
