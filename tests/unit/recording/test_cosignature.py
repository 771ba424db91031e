"""Cosignatures: their form, and a cosigner that signs nothing but a log that only grows."""

from __future__ import annotations

import base64
import hashlib
import struct
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from recording import checkpoint, cosignature, merkle
from recording.checkpoint import Checkpoint, CheckpointProblem
from recording.cosignature import (
    Cosigner,
    Submission,
    SubmissionProblem,
    cosign,
    cosignatures,
    cosigner_key,
    parse_cosigner,
    read_submission,
    signers,
    write_submission,
)
from recording.cosigning import SIZE_TYPE, Cosigning, Heads
from recording.keys import SigningKey

COURT = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
BAR = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
ORIGIN, NAME = "court.example/records", "bar.example/cosigner"
CLOCK_S = 1_679_315_147
TRUSTED = Cosigner(NAME, BAR.public)


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(b"record %d" % number) for number in range(count)]


def note(size: int, key: SigningKey = COURT, origin: str = ORIGIN) -> bytes:
    return checkpoint.sign(Checkpoint(origin, size, merkle.root(leaves(size))), key)


def submission(old: int, size: int) -> bytes:
    proof = merkle.Tree(leaves(size)).consistency_proof(old) if old else []
    return write_submission(Submission(old, proof, note(size)))


@pytest.fixture
def cosigning(tmp_path: Path) -> Cosigning:
    return Cosigning(NAME, BAR, {ORIGIN: COURT.public}, Heads(tmp_path / "heads"))


def test_the_line_is_as_cosigners_write_it() -> None:
    head = note(7)
    line = cosign(head, NAME, BAR, CLOCK_S).decode()
    dash, name, encoded = line.split(" ")
    raw = base64.b64decode(encoded)
    public = base64.b64decode(cosigner_key(NAME, BAR.public).rpartition("+")[2])
    assert (dash, name, line[-1], public[:1]) == ("\u2014", NAME, "\n", b"\x04")
    assert raw[:4] == hashlib.sha256(f"{NAME}\n".encode() + public).digest()[:4]
    assert struct.unpack(">Q", raw[4:12]) == (CLOCK_S,)
    text = head.partition(b"\n\n")[0] + b"\n"
    assert BAR.public.verifies(b"cosignature/v1\ntime 1679315147\n" + text, raw[12:])


def test_only_those_that_hold_and_are_trusted_count() -> None:
    head = note(7)
    signed = head + cosign(head, NAME, BAR, CLOCK_S)
    assert [(found.name, found.time) for found in cosignatures(signed, [TRUSTED])] == [
        (NAME, datetime.fromtimestamp(CLOCK_S, UTC))
    ]
    assert cosignatures(signed, [Cosigner(NAME, COURT.public)]) == []
    assert cosignatures(signed, [Cosigner("other.example", BAR.public)]) == []
    assert cosignatures(note(8) + cosign(head, NAME, BAR, CLOCK_S), [TRUSTED]) == []
    assert cosignatures(head, [TRUSTED]) == []
    assert signers(signed) == [NAME]
    assert signers(head) == []
    assert checkpoint.read(signed, COURT.public).size == 7, "the log's own signature is still found"


@given(st.binary(max_size=90))
def test_nothing_that_is_under_a_head_is_believed(raw: bytes) -> None:
    key_id = checkpoint.key_hash(NAME, BAR.public, cosignature.ALGORITHM)
    assert cosignatures(note(3) + checkpoint.signature_line(NAME, key_id, raw), [TRUSTED]) == []


def test_keys_are_told_and_read_back() -> None:
    text = cosigner_key(NAME, BAR.public)
    assert parse_cosigner(f" {text} https://bar.example/cosign/ ") == Cosigner(
        NAME, BAR.public, "https://bar.example/cosign"
    )
    assert parse_cosigner(text) == TRUSTED
    for wrong in ("", "name", text[:-4], text.replace("bar", "bax"), checkpoint.verifier_key(NAME, BAR.public)):
        with pytest.raises(ValueError):
            parse_cosigner(wrong)


