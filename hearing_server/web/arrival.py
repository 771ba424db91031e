"""What a person does before their hearing, and what the court's staff make of it: tests, consents, identity."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import secrets
import time
from dataclasses import replace

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from PIL import Image, UnidentifiedImageError
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from .. import api
from .. import desk_api as d
from ..court import SYSTEM, Command, Event, Person, Sitting, Task, TaskKind, TaskState
from ..hearings import Hearings
from ..store import HearingFacts, PersonRow, Store
from ..store.arrivals import DocumentRow
from ..store.arrivals import TestRow as StoredTest
from .access import Ask, Endpoint, Gate
from .attendance import Attendance
from .callers import DESK, EVERYBODY
from .problems import Json, ProblemError
from .readiness import consent_stages, rules_of, test_shape

log = structlog.get_logger(__name__)

NS = 1_000_000_000
#: The largest picture of a document, bytes and pixels: a phone's camera makes 12 to 50 megapixels.
PICTURE_LIMIT_BYTES = 12 * 1024 * 1024
PICTURE_LIMIT_PIXELS = 60_000_000
#: How long a phone may take to send it, s.
PICTURE_LIMIT_S = 120.0
#: What Pillow calls the formats, and their media types.
FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
NONCE_BYTES = 12

#: Recent loss that is poor, and bad, percent (capabilities.md M16).
LOSS_POOR, LOSS_BAD = 10.0, 15.0
#: Round trips that make speaking hard, and that make it impossible, ms (ITU-T G.114 counts one way).
RTT_POOR_MS, RTT_BAD_MS = 400.0, 1000.0
#: Less than a picture of 320x180 with sound, and less than sound alone, kbit/s.
UP_POOR_KBPS, UP_BAD_KBPS = 300.0, 64.0
_IDENTITY = "/api/hearings/{hearing_id}/people/{person_id}/identity"
JUDGING = DESK | {"judge"}


class Arrival:
    """``key``: 32 bytes that seal the pictures of documents; they are not in the database."""

    def __init__(self, store: Store, hearings: Hearings, attendance: Attendance, gate: Gate, key: bytes) -> None:
        self._store = store
        self._hearings = hearings
        self._attendance = attendance
        self._gate = gate
        self._seal = AESGCM(key)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                name="readCheck",
                method="GET",
                path="/api/check",
                summary="What the person has done before the hearing, and has still to do.",
                handler=self.read,
                who=EVERYBODY,
                by="seat",
                answer=d.Check,
            ),
            Endpoint(
                name="storeTest",
                method="POST",
                path="/api/check/test",
                summary="The result of a device and network test; a bad one becomes a task for the staff.",
                handler=self.test,
                who=EVERYBODY,
                by="seat",
                limited=True,
                body=d.DeviceTest,
                answer=d.TestRow,
                status=201,
            ),
            Endpoint(
                name="answerConsent",
                method="POST",
                path="/api/check/consents",
                summary="Consent to the online procedure for one stage, its refusal or withdrawal.",
                handler=self.consent,
                who=EVERYBODY,
                by="seat",
                body=d.ConsentRequest,
                answer=d.Check,
            ),
            Endpoint(
                name="uploadIdentity",
                method="POST",
                path="/api/check/identity",
                summary="A picture of an identity document: the body is the image (JPEG, PNG or WebP).",
                handler=self.upload,
                who=EVERYBODY,
                by="seat",
                limited=True,
                body_limit=PICTURE_LIMIT_BYTES,
                answer=d.Check,
                status=201,
            ),
            Endpoint(
                name="readIdentity",
                method="GET",
                path=_IDENTITY,
                summary="What is known of who a person is.",
                handler=self.identity,
                who=JUDGING,
                answer=d.IdentityCheck,
            ),
            Endpoint(
                name="showDocument",
                method="GET",
                path=_IDENTITY + "/{document_id}",
                summary="A picture that the person has uploaded.",
                handler=self.document,
                who=JUDGING,
                media_type="image/jpeg",
            ),
            Endpoint(
                name="decideIdentity",
                method="POST",
                path=_IDENTITY,
                summary="Confirm who a person is, challenge it, or have it checked in person.",
                handler=self.decide,
                who=JUDGING,
                body=d.IdentityDecision,
                answer=d.IdentityCheck,
            ),
        )

    # --- the person ---------------------------------------------------------------------

    async def read(self, ask: Ask) -> Response:
        return Json(await self._check(ask))

    async def test(self, ask: Ask) -> Response:
        result: d.DeviceTest = ask.body
        caller = ask.seat
        score, findings = score_of(result)
        row = StoredTest(
            id=secrets.token_hex(8),
            person_id=caller.id,
            utc=time.time_ns(),
            score=score,
            findings=msgspec.json.encode(findings).decode(),
            result=msgspec.json.encode(result).decode(),
        )
        await self._store.arrivals.add_test(row)
        if caller.seat.person.role != "observer" and caller.facts.state != "closed":
            await self._tell_staff(ask, score, findings)
        return Json(test_shape(row), 201)

    async def _tell_staff(self, ask: Ask, score: str, findings: list[str]) -> None:
        """A failed test opens a task; a better one closes it.  The test itself counts either way."""
        caller = ask.seat
        sitting = await self._hearings.sitting(caller.facts.sitting_id)
        opened = [task for task in _open_tasks(sitting) if task.kind is TaskKind.SELF_TEST_FAILED]
        mine = [task for task in opened if task.subject == caller.id]
        commands = []
        if score == "bad" and not mine:
            kind = {"kind": TaskKind.SELF_TEST_FAILED.value}
            commands.append(Command(name="open_task", subject=caller.id, reason=" ".join(findings)[:200], detail=kind))
        elif score != "bad":
            commands += [Command(name="close_task", subject=caller.id, detail={"task": task.id}) for task in mine]
        for command in commands:
            with contextlib.suppress(ProblemError):
                await self._attendance.act(ask, caller.facts, SYSTEM, command)

    async def consent(self, ask: Ask) -> Response:
        body: d.ConsentRequest = ask.body
        caller = ask.seat
        name = {"given": "give_consent", "refused": "refuse_consent", "withdrawn": "withdraw_consent"}[body.answer]
        command = Command(name=name, subject=caller.id, detail={"stage": body.stage})
        person = caller.seat.person
        if person.role not in rules_of(caller.facts, await self._sitting(caller.facts)).consent_of:
            raise ProblemError("not-allowed")
        state = await self._attendance.give(ask, caller.facts, person, command)
        return Json(await self._check(ask, state))

    async def upload(self, ask: Ask) -> Response:
        caller = ask.seat
        if caller.facts.state == "closed":
            raise ProblemError("sitting-closed")
        content = await _body(ask)
        media_type, width, height = await asyncio.to_thread(picture_of, content)
        document = DocumentRow(
            id=secrets.token_hex(8),
            person_id=caller.id,
            media_type=media_type,
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            width=width,
            height=height,
            uploaded_utc=time.time_ns(),
        )
        sealed = await asyncio.to_thread(self._sealed, document.id, content)
        if not await self._store.arrivals.add_document(replace(document, content=sealed)):
            raise ProblemError("too-many-documents")
        sitting = await self._sitting(caller.facts)
        asked = [task for task in _open_tasks(sitting) if task.kind is TaskKind.IDENTITY_CHECK]
        if not any(task.subject == caller.id for task in asked):
            kind = {"kind": TaskKind.IDENTITY_CHECK.value}
            with contextlib.suppress(ProblemError):
                command = Command(name="open_task", subject=caller.id, reason="document", detail=kind)
                await self._attendance.act(ask, caller.facts, SYSTEM, command)
        return Json(await self._check(ask), 201)

    async def _check(self, ask: Ask, sitting: Sitting | None = None) -> d.Check:
        caller = ask.seat
        facts, person = caller.facts, caller.seat.person
        sitting = sitting or await self._sitting(facts)
        rules = rules_of(facts, sitting)
        state = sitting.people.get(person.id) if sitting is not None else None
        needed = person.role in rules.consent_of
        tests = (await self._store.arrivals.tests([person.id])).get(person.id, [])
        begun = _stages_begun(sitting)
        return d.Check(
            profile=msgspec.convert(facts.court.profile, d.Profile),
            identity_needed=person.role in rules.identity_wanted,
            consent_needed=needed,
            consents=[_consent(stage, state, begun) for stage in consent_stages(rules)] if needed else [],
            identity=await self._identity(facts, person, told=False),
            tests=[test_shape(test) for test in tests],
            may_skip_test=person.role == "lawyer" and any(test.score != "bad" for test in tests),
        )

    # --- the staff -----------------------------------------------------------------------------

    async def identity(self, ask: Ask) -> Response:
        return Json(await self._identity(ask.hearing, self._person(ask), told=True))

    async def document(self, ask: Ask) -> Response:
        person = self._person(ask)
        row = await self._store.arrivals.document(str(ask.request.path_params["document_id"]))
        if row is None or row.content is None or row.person_id != person.id:
            raise ProblemError("not-found")
        try:
            content = await asyncio.to_thread(self._opened, row.id, row.content)
        except InvalidTag as error:
            log.error("document.unreadable", document=row.id)
            raise ProblemError("not-found") from error
        await self._gate.note(ask.caller, ask.hearing.hearing_id, "show-document", row.id, time.time_ns())
        return Response(content, media_type=row.media_type, headers={"Content-Disposition": "inline"})

    async def decide(self, ask: Ask) -> Response:
        body: d.IdentityDecision = ask.body
        person, facts = self._person(ask), ask.hearing
        if facts.state == "closed":
            raise ProblemError("sitting-closed")
        sitting = await self._sitting(facts)
        state = sitting.people.get(person.id) if sitting is not None else None
        if body.decision == "confirm":
            in_person = state is not None and state.identity == "in_person_required"
            name = "verify_in_person" if in_person else "verify_today"
        else:
            name = {"challenge": "challenge_identity", "in_person": "require_in_person"}[body.decision]
        actor = await self._attendance.person(ask)
        await self._gate.note(ask.caller, facts.hearing_id, name, person.id, time.time_ns())
        await self._attendance.give(ask, facts, actor, Command(name=name, subject=person.id, reason=body.note))
        fresh = await self._store.docket.by_hearing(facts.hearing_id)
        return Json(await self._identity(fresh or facts, person, told=True))

    def _person(self, ask: Ask) -> PersonRow:
        person = ask.hearing.person(str(ask.request.path_params["person_id"]))
        if person is None:
            raise ProblemError("unknown-person")
        return person

    async def _identity(self, facts: HearingFacts, person: PersonRow, *, told: bool) -> d.IdentityCheck:
        """``told``: whether the reader may see the pictures and the reasons."""
        sitting = await self._sitting(facts)
        state = sitting.people.get(person.id) if sitting is not None else None
        documents = (await self._store.arrivals.documents([person.id])).get(person.id, [])
        decision = await self._decision(facts, person) if sitting is not None else None
        by = facts.person(decision.actor) if decision is not None else None
        return d.IdentityCheck(
            state=msgspec.convert(state.identity.value if state is not None else "unverified", api.Identity),
            uploaded=len(documents),
            decided_at=decision.utc / NS if decision is not None else None,
            decided_by=by.name if by is not None and told else None,
            note=decision.reason if decision is not None and told else "",
            documents=[_document(row) for row in documents] if told else [],
        )

    async def _decision(self, facts: HearingFacts, person: PersonRow) -> Event | None:
        events = await self._hearings.log_of(facts.sitting_id)
        mine = [event for event in events if event.machine.value == "identity" and event.subject == person.id]
        return mine[-1] if mine else None

    async def _sitting(self, facts: HearingFacts) -> Sitting | None:
        return await self._hearings.sitting(facts.sitting_id)

    # --- pictures ------------------------------------------------------------------------------------

    def _sealed(self, document_id: str, content: bytes) -> bytes:
        """AES-256-GCM; bound to the row, so that pictures cannot be exchanged in the database."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._seal.encrypt(nonce, content, document_id.encode())

    def _opened(self, document_id: str, sealed: bytes) -> bytes:
        return self._seal.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], document_id.encode())


