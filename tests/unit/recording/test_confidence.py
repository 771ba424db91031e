"""What was heard of whom, from the peaks of stored sound."""

from __future__ import annotations

from dataclasses import dataclass, field

from recording.confidence import Hearer
from recording.messages import Channel

S = 1_000_000_000


@dataclass
class File:
    start_ns: int | None = 100 * S
    peaks: list[int] = field(default_factory=list)


def test_sound_and_silence_are_told_apart() -> None:
    """Peaks are of half a second each."""
    speaker, silent, hearer = File(peaks=[0, 40, 60, 2]), File(peaks=[0, 1, 2, 1]), Hearer()
    files = [("p2", silent), ("p1", speaker), ("p3", File(start_ns=None, peaks=[9])), ("p4", File())]
    assert hearer.channels(files) == [
        Channel(person_id="p1", stored_wall_ns=102 * S, level=60, sound_wall_ns=101 * S + S // 2),
        Channel(person_id="p2", stored_wall_ns=102 * S, level=2, sound_wall_ns=0),
    ]
    speaker.peaks += [1] * 20
    (told, _) = hearer.channels(files)
    assert (told.stored_wall_ns, told.level, told.sound_wall_ns) == (112 * S, 1, 101 * S + S // 2)


def test_the_newest_value_may_still_grow_and_a_file_may_be_made_anew() -> None:
    file, hearer = File(peaks=[0, 0]), Hearer()
    assert hearer.channels([("p", file)])[0].sound_wall_ns == 0
    file.peaks[-1] = 30
    assert hearer.channels([("p", file)])[0].sound_wall_ns == 101 * S
    file.peaks = [0]
    assert hearer.channels([("p", file)])[0].sound_wall_ns == 0
