"""Records encrypted at rest: nothing readable in the storage, everything as before for who may, and for escrow."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyrage
import pytest

from recording import encrypted
from recording.age import PIECE_BYTES, Identity
from recording.backup import PairedStore, paired
from recording.custody import Custodian
from recording.encrypted import EncryptedStore
from recording.export import export_to
from recording.keys import load_or_make, load_or_make_identity, public_path
from recording.locks import Lock
from recording.objects import AlreadyStored, NotStored, ObjectStore, S3Options, StoreProblem, open_store
from recording.recorder import Recorder
from recording.serve import RecordReader
from recording.verify import verify_record
from tests.integration.recording.test_custody import keep, obeyed
from tests.recorded import WITNESSES, Tape, audio_arrivals, audio_track, facts, running, sealed

KEY = "hearings/s-1/raw/w.1/000000.hrec"
#: What is left of a destruction.
LAST = ("000002.json", "000002.list", "000002.sig")
SECRET = b"what the witness said"


class Court:
    def __init__(self, inner: ObjectStore, folder: Path) -> None:
        self.inner, self.folder = inner, folder
        self.identity, self.escrow = Identity.generate(), Identity.generate()

    def store(self, identity: Identity | None = None) -> EncryptedStore:
        """As another process sees it."""
        return EncryptedStore(
            self.inner, identity or self.identity, [self.escrow.recipient], self.folder / "encrypting"
        )


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.servers)])
def court(request: pytest.FixtureRequest, tmp_path: Path) -> Court:
    if request.param == "directory":
        return Court(open_store((tmp_path / "store").as_uri()), tmp_path)
    server = request.getfixturevalue("s3_server")
    options = S3Options(server.endpoint, server.key_id, server.secret, server.region)
    return Court(open_store(f"s3://sealed-{time.time_ns()}/court", options, Lock("compliance", days=1)), tmp_path)


async def part(store: ObjectStore, key: str, start: int, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in store.stream(key, start, end)])


async def test_what_is_added_to_a_record_is_encrypted_with_its_key(court: Court) -> None:
    store = court.store()
    await store.put_new(KEY, SECRET)
    await store.put_new("added/s-1/ab", SECRET + b" again")
    assert SECRET not in await court.inner.read("added/s-1/ab")
    assert await court.store(court.escrow).read("added/s-1/ab") == SECRET + b" again"
    assert await store.list("added/s-1/") == [("added/s-1/ab", len(SECRET) + 6)]
    assert [name for name, _ in await court.inner.list("keys/")] == ["keys/s-1.age"]


async def test_the_storage_sees_nothing_and_its_readers_everything(court: Court) -> None:
    store = court.store()
    stored = await store.put_new(KEY, SECRET)
    assert (stored.size, (await store.digest(KEY))[1]) == (len(SECRET), stored.sha256)
    raw = await court.inner.read(KEY)
    assert SECRET not in raw
    assert raw.startswith(b"age-encryption.org/v1\n")
    for reader in (store, court.store(), court.store(court.escrow)):
        assert await reader.read(KEY) == SECRET
        assert await reader.size(KEY) == len(SECRET)
        assert await reader.list("hearings/s-1") == [(KEY, len(SECRET))]
        assert await part(reader, KEY, 5, 8) == SECRET[5:8]
    with pytest.raises(StoreProblem, match="not for this identity"):
        await court.store(Identity.generate()).read(KEY)


async def test_the_age_program_alone_opens_it(court: Court) -> None:
    await court.store().put_new(KEY, SECRET)
    holder = pyrage.x25519.Identity.from_str(str(court.escrow))
    hearing = pyrage.decrypt(await court.inner.read("keys/s-1.age"), [holder]).decode().strip()
    assert pyrage.decrypt(await court.inner.read(KEY), [pyrage.x25519.Identity.from_str(hearing)]) == SECRET


async def test_each_hearing_has_a_key_of_its_own(court: Court) -> None:
    store = court.store()
    await store.put_new(KEY, SECRET)
    await store.put_new("hearings/s-2/raw/w.1/000000.hrec", SECRET)
    one, two = [await court.inner.read(f"keys/s-{n}.age") for n in (1, 2)]
    holder = pyrage.x25519.Identity.from_str(str(court.escrow))
    assert pyrage.decrypt(one, [holder]) != pyrage.decrypt(two, [holder])
    assert [size for _, size in await court.store().list("hearings/")] == [len(SECRET)] * 2


async def test_what_a_kill_left_half_encrypted_goes_at_the_next_start_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control and the recorder encrypt in the same folder: each starts without the other ending."""
    court, work, seen = Court(open_store((tmp_path / "store").as_uri()), tmp_path), tmp_path / "encrypting", []
    (work / "tmp-of-one-that-was-killed").mkdir(parents=True)
    (work / "tmp-of-one-that-was-killed" / "sealed").write_bytes(bytes(99))
    seal = encrypted._seal_file

    def sealing(source: Path, target: Path, *key: Any) -> tuple[int, str]:
        asyncio.run(court.store().prepare())  # another process starts just now
        seen.extend(work.iterdir())
        return seal(source, target, *key)

    monkeypatch.setattr(encrypted, "_seal_file", sealing)
    (tmp_path / "film").write_bytes(SECRET)
    await court.store().put_new(KEY, tmp_path / "film")
    assert [path.name.startswith("tmp-of") for path in seen] == [False]
    assert await court.store().read(KEY) == SECRET
    assert not list(work.iterdir())


