"""More packets than a worker can carry: repair is given up until the sockets are kept up with again."""

from __future__ import annotations

import logging
import random

import pytest

from signaling.sfu import mmsg, port, rtcp, rtp, udp
from signaling.sfu.clock import NS_PER_MS as MS
from signaling.sfu.dtls_adapter import Certificate
from signaling.sfu.fastpath import FastPath
from signaling.sfu.native.library import Unavailable, load
from signaling.sfu.native.path import NativePath

from .hot_rig import AUDIO_SSRC, OPUS_PT, Rig, Sender

pytestmark = pytest.mark.skipif(not mmsg.AVAILABLE, reason="this system has no sendmmsg as known here")


def _path(name: str) -> FastPath:
    if name == "python":
        return FastPath(segmentation=False)
    try:
        return NativePath(load(), segmentation=False)
    except Unavailable as error:
        pytest.skip(f"no compiled path: {error}")


@pytest.mark.parametrize("name", ["python", "native"])
async def test_a_socket_that_is_never_empty_ends_repair(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(udp, "BATCH_DATAGRAMS", mmsg.RECEIVE_MESSAGES)
    rig = Rig(_path(name), Certificate())
    sender = Sender(random.Random(3))
    made = [
        sender.protected(rtp.build(OPUS_PT, n, n * 960, AUDIO_SSRC, b"sound")) for n in range(4 * mmsg.RECEIVE_MESSAGES)
    ]
    for i, datagram in enumerate(made):
        if i % 10:
            rig.client.sendto(datagram, rig.address)
    stream = rig.producers[0].streams[0]
    assert stream is not None
    rig.port.look(rig.now_ns)
    rig.read()
    assert stream.nack.missing
    rig.now_ns += (port.BEHIND_MS + 1) * MS
    with caplog.at_level(logging.WARNING):
        rig.port.look(rig.now_ns)
    assert rig.port.overloaded
    assert "more packets come" in caplog.text
    rig.told.clear()
    rig.tick()
    rig.settle()
    assert not stream.nack.missing
    assert not rig.told, "nothing was asked for"

    shown: list[bytes] = []
    monkeypatch.setattr(rig.uplink, "on_plain", lambda packet, now_ns: shown.append(packet))
    rig.read()
    assert not shown, "compiled code stops for no gap now"

    asked = rtcp.nack(5, rig.consumers[0].ssrc, [rig.consumers[0]._map.highest_out & 0xFFFF])
    before = len(rig.received[0])
    rig.downlinks[0].on_rtcp(rtcp.parse(asked), rig.now_ns)
    rig.settle()
    assert len(rig.received[0]) == before

    for _ in range(4):
        rig.read()
    rig.port.look(rig.now_ns)
    assert not rig.port.overloaded
    rig.downlinks[0].on_rtcp(rtcp.parse(asked), rig.now_ns)
    rig.settle()
    assert stream.ssrc == AUDIO_SSRC
    assert len(rig.received[0]) > before, "it is sent again"
    rig.close()
