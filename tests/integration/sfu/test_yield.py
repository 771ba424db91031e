"""On a link that gets narrower the gallery goes dark first, then the speaker, then what is shared; sound never."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

from signaling import worker_api as api
from signaling.sfu import rtcp

from .peer import Court, Link, audio_parameters, opus, video_parameters, vp8

#: Pictures of the senders, packets of 1,000 bytes in each tick of 20 ms.
TICK_S = 0.02
GALLERY, SPEAKER, SCREEN = "gallery", "speaker", "screen"
PACKETS = {GALLERY: 2, SPEAKER: 1, SCREEN: 3}
LOUD, SILENT = 20, 127


class Sender:
    """A camera or a screen, and a microphone."""

    def __init__(self, link: Link, packets: int, level: int) -> None:
        self._link = link
        self._packets = packets
        self._level = level
        self._sequences = count(1)
        self._frames = count(0)
        self._samples = count(1)

    def tick(self) -> None:
        frame = next(self._frames)
        self._link.send_rtp(opus(next(self._samples), level=self._level))
        asked = any(isinstance(report, rtcp.KeyframeRequest) for report in self._link.reports)
        self._link.reports.clear()
        for part in range(self._packets):
            number = next(self._sequences)
            key = part == 0 and (asked or frame == 0)
            self._link.send_rtp(vp8(number, key=key, picture=number, timestamp=frame * 1800, body=bytes(960)))


@asynccontextmanager
async def streaming(senders: list[Sender]) -> AsyncIterator[None]:
    async def run() -> None:
        """At a constant rate, on a busy machine too."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            while due <= loop.time():
                for sender in senders:
                    sender.tick()
                due += TICK_S
            await asyncio.sleep(TICK_S)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()


async def test_who_yields_in_which_order(court: Court) -> None:
    sources: dict[str, list[api.Source]] = {
        GALLERY: ["microphone", "camera"],
        SPEAKER: ["microphone", "camera"],
        SCREEN: ["microphone", "screen"],
    }
    await court.obey(sources, {"b": list(sources)})
    down = await court.link("b", "recv")
    senders = []
    for name in sources:
        link = await court.link(name, "send")
        await court.produce(link, "microphone", audio_parameters())
        await court.produce(link, "screen" if name == SCREEN else "camera", video_parameters())
        senders.append(Sender(link, PACKETS[name], LOUD if name == SPEAKER else SILENT))
    await court.until(lambda: sum(isinstance(e, api.ConsumerNew) for e in court.events) == 6)
    made = {e.consumer_id: e for e in court.events if isinstance(e, api.ConsumerNew)}
    for consumer_id in made:
        await court.ask(api.ResumeConsumer(consumer_id=consumer_id))
    by_ssrc = {e.rtp_parameters.encodings[0].ssrc: (e.producer_peer_id, e.kind) for e in made.values()}

    def dark() -> list[str]:
        """In the order in which they went dark."""
        found: list[str] = []
        for event in court.events:
            if isinstance(event, api.ConsumerState):
                name = made[event.consumer_id].producer_peer_id
                assert made[event.consumer_id].kind == "video"
                if event.producer_paused:
                    found.append(name)
                else:
                    found.remove(name)
        return found

    def got() -> Counter[tuple[str, str]]:
        return Counter(by_ssrc[packet.ssrc] for packet in down.packets if packet.ssrc in by_ssrc)

    def narrow(bps: int) -> None:
        down.send_rtcp(rtcp.remb(1, bps, [1]))

    async with streaming(senders):
        await court.until(lambda: len(got()) == 6)
        await asyncio.sleep(1.5)  # the rates become known
        for bps, expected in [
            (1_900_000, [GALLERY]),
            (1_000_000, [GALLERY, SPEAKER]),
            (300_000, [GALLERY, SPEAKER, SCREEN]),
        ]:

            def darker(bps: int = bps, expected: list[str] = expected) -> bool:
                narrow(bps)
                return len(dark()) >= len(expected)

            await court.until(darker)
            assert dark() == expected
        before = got()
        await court.until(lambda: all(got()[name, "audio"] > before[name, "audio"] + 10 for name in sources))
        after = got()
        assert all(after[name, "video"] == before[name, "video"] for name in sources), "only sound goes on"

        def told() -> list[int]:
            qualities = [event.peers for event in court.events if isinstance(event, api.Quality)]
            return [peers["b"].held_back for peers in qualities if "b" in peers][-1:]

        await court.until(lambda: told() == [3])