def score_of(result: d.DeviceTest) -> tuple[str, list[str]]:
    """Good, okay or bad (M5), and what is not good, the gravest first."""
    bad, poor = [], []
    if result.path == "none":
        bad.append("no-path")
    if result.microphone != "ok":
        bad.append(f"microphone-{result.microphone}")
    if result.camera != "ok":
        poor.append(f"camera-{result.camera}")
    if result.speaker == "not_heard":
        bad.append("speaker-not-heard")
    for name, value, poor_at, bad_at in (
        ("loss", result.loss_percent, LOSS_POOR, LOSS_BAD),
        ("delay", result.rtt_ms, RTT_POOR_MS, RTT_BAD_MS),
    ):
        if value is not None and value >= poor_at:
            (bad if value >= bad_at else poor).append(name)
    if result.up_kbps is not None and result.up_kbps < UP_POOR_KBPS:
        (bad if result.up_kbps < UP_BAD_KBPS else poor).append("slow")
    if result.path in ("tcp", "relay"):
        poor.append(f"by-{result.path}")
    # A detour by itself does not hurt; it is told to the staff all the same.
    harmless = {"by-tcp", "by-relay"}
    return "bad" if bad else "okay" if set(poor) - harmless else "good", bad + poor


def picture_of(content: bytes) -> tuple[str, int, int]:
    """Media type, width and height of a picture, found by decoding it whole.  Raises :class:`ProblemError`."""
    try:
        with Image.open(io.BytesIO(content), formats=tuple(FORMATS)) as picture:
            if picture.width * picture.height > PICTURE_LIMIT_PIXELS:
                raise ProblemError("picture-unreadable")
            picture.load()
            return FORMATS[str(picture.format)], picture.width, picture.height
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise ProblemError("picture-unreadable") from error


