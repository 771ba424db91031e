"""Applying events of the written record and its signatures (machine T)."""

from __future__ import annotations

from msgspec.structs import replace

from .model import NS, Correction, Event, Sitting
from .states import Signature, Transcript


def apply_transcript(sitting: Sitting, event: Event) -> Sitting:
    to = Transcript(event.to)
    moved = replace(
        sitting,
        transcript=to,
        transcript_since=event.utc if to is not sitting.transcript else sitting.transcript_since,
    )
    match event.name:
        case "circulate":
            return replace(
                moved,
                draft=event.detail["draft"],
                text_hash=event.detail["text_hash"],
                record_root=event.detail.get("record_root", ""),
                sign_by=event.utc + int(sitting.rules.sign_within_s * NS),
            )
        case "request_correction":
            return replace(moved, corrections=(*sitting.corrections, _correction(event)))
        case "answer_correction":
            return replace(moved, corrections=_answered(sitting, event))
        case "recall_draft" | "redraft" | "complete":
            return replace(moved, sign_by=None)
        case "make_final":
            return replace(moved, document=event.detail["document"])
    return moved


def _correction(event: Event) -> Correction:
    return Correction(
        id=event.seq,
        by=event.subject,
        draft=event.detail["draft"],
        paragraph=event.detail.get("paragraph", ""),
        text=event.detail["text"],
    )


def _answered(sitting: Sitting, event: Event) -> tuple[Correction, ...]:
    return tuple(
        replace(
            one,
            answer=event.detail["answer"],
            answer_text=event.detail.get("text", ""),
            answered_by=event.actor,
        )
        if one.id == event.detail["correction"]
        else one
        for one in sitting.corrections
    )


def apply_signature(sitting: Sitting, event: Event) -> Sitting:
    person = replace(sitting.people[event.subject], signature=Signature(event.to))
    return replace(sitting, people={**sitting.people, person.id: person})
