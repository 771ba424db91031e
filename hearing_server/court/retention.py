"""For how long a record is kept, by the outcome of its case (C21, E14).  Each court's profile has its own classes.

England: the classes and periods of DARTS (HM Courts & Tribunals).  China: the three periods of the Measures for the
administration of litigation archives (Supreme People's Court and State Archives Administration, 2013), which count from
the year after the case was concluded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

#: For good: as long as a storage can be told in a date of four digits to come.
PERMANENT_YEARS: Final = 99


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """``outcome`` is its name.  ``sentence``: kept to the end of the sentence if that is later.

    ``next_year``: counts from 1 January after the decision.  ``permanent``: never due.
    """

    outcome: str
    years: int
    sentence: bool = False
    next_year: bool = False
    permanent: bool = False

    def until(self, decided: date, sentence_ends: date | None = None) -> date:
        """The last day on which the record must be kept."""
        start = date(decided.year + 1, 1, 1) if self.next_year else decided
        end = years_after(start, self.years)
        return max(end, sentence_ends) if self.sentence and sentence_ends is not None else end


ENGLAND: Final = (
    RetentionClass("not_guilty", 1),
    RetentionClass("non_custodial", 7),
    RetentionClass("custodial", 7, sentence=True),
    RetentionClass("life", PERMANENT_YEARS),
    RetentionClass("civil", 7),
)

CHINA: Final = (
    RetentionClass("short_term", 30, next_year=True),
    RetentionClass("long_term", 60, next_year=True),
    RetentionClass("permanent", PERMANENT_YEARS, next_year=True, permanent=True),
)

CLASSES: Final[dict[str, tuple[RetentionClass, ...]]] = {"demo": ENGLAND, "england": ENGLAND, "china": CHINA}


def retention_class(profile: str, outcome: str) -> RetentionClass | None:
    """The class of this name in a court of this profile."""
    return next((item for item in CLASSES.get(profile, ()) if item.outcome == outcome), None)


def years_after(day: date, years: int) -> date:
    """The same day so many years later; 29 February becomes 1 March where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
