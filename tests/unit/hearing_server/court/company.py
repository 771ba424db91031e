"""A full company of a hearing with protected people and interpreters, and steps that random people try."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from hearing_server.court import SYSTEM, Actor, Booked, Command, Role, Rules, Sitting, profile
from hearing_server.court.tables import ABOUT_SOMEBODY

from .room import DONE, START_UTC, Room

#: The witness is protected from the respondent; two interpreters; a deputy beside the judge.
COMPANY = (
    Booked(id="judge", role=Role.JUDGE),
    Booked(id="panel", role=Role.PANEL, deputy=True),
    Booked(id="staff_host", role=Role.STAFF_HOST),
    Booked(id="clerk", role=Role.CLERK),
    Booked(id="technician", role=Role.TECHNICIAN),
    Booked(id="lawyer", role=Role.LAWYER, side="claimant"),
    Booked(id="claimant", role=Role.CLAIMANT),
    Booked(id="respondent", role=Role.RESPONDENT, linked=("interpreter",)),
    Booked(id="witness", role=Role.WITNESS, side="claimant", screened_from=("respondent",), linked=("second",)),
    Booked(id="expert", role=Role.EXPERT),
    Booked(id="interpreter", role=Role.INTERPRETER, languages=("fr", "zh")),
    Booked(id="second", role=Role.INTERPRETER, languages=("de",)),
    Booked(id="guest", role=Role.GUEST),
    Booked(id="observer", role=Role.OBSERVER),
)
IDS = tuple(person.id for person in COMPANY)
SCREENED = ("respondent", "witness")

Step = tuple[Actor, Command]

_ABOUT = ABOUT_SOMEBODY | {"lose", "give_up"}


def company(rules: Rules | None = None) -> Room:
    return Room(rules, COMPANY)


def in_session(rules: Rules | None = None) -> Room:
    room = company(rules)
    room.start(*(person for person in IDS if person != "judge"))
    return room


def in_full_swing() -> Room:
    room = in_session()
    for person in ("witness", "expert", "guest", "observer"):
        assert room.give("judge", "call", person) is None
    room.give("judge", "assign_mix", "interpreter", detail={"language": "fr"})
    room.give("respondent", "listen", detail={"language": "fr"})
    room.give("judge", "allow_share", "lawyer")
    room.give("judge", "grant", "claimant", detail={"verb": "consult_in_session"})
    return room


def streamed() -> Room:
    """The public watches."""
    room = in_session()
    room.give("judge", "classify", detail={"category": "ordinary"})
    room.give("clerk", "announce_stream")
    room.give("respondent", "object_to_stream", detail={"text": "my safety"})
    assert room.give("judge", "start_stream", reason="open justice") is None
    return room


def waiting() -> Room:
    room = company()
    room.arrive(*IDS)
    return room


def in_recess() -> Room:
    room = in_full_swing()
    assert room.give("judge", "recess") is None
    room.give("respondent", "consult", detail={"invite": ["lawyer"]})
    return room


def in_deliberation() -> Room:
    room = in_full_swing()
    assert room.give("judge", "retire") is None
    room.give("lawyer", "consult", detail={"invite": ["claimant", "respondent"]})
    talk = room.sitting.people["lawyer"].talk
    room.give("claimant", "accept", detail={"consultation": talk})
    room.give("lawyer", "lock_consultation", detail={"consultation": talk})
    return room


def suspended() -> Room:
    room = in_full_swing()
    assert room.give("system", "fail", reason="disk-full") is None
    return room


def in_china() -> Room:
    room = company(profile("china"))
    room.arrive(*IDS)
    for person in ("lawyer", "claimant", "respondent", "witness", "expert"):
        room.give("clerk", "verify_today", person)
    for person in ("claimant", "respondent"):
        room.give(person, "give_consent", detail={"stage": "trial"})
        room.give(person, "give_consent", detail={"stage": "judgment"})
    room.give("judge", "open")
    room.give("system", "first_durable")
    room.wait(10)
    assert room.give("system", "elapsed") is None
    return room


def forgotten() -> Room:
    """Fourteen hours after its time the sitting is still open, and nobody is inside."""
    room = Room(None, COMPANY, scheduled=START_UTC)
    room.arrive("judge", "claimant")
    room.wait(14 * 3600 - 30)
    return room


def private() -> Room:
    """Behind closed doors, a party gone for long, the judge's countdown of a second session before them."""
    room = in_full_swing()
    assert room.give("judge", "close_doors", detail={"ground": "minors"}) is None
    room.give("judge", "interrupt_record", detail={"ground": "mediation"})
    room.give("system", "lose", "claimant")
    room.give("judge", "prompt_return", "claimant")
    room.give("judge", "warn_return", "claimant")
    room.give("judge", "remove", "guest", reason="noise")
    return room


