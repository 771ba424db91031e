"""A stored file given out whole or by one range of bytes (RFC 9110 §14), with its SHA-256 as the entity tag.

However long that takes: who loses the right to it meanwhile gets no more of it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Final, cast

import structlog
from starlette.responses import Response, StreamingResponse

from recording.objects import StoreProblem
from recording.serve import TooManyReaders

from ..store import StoreError
from .access import Ask, Gate
from .problems import BrokenOff, ProblemError
from .ranges import ByteRange, RangeNotSatisfiable, applies, matches, parse

log = structlog.get_logger(__name__)

#: How often it is looked at whether the reader may still have what is being given out, s.
LOOK_AGAIN_S: Final = 1.0


class Given:
    """What stands in the access ledger of one giving: ``note`` before anything is given out, with the range; and that
    it broke off, since ``still`` raised a :class:`ProblemError`; what goes out in one piece has none.  ``target``: the
    name of it."""

    def __init__(
        self,
        gate: Gate,
        ask: Ask,
        target: str,
        note: Callable[[ByteRange], Awaitable[object]],
        still: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.note = note
        self._gate = gate
        self._ask = ask
        self._target = target
        self._still = still

    async def go_on(self) -> None:
        """Raises :class:`BrokenOff` if the reader may not have the rest."""
        if self._still is None:
            return
        try:
            await self._still()
        except (ProblemError, StoreError) as refused:
            ask, code = self._ask, refused.code
            with contextlib.suppress(StoreError):
                await self._gate.note(
                    ask.caller, ask.hearing.hearing_id, "broken-off", self._target, time.time_ns(), code=code
                )
            raise BrokenOff(code) from refused


async def give(
    ask: Ask,
    *,
    sha256: str,
    size: int,
    media_type: str,
    headers: dict[str, str],
    read: Callable[[int, int], AsyncIterator[bytes]],
    given: Given,
) -> Response:
    """``read`` is asked for a start and an end.

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
    await given.note(wanted)
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
        looked_s = time.monotonic()
        async with contextlib.aclosing(stream):
            yield first
            async for piece in stream:
                if time.monotonic() - looked_s >= LOOK_AGAIN_S:
                    await given.go_on()
                    looked_s = time.monotonic()
                yield piece

    return StreamingResponse(body(), status, headers, media_type=media_type)
