"""The written record: read, corrected and signed by those who attended, on their own devices."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .seats import HearingCard
from .shapes import Struct

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
Base64 = Annotated[str, msgspec.Meta(max_length=400, pattern="^[A-Za-z0-9+/]*={0,2}$")]


class WrittenWithheld(Struct):
    """A decision under which parts of the text are not shown to this reader."""

    order: str
    by: str
    by_zh: str
    decided_at: float


class WrittenParagraph(Struct):
    """``hidden``: not shown to this reader, only its hash is told: somebody else's words, which they sign nothing for,
    or, ``withheld``, of time that an order withholds from them."""

    id: str
    kind: Literal["heading", "fact", "quote"]
    en: str
    zh: str
    by: str
    at_us: int
    sha256: str
    hidden: bool = False
    withheld: bool = False


class WrittenSigner(Struct):
    person_id: str
    name: str
    name_zh: str
    role: str
    state: Literal["asked", "signed", "refused", "missing"]
    at: float | None
    reason: str = ""


class WrittenRefused(Struct):
    """A refusal to sign a draft that was taken back since: it asks nobody any more, and its reason stays to be read."""

    draft: int
    name: str
    name_zh: str
    reason: str
    at: float


class WrittenCorrection(Struct):
    """``answer``: empty until the court has answered."""

    number: int
    name: str
    name_zh: str
    draft: int
    paragraph: str
    text: str
    answer: Literal["", "accepted", "refused"] = ""
    answer_text: str = ""


class WrittenPage(Struct):
    """``GET /api/hearings/{id}/written``.  ``state``: ``waiting`` until the record of sound and picture is sealed.

    ``may``: what the reader can do now (``sign``, ``refuse``, ``correct``, ``answer``, ``recall``, ``circulate``,
    ``state_incident``).  ``incident``: the presiding judge still has to state what the fault of the record was;
    ``documents``: languages in which the final document can be fetched; ``withheld``: why this is an extract only, and
    the document, which cannot be shortened, is not given to this reader.
    """

    hearing: HearingCard
    state: Literal["waiting", "draft", "circulated", "correction_requested", "signed", "final"]
    person_id: str
    draft: int
    text_sha256: str
    record_root: str
    sign_by: float | None
    paragraphs: list[WrittenParagraph]
    signers: list[WrittenSigner]
    refused: list[WrittenRefused]
    corrections: list[WrittenCorrection]
    may: list[str]
    partial: bool
    incident: bool
    incident_statement: str
    documents: list[Literal["en", "zh"]]
    withheld: list[WrittenWithheld]


class WrittenSigning(Struct):
    """``public_key`` (SubjectPublicKeyInfo, P-256) and ``signature`` (r and s) in base64."""

    draft: int
    text_sha256: Digest
    record_root: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]
    public_key: Base64
    signature: Base64


class WrittenRefusal(Struct):
    draft: int
    reason: Words


class WrittenRequest(Struct):
    """A correction that is asked for; ``paragraph``: its ``id``, or nothing for the whole."""

    draft: int
    text: Words
    paragraph: Annotated[str, msgspec.Meta(max_length=128)] = ""


class WrittenAnswer(Struct):
    answer: Literal["accepted", "refused"]
    text: Annotated[str, msgspec.Meta(max_length=4000)] = ""


class WrittenRecall(Struct):
    reason: Words


class WrittenText(Struct):
    id: Annotated[str, msgspec.Meta(max_length=128)]
    en: Annotated[str, msgspec.Meta(max_length=4000)]
    zh: Annotated[str, msgspec.Meta(max_length=4000)]


class WrittenDraft(Struct):
    """The paragraphs that change; one without any text goes."""

    draft: int
    paragraphs: Annotated[list[WrittenText], msgspec.Meta(max_length=10_000)]


class WrittenIncident(Struct):
    text: Words
