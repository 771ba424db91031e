"""What waits to be sent to one client.  Pure; bounded: a client that does not read is given up."""

from __future__ import annotations

from collections import deque

import msgspec

from . import messages

#: Messages and bytes a client may leave unread before it is cut off.  A view of a large hearing is about 20 kB.
LIMIT_MESSAGES = 1024
LIMIT_BYTES = 2 * 1024 * 1024
#: With this many messages waiting, what holds for a moment only is not worth sending.
MOMENTARY_LIMIT_MESSAGES = 32
_MOMENTARY = (messages.Levels, messages.Quality, messages.Hinted)

_encode = msgspec.json.Encoder().encode


class Outbox:
    """Messages in order; a newer view takes the place of one that was not sent yet."""

    def __init__(self) -> None:
        self._messages: deque[tuple[bool, bytes]] = deque()
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._messages)

    def put(self, message: messages.AnyNotice | messages.Reply | messages.ErrorReply) -> bool:
        """False if the client is too far behind."""
        if len(self._messages) >= MOMENTARY_LIMIT_MESSAGES and isinstance(message, _MOMENTARY):
            return True
        is_view = isinstance(message, messages.ViewChanged)
        if is_view:
            self._drop_view()
        data = _encode(message)
        self._messages.append((is_view, data))
        self._bytes += len(data)
        return len(self._messages) <= LIMIT_MESSAGES and self._bytes <= LIMIT_BYTES

    def take(self) -> str:
        """The next message; there must be one."""
        _, data = self._messages.popleft()
        self._bytes -= len(data)
        return data.decode()

    def _drop_view(self) -> None:
        for index, (is_view, data) in enumerate(self._messages):
            if is_view:
                del self._messages[index]
                self._bytes -= len(data)
                return
