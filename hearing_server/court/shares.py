"""Names that follow from a share of a record: of its person's address, its films, and the mark in the picture."""

from __future__ import annotations

FILM_PREFIX = "share-"


def film_kind(share_id: str) -> str:
    """The kind of the jobs that make films for this share."""
    return f"{FILM_PREFIX}{share_id}"


def masked(email: str) -> str:
    """Enough of an address to know it again: its first letter and its domain."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}\u2026@{domain}"


def mark_of(name: str, email: str, number: str) -> str:
    """What stands in the picture: who, part of their address, and what leads back to the ledger."""
    return f"{name} \u00b7 {masked(email)} \u00b7 {number}"
