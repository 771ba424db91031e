"""Written records at work: circulated when the record is sealed, signed, and made final when nobody is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
import structlog

from recording import messages as m
from recording import written as w
from recording.interruptions import faulty
from recording.manifest import encode
from recording.objects import StoreProblem
from recording.serve import RecordReader
from signaling.application import Refusal

from ..court import SYSTEM, Actor, Command, Event, RecordState, Sitting, SittingState, Transcript, leave, scope
from ..court.permissions import Leave
from ..hearings import Hearings, RecorderUnavailable
from ..store import HearingFacts, PersonRow, Store, StoreError
from ..store.written import DraftRow, SignatureRow
from .text import clean, paragraphs_of

log = structlog.get_logger(__name__)

NS = 1_000_000_000
#: How often open records are looked after: for what became due, and what could not be done before, s.
LOOK_EVERY_S = 30.0
#: Sealed records of hearings closed longer ago than this are not circulated by themselves, ns.
CIRCULATED_WITHIN_NS = 7 * 24 * 3600 * NS
#: How often the recorder is asked whether the document is made, and how long in one go, s.
ASK_EVERY_S = 0.5
ASK_FOR_S = 60.0

_paragraphs: msgspec.json.Decoder[list[w.Paragraph]] = msgspec.json.Decoder(list[w.Paragraph])
_evidence: msgspec.json.Decoder[w.Evidence] = msgspec.json.Decoder(w.Evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedDraft:
    """A refusal to sign a draft that was taken back since; ``at_us`` in UTC."""

    person_id: str
    name: str
    name_zh: str
    draft: int
    reason: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """A signature as it came from a device."""

    draft: int
    text_sha256: str
    record_root: str
    public_key: str
    signature: str
    identified_by: str
    seat: str
    device: str


@dataclass(frozen=True, slots=True)
class WrittenView:
    """A sitting's written record as it stands; no paragraphs before it was circulated."""

    sitting: Sitting
    paragraphs: list[w.Paragraph]
    signatures: list[w.SignatureEntry]
    refused: list[RefusedDraft]
    corrections: list[w.CorrectionEntry]


