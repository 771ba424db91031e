"""The written record over HTTP: reading it, asking for a correction, signing or refusing to; the court's part of it."""

from __future__ import annotations

import time
from typing import Any, Literal, cast

from starlette.responses import Response

from recording import written as w
from recording.objects import StoreProblem
from recording.serve import RecordReader
from recording.typeset import PDF
from signaling.application import Refusal

from .. import api
from ..court import Command, Role, Sitting
from ..court.permissions import Leave, roles_with
from ..hearings import views
from ..hearings.levels import LevelOffice
from ..store import HearingFacts, PersonRow
from ..written import Signing, WrittenRecords, WrittenView
from ..written.service import may_read
from .access import Ask, Endpoint, Gate
from .attendance import Attendance
from .callers import SeatCaller
from .file_names import content_disposition
from .problems import Json, ProblemError
from .written_levels import Extract, extract_for

NS = 1_000_000_000
US = 1_000_000
#: Who is shown written records, and who keeps them for the court.
READING = roles_with("sign_record", Leave.ALLOWED)
KEEPING = roles_with("circulate", Leave.ALLOWED)
JUDGE = frozenset({Role.JUDGE.value})
#: A draft of a long hearing comes back whole, bytes.
DRAFT_LIMIT_BYTES = 4 * 1024 * 1024
#: While people may still sign.
_OUT = frozenset({"circulated", "correction_requested"})


