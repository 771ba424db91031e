"""Booking, as far as this version goes: the demo hearing with one person of each role."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from .court import Role
from .links import Links
from .store import Conflict, Court, HearingFacts, NewHearing, PersonRow, Store

NS = 1_000_000_000
#: The demo's links work for a month, and on many devices, so that one can try them in as many windows as one likes.
DEMO_LINK_S = 30 * 24 * 3600
DEMO_DEVICE_LIMIT = 200
#: The demo hearing is set for the next full quarter of an hour.
DEMO_STEP_S = 900

DEMO_COURT = Court(
    id="northgate",
    name="Northgate District Court",
    name_zh="北门区人民法院",
    help_phone="0100 555 014",
    time_zone="UTC",
    profile="demo",
)
DEMO_CASE_NUMBER = "HC 2026-00418"
DEMO_CASE_NAME = "Larkin v Ostrava Freight"
DEMO_CASE_NAME_ZH = "拉金诉奥斯特拉瓦货运公司"
DEMO_ROOM = "Room 4"
DEMO_ROOM_ZH = "第四法庭"
#: Role, name, name in Chinese, account.
DEMO_PEOPLE = (
    (Role.JUDGE, "M. Adeyemi", "阿德耶米", "judge.adeyemi"),
    (Role.CLERK, "R. Santos", "桑托斯", "clerk.santos"),
    (Role.CLAIMANT, "Joan Larkin", "琼·拉金", None),
    # Somebody to speak with in private.
    (Role.LAWYER, "Efua Mensah", "埃富娅·门萨", None),
    (Role.RESPONDENT, "Ostrava Freight, by P. Novák", "奥斯特拉瓦货运公司（P. 诺瓦克代表）", None),
    (Role.WITNESS, "Tamar Beridze", "塔玛尔·别里泽", None),
    (Role.INTERPRETER, "Wen Jian", "文健", None),
    (Role.OBSERVER, "Lena Vogt", "莱娜·福格特", None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoBooking:
    """``links``: role to token; the personal link is ``<base url>/j/<token>``."""

    hearing_id: str
    case_number: str
    links: dict[str, str]


async def book_demo(store: Store, links: Links, now: Callable[[], int] = time.time_ns) -> DemoBooking:
    """The demo hearing that is not closed yet, booked if there is none.

    The first has the case number of the drawn screens; each later one, needed once the one before is closed, adds its
    ordinal (``HC 2026-00418-2``).
    """
    booked = await store.docket.by_case_number(DEMO_COURT.id, DEMO_CASE_NUMBER)
    facts = next((facts for facts in booked if facts.state != "closed"), None)
    if facts is None:
        facts = await _book(store, len(booked) + 1, now())
    return DemoBooking(
        hearing_id=facts.hearing_id,
        case_number=facts.case_number,
        links=await _links(store, links, facts, now()),
    )


async def _book(store: Store, ordinal: int, utc: int) -> HearingFacts:
    hearing_id = secrets.token_hex(8)
    ids = {role: f"{role.value}-{secrets.token_hex(4)}" for role, *_ in DEMO_PEOPLE}
    hearing = NewHearing(
        id=hearing_id,
        case_number=DEMO_CASE_NUMBER if ordinal == 1 else f"{DEMO_CASE_NUMBER}-{ordinal}",
        case_name=DEMO_CASE_NAME,
        case_name_zh=DEMO_CASE_NAME_ZH,
        room=DEMO_ROOM,
        room_zh=DEMO_ROOM_ZH,
        scheduled_utc=-(-utc // (DEMO_STEP_S * NS)) * DEMO_STEP_S * NS,
        people=tuple(
            PersonRow(
                id=ids[role],
                role=role.value,
                name=name,
                name_zh=name_zh,
                account=account,
                side=Role.CLAIMANT.value if role is Role.LAWYER else "",
                represents=(ids[Role.CLAIMANT],) if role is Role.LAWYER else (),
            )
            for role, name, name_zh, account in DEMO_PEOPLE
        ),
    )
    await store.docket.book(DEMO_COURT, hearing, utc)
    facts = await store.docket.by_hearing(hearing_id)
    if facts is None:
        raise Conflict(f"the hearing {hearing_id} was booked and is not there")
    return facts


async def _links(store: Store, links: Links, facts: HearingFacts, utc: int) -> dict[str, str]:
    """The newest link of each person that still works, made anew where there is none."""
    found = {
        link.person.id: links.token(link.id)
        for link in await store.seats.links_of(facts.hearing_id)
        if link.expires_utc > utc and link.devices < link.device_limit
    }
    first = {person.role: person for person in reversed(facts.people) if not person.guest}
    for person in first.values():
        if person.id not in found:
            found[person.id] = await links.issue(
                person.id, expires_utc=utc + DEMO_LINK_S * NS, device_limit=DEMO_DEVICE_LIMIT
            )
    return {role: found[person.id] for role, person in first.items()}
