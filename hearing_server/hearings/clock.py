"""The court's clock."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """``utc``: ns since 1970; ``mono``: ns on a clock that only goes forward."""

    def utc(self) -> int: ...

    def mono(self) -> int: ...


class SystemClock:
    def utc(self) -> int:
        return time.time_ns()

    def mono(self) -> int:
        return time.monotonic_ns()
