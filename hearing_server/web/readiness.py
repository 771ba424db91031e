"""Whether a hearing can be held, person by person, before the day (opportunity 15 of capabilities.md)."""

from __future__ import annotations

import msgspec

from .. import api
from .. import desk_api as d
from ..court import Person, Rules, Sitting, profile
from ..hearings import Hearings
from ..store import HearingFacts, PersonRow, Store
from ..store.arrivals import TestRow as StoredTest
from ..store.outbox import BOOKING_KINDS, OutboxRow

NS = 1_000_000_000
#: On the day a test counts if it is not older than this, s (M5: again half an hour before; with room for the early).
FRESH_S = 12 * 3600
#: From this long before the start a test of earlier days does not do, s.
ON_THE_DAY_S = 30 * 60
OF_THE_COURT = frozenset({"judge", "panel", "staff_host", "clerk", "technician"})
#: Nobody waits for these.
NOT_NEEDED = frozenset({"observer", "guest", "technician"})

#: What is wrong, and how bad it is; graver ones first.
GRAVITY: dict[str, d.Score] = {
    "consent-refused": "bad",
    "identity-challenged": "bad",
    "test-bad": "bad",
    "link-missing": "bad",
    "interpreter-missing": "bad",
    "message-failed": "bad",
    "no-test": "okay",
    "test-old": "okay",
    "link-unopened": "okay",
    "consent-missing": "okay",
    "identity-missing": "okay",
}
#: What is looked at for each person, for the percentage.
CHECKS = 5
ORDER: tuple[d.Score, ...] = ("good", "okay", "bad")


async def assess(store: Store, hearings: Hearings, facts: HearingFacts, utc: int) -> d.Readiness:
    """The hearing's readiness as it is now."""
    tests = await store.arrivals.tests([person.id for person in facts.people])
    sitting = await hearings.sitting(facts.sitting_id)
    links = await link_states(store, facts, utc)
    messages: dict[str, OutboxRow] = {}
    for message in reversed(await store.outbox.of_hearing(facts.hearing_id)):
        if message.person_id is not None and message.kind in BOOKING_KINDS:
            messages[message.person_id] = message
    people = [
        _person(
            facts,
            person,
            utc,
            rules=rules_of(facts, sitting),
            state=sitting.people.get(person.id) if sitting is not None else None,
            test=tests.get(person.id, [None])[0],
            link=links[person.id],
            message=messages.get(person.id),
        )
        for person in facts.people
    ]
    needed = [person for person in people if person.role not in NOT_NEEDED]
    missing = sum(min(CHECKS, len(person.findings)) for person in needed)
    whole = CHECKS * len(needed)
    return d.Readiness(
        hearing_id=facts.hearing_id,
        score=max((person.score for person in needed), key=ORDER.index, default="good"),
        percent=round(100 * (whole - missing) / whole) if whole else 100,
        people=people,
    )


def rules_of(facts: HearingFacts, sitting: Sitting | None) -> Rules:
    """Those that the sitting began with, or will begin with."""
    return sitting.rules if sitting is not None else profile(facts.court.profile)