@given(st.integers(0, 2**40), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_submission_is_read_as_it_was_written(old: int, proof: list[bytes]) -> None:
    given_ = Submission(old, proof, note(2))
    assert read_submission(write_submission(given_)) == given_


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda noise: b"old 1\n" + noise + b"\n\n" + note(1)))
def test_any_bytes_are_a_submission_or_are_refused(body: bytes) -> None:
    try:
        found = read_submission(body)
    except SubmissionProblem:
        return
    assert write_submission(found) == body


@pytest.mark.parametrize(
    "body", [b"old 01\n\n", b"old -1\n\n", b"old \n\n", b"new 1\n\n", b"old 1", b"old 1\nAAAA\n\n"]
)
def test_what_is_no_submission(body: bytes) -> None:
    with pytest.raises(SubmissionProblem):
        read_submission(body)


def test_a_log_that_grows_is_cosigned_and_remembered(cosigning: Cosigning, tmp_path: Path) -> None:
    for old, size in ((0, 3), (3, 3), (3, 300), (300, 301)):
        answer = cosigning.add_checkpoint(submission(old, size), CLOCK_S)
        assert answer.status == HTTPStatus.OK
        assert cosignatures(note(size) + answer.body, [TRUSTED])
    # Another run on the same folder knows what was seen.
    again = Cosigning(NAME, BAR, {ORIGIN: COURT.public}, Heads(tmp_path / "heads"))
    answer = again.add_checkpoint(submission(0, 400), CLOCK_S)
    assert (answer.status, answer.body, answer.media_type) == (HTTPStatus.CONFLICT, b"301\n", SIZE_TYPE)


def test_nothing_else_is_cosigned(cosigning: Cosigning, tmp_path: Path) -> None:
    assert cosigning.add_checkpoint(submission(0, 5), CLOCK_S).status == HTTPStatus.OK
    other_log = merkle.Tree([merkle.leaf_hash(b"changed"), *leaves(9)[1:]])
    forked = checkpoint.sign(Checkpoint(ORIGIN, 9, other_log.root()), COURT)
    same_size = checkpoint.sign(Checkpoint(ORIGIN, 5, other_log.root(5)), COURT)
    wrong = {
        b"": HTTPStatus.BAD_REQUEST,
        b"old 5\n\nnothing\n": HTTPStatus.BAD_REQUEST,
        submission(0, 5).replace(b"old 0", b"old 6"): HTTPStatus.BAD_REQUEST,
        write_submission(Submission(5, [], note(9, origin="other.example"))): HTTPStatus.NOT_FOUND,
        write_submission(Submission(5, [], note(9, BAR))): HTTPStatus.FORBIDDEN,
        submission(4, 9): HTTPStatus.CONFLICT,
        write_submission(Submission(5, [], same_size)): HTTPStatus.CONFLICT,
        write_submission(Submission(5, other_log.consistency_proof(5), forked)): HTTPStatus.UNPROCESSABLE_ENTITY,
        write_submission(Submission(5, [], note(9))): HTTPStatus.UNPROCESSABLE_ENTITY,
    }
    for body, status in wrong.items():
        assert cosigning.add_checkpoint(body, CLOCK_S).status == status, body
    assert Heads(tmp_path / "heads").newest(ORIGIN, COURT.public).size == 5


def test_a_head_on_disk_that_was_changed_is_noticed(cosigning: Cosigning, tmp_path: Path) -> None:
    assert cosigning.add_checkpoint(submission(0, 5), CLOCK_S).status == HTTPStatus.OK
    (path,) = (tmp_path / "heads").iterdir()
    path.write_bytes(path.read_bytes().replace(b"\n5\n", b"\n4\n"))
    with pytest.raises(CheckpointProblem):
        cosigning.add_checkpoint(submission(4, 6), CLOCK_S)