class Written:
    def __init__(
        self, records: WrittenRecords, archive: RecordReader, attendance: Attendance, gate: Gate, levels: LevelOffice
    ) -> None:
        self._records = records
        self._levels = levels
        self._archive = archive
        self._attendance = attendance
        self._gate = gate

    def endpoints(self) -> tuple[Endpoint, ...]:
        place = "/api/hearings/{sitting_id}/written"

        def post(
            name: str, part: str, summary: str, handler: Any, who: frozenset[str], body: Any, limit: int = 0
        ) -> Any:
            return Endpoint(
                name=name,
                method="POST",
                path=f"{place}/{part}",
                summary=summary,
                handler=handler,
                who=who,
                body=body,
                answer=api.WrittenPage,
                body_limit=limit,
            )

        return (
            Endpoint(
                name="readWritten",
                method="GET",
                path=place,
                summary="The written record as it stands, and who has signed it; witnesses read their own evidence.",
                handler=self.page,
                who=READING,
                answer=api.WrittenPage,
            ),
            Endpoint(
                name="readWrittenDocument",
                method="GET",
                path=place + "/document/{language}",
                summary="The final document, PDF/A with the court's signature; language: en or zh.",
                handler=self.document,
                who=READING,
                media_type=PDF,
            ),
            post("signWritten", "signature", "Sign the draft that was read.", self.sign, READING, api.WrittenSigning),
            post("refuseToSign", "refusal", "Refuse to sign, with a reason.", self.refuse, READING, api.WrittenRefusal),
            post(
                "requestCorrection",
                "corrections",
                "Ask for a correction of a paragraph, or of the whole.",
                self.correct,
                READING,
                api.WrittenRequest,
            ),
            post(
                "answerCorrection",
                "corrections/{number}",
                "Accept or refuse a correction; accepted ones make a new draft, refused ones stay attached.",
                self.answer,
                KEEPING,
                api.WrittenAnswer,
            ),
            post(
                "recallWritten",
                "recall",
                "Take the draft back, to put something right; signatures under it are void.",
                self.recall,
                KEEPING,
                api.WrittenRecall,
            ),
            post(
                "circulateWritten",
                "draft",
                "Circulate the next draft.",
                self.put,
                KEEPING,
                api.WrittenDraft,
                DRAFT_LIMIT_BYTES,
            ),
            post(
                "stateIncident",
                "incident",
                "The presiding judge's statement about a fault of the record.",
                self.incident,
                JUDGE,
                api.WrittenIncident,
            ),
        )

    # --- reading ------------------------------------------------------------------------

    async def page(self, ask: Ask) -> Response:
        """Read by the person of the hearing that asks, and by the court's clerks."""
        person = self._attendance.find(ask.caller, ask.hearing)
        extract = await extract_for(ask, self._levels)
        await self._note(ask, "read-written", **({"withheld": len(extract.spans)} if extract.spans else {}))
        return await self._shown(ask, person)

    async def _shown(self, ask: Ask, person: PersonRow | None) -> Response:
        facts = ask.hearing
        view = await self._records.view(facts)
        if view is None or not view.paragraphs:
            return Json(_waiting(facts, person, view))
        extract = await extract_for(ask, self._levels)
        languages = [] if extract.spans else await self._languages(facts, view.sitting)
        return Json(_page(facts, person, view, languages, extract))

    async def document(self, ask: Ask) -> Response:
        facts, language = ask.hearing, ask.request.path_params["language"]
        if language not in ("en", "zh"):
            raise ProblemError("not-found")
        person = self._attendance.find(ask.caller, ask.hearing)
        if (await extract_for(ask, self._levels)).spans:
            raise ProblemError("written-withheld")
        try:
            data = await self._archive.written(facts.sitting_id, f"record.{language}.pdf")
        except StoreProblem as error:
            raise ProblemError("record-unavailable", {"Retry-After": "30"}) from error
        view = await self._records.view(facts)
        whole = view is not None and _reads_all(person, view)
        if data is None or not whole:
            raise ProblemError("not-found")
        name = f"{facts.case_number} {'庭审笔录' if language == 'zh' else 'record'}.pdf"
        await self._gate.note(ask.caller, facts.hearing_id, "download", f"written/{language}", time.time_ns())
        return Response(data, headers={"Content-Disposition": content_disposition(name)}, media_type=PDF)

    async def _note(self, ask: Ask, action: str, **detail: object) -> None:
        facts = ask.hearing
        await self._gate.note(ask.caller, facts.hearing_id, action, facts.sitting_id, time.time_ns(), **detail)

    async def _languages(self, facts: HearingFacts, sitting: Sitting) -> list[str]:
        if sitting.transcript.value != "final":
            return []
        try:
            return [
                name for name in ("en", "zh") if await self._archive.written(facts.sitting_id, f"record.{name}.pdf")
            ]
        except StoreProblem:
            return []

    def _person(self, ask: Ask) -> PersonRow:
        person = self._attendance.find(ask.caller, ask.hearing)
        if person is None:
            raise ProblemError("not-asked-to-sign")
        return person

    # --- signing --------------------------------------------------------------------------

    async def sign(self, ask: Ask) -> Response:
        said: api.WrittenSigning = ask.body
        caller = ask.caller
        signing = Signing(
            draft=said.draft,
            text_sha256=said.text_sha256,
            record_root=said.record_root,
            public_key=said.public_key,
            signature=said.signature,
            identified_by="link" if isinstance(caller, SeatCaller) else "account",
            seat=caller.device,
            device=ask.request.headers.get("user-agent", ""),
        )
        person = self._person(ask)
        await self._note(ask, "sign-written", draft=said.draft)
        try:
            await self._records.sign(ask.hearing, person, signing, ask.locale)
        except Refusal as refusal:
            raise ProblemError(refusal.code) from refusal
        return await self._shown(ask, person)

    async def refuse(self, ask: Ask) -> Response:
        said: api.WrittenRefusal = ask.body
        return await self._given(ask, Command(name="refuse_to_sign", reason=said.reason, detail={"draft": said.draft}))

    async def correct(self, ask: Ask) -> Response:
        said: api.WrittenRequest = ask.body
        detail = {"draft": said.draft, "paragraph": said.paragraph, "text": said.text}
        return await self._given(ask, Command(name="request_correction", detail=detail))

    # --- the court ---------------------------------------------------------------------------

    async def answer(self, ask: Ask) -> Response:
        said: api.WrittenAnswer = ask.body
        number = str(ask.request.path_params["number"])
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise ProblemError("not-found")
        detail = {"correction": int(number), "answer": said.answer, "text": said.text}
        return await self._given(ask, Command(name="answer_correction", detail=detail))

    async def recall(self, ask: Ask) -> Response:
        said: api.WrittenRecall = ask.body
        return await self._given(ask, Command(name="recall_draft", reason=said.reason))

    async def incident(self, ask: Ask) -> Response:
        said: api.WrittenIncident = ask.body
        return await self._given(ask, Command(name="state_incident", detail={"text": said.text}))

    async def put(self, ask: Ask) -> Response:
        said: api.WrittenDraft = ask.body
        person = self._person(ask)
        texts = {one.id: (one.en, one.zh) for one in said.paragraphs}
        view, extract = await self._records.view(ask.hearing), await extract_for(ask, self._levels)
        if view is not None and any(one.id in texts and extract.hides(one) for one in view.paragraphs):
            raise ProblemError("written-withheld")
        await self._note(ask, "circulate-written", draft=said.draft)
        try:
            await self._records.put(ask.hearing, person, said.draft, texts, ask.locale)
        except Refusal as refusal:
            raise ProblemError(refusal.code) from refusal
        return await self._shown(ask, person)

    async def _given(self, ask: Ask, command: Command) -> Response:
        person = self._person(ask)
        await self._note(ask, command.name.replace("_", "-"))
        try:
            await self._records.give(ask.hearing, person, command, ask.locale)
        except Refusal as refusal:
            raise ProblemError(refusal.code) from refusal
        except LookupError as error:
            raise ProblemError("not-found") from error
        return await self._shown(ask, person)


