"""Exports of records that somebody has changed, for every way of checking: none may say of them that all is well.

Who forges has genuine exports of the same court, all of them signed, and can leave out, put in, exchange and pack anew
what they like, but has not the court's key; only where the verifiers must not break is it used here against itself.
"""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recording.format import Chunk, read_chunks, read_header
from recording.keys import SigningKey, load_or_make
from recording.manifest import encode
from recording.merkle import leaf_hash
from recording.playback import ExportEntry
from recording.redacted import redact, runs_of


@dataclass(frozen=True)
class Genuine:
    """Folders with exports of one record: the whole (``export``), ``public`` less a span, and a ``part``."""

    folder: Path
    key: SigningKey

    def copy(self, name: str, target: Path) -> Path:
        return Path(shutil.copytree(self.folder / name, target))


#: Makes a forged folder or ZIP file at a new path.
Forge = Callable[[Genuine, Path], Path]


def _of(name: str, change: Callable[[Genuine, Path], None]) -> Forge:
    def forge(genuine: Genuine, target: Path) -> Path:
        folder = genuine.copy(name, target / "record")
        change(genuine, folder)
        return folder

    return forge


def _without_statement(_: Genuine, folder: Path) -> None:
    for name in ("statement.json", "statement.sig", "inclusion.json", "manifest.tsr"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "derived", ignore_errors=True)
    shutil.rmtree(folder / "cosigned", ignore_errors=True)


def _statement_of_the_part(genuine: Genuine, folder: Path) -> None:
    for name in ("statement.json", "statement.sig"):
        shutil.copy(genuine.folder / "part" / name, folder / name)


def _index_of(source: str, place: str, at: str = "derived/withheld/export") -> Callable[[Genuine, Path], None]:
    """The playable copies of another export of the same record, each rightly signed."""

    def change(genuine: Genuine, folder: Path) -> None:
        shutil.rmtree(folder / "derived", ignore_errors=True)
        shutil.copytree(genuine.folder / source / "derived", folder / "derived")
        if place != at:
            for name in ("playback.json", "playback.sig"):
                (folder / at / name).rename(folder / place / name)

    return change


def _film_of_another_hearing(genuine: Genuine, folder: Path) -> None:
    """The court made and signed it, of another record."""
    entry = ExportEntry(
        job_id="j",
        name="derived/exports/j.mp4",
        media_type="video/mp4",
        size=4,
        sha256="88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589",
        duration_ms=1,
        locale="en",
        timezone="UTC",
        manifest_sha256="ab" * 32,
        derived_from=[],
        created_us=1,
    )
    place = folder / "derived/exports"
    place.mkdir(parents=True, exist_ok=True)
    (place / "j.mp4").write_bytes(b"abcd")
    (place / "j.json").write_bytes(encode(entry))
    (place / "j.sig").write_bytes(genuine.key.sign(encode(entry)))


def _another_key(_: Genuine, folder: Path) -> None:
    other = load_or_make(folder.parent / "other.pem")
    (folder / "court.pub.pem").write_bytes(other.public.pem)
    for data, signature in (("manifest.json", "manifest.sig"), ("derived/playback.json", "derived/playback.sig")):
        (folder / signature).write_bytes(other.sign((folder / data).read_bytes()))


def _one_file_more(name: str) -> Callable[[Genuine, Path], None]:
    def change(_: Genuine, folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"{}")

    return change


def _byte_order_mark(_: Genuine, folder: Path) -> None:
    path = folder / "inclusion.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def _stated(change: Callable[[dict[str, Any]], None]) -> Callable[[Genuine, Path], None]:
    """Even if the court signed it."""

    def alter(genuine: Genuine, folder: Path) -> None:
        statement = json.loads((folder / "statement.json").read_bytes())
        change(statement)
        data = encode(statement)
        (folder / "statement.json").write_bytes(data)
        (folder / "statement.sig").write_bytes(genuine.key.sign(data))

    return alter


def _times(start_us: int, end_us: int) -> Callable[[dict[str, Any]], None]:
    def change(statement: dict[str, Any]) -> None:
        statement["spans"][0] |= {"startUs": start_us, "endUs": end_us, "decidedUs": start_us}

    return change


def _of_no_span(statement: dict[str, Any]) -> None:
    statement["spans"] = []


def _in_the_redacted(change: Callable[[bytes], bytes]) -> Callable[[Genuine, Path], None]:
    """Of what is left of a segment."""

    def alter(_: Genuine, folder: Path) -> None:
        path = next(folder.rglob("*.redacted"))
        path.write_bytes(change(path.read_bytes()))

    return alter


def _pieces(data: bytes) -> tuple[bytes, list[bytes]]:
    """The head of a segment with chunks left out, and its chunks and what stands for others."""
    _, at = read_header(data[8:])
    at += 8
    head, pieces = data[:at], []
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "big") if data[at : at + 4] == b"CHNK" else 37
        pieces.append(data[at : at + length])
        at += length
    return head, pieces


def _pieces_changed(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Genuine, Path], None]:
    def alter(data: bytes) -> bytes:
        head, pieces = _pieces(data)
        return head + b"".join(change(pieces))

    return _in_the_redacted(alter)


