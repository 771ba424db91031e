"""Control is killed in the middle of a hearing and started again on the same data: people and record go on."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from pathlib import Path

import pytest

from .harness.command import hearing
from .harness.pages import Person, playwright
from .harness.scenario import MEDIA_LIMIT_S, fetch_tracks, of_all, playable_record, take_seat, until
from .harness.server import Running
from .test_command import gone
from .test_resilience import loudness, share, told

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

#: A child writes its last chunks and ends; the supervisor would give it this long too, s.
CHILDREN_END_S = 10.0


async def test_a_killed_control_is_started_again_and_the_hearing_goes_on(tmp_path: Path) -> None:
    port = str(free_port())
    demo = await Running.start("demo", data=tmp_path / "data", log=tmp_path / "demo.log", HEARING_HTTP_PORT=port)
    try:
        async with playwright() as running:
            people = {role: await Person.open(running, role, tmp_path) for role in ("claimant", "judge")}
            for role, person in people.items():
                await person.arrive(demo.link(role))
            await people["judge"].start_hearing()

            async def both_hear() -> bool:
                return (await of_all(people, Person.hears)) == {"judge": {"claimant"}, "claimant": {"judge"}}

            await until(both_hear, MEDIA_LIMIT_S, "both hear each other")
            await asyncio.sleep(3)

            children = demo.children()
            demo.process.send_signal(signal.SIGKILL)
            killed = time.time()
            await demo.process.wait()
            await until(lambda: gone(list(children.values())), CHILDREN_END_S, "the children end with their parent")
            # Whoever looks at the page now is told that the connection is gone.
            for person in people.values():
                await person.page.get_by_text("The link to the court is lost").first.wait_for()

            links = demo.ready["links"]
            demo = await Running.start("demo", data=demo.data, log=demo.log, HEARING_HTTP_PORT=port)
            assert demo.ready["links"] == links
            await until(both_hear, MEDIA_LIMIT_S, "both hear each other again")
            again = time.time()
            await asyncio.sleep(4)
            await people["judge"].close_hearing()

            await take_seat(demo, people["judge"])
            record = await playable_record(demo, people["judge"], tracks=2)
            for role, (track, content) in (await fetch_tracks(demo, people["judge"], record)).items():
                begin, loud = loudness(record, track, content, role)
                for start, end in ((killed - 3, killed - 1), (again, again + 3)):
                    heard = told(loud, begin, start, end, record["gaps"])
                    assert share(loud, begin, start, end) > 0.98, f"{role}: {heard}"
            assert [row["event"] for row in record["log"] if row["event"] in ("open", "elapsed", "close")] == [
                "open",
                "elapsed",
                "close",
            ]
            code, report = await hearing(
                "verify", demo.data / "archive", "--public-key", demo.data / "keys/record.pub.pem"
            )
            assert code == 0, report
            for person in people.values():
                await person.close()
    finally:
        await demo.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