async def test_nothing_is_overwritten_and_the_same_again_is_harmless(court: Court) -> None:
    await court.store().put_new(KEY, SECRET)
    assert (await court.store().put_new(KEY, SECRET)).size == len(SECRET)
    with pytest.raises(AlreadyStored):
        await court.store().put_new(KEY, b"what nobody said")


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, 18 * PIECE_BYTES + 77])
async def test_files_are_read_in_any_part(court: Court, size: int, tmp_path: Path) -> None:
    data = os.urandom(size)
    path = tmp_path / "film"
    path.write_bytes(data)
    await court.store().put_new(KEY, path)
    store = court.store()
    assert await store.size(KEY) == size
    wanted = {0, 1, PIECE_BYTES, 16 * PIECE_BYTES, 17 * PIECE_BYTES - 1, size - 1, size}
    places = sorted(at for at in wanted if 0 <= at <= size)
    for number, start in enumerate(places):
        for end in (None, *places[number:]):
            assert await part(store, KEY, start, end) == data[start:end], (start, end)
    fetched = await store.fetch(KEY, tmp_path / "fetched")
    assert fetched.read_bytes() == data


async def test_what_is_not_there_and_what_is_not_a_record(court: Court) -> None:
    store = court.store()
    with pytest.raises(NotStored):
        await store.read(KEY)
    assert await store.list("hearings/s-1") == []
    await store.put_new("log/entry/1.json", b"{}")
    assert await court.inner.read("log/entry/1.json") == b"{}"
    await court.inner.put_new("hearings/old/manifest.json", b"from before")
    await store.put_new("hearings/old/manifest.sig", b"late")
    assert await court.inner.read("hearings/old/manifest.sig") == b"late"
    assert await store.read("hearings/old/manifest.json") == b"from before"


async def test_two_recorders_agree_on_one_key(court: Court) -> None:
    one, two = court.store(), court.store()
    await asyncio.gather(one.put_new(KEY, SECRET), two.put_new(KEY + "x", SECRET))
    for name in (KEY, KEY + "x"):
        assert await court.store().read(name) == SECRET


async def test_altered_bytes_are_noticed(tmp_path: Path) -> None:
    court = Court(open_store((tmp_path / "store").as_uri()), tmp_path)
    await court.store().put_new(KEY, SECRET)
    path = tmp_path / "store" / KEY
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(StoreProblem, match="altered"):
        await court.store().read(KEY)