def _swapped(pieces: list[bytes]) -> list[bytes]:
    return [pieces[1], pieces[0], *pieces[2:]]


def _another_hash(pieces: list[bytes]) -> list[bytes]:
    at = next(number for number, piece in enumerate(pieces) if piece.startswith(b"GONE"))
    return [*pieces[:at], pieces[at][:-1] + bytes([pieces[at][-1] ^ 1]), *pieces[at + 1 :]]


def _one_chunk_less(pieces: list[bytes]) -> list[bytes]:
    """Its place in the tree is right."""
    leaf = leaf_hash(pieces[-1][-32:])
    return [*pieces[:-1], b"GONE\0" + leaf]


def _fewer_chunks_told(statement: dict[str, Any]) -> None:
    statement["redacted"][0]["absent"][0][1] -= 1


def _redacted_as_whole(_: Genuine, folder: Path) -> None:
    path = next(folder.rglob("*.redacted"))
    path.rename(path.with_suffix(".hrec"))


def _whole_as_redacted(genuine: Genuine, folder: Path) -> None:
    path = next(folder.rglob("*.redacted"))
    whole = path.relative_to(folder).with_suffix(".hrec")
    path.write_bytes((genuine.folder / "export" / whole).read_bytes())


def _redacted_where_nothing_is_withheld(genuine: Genuine, folder: Path) -> None:
    path = next((genuine.folder / "public").rglob("*.redacted")).relative_to(genuine.folder / "public")
    (folder / path).write_bytes((genuine.folder / "public" / path).read_bytes())
    (folder / path.with_suffix(".hrec")).unlink()


def _chunks_of_open_time(genuine: Genuine, folder: Path) -> None:
    """The court itself withholds more than its spans."""
    path = max(folder.rglob("*.redacted"))
    name = path.relative_to(folder).with_suffix(".hrec")
    data = (genuine.folder / "export" / name).read_bytes()
    statement = json.loads((folder / "statement.json").read_bytes())
    (told,) = [one for one in statement["redacted"] if one["name"] == name.as_posix()]
    chunks = sum(1 for _ in read_chunks(data, read_header(data)[1]))
    told["absent"].append([chunks - 8, 4])
    path.write_bytes(redact(data, [(first, count) for first, count in told["absent"]]))

    def change(now: dict[str, Any]) -> None:
        now["redacted"] = statement["redacted"]

    _stated(change)(genuine, folder)


