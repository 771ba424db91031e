"""A stored file given out whole or by one range of bytes (RFC 9110 §14), with its SHA-256 as the entity tag."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import cast

import structlog
from starlette.responses import Response, StreamingResponse

from recording.objects import StoreProblem
from recording.serve import TooManyReaders

from .access import Ask
from .problems import ProblemError
from .ranges import ByteRange, RangeNotSatisfiable, applies, matches, parse

log = structlog.get_logger(__name__)


async def give(
    ask: Ask,
    *,
    sha256: str,
    size: int,
    media_type: str,
    headers: dict[str, str],
    read: Callable[[int, int], AsyncIterator[bytes]],
    note: Callable[[ByteRange], Awaitable[object]],
) -> Response:
    """``note`` writes into the access ledger before anything is given; ``read`` is asked for a start and an end.

    Raises :class:`ProblemError`.
    """
    etag = f'"{sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache", **headers}
    fields = ask.request.headers
    if matches(fields.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    try:
        span = parse(fields.get("range"), size) if applies(fields.get("if-range"), etag) else None
    except RangeNotSatisfiable:
        raise ProblemError("range-refused", {"Content-Range": f"bytes */{size}"}) from None
    wanted = span or ByteRange(0, size)
    headers["Content-Length"] = str(wanted.end - wanted.start)
    if span is not None:
        headers["Content-Range"] = span.content_range(size)
    status = 200 if span is None else 206
    if ask.request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    await note(wanted)
    # Begun before the head of the answer is sent, so that a store that does not answer is told in it.
    stream = cast(AsyncGenerator[bytes, None], read(wanted.start, wanted.end))
    try:
        first = await anext(stream, b"")
    except TooManyReaders as error:
        raise ProblemError("busy", {"Retry-After": "1"}) from error
    except StoreProblem as error:
        log.error("archive.unavailable", hearing=ask.hearing.hearing_id, error=str(error))
        raise ProblemError("record-unavailable", {"Retry-After": "30"}) from error

    async def body() -> AsyncIterator[bytes]:
        async with contextlib.aclosing(stream):
            yield first
            async for piece in stream:
                yield piece

    return StreamingResponse(body(), status, headers, media_type=media_type)
