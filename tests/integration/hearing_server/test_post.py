"""Joining messages, to real servers: SMTP on a port of its own, a text message gateway, and folders."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from icalendar import Calendar
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hearing_server import letters
from hearing_server.booking import book_demo
from hearing_server.links import Links
from hearing_server.post import LEASE_S, NS, PAUSES_S, Files, Gateway, Post, Smtp, email_carrier, sms_carrier
from hearing_server.store import HearingFacts, PersonRow, Store
from hearing_server.store.outbox import OutboxRow

UTC = 1_790_000_000 * NS
SENDER = "court@northgate.example"
LINK = "https://hearings.example/j/secret"


@dataclass
class Letterbox:
    """An SMTP server that answers as it is told to and keeps what it took."""

    answer: str = "250 OK"
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self.answer.startswith("250"):
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


@pytest.fixture
async def letterbox() -> AsyncIterator[tuple[Letterbox, Smtp]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    box = Letterbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    await asyncio.to_thread(controller.start)
    try:
        yield box, Smtp("127.0.0.1", port, tls=False, user="", password="", sender=SENDER)
    finally:
        await asyncio.to_thread(controller.stop)


@pytest.fixture
async def facts(store: Store) -> HearingFacts:
    booking = await book_demo(store, Links(store, b"k" * 32, lambda: UTC), lambda: UTC)
    found = await store.docket.by_hearing(booking.hearing_id)
    assert found is not None
    return found


def claimant(facts: HearingFacts, **fields: Any) -> PersonRow:
    person = next(person for person in facts.people if person.role == "claimant")
    return replace(person, email="joan@example.test", **fields)


async def letter(store: Store, facts: HearingFacts, kind: str = "joining", **fields: Any) -> list[OutboxRow]:
    days = await store.docket.days(facts.hearing_id)
    return letters.write(facts, days, claimant(facts, **fields), kind, link=LINK, sender=SENDER, utc=UTC)


class Time:
    now = UTC

    def __call__(self) -> int:
        return self.now


def event_of(mail: EmailMessage) -> Any:
    part = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
    calendar = Calendar.from_ical(part.get_content())
    (event,) = calendar.walk("VEVENT")
    return calendar["method"], event


async def test_a_message_is_delivered_with_its_appointment(
    store: Store, facts: HearingFacts, letterbox: tuple[Letterbox, Smtp]
) -> None:
    box, smtp = letterbox
    await store.outbox.add(await letter(store, facts))
    assert await Post(store, {"email": smtp}, now=Time()).send_due() == 1
    (mail,) = box.mails
    assert (mail["From"], mail["To"]) == (SENDER, "joan@example.test")
    assert mail["Subject"] == "Your hearing: HC 2026-00418 Larkin v Ostrava Freight"
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert LINK in text
    assert "Monday 21 September 2026, 14:15 (UTC)" in text
    method, event = event_of(mail)
    assert (method, event["sequence"], str(event["url"])) == ("REQUEST", 1, LINK)
    assert event["dtstart"].dt.timestamp() == facts.scheduled_utc / NS
    assert (event["dtend"].dt - event["dtstart"].dt).total_seconds() == 7200
    (row,) = await store.outbox.of_hearing(facts.hearing_id)
    assert (row.state, row.sent_utc, row.attempts) == ("sent", UTC, 1)


async def test_it_speaks_the_persons_language(
    store: Store, facts: HearingFacts, letterbox: tuple[Letterbox, Smtp]
) -> None:
    box, smtp = letterbox
    await store.outbox.add(await letter(store, facts, locale="zh-CN"))
    await Post(store, {"email": smtp}, now=Time()).send_due()
    (mail,) = box.mails
    assert mail["Subject"] == "您的庭审：HC 2026-00418 拉金诉奥斯特拉瓦货运公司"
    body = mail.get_body(("plain",))
    assert body is not None
    assert "2026年9月21日（星期一）14:15" in body.get_content()
    assert event_of(mail)[1]["location"] == "第四法庭"


async def test_a_cancellation_takes_the_appointment_back(
    store: Store, facts: HearingFacts, letterbox: tuple[Letterbox, Smtp]
) -> None:
    box, smtp = letterbox
    await store.outbox.add(await letter(store, replace(facts, revision=3), "cancelled"))
    await Post(store, {"email": smtp}, now=Time()).send_due()
    method, event = event_of(box.mails[0])
    assert (method, event["status"], event["sequence"]) == ("CANCEL", "CANCELLED", 3)
    body = box.mails[0].get_body(("plain",))
    assert body is not None
    assert LINK not in body.get_content()


async def test_a_server_that_is_away_is_tried_again_with_growing_pauses(store: Store, facts: HearingFacts) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    smtp = Smtp("127.0.0.1", port, tls=False, user="", password="", sender=SENDER)
    time, failed = Time(), []

    async def on_failure(message: OutboxRow) -> None:
        failed.append(message.id)

    post = Post(store, {"email": smtp}, on_failure=on_failure, now=time)
    await store.outbox.add(await letter(store, facts))
    for pause in PAUSES_S:
        assert await post.send_due() == 1
        assert await post.send_due() == 0
        (row,) = await store.outbox.of_hearing(facts.hearing_id)
        assert row.state == "queued"
        assert row.problem
        time.now += pause * NS
    assert failed == []
    assert await post.send_due() == 1
    (row,) = await store.outbox.of_hearing(facts.hearing_id)
    assert (row.state, row.attempts, failed) == ("failed", len(PAUSES_S) + 1, [row.id])


@pytest.mark.parametrize(("answer", "state"), [("550 No such user", "failed"), ("450 Busy", "queued")])
async def test_a_refusal_for_good_is_final(
    store: Store, facts: HearingFacts, letterbox: tuple[Letterbox, Smtp], answer: str, state: str
) -> None:
    box, smtp = letterbox
    box.answer = answer
    await store.outbox.add(await letter(store, facts))
    await Post(store, {"email": smtp}, now=Time()).send_due()
    (row,) = await store.outbox.of_hearing(facts.hearing_id)
    assert row.state == state
    assert row.problem is not None
    assert answer[4:] in row.problem


async def test_without_a_service_nothing_is_said_to_be_sent(store: Store, facts: HearingFacts) -> None:
    await store.outbox.add(await letter(store, facts, phone="+44 100 555 014"))
    await Post(store, {}, now=Time()).send_due()
    rows = await store.outbox.of_hearing(facts.hearing_id)
    assert {row.channel: row.state for row in rows} == {"email": "failed", "sms": "failed"}


async def test_a_gateway_gets_each_text_message_once_by_its_id(store: Store, facts: HearingFacts) -> None:
    taken: list[tuple[str | None, Any]] = []
    statuses = [503, 200]

    async def receive(request: Request) -> Response:
        taken.append((request.headers.get("authorization"), await request.json()))
        return JSONResponse({}, statuses[len(taken) - 1])

    gateway = Starlette(routes=[Route("/sms", receive, methods=["POST"])])
    time = Time()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway)) as client:
        carrier = sms_carrier("https://sms.example/sms", "t0ken", client)
        assert isinstance(carrier, Gateway)
        post = Post(store, {"sms": carrier}, now=time)
        (text,) = [row for row in await letter(store, facts, phone="+44 100 555 014") if row.channel == "sms"]
        await store.outbox.add([text])
        await post.send_due()
        time.now += PAUSES_S[0] * NS
        await post.send_due()
    assert taken[0] == taken[1] == ("Bearer t0ken", {"to": text.address, "text": text.body, "id": text.id})
    assert LINK in text.body
    (row,) = await store.outbox.of_hearing(facts.hearing_id)
    assert (row.state, row.attempts) == ("sent", 2)


async def test_messages_go_into_a_folder(store: Store, facts: HearingFacts, tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    carrier = email_carrier(folder.as_uri(), SENDER, "")
    assert isinstance(carrier, Files)
    await store.outbox.add(await letter(store, facts, phone="+44 100 555 014"))
    await Post(store, {"email": carrier, "sms": carrier}, now=Time()).send_due()
    assert sorted(path.suffix for path in folder.iterdir()) == [".eml", ".txt"]


async def test_two_senders_share_one_outbox(store: Store, facts: HearingFacts, tmp_path: Path) -> None:
    rows = await letter(store, facts)
    people = [person.id for person in facts.people]
    await store.outbox.add([replace(rows[0], id=f"m{n}", person_id=person) for n, person in enumerate(people)])
    carriers = [Files(tmp_path / str(n), SENDER) for n in range(2)]
    tried = await asyncio.gather(*(Post(store, {"email": one}, now=Time()).send_due() for one in carriers))
    assert sum(tried) == len(people)
    assert len([path for one in carriers if one.folder.exists() for path in one.folder.iterdir()]) == len(people)


async def test_a_sender_that_died_leaves_its_message_to_the_next(store: Store, facts: HearingFacts) -> None:
    await store.outbox.add(await letter(store, facts))
    taken = await store.outbox.take(UTC, UTC + LEASE_S * NS)
    assert taken is not None
    assert await store.outbox.take(UTC, UTC + LEASE_S * NS) is None
    again = await store.outbox.take(UTC + LEASE_S * NS, UTC + 2 * LEASE_S * NS)
    assert again is not None
    assert (again.id, again.attempts) == (taken.id, 2)


async def test_a_newer_message_takes_the_place_of_one_that_waits(store: Store, facts: HearingFacts) -> None:
    await store.outbox.add(await letter(store, facts))
    await store.outbox.add([replace(row, created_utc=UTC + 1) for row in await letter(store, facts, "changed")])
    newer, older = await store.outbox.of_hearing(facts.hearing_id)
    assert (newer.kind, newer.state) == ("changed", "queued")
    assert (older.state, older.problem) == ("failed", "superseded")