async def test_a_destroyed_record_takes_its_key_along(court: Court, tmp_path: Path) -> None:
    inner = open_store((tmp_path / "plain").as_uri())
    store = Court(inner, tmp_path).store()
    await store.put_new("hearings/s-1/raw/w.1/000000.hrec", SECRET)
    custodian = Custodian(store, load_or_make(tmp_path / "record.pem"))
    await obeyed(custodian, keep(1, int(time.time()) - 1))
    await obeyed(custodian, keep(2, destroy=True))
    left = [key for key, _ in await inner.list("")]
    assert left == [f"custody/s-1/{name}" for name in ("000001.json", "000001.sig", *LAST)]


async def test_a_pair_of_storages_is_known_through_the_encryption(tmp_path: Path) -> None:
    pair = PairedStore(open_store((tmp_path / "a").as_uri()), open_store((tmp_path / "b").as_uri()), tmp_path / "owed")
    store = Court(pair, tmp_path).store()
    await store.put_new(KEY, SECRET)
    assert paired(store) is paired(pair) is pair
    assert paired(pair.primary) is None
    assert await pair.backup.read(KEY) == await pair.primary.read(KEY)


async def test_a_record_is_sealed_played_verified_and_opened_by_an_escrow_holder(court: Court) -> None:
    folder = court.folder
    key = load_or_make(folder / "record.pem")
    tape = Tape(folder / "spool")
    number = tape.track(audio_track("p1"), audio_arrivals(3))
    tape.note(number, 3, "end", reason="room-closed")
    tape.write(3.5).abandon()
    async with running(Recorder(folder / "spool", court.store(), key)) as recorder:
        await sealed(recorder, "sitting", facts(3, ["p1"]))
    reader = RecordReader(court.store())
    playback = await reader.playback("sitting")
    assert playback is not None
    media = await reader.media("sitting", playback.media[0].name.rsplit("/", 1)[1])
    assert media is not None
    assert len(b"".join([piece async for piece in reader.read(media)])) == media.size
    report = await verify_record(court.store(), "hearings/sitting/", key.public)
    assert [found for found in report.findings if found.code not in WITNESSES] == []
    await export_to(court.store(court.escrow), "sitting", folder / "export", key.public)
    report = await verify_record(open_store((folder / "export").as_uri()), "", key.public)
    assert report.ok
    for name, _ in await court.inner.list("hearings/sitting"):
        assert (await court.inner.read(name)).startswith(b"age-encryption.org/v1\n")


def test_the_command_opens_a_record_without_the_courts_servers(tmp_path: Path) -> None:
    def hearing(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hearing_server", *words]
        environment = {name: text for name, text in os.environ.items() if not name.startswith("HEARING_")}
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)

    made = json.loads(hearing("record", "identity", "escrow", "--json").stdout)
    escrow = load_or_make_identity(tmp_path / "escrow")
    assert made["recipient"] == str(escrow.recipient)
    assert (tmp_path / "escrow").stat().st_mode & 0o777 == 0o600

    async def record() -> None:
        store = EncryptedStore(
            open_store((tmp_path / "store").as_uri()), Identity.generate(), [escrow.recipient], tmp_path / "work"
        )
        tape = Tape(tmp_path / "spool")
        tape.track(audio_track("p1"), audio_arrivals(1))
        tape.write(1.5).abandon()
        async with running(Recorder(tmp_path / "spool", store, load_or_make(tmp_path / "record.pem"))) as recorder:
            await sealed(recorder, "sitting", facts(1, ["p1"]))

    asyncio.run(record())
    key = str(public_path(tmp_path / "record.pem"))
    done = hearing("record", "open", "store", "sitting", "out", "--identity", "escrow", "--public-key", key)
    assert done.returncode == 0, done.stderr
    checked = hearing("verify", "out", "--public-key", key, "--json")
    assert json.loads(checked.stdout)["ok"]
    stranger = Identity.generate()
    (tmp_path / "stranger").write_text(str(stranger))
    refused = hearing("record", "open", "store", "sitting", "out2", "--identity", "stranger", "--public-key", key)
    assert refused.returncode == 2
    assert "not for this identity" in refused.stderr
