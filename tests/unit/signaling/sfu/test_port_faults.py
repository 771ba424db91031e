from __future__ import annotations

import pytest

from signaling.sfu.clock import Clock
from signaling.sfu.port import Port


def test_a_fault_on_every_packet_is_logged_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    port = Port(Clock())
    for _ in range(1000):
        port.failed("a datagram was dropped")
    assert port.failures == 1000
    assert len(caplog.records) == 10  # 1, 2, 4 ... 512
