"""A picture per person: one colour of its own and a bar that moves, as a file for a browser's fake camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FRAMES_PER_S = 640, 360, 15
BAR_WIDTH = 24
#: Brightness and the two colour differences (BT.601), of the background.
COLOURS_YUV = {
    "judge": (82, 90, 240),  # red
    "claimant": (145, 54, 34),  # green
    "respondent": (60, 240, 110),  # blue
    "witness": (210, 16, 146),  # yellow
    "interpreter": (107, 202, 222),  # magenta
}
#: Colour difference that encoders may shift.
TOLERANCE = 24


def camera(path: Path, role: str, seconds: float = 2.0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """Write an uncompressed YUV4MPEG2 file, which the browser plays in a loop."""
    luma, blue, red = COLOURS_YUV[role]
    width, height = size
    frames = int(seconds * FRAMES_PER_S)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{FRAMES_PER_S}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(frames):
            picture = np.full((height, width), luma, np.uint8)
            left = (width - BAR_WIDTH) * number // frames
            picture[:, left : left + BAR_WIDTH] = 235
            file.write(b"FRAME\n" + picture.tobytes())
            for value in (blue, red):
                file.write(np.full((height // 2, width // 2), value, np.uint8).tobytes())
    return path


def busy_camera(path: Path, role: str, seconds: float = 2.0) -> Path:
    """The same colours behind a grain that moves, so that an encoder has as much to do as with a real room."""
    luma, blue, red = COLOURS_YUV[role]
    dice = np.random.default_rng(1)
    coarse = dice.normal(0, 22, (HEIGHT // 4 + 1, WIDTH // 4))
    grain = np.kron(coarse, np.ones((4, 4)))[:HEIGHT]
    frames = int(seconds * FRAMES_PER_S)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_S}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(frames):
            moved = np.roll(grain, WIDTH * number // frames, axis=1) + dice.normal(0, 6, grain.shape)
            file.write(b"FRAME\n" + np.clip(luma + moved, 16, 235).astype(np.uint8).tobytes())
            for value in (blue, red):
                file.write(np.full((HEIGHT // 2, WIDTH // 2), value, np.uint8).tobytes())
    return path


def seen_rgb(red: float, green: float, blue: float) -> str | None:
    """The same from a colour on a screen."""
    return seen(
        np.array([128 - 0.168736 * red - 0.331264 * green + 0.5 * blue]),
        np.array([128 + 0.5 * red - 0.418688 * green - 0.081312 * blue]),
    )


def seen(blue: NDArray[Any], red: NDArray[Any]) -> str | None:
    """Whose picture this is, by the middle of its colour planes; nobody's if it is like none."""
    found = np.array([np.median(blue), np.median(red)])
    for role, (_, *expected) in COLOURS_YUV.items():
        if np.all(np.abs(found - np.array(expected)) <= TOLERANCE):
            return role
    return None
