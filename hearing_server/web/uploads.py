"""Files that come in as the body of a request, piece by piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect

from ..incoming import TooManyFiles
from .access import Ask
from .problems import ProblemError

#: How long an upload may stand still, s.
STALL_LIMIT_S = 30.0
#: How long it may take for each further so many bytes: 4 KiB/s, a tenth of what a telephone has at the edge of 3G.
SPAN_LIMIT_S = 60.0
SPAN_BYTES = 240 * 1024


class Pace:
    """How long a sender may still be waited for.  Only waiting counts, not what the server does with what it has.

    ``limit_s``: of waiting in all.
    """

    def __init__(self, limit_s: float) -> None:
        self._left_s = limit_s
        self._span_left_s = SPAN_LIMIT_S
        self._span_bytes = 0

    def patience_s(self) -> float:
        """How long the next piece may take; nothing: it has been too slow."""
        return max(0.0, min(STALL_LIMIT_S, self._span_left_s, self._left_s))

    def came(self, size: int, waited_s: float) -> None:
        """A piece of so many bytes came after this time."""
        self._left_s -= waited_s
        self._span_left_s -= waited_s
        self._span_bytes += size
        if self._span_bytes >= SPAN_BYTES:
            self._span_left_s, self._span_bytes = SPAN_LIMIT_S, 0


async def pieces(ask: Ask, limit_s: float) -> AsyncIterator[bytes]:
    """The body as it comes.  Raises :class:`ProblemError` for one that stands still, is too slow, or breaks off."""
    pace = Pace(limit_s)
    stream = ask.request.stream()
    while True:
        began = time.monotonic()
        try:
            async with asyncio.timeout(pace.patience_s()):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except (TimeoutError, ClientDisconnect) as error:
            raise ProblemError("upload-slow", {"Connection": "close"}) from error
        pace.came(len(piece), time.monotonic() - began)
        if piece:
            yield piece


def announced(ask: Ask) -> int:
    """Bytes that the body will have; nothing if it does not say."""
    length = ask.request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def refused(many: TooManyFiles) -> ProblemError:
    """What a sender is told who has to wait."""
    return ProblemError("uploads-own" if many.own else "uploads-many", {"Retry-After": str(round(STALL_LIMIT_S))})
