"""Merkle trees of RFC 6962 §2.1 (RFC 9162 §2.1): roots, and proofs that anybody can check.

A tree is given by the hashes of its leaves (:func:`leaf_hash`), in order.  All hashes are 32 bytes of SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

HASH_BYTES = 32
#: Proofs of trees below 2^64 leaves are never longer.
MAX_PROOF_HASHES = 64
#: Leaves whose hashes are stored together, as transparency logs on the web have it.
TILE_LEAVES = 256

#: MTH({}) of RFC 6962 §2.1.
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds ``data``."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the full subtrees that a growing tree consists of: enough for its root, a few hashes in size."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def append(self, node: bytes, level: int = 0) -> None:
        """Add the hash of one more leaf, or the root of a full subtree of 2^level leaves.

        Raises :class:`ValueError` where no such subtree begins.
        """
        if self.size & ((1 << level) - 1):
            raise ValueError(level)
        self._roots.append(node)
        self.size += 1 << level
        full = self.size >> level
        while not full & 1:
            right = self._roots.pop()
            self._roots[-1] = node_hash(self._roots[-1], right)
            full >>= 1

    def root(self) -> bytes:
        if not self._roots:
            return EMPTY_ROOT
        result = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            result = node_hash(left, result)
        return result


def root(leaves: Sequence[bytes]) -> bytes:
    """The root of the tree with these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Tree:
    """A growing tree that keeps all its leaves, 32 bytes each, and makes proofs.

    The roots of its full tiles are kept too, so that a proof in a tree of a million leaves costs some thousand hashes.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._leaves = bytearray()
        self._tile = Frontier()
        self._tile_roots: list[bytes] = []
        for leaf in leaves:
            self.append(leaf)

    def __len__(self) -> int:
        return len(self._leaves) // HASH_BYTES

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        self._leaves += leaf
        self._tile.append(leaf)
        if self._tile.size == TILE_LEAVES:
            self._tile_roots.append(self._tile.root())
            self._tile = Frontier()

    def tile(self, number: int) -> bytes:
        """The leaf hashes of a full tile, one after the other."""
        return bytes(self._leaves[number * TILE_LEAVES * HASH_BYTES : (number + 1) * TILE_LEAVES * HASH_BYTES])

    def find(self, leaf: bytes) -> int | None:
        """The number of the first leaf with this hash."""
        at = self._leaves.find(leaf)
        while at >= 0 and at % HASH_BYTES:
            at = self._leaves.find(leaf, at + 1)
        return at // HASH_BYTES if at >= 0 else None

    def root(self, size: int | None = None) -> bytes:
        """The root of the tree that the first ``size`` leaves are."""
        return self._subtree(0, len(self) if size is None else size)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Why leaf ``index`` is in the tree of ``size`` leaves (RFC 6962 §2.1.1).  Raises :class:`IndexError`."""
        low, high = 0, len(self) if size is None else size
        if not 0 <= index < high <= len(self):
            raise IndexError(index)
        proof: list[bytes] = []
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                proof.append(self._subtree(middle, high))
                high = middle
            else:
                proof.append(self._subtree(low, middle))
                low = middle
        return proof[::-1]

    def consistency_proof(self, old_size: int, size: int | None = None) -> list[bytes]:
        """Why the tree of ``old_size`` leaves is the beginning of that of ``size`` (RFC 6962 §2.1.2).

        Raises :class:`IndexError` if there are fewer leaves, or for an empty beginning.
        """
        low, high, whole = 0, len(self) if size is None else size, True
        if not 0 < old_size <= high <= len(self):
            raise IndexError(old_size)
        proof: list[bytes] = []
        while old_size != high:
            middle = low + _split(high - low)
            if old_size <= middle:
                proof.append(self._subtree(middle, high))
                high = middle
            else:
                proof.append(self._subtree(low, middle))
                low, whole = middle, False
        if not whole:
            proof.append(self._subtree(low, high))
        return proof[::-1]

    def _subtree(self, low: int, high: int) -> bytes:
        """The root over these leaves.  Ranges above a tile begin at a tile: splits are at powers of two."""
        frontier = Frontier()
        if high - low <= TILE_LEAVES:
            for at in range(low * HASH_BYTES, high * HASH_BYTES, HASH_BYTES):
                frontier.append(bytes(self._leaves[at : at + HASH_BYTES]))
            return frontier.root()
        first, full = low // TILE_LEAVES, high // TILE_LEAVES
        for tile_root in self._tile_roots[first:full]:
            frontier.append(tile_root)
        if high % TILE_LEAVES:
            frontier.append(self._subtree(full * TILE_LEAVES, high))
        return frontier.root()


def includes(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether the proof shows that the leaf is number ``index`` of the tree of ``size`` leaves (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size or len(proof) > MAX_PROOF_HASHES:
        return False
    number, last, result = index, size - 1, leaf
    for hash_ in proof:
        if not last:
            return False
        if number & 1 or number == last:
            result = node_hash(hash_, result)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            result = node_hash(result, hash_)
        number, last = number >> 1, last >> 1
    return not last and result == expected_root


def extends(old_size: int, old_root: bytes, size: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the larger tree begins with the smaller one (RFC 9162 §2.1.4.2)."""
    if not 0 < old_size <= size or len(proof) > MAX_PROOF_HASHES:
        return False
    if old_size == size:
        return not proof and old_root == new_root
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    number, last = old_size - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = path[0]
    for hash_ in path[1:]:
        if not last:
            return False
        if number & 1 or number == last:
            old, new = node_hash(hash_, old), node_hash(hash_, new)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, hash_)
        number, last = number >> 1, last >> 1
    return not last and old == old_root and new == new_root


def _split(size: int) -> int:
    """The largest power of two below ``size`` (above 1)."""
    return 1 << (size - 1).bit_length() - 1
