"""The web server on a real socket: whose word on the asker is believed."""

from __future__ import annotations

import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hearing_server.processes.web_server import serving
from hearing_server.web.connections import address, over_https


async def who(request: Request) -> Response:
    return JSONResponse([address(request), over_https(request)])


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        ([], "198.51.100.7", ["127.0.0.1", False]),
        (["10.0.0.0/8"], "198.51.100.7", ["127.0.0.1", False]),
        (["127.0.0.1"], "198.51.100.7", ["198.51.100.7", True]),
        (["127.0.0.0/8", "10.0.0.0/8"], "203.0.113.9, 198.51.100.7, 10.1.2.3", ["198.51.100.7", True]),
    ],
)
async def test_only_a_trusted_proxy_says_who_asks(proxies: list[str], forwarded: str, seen: list[object]) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with listening:
        async with (
            serving(Starlette(routes=[Route("/", who)]), [listening], proxies=proxies),
            httpx.AsyncClient() as http,
        ):
            answer = await http.get(url, headers={"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"})
            assert answer.json() == seen
