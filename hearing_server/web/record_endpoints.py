"""The archive's part of the route table."""

from __future__ import annotations

from .. import api
from ..api.archive import NewPart
from .access import Endpoint
from .callers import STAFF
from .records import Records


def record_endpoints(records: Records) -> tuple[Endpoint, ...]:
    return (
        Endpoint(
            name="searchHearings",
            method="GET",
            path="/api/hearings",
            summary="Hearings by case number or name (?query=), newest first: a clerk's court, a judge's own.",
            handler=records.search,
            who=STAFF,
            answer=list[api.HearingRow],
        ),
        Endpoint(
            name="readRecord",
            method="GET",
            path="/api/hearings/{sitting_id}/record",
            summary="The record of a closed hearing: tracks, gaps, log, seal, exports.",
            handler=records.page,
            who=STAFF,
            answer=api.RecordPage,
        ),
        Endpoint(
            name="playMedia",
            method="GET",
            path="/api/hearings/{sitting_id}/record/media/{name}",
            summary="A person's track or an export, by ranges (RFC 9110); download=1 in the query to save it.",
            handler=records.media,
            who=STAFF,
            media_type="video/webm",
        ),
        Endpoint(
            name="readManifest",
            method="GET",
            path="/api/hearings/{sitting_id}/record/manifest",
            summary="The signed manifest, byte for byte.",
            handler=records.manifest,
            who=STAFF,
        ),
        Endpoint(
            name="readSignature",
            method="GET",
            path="/api/hearings/{sitting_id}/record/manifest.sig",
            summary="The manifest's Ed25519 signature.",
            handler=records.signature,
            who=STAFF,
            media_type="application/octet-stream",
        ),
        Endpoint(
            name="exportRecord",
            method="POST",
            path="/api/hearings/{sitting_id}/record/exports",
            summary="Have a composite MP4 made.",
            handler=records.export,
            who=STAFF,
            answer=api.Job,
            status=202,
        ),
        Endpoint(
            name="exportPart",
            method="POST",
            path="/api/hearings/{sitting_id}/record/parts",
            summary="Have a ZIP file of a part made, that anybody can check; for whoever may download (?order=).",
            handler=records.export_part,
            who=STAFF,
            body=NewPart,
            answer=api.Job,
            status=202,
        ),
        Endpoint(
            name="verifyRecord",
            method="POST",
            path="/api/hearings/{sitting_id}/record/verify",
            summary="Have every stored byte checked again.",
            handler=records.verify,
            who=STAFF,
            status=202,
        ),
        Endpoint(
            name="readJob",
            method="GET",
            path="/api/jobs/{job_id}",
            summary="How far a background job is.",
            handler=records.job,
            who=STAFF,
            answer=api.Job,
        ),
    )
