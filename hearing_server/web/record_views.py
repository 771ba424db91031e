"""What a page is told of a record: its tracks, gaps, log, seal and jobs, as this caller may have them."""

from __future__ import annotations

from typing import Any, Final, cast
from urllib.parse import quote

import msgspec

from recording.playback import MediaEntry

from .. import api
from ..court import Event
from ..court.shares import mark_of
from ..hearings import views
from ..store import HearingFacts, JobRow, RecordRow
from .access import Ask
from .callers import SeatCaller, ShareCaller
from .connections import PERSON_PARAMETER
from .file_names import export_file_name, track_file_name
from .reading import Reading, levels_view

NS: Final = 1_000_000_000
US: Final = 1_000_000


def restriction_of(events: list[Event]) -> str:
    """What may not be reported, as it stood when the log ended."""
    said = {"book": "restriction", "restrict": "text", "unrestrict": ""}
    last = next((event for event in reversed(events) if event.name in said), None)
    return "" if last is None else str(last.detail.get(said[last.name], ""))


def page_view(
    ask: Ask,
    reading: Reading,
    events: list[Event],
    record: RecordRow,
    jobs: list[JobRow],
    restriction: str,
    entry: int,
) -> api.RecordPage:
    """``events``: what of the log this caller may see; ``entry``: of this opening in the hearing's access ledger."""
    facts, playback = ask.hearing, reading.playback
    start_s = playback.start_us / US
    return api.RecordPage(
        hearing=views.card(facts),
        started_at=start_s,
        ended_at=playback.end_us / US,
        duration_s=(playback.end_us - playback.start_us) / US,
        state=cast(api.RecordState, facts.record_state),
        tracks=[_track(ask, file, playback.start_us) for file in playback.media],
        gaps=[
            api.GapRow(
                person_id=gap.person_id,
                source=gap.source,
                start_s=gap.start_us / US - start_s,
                duration_s=gap.duration_us / US,
                cause=cast(Any, gap.cause),
            )
            for gap in playback.gaps
        ],
        log=[_log_row(facts, event, start_s) for event in events],
        seal=_seal(record, told=reading.whole),
        exports=[job_row(ask, facts, job, playback.start_us) for job in jobs],
        levels=levels_view(reading, frozenset() if isinstance(ask.caller, ShareCaller) else ask.roles),
        restriction=restriction,
        mark=mark_for(ask, entry),
    )


def mark_for(ask: Ask, entry: int) -> str:
    """Who looks, or has a copy made, and the number of that in the hearing's access ledger."""
    caller = ask.caller
    if isinstance(caller, ShareCaller):
        return mark_of(caller.name, caller.share.email, f"{caller.id[:8]}-{entry}")
    name = (caller.name_zh or caller.name) if ask.locale == "zh-CN" else caller.name
    return f"{name} · {ask.hearing.case_number} · {entry}"


def _track(ask: Ask, entry: MediaEntry, start_us: int) -> api.TrackRow:
    return api.TrackRow(
        person_id=entry.person_id,
        name=entry.display_name,
        name_zh=entry.display_name_zh,
        role=entry.role,
        source="screen" if entry.source == "screen" else "person",
        url=media_url(ask, ask.hearing, entry.name),
        file_name=track_file_name(ask.hearing, entry, ask.locale, start_us),
        media_type=entry.media_type,
        bytes=entry.size,
        has_audio=entry.has_audio,
        has_video=entry.has_video,
        offset_s=entry.offset_ms / 1000,
        duration_s=entry.duration_ms / 1000,
        peaks=entry.peaks,
        peaks_period_s=entry.peaks_period_ms / 1000,
    )


def _log_row(facts: HearingFacts, event: Event, start_s: float) -> api.LogRow:
    """``actor`` is a person id or ``system``; the detail names the states, and the person it is about."""
    return api.LogRow(
        seq=event.seq,
        at_s=event.utc / NS - start_s,
        wall=event.utc / NS,
        event=event.name,
        actor=event.actor,
        detail={
            "machine": event.machine.value,
            "from": event.source,
            "to": event.to,
            "reason": event.reason,
            "person": event.subject,
            "role": event.role,
            "stage": str(event.detail.get("stage", "")) if event.name == "set_stage" else "",
            "hash": event.hash,
        },
    )


def _seal(record: RecordRow, *, told: bool) -> api.SealCheck | None:
    """What the last verification found; ``pending`` from the sealing until the first is done.  ``told``: with gaps,
    which tell when who was heard."""
    if not record.manifest_sha256:
        return None
    if record.verification is None:
        return api.SealCheck(
            state="pending",
            checked_at=0.0,
            tracks=0,
            chunks=0,
            bytes=record.bytes,
            manifest_sha256=record.manifest_sha256,
            findings=[],
        )
    found = msgspec.json.decode(record.verification)
    report = found["report"]
    return api.SealCheck(
        state="verified" if found["ok"] else "mismatch",
        checked_at=found["checkedAt"],
        tracks=int(report.get("tracks", 0)),
        chunks=int(report.get("chunks", 0)),
        bytes=int(report.get("bytes", record.bytes)),
        manifest_sha256=record.manifest_sha256,
        findings=[found for found in report.get("findings", []) if told or found.get("code") != "gap"],
    )


def job_row(ask: Ask, facts: HearingFacts, job: JobRow, start_us: int = 0) -> api.Job:
    """``start_us``: the record's start, for what is of a part."""
    part = [(int(at) - start_us) / US for at in job.part.split("-")] if job.part else [None, None]
    done = job.state == "done" and job.name is not None
    return api.Job(
        job_id=job.id,
        kind="part" if job.part else "composite",
        state=cast(Any, job.state),
        progress=job.progress,
        created_at=job.created_utc / NS,
        url=media_url(ask, facts, job.name) if done and job.name else None,
        file_name=export_file_name(facts, job.locale, packed=bool(job.part)) if done else None,
        bytes=job.bytes if done else None,
        message=job.message,
        from_s=part[0],
        to_s=part[1],
    )


def media_url(ask: Ask, facts: HearingFacts, name: str) -> str:
    """Where a media element finds it; that asks by itself, so the address says whose window it is in."""
    path = f"/api/hearings/{quote(facts.sitting_id)}/record/media/{quote(name.rsplit('/', 1)[-1])}"
    if not isinstance(ask.caller, SeatCaller):
        return path
    return f"{path}?{PERSON_PARAMETER}={quote(ask.caller.id, safe='')}"
