"""One text for the same bytes."""

from __future__ import annotations

import base64
import os

import pytest

from recording.canonical64 import decode

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


@pytest.mark.parametrize("length", range(1, 6))
def test_every_other_last_letter_is_refused_or_other_bytes(length: int) -> None:
    data = os.urandom(length)
    text = base64.b64encode(data).decode()
    assert decode(text) == decode(text.encode()) == decode(text.rstrip("="), padded=False) == data
    at = len(text.rstrip("=")) - 1
    for letter in _ALPHABET.replace(text[at], ""):
        altered = text[:at] + letter + text[at + 1 :]
        try:
            assert decode(altered) != data
        except ValueError:
            continue


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QR==", "Q Q=", "QQ==\n", "QQ==QQ==", "é", "=", "\ud800"])
def test_what_no_encoder_writes_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)
