"""Exhibits."""

from __future__ import annotations

from ..api.shapes import Struct
from .shapes import ExhibitKind, Side


class ExhibitRow(Struct):
    """``pages`` of a document, else 0; page n, from 1, is at ``…/exhibits/{exhibitId}/pages/{n}``, as PNG."""

    exhibit_id: str
    number: int
    title: str
    file_name: str
    kind: ExhibitKind
    media_type: str
    bytes: int
    sha256: str
    pages: int
    side: Side
    uploaded_by: str
    uploaded_by_name: str
    uploaded_by_name_zh: str
    uploaded_at: float
    #: When it was first shown to the room; from then on everybody in the hearing may open it.
    shown_at: float | None
    may_delete: bool
    url: str
