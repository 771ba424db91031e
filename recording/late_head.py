"""The hash of a file whose head is written last: known at once when the file is complete, however long it is."""

from __future__ import annotations

import hashlib

#: No head is longer, bytes.
LIMIT_BYTES = 1024 * 1024


class LateHead:
    """SHA-256 of the bytes from ``start`` on, and then of those before it.  Fed with the whole file from its begin."""

    def __init__(self, start: int) -> None:
        self.size = 0
        self._start = start
        self._head = bytearray()
        self._body = hashlib.sha256()

    def update(self, piece: bytes | memoryview) -> None:
        """The next bytes of the file."""
        missing = self._start - len(self._head)
        self.size += len(piece)
        if missing > 0:
            self._head += piece[:missing]
            piece = piece[missing:]
        if piece:
            self._body.update(piece)

    def hexdigest(self) -> str:
        whole = self._body.copy()
        whole.update(self._head)
        return whole.hexdigest()
