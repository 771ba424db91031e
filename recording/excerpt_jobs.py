"""An export of a part as an object of the record: a ZIP file beside the composites, with a signed entry as theirs."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .excerpt import ZipTarget, export_part
from .keys import SigningKey
from .manifest import MANIFEST_NAME, encode, prefix
from .messages import Excerpt
from .objects import ObjectStore
from .playback import EXPORTS_PREFIX, ExportEntry
from .transparency import TransparencyLog

ZIP: Final = "application/zip"


async def make_excerpt(
    store: ObjectStore,
    key: SigningKey,
    request: Excerpt,
    work: Path,
    *,
    transparency: TransparencyLog | None,
    software: str,
    verifier: bytes | None,
    progress: Callable[[float], None],
) -> ExportEntry:
    """Make and store it; each try has names of its own.

    Raises what :func:`recording.excerpt.export_part` does.
    """
    place = prefix(request.sitting_id)
    await asyncio.to_thread(work.mkdir, parents=True, exist_ok=True)
    own = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=work, prefix="zip-"))
    try:
        path = own / "part.zip"
        with contextlib.closing(ZipTarget(path, "record")) as target:
            await export_part(
                store,
                request.sitting_id,
                target,
                key,
                request.withheld,
                request.part,
                own,
                transparency=transparency,
                software=software,
                verifier=verifier,
                progress=progress,
            )
        stem = f"{EXPORTS_PREFIX}{request.job_id}.{secrets.token_hex(4)}"
        stored = await store.put_new(f"{place}{stem}.zip", path)
    finally:
        await asyncio.to_thread(shutil.rmtree, own, ignore_errors=True)
    entry = ExportEntry(
        job_id=request.job_id,
        name=f"{stem}.zip",
        media_type=ZIP,
        size=stored.size,
        sha256=stored.sha256,
        duration_ms=(request.part.end_us - request.part.start_us) // 1000,
        locale="",
        timezone="UTC",
        manifest_sha256=(await store.digest(place + MANIFEST_NAME))[1],
        derived_from=[],
        created_us=time.time_ns() // 1000,
        withheld=request.withheld,
        part=request.part,
    )
    data = encode(entry)
    # The signature first: an entry without one, as a kill would leave it, is an entry that was tampered with.
    await store.put_new(f"{place}{stem}.sig", key.sign(data))
    await store.put_new(f"{place}{stem}.json", data)
    return entry
