"""The court's transparency log: one entry for each sealed record, and for each statement that the court signs beside
one, in an order that nobody can change unseen.

Anybody who keeps a checkpoint can ask later for the proof that the log still begins as it did (RFC 6962).  The log is
objects in the court's store, written once each, so that several recorders may append: the store lets one of them have
a number, and the other takes the next.

    log/entry/<number, 12 digits>.json        what was entered, canonical JSON
    log/tile/<number, 12 digits>              the leaf hashes of 256 entries
    log/checkpoint/<size, 12 digits>          a signed head (:mod:`.checkpoint`)
"""

from __future__ import annotations

import asyncio
import base64
import logging

import msgspec

from . import canonical64, checkpoint, merkle
from .checkpoint import Checkpoint, CheckpointProblem
from .keys import PublicKey, SigningKey
from .manifest import Struct, encode
from .merkle import EMPTY_ROOT
from .objects import AlreadyStored, NotStored, ObjectStore, StoreProblem

log = logging.getLogger(__name__)

LOG_PREFIX = "log/"
ENTRY_PREFIX = LOG_PREFIX + "entry/"
TILE_PREFIX = LOG_PREFIX + "tile/"
CHECKPOINT_PREFIX = LOG_PREFIX + "checkpoint/"
#: Other recorders that may append between our look and our turn before we give up for now.
APPEND_TRIES = 1000
ENTRY_LIMIT_BYTES = 64 * 1024


#: Of ``inclusion.json``.
INCLUSION_VERSION = 1


class Entry(Struct):
    """What is entered of a record: nothing that names a person or a case."""

    sitting_id: str
    manifest_sha256: str
    sealed_us: int
    version: int = 1


class StatementEntry(Struct):
    """What is entered of a statement beside a record: on what a copy leaves out, or on a recording that was added."""

    sitting_id: str
    statement_sha256: str
    made_us: int
    version: int = 1


class Inclusion(Struct):
    """The proof that a record is in the log.  ``proof`` and the checkpoint's root are base64 of 32 bytes each."""

    entry: Entry
    index: int
    size: int
    proof: list[str]
    checkpoint: str
    version: int = INCLUSION_VERSION


class StatementInclusion(Struct):
    """The same of a statement."""

    entry: StatementEntry
    index: int
    size: int
    proof: list[str]
    checkpoint: str
    version: int = INCLUSION_VERSION


inclusion_decoder: msgspec.json.Decoder[Inclusion] = msgspec.json.Decoder(Inclusion)
statement_inclusion_decoder: msgspec.json.Decoder[StatementInclusion] = msgspec.json.Decoder(StatementInclusion)


class LogProblem(Exception):
    """The log in the store contradicts itself, or a checkpoint that was seen before; a person must look at it."""


