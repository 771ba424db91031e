"""The instruments of the end-to-end tests measure rightly; otherwise those tests would prove nothing."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.media import cameras, tones


@pytest.mark.parametrize("role", tones.TONES_HZ)
def test_a_voice_is_recognised(role: str) -> None:
    assert tones.heard(tones.voice(tones.TONES_HZ[role], 1.0)) == {role}


def test_voices_are_told_apart_in_a_mixture() -> None:
    mixture = 0.4 * (tones.voice(tones.TONES_HZ["judge"], 1.0) + tones.voice(tones.TONES_HZ["respondent"], 1.0))
    assert tones.heard(mixture.astype(np.float32)) == {"judge", "respondent"}


def test_silence_and_noise_hold_no_voice() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, tones.RATE_HZ).astype(np.float32)
    assert tones.heard(np.zeros(tones.RATE_HZ, np.float32)) == set()
    assert tones.heard(noise) == set()


def test_pauses_are_found_where_they_are() -> None:
    samples = tones.voice(691.0, 6.0)
    for start_s in (1.5, 4.0):
        samples[int(start_s * tones.RATE_HZ) : int((start_s + 0.5) * tones.RATE_HZ)] = 0
    assert tones.pauses(samples, 691.0) == pytest.approx([1.5, 4.0], abs=0.04)


def test_the_camera_file_is_a_video_of_the_right_colour(tmp_path: Path) -> None:
    with av.open(str(cameras.camera(tmp_path / "judge.y4m", "judge"))) as container:
        frames = [frame.to_ndarray() for frame in container.decode(video=0)]
    assert len(frames) == 2 * cameras.FRAMES_PER_S
    assert not np.array_equal(frames[0], frames[5])
    planes = frames[0][cameras.HEIGHT :].reshape(2, -1)
    assert cameras.seen(planes[0], planes[1]) == "judge"