def about_to_resume() -> Room:
    room = in_recess()
    assert room.give("judge", "resume") is None
    room.give("system", "first_durable")
    room.give("system", "lose", "judge")
    return room


#: SHA-256 of a draft and of the record.
BYTES = {"draft": 1, "text_hash": "a" * 64, "record_root": "b" * 64}


def to_be_signed() -> Room:
    """Closed; the written record lies before everybody, and one of them wants a word changed."""
    room = in_full_swing()
    assert room.give("judge", "close") is None
    assert room.give("clerk", "circulate", detail=BYTES) is None
    room.give("lawyer", "request_correction", detail={"draft": 1, "text": "the date"})
    return room


def nearly_signed() -> Room:
    """All but two have signed, late."""
    room = in_session()
    assert room.give("judge", "close") is None
    assert room.give("clerk", "circulate", detail=BYTES) is None
    for person in ("judge", "panel", "clerk", "lawyer", "respondent"):
        assert room.give(person, "sign_record", detail={**BYTES, "proof": "c" * 64}) is None
    room.wait(24 * 3600 - 100)
    return room


#: Where walks begin: random commands alone rarely open a court.
BEGINNINGS: tuple[Callable[[], Room], ...] = (
    company,
    waiting,
    in_session,
    in_full_swing,
    in_recess,
    in_deliberation,
    suspended,
    in_china,
    forgotten,
    private,
    about_to_resume,
    streamed,
    to_be_signed,
    nearly_signed,
)

#: What commands say, where they say something: mostly what makes sense.
ARGUMENTS: dict[str, tuple[dict[str, Any], ...]] = {
    "sign_in": ({"seat": "a"},),
    "change_device": ({"seat": "b"},),
    "check_in": (DONE, DONE, DONE, {"declaration": True, "check": {"camera": "refused"}}, {}),
    "open": ({}, {}, {"off_record": "the recorder is broken"}),
    "convert_offline": ({"ground": "originals"}, {"ground": "weather"}),
    "close_doors": ({"ground": "minors"}, {"ground": "privacy"}, {"ground": "noise"}),
    "interrupt_record": ({"ground": "mediation"}, {"ground": "lunch"}),
    "request_interrupt": ({"ground": "private_evidence"},),
    "direct_public": ({"grounds": "a press interest"},),
    "classify": ({"category": "ordinary"}, {"category": "ordinary"}, {"category": "family"}, {"category": "privacy"}),
    "announce_stream": ({}, {"override": "of great public concern"}),
    "object_to_stream": ({"text": "my safety"},),
    "lift": ({}, {"keep": ["guest", "claimant"]}),
    "dismiss": ({}, {"release": True}),
    "consult": ({"invite": ["lawyer"]}, {"invite": ["respondent", "claimant"]}, {"invite": ["witness"]}, {}),
    "mute_all": ({}, {"lock": True}),
    "grant": ({"verb": "share"}, {"verb": "call"}, {"verb": "curtain"}, {"verb": "consult_in_session"}),
    "withdraw_grant": ({"verb": "share"}, {"verb": "consult_in_session"}),
    "set_stage": ({"stage": "evidence"}, {"stage": "debate"}, {"stage": "mediation"}),
    "note": ({"text": "n"}, {"text": "n", "private": True}),
    "ruling": ({"text": "r"},),
    "objection": ({"text": "leading"},),
    "statement": ({"text": "I saw it"},),
    "state_incident": ({"text": "the disk was full"},),
    "restrict": ({"text": "names may not be published"},),
    "show_exhibit": ({"document": "d1"}, {"document": "d2", "page": 3}),
    "turn_page": ({"page": 2},),
    "order_place": ({"place": "witness room 2"},),
    "assign_mix": ({"language": "fr"}, {"language": "de"}, {}),
    "listen": ({"language": "fr"}, {"language": "de"}, {}),
    "report_blocked": ({"device": "camera"},),
    "ask_consent": ({"stage": "trial"}, {"stage": "mediation"}),
    "give_consent": ({"stage": "trial"}, {"stage": "judgment"}, {"stage": "mediation"}),
    "refuse_consent": ({"stage": "mediation"},),
    "withdraw_consent": ({"stage": "trial"}, {"stage": "judgment"}),
    "excuse_leaving": ({"ground": "network_fault"}, {"ground": "bored"}),
    "change_person": (
        {"screened_from": ["claimant"]},
        {"screened_from": ["respondent"]},
        {"linked": ["second"]},
        {"side": "claimant"},
    ),
    "add_person": ({"id": "late", "role": "guest"}, {"id": "later", "role": "panel", "deputy": True}),
    "writer": ({"writer": "w1.a"},),
    "circulate": ({**BYTES, "draft": 2}, {**BYTES, "draft": 2}, BYTES, {"draft": 1, "text_hash": "short"}),
    "request_correction": ({"draft": 1, "text": "the date"}, {"draft": 2, "paragraph": "p4", "text": "a name"}),
    "sign_record": (
        {**BYTES, "proof": "c" * 64},
        {**BYTES, "proof": "c" * 64},
        {**BYTES, "draft": 2, "proof": "c" * 64},
        {**BYTES, "text_hash": "d" * 64, "proof": "c" * 64},
    ),
    "refuse_to_sign": ({"draft": 1}, {"draft": 2}),
    "make_final": ({"document": "e" * 64},),
    "root": ({"media": "ab" * 32, "tracks": 3, "segments": {"w1.a": 2}},),
}

