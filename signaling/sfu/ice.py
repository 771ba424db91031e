"""ICE-lite for one transport, without I/O (RFC 8445 §2.5, §7.3; consent: RFC 7675).

The peer does the checking; we answer, remember which of its addresses proved that they know a password of ours, and
send to the one it nominated.  After a restart both the old and the new credentials are good, because media and checks
of the old path still arrive while the new one is being checked.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from . import stun
from .clock import NS_PER_S

#: Addresses of one peer we keep (a phone has Wi-Fi and mobile, each with IPv4 and IPv6).
MAX_PATHS = 8
#: Old and new.
MAX_CREDENTIALS = 2
#: Checks remembered, so that one that was overheard moves nothing when it is repeated from elsewhere.  A browser sends
#: less than one in a second; until then its own next check has put right what an older repeat has moved.
MAX_TRANSACTIONS = 64
#: Without an authentic packet for this long the peer is gone.  Browsers check each 2.5 s, aioice each 4-6 s.
CONSENT_S = 10.0
#: A path that is not the chosen one is forgotten when it was not checked for this long (RFC 7675 §5.1: consent expires
#: after 30 s), and so long after the first check with new credentials the old ones are.
FORGET_S = 30.0
UFRAG_BYTES = 6
PASSWORD_BYTES = 18


#: A way to one address of the peer: whatever the driver sends to.
P = TypeVar("P", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Credentials:
    ufrag: str
    password: str


@dataclass(frozen=True, slots=True)
class Reply(Generic[P]):
    """What to send back, and what the request changed."""

    datagram: bytes
    authentic: bool
    nominated: bool = False
    """The sending path changed."""
    forgotten: P | None = None
    """A path that had to make room."""


def new_credentials() -> Credentials:
    """24 random bits are required of the fragment and 128 of the password (RFC 8445 §5.3); these have 48 and 144."""
    return Credentials(secrets.token_hex(UFRAG_BYTES), secrets.token_urlsafe(PASSWORD_BYTES))


class IceLite(Generic[P]):
    """Proven paths, the chosen one among them, and whether the peer still consents."""

    def __init__(self, now_ns: int) -> None:
        self.credentials = [new_credentials()]
        self.paths: dict[P, int] = {}
        """Proven paths and when each was last proven, ns."""
        self.selected: P | None = None
        self.heard_ns = now_ns
        self._nominated = False
        self._transactions: dict[bytes, P] = {}
        """Recent checks and where they came from."""
        self._renewed_ns: int | None = None
        """When the newest credentials were first used, while there are older ones."""

    @property
    def local(self) -> Credentials:
        """The credentials to hand out now."""
        return self.credentials[-1]

    def restart(self) -> Credentials | None:
        """Make new credentials; returns those that are no longer good, if any."""
        self.credentials.append(new_credentials())
        self._renewed_ns = None
        return self.credentials.pop(0) if len(self.credentials) > MAX_CREDENTIALS else None

    def on_request(
        self, request: stun.BindingRequest, path: P, source: tuple[str, int], now_ns: int
    ) -> Reply[P] | None:
        """Answer a check that names one of our fragments.

        ``None`` if its sender does not know the password, repeats another's check, or would get more than it sent.
        """
        ufrag = request.username.partition(":")[0]
        password = next((c.password for c in self.credentials if c.ufrag == ufrag), None)
        if password is None or not stun.verify(request, password):
            return None
        if request.controlled:
            conflict = stun.error(request.transaction_id, stun.ROLE_CONFLICT, "Role Conflict", password)
            return Reply(conflict, authentic=False) if len(conflict) <= request.size else None
        answer = stun.success(request.transaction_id, source, password)
        if len(answer) > request.size or self._transactions.get(request.transaction_id, path) != path:
            return None
        self._transactions[request.transaction_id] = path
        if len(self._transactions) > MAX_TRANSACTIONS:
            del self._transactions[next(iter(self._transactions))]
        self.heard_ns = now_ns
        anew = self._renewed_ns is None and len(self.credentials) > 1 and ufrag == self.local.ufrag
        if anew:
            self._renewed_ns = now_ns
        forgotten = self._remember(path, now_ns)
        nominated = False
        # The first path of a restart is as good as that of the beginning: who restarts has lost the old one, and a
        # browser may take seconds to nominate.
        if request.use_candidate or anew or not self._nominated:
            self._nominated = self._nominated or request.use_candidate
            nominated = self.selected != path
            self.selected = path
        return Reply(answer, authentic=True, nominated=nominated, forgotten=forgotten)

    def forget(self, path: P) -> None:
        """The path is closed (a TCP connection ended)."""
        self.paths.pop(path, None)
        if self.selected == path:
            self._nominated = False
            self.selected = max(self.paths, key=self.paths.__getitem__, default=None)

    def forget_old(self, now_ns: int) -> tuple[list[P], list[Credentials]]:
        """Paths that the peer has left, and credentials that it has replaced: nothing of them is good any more."""
        before_ns = now_ns - int(FORGET_S * NS_PER_S)
        paths = [path for path, proven_ns in self.paths.items() if proven_ns < before_ns and path != self.selected]
        for path in paths:
            del self.paths[path]
        credentials: list[Credentials] = []
        if self._renewed_ns is not None and self._renewed_ns < before_ns:
            credentials, self.credentials = self.credentials[:-1], self.credentials[-1:]
            self._renewed_ns = None
        return paths, credentials

    def expired(self, now_ns: int) -> bool:
        return now_ns - self.heard_ns > CONSENT_S * NS_PER_S

    def _remember(self, path: P, now_ns: int) -> P | None:
        self.paths[path] = now_ns
        if len(self.paths) <= MAX_PATHS:
            return None
        oldest = min((p for p in self.paths if p not in (path, self.selected)), key=self.paths.__getitem__)
        del self.paths[oldest]
        return oldest
