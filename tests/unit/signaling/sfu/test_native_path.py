"""The compiled path does what the Python one does, datagram for datagram, whatever comes and whatever changes."""

from __future__ import annotations

import gc
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from signaling.sfu import mmsg
from signaling.sfu.clock import NS_PER_MS as MS
from signaling.sfu.clock import NS_PER_S
from signaling.sfu.dtls_adapter import MAX_PACKET_BYTES, Certificate
from signaling.sfu.fastpath import MAX_RUN, FastPath
from signaling.sfu.layers import SILENT_FRAMES, SILENT_MS
from signaling.sfu.native.library import Unavailable, load
from signaling.sfu.native.path import NativePath
from signaling.sfu.sequence import MAX_DROPOUT
from signaling.sfu.store import KEEP_MS, KEEP_PACKETS, NO_LEVEL
from signaling.sfu.uplink import MAX_SSRCS

from .hot_rig import Rig, Sender

try:
    LIBRARY = load()
except Unavailable as error:
    pytest.skip(f"no compiled path: {error}", allow_module_level=True)


COUNTERS = (
    "base",
    "bytes",
    "highest",
    "hot_octets",
    "hot_packets",
    "jitter",
    "last_packet_ns",
    "received",
    "sibling_frames",
    "stopped",
    "suspect",
    "transit",
)


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return Certificate()


@pytest.fixture
async def rigs(certificate: Certificate, request: pytest.FixtureRequest) -> Any:
    segmentation = bool(getattr(request, "param", False)) and mmsg.segmentation_works()
    made = [
        Rig(FastPath(segmentation=segmentation), certificate),
        Rig(NativePath(LIBRARY, segmentation=segmentation), certificate),
    ]
    yield made
    for rig in made:
        rig.close()


def test_what_both_sides_count_on_is_the_same() -> None:
    lib = LIBRARY.lib
    assert lib.HOT_PACKET_BYTES == MAX_PACKET_BYTES
    assert lib.HOT_RUN == MAX_RUN
    assert (lib.HOT_KEEP_PACKETS, lib.HOT_KEEP_MS) == (KEEP_PACKETS, KEEP_MS)
    assert (lib.HOT_SILENT_FRAMES, lib.HOT_SILENT_MS) == (SILENT_FRAMES, SILENT_MS)
    assert lib.HOT_NO_LEVEL == NO_LEVEL
    assert lib.HOT_MAX_DROPOUT == MAX_DROPOUT
    assert lib.HOT_MAX_SSRCS == MAX_SSRCS
    assert (lib.HOT_SLOTS, lib.HOT_SLOT_BYTES) == (mmsg.RECEIVE_MESSAGES, mmsg.RECEIVE_BYTES)
    assert lib.HOT_NAME_BYTES == mmsg.MAX_NAME_BYTES


def datagrams(sender: Sender, now_ns: int, held: list[bytes], damage: float) -> Iterator[bytes]:
    """A few ms of a call, through a network that loses, repeats, overtakes and damages each with this chance."""
    chance = sender.chance
    made = sender.audio(now_ns) if chance.random() < 0.6 else []
    made += sender.frame(now_ns) if chance.random() < 0.5 else []
    made += sender.screen(now_ns) if chance.random() < 0.2 else []
    if chance.random() < 0.1:
        made.append(sender.sender_report(now_ns))
    again = sender.retransmission() if chance.random() < 0.05 else None
    if again is not None:
        made.append(again)
    for datagram in made:
        fate = chance.random() / damage
        if fate < 1:
            continue
        if fate < 2:
            held.append(datagram)
            continue
        yield datagram
        if fate < 3:
            yield datagram
        elif fate < 4:
            yield datagram[: chance.randrange(len(datagram))]
        elif fate < 5:
            yield bytes([datagram[0]]) + chance.randbytes(chance.randrange(6))
    if held and chance.random() < 0.2:
        yield held.pop(0)


def an_act(chance: random.Random, now_ns: int) -> Callable[[Rig], None]:
    """Something that people, their links or the court do."""
    act, who, other = chance.random(), chance.randrange(12), chance.randrange(3)
    temporal = chance.randrange(3)
    asked = tuple(65_500 + chance.randrange(600) & 0xFFFF for _ in range(6))
    if act < 0.3:
        return lambda rig: rig.consumers[who].on_nack(asked, now_ns)
    if act < 0.4:
        return lambda rig: rig.consumers[who].prefer(other, temporal)
    if act < 0.45:
        return lambda rig: rig.consumers[who].pause()
    if act < 0.65:
        return lambda rig: rig.consumers[who].resume()
    if act < 0.7:
        return lambda rig: rig.producers[other].set_flow(paused=not rig.producers[other].paused)
    if act < 0.85:
        return lambda rig: rig.producers[other].set_flow(paused=False)
    if act < 0.9:
        return lambda rig: rig.record(other)
    return lambda rig: rig.consumers[who].reported()


