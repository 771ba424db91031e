"""The court's key in a real token (SoftHSM): what it signs is what a key in a file signs, and it stays there."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import pypdfium2
import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from recording import documents
from recording.checkpoint import Checkpoint, read, sign
from recording.credentials import CredentialsProblem, read_credentials, sign_video
from recording.keys import KeyProblem, SigningKey, load_or_make, load_public, public_path, publish
from recording.objects import open_store
from recording.recorder import Recorder
from recording.tokens import open_document_key, open_key, parse
from recording.verify import verify_record
from tests.integration.recording.test_credentials import index
from tests.recorded import Tape, audio_arrivals, audio_track, facts, running, sealed

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN, LABEL = "271828", "records"

needs_softhsm = pytest.mark.skipif(
    not MODULE.exists() or shutil.which("softhsm2-util") is None,
    reason="SoftHSM is not installed (Debian: softhsm2), so that keys in tokens are not tested",
)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A token with the court's key; answers the key's address."""
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    # The library reads it once, when it is loaded into this process.
    os.environ["SOFTHSM2_CONF"] = str(conf)
    command = ["softhsm2-util", "--init-token", "--free", "--label", "court", "--pin", PIN, "--so-pin", "314159"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with pkcs11.lib(str(MODULE)).get_token(token_label="court").open(rw=True, user_pin=PIN) as session:
        curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("1.3.101.112")}
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC_EDWARDS, curve, local=True)
        parameters.generate_keypair(mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=LABEL)
        curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
        parameters.generate_keypair(store=True, label="documents")
    pin = folder / "pin"
    pin.write_text(f"{PIN}\n")
    return f"pkcs11:token=court;object={LABEL}?module-path={MODULE}&pin-source=file:{pin}"


@needs_softhsm
async def test_a_record_is_sealed_by_a_token_and_verified_without_it(token: str, tmp_path: Path) -> None:
    key = open_key(token)
    public = tmp_path / "keys" / "record.pem"
    publish(public_path(public), key.public)
    store = open_store((tmp_path / "archive").as_uri())
    tape = Tape(tmp_path / "spool")
    tape.track(audio_track("p1"), audio_arrivals(3))
    tape.write(3)
    async with running(Recorder(tmp_path / "spool", store, key)) as recorder:
        await sealed(recorder, "sitting", facts(3, ["p1"]))
    report = await verify_record(store, "hearings/sitting/", load_public(public_path(public)))
    assert report.ok, [finding.en for finding in report.findings]
    assert report.key_id == key.public.key_id


@needs_softhsm
def test_the_head_of_the_log_is_signed_and_the_key_stays_in_the_token(token: str) -> None:
    key = open_key(token)
    head = Checkpoint("court.example/records", 1, b"\0" * 32)
    assert read(sign(head, key), key.public) == head
    with pytest.raises(KeyProblem, match="stays in its token"):
        key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyProblem, match="stays in its token"):
        key.key.private_bytes_raw()


@needs_softhsm
def test_a_session_that_ended_is_opened_once_more(token: str) -> None:
    key = open_key(token)
    key.key._drawer._session.close()  # type: ignore[attr-defined]
    assert key.public.verifies(b"after", key.sign(b"after"))


@needs_softhsm
@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("object=records", "object=other", "key other in the token court"),
        ("token=court", "token=elsewhere", "token elsewhere"),
        ("libsofthsm2.so", "libnothing.so", "cannot be used"),
        ("/pin", "/no-pin", "PIN of the token cannot be read"),
    ],
)
def test_what_does_not_fit_is_said(token: str, before: str, after: str, says: str) -> None:
    with pytest.raises(KeyProblem, match=says):
        open_key(token.replace(before, after))


@needs_softhsm
def test_documents_are_signed_by_a_token_and_its_key_is_in_no_file(token: str, tmp_path: Path) -> None:
    key = open_document_key(token.replace("object=records", "object=documents"))
    path = tmp_path / "record.documents.pem"
    made = documents.load_or_make(path, "Court of Tests", key)
    assert b"PRIVATE" not in path.read_bytes()
    assert documents.load_or_make(path, "Court of Tests", key).chain == made.chain
    blank, pages = io.BytesIO(), pypdfium2.PdfDocument.new()
    pages.new_page(200, 200)
    pages.save(blank)
    pdf = PdfFileReader(io.BytesIO(documents.sign_pdf(blank.getvalue(), made)))
    trusted = ValidationContext(trust_roots=[x509.Certificate.load(made.chain[-1].public_bytes(Encoding.DER))])
    status = validate_pdf_signature(pdf.embedded_signatures[0], trusted)
    assert (status.intact, status.valid, status.trusted) == (True, True, True)
    video, signed = tmp_path / "film.mp4", tmp_path / "signed.mp4"
    source = ("-f", "lavfi", "-i", "testsrc=duration=1:size=320x180:rate=10")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *source, "-movflags", "+faststart", str(video)]
    subprocess.run(command, check=True, timeout=60)
    sign_video(video, signed, made, index(), "(2026) T 1")
    assert read_credentials(signed)[0] == "Valid"
    key._drawer._place = replace(key._drawer._place, token="elsewhere")  # the token is gone
    key._drawer._session.close()
    with pytest.raises(CredentialsProblem):
        sign_video(video, signed, made, index(), "(2026) T 1")


@needs_softhsm
def test_certificates_of_another_key_and_a_key_of_another_kind_are_told(token: str, tmp_path: Path) -> None:
    documents.load_or_make(tmp_path / "a.pem", "Court of Tests")
    key = open_document_key(token.replace("object=records", "object=documents"))
    with pytest.raises(KeyProblem, match="does not begin with the certificate of the P-256 key in the token"):
        documents.load_or_make(tmp_path / "a.pem", "Court of Tests", key)
    with pytest.raises(KeyProblem, match="key records in the token court cannot be used"):
        open_document_key(token)


def test_an_address_of_a_key_is_read() -> None:
    place = parse("pkcs11:token=The%20court;object=records?module-path=/usr/lib/x.so&pin-source=file:/etc/pin")
    assert (place.token, place.label, place.module, place.pin_file) == (
        "The court",
        "records",
        "/usr/lib/x.so",
        Path("/etc/pin"),
    )
    with pytest.raises(KeyProblem, match="begins with pkcs11:"):
        parse("/etc/key.pem")
    with pytest.raises(KeyProblem, match="lacks object, pin-source"):
        parse("pkcs11:token=a?module-path=/x.so")
    with pytest.raises(KeyProblem, match="into a file"):
        parse("pkcs11:token=a;object=b?module-path=/x.so&pin-value=1234")


def test_the_public_half_of_another_key_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "record.pem"
    first: SigningKey = load_or_make(path)
    publish(public_path(path), first.public)
    with pytest.raises(KeyProblem, match="another key"):
        publish(public_path(path), load_or_make(tmp_path / "other.pem").public)
