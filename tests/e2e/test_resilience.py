"""The recorder and the media worker are killed in the middle of a hearing; it goes on, and so does the record."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.media import stored, tones

from .harness.command import hearing
from .harness.pages import Person, playwright
from .harness.scenario import MEDIA_LIMIT_S, fetch_tracks, of_all, playable_record, take_seat, until
from .harness.server import Running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]

#: The issue's bars: back without a human, and what may be lost, s.
BACK_WITHIN_S = 10.0
LOST_AT_MOST_S = 1.0


async def test_a_killed_recorder_and_a_killed_worker_lose_no_hearing(
    demo: Running, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    async with playwright() as running:
        people = {role: await Person.open(running, role, tmp_path) for role in ("claimant", "judge")}
        for role, person in people.items():
            await person.arrive(demo.link(role))
        await people["judge"].start_hearing()

        async def both_hear() -> bool:
            return (await of_all(people, Person.hears)) == {"judge": {"claimant"}, "claimant": {"judge"}}

        await until(both_hear, MEDIA_LIMIT_S, "both hear each other")
        await asyncio.sleep(3)

        recorder_killed = await kill(demo, "recorder")
        assert await both_hear(), "media must not depend on the recorder"
        await until(lambda: lives_again(demo, "recorder"), BACK_WITHIN_S, "the recorder is started again")
        await asyncio.sleep(3)

        worker_killed = await kill(demo, "media-worker")
        await until(lambda: lives_again(demo, "media-worker"), BACK_WITHIN_S, "the worker is started again")
        await until(both_hear, MEDIA_LIMIT_S, "both hear each other again")
        seen(f"everybody hears again {time.time() - worker_killed:.1f} s after the worker was killed")
        await asyncio.sleep(4)
        await people["judge"].close_hearing()

        await take_seat(demo, people["judge"])
        record = await playable_record(demo, people["judge"], tracks=2)
        for role, (track, content) in (await fetch_tracks(demo, people["judge"], record)).items():
            begin, loud = loudness(record, track, content, role)
            # Nothing is missing around the recorder's death, nor until a second before the worker's.
            assert share(loud, begin, recorder_killed - 2, recorder_killed + 3) > 0.98
            assert share(loud, begin, worker_killed - 3, worker_killed - LOST_AT_MOST_S) > 0.98
            # And the record goes on after the worker came back.
            assert loud[-100:].mean() > 0.9
        causes = {gap["cause"] for gap in record["gaps"]}
        assert causes & {"node-change", "torn", "disconnect"}, record["gaps"]
        code, report = await hearing("verify", demo.data / "archive", "--public-key", demo.data / "keys/record.pub.pem")
        assert code == 0, report
        for person in people.values():
            await person.close()


async def kill(demo: Running, name: str) -> float:
    """SIGKILL, as a crash or the kernel would; returns when, s since 1970."""
    os.kill(demo.children()[name], signal.SIGKILL)
    return time.time()


async def lives_again(demo: Running, name: str) -> bool:
    return name in demo.children()


def loudness(record: dict[str, Any], track: dict[str, Any], content: bytes, role: str) -> tuple[float, Any]:
    """Wall clock time of the first value, and whether the tone is there, per 10 ms."""
    first, samples = stored.sound_of(content)
    return record["startedAt"] + track["offsetS"] + first, tones.envelope(samples, tones.TONES_HZ[role]) > 0.02


def share(loud: Any, begin: float, start: float, end: float) -> float:
    """How much of this time holds the tone."""
    part = loud[max(0, round((start - begin) * 100)) : max(0, round((end - begin) * 100))]
    return float(np.mean(part)) if len(part) >= 0.9 * (end - start) * 100 else 0.0


def told(loud: Any, begin: float, start: float, end: float, gaps: list[dict[str, Any]]) -> str:
    """Where in this time the tone is missing, s after its start, and what the record says is missing of the track."""
    part = loud[max(0, round((start - begin) * 100)) : max(0, round((end - begin) * 100))]
    edges = np.flatnonzero(np.diff(np.concatenate([[True], part, [True]]).astype(np.int8))) / 100
    holes = [(float(one), float(other)) for one, other in edges.reshape(-1, 2)]
    return f"{len(part) / 100} s of {end - start:.2f} s; silent at {holes}; gaps listed: {gaps}"
