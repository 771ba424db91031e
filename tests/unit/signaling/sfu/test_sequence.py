from __future__ import annotations

from signaling.sfu.sequence import SequenceUnwrapper


def test_numbers_go_on_past_the_wrap_and_late_ones_go_back() -> None:
    unwrapper = SequenceUnwrapper()
    first = unwrapper.unwrap(65534)
    assert unwrapper.unwrap(1) == first + 3
    assert unwrapper.unwrap(65535) == first + 1
    assert unwrapper.highest == first + 3


def test_a_stray_is_refused_and_a_restart_believed() -> None:
    unwrapper = SequenceUnwrapper()
    first = unwrapper.unwrap(100)
    assert unwrapper.unwrap(30000) == -1
    assert unwrapper.unwrap(101) == first + 1
    assert unwrapper.unwrap(50000) == -1
    restarted = unwrapper.unwrap(50001)
    assert restarted > first + 0xFFFF
    assert unwrapper.unwrap(50002) == restarted + 1


def test_a_restart_never_uses_a_number_again() -> None:
    unwrapper = SequenceUnwrapper()
    highest = unwrapper.unwrap(60000)
    unwrapper.restart()
    assert unwrapper.unwrap(5) > highest


def test_no_number_is_negative() -> None:
    unwrapper = SequenceUnwrapper()
    unwrapper.unwrap(0)
    assert unwrapper.unwrap(65535) > 0
