"""The bytes of a segment file."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recording.format import (
    CHUNK_LIMIT_BYTES,
    HEADER_LIMIT_BYTES,
    MAGIC,
    NO_PREDECESSOR,
    Chunk,
    FormatError,
    RecordKind,
    SegmentHeader,
    pack_chunk,
    pack_header,
    pack_note,
    pack_record,
    read_chunk,
    read_chunks,
    read_header,
    read_note,
)

HEADER = SegmentHeader(
    recording_id="sitting", writer="worker.1", segment=3, wall_us=7, mono_us=5, previous_sha256="00" * 32, software="x"
)

records = st.lists(
    st.tuples(st.sampled_from(list(RecordKind)), st.integers(0, 2**64 - 1), st.binary(max_size=80)), max_size=8
)


def chunk_of(items: list[tuple[RecordKind, int, bytes]], index: int = 0, previous: bytes = NO_PREDECESSOR) -> bytes:
    data = b"".join(pack_record(*item) for item in items)
    return pack_chunk(1, index, previous, data, len(items), (10, 20), (30, 40))[0]


def read_file(data: bytes | bytearray) -> list[Chunk]:
    return list(read_chunks(data, read_header(data)[1]))


@given(records)
def test_records_come_back_as_they_went_in(items: list[tuple[RecordKind, int, bytes]]) -> None:
    chunk = read_chunk(chunk_of(items), 0)
    assert [(record.kind, record.mono_ns, bytes(record.data)) for record in chunk.records()] == items
    assert (chunk.first_mono_ns, chunk.last_mono_ns, chunk.first_wall_ns, chunk.last_wall_ns) == (10, 20, 30, 40)
    assert chunk.count == len(items)


def test_a_file_is_a_header_and_chunks_that_name_their_predecessor() -> None:
    first, head = pack_chunk(1, 0, NO_PREDECESSOR, pack_note(1, "start"), 1, (1, 1), (2, 2))
    second, _ = pack_chunk(1, 1, head, pack_note(2, "end"), 1, (2, 2), (3, 3))
    data = pack_header(HEADER) + first + second
    header, offset = read_header(data)
    chunks = list(read_chunks(data, offset))
    assert header == HEADER
    assert chunks[1].previous == chunks[0].sha256 == hashlib.sha256(first[:-32]).digest()
    assert [read_note(record.data)["note"] for chunk in chunks for record in chunk.records()] == ["start", "end"]


def test_every_flipped_byte_is_found_where_it_is() -> None:
    first, head = pack_chunk(1, 0, NO_PREDECESSOR, pack_note(1, "start"), 1, (1, 1), (2, 2))
    second, _ = pack_chunk(1, 1, head, pack_note(2, "end"), 1, (2, 2), (3, 3))
    starts = [0, len(pack_header(HEADER)), len(pack_header(HEADER)) + len(first)]
    data = pack_header(HEADER) + first + second
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 0x10
        with pytest.raises(FormatError) as caught:
            read_file(flipped)
        part = max(number for number, start in enumerate(starts) if start <= at)
        end = [*starts, len(data)][part + 1]
        assert starts[part] <= caught.value.offset < end


@given(st.data())
def test_a_file_cut_anywhere_is_refused_or_whole_up_to_a_chunk(data: st.DataObject) -> None:
    whole = pack_header(HEADER) + chunk_of([(RecordKind.RTP, 1, b"abc")])
    cut = data.draw(st.integers(0, len(whole) - 1))
    if cut == len(pack_header(HEADER)):
        assert list(read_chunks(whole[:cut], cut)) == []
        return
    with pytest.raises(FormatError, match="truncated"):
        read_file(whole[:cut])


@given(st.binary(max_size=400))
def test_garbage_is_refused_with_a_code(data: bytes) -> None:
    for prefix in (b"", MAGIC, MAGIC + b"\0\0\0\x10"):
        with pytest.raises(FormatError):
            read_header(prefix + data)
    with pytest.raises(FormatError):
        read_chunk(b"CHNK" + data, 0)


def test_lengths_beyond_the_limits_are_refused_before_anything_is_read() -> None:
    with pytest.raises(FormatError, match="header-length"):
        read_header(MAGIC + (HEADER_LIMIT_BYTES + 1).to_bytes(4, "big") + bytes(100))
    huge = bytearray(chunk_of([]))
    huge[4:8] = (CHUNK_LIMIT_BYTES + 1).to_bytes(4, "big")
    with pytest.raises(FormatError, match="chunk-length"):
        read_chunk(huge, 0)


def test_a_header_must_be_json_of_its_shape() -> None:
    for body in (b"[]", b"{}", b"\xff"):
        head = MAGIC + len(body).to_bytes(4, "big") + body
        with pytest.raises(FormatError, match="header-json"):
            read_header(head + hashlib.sha256(head).digest())


def test_records_must_fill_the_payload_and_be_as_many_as_counted() -> None:
    one = pack_record(RecordKind.RTP, 1, b"abc")
    for payload, count in ((one, 2), (one + b"\x01", 1), (one[:-1], 1)):
        data, _ = pack_chunk(1, 0, NO_PREDECESSOR, payload, count, (0, 0), (0, 0))
        with pytest.raises(FormatError, match="records"):
            list(read_chunk(data, 0).records())


@pytest.mark.parametrize("data", [b"", b"[1]", b'{"note":1}', b"\xff\xfe", b'{"other":"x"}'])
def test_a_note_that_cannot_be_read_says_so(data: bytes) -> None:
    assert read_note(data) == {"note": "unreadable"}
