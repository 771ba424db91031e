from __future__ import annotations

from signaling.sfu import layers
from signaling.sfu.clock import NS_PER_MS as MS


def test_the_best_active_layer_up_to_the_wish() -> None:
    assert layers.best(2, [True, True, True]) == 2
    assert layers.best(1, [True, True, True]) == 1
    assert layers.best(2, [True, True, False]) == 1
    assert layers.best(2, [True, False, False]) == 0
    assert layers.best(0, [False, True, True]) == 1, "a layer too high is better than none"
    assert layers.best(2, [False, False, False]) is None


def test_a_layer_has_stopped_when_its_siblings_go_on_without_it() -> None:
    assert layers.has_stopped(400 * MS, 12)
    assert not layers.has_stopped(200 * MS, 12), "a late frame"
    assert not layers.has_stopped(1000 * MS, 2), "a still screen of one frame per second"


def test_a_layer_not_heard_for_long_is_stale() -> None:
    assert layers.is_stale(None, 0)
    assert not layers.is_stale(0, 2000 * MS)
    assert layers.is_stale(0, 4000 * MS)


def test_switching() -> None:
    assert layers.may_switch(None, 2, 2, 0)
    assert not layers.may_switch(None, 2, 0, 100 * MS)
    assert layers.may_switch(None, 2, 0, 400 * MS)
    assert layers.may_switch(0, 2, 1, 0)
    assert not layers.may_switch(1, 2, 0, 0)
    assert layers.may_switch(2, 0, 1, 0)
    assert not layers.may_switch(2, 2, 2, 0)
