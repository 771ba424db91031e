"""The worker's processes run on uvloop, whose transports and sockets differ in small ways."""

from __future__ import annotations

import pytest

from signaling import worker_api as api
from signaling.sfu.settings import WorkerSettings
from signaling.sfu.worker import Worker

from .peer import ROOM, Court, MemorySink, audio_parameters, opus

uvloop = pytest.importorskip("uvloop")


async def _speak(*, tcp: bool) -> None:
    sink = MemorySink()
    worker = Worker(WorkerSettings(listen=("127.0.0.1",)), sink)
    await worker.start()
    court = Court(worker, sink)
    await court.ask(api.OpenRoom(room_id=ROOM, plan=court.plan))
    await court.obey({"a": ["microphone"]}, {"b": ["a"]})
    up, down = await court.link("a", "send", tcp=tcp), await court.link("b", "recv", tcp=tcp)
    await court.produce(up, "microphone", audio_parameters())
    await court.consumer("b", "microphone")
    up.send_raw(b"")
    for n in range(20):
        up.send_rtp(opus(n))
    await court.until(lambda: len(down.packets) == 20)
    for link in court.links:
        await link.close()
    await worker.aclose()


@pytest.mark.parametrize("tcp", [False, True])
def test_a_call_on_uvloop(tcp: bool) -> None:
    uvloop.run(_speak(tcp=tcp))
