"""An export, checked by nothing but itself and the public key; and every way of altering it."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from recording.export import NotSealed, export_to
from recording.keys import KeyProblem, PublicKey, SigningKey, load_or_make, load_public, public_path
from recording.objects import open_store
from recording.recorder import Recorder
from recording.report import FINDINGS, Report, finding
from recording.sentences import sentences
from recording.verify import COMPANIONS, verify_record
from recording.verify_files import Progress
from tests.recorded import (
    WITNESSES,
    Tape,
    audio_arrivals,
    audio_track,
    facts,
    root_events,
    running,
    sealed,
    video_arrivals,
    video_track,
)


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small sealed record in ``store``, its export in ``export``, and the key."""
    folder = tmp_path_factory.mktemp("court")
    asyncio.run(_record(folder))
    return folder


async def _record(folder: Path) -> None:
    key = load_or_make(folder / "court.pem")
    store = open_store((folder / "store").as_uri())
    tape = Tape(folder / "spool")
    number = tape.track(audio_track("p1"), audio_arrivals(11))
    tape.track(video_track("p1"), video_arrivals(2))
    tape.note(number, 11, "end", reason="room-closed")
    tape.write(11.5).abandon()
    sitting = msgspec.structs.replace(facts(11, ["p1"]), events=root_events(folder / "spool/sitting/worker.1"))
    async with running(Recorder(folder / "spool", store, key)) as recorder:
        await sealed(recorder, "sitting", sitting)
    progress: list[float] = []
    await export_to(store, "sitting", folder / "export", key.public, progress=progress.append)
    assert progress[-1] == 1.0


@pytest.fixture
def export(court: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(court / "export", tmp_path / "export"))


@pytest.fixture(scope="module")
def key(court: Path) -> SigningKey:
    return load_or_make(court / "court.pem")


async def verify_folder(folder: Path, key: PublicKey | None, progress: Progress = lambda part: None) -> Report:
    return await verify_record(open_store(folder.as_uri()), "", key, progress)


def codes(report: Report) -> list[str]:
    return [found.code for found in report.findings]


async def test_a_whole_export_is_complete_and_unaltered(export: Path, key: SigningKey) -> None:
    parts: list[float] = []
    report = await verify_folder(export, key.public, parts.append)
    assert report.ok
    assert report.trusted
    assert (report.objects, report.tracks, report.case_number) == (2, 2, "(2026) T 1")
    assert report.chunks > 20
    assert report.key_id == key.public.key_id
    assert set(codes(report)) - WITNESSES == {"gap", "roots"}
    (roots,) = [found for found in report.findings if found.code == "roots"]
    assert roots.place.startswith("2, the last is ")
    assert parts == sorted(parts)


async def test_the_enclosed_key_is_enough_but_said(export: Path) -> None:
    report = await verify_folder(export, None)
    assert report.ok
    assert not report.trusted
    assert codes(report)[0] == "key-enclosed"
    (export / "court.pub.pem").unlink()
    assert codes(await verify_folder(export, None)) == ["key-missing"]
    (export / "court.pub.pem").write_text("no key")
    assert codes(await verify_folder(export, None)) == ["key-missing"]


async def test_the_export_is_enough_without_the_derived_files(court: Path, tmp_path: Path, key: SigningKey) -> None:
    store = open_store((court / "store").as_uri())
    await export_to(store, "sitting", tmp_path / "raw", key.public, derived=False)
    assert not (tmp_path / "raw" / "derived").exists()
    assert (await verify_folder(tmp_path / "raw", key.public)).ok
    with pytest.raises(FileExistsError):
        await export_to(store, "sitting", tmp_path / "raw", key.public)
    with pytest.raises(NotSealed):
        await export_to(store, "another", tmp_path / "x", key.public)


def parts_of(export: Path) -> list[Path]:
    return [path for path in sorted(export.rglob("*")) if path.is_file() and path.name not in COMPANIONS]


async def test_every_flipped_byte_is_caught_and_named(export: Path, key: SigningKey) -> None:
    """Bytes all over each file, so that every kind of field is met, with another bit each time."""
    files = await asyncio.to_thread(parts_of, export)
    assert len(files) == 7
    for path in files:
        name = path.relative_to(export).as_posix()
        original = path.read_bytes()
        step = 61 if len(original) < 100_000 else 4999
        for at in range(0, len(original), step):
            flipped = bytearray(original)
            flipped[at] ^= 1 << at % 8
            path.write_bytes(flipped)
            report = await verify_folder(export, key.public)
            assert not report.ok, (name, at)
            errors = [found for found in report.findings if found.severity == "error"]
            named = any(name in found.place for found in errors)
            assert named or name.startswith(("manifest", "derived/playback")), (name, at, errors)
            assert set(codes(report)) & {
                "object-altered",
                "signature-wrong",
                "manifest-unreadable",
                "derived-altered",
                "derived-unsigned",
            }
        path.write_bytes(original)
    assert (await verify_folder(export, key.public)).ok