def _more_than_withheld(whether: Callable[[Chunk, bool], bool]) -> Callable[[Genuine, Path], None]:
    """The court itself leaves out chunks of all segments, and says false times of them."""

    def alter(genuine: Genuine, folder: Path) -> None:
        statement = json.loads((folder / "statement.json").read_bytes())
        span = statement["spans"][0]
        times = {"startUs": span["startUs"], "endUs": span["endUs"]}
        statement["redacted"], statement["withheld"] = [], []
        for path in sorted((genuine.folder / "export/raw").rglob("*.hrec")):
            name, data = path.relative_to(genuine.folder / "export"), path.read_bytes()
            chunks = list(read_chunks(data, read_header(data)[1]))
            early = [chunk.last_wall_ns // 1000 < span["endUs"] for chunk in chunks]
            absent = runs_of([at for at, chunk in enumerate(chunks, 1) if whether(chunk, early[at - 1])])
            for suffix in (".hrec", ".redacted"):
                (folder / name).with_suffix(suffix).unlink(missing_ok=True)
            if sum(count for _, count in absent) == len(chunks):
                statement["withheld"].append({"name": name.as_posix(), **times})
            elif absent:
                (folder / name).with_suffix(".redacted").write_bytes(redact(data, absent))
                statement["redacted"].append({"name": name.as_posix(), "absent": absent, **times})
            else:
                (folder / name).write_bytes(data)
        _stated(lambda now: now.update(statement))(genuine, folder)

    return alter


def _of_a_later_version(name: str) -> Callable[[Genuine, Path], None]:
    def change(genuine: Genuine, folder: Path) -> None:
        found = json.loads((folder / name).read_bytes())
        found["version"] = 9
        data = encode(found)
        (folder / name).write_bytes(data)
        (folder / name).with_suffix(".sig").write_bytes(genuine.key.sign(data))

    return change


#: What both ways of checking must find, beside others.
FOLDERS: dict[str, tuple[Forge, str]] = {
    "no statement": (_of("public", _without_statement), "statement-missing"),
    "the statement of another export": (_of("public", _statement_of_the_part), "statement-wrong"),
    "a statement of no span": (_of("public", _stated(_of_no_span)), "statement-wrong"),
    "times before 1970 and after 9999": (_of("public", _stated(_times(-(1 << 52), 1 << 52))), "derived-altered"),
    "copies of another export": (_of("part", _index_of("public", "derived/withheld/export")), "derived-altered"),
    "a public copy for the whole": (_of("export", _index_of("public", "derived")), "derived-altered"),
    "a film of another hearing": (_of("export", _film_of_another_hearing), "derived-altered"),
    "another key of the same name": (_of("export", _another_key), "signature-wrong"),
    "a file more": (_of("export", _one_file_more("raw/worker.1/000009.hrec")), "object-unlisted"),
    "a name that looks alike": (_of("export", _one_file_more("raw/worker\u0387" + "1/000000.hrec")), "object-unlisted"),
    "an index outside of a folder": (
        _of("export", _one_file_more("derived/withheld/playback.json")),
        "derived-altered",
    ),
    "a byte order mark": (_of("export", _byte_order_mark), "inclusion-wrong"),
    "chunks in another order": (_of("public", _pieces_changed(_swapped)), "redacted-altered"),
    "another hash of absent chunks": (_of("public", _pieces_changed(_another_hash)), "redacted-altered"),
    "a chunk less, with its hash": (_of("public", _pieces_changed(_one_chunk_less)), "redacted-altered"),
    "a chunk less": (_of("public", _pieces_changed(lambda pieces: pieces[:-1])), "redacted-altered"),
    "fewer chunks told to be absent": (_of("public", _stated(_fewer_chunks_told)), "redacted-altered"),
    "chunks of open time absent": (_of("public", _chunks_of_open_time), "chunk-unexplained"),
    "one person absent from begin to end": (
        _of("public", _more_than_withheld(lambda chunk, early: chunk.track == 1)),
        "chunk-unexplained",
    ),
    "all sound and pictures absent": (
        _of("public", _more_than_withheld(lambda chunk, early: chunk.track != 0)),
        "chunk-unexplained",
    ),
    "all absent before the span, too": (
        _of("public", _more_than_withheld(lambda chunk, early: early)),
        "chunk-unexplained",
    ),
    "what is left for the whole": (_of("public", _redacted_as_whole), "statement-wrong"),
    "the whole for what is left": (_of("public", _whole_as_redacted), "redacted-altered"),
    "chunks left out of the whole": (_of("export", _redacted_where_nothing_is_withheld), "object-missing"),
    "a manifest of a later version": (_of("export", _of_a_later_version("manifest.json")), "version-unknown"),
    "a statement of a later version": (_of("public", _of_a_later_version("statement.json")), "statement-wrong"),
}


def _packed(genuine: Genuine, target: Path, more: Callable[[zipfile.ZipFile], None] = lambda file: None) -> Path:
    path = target / "record.zip"
    with zipfile.ZipFile(path, "w") as file:
        for each in sorted((genuine.folder / "export").rglob("*")):
            if each.is_file():
                file.write(each, each.relative_to(genuine.folder / "export"))
        more(file)
    return path


def _twice(genuine: Genuine, target: Path) -> Path:
    def more(file: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("README.txy")
        file.writestr(info, b"another")

    path = _packed(genuine, target, more)
    path.write_bytes(path.read_bytes().replace(b"README.txy", b"README.txt"))
    return path


_LOCAL, _CENTRAL = (b"PK\3\4", 30), (b"PK\1\2", 46)


def _changed(head: tuple[bytes, int], name: bytes, offset: int, value: bytes) -> Forge:
    """Some bytes of what the archive itself says of an entry."""

    def forge(genuine: Genuine, target: Path) -> Path:
        path = _packed(genuine, target)
        magic, length = head
        data, at = bytearray(path.read_bytes()), -1
        while at < 0 or data[at + length : at + length + len(name)] != name:
            at = data.index(magic, at + 1)
        data[at + offset : at + offset + len(value)] = value
        path.write_bytes(bytes(data))
        return path

    return forge


def _two_directories(genuine: Genuine, target: Path) -> Path:
    """One for programs that heed the newer end record, another for those that do not."""
    path = _packed(genuine, target)
    data = path.read_bytes()
    end = data.rindex(b"PK\5\6")
    count, size, begin = struct.unpack_from("<HLL", data, end + 10)
    # The old end record leads to the same directory less its last entry.
    newer = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, begin)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    last = data.rindex(b"PK\1\2")
    old = struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, count - 1, count - 1, last - begin, begin, 0)
    path.write_bytes(data[:end] + newer + locator + old)
    return path


def _something_before(genuine: Genuine, target: Path) -> Path:
    path = _packed(genuine, target)
    path.write_bytes(b"MZ" * 100 + path.read_bytes())
    return path


_SEGMENT = b"raw/worker.1/000000.hrec"
#: Archives in which programs do not agree on what they hold.
ARCHIVES: dict[str, Forge] = {
    "a name twice": _twice,
    "another name before the file": _changed(_LOCAL, b"manifest.json", 30, b"manifest.jsom"),
    "said to be encrypted": _changed(_CENTRAL, _SEGMENT, 8, b"\x01\x00"),
    "shorter than it is": _changed(_CENTRAL, _SEGMENT, 20, b"\x01\x00\x00\x00"),
    "longer than is said": _changed(_CENTRAL, _SEGMENT, 24, b"\x01\x00\x00\x00"),
    "a name that ends early": _changed(_CENTRAL, _SEGMENT, 46 + 24 - 1, b"\x00"),
    "two directories": _two_directories,
    "something before it": _something_before,
}
