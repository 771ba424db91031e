"""The manifest: what the record of a sitting consists of, in canonical JSON, signed.

Canonical: UTF-8, keys sorted, no white space, times as whole microseconds since 1970 (below 2^53, so that any JSON
reader holds them exactly).  docs/record-format.md describes every field.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .messages import Participant, SittingFacts

MANIFEST_VERSION = 1
MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.sig"
#: The proof that the court's transparency log has the record, and an authority's time-stamp (RFC 3161) of the manifest.
INCLUSION_NAME = "inclusion.json"
STAMP_NAME = "manifest.tsr"
#: That proof once more for each who cosigned the log's head (:mod:`.cosignature`), by the key's four bytes.
COSIGNED_PREFIX = "cosigned/"
RAW_PREFIX = "raw/"
DERIVED_PREFIX = "derived/"
#: Where the keys of encrypted hearings are.
KEYS_PREFIX = "keys/"
ADDED_PREFIX = "added/"
#: Where records are, and apart from them test recordings.
HEARINGS_PREFIX, TESTS_PREFIX = "hearings/", "tests/"
#: Begins the name of a test recording, and of no sitting.
TEST_NAME = "test-recording~"


class Struct(msgspec.Struct, rename="camel", kw_only=True):
    """Base: camelCase on disk; unknown fields are ignored by readers."""


class ObjectEntry(Struct):
    """One stored segment.  ``chunks`` lists ``[track, index of its first chunk here, number of chunks here]``.

    ``tree_sha256``: root over its header and its chunks (:func:`recording.chain.tree_of`), so that some of them
    can be left out of a copy; not there where the segment is damaged, or was sealed before this was told.
    """

    name: str
    size: int
    sha256: str
    writer: str
    segment: int
    chunks: list[tuple[int, int, int]]
    recovered: bool = False
    tree_sha256: str | msgspec.UnsetType = msgspec.UNSET


class TrackEntry(Struct):
    """One track of one writer.  ``head_sha256`` is the hash of its last chunk: the whole track hangs on it."""

    writer: str
    track: int
    track_id: str
    person_id: str
    source: str
    kind: str
    codec: str
    payload_type: int
    clock_rate: int
    channels: int
    attributes: dict[str, str]
    chunks: int
    records: int
    packets: int
    bytes: int
    head_sha256: str
    start_us: int
    end_us: int
    end_reason: str | None


class GapEntry(Struct):
    """A span without media.  ``cause``: loss, mute, disconnect, node-change, sender, torn (received, not
    written), unknown; or the ground on which the court interrupted the record: recess, private_evidence, mediation,
    fault."""

    person_id: str | None
    source: str | None
    start_us: int
    duration_us: int
    cause: str
    packets: int = 0


class WriterEntry(Struct):
    """One run of a media worker.  The clock facts are the extremes of wall minus monotonic clock, us."""

    writer: str
    segments: int
    start_us: int
    end_us: int
    ended: bool
    recovered: bool
    clock_offset_us: int
    clock_least_us: int
    clock_most_us: int
    software: str


class ProblemEntry(Struct):
    """What was found wrong while the record was put together; it stays in the record, said and signed."""

    code: str
    place: str


class Manifest(Struct):
    version: int
    sitting_id: str
    court: str
    court_zh: str
    room: str
    case_number: str
    case_name: str
    case_name_zh: str
    hearing_id: str
    opened_us: int
    closed_us: int
    sealed_us: int
    participants: list[Participant]
    events: list[dict[str, Any]]
    writers: list[WriterEntry]
    missing_writers: list[str]
    tracks: list[TrackEntry]
    objects: list[ObjectEntry]
    gaps: list[GapEntry]
    #: Spans of the sitting in which no writer recorded at all, and those that the court declared.
    interruptions: list[GapEntry]
    problems: list[ProblemEntry]
    software: str
    key_id: str
    algorithm: str = "Ed25519"
    #: The court's own machinery lost something (:func:`recording.interruptions.faulty`): this is not the whole record.
    partial: bool = False
    #: Of a public version, the SHA-256 of the record's manifest: never to be taken for that without its statement.
    public_of: str = ""


def encode(value: Any) -> bytes:
    """The canonical form."""
    return msgspec.json.encode(value, order="sorted")


decoder: msgspec.json.Decoder[Manifest] = msgspec.json.Decoder(Manifest)


def is_test(sitting_id: str) -> bool:
    """Whether this is a test recording, which is of no hearing: nothing of it is part of the court's records."""
    return sitting_id.startswith(TEST_NAME)


def prefix(sitting_id: str) -> str:
    """Where all objects of a sitting, or of a test recording, are."""
    return f"{TESTS_PREFIX if is_test(sitting_id) else HEARINGS_PREFIX}{sitting_id}/"


def added_prefix(sitting_id: str) -> str:
    """Where the recordings are that the court added to a sitting after it: kept, held, encrypted and destroyed with the
    record, and no part of what was captured."""
    return f"{ADDED_PREFIX}{sitting_id}/"


def key_name(sitting_id: str) -> str:
    """The key of an encrypted hearing."""
    return f"{KEYS_PREFIX}{sitting_id}.age"


def facts_fields(facts: SittingFacts) -> dict[str, Any]:
    """The manifest's fields that come from control as they are."""
    return {
        "court": facts.court,
        "court_zh": facts.court_zh,
        "room": facts.room,
        "case_number": facts.case_number,
        "case_name": facts.case_name,
        "case_name_zh": facts.case_name_zh,
        "hearing_id": facts.hearing_id,
        "opened_us": facts.opened_wall_ns // 1000,
        "closed_us": facts.closed_wall_ns // 1000,
        "participants": facts.participants,
        "events": facts.events,
    }
