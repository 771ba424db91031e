"""Where browsers find a relay, and what lets them use it for a while.

coturn's ``use-auth-secret``: it and this server share a secret, and neither keeps accounts.  The user name is the time
at which it ends, s since 1970, and who uses it; the password is a keyed hash of that (the draft "A REST API For Access
To TURN Services", §2.2).  The relay looks at the time when an allocation is made, so a hearing may last longer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from .ortc import IceServer

#: RFC 7065 §3.1: the two schemes, and what may stand behind ``?transport=``.
SCHEMES = ("turn", "turns")
TRANSPORTS = ("udp", "tcp")
#: A browser asks each server of its list; more than some make it slow.
MAX_URLS = 8
DEFAULT_LIFETIME_S = 3600


@dataclass(frozen=True, slots=True)
class TurnServers:
    """``urls``: all ways to the one relay (or to relays that share the secret); ``lifetime_s``: of a credential."""

    urls: tuple[str, ...]
    secret: str = field(repr=False)
    lifetime_s: int = DEFAULT_LIFETIME_S

    def ice_servers(self, person_id: str, now_s: float) -> list[IceServer]:
        """For ``RTCConfiguration.iceServers`` of this person; ``now_s``: s since 1970."""
        username = f"{int(now_s) + self.lifetime_s}:{person_id}"
        digest = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1).digest()
        return [IceServer(urls=list(self.urls), username=username, credential=base64.b64encode(digest).decode())]


def is_turn_url(text: str) -> bool:
    """Whether browsers take this for the address of a relay: ``turn:host:3478?transport=udp`` (RFC 7065 §3.1)."""
    scheme, colon, rest = text.partition(":")
    host_and_port, mark, query = rest.partition("?")
    host, port = _split_port(host_and_port)
    asked = parse_qs(query, keep_blank_values=True)
    return (
        scheme in SCHEMES
        and bool(colon)
        and bool(host)
        and not any(character in host for character in "/@ ")
        and (not port or (port.isascii() and port.isdigit() and 0 < int(port) < 65536))
        and (not mark or (set(asked) == {"transport"} and asked["transport"][0] in TRANSPORTS))
    )


def _split_port(text: str) -> tuple[str, str]:
    """Host and port of ``host:port``, ``host``, ``[v6]:port`` or ``[v6]``; an empty host if it is none of these."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        return (host, rest[1:]) if bracket and rest[:1] in ("", ":") and rest != ":" else ("", "")
    host, colon, port = text.partition(":")
    return (host, port) if not colon or port else ("", "")