# --- shapes -----------------------------------------------------------------------------------


def _reads_all(person: PersonRow | None, view: WrittenView) -> bool:
    return person is None or all(may_read(person, view.sitting, one) for one in view.paragraphs)


def _waiting(facts: HearingFacts, person: PersonRow | None, view: WrittenView | None) -> api.WrittenPage:
    sitting = view.sitting if view is not None else None
    may = ["state_incident"] if sitting is not None and _states(sitting, person) else []
    return api.WrittenPage(
        hearing=views.card(facts),
        state="waiting",
        person_id=person.id if person is not None else "",
        draft=0,
        text_sha256="",
        record_root="",
        sign_by=None,
        paragraphs=[],
        signers=[],
        refused=[],
        corrections=[],
        may=may,
        partial=sitting is not None and sitting.partial,
        incident=sitting is not None and sitting.incident,
        incident_statement=sitting.incident_statement if sitting is not None else "",
        documents=[],
        withheld=[],
    )


def _page(
    facts: HearingFacts, person: PersonRow | None, view: WrittenView, languages: list[str], extract: Extract
) -> api.WrittenPage:
    sitting = view.sitting
    whole, own = _reads_all(person, view), person.id if person is not None else ""
    return api.WrittenPage(
        hearing=views.card(facts),
        state=cast(Any, sitting.transcript.value),
        person_id=own,
        draft=sitting.draft,
        text_sha256=sitting.text_hash,
        record_root=sitting.record_root,
        sign_by=sitting.sign_by / NS if sitting.sign_by is not None else None,
        paragraphs=[_paragraph(person, sitting, one, withheld=extract.hides(one)) for one in view.paragraphs],
        signers=[
            api.WrittenSigner(
                person_id=one.person_id,
                name=one.name,
                name_zh=one.name_zh,
                role=one.role,
                state=cast(Any, one.state),
                at=one.at_us / US if one.at_us else None,
                reason=one.reason if one.person_id == own or not extract.spans else "",
            )
            for one in view.signatures
            if whole or one.person_id == own
        ],
        refused=[
            api.WrittenRefused(
                draft=one.draft,
                name=one.name,
                name_zh=one.name_zh,
                reason=one.reason if one.person_id == own or not extract.spans else "",
                at=one.at_us / US,
            )
            for one in view.refused
            if whole or one.person_id == own
        ],
        corrections=[
            api.WrittenCorrection(
                number=one.number,
                name=one.name,
                name_zh=one.name_zh,
                draft=one.draft,
                paragraph=one.paragraph,
                text=one.text,
                answer=cast(Any, one.answer),
                answer_text=one.answer_text,
            )
            for one in view.corrections
            if one.person_id == own or (whole and extract.shows(one, view))
        ],
        may=_may(sitting, person),
        partial=sitting.partial,
        incident=sitting.incident,
        incident_statement=sitting.incident_statement,
        documents=cast(list[Literal["en", "zh"]], languages if whole else []),
        withheld=extract.told(),
    )


def _paragraph(person: PersonRow | None, sitting: Sitting, one: w.Paragraph, *, withheld: bool) -> api.WrittenParagraph:
    shown = not withheld and (person is None or may_read(person, sitting, one))
    return api.WrittenParagraph(
        id=one.id,
        kind=cast(Any, one.kind),
        en=one.en if shown else "",
        zh=one.zh if shown else "",
        by=one.by if shown else "",
        at_us=one.at_us if shown else 0,
        sha256=w.paragraph_sha256(one),
        hidden=not shown,
        withheld=withheld,
    )


def _may(sitting: Sitting, person: PersonRow | None) -> list[str]:
    """What the law would let this person do now, as far as the keys of a page go."""
    state, found = sitting.transcript.value, list[str]()
    if person is None:
        return found
    known = sitting.people.get(person.id)
    signature = known.signature.value if known is not None else "not_asked"
    open_ = state in _OUT or state == "signed"
    if open_ and signature in ("asked", "refused", "missing"):
        found.append("sign")
    if open_ and signature in ("asked", "missing"):
        found.append("refuse")
    if state in _OUT and signature != "not_asked":
        found.append("correct")
    if person.role in KEEPING and known is not None:
        if state == "correction_requested":
            found.append("answer")
        if state in _OUT:
            found.append("recall")
        if state == "draft":
            found.append("circulate")
    if _states(sitting, person):
        found.append("state_incident")
    return found


def _states(sitting: Sitting, person: PersonRow | None) -> bool:
    return sitting.incident and person is not None and person.id == sitting.presiding
