"""Of which class a device is that somebody takes part by: part of where a track in the record comes from (E6).

Only the class and the browser's family are kept: the rest of the User-Agent (RFC 9110 §10.1.5) says more of a person
than the record needs.  What a device says of itself may be untrue: a tablet of Apple's calls itself a computer.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Device(NamedTuple):
    """``kind``: phone, tablet, computer or program; empty where it says nothing."""

    kind: str
    browser: str


#: Marks by which browsers tell themselves apart, the more special one first: each also names those it descends from.
_BROWSERS: Final = (
    ("SamsungBrowser/", "Samsung Internet"),
    ("EdgiOS/", "Edge"),
    ("EdgA/", "Edge"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
)
_PHONES: Final = ("iPhone", "iPod", "Mobile")
_TABLETS: Final = ("iPad", "Tablet", "Android")
_COMPUTERS: Final = ("Windows", "Macintosh", "X11", "CrOS", "Linux")


def of(user_agent: str) -> Device:
    """What the header says."""
    if not user_agent:
        return Device("", "")
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    # A tablet with Apple's browser says Mobile, too; one with Android does not.
    if "iPad" not in user_agent and any(mark in user_agent for mark in _PHONES):
        return Device("phone", browser)
    for kind, marks in (("tablet", _TABLETS), ("computer", _COMPUTERS)):
        if any(mark in user_agent for mark in marks):
            return Device(kind, browser)
    return Device("program", browser)
