"""docs/record-format.md says what the code does: every kind, field, code and cause is in it."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import msgspec
import pytest

from recording import chain, content, format, manifest, playback, record, recovery
from recording.format import CHUNK_LIMIT_BYTES, CHUNK_OVERHEAD_BYTES, HEADER_LIMIT_BYTES, RECORD, RecordKind

DOCUMENT = (Path(__file__).parents[3] / "docs" / "record-format.md").read_text(encoding="utf-8")


def sources(*modules: object) -> str:
    return "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in modules)  # type: ignore[attr-defined]


def test_kinds_and_sizes() -> None:
    for kind in RecordKind:
        assert f"| {int(kind)} {kind.name} |" in DOCUMENT
    assert f"A packet costs {RECORD.size} bytes more than itself, a chunk {CHUNK_OVERHEAD_BYTES}" in DOCUMENT
    assert f"{CHUNK_OVERHEAD_BYTES} to {CHUNK_LIMIT_BYTES:,}" in DOCUMENT
    assert f"at most {HEADER_LIMIT_BYTES:,}" in DOCUMENT
    assert struct.calcsize(">4sIIIIQQQQ32s") + 32 == CHUNK_OVERHEAD_BYTES


@pytest.mark.parametrize(
    "shape",
    [
        manifest.Manifest,
        manifest.GapEntry,
        manifest.ObjectEntry,
        manifest.TrackEntry,
        manifest.WriterEntry,
        format.SegmentHeader,
        format.TrackHeader,
    ],
)
def test_every_field_of_the_evidence_is_explained(shape: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(shape):
        name = field.encode_name
        # A track's person is the header's peer, and its wall clock span is told by start and end.
        assert f"`{name}`" in DOCUMENT or f"{name}`" in DOCUMENT or f"`{name}" in DOCUMENT, name


def test_every_code_and_note_is_explained() -> None:
    codes = set(re.findall(r'(?:FormatError|Problem)\(\s*"([a-z-]+)"', sources(format, chain, record, content)))
    codes |= {"magic", "truncated"}
    notes = set(re.findall(r'pack_note\(\s*[a-z_.]+,\s*"([a-z-]+)"', sources(recovery, format)))
    for word in codes | notes | {"segment-end", "clock", "start", "lost", "end"}:
        assert f"`{word}`" in DOCUMENT, word


def test_every_cause_of_a_gap_is_explained() -> None:
    causes = set(re.findall(r'Gap\([^)]*"([a-z-]+)"', sources(content)))
    causes |= {"disconnect", "node-change", "mute", "torn", "unknown", "loss"}
    for cause in causes:
        assert f"`{cause}`" in DOCUMENT, cause


def test_every_stored_name_is_in_the_table() -> None:
    for name in (manifest.MANIFEST_NAME, manifest.SIGNATURE_NAME, playback.PLAYBACK_NAME, playback.MEDIA_PREFIX):
        assert name in DOCUMENT
