"""The main path: three people in real browsers hold a hearing, and a clerk finds its record.

One hearing is held for all tests of this module (``held``); each looks at one promise.
"""

from __future__ import annotations

import io
import itertools
import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import av
import pytest

from tests.media import cameras, stored, tones

from .harness.command import hearing
from .harness.scenario import PARTIES, PLAYABLE_LIMIT_S, SILENCES, Held, fetch_tracks, until
from .harness.server import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

RESULTS = Path(__file__).parents[2] / "test-results"
#: How far pictures may be from the player's clock.
IN_STEP_MS = 100
#: The issue's bar for tracks against each other, s.
ALIGNED_S = 0.2


async def test_nobody_gets_media_before_the_judge_starts(held: Held) -> None:
    for role in PARTIES:
        assert held.waiting[role]["packetsReceived"] == 0
        assert held.waiting_heard[role] == set()


async def test_everybody_hears_exactly_the_others(held: Held) -> None:
    assert held.heard == {role: set(PARTIES) - {role} for role in PARTIES}


async def test_everybody_sees_everybody_in_the_right_place(held: Held) -> None:
    assert held.seen == {role: {other: other for other in PARTIES} for role in PARTIES}


async def test_pictures_go_on(held: Held) -> None:
    for role in PARTIES:
        before, after = held.early[role], held.late[role]
        assert after["framesDecoded"] - before["framesDecoded"] > 40
        assert after["packetsReceived"] > before["packetsReceived"]


async def test_each_page_has_one_connection_to_send_and_one_to_receive(held: Held) -> None:
    for role in PARTIES:
        assert held.late[role]["connections"] == 2


async def test_nobody_gets_media_after_the_close(held: Held) -> None:
    for role in PARTIES:
        assert held.closed_later[role]["packetsReceived"] == held.closed[role]["packetsReceived"]
        assert held.closed_heard[role] == set()


async def test_the_pages_made_no_error(held: Held) -> None:
    assert {role: person.errors for role, person in held.people.items()} == {role: [] for role in PARTIES}


async def test_the_record_is_playable_soon_after_the_close(held: Held) -> None:
    assert held.playable_after_s < PLAYABLE_LIMIT_S
    assert {track["role"] for track in held.record["tracks"]} == set(PARTIES)
    assert all(track["hasAudio"] and track["hasVideo"] for track in held.record["tracks"])


# --- what is stored ------------------------------------------------------------------------------


