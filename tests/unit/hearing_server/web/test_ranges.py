"""RFC 9110 §14: ranges of bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearing_server.web.ranges import ByteRange, RangeNotSatisfiable, applies, matches, parse


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("bytes=0-499", ByteRange(0, 500)),
        ("bytes=500-999", ByteRange(500, 1000)),
        ("bytes=-500", ByteRange(500, 1000)),
        ("bytes=-5000", ByteRange(0, 1000)),
        ("bytes=900-", ByteRange(900, 1000)),
        ("bytes=0-", ByteRange(0, 1000)),
        ("bytes=999-5000", ByteRange(999, 1000)),
        ("Bytes = 1-1", ByteRange(1, 2)),
    ],
)
def test_ranges_that_exist(field: str, expected: ByteRange) -> None:
    assert parse(field, 1000) == expected


@pytest.mark.parametrize("field", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_ranges_that_do_not(field: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse(field, 1000)


@pytest.mark.parametrize(
    "field",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-1",
        "bytes=a-b",
        "bytes=1-2,5-6",
        "bytes=٣-٤",
        "items=0-5",
        "bytes=+1-5",
        "bytes=0-" + "9" * 300,
    ],
)
def test_fields_that_are_ignored(field: str | None) -> None:
    assert parse(field, 1000) is None


def test_an_empty_file_has_no_range() -> None:
    for field in ("bytes=0-", "bytes=-1"):
        with pytest.raises(RangeNotSatisfiable):
            parse(field, 0)


@given(st.text(max_size=40) | st.from_regex(r"bytes=\d{0,30}-\d{0,30}", fullmatch=True), st.integers(0, 10**12))
def test_whatever_is_asked_the_answer_lies_within_the_file(field: str, size: int) -> None:
    try:
        found = parse(field, size)
    except RangeNotSatisfiable:
        return
    if found is not None:
        assert 0 <= found.start < found.end <= size
        assert found.content_range(size) == f"bytes {found.start}-{found.end - 1}/{size}"


def test_conditions() -> None:
    assert applies(None, '"a"')
    assert applies(' "a" ', '"a"')
    assert not applies('"b"', '"a"')
    assert not applies("Sat, 29 Oct 2026 19:43:31 GMT", '"a"')
    assert not matches(None, '"a"')
    assert matches('"b", W/"a"', '"a"')
    assert matches("*", '"a"')
    assert not matches('"b"', '"a"')