#: Who mostly gives what: drawn more often than anybody giving anything.
_USUAL_WORDS = {
    "judge": """
        open abort recess resume suspend retire return close close_doors open_doors curtain lift call dismiss mute
        mute_lock unlock unlock_all mute_all give_floor clear_floor spotlight clear_spotlight allow_share stop_share
        grant withdraw_grant set_stage ruling rule_objection interrupt_record resume_record resume_record elect_fallback
        state_incident direct_public withdraw_public restrict unrestrict remove readmit enter_bench_room
        leave_bench_room prompt_return warn_return warn_return treat_as_left treat_as_left excuse_leaving order_place
        require_in_person show_exhibit turn_page hide_exhibit come_in leave_room decline_suspend convert_offline
        ask_repeat change_judge lower_hands classify announce_stream start_stream stop_stream withdraw_stream
    """,
    "clerk": """
        note verify_account verify_today verify_in_person ask_consent request_suspend request_interrupt close_task
        change_person add_person show_exhibit turn_page set_stage answer_correction answer_correction recall_draft
        circulate make_final
    """,
    "staff_host": "call dismiss mute unmute mute_all lower_hand suspend come_in leave_room close_task open",
    "panel": "open close come_in leave_room enter_bench_room leave_bench_room recess resume raise_hand",
    "system": """
        first_durable degrade recover fail rearm seal writer root open_incident lose lose give_up interrupt arm elapsed
    """,
}
_USUAL = {giver: text.split() for giver, text in _USUAL_WORDS.items()}
_ANYBODYS_WORDS = """
    sign_in check_in check_in change_device sign_out come_back come_back consult accept decline lock_consultation
    unlock_consultation unlock_consultation leave_consultation invite raise_hand lower_hand unmute objection statement
    listen assign_mix come_in leave_room give_consent refuse_consent withdraw_consent withdraw_consent report_blocked
    object_to_stream duress challenge_identity show_exhibit stop_share
    sign_record sign_record request_correction refuse_to_sign
"""
_ANYBODYS = _ANYBODYS_WORDS.split()


class Stands(Protocol):
    """Where a step is looked for: only the state counts."""

    @property
    def sitting(self) -> Sitting: ...


def random_step(room: Stands, chance: random.Random, events: tuple[str, ...]) -> Step:
    """Mostly somebody doing what they usually do; now and then anybody doing anything to anybody."""
    people = tuple(room.sitting.people)
    draw = chance.random()
    if draw < 0.45:
        giver = chance.choice(tuple(_USUAL))
        name = chance.choice(_USUAL[giver])
        if giver == "judge":
            giver = room.sitting.presiding
    elif draw < 0.9:
        giver, name = chance.choice(people), chance.choice(_ANYBODYS)
    else:
        giver, name = chance.choice((*people, "system", "stranger")), chance.choice(events)
    subject = chance.choice(people) if draw > 0.9 or name in _ABOUT else ""
    detail = dict(chance.choice(ARGUMENTS.get(name, ({},))))
    if (
        name in ("accept", "decline", "lock_consultation", "unlock_consultation", "invite")
        and room.sitting.consultations
    ):
        detail = {"consultation": chance.choice(tuple(room.sitting.consultations))}
    if name == "close_task" and room.sitting.tasks:
        detail = {"task": chance.choice(tuple(room.sitting.tasks))}
    if name == "rule_objection" and room.sitting.objections:
        detail = {"objection": room.sitting.objections[0].id, "ruling": "sustained"}
    if name == "answer_correction" and room.sitting.corrections:
        one = chance.choice(room.sitting.corrections)
        detail = {"correction": one.id, "answer": chance.choice(("accepted", "refused")), "text": ""}
    reason = chance.choice(("because", "because", ""))
    request = chance.choice(("", "", "", "r1", "r2"))
    return actor_of(room, giver), Command(name=name, subject=subject, reason=reason, detail=detail, request_id=request)


def actor_of(room: Stands, name: str) -> Actor:
    if name == "system":
        return SYSTEM
    person = room.sitting.people.get(name)
    return Actor(id=name, role=person.role.value if person else "judge")
