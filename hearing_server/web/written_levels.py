"""What of a written record is withheld from a reader: the paragraphs of the withheld time, and the signed document.

Signed words cannot be shortened: whoever may not have all of them reads an extract, marked as such, in which the
withheld paragraphs are their hashes only, and does not get the document (record.md E10, C18).
"""

from __future__ import annotations

from dataclasses import dataclass

from recording import written as w

from .. import api
from ..court.levels import AROUND_NS, Audience, Span, within
from ..hearings.levels import LevelFile, LevelOffice
from ..written import WrittenView
from .access import Ask
from .callers import STAFF

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Extract:
    """``spans``: what is withheld from this reader; none: they read all of it."""

    file: LevelFile
    spans: tuple[Span, ...]

    def hides(self, paragraph: w.Paragraph) -> bool:
        """Whether it is of withheld time; what is of no time, as who attended, is not."""
        return bool(paragraph.at_us) and within(self.spans, paragraph.at_us * 1000, AROUND_NS)

    def shows(self, correction: w.CorrectionEntry, view: WrittenView) -> bool:
        """Whether what somebody asked for is of a paragraph that is shown; nobody knows what the others are of."""
        if not self.spans:
            return True
        shown = {one.id for one in view.paragraphs if not self.hides(one)}
        return correction.draft == view.sitting.draft and correction.paragraph in shown

    def told(self) -> list[api.WrittenWithheld]:
        """Under which orders, and who decided when."""
        found = []
        for span in self.spans:
            row = self.file.row(span)
            found.append(
                api.WrittenWithheld(
                    order=span.order, by=row.name, by_zh=row.name_zh or row.name, decided_at=row.utc / NS
                )
            )
        return found


async def extract_for(ask: Ask, office: LevelOffice) -> Extract:
    """The court's own people read what is confidential; what is sealed is read by whoever opened it under an order."""
    file = await office.file(ask.hearing)
    audience = Audience.COURT if ask.roles & STAFF else Audience.OUTSIDE
    return Extract(file, file.withheld(audience, ask.caller.id))