async def test_the_place_of_a_flip_in_a_segment_is_its_chunk(export: Path, key: SigningKey) -> None:
    path = export / "raw" / "worker.1" / "000000.hrec"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    report = await verify_folder(export, key.public)
    (altered,) = [found for found in report.findings if found.code == "object-altered"]
    assert altered.place.startswith("raw/worker.1/000000.hrec byte ")
    assert altered.place.endswith("(chunk-hash)")
    assert codes(report).count("root-wrong") == 1, "the root after it covers chunks that came later"


async def test_what_is_missing_too_much_or_cut_is_named(export: Path, key: SigningKey) -> None:
    segment = export / "raw" / "worker.1" / "000001.hrec"
    data = segment.read_bytes()
    segment.write_bytes(data[:-10])
    assert "object-altered" in codes(await verify_folder(export, key.public))
    segment.unlink()
    report = await verify_folder(export, key.public)
    assert {"object-missing", "track-altered"} <= set(codes(report))
    segment.write_bytes(data)
    (export / "raw" / "worker.1" / "000002.hrec").write_bytes(data)
    assert codes(await verify_folder(export, key.public))[0] == "object-unlisted"
    (export / "raw" / "worker.1" / "000002.hrec").unlink()
    (export / "derived" / "stray.webm").write_bytes(b"x")
    report = await verify_folder(export, key.public)
    assert report.ok
    assert "derived-unlisted" in codes(report)
    for path in (export / "derived" / "media").iterdir():
        path.unlink()
    assert "derived-missing" in codes(await verify_folder(export, key.public))


async def test_a_manifest_that_another_key_signed_is_refused(export: Path, key: SigningKey, tmp_path: Path) -> None:
    other = load_or_make(tmp_path / "other.pem")
    manifest = (export / "manifest.json").read_bytes()
    (export / "manifest.sig").write_bytes(other.sign(manifest))
    assert "signature-wrong" in codes(await verify_folder(export, key.public))
    report = await verify_folder(export, other.public)
    assert not report.ok
    assert "key-other" in codes(report)
    (export / "manifest.sig").unlink()
    assert "signature-missing" in codes(await verify_folder(export, key.public))
    (export / "manifest.json").unlink()
    assert codes(await verify_folder(export, key.public)) == ["manifest-missing"]


async def test_a_manifest_that_hides_a_track_or_a_segment_cannot_be_signed_again(export: Path, key: SigningKey) -> None:
    path = export / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["objects"].pop()
    path.write_bytes(json.dumps(manifest).encode())
    assert {"signature-wrong", "object-unlisted"} <= set(codes(await verify_folder(export, key.public)))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
async def test_the_signature_is_checked_by_openssl_as_the_document_says(export: Path) -> None:
    command = "openssl pkeyutl -verify -pubin -inkey court.pub.pem -rawin -in manifest.json -sigfile manifest.sig"
    assert command in (Path(__file__).parents[3] / "docs" / "record-format.md").read_text(encoding="utf-8")
    process = await asyncio.create_subprocess_exec(*command.split(), cwd=export)
    assert await process.wait() == 0


async def test_it_says_so_in_words_of_both_languages(export: Path, key: SigningKey) -> None:
    whole = await verify_folder(export, key.public)
    assert sentences(whole, chinese=False)[0] == "The record is complete and unaltered."
    assert sentences(whole, chinese=True)[0] == "记录完整，未被改动。"
    assert "案号：(2026) T 1（Court of Tests）" in sentences(whole, chinese=True)
    assert any("P1, camera, torn" in line for line in sentences(whole, chinese=False))
    assert any("p1某，摄像头，未能写入" in line for line in sentences(whole, chinese=True))
    (export / "manifest.sig").write_bytes(bytes(64))
    altered = await verify_folder(export, key.public)
    assert "签名与清单不符" in "".join(sentences(altered, chinese=True))
    assert "was altered" in sentences(altered, chinese=False)[0]


async def test_a_store_is_checked_where_it_is(court: Path, key: SigningKey) -> None:
    assert (await verify_folder(court / "store" / "hearings" / "sitting", key.public)).ok


def test_every_finding_is_a_sentence_in_both_languages() -> None:
    for code, (severity, english, chinese) in FINDINGS.items():
        found = finding(code, "PLACE")
        assert found.severity == severity
        assert found.en.endswith(".")
        assert found.zh.endswith("。")
        assert ("{place}" in english) == ("{place}" in chinese)


def test_keys_are_made_once_and_bad_ones_are_named(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "court.pem"
    first, again = load_or_make(path), load_or_make(path)
    assert first.public.key_id == again.public.key_id == load_public(public_path(path)).key_id
    assert path.stat().st_mode & 0o077 == 0
    public_path(path).unlink()
    load_or_make(path)
    assert public_path(path).exists()
    path.write_text("not a key")
    with pytest.raises(KeyProblem, match="cannot be read"):
        load_or_make(path)
    with pytest.raises(KeyProblem):
        load_public(path)
    path.write_bytes(_other_kind_of_key())
    with pytest.raises(KeyProblem, match="not an Ed25519"):
        load_or_make(path)
    (tmp_path / "file").touch()
    with pytest.raises(KeyProblem, match="no signing key could be made"):
        load_or_make(tmp_path / "file" / "court.pem")


def _other_kind_of_key() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
