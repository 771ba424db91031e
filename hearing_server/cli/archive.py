"""``hearing verify``, ``log`` and ``record``: records checked and opened, with no server running."""

from __future__ import annotations

import argparse
import asyncio
import base64
import dataclasses
from pathlib import Path
from typing import Any

import msgspec
from cryptography.x509 import Certificate

from recording.age import Identity
from recording.checkpoint import CheckpointProblem, verifier_key
from recording.cosignature import Cosigner, parse_cosigner
from recording.encrypted import EncryptedStore
from recording.keys import KeyProblem, PublicKey, load_or_make_identity, load_public
from recording.manifest import MANIFEST_NAME, prefix
from recording.objects import ObjectStore, StoreProblem, open_store
from recording.report import Report
from recording.sentences import sentences
from recording.timestamps import read_roots
from recording.transparency import LogProblem, TransparencyLog
from recording.verify import verify_record
from recording.zipped import ZippedRecord

from .. import config
from ..config import Settings
from ..processes.parts import encrypted, lock_of, open_archive, s3_options, signing_key
from ..terminal import Terminal
from ..words import Fault
from . import export

#: Where an archive keeps its records.
RECORDS = "hearings/"


def verify(options: argparse.Namespace, terminal: Terminal) -> int:
    """0 if every record is complete and unaltered, else 1."""
    settings = config.load()
    key = _public_key(options.public_key, settings)
    try:
        reports = asyncio.run(_verify(options, settings, key))
    except StoreProblem as error:
        raise Fault("store-unreachable", url=options.record, reason=error) from error
    ok = all(report.ok for report in reports)
    if terminal.as_json:
        found: Any = msgspec.to_builtins(reports)
        terminal.answer(found[0] if len(found) == 1 else {"ok": ok, "records": found})
    else:
        for report in reports:
            for line in sentences(report, chinese=terminal.locale == "zh-CN"):
                terminal.line(line)
    return 0 if ok else 1


async def _verify(options: argparse.Namespace, settings: Settings, key: PublicKey | None) -> list[Report]:
    store = _store_of(options.record, settings)
    authorities, cosigners = _authorities(options.authority), [_cosigner(text) for text in options.cosigner or ()]
    places = await _records(store, options)
    return [await verify_record(store, place, key, authorities=authorities, cosigners=cosigners) for place in places]


def _cosigner(text: str) -> Cosigner:
    try:
        return parse_cosigner(text)
    except ValueError:
        raise Fault("verifier-key-wrong", text=text) from None


def _authorities(name: str | None) -> list[Certificate]:
    if not name:
        return []
    try:
        return read_roots(Path(name).read_bytes())
    except (OSError, ValueError) as error:
        raise Fault("certificate-unusable", path=name, reason=error) from error


def _store_of(record: str, settings: Settings) -> ObjectStore:
    if record.startswith("s3://"):
        return encrypted(open_store(record, s3_options(settings), lock_of(settings)), settings)
    folder = Path(record)
    if folder.is_file():
        return ZippedRecord(folder)
    if not folder.is_dir():
        raise Fault("record-not-found", path=record)
    return encrypted(open_store(folder.resolve().as_uri()), settings)


async def _records(store: ObjectStore, options: argparse.Namespace) -> list[str]:
    """The prefixes to look at: an exported record has none, an archive one for each."""
    if options.sitting:
        return [prefix(options.sitting)]
    names = {name for name, _ in await store.list("")}
    sittings = sorted({name.split("/")[1] for name in names if name.startswith(RECORDS)})
    if MANIFEST_NAME in names or (names and not sittings):
        return [""]
    if not sittings:
        raise Fault("record-not-found", path=options.record)
    return [prefix(sitting) for sitting in sittings]


def _public_key(name: str | None, settings: Settings) -> PublicKey | None:
    """The key that was named, else the one of this court's own settings, else the one the record encloses."""
    path = Path(name) if name else settings.public_key_path
    if not name and not path.exists():
        return None
    try:
        return load_public(path)
    except KeyProblem as error:
        raise Fault("public-key-unusable", reason=error) from error


def transparency_log(options: argparse.Namespace, terminal: Terminal) -> int:
    """The newest head of the court's log; with one kept earlier: 0 if the log still begins with it, else 1."""
    settings = config.load()
    key = signing_key(settings)
    try:
        log = TransparencyLog(open_archive(settings), key, settings.transparency_log)
        since = Path(options.since).read_bytes() if options.since else None
        head, proof = asyncio.run(log.newest(since))
    except OSError as error:
        raise Fault("head-unreadable", path=options.since, reason=error.strerror or error) from error
    except StoreProblem as error:
        raise Fault("store-unreachable", url=settings.store_url, reason=error) from error
    except (LogProblem, CheckpointProblem) as error:
        terminal.say("log-contradicts", reason=error)
        return 1
    public = verifier_key(settings.transparency_log, key.public)
    if terminal.as_json:
        texts = [base64.b64encode(part).decode() for part in proof]
        terminal.answer({"key": public, "head": head.decode(), "proof": texts})
    else:
        for line in head.decode().splitlines():  # in front, so that the whole output can be given back as a head
            terminal.line(line)
        terminal.say("log-key", key=public)
        if since is not None:
            terminal.say("log-grew")
    return 0


def open_record(options: argparse.Namespace, terminal: Terminal) -> int:
    """``export`` of an archive that is encrypted, by somebody who has an identity and none of the court's servers."""
    settings = dataclasses.replace(config.load(), record_recipients="")
    try:
        identity = Identity.parse(Path(options.identity).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Fault("identity-unusable", path=options.identity, reason=reason, name="--identity") from error
    store = EncryptedStore(_store_of(options.archive, settings), identity, [], None)
    key = _public_key(options.public_key, settings)
    if key is None:
        raise Fault("public-key-missing", path=settings.public_key_path, name="--public-key")
    return export.written(store, options.archive, key, options, terminal)


def make_identity(options: argparse.Namespace, terminal: Terminal) -> int:
    path = Path(options.file)
    if path.exists():
        raise Fault("folder-exists", path=path)
    try:
        recipient = str(load_or_make_identity(path).recipient)
    except OSError as error:
        raise Fault("folder-unwritable", path=path, reason=error.strerror or error) from error
    if terminal.as_json:
        terminal.answer({"recipient": recipient, "file": str(path.resolve())})
    else:
        terminal.say("identity-made", recipient=recipient, path=path)
    return 0
