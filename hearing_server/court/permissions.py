"""Who may do what: the table of hearing-model.md §6 as data, the single source for the room and for the web.

The rows of :mod:`.tables` name a verb, and take their roles from here; the web
asks :func:`leave` for what concerns the record and the court as a whole.  Three
roles belong to a court and not to a sitting: the records custodian, the auditor
and the administrator; they are plain names here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .states import Role


class Leave(StrEnum):
    """``deputy``: in place of a presiding judge who is not there; ``grant``: with the judge's grant; ``request``: may
    ask somebody who may."""

    ALLOWED = "allowed"
    DEPUTY = "deputy"
    GRANT = "grant"
    REQUEST = "request"
    NEVER = "never"


CUSTODIAN: Final = "records_custodian"
AUDITOR: Final = "auditor"
ADMINISTRATOR: Final = "administrator"
#: All columns of the table, in its order.
COLUMNS: Final = (*(role.value for role in Role), CUSTODIAN, AUDITOR, ADMINISTRATOR)

_SHORT: Final = {"+": Leave.ALLOWED, "d": Leave.DEPUTY, "o": Leave.GRANT, "?": Leave.REQUEST, "-": Leave.NEVER}

#: Verb to one sign per column: judge, panel, staff host, clerk, lawyer, claimant, respondent, witness, expert,
#: interpreter, guest, observer, technician, records custodian, auditor, administrator.  ``+`` allowed, ``d`` a deputy,
#: ``o`` with grant, ``?`` may request.
_TABLE: Final = {
    # --- the room -----------------------------------------------------------
    "sit": "+do --- --- --- - ---",
    "suspend": "+o+ ?-- --- --- ? ---",
    "curtain": "+oo --- --- --- - ---",
    "close_doors": "+o- --- --- --- - ---",
    "remove": "+o- --- --- --- - ---",
    "call": "+-+ o-- --- --- - ---",
    "mute": "+-+ o-- --- --- - ---",
    "floor": "+-+ --- --- --- - ---",
    "grant": "+-- --- --- --- - ---",
    "agenda": "+-- +-- --- --- - ---",
    "rule": "+-- --- --- --- - ---",
    "object": "+++ +++ +-- --- - ---",
    "speak": "+++ +++ +++ ++- - ---",
    "publish": "+++ +++ +++ +o- - ---",
    "share": "+o+ +oo ooo --- - ---",
    "consult": "--- -++ +++ +-- - ---",
    "invited": "--+ +++ +-- ++- - ---",
    "bench_room": "++- --- --- --- - ---",
    "come_in": "+++ +++ +-- --- - ---",
    "raise_hand": "-+- -++ +++ ++- - ---",
    "chat_to_staff": "+++ +++ +++ ++- + ---",
    "note": "+++ +-- --- --- - ---",
    "restrict": "+-- +-- --- --- - ---",
    "public": "+-- --- --- --- - ---",
    "announce_stream": "+-- +-- --- --- - ---",
    "stream": "+o- --- --- --- - ---",
    "object_to_stream": "--- -++ +++ +-- - ---",
    "interrupt_record": "+-- ?-- --- --- - ---",
    "incident": "+-- --- --- --- - ---",
    "identity_check": "--+ +-- --- --- - ---",
    "identity_challenge": "+++ +++ +-- --- - ---",
    "in_person": "+-- --- --- --- - ---",
    "ask_consent": "+-+ +-- --- --- - ---",
    "consent": "--- -++ +++ +-- - ---",
    "assign_mix": "+-+ +-- --- --- - ---",
    "leaving": "+-+ +-- --- --- - ---",
    "people": "+-+ +-- --- --- - ---",
    "tasks": "--+ +-- --- --- + ---",
    "duress": "+++ +++ +++ +++ - ---",
    # --- the record and the court -------------------------------------------
    "roster": "+++ +++ +++ +++ + ---",
    "sign_record": "++- +++ +++ +-- - ---",
    "circulate": "+-- +-- --- --- - ---",
    "listen": "+++ +oo o-- --+ - +--",
    "metadata": "+++ +-- --- --- - ++-",
    "read_log": "+++ +-- --- --- - ++-",
    "download": "o-- ooo o-- --- - +--",
    "add_recording": "--- +-- --- --- - +--",
    "share_record": "+-- +-- --- --- - +--",
    "seal_span": "+-- ??? ?-- --- - +--",
    "hide": "--- --- --- --- - +--",
    "mark_for_deletion": "--- --- --- --- - +--",
    "approve_deletion": "--- --- --- --- - +--",
    "retention": "?-- --- --- --- - +--",
    "ledger": "+-- +++ +-- --- - ++-",
    "configure": "--- --- --- --- + --+",
    # --- the diary ------------------------------------------------------------
    "book": "--- +-- --- --- - ---",
    "add_booked": "--+ +-- --- --- - ---",
    "cancel": "+-- +-- --- --- - ---",
    "convert": "+-- --- --- --- - ---",
}

#: How far a right about records reaches, where it is not the whole court's: verb to (role to scope).
SCOPES: Final[dict[str, dict[str, str]]] = {
    "listen": {
        **dict.fromkeys(("judge", "panel", "lawyer", "claimant", "respondent"), "own_case"),
        **dict.fromkeys(("staff_host", "clerk"), "own_court"),
        "observer": "published",
    },
    "download": {
        "clerk": "order_reference",
        CUSTODIAN: "order_reference",
        **dict.fromkeys(("judge", "lawyer", "claimant", "respondent"), "own_case"),
    },
    "share_record": {"judge": "own_case", "clerk": "own_court"},
    "sign_record": {"witness": "own_evidence", "expert": "own_evidence", "interpreter": "own_interpretation"},
    "ledger": {
        "judge": "own_case",
        "clerk": "own_court",
        **dict.fromkeys(("lawyer", "claimant", "respondent"), "own_case"),
    },
    "retention": {CUSTODIAN: "order_reference"},
    "seal_span": {"clerk": "prepare", CUSTODIAN: "apply"},
    "roster": {
        "witness": "own_side",
        "expert": "own_side",
        "guest": "limited",
        "observer": "role_labels",
    },
    "approve_deletion": {CUSTODIAN: "another_person_than_marked"},
}


def _read(signs: str) -> dict[str, Leave]:
    leaves = [_SHORT[sign] for sign in signs if sign != " "]
    return dict(zip(COLUMNS, leaves, strict=True))


PERMISSIONS: Final[dict[str, dict[str, Leave]]] = {verb: _read(signs) for verb, signs in _TABLE.items()}


def leave(verb: str, role: str) -> Leave:
    """What this role (of a sitting or of the court) may do of this verb; ``never`` for a role or verb unknown."""
    return PERMISSIONS.get(verb, {}).get(role, Leave.NEVER)


def roles_with(verb: str, *leaves: Leave) -> frozenset[str]:
    """The roles that have one of these leaves."""
    return frozenset(role for role, given in PERMISSIONS[verb].items() if given in leaves)


def scope(verb: str, role: str) -> str:
    """How far the right reaches; empty for all of the court."""
    return SCOPES.get(verb, {}).get(role, "")


#: Verbs that the judge may grant to a person of some role.
GRANTABLE: Final = frozenset(verb for verb, row in PERMISSIONS.items() if Leave.GRANT in row.values()) - {
    "listen",
    "download",
} | {"consult_in_session"}

#: What each role may send while it is in the hearing room (§6, publish).  A screen needs the share right as well.
PUBLISH: Final[dict[Role, tuple[str, ...]]] = {
    role: (
        ()
        if leave("publish", role) is Leave.NEVER
        else ("microphone", "camera")
        if leave("share", role) is Leave.NEVER
        else ("microphone", "camera", "screen")
    )
    for role in Role
}

#: Who is told what the check-in of the others said, and the quality of their lines.
SEES_CHECKS: Final = frozenset({Role.JUDGE, Role.STAFF_HOST, Role.CLERK, Role.TECHNICIAN})
#: Whose roster holds roles in place of names (§6, see roster names).
SEES_ROLES_ONLY: Final = frozenset({Role.OBSERVER})
#: Who knows nothing of the others, save the bench, before being brought in.
ISOLATED_UNTIL_CALLED: Final = frozenset({Role.WITNESS, Role.EXPERT, Role.GUEST, Role.OBSERVER})
