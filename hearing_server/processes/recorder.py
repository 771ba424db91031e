"""The recorder process: archives what was captured, seals it, and makes what can be played."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from recording import documents
from recording.backup import OWED_FOLDER
from recording.keys import KeyProblem
from recording.recorder import Recorder
from recording.service import run_recorder
from recording.tokens import open_document_key
from recording.verify import VERIFIER_NAME
from signaling.bus.factory import open_bus

from .. import logs
from ..config import Settings, variable
from ..words import Fault
from . import folder
from .lifetime import cancelled, until_told_or_done
from .parts import SOFTWARE, need_shared_bus, open_archive, prepare_archive, run, signing_key

log = structlog.get_logger(__name__)

#: The page that checks a record without a server, where the client was built; exports enclose it.
VERIFIER = Path(__file__).parent.parent / "web" / "static" / VERIFIER_NAME


def main(settings: Settings, *, supervised: bool) -> int:
    folder.keep_private()
    logs.configure(settings, "recorder")
    if not supervised:
        need_shared_bus(settings, "hearing recorder")
    folder.check(settings.spool_folder, "spool")
    folder.check(settings.record_key_path.parent, "key_file")
    return run(_serve(settings, supervised=supervised), settings.bus)


def document_key(settings: Settings) -> documents.DocumentKey:
    """What signs this court's documents: in a file, or in a token with its certificates in that file.

    Raises :class:`Fault`.
    """
    setting = "document_key_token" if settings.document_key_token else "key_file"
    name = settings.transparency_log.split("/")[0]
    try:
        token = open_document_key(settings.document_key_token) if settings.document_key_token else None
        return documents.load_or_make(documents.documents_path(settings.record_key_path), name, token)
    except KeyProblem as error:
        raise Fault("key-unusable", reason=error, name=variable(setting)) from error


async def _serve(settings: Settings, *, supervised: bool) -> int:
    store = open_archive(settings, settings.spool_folder / OWED_FOLDER)
    await prepare_archive(store)
    key = signing_key(settings, make=True)
    recorder = Recorder(
        settings.spool_folder,
        store,
        key,
        software=SOFTWARE,
        origin=settings.transparency_log,
        authority=settings.timestamp_authority,
        cosigners=settings.cosigners,
        documents=document_key(settings),
        verifier=VERIFIER.read_bytes() if VERIFIER.exists() else None,
    )
    async with open_bus(settings.bus, settings.run_folder, hub=False) as bus:
        serving = asyncio.create_task(run_recorder(recorder, bus))
        log.info("recorder.ready", store=settings.store_url, lock=store.lock_kind.value, key=key.public.key_id)
        try:
            await until_told_or_done(serving, supervised=supervised)
        finally:
            await cancelled(serving)
    return 0
