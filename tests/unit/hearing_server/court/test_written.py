"""The written record: put before people, corrected, signed; what is missing holds nothing up."""

from __future__ import annotations

import pytest

from hearing_server.court import Signature, Transcript

from .company import BYTES, in_session, nearly_signed, to_be_signed
from .invariants import check_log
from .room import Room

PROOF = {**BYTES, "proof": "c" * 64}
SECOND = {**BYTES, "draft": 2, "text_hash": "f" * 64}


def signatures(room: Room) -> dict[str, Signature]:
    return {
        person.id: person.signature
        for person in room.sitting.people.values()
        if person.signature is not Signature.NOT_ASKED
    }


def test_it_is_put_before_everybody_who_attended_and_may_sign() -> None:
    room = in_session()
    assert room.give("clerk", "circulate", detail=BYTES) == "hearing-not-closed"
    room.give("judge", "close")
    assert room.give("clerk", "circulate", detail={**BYTES, "record_root": ""}) == "record-not-sealed"
    assert room.give("clerk", "circulate", detail={**BYTES, "draft": 2}) == "text-changed"
    assert room.give("clerk", "circulate", detail=BYTES) is None
    # The witnesses and the second interpreter were never called in; guests, hosts and observers sign nothing.
    assert signatures(room).keys() == {
        "judge", "panel", "clerk", "lawyer", "claimant", "respondent", "interpreter"
    }  # fmt: skip
    assert set(signatures(room).values()) == {Signature.ASKED}


@pytest.mark.parametrize("changed", [{"draft": 2}, {"text_hash": "0" * 64}, {"record_root": ""}])
def test_a_signature_binds_to_the_very_bytes(changed: dict[str, object]) -> None:
    room = nearly_signed()
    assert room.give("claimant", "sign_record", detail={**PROOF, **changed}) == "text-changed"
    assert room.give("claimant", "sign_record", detail=PROOF) is None
    assert room.give("claimant", "sign_record", detail=PROOF) == "signature-state"


def test_nobody_signs_for_another() -> None:
    room = to_be_signed()
    assert room.give("lawyer", "sign_record", "claimant", detail=PROOF) == "not-allowed"
    assert room.give("observer", "sign_record", detail=PROOF) == "not-allowed"
    assert room.give("expert", "request_correction", detail={"draft": 1, "text": "t"}) is None
    assert room.give("guest", "refuse_to_sign", reason="why", detail={"draft": 1}) == "not-allowed"


def test_an_accepted_correction_makes_a_draft_that_is_signed_anew() -> None:
    room = to_be_signed()
    room.give("respondent", "sign_record", detail=PROOF)
    room.give("claimant", "request_correction", detail={"draft": 1, "paragraph": "p2", "text": "a name"})
    first, second = room.sitting.corrections
    assert room.give("clerk", "answer_correction", detail={"correction": first.id, "answer": "refused"}) is None
    assert room.sitting.transcript is Transcript.CORRECTION_REQUESTED
    assert room.give("clerk", "answer_correction", detail={"correction": second.id, "answer": "accepted"}) is None
    assert room.sitting.transcript is Transcript.DRAFT
    assert not signatures(room)
    assert room.give("clerk", "circulate", detail=SECOND) is None
    assert room.sitting.people["respondent"].signature is Signature.ASKED
    assert [one.answer for one in room.sitting.corrections] == ["refused", "accepted"]
    # What was asked of an earlier draft is answered, and holds the new one up no more.
    assert room.give("respondent", "sign_record", detail={**SECOND, "proof": "c" * 64}) is None
    check_log(room)


def test_a_refused_correction_stays_attached_and_holds_nothing_up() -> None:
    room = nearly_signed()
    room.give("claimant", "request_correction", detail={"draft": 1, "text": "I never said that"})
    for person in ("claimant", "interpreter"):
        assert room.give(person, "sign_record", detail=PROOF) is None
    assert room.sitting.transcript is Transcript.CORRECTION_REQUESTED
    one = room.sitting.corrections[0]
    room.give("judge", "answer_correction", detail={"correction": one.id, "answer": "refused", "text": "on the tape"})
    assert room.sitting.transcript is Transcript.SIGNED
    kept = room.sitting.corrections[0]
    assert (kept.text, kept.answer, kept.answer_text, kept.answered_by) == (
        "I never said that",
        "refused",
        "on the tape",
        "judge",
    )


def test_missing_and_refused_signatures_are_noted() -> None:
    room = nearly_signed()
    assert room.give("claimant", "refuse_to_sign", detail={"draft": 1}) == "reason-missing"
    assert room.give("claimant", "refuse_to_sign", reason="untrue", detail={"draft": 1}) is None
    assert room.give("system", "lapse") == "transcript-state"
    room.wait(101)
    assert room.give("system", "lapse") is None
    assert room.sitting.transcript is Transcript.SIGNED
    people = room.sitting.people
    assert (people["claimant"].signature, people["interpreter"].signature) == (Signature.REFUSED, Signature.MISSING)
    # Late is better than never, until the document is made.
    assert room.give("interpreter", "sign_record", detail=PROOF) is None
    assert room.give("clerk", "make_final", detail={"document": "e" * 64}) is None
    assert room.give("claimant", "sign_record", detail=PROOF) == "transcript-state"
    assert room.sitting.document == "e" * 64
    check_log(room)


def test_it_is_not_final_while_an_incident_is_unexplained() -> None:
    room = in_session()
    room.give("system", "fail", reason="disk-full")
    room.give("judge", "close")
    room.give("clerk", "circulate", detail=BYTES)
    room.wait(24 * 3600)
    room.give("system", "lapse")
    assert room.give("clerk", "make_final", detail={"document": "e" * 64}) == "incident-missing"
    assert room.give("judge", "state_incident", detail={"text": "The disk was full for a minute."}) is None
    assert room.give("clerk", "make_final", detail={"document": "e" * 64}) is None
