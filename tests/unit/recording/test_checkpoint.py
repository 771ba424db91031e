"""Signed heads of the log: the text form, and every way to get it wrong."""

from __future__ import annotations

import base64
import contextlib
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from recording import checkpoint
from recording.checkpoint import Checkpoint, CheckpointProblem
from recording.keys import SigningKey

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
HEAD = Checkpoint("court.example/records", 1234, hashlib.sha256(b"root").digest())


def test_what_was_signed_is_read() -> None:
    note = checkpoint.sign(HEAD, KEY)
    lines = note.decode().splitlines()
    assert lines[:2] == ["court.example/records", "1234"]
    assert base64.b64decode(lines[2]) == HEAD.root
    assert lines[3] == ""
    assert lines[4].startswith("\u2014 court.example/records ")
    assert checkpoint.read(note, KEY.public) == HEAD
    assert checkpoint.sign(HEAD, KEY) == note


def test_the_key_is_told_as_log_tools_want_it() -> None:
    name, key_hash, encoded = checkpoint.verifier_key(HEAD.origin, KEY.public).split("+", 2)
    key = base64.b64decode(encoded)
    assert (name, key[:1]) == (HEAD.origin, b"\x01")
    assert bytes.fromhex(key_hash) == hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    note = checkpoint.sign(HEAD, KEY).decode()
    assert base64.b64decode(note.split()[-1])[:4] == bytes.fromhex(key_hash)


def test_a_witness_may_sign_too() -> None:
    note = checkpoint.sign(HEAD, KEY)
    text = note.split(b"\n\n")[0]
    witnessed = note + "\u2014 witness.example AAAAAA==\n\u2014 garbage\n".encode()
    assert checkpoint.read(witnessed, KEY.public) == HEAD
    assert checkpoint.read(text + b"\n\n", None) == HEAD


@pytest.mark.parametrize("at", range(0, 220, 3))
def test_no_byte_of_it_can_be_changed(at: int) -> None:
    note = bytearray(checkpoint.sign(HEAD, KEY))
    at %= len(note) - 1  # the last line may lack its end
    note[at] ^= 1
    with pytest.raises(CheckpointProblem):
        checkpoint.read(bytes(note), KEY.public)


def test_another_key_did_not_sign_it() -> None:
    with pytest.raises(CheckpointProblem):
        checkpoint.read(checkpoint.sign(HEAD, OTHER), KEY.public)


@given(st.binary(max_size=400))
def test_whatever_is_read_nothing_else_is_raised(data: bytes) -> None:
    for note in (data, data + checkpoint.sign(HEAD, KEY), b"a\n1\n" + base64.b64encode(bytes(32)) + b"\n\n" + data):
        with contextlib.suppress(CheckpointProblem):
            checkpoint.read(note, KEY.public)
    with pytest.raises(CheckpointProblem):
        checkpoint.read(data, KEY.public)
