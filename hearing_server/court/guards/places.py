"""Guards of presence and consultations: a code if the row may not be taken."""

from __future__ import annotations

from typing import Any, Final

from ..draft import Draft, Guard
from ..model import NS, Consultation, Person, Sitting
from ..people import (
    TALK_STATES,
    bars_entry,
    bench_room_open,
    has_business,
    interpreters_of,
    members,
    people_of,
    screened,
)
from ..permissions import Leave, leave
from ..states import BENCH, EVIDENCE_GIVERS, PARTIES, Presence, Role, SittingState, Stream

#: Consultations that one sitting may have at a time.
TALK_LIMIT = 32


def _has_business(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    person = draft.sitting.people[subject]
    return None if has_business(draft.sitting, person, draft.now.utc) else "sitting-closed"


def _declared(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if detail.get("declaration") is True else "declaration-missing"


def _not_sent_out(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "sent-out" if draft.sitting.people[subject].dismissed else None


def _may_enter(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return bars_entry(draft.sitting, draft.sitting.people[subject])


def _linked_ready(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    """A witness with an interpreter is called when both are there (J6)."""
    sitting = draft.sitting
    for interpreter in interpreters_of(sitting, sitting.people[subject]):
        if interpreter.presence not in (Presence.WAITING, Presence.IN_HEARING):
            return "interpreter-not-ready"
    return None


def _host_remains(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    """The last who may preside does not walk out of a session (J14)."""
    sitting = draft.sitting
    person = sitting.people[subject]
    if person.id != sitting.presiding and not person.deputy:
        return None
    others = (other for other in sitting.people.values() if other.id != subject)
    stays = any(
        other.presence is Presence.IN_HEARING and (other.id == sitting.presiding or other.deputy) for other in others
    )
    return None if stays else "last-host"


def _not_the_judge(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "judge-stays" if subject == draft.sitting.presiding else None


def _holds_a_place(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].in_room else "person-not-in-hearing"


def _seat_held_long_enough(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    person = draft.sitting.people[subject]
    return None if draft.now.utc >= person.since + int(draft.sitting.rules.seat_held_s * NS) else "seat-held"


def _no_business_inside(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    person = sitting.people[subject]
    if person.role is Role.OBSERVER:
        return None if bars_entry(sitting, person) or sitting.stream is not Stream.LIVE else "wrong-place"
    if person.role is Role.INTERPRETER and person.linked:
        return "wrong-place" if any(other.in_room for other in people_of(sitting, person)) else None
    return "wrong-place"


def _deliberating(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.state is SittingState.DELIBERATION else "wrong-place"


def _of_the_bench(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if draft.sitting.people[subject].role in BENCH else "not-allowed"


def _private_room_over(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    person = sitting.people[subject]
    if person.has_place(Presence.IN_DELIBERATION):
        return None if not bench_room_open(sitting, draft.now.utc) else "wrong-place"
    if not person.has_place(Presence.IN_CONSULTATION):
        return "wrong-place"
    over = sitting.state in (SittingState.COUNTDOWN, SittingState.CLOSED)
    parted = any(screened(sitting, subject, other) for other in members(sitting, person.talk))
    return None if over or parted else "wrong-place"


def _bench_room_open(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return None if bench_room_open(draft.sitting, draft.now.utc) else "room-not-open"


def _talk_awaits(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    """The opener, or somebody who has accepted: their acceptance is in the log just before."""
    talk = draft.sitting.consultations.get(detail.get("consultation", ""))
    last = draft.events[-1] if draft.events else None
    just_now = last is not None and last.name in ("consult", "accept") and last.subject == subject
    return None if talk is not None and just_now else "wrong-consultation-state"


def _not_oneself(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    return "not-oneself" if subject == draft.actor.id else None


# --- consultations -----------------------------------------------------------------------


def _may_consult_now(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    if sitting.state in TALK_STATES:
        return None
    if sitting.state is SittingState.IN_SESSION:
        talk = _talk(draft, detail)
        asking = [sitting.people[draft.actor.id], *([sitting.people[talk.opened_by]] if talk is not None else [])]
        free = any(
            person.role.value in sitting.rules.consult_in_session or "consult_in_session" in person.grants
            for person in asking
        )
        return None if free else "needs-leave-to-consult"
    return "countdown-running" if sitting.state is SittingState.COUNTDOWN else "sitting-closed"


def _free_to_consult(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    person = draft.sitting.people[draft.actor.id]
    if person.presence not in (Presence.WAITING, Presence.IN_HEARING):
        return "wrong-place"
    if person.under_oath:
        return "under-oath"
    if person.presence is Presence.IN_HEARING and draft.sitting.state is not SittingState.IN_SESSION:
        return "wrong-place"
    return None


def may_be_asked(sitting: Sitting, asker: Person, other: Person, present: tuple[str, ...]) -> str | None:
    """Why this person may not be invited by the asker into a consultation of these members, as a code (M20, M22)."""
    if other.id == asker.id or leave("invited", other.role) is not Leave.ALLOWED or other.role in EVIDENCE_GIVERS:
        return "not-to-be-invited"
    if any(screened(sitting, other.id, member) for member in (asker.id, *present)):
        return "not-to-be-invited"
    linked = other.id in asker.linked
    court = other.role in (Role.STAFF_HOST, Role.CLERK)
    if asker.role is Role.INTERPRETER and not linked:
        return "not-linked"
    if asker.role in PARTIES | EVIDENCE_GIVERS and not (linked or court or _own_side(asker, other)):
        return "other-side"
    return None


def _own_side(asker: Person, other: Person) -> bool:
    return bool(side_of(asker)) and side_of(asker) == side_of(other)


def side_of(person: Person) -> str:
    """The side a person is on: a party is its own."""
    return person.side or (person.role.value if person.role in PARTIES else "")


def _may_all_be_invited(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting = draft.sitting
    invited = detail.get("invite", ())
    if len(sitting.consultations) >= TALK_LIMIT or 1 + len(invited) > sitting.rules.consult_limit:
        return "consultation-full"
    asker = sitting.people[subject]
    for index, other_id in enumerate(invited):
        other = sitting.people.get(other_id)
        if other is None:
            return "unknown-person"
        code = may_be_asked(sitting, asker, other, tuple(invited[:index]))
        if code:
            return code
    return None


def _talk(draft: Draft, detail: dict[str, Any]) -> Consultation | None:
    return draft.sitting.consultations.get(detail.get("consultation", ""))


def _talk_is_mine(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    talk = _talk(draft, detail)
    person = draft.sitting.people[draft.actor.id]
    here = talk is not None and person.presence is Presence.IN_CONSULTATION and person.talk == talk.id
    return None if here else "wrong-place"


def _may_be_invited(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting, talk = draft.sitting, _talk(draft, detail)
    other = sitting.people.get(subject)
    if talk is None or other is None:
        return "unknown-person"
    present = members(sitting, talk.id)
    if other.id in present or other.id in talk.invited:
        return "already-invited"
    if len(present) + len(talk.invited) >= sitting.rules.consult_limit:
        return "consultation-full"
    return may_be_asked(sitting, sitting.people[draft.actor.id], other, (*present, *talk.invited))


def _was_invited(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    talk = _talk(draft, detail)
    return None if talk is not None and subject in talk.invited else "not-invited"


def _place_left(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    sitting, talk = draft.sitting, _talk(draft, detail)
    present = members(sitting, talk.id) if talk is not None else ()
    if any(screened(sitting, subject, member) for member in present):
        return "cannot-join"
    return "consultation-full" if len(present) >= sitting.rules.consult_limit else None


def _talk_empty(draft: Draft, subject: str, detail: dict[str, Any]) -> str | None:
    talk = _talk(draft, detail)
    return "wrong-consultation-state" if talk is None or members(draft.sitting, talk.id) else None


GUARDS: Final[dict[str, Guard]] = {
    "has_business": _has_business,
    "declared": _declared,
    "not_sent_out": _not_sent_out,
    "may_enter": _may_enter,
    "linked_ready": _linked_ready,
    "host_remains": _host_remains,
    "not_the_judge": _not_the_judge,
    "holds_a_place": _holds_a_place,
    "seat_held_long_enough": _seat_held_long_enough,
    "no_business_inside": _no_business_inside,
    "deliberating": _deliberating,
    "of_the_bench": _of_the_bench,
    "private_room_over": _private_room_over,
    "bench_room_open": _bench_room_open,
    "talk_awaits": _talk_awaits,
    "not_oneself": _not_oneself,
    "may_consult_now": _may_consult_now,
    "free_to_consult": _free_to_consult,
    "may_all_be_invited": _may_all_be_invited,
    "talk_is_mine": _talk_is_mine,
    "may_be_invited": _may_be_invited,
    "was_invited": _was_invited,
    "place_left": _place_left,
    "talk_empty": _talk_empty,
}

__all__ = ["GUARDS", "TALK_LIMIT", "may_be_asked", "side_of"]
