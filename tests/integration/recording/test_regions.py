"""Every region of an exported record, as the format lays it out, is flipped in turn: caught, and named."""

from __future__ import annotations

import asyncio
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from recording import format as f
from recording.export import export_to
from recording.keys import SigningKey, load_or_make, public_path
from recording.objects import ObjectStore, StoreProblem, open_store
from recording.recorder import Recorder
from recording.report import Report
from recording.verify import verify_record
from recording.zipped import ZippedRecord
from tests.added import ACTS, FIRST, SECOND, put, stated
from tests.recorded import Tape, audio_arrivals, audio_track, eventually, facts, root_events, running, sealed

SEGMENT = "raw/worker.1/000000.hrec"
#: The fields of a chunk's head, in order, and their lengths: docs/record-format.md section 2.
CHUNK_FIELDS = (
    ("magic", 4), ("length", 4), ("track", 4), ("index", 4), ("count", 4), ("first monotonic", 8),
    ("last monotonic", 8), ("first wall", 8), ("last wall", 8), ("previous", 32),
)  # fmt: skip
RECORD_FIELDS = (("kind", 1), ("monotonic", 8), ("length", 4))


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("regions")
    asyncio.run(_record(folder))
    return folder


async def _record(folder: Path) -> None:
    key = load_or_make(folder / "court.pem")
    store = open_store((folder / "store").as_uri())
    tape = Tape(folder / "spool")
    number = tape.track(audio_track("p1"), audio_arrivals(2))
    tape.note(number, 2, "end", reason="room-closed")
    tape.write(2.5).abandon()
    sitting = msgspec.structs.replace(facts(2, ["p1"]), events=root_events(folder / "spool/sitting/worker.1"))
    async with running(Recorder(folder / "spool", store, key)) as recorder:
        await sealed(recorder, "sitting", sitting)

        async def anchored() -> bool:
            return "hearings/sitting/inclusion.json" in {name for name, _ in await store.list("hearings/sitting/")}

        await eventually(anchored)
        await put(store, "sitting", FIRST, SECOND)
        await stated(recorder, "sitting", *ACTS)
    await export_to(store, "sitting", folder / "export", key.public)


@pytest.fixture(scope="module")
def key(court: Path) -> SigningKey:
    return load_or_make(court / "court.pem")


def fields(at: int, layout: tuple[tuple[str, int], ...]) -> Iterator[tuple[str, int, int]]:
    for name, length in layout:
        yield name, at, at + length
        at += length


