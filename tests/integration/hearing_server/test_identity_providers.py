"""Signing in at an identity provider: a real one, small, on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from webauthn.helpers import bytes_to_base64url

from hearing_server.oidc import Providers, ProviderSettings, read_providers
from tests.unit.hearing_server.web.conftest import ORIGIN, Site

CLIENT, SECRET = "hearing", "client secret"


@dataclass
class IdentityProvider:
    """Signs everybody in as ``subject`` at once; ``claims`` are added to, or take the place of, what it says."""

    issuer: str
    subject: str = "u-1"
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    signer: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    down: bool = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
            ]
        )

    async def discovery(self, request: Request) -> Response:
        if self.down:
            return Response(status_code=503)
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        assert query["client_id"] == CLIENT
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe()
        self.codes[code] = query
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}", 302)

    async def token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        begun = self.codes.pop(form["code"][0], None)
        challenge = bytes_to_base64url(hashlib.sha256(form["code_verifier"][0].encode()).digest())
        told = httpx.BasicAuth(CLIENT, SECRET)._auth_header
        if (
            begun is None
            or begun["code_challenge"] != challenge
            or begun["redirect_uri"] != form["redirect_uri"][0]
            or request.headers.get("authorization") != told
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": self.subject,
            "iat": now,
            "exp": now + 300,
            "nonce": begun["nonce"],
            **self.claims,
        }
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.signer or self.key)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    made = IdentityProvider(f"http://127.0.0.1:{listening.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(made.app(), log_config=None, lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield made
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def at(site: Site, provider: IdentityProvider, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser before a court that takes this provider's word for its staff."""
    fields = {"id": "id", "name": "Court staff", "name_zh": "法院工作人员", "account_type": "staff", **changes}
    settings = ProviderSettings(issuer=provider.issuer, client_id=CLIENT, client_secret=SECRET, **fields)
    providers = Providers([settings])
    site.build(providers=providers)
    try:
        async with site.client() as client:
            yield client
    finally:
        await providers.aclose()


async def go(client: httpx.AsyncClient, to: str = "/staff?x=1") -> httpx.Response:
    """Follow the browser there and back; the answer is the court's last."""
    begun = await client.get("/api/sign-in/oidc/id", params={"to": to})
    if begun.headers["location"].startswith("/"):
        return begun
    async with httpx.AsyncClient(trust_env=False) as browser:
        back = (await browser.get(begun.headers["location"])).headers["location"]
    assert back.startswith(f"{ORIGIN}/api/sign-in/oidc/id/callback?")
    return await client.get(back)


async def add(site: Site, role: str = "clerk", subject: str = "u-1") -> None:
    await site.accounts.add(
        "r.santos", name="R. Santos", roles={"northgate": frozenset({role})}, provider="id", subject=subject
    )


async def test_who_the_provider_vouches_for_is_signed_in(site: Site, provider: IdentityProvider) -> None:
    await add(site)
    async with at(site, provider) as client:
        (shown,) = (await client.get("/api/sign-in")).json()["providers"]
        assert shown == {"providerId": "id", "name": "Court staff", "nameZh": "法院工作人员", "accountType": "staff"}
        answer = await go(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/staff?x=1")
        account = (await client.get("/api/account")).json()
        assert (account["user"], account["hasPassword"]) == ("r.santos", False)


@pytest.mark.parametrize("to", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:1", ""])
async def test_it_comes_back_to_our_own_pages_only(site: Site, provider: IdentityProvider, to: str) -> None:
    await add(site)
    async with at(site, provider) as client:
        assert (await go(client, to)).headers["location"] == "/staff"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://elsewhere.test"}, "provider-refused"),
        ({"aud": "another"}, "provider-refused"),
        ({"azp": "another", "aud": [CLIENT, "another"]}, "provider-refused"),
        ({"exp": 1_000_000}, "provider-refused"),
        ({"nonce": "of another sign-in"}, "provider-refused"),
        ({"sub": ""}, "provider-refused"),
        ({"sub": "u-2"}, "account-unknown"),
    ],
)
async def test_what_cannot_be_believed_signs_nobody_in(
    site: Site, provider: IdentityProvider, claims: dict[str, Any], code: str
) -> None:
    await add(site)
    provider.claims = claims
    async with at(site, provider) as client:
        assert (await go(client)).headers["location"] == f"/staff?problem={code}"
        assert (await client.get("/api/account")).status_code == 401


async def test_another_key_is_believed_only_once_the_provider_publishes_it(
    site: Site, provider: IdentityProvider
) -> None:
    await add(site)
    async with at(site, provider) as client:
        assert (await go(client)).headers["location"] == "/staff?x=1"
        provider.signer = RSAKey.generate_key(2048, {"kid": "k1"})
        assert (await go(client)).headers["location"] == "/staff?problem=provider-refused"
        provider.key = provider.signer
        assert (await go(client)).headers["location"] == "/staff?x=1"


async def test_the_way_back_is_for_the_browser_that_went_and_for_once(site: Site, provider: IdentityProvider) -> None:
    await add(site)
    async with at(site, provider) as client, site.client() as other:
        begun = await client.get("/api/sign-in/oidc/id")
        async with httpx.AsyncClient(trust_env=False) as browser:
            back = (await browser.get(begun.headers["location"])).headers["location"]
        assert (await other.get(back)).headers["location"] == "/staff?problem=sign-in-expired"
        cookie = client.cookies["sign-in"]
        assert (await client.get(back)).headers["location"] == "/staff"
        client.cookies.set("sign-in", cookie, domain="court.test", path="/api")
        assert (await client.get(back)).headers["location"] == "/staff?problem=sign-in-expired"
        refused = await go(client)
        assert refused.headers["location"] == "/staff?x=1"
        parts = urlsplit(back)
        assert (await client.get(f"{parts.path}?error=access_denied")).headers["location"].startswith("/staff?problem=")


@pytest.mark.parametrize(("kind", "role", "let_in"), [("staff", "judge", False), ("judiciary", "judge", True)])
async def test_a_provider_vouches_for_its_own_kind_only(
    site: Site, provider: IdentityProvider, kind: str, role: str, let_in: bool
) -> None:
    await add(site, role)
    async with at(site, provider, account_type=kind) as client:
        await go(client)
        assert ((await client.get("/api/account")).status_code == 200) == let_in


async def test_a_provider_that_does_not_answer(site: Site, provider: IdentityProvider) -> None:
    provider.down = True
    async with at(site, provider) as client:
        assert (await go(client)).headers["location"] == "/staff?problem=provider-unreachable"
        assert (await client.get("/api/sign-in/oidc/none")).status_code == 404


def test_the_file_of_providers(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    good = (
        '[[provider]]\nid = "a"\nname = "A"\nname_zh = "甲"\naccount_type = "judiciary"\n'
        'issuer = "https://id.court.example"\nclient_id = "c"\n'
    )
    path.write_text(good, encoding="utf-8")
    assert [provider.claim for provider in read_providers(path)] == ["sub"]
    for bad in (good.replace("https", "http"), good + good, good.replace("judiciary", "kings"), good + 'x = "y"\n'):
        path.write_text(bad, encoding="utf-8")
        with pytest.raises(ValueError):
            read_providers(path)
