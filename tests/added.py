"""A recording that a court adds to a record: its file in the store, and the acts about it."""

from __future__ import annotations

import hashlib
from typing import Any

from recording import messages as m
from recording.objects import ObjectStore
from recording.recorder import Recorder
from tests.recorded import BEGIN_WALL_NS, eventually

STARTED_US = BEGIN_WALL_NS // 1000 + 1_000_000
FIRST = b"the desk recorder's file" * 40
SECOND = b"the same, copied once more" * 60


def act(serial: int, content: bytes, action: str = "add", number: int = 1, **fields: Any) -> m.Act:
    said: dict[str, Any] = {
        "serial": serial,
        "action": action,
        "title": "Courtroom 3",
        "kind": "audio",
        "started_us": STARTED_US,
        "number": number,
        "equipment": "Desk recorder 7",
        "file_name": "r.wav",
        "media_type": "audio/wav",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "duration_ms": 1000,
        "has_audio": True,
        "by": "Clerk Wu",
        "by_zh": "吴书记员",
        "at_us": STARTED_US + 60_000_000 * serial,
        **fields,
    }
    return m.Act(**said)


#: Two versions of one recording; the second is withdrawn.
ACTS = (
    act(1, FIRST),
    act(2, SECOND, number=2),
    act(3, SECOND, "withdraw", 2, reason="Of another courtroom"),
    act(4, FIRST, "choose"),
)


async def put(store: ObjectStore, sitting_id: str, *contents: bytes) -> None:
    for content in contents:
        await store.put_new(f"added/{sitting_id}/{hashlib.sha256(content).hexdigest()}", content)


async def stated(recorder: Recorder, sitting_id: str, *acts: m.Act) -> m.AnyAnswer:
    """Ask until each act is stated, or one is refused; the last answer."""
    answers: list[m.AnyAnswer] = []
    for each in acts:

        async def answered(each: m.Act = each) -> bool:
            answers.append(await recorder.add(m.Add(sitting_id=sitting_id, act=each)))
            return not isinstance(answers[-1], m.Accepted)

        await eventually(answered)
        if isinstance(answers[-1], m.Refused):
            break
    return answers[-1]
