"""``/openapi.json``, made from the route table and the msgspec types, so that it cannot be stale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from .. import api
from .access import Endpoint
from .connections import ACCOUNT_COOKIE, SEAT_COOKIE

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_REFERENCE = "#/components/schemas/{name}"
#: Types that travel on the socket: in the document so that clients can be generated from it.
SOCKET_TYPES = (api.HearingView,)

SECURITY = {"seat": ("seat",), "account": ("account",), "either": ("seat", "account")}


def document(endpoints: Sequence[Endpoint], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 description of these endpoints."""
    types = [kind for row in endpoints for kind in (row.body, row.answer) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, api.Problem, *SOCKET_TYPES], ref_template=_REFERENCE)
    described = dict(zip(map(repr, types), schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for row in endpoints:
        path = _PARAMETER.sub(lambda match: "{" + match.group(1) + "}", row.path)
        paths.setdefault(path, {})[row.method.lower()] = _operation(row, described)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hearing server",
            "version": version,
            "description": "Sockets, media and the meaning of each field: docs/protocol.md.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "seat": {"type": "apiKey", "in": "cookie", "name": SEAT_COOKIE},
                "account": {"type": "apiKey", "in": "cookie", "name": ACCOUNT_COOKIE},
            },
        },
    }


def _operation(row: Endpoint, described: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/json": {"schema": {"$ref": _REFERENCE.format(name="Problem")}}}
    answer: dict[str, Any] = {"description": row.summary}
    if row.answer is not None:
        answer["content"] = {"application/json": {"schema": described[repr(row.answer)]}}
    elif row.status not in (204, 303):
        answer["content"] = {row.media_type: {"schema": {"type": "string", "format": "binary"}}}
    operation: dict[str, Any] = {
        "operationId": row.name,
        "summary": row.summary,
        "security": [] if row.who is None else [{name: []} for name in SECURITY[row.by]],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(row.path)
        ],
        "responses": {str(row.status): answer, "default": {"description": "A problem.", "content": problem}},
    }
    if row.who is not None:
        operation["x-roles"] = sorted(row.who)
    if row.ledgered:
        operation["x-ledger"] = True
    if row.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": described[repr(row.body)]}},
        }
    return operation
