"""What a worker counts of itself."""

from __future__ import annotations

from signaling import worker_api as api
from signaling.sfu import rtcp

from .peer import ROOM, Court, audio_parameters, opus, video_parameters, vp8

BOTH: list[api.Source] = ["microphone", "camera"]


async def test_a_worker_counts_what_happens_and_forgets_nothing_of_those_who_left(court: Court) -> None:
    await court.obey({"a": BOTH}, {"b": ["a"]})
    up, down = await court.link("a", "send"), await court.link("b", "recv")
    await court.produce(up, "microphone", audio_parameters())
    await court.produce(up, "camera", video_parameters())
    await court.consumer("b", "microphone")
    camera = await court.announced("b", "camera")
    assert court.worker.metrics().consumers == {**dict.fromkeys(api.CONSUMER_STATES, 0), "sound": 1, "paused": 1}
    camera = await court.consumer("b", "camera")
    ssrc = camera.rtp_parameters.encodings[0].ssrc
    assert ssrc is not None
    for n in range(20):
        if n != 10:
            up.send_rtp(vp8(n, key=n == 0, picture=n))
        up.send_rtp(opus(n))
    await court.until(lambda: len(down.packets) == 39)
    down.send_rtcp(rtcp.nack(1, ssrc, [p.sequence for p in down.packets if p.ssrc == ssrc][:3]) + rtcp.pli(1, ssrc))
    up.send_raw(b"\x80\x60" + bytes(60))
    up.send_raw(b"\x80\xc8" + bytes(60))
    up.send_raw(b"\x05nonsense")

    def complete() -> bool:
        metrics = court.worker.metrics()
        counters = metrics.counters
        return (
            metrics.transports["connected"] == 2
            and (metrics.consumers["sound"], metrics.consumers["high"]) == (1, 1)
            and counters["packets_out"] >= 39 + 3
            and counters["packets_expected"] == 40
            and counters["packets_lost"] == 1
            and counters["nacks_sent"] >= 1
            and counters["nacks_received"] == 3
            and counters["retransmissions"] == 3
            and counters["keyframes_asked"] >= 1
            and counters["keyframes_wanted"] == 1
            and metrics.dropped["forged"] == 2
        )

    await court.until(complete)
    before = court.worker.metrics()
    for person in ("a", "b"):
        await court.ask(api.ClosePeer(room_id=ROOM, peer_id=person))
    after = court.worker.metrics()
    assert sum(after.transports.values()) == sum(after.consumers.values()) == 0
    assert all(after.counters[name] >= before.counters[name] for name in api.COUNTERS)
    assert all(after.dropped[cause] >= before.dropped[cause] for cause in api.DROP_CAUSES)
    assert tuple(after.counters) == api.COUNTERS
