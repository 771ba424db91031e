"""The cards of a film where time is withheld."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from recording.cards import ORDERS_LIMIT, WORDS_LIMIT, Card, cards
from recording.compose import Composition
from recording.messages import Withheld
from tests.unit.recording.test_compose import MINUTE_MS, camera, composition

BEGIN_US = 1_790_000_000_000_000
ZONE = ZoneInfo("Asia/Shanghai")


def span(start_s: float, end_s: float, order: str = "12/2026") -> Withheld:
    return Withheld(
        start_us=BEGIN_US + int(start_s * 1e6),
        end_us=BEGIN_US + int(end_s * 1e6),
        level="sealed",
        order=order,
        by="Judge Chen",
        by_zh="陈法官",
        decided_us=BEGIN_US,
    )


def test_a_card_says_what_is_missing_by_which_order_and_whose() -> None:
    assert cards([span(10, 20)], BEGIN_US, ZONE, chinese=False) == [
        Card(9_000, 21_000, ("This part is withheld", "Order 12/2026, sealed", "Judge Chen · 2026-09-21"))
    ]
    (card,) = cards([span(10, 20)], BEGIN_US, ZONE, chinese=True)
    assert card.lines == ("此时段不予公开", "封存不公开 · 依据 12/2026", "陈法官 · 2026年9月21日")
    assert cards([], BEGIN_US, ZONE, chinese=True) == []


def test_spans_that_touch_are_one_card_with_all_their_orders() -> None:
    first, second = cards([span(10, 20), span(40, 50), span(19, 22, "13/2026")], BEGIN_US, ZONE, chinese=False)
    assert (first.start_ms, first.end_ms, second.start_ms) == (9_000, 23_000, 39_000)
    assert [line for line in first.lines if line.startswith("Order")] == [
        "Order 12/2026, sealed",
        "Order 13/2026, sealed",
    ]
    many = [span(10, 20, f"{n}") for n in range(ORDERS_LIMIT + 3)] * 2
    (card,) = cards(many, BEGIN_US, ZONE, chinese=False)
    assert (len(card.lines), card.lines[-1]) == (2 + 2 * ORDERS_LIMIT, "and 3 more")
    (card,) = cards([span(10, 20, "x\n" * 200)], BEGIN_US, ZONE, chinese=False)
    assert "\n" not in card.lines[1]
    assert len(card.lines[1]) == len("Order , sealed") + WORDS_LIMIT


@pytest.mark.parametrize("words", ["12/2026", "it's: [x]\\%{pts}"])
def test_a_film_has_the_card_in_the_parts_that_it_is_of(tmp_path: Path, words: str) -> None:
    plain = composition(tmp_path, 3 * MINUTE_MS, [camera("a", 640)])
    start_us = plain._playback.start_us - BEGIN_US
    held = msgspec.structs.replace(span(70, 80, words))
    held.start_us, held.end_us = held.start_us + start_us, held.end_us + start_us
    playback = msgspec.structs.replace(plain._playback, withheld=[held])
    film = Composition(plain._manifest, playback, tmp_path, "en", "UTC")
    graphs = [" ".join(film.film([Path("/a")], at, at + MINUTE_MS, "x.mp4")) for at in (0, MINUTE_MS, 2 * MINUTE_MS)]
    assert ["card0-0.txt" in graph for graph in graphs] == [False, True, False]
    assert "between(t" in graphs[1]
    assert "9.000" in graphs[1]
    assert (tmp_path / "card0-1.txt").read_text() == f"Order {words}, sealed"
