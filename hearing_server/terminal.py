"""What a person at the terminal sees: sentences in their language, and steps with a bar while they wait."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from .words import Fault, Locale, say

BAR_WIDTH = 24
#: How often a bar is drawn anew, s.
BAR_EVERY_S = 0.1


class Terminal:
    """With ``as_json`` the standard output carries one JSON object and nothing else; sentences go to stderr."""

    def __init__(self, locale: Locale, *, as_json: bool = False) -> None:
        self.locale = locale
        self.as_json = as_json
        self._people: TextIO = sys.stderr if as_json else sys.stdout

    def say(self, key: str, /, **values: object) -> None:
        self.line(say(key, self.locale, **values))

    def line(self, text: str = "") -> None:
        print(text, file=self._people, flush=True)

    def fault(self, fault: Fault) -> None:
        print(fault.sentence(self.locale), file=sys.stderr, flush=True)

    def answer(self, value: Any) -> None:
        """The one JSON object that a program reads."""
        print(json.dumps(value, ensure_ascii=False), flush=True)

    def steps(self, count: int) -> Steps:
        return Steps(self, count, live=self._people.isatty())

    @contextlib.contextmanager
    def bar(self, key: str) -> Iterator[Callable[[float], None]]:
        """A bar that is drawn in place while the block runs, on a terminal; call it with how far it is, 0 to 1."""
        live, next_drawn = self._people.isatty(), 0.0

        def progress(part: float) -> None:
            nonlocal next_drawn
            if live and time.monotonic() >= next_drawn:
                next_drawn = time.monotonic() + BAR_EVERY_S
                text = f"{_filled(part)} {part:4.0%} {say(key, self.locale)}"
                print("\r\x1b[K" + text, end="", file=self._people, flush=True)

        try:
            yield progress
        finally:
            if live:
                print("\r\x1b[K", end="", file=self._people, flush=True)


def _filled(part: float) -> str:
    filled = round(BAR_WIDTH * min(1.0, max(0.0, part)))
    return "█" * filled + "░" * (BAR_WIDTH - filled)


class Steps:
    """A bar that fills with each step done; on a terminal it is redrawn in place."""

    def __init__(self, terminal: Terminal, count: int, *, live: bool) -> None:
        self._terminal = terminal
        self._count = count
        self._live = live
        self._done = 0

    @contextlib.contextmanager
    def step(self, key: str) -> Iterator[None]:
        if self._live:
            self._draw(key, "")
        started = time.monotonic()
        try:
            yield
        except BaseException:
            if self._live:
                self._terminal.line()
            raise
        self._done += 1
        self._draw(key, f"{time.monotonic() - started:.1f} s", end="\n")

    def _draw(self, key: str, note: str, end: str = "") -> None:
        bar, what = _filled(self._done / self._count), say(key, self._terminal.locale)
        text = f"{bar} {self._done}/{self._count} {what} {note}".rstrip()
        start = "\r\x1b[K" if self._live else ""
        print(start + text, end=end, file=self._terminal._people, flush=True)
