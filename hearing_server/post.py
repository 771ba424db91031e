"""Sending the outbox: e-mail by SMTP, text messages by a gateway, or either into files; with retries.

A message is taken by one sender at a time, under a lease, so that control processes
can share one outbox; one that dies while it sends leaves the message to the next,
which may then send it twice: twice is better than never.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
import httpx
import structlog

from .store import Store, StoreError
from .store.outbox import OutboxRow

log = structlog.get_logger(__name__)

NS = 1_000_000_000
#: How long one message may take, s; its lease is longer.
SEND_LIMIT_S = 30.0
LEASE_S = 120
#: Pauses between attempts, s; after the last the message has failed.
PAUSES_S = (30, 120, 600, 3600, 4 * 3600)
#: How often the outbox is looked at when nobody says that there is something in it, s.
LOOK_EVERY_S = 15.0
PROBLEM_LIMIT = 300
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class NotTaken(Exception):
    """The other side did not take the message.  ``for_good``: it never will."""

    def __init__(self, problem: str, *, for_good: bool) -> None:
        super().__init__(problem)
        self.for_good = for_good


class Carrier(Protocol):
    """Carries one message away.  Raises :class:`NotTaken`."""

    async def carry(self, message: OutboxRow) -> None: ...


@dataclass(frozen=True, slots=True)
class Smtp:
    """RFC 5321, by STARTTLS or TLS; in the clear to this computer only."""

    host: str
    port: int
    tls: bool
    user: str
    password: str
    sender: str

    async def carry(self, message: OutboxRow) -> None:
        try:
            await aiosmtplib.send(
                mail_of(message, self.sender),
                hostname=self.host,
                port=self.port,
                use_tls=self.tls,
                start_tls=None if self.tls or self.host in LOOPBACK else True,
                username=self.user or None,
                password=self.password or None,
                timeout=SEND_LIMIT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            codes = [one.code for one in refused.recipients]
            raise NotTaken(str(refused), for_good=all(code >= 500 for code in codes)) from refused
        except aiosmtplib.SMTPResponseException as refused:
            raise NotTaken(f"{refused.code} {refused.message}", for_good=refused.code >= 500) from refused
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise NotTaken(str(error) or type(error).__name__, for_good=False) from error


@dataclass(frozen=True, slots=True)
class Gateway:
    """A text message gateway that takes ``{"to", "text", "id"}`` as JSON by POST; ``id`` is the same each time."""

    address: str
    token: str
    client: httpx.AsyncClient

    async def carry(self, message: OutboxRow) -> None:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        content = {"to": message.address, "text": message.body, "id": message.id}
        try:
            answer = await self.client.post(self.address, json=content, headers=headers, timeout=SEND_LIMIT_S)
        except httpx.HTTPError as error:
            raise NotTaken(type(error).__name__, for_good=False) from error
        if not answer.is_success:
            lasting = 400 <= answer.status_code < 500 and answer.status_code not in (408, 425, 429)
            raise NotTaken(f"HTTP {answer.status_code}", for_good=lasting)


@dataclass(frozen=True, slots=True)
class Files:
    """One file per message: an ``.eml`` that mail programs open, or a ``.txt``."""

    folder: Path
    sender: str

    async def carry(self, message: OutboxRow) -> None:
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            raise NotTaken(error.strerror or str(error), for_good=False) from error

    def _write(self, message: OutboxRow) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if message.channel == "email":
            (self.folder / f"{message.id}.eml").write_bytes(bytes(mail_of(message, self.sender)))
        else:
            text = f"{message.address}\n{message.body}\n"
            (self.folder / f"{message.id}.txt").write_text(text, encoding="utf-8")


def mail_of(message: OutboxRow, sender: str) -> EmailMessage:
    """RFC 5322, with the appointment as RFC 6047 wants it: an alternative, and a file for other programs."""
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = sender
    mail["To"] = message.address
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.created_utc / NS, UTC))
    mail["Message-ID"] = make_msgid(message.id, sender.rpartition("@")[2] or "localhost")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body)
    if message.calendar:
        method = "CANCEL" if message.kind == "cancelled" else "REQUEST"
        calendar = message.calendar.encode()
        mail.add_alternative(calendar, "text", "calendar", params={"method": method, "charset": "utf-8"})
        mail.add_attachment(calendar, "application", "ics", filename="hearing.ics")
    return mail


def email_carrier(address: str, sender: str, password: str) -> Carrier:
    """``smtp://user@host:587``, ``smtps://…`` or ``file:///folder``."""
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Files(Path(unquote(parts.path)), sender)
    tls = parts.scheme == "smtps"
    user = unquote(parts.username or "")
    return Smtp(parts.hostname or "localhost", parts.port or (465 if tls else 587), tls, user, password, sender)


def sms_carrier(address: str, token: str, client: httpx.AsyncClient) -> Carrier:
    """``https://…`` or ``file:///folder``."""
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Files(Path(unquote(parts.path)), "")
    return Gateway(address, token, client)


class Post:
    """Sends what is in the outbox until it is closed.  Messages of a channel without a carrier fail, and say so."""

    def __init__(
        self,
        store: Store,
        carriers: dict[str, Carrier],
        *,
        on_failure: Callable[[OutboxRow], Awaitable[None]] | None = None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self._carriers = carriers
        self._on_failure = on_failure
        self._now = now
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="post")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def told(self) -> None:
        """There is something in the outbox."""
        self._news.set()

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.send_due()
            except StoreError as error:
                log.error("post.store_failed", code=error.code, detail=error.detail)
            except Exception:
                log.exception("post.failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._news.wait()

    async def send_due(self) -> int:
        """Send all that is due; answers how many were tried."""
        tried = 0
        while (message := await self._store.outbox.take(self._now(), self._now() + LEASE_S * NS)) is not None:
            await self._send(message)
            tried += 1
        return tried

    async def _send(self, message: OutboxRow) -> None:
        carrier = self._carriers.get(message.channel)
        try:
            if carrier is None:
                raise NotTaken(f"no {message.channel} service is set", for_good=True)
            async with asyncio.timeout(SEND_LIMIT_S):
                await carrier.carry(message)
        except (NotTaken, TimeoutError) as error:
            problem = (str(error) or "no answer")[:PROBLEM_LIMIT]
            for_good = isinstance(error, NotTaken) and error.for_good
            if for_good or message.attempts > len(PAUSES_S):
                log.warning("post.not_sent", message=message.id, hearing=message.hearing_id)
                await self._store.outbox.failed(message.id, problem)
                if self._on_failure is not None:
                    await self._on_failure(message)
            else:
                due = self._now() + PAUSES_S[message.attempts - 1] * NS
                await self._store.outbox.put_off(message.id, due, problem)
            return
        await self._store.outbox.sent(message.id, self._now())
        log.info("post.sent", message=message.id, hearing=message.hearing_id, channel=message.channel)