def regions(data: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Name, first byte, end, and the chunk's first byte (0 in the header), of every region of a segment file."""
    _, first = f.read_header(data)
    magic = len(f.MAGIC)
    yield "header magic", 0, magic, 0
    yield "header length", magic, magic + 4, 0
    yield "header json", magic + 4, first - f.HASH_BYTES, 0
    yield "header sha256", first - f.HASH_BYTES, first, 0
    for chunk in f.read_chunks(data, first):
        for name, at, end in fields(chunk.offset, CHUNK_FIELDS):
            yield f"chunk {name}", at, end, chunk.offset
        at = chunk.offset + sum(length for _, length in CHUNK_FIELDS)
        for record in chunk.records():
            for name, start, end in fields(at, RECORD_FIELDS):
                yield f"record {name}", start, end, chunk.offset
            at += f.RECORD.size
            yield f"record data {record.kind}", at, at + len(record.data), chunk.offset
            at += len(record.data)
        end = chunk.offset + chunk.length
        assert at == end - f.HASH_BYTES, "the regions fill the chunk"
        yield "chunk sha256", at, end, chunk.offset


def test_the_regions_are_all_of_the_file(court: Path) -> None:
    data = (court / "export" / SEGMENT).read_bytes()
    end = 0
    for _, start, stop, _ in regions(data):
        assert start == end
        end = stop
    assert end == len(data)
    names = {name for name, *_ in regions(data)}
    assert names >= {"record data 0", "record data 1", "record data 2", "record data 3"}, "track, RTP, RTCP, note"


async def test_each_region_of_a_segment_is_named_with_its_object_and_chunk(court: Path, key: SigningKey) -> None:
    """One flip in each kind of region of the first chunks; in each region's first and last byte."""
    path = court / "export" / SEGMENT
    data = path.read_bytes()
    _, first = f.read_header(data)
    met: dict[str, int] = {}
    try:
        for name, start, end, chunk in regions(data):
            met[name] = met.get(name, 0) + 1
            if met[name] > 2:
                continue
            for at in {start, end - 1}:
                path.write_bytes(flipped(data, at))
                altered = [found for found in (await checked(court, key)).findings if found.code == "object-altered"]
                assert len(altered) == 1, (name, at)
                assert altered[0].place.startswith(f"{SEGMENT} byte "), (name, at)
                byte = int(altered[0].place.split()[2])
                # A header is one region by its hash, and so is each chunk, which is named by its first byte.
                assert byte == chunk if chunk else byte < first, (name, at, altered[0].place)
    finally:
        path.write_bytes(data)
    assert len(met) == 4 + len(CHUNK_FIELDS) + len(RECORD_FIELDS) + 4 + 1


async def test_each_field_of_the_signed_documents_is_covered(court: Path, key: SigningKey) -> None:
    """A character of every value in the manifest, the index and the inclusion proof, and every byte of a signature."""
    for name in ("manifest.json", "derived/playback.json", "inclusion.json", "manifest.sig", "derived/playback.sig"):
        path = court / "export" / name
        data = path.read_bytes()
        places = range(len(data)) if name.endswith(".sig") else sorted(values(data))
        try:
            for at in places:
                path.write_bytes(flipped(data, at))
                report = await checked(court, key)
                assert not report.ok, (name, at, data[at - 20 : at + 20])
                errors = {found.code for found in report.findings if found.severity == "error"}
                expected = {
                    "manifest": {"signature-wrong", "manifest-unreadable"},
                    "derived/": {"derived-unsigned", "derived-altered"},
                    "inclusio": {"inclusion-wrong"},
                }[name[:8]]
                assert errors & expected, (name, at, errors)
        finally:
            path.write_bytes(data)


def values(data: bytes) -> set[int]:
    """A place in each value of a JSON document: behind each colon that ends a key, two bytes further for a string."""
    found = {at + 2 for at in range(len(data) - 3) if data[at : at + 2] == b'":'}
    return {at + (data[at : at + 1] in b'"[{') for at in found}


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_a_flip_in_any_file_of_a_zip_is_named(court: Path, key: SigningKey, tmp_path: Path, packing: int) -> None:
    packed = pack(court / "export", tmp_path / "record.zip", packing)
    assert (await verified(ZippedRecord(packed), key)).ok
    arguments = ["-m", "hearing_server", "verify", str(packed), "--public-key", str(public_path(court / "court.pem"))]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0
    data = packed.read_bytes()
    with zipfile.ZipFile(packed) as file:
        infos = [info for info in file.infolist() if not info.filename.endswith(("/", "README.txt", ".pem"))]
    folder = court / "export"
    originals = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for info in infos:
        name_length, extra_length = struct.unpack_from("<HH", data, info.header_offset + 26)
        start = info.header_offset + 30 + name_length + extra_length
        for at in (start + info.compress_size // 3, start + info.compress_size // 2, start + info.compress_size - 1):
            packed.write_bytes(flipped(data, at))
            name = info.filename.split("/", 1)[1]
            if packing == zipfile.ZIP_DEFLATED and await ZippedRecord(packed).read(name) == originals[name]:
                continue  # a bit behind the end of what was packed
            report = await verified(ZippedRecord(packed), key)
            assert not report.ok, (name, at)
            errors = [found for found in report.findings if found.severity == "error"]
            # A signature is named by what it is of.
            of = name.replace(".sig", ".json") if name.startswith("added/") else name
            named = any(of in found.place for found in errors)
            assert named or name.startswith(("manifest", "derived/playback", "inclusion")), (name, at, errors)


async def test_a_zip_that_is_damaged_or_says_two_things_is_refused(
    court: Path, key: SigningKey, tmp_path: Path
) -> None:
    whole = pack(court / "export", tmp_path / "record.zip", zipfile.ZIP_STORED)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(StoreProblem):
        ZippedRecord(cut)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(whole, "a") as file:
        file.writestr("the record/manifest.json", b"{}")
    with pytest.raises(StoreProblem, match="twice"):
        ZippedRecord(whole)


def pack(folder: Path, target: Path, packing: int) -> Path:
    with zipfile.ZipFile(target, "w", packing) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, Path("the record") / path.relative_to(folder))
    return target


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


async def checked(court: Path, key: SigningKey) -> Report:
    return await verified(open_store((court / "export").as_uri()), key)


async def verified(store: ObjectStore, key: SigningKey) -> Report:
    return await verify_record(store, "", key.public)
