"""Who is told in the room what the record has of each person's sound, and when."""

from __future__ import annotations

from recording import messages as m
from tests.unit.hearing_server.parts import Court, until

NS = 1_000_000_000


async def test_the_bench_and_the_clerk_see_what_is_stored_while_it_is_recorded(court: Court) -> None:
    sockets = await court.start("clerk", "claimant", "observer")
    judge, claimant = court.people["judge"], court.people["claimant"]
    began = court.clock.now
    heard = m.Channel(person_id=claimant, stored_wall_ns=began + 20 * NS, level=40, sound_wall_ns=began + 19 * NS)
    event = m.Archived(
        sitting_id=court.sitting_id, sealed_wall_ns=began + 20 * NS, objects=2, bytes=9, root="ab" * 32, tracks=6,
        segments={"w1.first": 2}, channels=[heard],
    )  # fmt: skip
    court.recorder.events.put_nowait(event)

    async def told() -> bool:
        return bool(sockets["judge"].view["channels"] and sockets["clerk"].view["channels"])

    await until(told)
    for role in ("judge", "clerk"):
        assert sockets[role].view["channels"] == [
            {
                "personId": claimant,
                "storedAt": began / NS + 20,
                "level": 40,
                "soundAt": began / NS + 19,
                "late": False,
            }
        ]
    assert sockets["claimant"].view["channels"] is sockets["observer"].view["channels"] is None
    # A microphone that is on belongs to it before the archive has anything of it.
    court.room.listener.devices_changed(judge, "on", "on")
    await court.settled()
    shown = sockets["judge"].view["channels"]
    assert [(row["personId"], row["storedAt"]) for row in shown] in (
        [(judge, None), (claimant, began / NS + 20)],
        [(claimant, began / NS + 20), (judge, None)],
    )
    await court.command(sockets["judge"], "recess")
    await court.settled()
    assert {role: socket.view["channels"] for role, socket in sockets.items()} == dict.fromkeys(sockets)
