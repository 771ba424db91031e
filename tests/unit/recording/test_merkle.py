"""Merkle trees, against the published definition and against every way to get a proof wrong."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recording import merkle


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 §2.1 words it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = by_definition(leaves[:split]), by_definition(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree(size: int) -> list[bytes]:
    return [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


def test_roots_known_from_other_implementations() -> None:
    """The vectors that the first implementation of RFC 6962 was tested with."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [merkle.leaf_hash(bytes.fromhex(text)) for text in inputs]
    assert leaves[0].hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.root(leaves[:2]).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert merkle.root(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("size", range(20))
def test_root_is_the_definition(size: int) -> None:
    assert merkle.root(tree(size)) == by_definition(tree(size))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 13, 32, 33])
def test_every_leaf_is_shown_to_be_included(size: int) -> None:
    leaves = tree(size)
    root = merkle.root(leaves)
    for index, leaf in enumerate(leaves):
        proof = merkle.Tree(leaves).inclusion_proof(index)
        assert merkle.includes(leaf, index, size, proof, root)
        assert not merkle.includes(merkle.leaf_hash(b"another"), index, size, proof, root)
        assert not merkle.includes(leaf, index, size, [*proof, root], root)
        if proof:
            assert not merkle.includes(leaf, index, size, proof[1:], root)
            assert not merkle.includes(leaf, (index + 1) % size, size, proof, root)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7, 8, 9, 21, 32])
def test_every_beginning_is_shown_to_be_one(size: int) -> None:
    leaves = tree(size)
    root = merkle.root(leaves)
    for old_size in range(1, size + 1):
        old_root = merkle.root(leaves[:old_size])
        proof = merkle.Tree(leaves).consistency_proof(old_size)
        assert merkle.extends(old_size, old_root, size, root, proof)
        assert not merkle.extends(old_size, merkle.leaf_hash(b"forged"), size, root, proof)
        assert not merkle.extends(old_size, old_root, size, merkle.leaf_hash(b"forged"), proof)
        assert not merkle.extends(old_size, old_root, size, root, [*proof, root])


@given(st.integers(1, 300), st.data())
def test_a_changed_history_has_no_proof(size: int, data: st.DataObject) -> None:
    leaves = tree(size)
    changed = data.draw(st.integers(0, size - 1))
    forged = [*leaves]
    forged[changed] = merkle.leaf_hash(b"forged")
    old_size = data.draw(st.integers(changed + 1, size))
    proof = merkle.Tree(forged).consistency_proof(old_size)
    assert not merkle.extends(old_size, merkle.root(leaves[:old_size]), size, merkle.root(forged), proof)


@given(st.integers(0, 300))
def test_a_frontier_grows_as_the_tree(size: int) -> None:
    frontier = merkle.Frontier()
    for leaf in tree(size):
        frontier.append(leaf)
    assert (frontier.size, frontier.root()) == (size, merkle.root(tree(size)))


@pytest.mark.parametrize("size", [0, -1, 6])
def test_there_is_no_proof_of_what_is_not_there(size: int) -> None:
    with pytest.raises(IndexError):
        merkle.Tree(tree(5)).consistency_proof(size)
    with pytest.raises(IndexError):
        merkle.Tree(tree(5)).inclusion_proof(size if size else 5)


@given(st.integers(-3, 9), st.integers(-3, 9), st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_nonsense_is_refused_and_never_raises(index: int, size: int, proof: list[bytes]) -> None:
    assert not merkle.includes(bytes(32), index, size, proof, bytes(32)) or (size == 1 and not proof)
    assert not merkle.extends(index, bytes(32), size, b"\1" * 32, proof)


@pytest.mark.parametrize("size", [255, 256, 257, 512, 700, 1024, 1100])
def test_a_tree_of_several_tiles_is_the_same_tree(size: int) -> None:
    leaves = tree(size)
    grown = merkle.Tree(leaves)
    assert grown.root() == merkle.root(leaves)
    for old_size in (1, 200, 255, 256, 257, 511, 512, size):
        if old_size <= size:
            assert grown.root(old_size) == merkle.root(leaves[:old_size])
            proof = grown.consistency_proof(old_size)
            assert merkle.extends(old_size, grown.root(old_size), size, grown.root(), proof)
    for index in (0, 17, 254, 255, 256, size - 1):
        if index < size:
            assert merkle.includes(leaves[index], index, size, grown.inclusion_proof(index), grown.root())


def test_a_leaf_is_found_where_it_begins() -> None:
    leaves = tree(300)
    grown = merkle.Tree(leaves)
    assert grown.find(leaves[299]) == 299
    assert grown.find(leaves[3][16:] + leaves[4][:16]) is None
    assert grown.tile(0) == b"".join(leaves[:256])
