"""Every row of the tables is taken once, and refused once to a wrong role and in a wrong state."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hearing_server.court import SYSTEM, Actor, Command, Consent, Event, Refused, Rules, decide, profile
from hearing_server.court.model import Consultation, Sitting, Task
from hearing_server.court.states import (
    Doors,
    Identity,
    Machine,
    Presence,
    RecordState,
    Signature,
    SittingState,
    Stream,
    Talk,
    TaskKind,
    TaskState,
    Transcript,
)
from hearing_server.court.tables import BY_SYSTEM, EVENTS, SELF, TABLE, Row, rows
from hearing_server.refusals import SENTENCES

from .company import COMPANY, IDS
from .room import DONE, START_UTC, Room

#: How each row is reached: steps separated by semicolons, ``giver command [subject] [argument=value ...]``; ``arrive``,
#: ``start`` and ``wait`` (seconds) are steps of their own, ``*`` is everybody.  The last step takes the row.
SESSION = "start *"
CHINA = "china; arrive *; clerk verify_today claimant; clerk verify_today respondent"
CONSENTED = f"{CHINA}; claimant give_consent stage=trial; respondent give_consent stage=trial"
TALK = f"{SESSION}; judge recess; lawyer consult invite=claimant"
ROOM = f"{TALK}; claimant accept consultation=?talk"
GONE = f"{SESSION}; system lose claimant"
FAILED = f"{SESSION}; system fail"
TOLD = f"{SESSION}; judge classify category=ordinary; judge announce_stream"
LIVE = f"{TOLD}; judge start_stream"
HASH, ROOT = "a" * 64, "b" * 64
BYTES = f"draft=1 text_hash={HASH} record_root={ROOT}"
OUT = f"{SESSION}; judge close; clerk circulate {BYTES}"
ASKED = f"{OUT}; claimant request_correction draft=1 paragraph=p3 text=date"
#: Everybody who was inside; the interpreter is linked to the respondent.
SIGNERS = ("judge", "panel", "clerk", "lawyer", "claimant", "respondent", "interpreter")
SIGNED = "; ".join([OUT, *(f"{one} sign_record {BYTES} proof={HASH}" for one in SIGNERS)])
WAYS: dict[tuple[str, str], str] = {
    # --- sitting -------------------------------------------------------------------
    ("open", "not_started"): "arrive *; judge open",
    ("elapsed", "countdown"): "arrive *; judge open; system first_durable; wait 10; system elapsed",
    ("abort", "countdown"): "arrive *; judge open; judge abort",
    ("fail_to_record", "countdown"): "arrive *; judge open; wait 40; system fail_to_record",
    ("fail_to_preside", "countdown"): (
        "arrive judge; judge open; system first_durable; system lose judge; wait 10; system fail_to_preside"
    ),
    ("recess", "in_session"): f"{SESSION}; judge recess until=1790003600",
    ("resume", "recess"): f"{SESSION}; judge recess; judge resume",
    ("resume", "suspended"): f"{SESSION}; judge suspend reason=sound; judge resume",
    ("suspend", "in_session"): f"{SESSION}; staff_host suspend reason=sound",
    ("suspend_by_court", "in_session"): (
        f"{SESSION}; system lose judge; system lose panel; wait 60; system suspend_by_court"
    ),
    ("retire", "in_session"): f"{SESSION}; judge retire",
    ("return", "deliberation"): f"{SESSION}; judge retire; judge return",
    ("close", "in_session"): f"{SESSION}; judge close",
    ("convert_offline", "in_session"): f"{SESSION}; judge convert_offline ground=originals reason=deed",
    ("auto_close", "not_started"): "arrive judge; wait 50400; system auto_close",
    # --- doors ----------------------------------------------------------------------
    ("close_doors", "open"): f"{SESSION}; judge call observer; judge close_doors ground=minors",
    ("open_doors", "closed"): f"{SESSION}; judge close_doors ground=minors; judge open_doors",
    # --- the stream ------------------------------------------------------------------
    ("announce_stream", "off"): TOLD,
    ("withdraw_stream", "announced"): f"{TOLD}; clerk withdraw_stream",
    ("object_to_stream", "announced"): f"{TOLD}; claimant object_to_stream text=safety",
    ("start_stream", "announced"): LIVE,
    ("stop_stream", "live"): f"{LIVE}; judge stop_stream",
    ("end_stream", "announced"): f"{LIVE}; judge close_doors ground=minors",
    ("classify", "not_started"): "clerk classify category=family",
    # --- record ---------------------------------------------------------------------
    ("arm", "idle"): "arrive *; judge open",
    ("first_durable", "arming"): "arrive *; judge open; system first_durable",
    ("stand_down", "arming"): "arrive *; judge open; judge abort",
    ("interrupt", "recording"): f"{SESSION}; judge recess",
    ("interrupt_record", "recording"): f"{SESSION}; judge interrupt_record ground=mediation",
    ("resume_record", "interrupted"): f"{SESSION}; judge interrupt_record ground=mediation; judge resume_record",
    ("request_interrupt", "recording"): f"{SESSION}; clerk request_interrupt ground=mediation",
    ("decline_interrupt", "recording"): (
        f"{SESSION}; clerk request_interrupt ground=mediation; judge decline_interrupt"
    ),
    ("degrade", "recording"): f"{SESSION}; system degrade reason=late",
    ("recover", "degraded"): f"{SESSION}; system degrade reason=late; system recover",
    ("fail", "degraded"): f"{SESSION}; system degrade reason=late; system fail reason=late",
    ("rearm", "failed"): f"{FAILED}; system rearm",
    ("elect_fallback", "degraded"): f"{SESSION}; system degrade; judge elect_fallback reason=tape",
    ("open_incident", "recording"): f"{SESSION}; system open_incident",
    ("state_incident", "failed"): f"{FAILED}; judge state_incident text=full",
    ("finalize", "recording"): f"{SESSION}; judge close",
    ("seal", "finalizing"): f"{SESSION}; judge close; system seal",
    ("writer", "recording"): f"{SESSION}; system writer writer=w1.a",
    ("root", "recording"): f"{SESSION}; system root media={'ab' * 32}",
    # --- presence --------------------------------------------------------------------
    ("sign_in", "not_signed_in"): "claimant sign_in seat=a",
    ("change_device", "waiting"): "arrive claimant; claimant change_device seat=b",
    ("check_in", "checking"): "arrive claimant",
    ("check_in", "waiting"): "arrive claimant; claimant check_in declaration=true",
    ("come_in", "waiting"): f"{SESSION}; staff_host come_in",
    ("leave_room", "in_hearing"): f"{SESSION}; claimant leave_room",
    ("sign_out", "waiting"): "arrive claimant; claimant sign_out",
    ("lose", "waiting"): "arrive claimant; system lose claimant",
    ("come_back", "away"): "arrive claimant; system lose claimant; claimant come_back",
    ("give_up", "away"): "arrive claimant; system lose claimant; wait 300; system give_up claimant",
    ("enter", "waiting"): SESSION,
    ("call", "waiting"): f"{SESSION}; judge call expert",
    ("dismiss", "in_hearing"): f"{SESSION}; judge call expert; judge dismiss expert release=true",
    ("dismiss", "away"): f"{GONE}; judge dismiss claimant",
    ("send_out", "in_hearing"): f"{SESSION}; judge call observer; judge close_doors ground=minors",
    ("send_out", "away"): f"{SESSION}; judge call observer; system lose observer; judge close_doors ground=minors",
    ("remove", "waiting"): "arrive *; judge remove guest reason=noise",
    ("readmit", "removed"): "arrive *; judge remove guest reason=noise; judge readmit guest",
    ("break_off", "in_hearing"): f"{SESSION}; judge recess",
    ("break_off", "away"): f"{GONE}; judge recess",
    ("retire_to", "in_hearing"): f"{SESSION}; judge retire",
    ("retire_to", "away"): f"{SESSION}; system lose panel; judge retire",
    ("gather", "in_consultation"): f"{TALK}; judge resume",
    ("gather", "away"): f"{TALK}; system lose lawyer; judge resume",
    ("rise", "in_hearing"): f"{SESSION}; judge close",
    ("rise", "away"): f"{GONE}; judge close",
    ("enter_bench_room", "waiting"): "arrive *; panel enter_bench_room",
    ("leave_bench_room", "in_deliberation"): "arrive *; panel enter_bench_room; panel leave_bench_room",
    ("join_consultation", "waiting"): TALK,
    ("leave_consultation", "in_consultation"): f"{TALK}; lawyer leave_consultation",
    # --- identity and consent ------------------------------------------------------------
    ("verify_account", "unverified"): "clerk verify_account claimant",
    ("verify_today", "unverified"): "clerk verify_today claimant",
    ("verify_in_person", "in_person_required"): "judge require_in_person claimant; clerk verify_in_person claimant",
    ("challenge_identity", "unverified"): "lawyer challenge_identity respondent reason=voice",
    ("require_in_person", "unverified"): "judge require_in_person claimant",
    ("ask_consent", "not_asked"): "china; clerk ask_consent claimant stage=trial",
    ("give_consent", "not_asked"): "china; claimant give_consent stage=trial",
    ("refuse_consent", "not_asked"): "china; claimant refuse_consent stage=trial",
    ("withdraw_consent", "given"): "china; claimant give_consent stage=trial; claimant withdraw_consent stage=trial",
    # --- the written record ---------------------------------------------------------------
    ("circulate", "draft"): OUT,
    ("recall_draft", "circulated"): f"{OUT}; clerk recall_draft reason=typo",
    ("request_correction", "circulated"): ASKED,
    ("answer_correction", "correction_requested"): (
        f"{ASKED}; clerk answer_correction correction=?correction answer=refused text=heard"
    ),
    ("redraft", "correction_requested"): f"{ASKED}; judge answer_correction correction=?correction answer=accepted",
    ("uphold", "correction_requested"): f"{ASKED}; judge answer_correction correction=?correction answer=refused",
    ("lapse", "circulated"): f"{OUT}; wait 86400; system lapse",
    ("complete", "circulated"): SIGNED,
    ("make_final", "signed"): f"{SIGNED}; clerk make_final document={HASH}",
    ("ask_signature", "not_asked"): OUT,
    ("sign_record", "asked"): f"{OUT}; claimant sign_record {BYTES} proof={HASH}",
    ("refuse_to_sign", "asked"): f"{OUT}; claimant refuse_to_sign draft=1 reason=untrue",
    ("miss_signature", "asked"): f"{OUT}; wait 86400; system lapse",
    ("void_signature", "asked"): f"{OUT}; clerk recall_draft reason=typo",
    # --- consultations and tasks -----------------------------------------------------------
    ("consult", "none"): TALK,
    ("invite", "open"): f"{TALK}; lawyer invite clerk consultation=?talk",
    ("accept", "open"): ROOM,
    ("decline", "open"): f"{TALK}; claimant decline consultation=?talk",
    ("lock_consultation", "open"): f"{ROOM}; claimant lock_consultation consultation=?talk",
    ("unlock_consultation", "locked"): (
        f"{ROOM}; claimant lock_consultation consultation=?talk; lawyer unlock_consultation consultation=?talk"
    ),
    ("end_consultation", "open"): f"{TALK}; lawyer leave_consultation",
    ("open_task", "none"): f"{SESSION}; claimant duress",
    ("close_task", "open"): f"{SESSION}; claimant duress; clerk close_task task=?task",
    # --- orders ------------------------------------------------------------------------------
    ("mute", "in_session"): f"{SESSION}; judge mute claimant",
    ("unmute", "in_session"): f"{SESSION}; judge mute claimant; claimant unmute",
    ("mute_lock", "in_session"): f"{SESSION}; judge mute_lock claimant",
    ("unlock", "in_session"): f"{SESSION}; judge mute_lock claimant; staff_host unlock claimant",
    ("mute_all", "in_session"): f"{SESSION}; judge mute_all lock=true",
    ("unlock_all", "in_session"): f"{SESSION}; judge mute_all; judge unlock_all",
    ("curtain", "in_session"): f"{SESSION}; judge curtain",
    ("lift", "in_session"): f"{SESSION}; judge curtain; judge lift keep=claimant",
    ("raise_hand", "in_session"): f"{SESSION}; claimant raise_hand",
    ("lower_hand", "in_session"): f"{SESSION}; claimant raise_hand; claimant lower_hand",
    ("lower_hands", "in_session"): f"{SESSION}; judge lower_hands",
    ("give_floor", "in_session"): f"{SESSION}; judge give_floor claimant",
    ("ask_repeat", "in_session"): f"{SESSION}; judge ask_repeat claimant lost_ms=600",
    ("clear_floor", "in_session"): f"{SESSION}; judge clear_floor",
    ("spotlight", "in_session"): f"{SESSION}; judge spotlight claimant",
    ("clear_spotlight", "in_session"): f"{SESSION}; judge clear_spotlight",
    ("allow_share", "in_session"): f"{SESSION}; judge allow_share claimant",
    ("stop_share", "in_session"): f"{SESSION}; judge allow_share claimant; claimant stop_share",
    ("grant", "not_started"): "judge grant clerk verb=call",
    ("withdraw_grant", "not_started"): "judge grant clerk verb=call; judge withdraw_grant clerk verb=call",
    ("set_stage", "in_session"): f"{SESSION}; clerk set_stage stage=evidence",
    ("note", "closed"): f"{SESSION}; judge close; clerk note text=n",
    ("ruling", "in_session"): f"{SESSION}; judge ruling text=admitted",
    ("objection", "in_session"): f"{SESSION}; lawyer objection text=leading",
    ("rule_objection", "in_session"): (
        f"{SESSION}; lawyer objection text=leading; judge rule_objection objection=?objection ruling=overruled"
    ),
    ("statement", "in_session"): f"{SESSION}; claimant statement text=yes",
    ("restrict", "not_started"): "clerk restrict text=names",
    ("unrestrict", "not_started"): "clerk unrestrict",
    ("show_exhibit", "in_session"): f"{SESSION}; judge give_floor claimant; claimant show_exhibit document=d page=2",
    ("turn_page", "in_session"): f"{SESSION}; clerk show_exhibit document=d; clerk turn_page page=2",
    ("hide_exhibit", "in_session"): f"{SESSION}; clerk show_exhibit document=d; judge hide_exhibit",
    ("direct_public", "not_started"): "judge direct_public grounds=press",
    ("withdraw_public", "not_started"): "judge direct_public grounds=press; judge withdraw_public",
    ("assign_mix", "not_started"): "judge assign_mix interpreter language=fr",
    ("listen", "not_started"): "judge assign_mix interpreter language=fr; claimant listen language=fr",
    ("prompt_return", "in_session"): f"{GONE}; judge prompt_return claimant",
    ("warn_return", "in_session"): f"{GONE}; judge prompt_return claimant; clerk warn_return claimant",
    ("treat_as_left", "in_session"): (
        f"{GONE}; judge prompt_return claimant; judge warn_return claimant; judge treat_as_left claimant"
    ),
    ("excuse_leaving", "in_session"): (
        f"{GONE}; judge prompt_return claimant; judge excuse_leaving claimant ground=power_cut"
    ),
    ("order_place", "not_started"): "judge order_place witness place=police",
    ("request_suspend", "in_session"): f"{SESSION}; technician request_suspend reason=echo",
    ("decline_suspend", "in_session"): f"{SESSION}; clerk request_suspend reason=echo; judge decline_suspend",
    ("report_blocked", "not_started"): "claimant report_blocked device=camera",
    ("duress", "not_started"): "witness duress",
    ("add_person", "not_started"): "clerk add_person id=late role=guest",
    ("change_person", "not_started"): "clerk change_person expert screened_from=respondent",
    ("change_judge", "not_started"): "clerk change_judge panel",
}

LISTS = frozenset({"invite", "keep", "screened_from", "linked"})


class Way:
    """Plays the steps."""

    def __init__(self, steps: str) -> None:
        china = steps.startswith("china")
        self.room = Room(profile("china") if china else Rules(), COMPANY, scheduled=START_UTC)
        self.events: list[Event] = []
        for step in steps.removeprefix("china; ").split("; "):
            before = len(self.room.log)
            self._play(step)
            self.events = self.room.log[before:]

    def _play(self, step: str) -> None:
        giver, *rest = step.split()
        match giver:
            case "arrive":
                return self.room.arrive(*(IDS if rest == ["*"] else rest))
            case "start":
                return self.room.start(*(person for person in IDS if person != "judge"))
            case "wait":
                return self.room.wait(float(rest[0]))
        name, *words = rest
        subject = words.pop(0) if words and "=" not in words[0] else ""
        values = dict(word.split("=") for word in words)
        reason = values.pop("reason", "")
        detail = {key: self._value(key, value) for key, value in values.items()}
        refused = self.room.give(giver, name, subject, reason=reason, detail=detail)
        assert refused is None, f"{step}: {refused}"
        return None

    def _value(self, key: str, value: str) -> object:
        sitting = self.room.sitting
        found: dict[str, object] = {
            "?talk": next(iter(sitting.consultations), ""),
            "?task": next(iter(sitting.tasks), ""),
            "?objection": sitting.objections[0].id if sitting.objections else 0,
            "?correction": sitting.corrections[0].id if sitting.corrections else 0,
            "true": True,
        }
        if value in found:
            return found[value]
        if key in LISTS:
            return value.split(",")
        return int(value) if value.isdigit() and len(value) < 20 else value


def name_of(row: Row) -> str:
    return f"{row.event}-{min(row.sources)}"


def way_of(row: Row) -> tuple[str, str]:
    return next(way for way in WAYS if way[0] == row.event and way[1] in row.sources)


def test_every_way_leads_to_a_row() -> None:
    assert {way_of(row) for row in TABLE} == set(WAYS)


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_the_row_is_taken(row: Row) -> None:
    event, source = way_of(row)
    way = Way(WAYS[event, source])
    taken = [one for one in way.events if one.name == event and one.source in row.sources]
    assert taken, [one.name for one in way.events]
    assert taken[0].machine is row.machine
    if row.to not in ("same", "held", "back"):
        assert taken[0].to == row.to


@pytest.mark.parametrize("event", EVENTS)
def test_nobody_else_takes_it(event: str) -> None:
    """Every role that is not among those of the row is refused, in the very state in which the row can be taken."""
    table = rows(event)
    assert len({(row.who, row.by_grant, row.deputies, row.own) for row in table}) == 1, "one event, one set of givers"
    row = table[0]
    steps = WAYS[way_of(row)].rpartition("; ")[0]
    room = Way(steps).room if steps and steps != "china" else Room(Rules(), COMPANY)
    about = "panel"
    for person in COMPANY:
        if person.role in row.who or (SELF in row.who and not row.own):
            continue
        answer = decide(
            room.sitting, Actor(id=person.id, role=person.role.value), Command(name=event, subject=about), room.now
        )
        assert isinstance(answer, Refused)
        expected = {"needs-grant"} if person.role in row.by_grant else {"not-allowed", "not-presiding"}
        if person.id != about or row.own:
            assert answer.code in expected | ({"not-allowed"} if row.own else set())
    if BY_SYSTEM not in row.who:
        answer = decide(room.sitting, SYSTEM, Command(name=event, subject=about), room.now)
        assert answer == Refused(code="not-allowed")
    forged = Actor(id="observer", role="judge")
    assert decide(room.sitting, forged, Command(name=event, subject=about), room.now) == Refused(code="not-allowed")


STATES: dict[Machine, type] = {
    Machine.SITTING: SittingState,
    Machine.ORDER: SittingState,
    Machine.DOORS: Doors,
    Machine.RECORD: RecordState,
    Machine.PRESENCE: Presence,
    Machine.IDENTITY: Identity,
    Machine.CONSENT: Consent,
    Machine.STREAM: Stream,
    Machine.TRANSCRIPT: Transcript,
    Machine.SIGNATURE: Signature,
    Machine.CONSULTATION: Talk,
    Machine.TASK: TaskState,
}


def put(sitting: Sitting, machine: Machine, state: str) -> Sitting:
    """The sitting with this machine in this state, whether it could ever get there or not."""
    claimant = sitting.people["claimant"]

    def person(**changes: object) -> Sitting:
        return replace(sitting, people={**sitting.people, "claimant": replace(claimant, **changes)})

    match machine:
        case Machine.SITTING | Machine.ORDER:
            return replace(sitting, state=SittingState(state))
        case Machine.DOORS:
            return replace(sitting, doors=Doors(state))
        case Machine.RECORD:
            return replace(sitting, record=RecordState(state))
        case Machine.PRESENCE:
            return person(presence=Presence(state))
        case Machine.IDENTITY:
            return person(identity=Identity(state))
        case Machine.CONSENT:
            return person(consent={"trial": Consent(state)})
        case Machine.STREAM:
            return replace(sitting, stream=Stream(state))
        case Machine.TRANSCRIPT:
            return replace(sitting, transcript=Transcript(state))
        case Machine.SIGNATURE:
            return person(signature=Signature(state))
        case Machine.CONSULTATION:
            talk = Consultation(id="c1", opened_by="claimant", state=Talk(state))
            return replace(sitting, consultations={} if state == "none" else {"c1": talk})
        case Machine.TASK:
            task = Task(id="t1", kind=TaskKind.DURESS, subject="", state=TaskState(state), opened=0)
            return replace(sitting, tasks={} if state == "none" else {"t1": task})


@pytest.mark.parametrize("event", EVENTS)
def test_it_is_refused_in_every_other_state(event: str) -> None:
    table = rows(event)
    room = Way("start *").room
    allowed = {source for row in table for source in row.sources}
    giver = next((one for one in ("judge", "clerk", "technician") if one in table[0].who), None)
    actor = (
        SYSTEM
        if giver is None and BY_SYSTEM in table[0].who
        else Actor(id=giver or "claimant", role=giver or "claimant")
    )
    subject = "" if table[0].own else "claimant"
    # Enough to be readable by whatever the command is.
    detail = {
        **DONE,
        "stage": "trial",
        "consultation": "c1",
        "task": "t1",
        "kind": "duress",
        "writer": "w",
        "media": "ab" * 32,
        "text": "t",
        "verb": "call",
        "document": HASH,
        "page": 1,
        "grounds": "g",
        "device": "camera",
        "id": "late",
        "role": "guest",
        "objection": 1,
        "ruling": "noted",
        "category": "ordinary",
        "draft": 1,
        "text_hash": HASH,
        "record_root": ROOT,
        "proof": HASH,
        "correction": 1,
        "answer": "refused",
    }
    for state in STATES[table[0].machine]:
        if state.value in allowed:
            continue
        if event in ("consult", "open_task"):
            continue  # each makes a thing of its own, which is in no state before
        sitting = put(room.sitting, table[0].machine, state.value)
        answer = decide(sitting, actor, Command(name=event, subject=subject, reason="r", detail=detail), room.now)
        assert isinstance(answer, Refused), state
        assert answer.code in SENTENCES
        assert answer.code not in ("invalid", "not-allowed", "unknown-command", "needs-grant"), state