async def _body(ask: Ask) -> bytes:
    """The whole body; its size is bounded by the route.  Raises :class:`ProblemError`."""
    try:
        async with asyncio.timeout(PICTURE_LIMIT_S):
            return await ask.request.body()
    except (TimeoutError, ClientDisconnect) as error:
        raise ProblemError("upload-slow", {"Connection": "close"}) from error


def _open_tasks(sitting: Sitting | None) -> list[Task]:
    return [task for task in sitting.tasks.values() if task.state is TaskState.OPEN] if sitting is not None else []


def _stages_begun(sitting: Sitting | None) -> set[str]:
    """Consents that a stage which has begun rests on; they cannot be withdrawn."""
    if sitting is None or not sitting.stage:
        return set()
    names = [stage.name for stage in sitting.rules.agenda]
    reached = names.index(sitting.stage) + 1 if sitting.stage in names else 0
    return {stage.consent for stage in sitting.rules.agenda[:reached] if stage.consent}


def _consent(stage: str, state: Person | None, begun: set[str]) -> d.ConsentRow:
    answer = state.consent.get(stage, "not_asked") if state is not None else "not_asked"
    return d.ConsentRow(
        stage=stage,
        state=msgspec.convert(str(answer), api.Consent),
        may_withdraw=str(answer) == "given" and stage not in begun,
    )


def _document(row: DocumentRow) -> d.DocumentRow:
    return d.DocumentRow(
        document_id=row.id,
        media_type=row.media_type,
        bytes=row.bytes,
        sha256=row.sha256,
        width=row.width,
        height=row.height,
        uploaded_at=row.uploaded_utc / NS,
    )
