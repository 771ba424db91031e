"""Damage to bytes, by a seeded chance."""

from __future__ import annotations

import random

#: Values that sit on a boundary of some field.
EDGES = (0, 1, 2, 3, 4, 12, 15, 16, 63, 64, 127, 128, 191, 192, 200, 206, 223, 254, 255)


def mutate(chance: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """A few changes: bits, boundary values, cuts, repeats, and pieces of other inputs."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(made) + 1)
        kind = chance.randrange(7)
        if kind == 0 and made:
            made[at % len(made)] ^= 1 << chance.randrange(8)
        elif kind == 1 and made:
            made[at % len(made)] = chance.choice(EDGES)
        elif kind == 2:
            del made[at:]
        elif kind == 3:
            del made[at : at + chance.randrange(1, 9)]
        elif kind == 4:
            made[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif kind == 5 and len(made) < 3000:
            made[at:at] = made[chance.randrange(len(made) + 1) :]
        else:
            other = chance.choice(others)
            made[at:] = other[min(at, len(other)) :]
    return bytes(made)
