"""What a client's frames are worth: bounds, order and silence of one socket.  Pure: frames and ``now`` in."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from . import messages
from .messages import FRAME_LIMIT_BYTES, PENDING_LIMIT, PING_S, PROTOCOL_VERSION, REQUESTS_PER_S

#: A client may be this many requests ahead of its average rate: a page that joins sends about 20 at once.
BURST_REQUESTS = 2 * REQUESTS_PER_S
#: Refused frames that a client may send before it is cut off, regained at one per second.
OFFENCES_LIMIT = 100
#: A client that says nothing for this long is away, s.
SILENCE_LIMIT_S = 3 * PING_S
#: Close codes (RFC 6455 §7.4.1; 4000 and above are private use).
CLOSE_MISUSE = 1008
CLOSE_TOO_LARGE = 1009
CLOSE_SILENT = 4408

UNREADABLE_ID = -1


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with this code; ``request_id`` is -1 if the frame could not be read."""

    request_id: int
    code: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the socket: the client does not keep to the protocol at all."""

    close_code: int
    reason: str


class _Bucket:
    """Allows ``burst`` at once and ``per_s`` on average."""

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._level = burst
        self._now = now

    def take(self, now: float) -> bool:
        self._level = min(self._burst, self._level + (now - self._now) * self._per_s)
        self._now = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True


class _Envelope(msgspec.Struct):
    """What can be read of a request that is not one."""

    id: int = UNREADABLE_ID


_envelope_decoder = msgspec.json.Decoder(_Envelope)


class Gate:
    """One socket's.  ``now``: seconds on a clock that does not go back."""

    def __init__(self, now: float) -> None:
        self.joined = False
        self._pending: set[int] = set()
        self._joining = False
        self._heard = now
        self._requests = _Bucket(REQUESTS_PER_S, BURST_REQUESTS, now)
        self._offences = _Bucket(1.0, OFFENCES_LIMIT, now)

    def take(self, frame: str | bytes, now: float) -> messages.AnyRequest | Refuse | Cut:
        """Judge one frame.  For each request that comes out :meth:`answered` must be called."""
        self._heard = now
        verdict = self._judge(frame, now)
        if isinstance(verdict, Refuse) and not self._offences.take(now):
            return Cut(CLOSE_MISUSE, "too many messages that cannot be taken")
        return verdict

    def answered(self, request: messages.AnyRequest, *, ok: bool) -> None:
        self._pending.discard(request.id)
        if isinstance(request, messages.Join):
            self._joining = False
            self.joined = ok

    def silence_left_s(self, now: float) -> float:
        """How long the client may still say nothing; 0 if it is away."""
        return max(0.0, self._heard + SILENCE_LIMIT_S - now)

    def _judge(self, frame: str | bytes, now: float) -> messages.AnyRequest | Refuse | Cut:
        if isinstance(frame, bytes):
            return Refuse(UNREADABLE_ID, "bad-message")
        # A character has at least one byte, so that a huge frame is not encoded first.
        if len(frame) > FRAME_LIMIT_BYTES or len(data := frame.encode(errors="replace")) > FRAME_LIMIT_BYTES:
            return Cut(CLOSE_TOO_LARGE, "the message is too large")
        try:
            request = messages.request_decoder.decode(data)
        except (msgspec.DecodeError, RecursionError):
            return Refuse(_readable_id(data), "bad-message")
        if not self._requests.take(now):
            return Refuse(request.id, "too-fast")
        if request.id in self._pending:
            return Refuse(request.id, "duplicate-id")
        if len(self._pending) >= PENDING_LIMIT:
            return Refuse(request.id, "too-many-pending")
        if isinstance(request, messages.Join):
            if self.joined or self._joining:
                return Refuse(request.id, "already-joined")
            if request.protocol != PROTOCOL_VERSION:
                return Refuse(request.id, "protocol-version")
            self._joining = True
        elif not self.joined and not isinstance(request, messages.Ping):
            return Refuse(request.id, "join-first")
        self._pending.add(request.id)
        return request


def _readable_id(data: bytes) -> int:
    try:
        return _envelope_decoder.decode(data).id
    except (msgspec.DecodeError, RecursionError):
        return UNREADABLE_ID
