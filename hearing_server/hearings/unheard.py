"""Words that the line has just swallowed: the bench is asked at the moment whether it wants them again.

No peer's recorder notices that an answer is missing before somebody listens to it, when nobody can be asked any more.
Here the media worker counts the sound of each microphone that never came while its person spoke; this says when that
is worth interrupting a hearing for.  Without I/O: numbers and times in, what to show out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..court import Sitting, SittingState

#: From so much on somebody is asked, ms.  It is the length of a word: in interviews and conversation people say 190 to
#: 210 words a minute (S. Tauroza, D. Allison, "Speech Rates in British English", Applied Linguistics 11, 1990), and of
#: the two seconds that are told at a time it is the 15 % that courts elsewhere take for a bad line
#: (hmcts/vh-video-web, HeartbeatRequestMapper).
LEAST_MS: Final = 300
#: What is lost again so soon is the same trouble, s.
JOINED_S: Final = 5
#: So long it is shown, s: later the hearing has gone on, and the gap stands in the record's timeline.
SHOWN_S: Final = 20
NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Loss:
    """``since`` and ``last``: when it was told first and last, ns since 1970."""

    person_id: str
    since: int
    last: int
    lost_ms: int


class Unheard:
    """Of one sitting.  Holds at most one loss of each person."""

    def __init__(self) -> None:
        self._losses: dict[str, Loss] = {}

    def told(self, lost_ms: Mapping[str, int], due: Callable[[str], bool], now: int) -> bool:
        """What never came of each person's sound in the last period; whether there is something else to show.

        ``due``: whether this person's words belong to the hearing now.
        """
        before = dict(self._losses)
        for person_id, ms in lost_ms.items():
            known = self._losses.get(person_id)
            if not due(person_id):
                self._losses.pop(person_id, None)
            elif known is not None and ms > 0 and now - known.last <= JOINED_S * NS:
                self._losses[person_id] = replace(known, last=now, lost_ms=known.lost_ms + ms)
            elif ms >= LEAST_MS:
                self._losses[person_id] = Loss(person_id, now, now, ms)
        self._losses = {loss.person_id: loss for loss in self._losses.values() if now - loss.last < SHOWN_S * NS}
        return self._losses != before

    def asked(self, person_id: str) -> None:
        """They were asked to say it again."""
        self._losses.pop(person_id, None)

    def lost_ms(self, person_id: str) -> int:
        """What is shown of this person, 0 if nothing is."""
        loss = self._losses.get(person_id)
        return 0 if loss is None else loss.lost_ms

    def losses(self) -> tuple[Loss, ...]:
        """The oldest first."""
        return tuple(sorted(self._losses.values(), key=lambda loss: loss.since))


def is_due(sitting: Sitting, person_id: str) -> bool:
    """Whether the court listens to this person now: who has the floor, or while nobody has it, all who may be heard."""
    person = sitting.people.get(person_id)
    if person is None or sitting.state is not SittingState.IN_SESSION or sitting.curtain or not person.in_room:
        return False
    return not (person.muted or person.locked or person.behind_curtain) and sitting.floor in ("", person_id)
