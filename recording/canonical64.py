"""Base64 read strictly: one text for the same bytes (RFC 4648 §3.5).

Python's decoder lets pass what the last letter has beyond the last byte, so an altered letter would go unnoticed.
"""

from __future__ import annotations

import base64


def decode(text: str | bytes, *, padded: bool = True) -> bytes:
    """The bytes of this text, with or without the padding's ``=``.

    Raises :class:`ValueError` for any text but the one that encodes them.
    """
    given = text.encode() if isinstance(text, str) else text
    decoded = base64.b64decode(given if padded else given + b"=" * (-len(given) % 4), validate=True)
    encoded = base64.b64encode(decoded)
    if (encoded if padded else encoded.rstrip(b"=")) != given:
        raise ValueError("not the canonical base64 of any bytes")
    return decoded