class TransparencyLog:
    """The log as one recorder sees it.  ``origin`` is its public name (a host name and a path, no scheme)."""

    def __init__(self, store: ObjectStore, key: SigningKey, origin: str) -> None:
        self.origin = origin
        self._store = store
        self._key = key
        self._tree = merkle.Tree()
        self._turn = asyncio.Lock()
        self._loaded = False

    @property
    def size(self) -> int:
        """Entries known here."""
        return len(self._tree)

    async def append(self, entry: Entry) -> Inclusion:
        """Enter a record, or find it entered already, and prove it.

        Raises :class:`LogProblem` or :class:`recording.objects.StoreProblem`; then try again later.
        """
        index, size, proof, note = await self._prove(encode(entry))
        return Inclusion(entry=entry, index=index, size=size, proof=proof, checkpoint=note)

    async def append_statement(self, entry: StatementEntry) -> StatementInclusion:
        """The same for a statement beside a record.  Raises as :meth:`append` does."""
        index, size, proof, note = await self._prove(encode(entry))
        return StatementInclusion(entry=entry, index=index, size=size, proof=proof, checkpoint=note)

    async def _prove(self, data: bytes) -> tuple[int, int, list[str], str]:
        """Number of the entry, size of the log, the proof, and the signed head that it leads to."""
        leaf = merkle.leaf_hash(data)
        async with self._turn:
            await self._load()
            index = self._tree.find(leaf)
            if index is None:
                index = await self._enter(data, leaf)
            size = len(self._tree)
            note = await self._sign_head()
            proof = self._tree.inclusion_proof(index)
        return index, size, [base64.b64encode(part).decode() for part in proof], note.decode()

    async def newest(self, old: bytes | None = None) -> tuple[bytes, list[bytes]]:
        """The newest checkpoint, and the proof that its log begins with that of ``old``, an earlier one of ours.

        Raises :class:`CheckpointProblem` if ``old`` is not one, :class:`LogProblem` if there is no such proof.
        """
        earlier = checkpoint.read(old, self._key.public) if old is not None else Checkpoint(self.origin, 0, EMPTY_ROOT)
        async with self._turn:
            await self._load()
            await self._catch_up()
            if earlier.origin != self.origin or earlier.size > len(self._tree):
                raise LogProblem(
                    f"a checkpoint of {earlier.size} entries is beyond the {len(self._tree)} that are stored"
                )
            if earlier.root != self._tree.root(earlier.size):
                raise LogProblem(f"the first {earlier.size} entries are not those that were signed")
            proof = self._tree.consistency_proof(earlier.size) if earlier.size else []
            return await self._sign_head(), proof

    async def consistency_proof(self, old_size: int, size: int) -> list[bytes]:
        """Why the log of ``size`` entries begins with that of ``old_size``; nothing to show for none, or for the same.

        Raises :class:`LogProblem` if the log has fewer, or :class:`recording.objects.StoreProblem`.
        """
        async with self._turn:
            await self._load()
            if not 0 <= old_size <= size <= len(self._tree):
                raise LogProblem(f"no log of {old_size} entries that grew to {size}")
            return self._tree.consistency_proof(old_size, size) if old_size else []

    # --- inside -------------------------------------------------------------------

    async def _enter(self, data: bytes, leaf: bytes) -> int:
        for _ in range(APPEND_TRIES):
            index = len(self._tree)
            try:
                await self._store.claim(_entry_name(index), data)
            except AlreadyStored:  # another recorder was first
                await self._catch_up()
                continue
            self._tree.append(leaf)
            await self._store_tile(index)
            return index
        raise StoreProblem("the transparency log is written by too many at once")

    async def _sign_head(self) -> bytes:
        head = Checkpoint(self.origin, len(self._tree), self._tree.root())
        note = checkpoint.sign(head, self._key)
        try:
            await self._store.put_new(f"{CHECKPOINT_PREFIX}{head.size:012d}", note)
        except AlreadyStored:
            raise LogProblem(f"another head of {head.size} entries was signed before") from None
        return note

    async def _load(self) -> None:
        """Read the log once; what is read must lead to the newest head that was signed."""
        if self._loaded:
            return
        self._tree = merkle.Tree()
        for name, _ in await self._store.list(TILE_PREFIX):
            if name != f"{TILE_PREFIX}{len(self._tree) // merkle.TILE_LEAVES:012d}":
                break  # a tile is missing: the entries themselves are read from here on
            tile = await self._store.read(name)
            if len(tile) != merkle.TILE_LEAVES * merkle.HASH_BYTES:
                raise LogProblem(f"{name} is damaged")
            for at in range(0, len(tile), merkle.HASH_BYTES):
                self._tree.append(tile[at : at + merkle.HASH_BYTES])
        await self._catch_up()
        heads = await self._store.list(CHECKPOINT_PREFIX)
        if heads:
            await self._compare(heads[-1][0])
        self._loaded = True

    async def _compare(self, name: str) -> None:
        try:
            head = checkpoint.read(await self._store.read(name), self._key.public)
        except CheckpointProblem as error:
            raise LogProblem(f"{name}: {error}") from error
        if head.size > len(self._tree) or head.root != self._tree.root(head.size):
            raise LogProblem(f"the entries do not lead to {name}")

    async def _catch_up(self) -> None:
        """Read what others entered since."""
        while True:
            index = len(self._tree)
            try:
                data = await self._store.read(_entry_name(index), ENTRY_LIMIT_BYTES)
            except NotStored:
                return
            self._tree.append(merkle.leaf_hash(data))
            await self._store_tile(index)

    async def _store_tile(self, index: int) -> None:
        """Store the tile that entry ``index`` makes full, if it does."""
        if (index + 1) % merkle.TILE_LEAVES:
            return
        number = index // merkle.TILE_LEAVES
        try:
            await self._store.put_new(f"{TILE_PREFIX}{number:012d}", self._tree.tile(number))
        except AlreadyStored:
            raise LogProblem(f"tile {number} holds other entries") from None


def _entry_name(index: int) -> str:
    return f"{ENTRY_PREFIX}{index:012d}.json"


def check_inclusion(inclusion: Inclusion, manifest_sha256: str, key: PublicKey | None) -> str | None:
    """What is wrong with a record's proof, or nothing: ``entry``, ``checkpoint`` or ``proof``."""
    return "entry" if inclusion.entry.manifest_sha256 != manifest_sha256 else _wrong_proof(inclusion, key)


def check_statement(inclusion: StatementInclusion, statement_sha256: str, key: PublicKey | None) -> str | None:
    """The same of a statement's proof."""
    return "entry" if inclusion.entry.statement_sha256 != statement_sha256 else _wrong_proof(inclusion, key)


def _wrong_proof(inclusion: Inclusion | StatementInclusion, key: PublicKey | None) -> str | None:
    if inclusion.version != INCLUSION_VERSION:
        return "entry"
    try:
        head = checkpoint.read(inclusion.checkpoint.encode(), key)
        proof = [canonical64.decode(text) for text in inclusion.proof]
    except ValueError:  # CheckpointProblem is one
        return "checkpoint"
    if head.size != inclusion.size:
        return "checkpoint"
    leaf = merkle.leaf_hash(encode(inclusion.entry))
    return None if merkle.includes(leaf, inclusion.index, head.size, proof, head.root) else "proof"
