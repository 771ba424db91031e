"""Drawn people for fake cameras, so that pictures of the product show a courtroom and nobody real."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FRAMES_PER_S, SECONDS = 960, 540, 12, 4
#: Drawn this much larger and averaged down, for smooth edges.
OVERSAMPLING = 2

Colour = tuple[int, int, int]
Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """``hair``: 0 short, 1 to the shoulders, 2 tied up."""

    skin: Colour
    hair_colour: Colour
    clothes: Colour
    wall: Colour
    hair: int = 0
    collar: bool = False


LOOKS = {
    "judge": Look((134, 92, 68), (92, 92, 94), (26, 28, 32), (104, 84, 66), 0, True),
    "clerk": Look((222, 180, 150), (70, 48, 36), (58, 66, 78), (170, 164, 150), 2, True),
    "claimant": Look((232, 194, 166), (124, 82, 52), (88, 120, 128), (178, 184, 170), 1),
    "respondent": Look((206, 166, 132), (60, 52, 48), (48, 56, 84), (140, 146, 158), 0, True),
    "witness": Look((198, 146, 110), (24, 22, 24), (112, 84, 104), (166, 170, 166), 1),
    "interpreter": Look((226, 190, 154), (22, 20, 22), (78, 74, 66), (186, 184, 176), 0, True),
}


def camera(path: Path, role: str) -> Path:
    """Write an uncompressed YUV4MPEG2 loop of the person breathing and turning the head a little."""
    count = FRAMES_PER_S * SECONDS
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_S}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(count):
            turn = 2 * np.pi * number / count
            file.write(b"FRAME\n" + _planes(_draw(LOOKS[role], 6 * np.sin(turn), 2 * np.cos(2 * turn))))
    return path


def _draw(look: Look, sway: float, nod: float) -> Picture:
    scale = OVERSAMPLING
    y, x = np.mgrid[0 : HEIGHT * scale, 0 : WIDTH * scale].astype(np.float32) / scale
    picture = np.empty((*x.shape, 3), np.float32)
    light = 1.12 - 0.34 * np.hypot((x - 0.3 * WIDTH) / WIDTH, (y - 0.2 * HEIGHT) / HEIGHT)
    picture[:] = np.array(look.wall, np.float32) * light[..., None]
    window = (x > WIDTH * 0.78) & (y < HEIGHT * 0.62)
    picture[window] = picture[window] * 0.4 + 138

    def ellipse(cx: float, cy: float, rx: float, ry: float) -> NDArray[np.bool_]:
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1

    def paint(where: NDArray[np.bool_], colour: Colour, shade: float = 1.0) -> None:
        side = 1.05 - 0.16 * (x[where] - WIDTH * 0.38) / (WIDTH * 0.24)
        picture[where] = np.array(colour, np.float32) * (shade * side)[..., None]

    cx, cy = WIDTH / 2 + sway, HEIGHT * 0.43 + nod
    if look.hair == 1:
        paint(ellipse(cx, cy + 40, 112, 150) & (y < cy + 165), look.hair_colour, 0.85)
    if look.hair == 2:
        paint(ellipse(cx, cy - 142, 36, 34), look.hair_colour)
    paint(ellipse(WIDTH / 2, HEIGHT * 1.08, 250, 190), look.clothes)
    paint((abs(x - cx) < 36) & (y > cy + 70) & (y < cy + 162), look.skin, 0.86)
    if look.collar:
        spread = (y - (cy + 128)) * 0.62
        paint((abs(x - WIDTH / 2) < spread) & (y > cy + 128) & (y < cy + 196), (236, 236, 232))
        paint((abs(x - WIDTH / 2) < 11) & (y > cy + 160), (52, 46, 50))
    paint(ellipse(cx, cy, 88, 112), look.skin)
    paint(ellipse(cx, cy - 36, 94, 92) & (y < cy - 46 + 16 * np.cos((x - cx) / 40)), look.hair_colour)
    for side in (-1, 1):
        paint(ellipse(cx + side * 34 + sway * 0.4, cy - 6, 9, 6), (34, 28, 26))
        paint((abs(x - cx - side * 34) < 19) & (abs(y - cy + 28) < 3), look.hair_colour)
    paint(ellipse(cx + sway * 0.5, cy + 26, 9, 5), look.skin, 0.82)
    paint(ellipse(cx + sway * 0.4, cy + 62, 27, 6), (150, 84, 78))
    grain = np.random.default_rng(7).normal(0, 1.2, picture.shape[:2]).astype(np.float32)
    smooth = (picture + grain[..., None]).reshape(HEIGHT, scale, WIDTH, scale, 3).mean(axis=(1, 3))
    return np.clip(smooth, 0, 255).astype(np.float32)


def _planes(picture: Picture) -> bytes:
    """BT.601, full range in, colour at half resolution."""
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    planes = [luma]
    for difference in (
        128 - 0.148 * red - 0.291 * green + 0.439 * blue,
        128 + 0.439 * red - 0.368 * green - 0.071 * blue,
    ):
        planes.append(difference.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3)))
    return b"".join(np.clip(plane, 0, 255).astype(np.uint8).tobytes() for plane in planes)
