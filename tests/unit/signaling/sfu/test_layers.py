from __future__ import annotations

from signaling.sfu import layers
from signaling.sfu.clock import NS_PER_MS as MS


def test_the_best_active_layer_up_to_the_wish() -> None:
    now = 10_000 * MS
    assert layers.best(2, [now, now, now], now) == 2
    assert layers.best(1, [now, now, now], now) == 1
    assert layers.best(2, [now, now, None], now) == 1
    assert layers.best(2, [now, now - 2000 * MS, None], now) == 0
    assert layers.best(0, [None, now, now], now) == 1, "a layer too high is better than none"
    assert layers.best(2, [None, None, None], now) is None


def test_switching() -> None:
    assert layers.may_switch(None, 2, 2, 0)
    assert not layers.may_switch(None, 2, 0, 100 * MS)
    assert layers.may_switch(None, 2, 0, 400 * MS)
    assert layers.may_switch(0, 2, 1, 0)
    assert not layers.may_switch(1, 2, 0, 0)
    assert layers.may_switch(2, 0, 1, 0)
    assert not layers.may_switch(2, 2, 2, 0)
