"""The initials that stand in a film where a person's picture is not."""

from __future__ import annotations

import pytest

from recording.plates import initials


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("M. Adeyemi", "MA"),
        ("Ostrava Freight, by P. Novák", "ON"),
        ("\u738b\u5c0f\u660e", "\u738b"),
        ("łukasz żak", "ŁŻ"),
        ("[x]", "x"),
        ("17", ""),
    ],
)
def test_initials_of_a_name(name: str, found: str) -> None:
    assert initials(name) == found