async def test_a_paused_consumer_costs_nothing(court: Court) -> None:
    """Neither packets, nor retransmissions, nor reports, nor keyframes of the sender."""
    await court.obey({"a": ["camera"]}, {"b": ["a"]})
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "camera", video_parameters())
    consumer = await court.consumer("b", "camera")
    ssrc = consumer.rtp_parameters.encodings[0].ssrc
    assert ssrc is not None
    for n in range(1, 6):
        up.send_rtp(vp8(n, key=n == 1, picture=n))
    up.send_rtcp(rtcp.sender_report(2000, 5 << 32, 1, 1, 1))
    await court.until(lambda: len(down.packets) == 5 and any(isinstance(r, rtcp.SenderReport) for r in down.reports))
    await court.ask(api.PauseConsumer(consumer_id=consumer.consumer_id))
    await asyncio.sleep(0.6)  # what was under way arrives
    down.reports.clear()
    up.reports.clear()
    for n in range(6, 30):
        up.send_rtp(vp8(n, picture=n))
    down.send_rtcp(rtcp.nack(1, ssrc, [down.packets[2].sequence]) + rtcp.pli(1, ssrc))
    await asyncio.sleep(1.2)  # two rounds of reports
    assert len(down.packets) == 5
    assert down.reports == []
    assert not any(isinstance(r, rtcp.KeyframeRequest) for r in up.reports)

    await court.ask(api.ResumeConsumer(consumer_id=consumer.consumer_id))
    await court.until(lambda: len(down.packets) >= 5 + 29, 5)
    assert not any(isinstance(r, rtcp.KeyframeRequest) for r in up.reports), "the cache had all since the keyframe"


async def test_a_viewer_who_comes_late_to_a_still_screen_sees_it(court: Court) -> None:
    """A screen that does not change has hardly a frame to send: the sender is asked for a keyframe."""
    await court.obey({"a": ["screen"]}, {"b": ["a"], "c": ["a"]})
    up, first = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "screen", video_parameters())
    await court.consumer("b", "screen")
    for n in range(1, 120):  # more than is replayed to a newcomer
        up.send_rtp(vp8(n, key=n == 1, picture=n))
    await court.until(lambda: len(first.packets) == 119)
    await asyncio.sleep(0.6)
    up.reports.clear()
    late = await court.link("c", "recv")
    await court.consumer("c", "screen")
    await court.until(lambda: any(isinstance(r, rtcp.KeyframeRequest) for r in up.reports))
    up.send_rtp(vp8(120, key=True, picture=120))
    up.send_rtp(vp8(121, picture=121))
    await court.until(lambda: len(late.packets) == 2)
    assert late.packets[0].payload[6] == 0x10


def frames(layers: tuple[int, ...]) -> Iterator[tuple[bytes, bool]]:
    """Payloads of one frame each with these temporal layers over and over, and whether it is a keyframe."""
    base = 0
    for n in count(0):
        layer = layers[n % len(layers)]
        base += layer == 0
        sync = layer > 0
        descriptor = (
            b"\x90\xe0" + (0x8000 | n & 0x7FFF).to_bytes(2, "big") + bytes([base & 0xFF, layer << 6 | sync << 5])
        )
        yield descriptor + (b"\x10" if n == 0 else b"\x11") + b"x", n == 0


async def test_a_subscriber_gets_the_frame_rate_it_asks_for(court: Court) -> None:
    """Half of the frames, then all, with unbroken numbers; who asks for all gets all throughout."""
    await court.obey({"a": ["camera"]}, {"b": ["a"], "c": ["a"]})
    up, half, whole = await court.link("a", "send"), await court.link("b", "recv"), await court.link("c", "recv")
    await court.produce(up, "camera", video_parameters())
    consumer = await court.consumer("b", "camera")
    await court.consumer("c", "camera")
    stream = frames((0, 2, 1, 2))
    number = 0

    def send(amount: int) -> None:
        nonlocal number
        for _ in range(amount):
            payload, _ = next(stream)
            packet = vp8(number, timestamp=number * 3000)
            up.send_rtp(packet[:12] + payload)
            number += 1

    send(8)
    await court.until(lambda: len(half.packets) == len(whole.packets) == 8)
    limit = api.SetPreferredLayers(consumer_id=consumer.consumer_id, spatial_layer=0, temporal_layer=1)
    await court.ask(limit)
    send(40)
    await court.until(lambda: len(whole.packets) == 48)
    await court.until(lambda: len(half.packets) == 8 + 20)
    await court.ask(api.SetPreferredLayers(consumer_id=consumer.consumer_id, spatial_layer=0))
    send(8)
    await court.until(lambda: len(half.packets) == 36 and len(whole.packets) == 56)
    for link in (half, whole):
        first = link.packets[0].sequence
        assert [(p.sequence - first) & 0xFFFF for p in link.packets] == list(range(len(link.packets)))
        pictures = [int.from_bytes(p.payload[2:4], "big") & 0x7FFF for p in link.packets]
        assert [(one - pictures[0]) & 0x7FFF for one in pictures] == list(range(len(link.packets)))
