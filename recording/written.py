"""The written record of a sitting and the signatures under it: what is signed, byte for byte (record-format.md §8).

A draft is a list of paragraphs.  What is signed is the hash of the list of the paragraphs' hashes, so that who may read
only their own evidence can check that what they read is what they sign.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from . import canonical64
from .manifest import Struct, encode

VERSION = 1
FOLDER = "written/"
RECORD_NAME = FOLDER + "record.json"
INDEX_NAME = FOLDER + "index.json"
INDEX_SIGNATURE_NAME = FOLDER + "index.sig"
#: A raw signature of ECDSA with P-256: r and s, as browsers give it (Web Cryptography API §23.7.4).
SIGNATURE_BYTES = 64


class Paragraph(Struct):
    """``kind``: ``heading``, ``fact`` (the court's own words) or ``quote`` (somebody's words as taken down).

    ``by``: whose words or evidence it is, a person id or nothing.  ``at_us``: when, us since 1970; 0: at no moment.
    """

    id: str
    kind: str
    en: str
    zh: str
    by: str = ""
    at_us: int = 0


class Evidence(Struct):
    """What proves a signature.  ``statement`` is the canonical JSON that was signed, ``public_key`` the DER of the
    device's key (SubjectPublicKeyInfo, P-256), ``signature`` r and s, both in base64.

    ``identified_by``: ``link`` or ``account``; ``seat``: which device's session; ``device``: as the browser says.
    """

    statement: str
    public_key: str
    signature: str
    identified_by: str
    seat: str
    device: str
    at_us: int


class SignatureEntry(Struct):
    """``state``: ``signed``, ``refused`` or ``missing``."""

    person_id: str
    name: str
    name_zh: str
    role: str
    state: str
    at_us: int = 0
    reason: str = ""
    evidence: Evidence | None = None


class CorrectionEntry(Struct):
    """What somebody wanted changed; ``answer``: ``accepted`` or ``refused``, or nothing."""

    number: int
    person_id: str
    name: str
    name_zh: str
    draft: int
    paragraph: str
    text: str
    at_us: int
    answer: str = ""
    answer_text: str = ""
    answered_by: str = ""


class IncidentEntry(Struct):
    """The presiding judge's written statement about a fault of the record (RRC art. 4, 5)."""

    person_id: str
    name: str
    name_zh: str
    at_us: int
    text: str


class WrittenRecord(Struct):
    version: int
    sitting_id: str
    court: str
    court_zh: str
    case_number: str
    case_name: str
    case_name_zh: str
    time_zone: str
    draft: int
    #: SHA-256 (hex) of the signed manifest of sound and picture; empty where the court sat without a record.
    record_root: str
    text_sha256: str
    #: Something was lost to a fault; what there is of it is kept.
    partial: bool
    paragraphs: list[Paragraph]
    signatures: list[SignatureEntry]
    corrections: list[CorrectionEntry]
    incidents: list[IncidentEntry]
    made_us: int


class FileEntry(Struct):
    name: str
    size: int
    sha256: str


class WrittenIndex(Struct):
    """What was made of the written record; the court's key signs it."""

    version: int
    sitting_id: str
    manifest_sha256: str
    files: list[FileEntry]


record_decoder: msgspec.json.Decoder[WrittenRecord] = msgspec.json.Decoder(WrittenRecord)
index_decoder: msgspec.json.Decoder[WrittenIndex] = msgspec.json.Decoder(WrittenIndex)


def paragraph_sha256(paragraph: Paragraph) -> str:
    return hashlib.sha256(encode(paragraph)).hexdigest()


def text_sha256(sitting_id: str, draft: int, paragraphs: list[Paragraph]) -> str:
    """The hash of a draft: of its paragraphs' names and hashes in order."""
    listed = [{"id": one.id, "sha256": paragraph_sha256(one)} for one in paragraphs]
    whole = {"draft": draft, "paragraphs": listed, "sittingId": sitting_id, "version": VERSION}
    return hashlib.sha256(encode(whole)).hexdigest()


def statement(sitting_id: str, person_id: str, draft: int, text: str, record_root: str) -> bytes:
    """What a device signs."""
    return encode(
        {
            "decision": "sign",
            "draft": draft,
            "personId": person_id,
            "recordRoot": record_root,
            "sittingId": sitting_id,
            "textSha256": text,
        }
    )


def device_signed(public_key: str, signature: str, data: bytes) -> bool:
    """Whether this P-256 key signed the bytes; nothing else is taken."""
    try:
        key = load_der_public_key(canonical64.decode(public_key))
        raw = canonical64.decode(signature)
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            return False
        if len(raw) != SIGNATURE_BYTES:
            return False
        half = SIGNATURE_BYTES // 2
        der = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        key.verify(der, data, ECDSA(SHA256()))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def proof_sha256(evidence: Evidence) -> str:
    """As the sitting's log holds a signature."""
    return hashlib.sha256(encode(evidence)).hexdigest()


def wrong_in(record: WrittenRecord, manifest_sha256: str) -> list[str]:
    """What does not hold of a written record: nothing, or the names of signatures and parts that are wrong."""
    wrong: list[str] = []
    if text_sha256(record.sitting_id, record.draft, record.paragraphs) != record.text_sha256:
        wrong.append("text")
    if record.record_root and record.record_root != manifest_sha256:
        wrong.append("recordRoot")
    for entry in record.signatures:
        if entry.state == "signed" and not _holds(record, entry):
            wrong.append(entry.name)
    return wrong


def _holds(record: WrittenRecord, entry: SignatureEntry) -> bool:
    evidence = entry.evidence
    if evidence is None:
        return False
    said = statement(record.sitting_id, entry.person_id, record.draft, record.text_sha256, record.record_root)
    return evidence.statement.encode() == said and device_signed(evidence.public_key, evidence.signature, said)


def as_plain(value: Struct) -> dict[str, Any]:
    """For a message on the bus."""
    return msgspec.to_builtins(value)  # type: ignore[no-any-return]
