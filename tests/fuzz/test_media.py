"""Damaged packets: the parsers never raise, and a member of the court who sends them disturbs nobody.

The seed is fixed, so that a failure can be repeated; ``FUZZ_SEED`` and ``FUZZ_ROUNDS`` choose others.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator

import pytest

from signaling import worker_api as api
from signaling.sfu.dtls_adapter import MAX_PACKET_BYTES
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker
from tests.fuzz.mutation import mutate
from tests.fuzz.signalling_target import end_session
from tests.fuzz.targets import TARGETS, corpus
from tests.integration.sfu.peer import ROOM, Court, MemorySink, audio_parameters, opus, video_parameters, vp8

SEED = int(os.environ.get("FUZZ_SEED", "1"))
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "400"))

BOTH: list[api.Source] = ["microphone", "camera"]


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_takes_anything(name: str, request: pytest.FixtureRequest) -> None:
    chance = random.Random(f"{SEED} {name}")
    target, stored = TARGETS[name], corpus(name)
    request.addfinalizer(end_session)
    assert stored
    for data in stored:
        target(data)
    pool = list(stored)
    for _ in range(ROUNDS * 15):
        data = mutate(chance, chance.choice(pool), stored)
        target(data)
        if chance.random() < 0.05:
            pool[chance.randrange(len(pool))] = data
        if chance.random() < 0.02:
            pool[:] = stored


@pytest.fixture
async def court() -> AsyncIterator[Court]:
    worker = Worker(WorkerSettings(listen=("127.0.0.1",)), MemorySink())
    await worker.start()
    court = Court(worker, worker._sink)  # type: ignore[arg-type]
    await court.ask(api.OpenRoom(room_id=ROOM, plan=court.plan))
    yield court
    for link in court.links:
        await link.close()
    await worker.aclose()


async def test_a_member_who_sends_rubbish_disturbs_nobody(court: Court, caplog: pytest.LogCaptureFixture) -> None:
    """``c`` has all keys and damages what it sends, media and reports; the others go on, and so does the record."""
    chance = random.Random(SEED)
    everyone = {name: [other for other in "abc" if other != name] for name in "abc"}
    await court.obey(dict.fromkeys("abc", BOTH), everyone, record="r")
    up = {name: await court.link(name, "send") for name in "abc"}
    down = {name: await court.link(name, "recv") for name in "abc"}
    for n, name in enumerate("abc"):
        await court.produce(up[name], "microphone", audio_parameters(ssrc=1000 + n))
        rids = ["r0", "r1", "r2"] if name == "c" else None
        await court.produce(up[name], "camera", video_parameters(rids, ssrc=2000 + 10 * n, rtx_ssrc=2001 + 10 * n))
    for event in [e for e in court.events if isinstance(e, api.ConsumerNew)]:
        await court.ask(api.ResumeConsumer(consumer_id=event.consumer_id))
    hers = next(
        e.rtp_parameters.encodings[0].ssrc
        for e in court.events
        if isinstance(e, api.ConsumerNew) and (e.peer_id, e.producer_peer_id, e.source) == ("b", "a", "microphone")
    )
    heard = len([p for p in down["b"].packets if p.ssrc == hers])
    media = [opus(7, ssrc=1002), vp8(9, ssrc=2020, key=True), vp8(10, ssrc=2020), *corpus("rtp")]
    reports = corpus("rtcp")
    for n in range(ROUNDS):
        damaged = mutate(chance, chance.choice(media), media)[:MAX_PACKET_BYTES]
        if len(damaged) >= 12 and not 192 <= damaged[1] <= 223:
            up["c"].send_raw(up["c"].protect(b"\x80" + damaged[1:] if chance.random() < 0.5 else damaged))
        compound = mutate(chance, chance.choice(reports), reports)[:MAX_PACKET_BYTES]
        if len(compound) >= 8:
            (up if n % 2 else down)["c"].send_rtcp(compound)
        down["c"].send_raw(mutate(chance, chance.choice([*media, *reports, *corpus("stun")]), media)[:1400] or b"\0")
        up["a"].send_rtp(opus(n, ssrc=1000))
        if n % 20 == 0:
            await asyncio.sleep(0.005)

    def arrived() -> int:
        return len([p for p in down["b"].packets if p.ssrc == hers]) - heard

    await court.until(lambda: arrived() == ROUNDS)
    tracks = court.sink.recordings["r"].tracks
    (track,) = [t for t in tracks if (t.info.peer_id, t.info.kind) == ("a", "audio")]
    await court.until(lambda: len(track.packets) == ROUNDS)
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
    ended = {e.peer_id for e in court.events if isinstance(e, api.TransportState) and e.state in ("failed", "closed")}
    assert not ended & {"a", "b"}
