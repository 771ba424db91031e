from __future__ import annotations

import random

from signaling.sfu.framing import Deframer, frame


def test_datagrams_survive_any_cutting() -> None:
    source = random.Random(6)
    datagrams = [source.randbytes(source.randrange(0, 1500)) for _ in range(50)]
    stream = b"".join(frame(d) for d in datagrams)
    deframer, found, at = Deframer(), [], 0
    while at < len(stream):
        size = source.randrange(1, 700)
        found += list(deframer.feed(stream[at : at + size]))
        at += size
    assert found == datagrams


def test_an_unfinished_frame_is_bounded() -> None:
    deframer = Deframer()
    assert list(deframer.feed(b"\xff\xff" + bytes(60000))) == []
    assert len(deframer._buffer) == 60002
    assert len(next(iter(deframer.feed(bytes(5535))))) == 65535
