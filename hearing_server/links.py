"""Personal links and the seats they give (design.md D12).

What a person holds is a link's id, signed, so that a made-up one costs no look in
the database; all else about it is a row there, so that it can be revoked.  Used
on a device, it gives that device a seat, held in an HttpOnly cookie; a second
device takes the seat over from the first.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import BadSignature, URLSafeSerializer

from .court.permissions import Leave, roles_with
from .store import LinkRow, SeatRow, Store

#: Devices that one link may be used on, before it has to be renewed: enough for a person who changes browsers, and
#: too few for a link that goes round.
DEVICE_LIMIT = 10
#: Longest description of a device that is kept, characters.
DEVICE_TEXT_LIMIT = 200
SEAT_TOKEN_BYTES = 32
#: Roles that keep access after the close: their pages lead to the record, or to what they are to sign.
AFTER_THE_CLOSE = roles_with("sign_record", Leave.ALLOWED) | {"staff_host"}


class LinkRefused(Exception):
    """``code``: ``link-unknown``, ``link-expired``, ``link-revoked``, ``link-used-up``, ``seat-unknown``,
    ``seat-displaced`` or ``seat-ended``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Links:
    """``secret``: 32 random bytes that stay with the data; whoever has them can make links."""

    def __init__(self, store: Store, secret: bytes, now: Callable[[], int] = time.time_ns) -> None:
        self._store = store
        self._now = now
        self._secret = secret
        self._signer: URLSafeSerializer = URLSafeSerializer(
            secret, salt="hearing.link", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._public_signer: URLSafeSerializer = URLSafeSerializer(
            secret, salt="hearing.public-link", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def derived_key(self, purpose: bytes) -> bytes:
        """32 bytes for another purpose, from the same secret (RFC 5869)."""
        return HKDF(hashes.SHA256(), length=32, salt=None, info=purpose).derive(self._secret)

    def token(self, link_id: str) -> str:
        """What stands after ``/j/``; the same each time."""
        return self._signer.dumps(link_id)

    def public_token(self, public_id: str) -> str:
        """What stands after ``/g/``: the public link of a hearing."""
        return self._public_signer.dumps(public_id)

    def public_id(self, token: str) -> str:
        """The id in a public link's token.  Raises :class:`LinkRefused`."""
        try:
            return str(self._public_signer.loads(token))
        except BadSignature as error:
            raise LinkRefused("link-unknown") from error

    async def issue(self, person_id: str, *, expires_utc: int, device_limit: int = DEVICE_LIMIT) -> str:
        """A new link of this person, as token."""
        link_id = secrets.token_urlsafe(12)
        await self._store.seats.add_link(
            link_id, person_id, created_utc=self._now(), expires_utc=expires_utc, device_limit=device_limit
        )
        return self.token(link_id)

    async def open(self, token: str) -> LinkRow:
        """The link behind a token, if it can still be used.  Raises :class:`LinkRefused`."""
        try:
            link_id = self._signer.loads(token)
        except BadSignature as error:
            raise LinkRefused("link-unknown") from error
        link = await self._store.seats.link(link_id) if isinstance(link_id, str) else None
        if link is None:
            raise LinkRefused("link-unknown")
        self._check(link)
        if link.person.role not in AFTER_THE_CLOSE:
            facts = await self._store.docket.by_hearing(link.person.hearing_id)
            if facts is not None and facts.state == "closed":
                raise LinkRefused("link-used-up")
        return link

    async def take_seat(self, token: str, device: str, cookie: str | None) -> tuple[SeatRow, str]:
        """Seat this device, in place of any other of the person.  Answers the seat and the cookie to set.

        A device that has sat there before (it still has its cookie) keeps its seat and uses up nothing.
        """
        link = await self.open(token)
        if cookie:
            seat = await self._store.seats.seat(_hash(cookie))
            if seat is not None and seat.link.id == link.id and seat.ended_reason in (None, "displaced", "left"):
                return (
                    seat if seat.ended_reason is None else await self._store.seats.rebind(seat, self._now())
                ), cookie
        fresh = secrets.token_urlsafe(SEAT_TOKEN_BYTES)
        taken = await self._store.seats.bind(
            link, secrets.token_hex(8), _hash(fresh), device[:DEVICE_TEXT_LIMIT], self._now()
        )
        if taken is None:
            raise LinkRefused("link-used-up")
        return taken, fresh

    async def seat(self, cookie: str | None) -> SeatRow:
        """Who holds this cookie.  Raises :class:`LinkRefused` if nobody does, or does no more."""
        seat = await self._store.seats.seat(_hash(cookie)) if cookie else None
        if seat is None:
            raise LinkRefused("seat-unknown")
        if seat.ended_reason is not None:
            codes = {"displaced": "seat-displaced", "revoked": "link-revoked"}
            raise LinkRefused(codes.get(seat.ended_reason, "seat-ended"))
        self._check(seat.link)
        return seat

    async def give_up(self, seat: SeatRow) -> None:
        """The device leaves its seat."""
        await self._store.seats.leave(seat.id, self._now())

    def _check(self, link: LinkRow) -> None:
        if link.revoked_utc is not None:
            raise LinkRefused("link-revoked")
        if link.expires_utc <= self._now():
            raise LinkRefused("link-expired")


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
