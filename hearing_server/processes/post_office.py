"""Who sends the joining messages of control, built from the settings."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncIterator

import httpx

from ..config import Settings, variable
from ..post import Carrier, Post, email_carrier, sms_carrier
from ..store import Store
from ..store.desk import TaskRow
from ..store.outbox import OutboxRow
from ..words import Fault


@contextlib.asynccontextmanager
async def running_post(settings: Settings, store: Store) -> AsyncIterator[Post]:
    """At work until the block is left; what cannot be sent becomes a task for the staff.  Raises :class:`Fault`."""
    if settings.mail and not settings.mail_from:
        raise Fault("setting-pair-mail", name=variable("mail_from"))

    async def failed(message: OutboxRow) -> None:
        facts = await store.docket.by_hearing(message.hearing_id)
        if facts is not None:
            task = TaskRow(
                id=secrets.token_hex(8),
                hearing_id=facts.hearing_id,
                sitting_id=facts.sitting_id,
                kind="message-failed",
                person_id=message.person_id,
                detail=message.channel,
                opened_utc=time.time_ns(),
            )
            await store.desk.open_task(task)

    async with httpx.AsyncClient() as client:
        carriers: dict[str, Carrier] = {}
        if settings.mail:
            carriers["email"] = email_carrier(settings.mail, settings.mail_from, settings.mail_password)
        if settings.sms:
            carriers["sms"] = sms_carrier(settings.sms, settings.sms_token, client)
        post = Post(store, carriers, on_failure=failed)
        post.start()
        try:
            yield post
        finally:
            await post.aclose()