class WrittenRecords:
    """``ask`` asks the recorder.  Commands raise :class:`~signaling.application.Refusal`."""

    def __init__(
        self,
        store: Store,
        hearings: Hearings,
        archive: RecordReader,
        ask: Callable[[m.AnyRequest], Awaitable[m.AnyAnswer]],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self._hearings = hearings
        self._archive = archive
        self._ask = ask
        self._clock = clock
        self._locks: dict[str, asyncio.Lock] = {}
        self._watching: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    def start(self) -> None:
        self._watching = asyncio.create_task(self._watch(), name="written records")
        self._hearings.on_sealed = self._wake.set

    async def aclose(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    # --- reading ------------------------------------------------------------------------

    async def view(self, facts: HearingFacts) -> WrittenView | None:
        """As it stands now; nothing for a sitting in which nothing has happened."""
        sitting = await self._hearings.sitting(facts.sitting_id)
        if sitting is None:
            return None
        events = await self._hearings.log_of(facts.sitting_id)
        paragraphs: list[w.Paragraph] = []
        if sitting.draft:
            row = await self._store.written.draft(facts.sitting_id, sitting.draft)
            paragraphs = [] if row is None else _paragraphs.decode(row.body)
        evidence = await self._store.written.signatures(facts.sitting_id)
        return WrittenView(
            sitting=sitting,
            paragraphs=paragraphs,
            signatures=_signatures(facts, sitting, events, evidence),
            refused=_refused(facts, events),
            corrections=_corrections(facts, sitting, events),
        )

    # --- what people do --------------------------------------------------------------------

    async def sign(self, facts: HearingFacts, person: PersonRow, signing: Signing, locale: str) -> None:
        said = w.statement(facts.sitting_id, person.id, signing.draft, signing.text_sha256, signing.record_root)
        if not w.device_signed(signing.public_key, signing.signature, said):
            raise Refusal("signature-wrong", "")
        now = self._clock()
        evidence = w.Evidence(
            statement=said.decode(),
            public_key=signing.public_key,
            signature=signing.signature,
            identified_by=signing.identified_by,
            seat=signing.seat,
            device=signing.device[:256],
            at_us=now // 1000,
        )
        proof = w.proof_sha256(evidence)
        await self._store.written.sign(
            SignatureRow(
                sitting_id=facts.sitting_id,
                proof=proof,
                draft=signing.draft,
                person_id=person.id,
                body=encode(evidence).decode(),
                created_utc=now,
            )
        )
        detail = {
            "draft": signing.draft,
            "text_hash": signing.text_sha256,
            "record_root": signing.record_root,
            "proof": proof,
        }
        await self.give(facts, person, Command(name="sign_record", detail=detail), locale)

    async def give(self, facts: HearingFacts, person: PersonRow, command: Command, locale: str) -> None:
        """A command about the written record, by somebody of this hearing; what follows from it is done."""
        await self._hearings.act(facts.sitting_id, Actor(id=person.id, role=person.role), command, locale)
        self._wake.set()

    async def put(
        self, facts: HearingFacts, person: PersonRow, draft: int, texts: dict[str, tuple[str, str]], locale: str
    ) -> None:
        """Circulate the draft after this one: with these paragraphs' texts (English, Chinese); a paragraph without any
        text goes."""
        async with self._lock(facts.sitting_id):
            sitting = await self._hearings.sitting(facts.sitting_id)
            row = await self._store.written.draft(facts.sitting_id, sitting.draft) if sitting else None
            if sitting is None or row is None or sitting.transcript is not Transcript.DRAFT:
                raise Refusal("transcript-state", "")
            if sitting.draft != draft:
                raise Refusal("text-changed", "")
            changed = []
            for one in _paragraphs.decode(row.body):
                english, chinese = texts.get(one.id, (one.en, one.zh))
                if clean(english) or clean(chinese):
                    changed.append(msgspec.structs.replace(one, en=clean(english), zh=clean(chinese)))
            await self._circulate(facts, sitting, changed, Actor(id=person.id, role=person.role), locale)
        self._wake.set()

    # --- what follows by itself ----------------------------------------------------------------

    async def begin(self, facts: HearingFacts) -> None:
        """Circulate the first draft, if the hearing is over and its record sealed, and none was."""
        async with self._lock(facts.sitting_id):
            sitting = await self._hearings.sitting(facts.sitting_id)
            if sitting is None or sitting.draft or sitting.state is not SittingState.CLOSED:
                return
            manifest = None
            if sitting.record is not RecordState.IDLE:
                manifest = await self._archive.manifest(facts.sitting_id)
                if manifest is None or not (await self._store.records.get(facts.sitting_id)).manifest_sha256:
                    return
            events = await self._hearings.log_of(facts.sitting_id)
            if manifest is not None and faulty(manifest) and not (sitting.incident or sitting.incident_statement):
                sitting = await self._hearings.act(facts.sitting_id, SYSTEM, Command(name="open_incident"), "en")
            text = paragraphs_of(facts, sitting, events, manifest)
            await self._circulate(facts, sitting, text, SYSTEM, "en")

    async def _circulate(
        self, facts: HearingFacts, sitting: Sitting, text: list[w.Paragraph], actor: Actor, locale: str
    ) -> None:
        draft = sitting.draft + 1
        digest = w.text_sha256(facts.sitting_id, draft, text)
        root = (await self._store.records.get(facts.sitting_id)).manifest_sha256
        await self._store.written.put_draft(
            DraftRow(
                sitting_id=facts.sitting_id,
                draft=draft,
                body=encode(text).decode(),
                text_sha256=digest,
                created_utc=self._clock(),
                created_by=actor.id,
            )
        )
        detail = {"draft": draft, "text_hash": digest, "record_root": root}
        await self._hearings.act(facts.sitting_id, actor, Command(name="circulate", detail=detail), locale)

    def _lock(self, sitting_id: str) -> asyncio.Lock:
        return self._locks.setdefault(sitting_id, asyncio.Lock())

    async def _watch(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._look()
            except (StoreError, StoreProblem, RecorderUnavailable, Refusal, LookupError) as error:
                log.warning("written.waits", error=repr(error))
            except Exception:
                log.exception("written.waits")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()

    async def _look(self) -> None:
        for sitting_id in await self._store.written.uncirculated(self._clock() - CIRCULATED_WITHIN_NS):
            facts = await self._store.docket.by_sitting(sitting_id)
            if facts is not None:
                await self.begin(facts)
        for sitting_id in await self._store.written.open():
            facts = await self._store.docket.by_sitting(sitting_id)
            if facts is None:
                continue
            await self._hearings.look(sitting_id)
            try:
                await self._finish(facts)
            except (RecorderUnavailable, StoreProblem, Refusal) as error:
                log.warning("written.not_final_yet", sitting=sitting_id, error=repr(error))
        self._locks = {name: lock for name, lock in self._locks.items() if lock.locked()}

    async def _finish(self, facts: HearingFacts) -> None:
        """Have the document made once nobody is waited for and no statement about an incident is missing."""
        sitting = await self._hearings.sitting(facts.sitting_id)
        if sitting is not None and sitting.transcript is Transcript.FINAL:
            await self._store.written.final(facts.sitting_id, sitting.transcript_since)
        if sitting is None or sitting.transcript is not Transcript.SIGNED or sitting.incident:
            return
        view = await self.view(facts)
        assert view is not None
        events = await self._hearings.log_of(facts.sitting_id)
        record = self._record(facts, view, events)
        document = await self._made(m.Write(sitting_id=facts.sitting_id, record=w.as_plain(record)))
        command = Command(name="make_final", detail={"document": document})
        await self._hearings.act(facts.sitting_id, SYSTEM, command, "en")
        await self._store.written.final(facts.sitting_id, self._clock())

    async def _made(self, request: m.Write) -> str:
        """Raises :class:`RecorderUnavailable`."""
        for _ in range(int(ASK_FOR_S / ASK_EVERY_S)):
            answer = await self._ask(request)
            if isinstance(answer, m.Written):
                return answer.document_sha256
            if isinstance(answer, m.Refused):
                raise RecorderUnavailable(f"{answer.reason}: {answer.detail}")
            await asyncio.sleep(ASK_EVERY_S)
        raise RecorderUnavailable("the document is not made yet")

    def _record(self, facts: HearingFacts, view: WrittenView, events: Sequence[Event]) -> w.WrittenRecord:
        sitting = view.sitting
        return w.WrittenRecord(
            version=w.VERSION,
            sitting_id=facts.sitting_id,
            court=facts.court.name,
            court_zh=facts.court.name_zh,
            case_number=facts.case_number,
            case_name=facts.case_name,
            case_name_zh=facts.case_name_zh,
            time_zone=facts.court.time_zone,
            draft=sitting.draft,
            record_root=sitting.record_root,
            text_sha256=sitting.text_hash,
            partial=sitting.partial,
            paragraphs=view.paragraphs,
            signatures=[one for one in view.signatures if one.state != "asked"],
            corrections=view.corrections,
            incidents=_incidents(facts, events),
            # The moment at which the last of them had signed: the same however often it is made.
            made_us=sitting.transcript_since // 1000,
        )


def may_read(person: PersonRow, sitting: Sitting, paragraph: w.Paragraph) -> bool:
    """Whoever signs for their own part only reads that, and what is nobody's words."""
    if scope("sign_record", person.role) == "":
        return True
    mine = {"", person.id, *(sitting.people[person.id].linked if person.id in sitting.people else ())}
    return paragraph.by in mine


def reads(role: str) -> bool:
    """Whether this role is shown written records."""
    return leave("sign_record", role) is Leave.ALLOWED


def _names(facts: HearingFacts, person_id: str) -> tuple[str, str, str]:
    row = facts.person(person_id)
    return (row.name, row.name_zh or row.name, row.role) if row is not None else (person_id, person_id, "")


def _signatures(
    facts: HearingFacts, sitting: Sitting, events: Sequence[Event], evidence: dict[str, SignatureRow]
) -> list[w.SignatureEntry]:
    """Everybody who is asked, in the order of the booking, with what they did with the present draft."""
    last: dict[str, Event] = {}
    for event in events:
        if event.name in ("sign_record", "refuse_to_sign", "miss_signature"):
            last[event.subject] = event
    found = []
    for person in sitting.people.values():
        if person.signature.value == "not_asked":
            continue
        done = last.get(person.id) if person.signature.value != "asked" else None
        proof = evidence.get(done.detail.get("proof", "")) if done is not None else None
        name, name_zh, _ = _names(facts, person.id)
        found.append(
            w.SignatureEntry(
                person_id=person.id,
                name=name,
                name_zh=name_zh,
                role=person.role.value,
                state=person.signature.value,
                at_us=done.utc // 1000 if done is not None else 0,
                reason=done.reason if done is not None and done.name == "refuse_to_sign" else "",
                evidence=_evidence.decode(proof.body) if proof is not None else None,
            )
        )
    return found


def _refused(facts: HearingFacts, events: Sequence[Event]) -> list[RefusedDraft]:
    """By time.  Nobody is asked to sign a draft that is not out any more, so no signature says it."""
    taken_back = max((event.seq for event in events if event.name in ("recall_draft", "redraft")), default=0)
    return [
        RefusedDraft(
            person_id=event.subject,
            name=_names(facts, event.subject)[0],
            name_zh=_names(facts, event.subject)[1],
            draft=event.detail["draft"],
            reason=event.reason,
            at_us=event.utc // 1000,
        )
        for event in events
        if event.name == "refuse_to_sign" and event.seq < taken_back
    ]


def _corrections(facts: HearingFacts, sitting: Sitting, events: Sequence[Event]) -> list[w.CorrectionEntry]:
    asked = {event.seq: event.utc // 1000 for event in events if event.name == "request_correction"}
    return [
        w.CorrectionEntry(
            number=one.id,
            person_id=one.by,
            name=_names(facts, one.by)[0],
            name_zh=_names(facts, one.by)[1],
            draft=one.draft,
            paragraph=one.paragraph,
            text=one.text,
            at_us=asked.get(one.id, 0),
            answer=one.answer,
            answer_text=one.answer_text,
            answered_by=one.answered_by,
        )
        for one in sitting.corrections
    ]


def _incidents(facts: HearingFacts, events: Sequence[Event]) -> list[w.IncidentEntry]:
    return [
        w.IncidentEntry(
            person_id=event.actor,
            name=_names(facts, event.actor)[0],
            name_zh=_names(facts, event.actor)[1],
            at_us=event.utc // 1000,
            text=str(event.detail["text"]),
        )
        for event in events
        if event.name == "state_incident"
    ]
