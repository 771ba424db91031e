"""Written records: made, signed, stored, and checked with nothing but the export and the key."""

from __future__ import annotations

import asyncio
import datetime
import io
import json
import shutil
from pathlib import Path

import msgspec
import pypdfium2
import pytest
from cryptography.x509 import load_pem_x509_certificate
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from recording import documents, messages
from recording import written as w
from recording.documents import DocumentKey
from recording.export import export_to
from recording.keys import load_or_make
from recording.objects import ObjectStore, open_store
from recording.recorder import Recorder
from recording.serve import RecordReader
from recording.verify import verify_record
from tests.recorded import Tape, audio_arrivals, audio_track, facts, running, sealed
from tests.servers.tsa import Authority, authority
from tests.signed import written_record


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sealed record, its written record in it, and an export of both."""
    folder = tmp_path_factory.mktemp("court")
    asyncio.run(_make(folder))
    return folder


def document_key(folder: Path) -> DocumentKey:
    return documents.load_or_make(documents.documents_path(folder / "court.pem"), "Court of Tests")


async def _make(folder: Path) -> None:
    key, store = load_or_make(folder / "court.pem"), open_store((folder / "store").as_uri())
    tape = Tape(folder / "spool")
    tape.track(audio_track("p1"), audio_arrivals(3))
    tape.write(3).abandon()
    await asyncio.to_thread((folder / "tsa").mkdir)
    with authority(folder / "tsa") as tsa:
        (folder / "tsa.pem").write_bytes(tsa.root)
        recorder = Recorder(folder / "spool", store, key, documents=document_key(folder), authority=tsa.url)
        async with running(recorder):
            await _write(recorder, store, tsa)
    await export_to(store, "sitting", folder / "export", key.public)


async def _write(recorder: Recorder, store: ObjectStore, tsa: Authority) -> None:
    root = (await sealed(recorder, "sitting", facts(3, ["p1"]))).manifest_sha256
    record = written_record("sitting", root)
    request = messages.Write(sitting_id="sitting", record=w.as_plain(record))
    forged = msgspec.structs.replace(record, record_root="ab" * 32)
    answer = await recorder.write(messages.Write(sitting_id="sitting", record=w.as_plain(forged)))
    assert isinstance(answer, messages.Refused)
    assert await RecordReader(store).written("sitting", "record.en.pdf") is None
    # The documents are to be time-stamped: while the authority refuses they wait.
    tsa.refuse = True
    while tsa.asked < 3:
        assert await recorder.write(request) == messages.Accepted()
        await asyncio.sleep(0.05)
    assert await RecordReader(store).written("sitting", "record.en.pdf") is None
    tsa.refuse = False
    while not isinstance(answer := await recorder.write(request), messages.Written):
        assert isinstance(answer, messages.Accepted), answer
        await asyncio.sleep(0.05)
    assert await recorder.write(request) == answer


@pytest.fixture
def export(court: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(court / "export", tmp_path / "export"))


async def findings(folder: Path, court: Path) -> tuple[bool, dict[str, str]]:
    key = load_or_make(court / "court.pem").public
    report = await verify_record(open_store(folder.as_uri()), "", key)
    return report.ok, {found.code: found.place for found in report.findings}


async def test_the_export_says_who_has_signed(export: Path, court: Path) -> None:
    ok, found = await findings(export, court)
    assert ok, found
    assert (found["written-signed"], found["written-refused"]) == ("Ann", "Bo")
    assert found["incident"] == "Ann: The disk was full."


@pytest.mark.parametrize("name", ["index.json", "index.sig", "record.json", "record.en.pdf", "record.zh.pdf"])
async def test_every_part_of_it_is_guarded(export: Path, court: Path, name: str) -> None:
    path = export / "written" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    ok, found = await findings(export, court)
    assert not ok
    assert "written-altered" in found
    path.unlink()
    ok, _ = await findings(export, court)
    assert not ok


async def test_a_signature_of_another_text_does_not_hold(court: Path) -> None:
    record = w.record_decoder.decode((court / "export/written/record.json").read_bytes())
    assert w.wrong_in(record, record.record_root) == []
    paragraphs = [msgspec.structs.replace(record.paragraphs[0], en="Another text"), *record.paragraphs[1:]]
    assert w.wrong_in(msgspec.structs.replace(record, paragraphs=paragraphs), record.record_root) == ["text"]
    other = msgspec.structs.replace(record, paragraphs=paragraphs, text_sha256=w.text_sha256("sitting", 1, paragraphs))
    assert w.wrong_in(other, record.record_root) == ["Ann"]
    assert w.wrong_in(record, "ab" * 32) == ["recordRoot"]


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_document_is_pdf_a_and_the_courts_signature_holds(court: Path, language: str) -> None:
    data = (court / f"export/written/record.{language}.pdf").read_bytes()
    assert b"<pdfaid:part>2</pdfaid:part>" in data
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in data
    text = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(data))
    record = json.loads((court / "export/written/record.json").read_bytes())
    for part in (record["textSha256"], record["recordRoot"], "#let x = 1"):
        assert part in text
    assert ("庭审笔录" if language == "zh" else "Record of the hearing") in text
    root = documents._asn1(document_key(court).chain[-1])
    tsa_root = documents._asn1(load_pem_x509_certificate((court / "tsa.pem").read_bytes()))

    def check() -> None:
        (signature,) = PdfFileReader(io.BytesIO(data)).embedded_signatures
        trusted, stamping = (ValidationContext(trust_roots=[one]) for one in (root, tsa_root))
        status = validate_pdf_signature(signature, trusted, ts_validation_context=stamping)
        assert status.bottom_line
        assert (status.intact, status.valid, status.trusted) == (True, True, True)
        stamp = status.timestamp_validity
        assert stamp is not None
        assert (stamp.intact, stamp.valid, stamp.trusted) == (True, True, True)
        assert abs(datetime.datetime.now(datetime.UTC) - stamp.timestamp) < datetime.timedelta(hours=1)

    await asyncio.to_thread(check)
