"""Who asks: a seat in a hearing, a signed-in account, or the person of a share; and what they are, where.

A judge's role is for their own hearings, the roles of the court's staff for all of the court's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..court import Leave, Role
from ..court.permissions import roles_with
from ..store import HearingFacts, SeatRow
from ..store.accounts import SessionRow
from ..store.shares import ShareRow

EVERYBODY: Final = frozenset(role.value for role in Role)
#: The archive: who may listen to a recording, judges to those of their own hearings, the others to their court's;
#: observers have what is published, which is elsewhere.
STAFF: Final = roles_with("listen", Leave.ALLOWED) - {Role.OBSERVER.value}
#: Who hands out links, and books.
CLERK: Final = frozenset({"clerk"})
#: Who looks after people on the day.
DESK: Final = frozenset({"clerk", "staff_host"})
BENCH: Final = frozenset({"judge", "panel"})
#: Roles of accounts, each for the whole of a court but the judge's, which is for their own hearings.
ACCOUNT_ROLES: Final = frozenset(
    {"judge", "staff_host", "clerk", "technician", "records_custodian", "auditor", "administrator"}
)
#: A seat of these is for the business of the whole court, and not of one hearing.
COURT_WIDE: Final = frozenset({"clerk", "staff_host", "technician"})
#: Stands where a role would for the person of a share; no table gives it anything.
SHARED: Final = "shared"


@dataclass(frozen=True, slots=True)
class SeatCaller:
    """A seat, and the hearing it belongs to."""

    seat: SeatRow
    facts: HearingFacts

    @property
    def id(self) -> str:
        return self.seat.person.id

    @property
    def name(self) -> str:
        return self.seat.person.name

    @property
    def name_zh(self) -> str:
        return self.seat.person.name_zh

    @property
    def device(self) -> str:
        return self.seat.id

    @property
    def courts(self) -> frozenset[str]:
        """Courts whose business is theirs beyond one hearing."""
        return frozenset({self.facts.court.id}) if self.seat.person.role in COURT_WIDE else frozenset()

    @property
    def user_name(self) -> str | None:
        """Who they are across hearings."""
        return self.seat.person.account

    def roles(self, court_id: str | None = None) -> frozenset[str]:
        """What they are, in this court or anywhere."""
        here = court_id is None or court_id == self.facts.court.id
        return frozenset({self.seat.person.role}) if here else frozenset()

    def roles_for(self, facts: HearingFacts) -> frozenset[str]:
        """What they are in this hearing; nothing if it is no business of theirs."""
        person = self.seat.person
        own = facts.hearing_id == self.facts.hearing_id
        court = facts.court.id == self.facts.court.id and person.role in COURT_WIDE
        judges = person.role == Role.JUDGE and person.account is not None and facts.judge.account == person.account
        return frozenset({person.role}) if own or court or judges else frozenset()


@dataclass(frozen=True, slots=True)
class AccountCaller:
    """Somebody who has signed in."""

    session: SessionRow

    @property
    def id(self) -> str:
        return self.session.account.id

    @property
    def name(self) -> str:
        return self.session.account.name

    @property
    def name_zh(self) -> str:
        return self.session.account.name_zh

    @property
    def device(self) -> str:
        return self.session.id

    @property
    def courts(self) -> frozenset[str]:
        return frozenset(court for court, roles in self.session.account.roles.items() if roles - {"judge"})

    @property
    def user_name(self) -> str | None:
        return self.session.account.user_name

    def roles(self, court_id: str | None = None) -> frozenset[str]:
        """What they are, in this court or anywhere."""
        if court_id is not None:
            return self.session.account.roles_in(court_id)
        return frozenset().union(*self.session.account.roles.values())

    def roles_for(self, facts: HearingFacts) -> frozenset[str]:
        """What they are in this hearing; nothing if it is no business of theirs."""
        roles = self.session.account.roles_in(facts.court.id)
        if "judge" not in roles:
            return roles
        mine = {person.role for person in facts.people if person.account == self.user_name}
        return (roles - {"judge"}) | (BENCH & mine)


@dataclass(frozen=True, slots=True)
class ShareCaller:
    """Somebody to whom one record was opened: no role in any court, and nothing but what the share says."""

    share: ShareRow

    @property
    def id(self) -> str:
        return self.share.id

    @property
    def name(self) -> str:
        return self.share.name

    @property
    def name_zh(self) -> str:
        return self.share.name

    @property
    def device(self) -> str:
        return self.share.session_hash[:16]

    @property
    def courts(self) -> frozenset[str]:
        return frozenset()

    @property
    def user_name(self) -> str | None:
        return None

    def roles(self, court_id: str | None = None) -> frozenset[str]:
        """None that the law knows."""
        return frozenset({SHARED})

    def roles_for(self, facts: HearingFacts) -> frozenset[str]:
        """None that the law knows, in this hearing and no other."""
        return frozenset({SHARED}) if facts.hearing_id == self.share.hearing_id else frozenset()


Caller = SeatCaller | AccountCaller | ShareCaller
