"""Signatures of devices, as browsers make them, and written records signed with them."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from recording import written as w


def device_signature(data: bytes) -> tuple[str, str]:
    """A new key's public half and its signature over these bytes, in base64."""
    key = generate_private_key(SECP256R1())
    r, s = decode_dss_signature(key.sign(data, ECDSA(SHA256())))
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return base64.b64encode(spki).decode(), base64.b64encode(raw).decode()


def written_record(sitting_id: str, root: str) -> w.WrittenRecord:
    """A written record of two people: one has signed, one refused."""
    paragraphs = [
        w.Paragraph(id="p1", kind="heading", en="The course of the hearing", zh="庭审过程"),
        w.Paragraph(
            id="p2",
            kind="quote",
            en="A: #let x = 1 *not bold*",
            zh="甲：#let x = 1",
            by="p1",
            at_us=1_790_000_000_000_000,
        ),
    ]
    text = w.text_sha256(sitting_id, 1, paragraphs)
    said = w.statement(sitting_id, "p1", 1, text, root)
    public_key, signature = device_signature(said)
    evidence = w.Evidence(
        statement=said.decode(),
        public_key=public_key,
        signature=signature,
        identified_by="link",
        seat="s1",
        device="tests",
        at_us=1_790_000_100_000_000,
    )
    return w.WrittenRecord(
        version=w.VERSION,
        sitting_id=sitting_id,
        court="Court of Tests",
        court_zh="测试法院",
        case_number="(2026) T 1",
        case_name="A v B",
        case_name_zh="甲诉乙",
        time_zone="Asia/Shanghai",
        draft=1,
        record_root=root,
        text_sha256=text,
        partial=True,
        paragraphs=paragraphs,
        signatures=[
            w.SignatureEntry(
                person_id="p1",
                name="Ann",
                name_zh="安",
                role="judge",
                state="signed",
                at_us=evidence.at_us,
                evidence=evidence,
            ),
            w.SignatureEntry(
                person_id="p2", name="Bo", name_zh="博", role="claimant", state="refused", reason="Not what I said"
            ),
        ],
        corrections=[
            w.CorrectionEntry(
                number=9,
                person_id="p2",
                name="Bo",
                name_zh="博",
                draft=1,
                paragraph="p2",
                text="I said no.",
                at_us=1,
                answer="refused",
                answer_text="The sound says otherwise.",
            )
        ],
        incidents=[w.IncidentEntry(person_id="p1", name="Ann", name_zh="安", at_us=1, text="The disk was full.")],
        made_us=1_790_000_200_000_000,
    )