async def download(demo: Running, held: Held, url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    answer = await held.clerk.context.request.get(urljoin(demo.base_url, url), headers=headers)
    return answer.status, answer.headers, await answer.body()


async def tracks(demo: Running, held: Held) -> dict[str, tuple[dict[str, Any], bytes]]:
    return await fetch_tracks(demo, held.clerk, held.record)


async def test_each_stored_track_holds_its_own_person_only(demo: Running, held: Held) -> None:
    for role, (_, content) in (await tracks(demo, held)).items():
        _, samples = stored.sound_of(content)
        middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
        assert tones.heard(middle) == {role}


async def test_each_stored_picture_is_of_its_own_person(demo: Running, held: Held) -> None:
    for role, (_, content) in (await tracks(demo, held)).items():
        with av.open(io.BytesIO(content), "r") as container:
            pictures = list(itertools.islice(container.decode(video=0), 40))
        picture = pictures[-1].reformat(format="yuv420p").to_ndarray()
        planes = picture[pictures[-1].height :].reshape(2, -1)
        assert cameras.seen(planes[0], planes[1]) == role


async def test_stored_tracks_are_aligned_with_each_other_and_with_the_clock(demo: Running, held: Held) -> None:
    """Each microphone fell silent at times that are known; the stored silences must be there.

    The pages took those times on this computer's clock, as the record did, so that both the differences between tracks
    and the distance to the true time are measured.
    """
    late: dict[str, list[float]] = {}
    for role, (track, content) in (await tracks(demo, held)).items():
        first, samples = stored.sound_of(content)
        begin = held.record["startedAt"] + track["offsetS"] + first
        found = [begin + pause for pause in tones.pauses(samples, tones.TONES_HZ[role], shortest_s=0.4)]
        late[role] = [min((at - true for at in found), key=abs) for true in held.silences[role]]
    rounds = list(zip(*late.values(), strict=True))
    assert len(rounds) == SILENCES
    for differences in rounds:
        assert max(differences) - min(differences) < ALIGNED_S, late
        assert all(abs(difference) < 2 * ALIGNED_S for difference in differences), late


async def test_the_archive_plays_each_person_in_their_own_place_and_in_step(demo: Running, held: Held) -> None:
    page = held.clerk.page
    await page.goto(f"{demo.base_url}/record/{held.hearing_id}")
    await held.clerk.press("play")
    people = {f"player-{track['personId']}": track["role"] for track in held.record["tracks"]}

    async def all_are_shown() -> bool:
        seen = await held.clerk.sees()
        return {place: seen.get(place) for place in people} == people

    await until(all_are_shown, 20, "every stored picture is played in its place")

    async def in_step() -> bool:
        return abs(float(await page.get_by_test_id("time").get_attribute("data-drift-ms") or 1e9)) < IN_STEP_MS

    await until(in_step, 20, "the tracks play in step")
    await page.screenshot(path=RESULTS / "record-playing.png")


async def test_a_player_can_seek_by_ranges(demo: Running, held: Held) -> None:
    track, content = (await tracks(demo, held))["judge"]
    middle = len(content) // 2
    status, headers, part = await download(demo, held, track["url"], Range=f"bytes={middle}-{middle + 999}")
    assert status == 206
    assert headers["content-range"] == f"bytes {middle}-{middle + 999}/{len(content)}"
    assert part == content[middle : middle + 1000]
    status, headers, _ = await download(demo, held, track["url"], Range=f"bytes={len(content)}-")
    assert status == 416
    assert headers["content-range"] == f"bytes */{len(content)}"


async def test_a_composite_can_be_made_and_downloaded(demo: Running, held: Held, results: Path) -> None:
    api = held.clerk.context.request
    url = f"{demo.base_url}/api/hearings/{held.hearing_id}/record/exports"
    answer = await api.post(url, headers={"Origin": demo.base_url})
    assert answer.ok, await answer.text()
    job = await answer.json()
    seen = {job["progress"]}

    async def done() -> bool:
        nonlocal job
        job = await (await api.get(f"{demo.base_url}/api/jobs/{job['jobId']}")).json()
        seen.add(job["progress"])
        assert job["state"] != "failed", job
        return bool(job["state"] == "done")

    await until(done, 120, "the composite is made")
    assert job["progress"] == 1
    url = job["url"] + ("&" if "?" in job["url"] else "?") + "download=1&order=O-1"
    status, headers, content = await download(demo, held, url)
    assert status == 200
    assert headers["content-type"] == "video/mp4"
    (results / "composite.mp4").write_bytes(content)
    with av.open(io.BytesIO(content), "r") as container:
        assert container.streams.video[0].codec_context.name == "h264"
        length = container.duration or 0
    assert length / 1e6 == pytest.approx(held.record["durationS"], abs=2)
    _, samples = stored.sound_of(content)
    assert tones.heard(samples[len(samples) // 3 : len(samples) // 2]) == set(PARTIES)


# --- the seal --------------------------------------------------------------------------------------


async def verify(record: Path, demo: Running) -> tuple[int, dict[str, Any]]:
    return await hearing("verify", record, "--public-key", demo.data / "keys" / "record.pub.pem")


async def test_the_page_says_that_the_record_is_sealed_and_unchanged(demo: Running, held: Held) -> None:
    async def checked() -> bool:
        status, _, body = await download(demo, held, f"/api/hearings/{held.hearing_id}/record")
        assert status == 200
        seal = json.loads(body)["seal"]
        assert seal is None or seal["state"] != "mismatch", seal
        return seal is not None and seal["state"] == "verified"

    await until(checked, 30, "the record is verified")


async def test_the_record_verifies_offline(demo: Running, held: Held) -> None:
    code, report = await verify(demo.data / "archive", demo)
    assert code == 0, report
    assert report["ok"] is True
    assert report["trusted"] is True


async def test_one_flipped_byte_anywhere_is_found(demo: Running, held: Held, tmp_path: Path) -> None:
    copy = tmp_path / "archive"
    shutil.copytree(demo.data / "archive", copy)
    evidence = [path for path in sorted(copy.rglob("*")) if path.is_file() and "derived" not in path.parts]
    segments = [path for path in evidence if path.suffix == ".hrec"]
    manifests = [path for path in evidence if path.name.startswith("manifest")]
    assert segments
    assert manifests
    for path in [segments[0], segments[-1], *manifests]:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        code, report = await verify(copy, demo)
        assert code == 1, (path.name, report)
        assert report["ok"] is False
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert (await verify(copy, demo))[0] == 0