def _person(
    facts: HearingFacts,
    person: PersonRow,
    utc: int,
    *,
    rules: Rules,
    state: Person | None,
    test: StoredTest | None,
    link: str,
    message: OutboxRow | None,
) -> d.PersonReadiness:
    findings = set()
    if person.role not in NOT_NEEDED:
        findings |= _of_the_test(facts, test, utc)
        if link in ("none", "expired", "withdrawn") and person.account is None:
            findings.add("link-missing")
        elif link == "works" and person.role not in OF_THE_COURT:
            findings.add("link-unopened")
    consent, identity = consent_of(person, rules, state), identity_of(state)
    if person.role in rules.consent_of and consent != "given":
        findings.add("consent-refused" if consent in ("refused", "withdrawn") else "consent-missing")
    if identity in ("challenged", "in_person_required"):
        findings.add("identity-challenged")
    elif person.role in rules.identity_wanted and identity != "reverified_today":
        findings.add("identity-missing")
    interpreter = _interpreter(facts, person)
    if interpreter == "missing":
        findings.add("interpreter-missing")
    if message is not None and message.state == "failed" and message.problem != "superseded":
        findings.add("message-failed")
    ordered = [finding for finding in GRAVITY if finding in findings]
    return d.PersonReadiness(
        person_id=person.id,
        name=person.name,
        name_zh=person.name_zh,
        role=msgspec.convert(person.role, api.Role),
        score=GRAVITY[ordered[0]] if ordered else "good",
        test=test_shape(test) if test is not None else None,
        consent=msgspec.convert(consent, api.Consent),
        identity=msgspec.convert(identity, api.Identity),
        link=msgspec.convert(link, d.LinkState),
        interpreter=msgspec.convert(interpreter, d.InterpreterState),
        findings=ordered,
    )


def _of_the_test(facts: HearingFacts, test: StoredTest | None, utc: int) -> set[str]:
    if test is None:
        return {"no-test"}
    found = {"test-bad"} if test.score == "bad" else set()
    on_the_day = utc >= facts.scheduled_utc - ON_THE_DAY_S * NS
    if on_the_day and utc - test.utc > FRESH_S * NS and facts.state != "closed":
        found.add("test-old")
    return found


def _interpreter(facts: HearingFacts, person: PersonRow) -> str:
    """Whoever speaks none of the court's languages needs an interpreter who is linked to them."""
    spoken = {tag.partition("-")[0].lower() for tag in person.languages}
    if person.role == "interpreter" or not spoken or spoken & court_languages(facts):
        return "not_needed"
    linked = any(other.role == "interpreter" and person.id in other.linked_to for other in facts.people)
    return "linked" if linked else "missing"


def court_languages(facts: HearingFacts) -> frozenset[str]:
    """Primary subtags of the languages that the court hears in."""
    return frozenset({"zh"}) if facts.court.profile == "china" else frozenset({"en"})


def consent_stages(rules: Rules) -> list[str]:
    """What consent is asked for, in the order of the agenda."""
    return list(dict.fromkeys(stage.consent for stage in rules.agenda if stage.consent))


def consent_of(person: PersonRow, rules: Rules, state: Person | None) -> str:
    """The gravest of the person's answers to the stages; ``not_asked`` where none is needed."""
    if person.role not in rules.consent_of:
        return "not_asked"
    answers = [state.consent.get(stage, "not_asked") if state else "not_asked" for stage in consent_stages(rules)]
    gravity = ("refused", "withdrawn", "not_asked", "asked", "given")
    return min((str(answer) for answer in answers), key=gravity.index, default="not_asked")


def identity_of(state: Person | None) -> str:
    return state.identity.value if state is not None else "unverified"


def test_shape(test: StoredTest) -> d.TestRow:
    return d.TestRow(
        test_id=test.id,
        at=test.utc / NS,
        score=msgspec.convert(test.score, d.Score),
        findings=msgspec.json.decode(test.findings, type=list[str]),
        result=msgspec.json.decode(test.result, type=d.DeviceTest),
    )


async def link_states(store: Store, facts: HearingFacts, utc: int) -> dict[str, str]:
    """By person: ``none``, ``works``, ``opened``, ``expired`` or ``withdrawn``: the best of their links."""
    rank = ("none", "withdrawn", "expired", "works", "opened")
    found = {person.id: "none" for person in facts.people}
    for link in await store.seats.links_of(facts.hearing_id, withdrawn=True):
        if link.revoked_utc is not None:
            state = "withdrawn"
        elif link.expires_utc <= utc:
            state = "expired"
        else:
            state = "opened" if link.devices else "works"
        if link.person.id in found and rank.index(state) > rank.index(found[link.person.id]):
            found[link.person.id] = state
    return found
