"""Exports that are changed at random from a seed, as no hand would think of: two ways of checking must say the same.

Whoever changes them has the court's key, so that what is signed is signed again: the checks get to what it says.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recording.keys import SigningKey

#: What is put in place of anything.
_ODD: tuple[Any, ...] = (
    *(0, 1, -1, 2**53 + 2, 2**63, -(10**15), 10**18, 1.5, None, True),
    *("", "x", "ab" * 32, "raw/worker.1/000002.hrec", [], [0], {}),
)
_STEPS_US = (1, -1, 1_000, 1_000_000, -1_000_000, 10_000_000, -10_000_000)
#: The entries of a list that are looked at.
_ENTRIES = 12


def mutate(folder: Path, seed: str, key: SigningKey) -> list[str]:
    """Change an export in place; answers what was done."""
    dice = random.Random(seed)
    return [_one(folder, dice, key) for _ in range(dice.choice((1, 1, 2)))]


def _one(folder: Path, dice: random.Random, key: SigningKey) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    how = dice.choice(("say", "say", "say", "say", "flip", "cut", "remove", "add"))
    told = [path for path in files if path.suffix == ".json"]
    if how == "say" and told:
        weights = [{"statement.json": 6, "manifest.json": 4}.get(path.name, 1) for path in told]
        path = dice.choices(told, weights)[0]
        _say(folder, path, dice, key)
    else:
        path = dice.choice(files)
        data = bytearray(path.read_bytes())
        if how == "flip" and data:
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        elif how == "cut":
            del data[dice.randrange(len(data) + 1) :]
        if how == "remove":
            path.unlink()
        else:
            (path.with_name(path.name + "x") if how == "add" else path).write_bytes(data)
    return f"{how} {path.relative_to(folder)}"


def _say(folder: Path, path: Path, dice: random.Random, key: SigningKey) -> None:
    """Another thing, and signed."""
    try:
        said = json.loads(path.read_bytes())
    except ValueError:
        return
    for _ in range(dice.choice((1, 1, 2))):
        _change(said, dice)
    _sign(path, said, key)
    statement = folder / "statement.json"
    if path.name == "manifest.json" and statement.exists():
        about = json.loads(statement.read_bytes())
        if isinstance(about, dict):
            about["enclosedSha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
            _sign(statement, about, key)


def _sign(path: Path, said: Any, key: SigningKey) -> None:
    data = json.dumps(said, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    path.write_bytes(data)
    if path.with_suffix(".sig").exists():
        path.with_suffix(".sig").write_bytes(key.sign(data))


def _change(said: Any, dice: random.Random) -> None:
    places = list(_places(said))
    if not places:
        return
    inside, at = dice.choice(places)
    how, value = dice.randrange(5), inside[at]
    if how == 0:
        del inside[at]
    elif how == 1 and type(value) is int:
        inside[at] = value + dice.choice(_STEPS_US)
    elif how == 2 and isinstance(inside, list):
        inside.insert(at, json.loads(json.dumps(value)))
    elif how == 3 and isinstance(value, str):
        inside[at] = value[:-1]
    else:
        inside[at] = dice.choice(_ODD)


def _places(said: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with the key or index of each thing in it."""
    keys = list(said) if isinstance(said, dict) else range(min(len(said), _ENTRIES)) if isinstance(said, list) else []
    for at in keys:
        yield said, at
        yield from _places(said[at])
