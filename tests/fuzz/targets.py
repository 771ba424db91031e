"""What is fuzzed of what strangers and clients send: functions of bytes that must not raise, whatever the bytes are.

``test_media.py`` runs them for a few seconds with a fixed seed; ``python -m tests.fuzz.atheris NAME`` without an end,
guided by coverage.  Corpora are in ``corpus/NAME``, one input per file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.requests import Request

from hearing_server.web import ranges
from hearing_server.web.added import _moment
from hearing_server.web.connections import own_cookie
from hearing_server.web.file_names import content_disposition, fit_name
from hearing_server.web.problems import locale_of
from recording import age, checkpoint, cosignature, timestamps
from recording.keys import SigningKey
from recording.merkle import extends
from signaling.sfu import framing, h264, rtcp, rtp, stun, vp8

from .signalling_target import fuzz_signalling

CORPUS = Path(__file__).parent / "corpus"


def fuzz_stun(data: bytes) -> None:
    request = stun.parse_request(data)
    if request is not None:
        assert stun.is_stun(data)
        stun.verify(request, "password")
        assert stun.parse_request(stun.success(request.transaction_id, ("192.0.2.1", 9), "password")) is None


def fuzz_rtp(data: bytes) -> None:
    packet = rtp.parse(data)
    if packet is None:
        return
    assert rtp.HEADER_BYTES <= packet.payload_at <= packet.payload_end <= len(data)
    assert len(packet.payload) == packet.payload_end - packet.payload_at
    for number, value in packet.extensions().items():
        assert 0 < number < 256
        assert len(value) < 256
    original = rtp.unwrap_rtx(packet, 1, 96)
    if original is not None:
        again = rtp.parse(original)
        assert again is not None
        assert again.payload == packet.payload[2:]


def fuzz_rtcp(data: bytes) -> None:
    for report in rtcp.parse(data):
        if isinstance(report, rtcp.Nack):
            assert len(report.sequences) <= rtcp.MAX_NACK_ITEMS
            assert all(0 <= n < 65536 for n in report.sequences)
            (again,) = rtcp.parse(rtcp.nack(1, report.media_ssrc, list(report.sequences)))
            assert isinstance(again, rtcp.Nack)
            assert set(again.sequences) == set(report.sequences)
        elif isinstance(report, rtcp.Remb):
            assert 0 <= report.bitrate < 1 << 82
        elif isinstance(report, rtcp.SenderReport | rtcp.Bye):
            assert report.raw in data


def fuzz_vp8(data: bytes) -> None:
    found = vp8.parse(data, 0, len(data))
    if found is None:
        return
    if found.picture_at >= 0:
        assert found.picture_at + found.long_picture_id < len(data)
        assert 0 <= found.picture_id < 0x8000
    assert found.tl0_at < len(data)
    assert 0 <= found.temporal_layer < 4
    assert not found.keyframe or found.starts_frame


def fuzz_h264(data: bytes) -> None:
    assert h264.starts_keyframe(data, 0, len(data)) in (True, False)
    h264.is_constrained_baseline(data.decode("latin1"))


def fuzz_framing(data: bytes) -> None:
    whole = list(framing.Deframer().feed(data))
    in_pieces = framing.Deframer()
    pieces = [datagram for at in range(0, len(data), 3) for datagram in in_pieces.feed(data[at : at + 3])]
    assert whole == pieces


#: The header fields that the lines of an ``http`` input are, after the query.
FIELDS = (b"range", b"if-range", b"if-none-match", b"accept-language", b"cookie")
SIZE = 1000


def fuzz_http(data: bytes) -> None:
    """What is read of a request besides its JSON: the first line is the query, the others are header fields."""
    query, *lines = data.split(b"\n")
    headers = list(zip(FIELDS, lines, strict=False))
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": query, "headers": headers})
    try:
        wanted = ranges.parse(request.headers.get("range"), SIZE)
    except ranges.RangeNotSatisfiable:
        wanted = None
    assert wanted is None or 0 <= wanted.start < wanted.end <= SIZE
    etag = '"00"'
    assert ranges.applies(request.headers.get("if-range"), etag) in (True, False)
    assert ranges.matches(request.headers.get("if-none-match"), etag) in (True, False)
    assert locale_of(request) in ("en", "zh-CN")
    assert own_cookie(request) is None or isinstance(own_cookie(request), str)
    for value in request.query_params.values():
        assert _moment(value) >= 0
        header = content_disposition(fit_name(value))
        assert header.isascii()
        assert header.isprintable()


#: To whom the stored input of ``age`` is encrypted.
IDENTITY = age.Identity.parse((CORPUS / "age.key").read_text())


def fuzz_age(data: bytes) -> None:
    try:
        plain = age.decrypt(data, [IDENTITY])
    except age.AgeProblem:
        return
    # Whatever opens is what was sealed: nothing of it can be altered.
    assert plain == b"every word of the record"


LOG_KEY, COSIGNER_KEY = (SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2))
COSIGNER = cosignature.Cosigner("witness.example", COSIGNER_KEY.public)
HEAD = checkpoint.Checkpoint("court.example/records", 5, b"\5" * checkpoint.HASH_BYTES)
COSIGNED_S = 1_800_000_000
STAMPED = b"a manifest"


def fuzz_witness(data: bytes) -> None:
    """What witnesses outside the court are sent, and answer: heads of the log, cosignatures, time-stamps."""
    notes = [data]
    with contextlib.suppress(cosignature.SubmissionProblem):
        submission = cosignature.read_submission(data)
        assert cosignature.write_submission(submission) == data
        notes.append(submission.note)
        extends(submission.old_size, HEAD.root, HEAD.size, HEAD.root, submission.proof)
    for note in notes:
        with contextlib.suppress(checkpoint.CheckpointProblem):
            assert all(isinstance(name, str) for name in cosignature.signers(note))
            for found in cosignature.cosignatures(note, [COSIGNER]):
                assert (found.name, found.time.timestamp()) == (COSIGNER.name, COSIGNED_S)
            checkpoint.read(note, None)
            assert checkpoint.read(note, LOG_KEY.public) == HEAD
    with contextlib.suppress(timestamps.StampProblem):
        timestamps.check(data, STAMPED)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "stun": fuzz_stun,
    "rtp": fuzz_rtp,
    "rtcp": fuzz_rtcp,
    "vp8": fuzz_vp8,
    "h264": fuzz_h264,
    "framing": fuzz_framing,
    "signalling": fuzz_signalling,
    "http": fuzz_http,
    "age": fuzz_age,
    "witness": fuzz_witness,
}


def corpus(name: str) -> list[bytes]:
    """The stored inputs of a target, in the order of their names."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