@pytest.mark.parametrize("rigs", [False, True], indirect=True, ids=["pieces", "segments"])
@pytest.mark.parametrize("seed", range(6))
async def test_the_same_datagrams_lead_to_the_same(rigs: list[Rig], seed: int) -> None:
    chance = random.Random(seed)
    sender = Sender(chance)
    held: list[bytes] = []
    now_ns = 5 * NS_PER_S
    report_ns = now_ns
    shown = _count_shown(rigs[1])
    sent_all = got_all = 0
    damage = 0.02 if seed % 2 else 0.002
    for step in range(500):
        now_ns += chance.choice([1, 5, 10, 20]) * MS + chance.randrange(MS)
        sent = list(datagrams(sender, now_ns, held, damage))
        if chance.random() < damage:
            sender.restart()
        if chance.random() < 0.02:
            sender.active = set(chance.sample(["r0", "r1", "r2"], chance.randrange(1, 4)))
            sender.temporal = chance.randrange(1, 4)
        act = an_act(chance, now_ns) if chance.random() < 0.1 else None
        levels = []
        for rig in rigs:
            rig.now_ns = now_ns
            for datagram in sent:
                rig.client.sendto(datagram, rig.address)
            rig.read()
            if act is not None:
                act(rig)
            rig.tick()
            if now_ns - report_ns > NS_PER_S // 2:
                levels.append(rig.report())
            rig.settle()
        if levels:
            report_ns = now_ns
            assert levels[0] == levels[1], step
        _compare(rigs[0], rigs[1], step)
        sent_all += len(sent)
        got_all += sum(len(got) for got in rigs[0].received)
        for rig in rigs:
            for got in (rig.told, rig.slow_path.got, *rig.received):
                got.clear()
    assert got_all > sent_all / 3
    assert len(shown) < sent_all * (0.85 if seed % 2 else 0.65), "most packets never came to Python"
    python, native = rigs
    assert python.sink.content() == native.sink.content()
    assert python.sink.log == native.sink.log
    assert python.port.dropped == native.port.dropped
    assert python.port.failures == native.port.failures == 0


def _count_shown(rig: Rig) -> list[int]:
    """Sizes of the packets that Python sees, as they come."""
    shown: list[int] = []
    on_plain = rig.uplink.on_plain

    def see(packet: bytes, now_ns: int) -> None:
        shown.append(len(packet))
        on_plain(packet, now_ns)

    rig.uplink.on_plain = see  # type: ignore[method-assign]
    return shown


def _compare(python: Rig, native: Rig, step: int) -> None:
    assert python.told == native.told, f"what the sender was told, step {step}"
    for one, other in zip(python.received, native.received, strict=True):
        assert one == other, f"what a subscriber got, step {step}"
    assert python.slow_path.got == native.slow_path.got, f"what a subscriber over TCP got, step {step}"
    assert python.uplink._ice.heard_ns <= native.now_ns
    for a, b in zip(python.consumers, native.consumers, strict=True):
        for consumer in (a, b):
            consumer.settle()
        assert (a.packets, a.octets) == (b.packets, b.octets)
    for c, d in zip(python.downlinks, native.downlinks, strict=True):
        assert c.packets_out == d.packets_out
    for p, q in zip(python.producers, native.producers, strict=True):
        for s, t in zip(p.streams, q.streams, strict=True):
            assert (s is None) == (t is None)
            if s is None or t is None:
                continue
            for name in COUNTERS:
                assert getattr(s.state, name) == getattr(t.state, name), f"{name}, step {step}"
            assert list(s.nack.missing) == list(t.nack.missing)


async def test_a_sink_that_fails_disturbs_nobody_and_gets_no_packets_of_before(certificate: Certificate) -> None:
    rig = Rig(NativePath(LIBRARY, segmentation=False), certificate)
    sender = Sender(random.Random(5))
    sent = 0

    def speak(milliseconds: int) -> None:
        nonlocal sent
        for _ in range(milliseconds // 20):
            rig.now_ns += 20 * MS
            rig.client.sendto(sender.audio(rig.now_ns)[0], rig.address)
            rig.read()
            sent += 1

    speak(200)
    rig.sink.failing.append(True)
    speak(200)
    rig.record(0)  # its track is told, and fails
    failed_ns = rig.now_ns
    rig.sink.failing.clear()
    rig.record(0)
    speak(1400)
    rig.record(0)
    first, *others = (track.log for track in rig.sink.tracks)
    assert all(entry[2] <= failed_ns for entry in first if entry[0] == "rtp")
    times = [entry[2] for log in others for entry in log if entry[0] == "rtp"]
    assert times
    assert min(times) > failed_ns
    assert times == sorted(times)
    assert len(rig.received[0]) > sent * 0.8
    rig.close()


async def test_what_python_lets_go_of_on_another_thread_is_freed_on_ours(certificate: Certificate) -> None:
    path = NativePath(LIBRARY, segmentation=False)
    for round_ in range(4):
        rig = Rig(path, certificate)
        sender = Sender(random.Random(round_))
        for _ in range(30):
            rig.now_ns += 20 * MS
            for datagram in sender.audio(rig.now_ns) + sender.frame(rig.now_ns):
                rig.client.sendto(datagram, rig.address)
            rig.read()
        rig.close()
        rig.uplink.remove_producer(rig.producers[1])
        sender.restart()
        del rig
        collector = threading.Thread(target=gc.collect)
        collector.start()
        collector.join()
        assert path._dead
        path.flush()
        assert not path._dead
