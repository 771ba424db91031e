"""Error answers: a stable code and a sentence in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from ..api import Problem
from ..refusals import Locale, sentence

LANGUAGE_COOKIE = "lang"
#: Entries of Accept-Language that are looked at.
LANGUAGE_LIMIT = 20

#: The HTTP status of each code that is not 400.
STATUS = {
    "seat-unknown": 401,
    "seat-displaced": 401,
    "seat-ended": 401,
    "sign-in-needed": 401,
    "sign-in-refused": 401,
    "passkey-refused": 401,
    "password-must-change": 403,
    "share-proof-needed": 401,
    "share-code-wrong": 403,
    "share-expired": 410,
    "share-revoked": 410,
    "share-code-soon": 429,
    "share-codes-used-up": 429,
    "mail-missing": 409,
    "too-many-shares": 409,
    "password-wrong": 403,
    "observers-not-allowed": 403,
    "not-allowed": 403,
    "not-presiding": 403,
    "needs-grant": 403,
    "origin-refused": 403,
    "link-unknown": 404,
    "not-found": 404,
    "record-missing": 404,
    "method-not-allowed": 405,
    "account-exists": 409,
    "conflict": 409,
    "booking-state": 409,
    "hearing-not-closed": 409,
    "custody-destroyed": 409,
    "custody-not-closed": 409,
    "record-hidden": 403,
    "record-withheld": 403,
    "written-withheld": 403,
    "level-many": 409,
    "level-decided": 409,
    "level-lifted": 409,
    "level-nothing": 409,
    "record-destroyed": 410,
    "transcript-state": 409,
    "artefact-state": 409,
    "retention-runs": 409,
    "retention-shorter": 409,
    "legal-hold": 409,
    "same-person": 403,
    "signature-state": 409,
    "text-changed": 409,
    "day-begun": 409,
    "last-administrator": 409,
    "recording-fixed": 409,
    "exhibit-shown": 409,
    "too-late": 409,
    "too-many-exhibits": 409,
    "added-already": 409,
    "added-withheld": 403,
    "too-many-added": 409,
    "too-many-documents": 409,
    "too-many-passkeys": 409,
    "record-not-ready": 409,
    "link-expired": 410,
    "link-revoked": 410,
    "link-used-up": 410,
    "too-large": 413,
    "exhibit-unfit": 415,
    "file-empty": 415,
    "added-unfit": 415,
    "picture-unreadable": 415,
    "range-refused": 416,
    "too-many": 429,
    "uploads-own": 429,
    "unexpected": 500,
    "provider-refused": 502,
    "provider-unreachable": 502,
    "busy": 503,
    "uploads-many": 503,
    "disk-short": 503,
    "client-missing": 503,
    "test-running": 409,
    "no-media-worker": 503,
    "recorder-unavailable": 503,
    "record-unavailable": 503,
    "store-failed": 503,
    "store-full": 503,
    "store-not-writable": 503,
    "store-schema": 503,
    "store-unreachable": 503,
}


class BrokenOff(Exception):
    """What is being given out may not be had any more: the connection ends before the answer does.  ``args``: the code
    of why."""


class ProblemError(Exception):
    """Answer this problem.  ``headers`` are added to the answer."""

    def __init__(self, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.headers = headers


class Json(Response):
    """A msgspec struct, or plain values, as JSON."""

    media_type = "application/json"

    def __init__(self, content: object, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(msgspec.json.encode(content), status_code, headers)


def problem(code: str, locale: str, headers: Mapping[str, str] | None = None) -> Response:
    fields = {"Content-Language": locale, **(headers or {})}
    return Json(Problem(code=code, message=sentence(code, locale)), STATUS.get(code, 400), fields)


def locale_of(connection: HTTPConnection) -> Locale:
    """``?lang``, then the cookie, then Accept-Language (RFC 9110 §12.5.4), then English."""
    for chosen in (connection.query_params.get("lang"), connection.cookies.get(LANGUAGE_COOKIE)):
        if chosen:
            return _supported(chosen) or "en"
    return _negotiated(connection.headers.get("accept-language", ""))


def _negotiated(field: str) -> Locale:
    best: tuple[float, Locale] = (0.0, "en")
    for entry in field.split(",")[:LANGUAGE_LIMIT]:
        tag, _, weight = entry.partition(";")
        locale = _supported(tag.strip())
        quality = _quality(weight)
        if locale is not None and quality > best[0]:
            best = (quality, locale)
    return best[1]


def _supported(tag: str) -> Locale | None:
    primary = tag.lower().replace("_", "-").partition("-")[0]
    return {"zh": "zh-CN", "en": "en"}.get(primary)  # type: ignore[return-value]


def _quality(weight: str) -> float:
    name, equals, value = weight.strip().partition("=")
    if not equals or name.strip().lower() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0
