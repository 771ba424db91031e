"""The court's transparency log, in a directory and on a real S3 server: nobody can change what was entered unseen."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recording import checkpoint, merkle, transparency
from recording.checkpoint import CheckpointProblem
from recording.keys import SigningKey
from recording.objects import ObjectStore, S3Options, open_store
from recording.transparency import Entry, LogProblem, TransparencyLog, check_inclusion

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
ORIGIN = "court.example/records"

MakeLog = Callable[[], TransparencyLog]


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.servers)])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> MakeLog:
    """Each call is another recorder on the same store."""
    if request.param == "directory":
        return lambda: TransparencyLog(open_store(tmp_path.as_uri()), KEY, ORIGIN)
    server = request.getfixturevalue("s3_server")
    options, bucket = S3Options(server.endpoint, server.key_id, server.secret, server.region), server.new_bucket()
    return lambda: TransparencyLog(open_store(f"s3://{bucket}/court", options), KEY, ORIGIN)


def entry(number: int) -> Entry:
    return Entry(
        sitting_id=f"sitting-{number}",
        manifest_sha256=hashlib.sha256(b"%d" % number).hexdigest(),
        sealed_us=10**15 + number,
    )


async def test_each_record_is_proved_to_be_in_it(log: MakeLog) -> None:
    recorder = log()
    for number in range(5):
        inclusion = await recorder.append(entry(number))
        assert (inclusion.index, inclusion.size) == (number, number + 1)
        assert check_inclusion(inclusion, entry(number).manifest_sha256, KEY.public) is None


async def test_entering_again_gives_the_same_place_also_after_a_restart(log: MakeLog) -> None:
    first = log()
    for number in range(3):
        await first.append(entry(number))
    again = await log().append(entry(1))
    assert (again.index, again.size) == (1, 3)
    assert check_inclusion(again, entry(1).manifest_sha256, KEY.public) is None


async def test_several_recorders_append_to_one_log(log: MakeLog) -> None:
    recorders = [log() for _ in range(3)]

    async def work(part: int) -> list[transparency.Inclusion]:
        return [await recorders[part].append(entry(100 * part + number)) for number in range(4)]

    found = [inclusion for part in await asyncio.gather(*(work(part) for part in range(3))) for inclusion in part]
    assert sorted(inclusion.index for inclusion in found) == list(range(12))
    newest, _ = await log().newest(found[0].checkpoint.encode())
    for inclusion in found:
        assert check_inclusion(inclusion, inclusion.entry.manifest_sha256, KEY.public) is None
        note, proof = await recorders[0].newest(inclusion.checkpoint.encode())
        old, new = checkpoint.read(inclusion.checkpoint.encode(), KEY.public), checkpoint.read(note, KEY.public)
        assert note == newest
        assert merkle.extends(old.size, old.root, new.size, new.root, proof)


def directory(folder: Path) -> tuple[ObjectStore, TransparencyLog]:
    store = open_store(folder.as_uri())
    return store, TransparencyLog(store, KEY, ORIGIN)


async def test_more_than_a_tile(tmp_path: Path) -> None:
    _, recorder = directory(tmp_path)
    for number in range(260):
        inclusion = await recorder.append(entry(number))
    tiles = sorted((tmp_path / "log/tile").iterdir())
    assert [tile.stat().st_size for tile in tiles] == [256 * 32]
    _, reader = directory(tmp_path)
    assert await reader.append(entry(259)) == inclusion
    tiles[0].unlink()  # as if a recorder had been killed between the entry and the tile
    _, reader = directory(tmp_path)
    assert (await reader.append(entry(260))).index == 260
    assert tiles[0].stat().st_size == 256 * 32


def rewrite(path: Path, data: bytes) -> None:
    os.chmod(path, 0o600)
    path.write_bytes(data)


async def test_a_changed_entry_is_found_when_the_log_is_read(tmp_path: Path) -> None:
    _, recorder = directory(tmp_path)
    inclusions = [await recorder.append(entry(number)) for number in range(4)]
    altered = msgspec.json.decode((tmp_path / "log/entry/000000000001.json").read_bytes())
    altered["manifestSha256"] = "00" * 32
    rewrite(tmp_path / "log/entry/000000000001.json", msgspec.json.encode(altered, order="sorted"))
    _, reader = directory(tmp_path)
    with pytest.raises(LogProblem, match="do not lead"):
        await reader.append(entry(9))
    with pytest.raises(LogProblem):
        await reader.newest(inclusions[3].checkpoint.encode())


async def test_a_log_made_anew_contradicts_whoever_kept_a_checkpoint(tmp_path: Path) -> None:
    _, recorder = directory(tmp_path / "a")
    kept = [await recorder.append(entry(number)) for number in range(4)][-1]
    _, forged = directory(tmp_path / "b")
    for number in (0, 1, 7, 3, 4):
        await forged.append(entry(number))
    with pytest.raises(LogProblem, match="not those that were signed"):
        await forged.newest(kept.checkpoint.encode())
    _, shorter = directory(tmp_path / "c")
    await shorter.append(entry(0))
    with pytest.raises(LogProblem, match="beyond"):
        await shorter.newest(kept.checkpoint.encode())
    with pytest.raises(CheckpointProblem):
        await recorder.newest(checkpoint.sign(checkpoint.Checkpoint(ORIGIN, 1, bytes(32)), OTHER))


async def test_what_a_proof_of_a_record_must_say(tmp_path: Path) -> None:
    _, recorder = directory(tmp_path)
    for number in range(6):
        inclusion = await recorder.append(entry(number))
    digest = entry(5).manifest_sha256
    wrong = {
        "entry": (inclusion, "00" * 32),
        "checkpoint": (msgspec.structs.replace(inclusion, checkpoint="nonsense"), digest),
        "proof": (msgspec.structs.replace(inclusion, index=4), digest),
    }
    for problem, (changed, sha256) in wrong.items():
        assert check_inclusion(changed, sha256, KEY.public) == problem
    assert check_inclusion(msgspec.structs.replace(inclusion, size=7), digest, KEY.public) == "checkpoint"
    assert check_inclusion(msgspec.structs.replace(inclusion, proof=["?"]), digest, KEY.public) == "checkpoint"
    assert check_inclusion(inclusion, digest, OTHER.public) == "checkpoint"
    assert check_inclusion(inclusion, digest, None) is None
