"""Range requests, RFC 9110 §14: one range of bytes of a representation whose size is known."""

from __future__ import annotations

from dataclasses import dataclass

#: Longest ``Range`` field that is read; a player's is below 40 characters.
FIELD_LIMIT = 200


class RangeNotSatisfiable(Exception):
    """RFC 9110 §15.5.17: no byte of the range exists."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``start`` up to, not including, ``end``."""

    start: int
    end: int

    def content_range(self, size: int) -> str:
        """The field of RFC 9110 §14.4."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def parse(field: str | None, size: int) -> ByteRange | None:
    """The range asked for, or nothing if the whole is to be sent.

    A field that is malformed, names another unit, or asks for several ranges is ignored, as RFC 9110 §14.2 allows.
    Raises :class:`RangeNotSatisfiable`.
    """
    if field is None or len(field) > FIELD_LIMIT:
        return None
    unit, equals, spec = field.partition("=")
    spec = spec.strip(" \t")
    if not equals or unit.strip().lower() != "bytes" or "," in spec:
        return None
    first, dash, last = spec.partition("-")
    if not dash or not _digits_or_empty(first) or not _digits_or_empty(last):
        return None
    if first:
        start = int(first)
        end = min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
        if start >= size:
            raise RangeNotSatisfiable
        return ByteRange(start, end)
    if not last:
        return None
    length = int(last)
    if length == 0 or size == 0:
        raise RangeNotSatisfiable
    return ByteRange(max(0, size - length), size)


def applies(if_range: str | None, etag: str) -> bool:
    """Whether ``If-Range`` lets the range stand (RFC 9110 §13.1.5): the same strong entity tag, or no field.

    A date is never the same: our representations have no last-modified date.
    """
    return if_range is None or if_range.strip() == etag


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the client holds this representation already (RFC 9110 §13.1.2, weak comparison)."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


def _digits_or_empty(text: str) -> bool:
    return text == "" or (text.isascii() and text.isdigit())
