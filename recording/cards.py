"""The cards of a film: what it says in place of the pictures where time is withheld, and under which order.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from .messages import Withheld
from .withheld import withheld_times

#: Orders that one card names, one under the other, and the longest words of one, characters.
ORDERS_LIMIT: Final = 4
WORDS_LIMIT: Final = 32
_TITLE: Final = ("This part is withheld", "此时段不予公开")
_LEVELS: Final = {"confidential": ("confidential", "限制查阅"), "sealed": ("sealed", "封存不公开")}


@dataclass(frozen=True, slots=True)
class Card:
    """``lines``: the first says what it is; times are ms after the begin of the playback index."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def cards(withheld: Sequence[Withheld], start_us: int, zone: ZoneInfo, *, chinese: bool) -> list[Card]:
    """One for each stretch of time that is missing, in order, however many orders say so."""
    found = []
    for begin, end in withheld_times(withheld):
        spans = [span for span in withheld if begin <= span.start_us and span.end_us <= end]
        orders = list(dict.fromkeys(_order(span, zone, chinese=chinese) for span in spans))
        lines = [_TITLE[chinese], *(line for order in orders[:ORDERS_LIMIT] for line in order)]
        if (more := len(orders) - ORDERS_LIMIT) > 0:
            lines.append(f"另有 {more} 项决定" if chinese else f"and {more} more")
        found.append(Card((begin - start_us) // 1000, (end - start_us) // 1000, tuple(lines)))
    return found


def _order(span: Withheld, zone: ZoneInfo, *, chinese: bool) -> tuple[str, str]:
    level, level_zh = _LEVELS[span.level]
    day = datetime.fromtimestamp(span.decided_us // 1_000_000, zone)
    order = _short(span.order)
    if chinese:
        decided = f"{_short(span.by_zh or span.by)} · {day.year}年{day.month}月{day.day}日"
        return f"{level_zh} · 依据 {order}", decided
    return f"Order {order}, {level}", f"{_short(span.by)} · {day:%Y-%m-%d}"


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= WORDS_LIMIT else words[: WORDS_LIMIT - 1] + "…"
