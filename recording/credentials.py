"""Content Credentials (C2PA 2.2) in an exported composite: who made it, of which record, and that it is no original.

Whoever has the file alone can then see where it came from, and that not a byte of it was changed since.
"""

from __future__ import annotations

import json
from pathlib import Path

import c2pa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .documents import DocumentKey
from .playback import Playback

#: The court's own assertion: names of standard ones begin with ``c2pa.``.
ASSERTION = "org.hearing-platform.record"
#: What was made of recorded media by putting it together (IPTC, Digital Source Type).
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/composite"


class CredentialsProblem(Exception):
    """The file could not be given credentials; the text says why."""


def sign_video(path: Path, target: Path, key: DocumentKey, playback: Playback, title: str, authority: str = "") -> None:
    """Write the MP4 with credentials.  ``authority``: of time-stamps, if there is one.

    Raises :class:`CredentialsProblem` or :class:`OSError`.
    """
    manifest = {
        "claim_generator_info": [{"name": "hearing-platform"}],
        "title": title,
        "format": "video/mp4",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": COMPOSITE}]},
            },
            {
                "label": ASSERTION,
                "data": {
                    "sittingId": playback.sitting_id,
                    "manifestSha256": playback.manifest_sha256,
                    "madeFrom": [{"name": entry.name, "sha256": entry.sha256} for entry in playback.media],
                },
            },
        ],
    }
    algorithm, chain = c2pa.C2paSigningAlg.ES256, key.chain_pem.decode()

    def sign(data: bytes) -> bytes:
        """As COSE has it: both numbers, 32 bytes each (RFC 9053 §2.1)."""
        r, s = decode_dss_signature(key.key.sign(data))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    try:
        with (
            c2pa.Signer.from_callback(sign, algorithm, chain, authority or None) as signer,
            c2pa.Builder(json.dumps(manifest)) as builder,
        ):
            builder.sign_file(str(path), str(target), signer)
    except c2pa.C2paError as error:
        raise CredentialsProblem(str(error)) from error


def read_credentials(path: Path) -> tuple[str, dict[str, object]]:
    """``Valid``, ``Trusted`` or ``Invalid``, and the record that the file says it was made of.

    Raises :class:`CredentialsProblem` for a file without any.
    """
    try:
        with c2pa.Reader(str(path)) as reader:
            found = json.loads(reader.json())
            state = str(reader.get_validation_state())
    except c2pa.C2paError as error:
        raise CredentialsProblem(str(error)) from error
    active = found["manifests"][found["active_manifest"]]
    said: dict[str, object] = next(
        (one["data"] for one in active.get("assertions", ()) if one["label"] == ASSERTION), {}
    )
    return state, said
