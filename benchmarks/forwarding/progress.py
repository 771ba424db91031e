"""One line on the terminal that says what is being measured and for how long it has gone on."""

from __future__ import annotations

import sys
import time
from typing import TextIO

BAR_WIDTH = 24


class Progress:
    """``known`` is how many trials are foreseen; a search may need more or fewer, and then it is corrected."""

    def __init__(self, foreseen: int, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._foreseen = foreseen
        self._done = 0
        self._started = time.monotonic()
        self._terminal = self._stream.isatty()

    def begin(self, what: str) -> None:
        if self._terminal:
            self._draw(what)

    def done(self, what: str, outcome: str) -> None:
        """A trial ended."""
        self._done += 1
        self._foreseen = max(self._foreseen, self._done)
        if self._terminal:
            self._stream.write("\r\x1b[K")
        self._stream.write(f"{what}: {outcome}\n")
        self._stream.flush()

    def correct(self, foreseen: int) -> None:
        """It turned out how many trials there are in all."""
        self._foreseen = max(foreseen, self._done)

    def _draw(self, what: str) -> None:
        share = self._done / self._foreseen if self._foreseen else 0.0
        filled = int(share * BAR_WIDTH)
        elapsed = int(time.monotonic() - self._started)
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        self._stream.write(f"\r\x1b[K[{bar}] {elapsed // 60}:{elapsed % 60:02d}  {what}")
        self._stream.flush()
