"""Files that come in as the body of a request, piece by piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect

from .access import Ask
from .problems import ProblemError

#: How long an upload may stand still, s.
STALL_LIMIT_S = 30.0


async def pieces(ask: Ask, limit_s: float) -> AsyncIterator[bytes]:
    """The body as it comes.  Raises :class:`ProblemError` for one that stands still, breaks off or takes too long."""
    until = time.monotonic() + limit_s
    stream = ask.request.stream()
    while True:
        try:
            async with asyncio.timeout(STALL_LIMIT_S):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except (TimeoutError, ClientDisconnect) as error:
            raise ProblemError("invalid", {"Connection": "close"}) from error
        if time.monotonic() > until:
            raise ProblemError("invalid", {"Connection": "close"})
        if piece:
            yield piece
