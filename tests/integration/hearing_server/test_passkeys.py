"""Passkeys: a real browser with an authenticator of its own (WebDriver's, over the DevTools protocol)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from playwright.async_api import CDPSession, Page, async_playwright

from hearing_server.accounts import Place, SignInRefused
from tests.unit.hearing_server.web.conftest import Site

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"
PASSWORD = "correct horse battery staple"

#: What a page does: asks the server what to ask the browser, asks it, and hands the answer back.
ASK = """async ([kind, path, extra]) => {
  const post = async (path, body) => {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return [answer.status, await answer.json()];
  };
  const [status, options] = await post(`${path}/options`);
  if (status !== 200) return [status, options];
  const credential = kind === "create"
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  const answer = { ...extra, credential: credential.toJSON() };
  const first = await post(path, answer);
  return extra.twice ? [...first, ...(await post(path, answer))] : first;
}"""


@pytest.fixture
async def address(site: Site) -> AsyncIterator[str]:
    """The court's pages on a port of its own."""
    await site.accounts.add("r.santos", name="R. Santos", roles={"northgate": frozenset({"clerk"})}, password=PASSWORD)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(site.app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://localhost:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def page(address: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await (await browser.new_context()).new_page()
        await page.goto(address)
        yield page
        await browser.close()


async def authenticator(page: Page, *, verifies: bool = True) -> tuple[CDPSession, str]:
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verifies,
        "automaticPresenceSimulation": True,
    }
    made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


async def ask(page: Page, kind: str, path: str, **extra: Any) -> list[Any]:
    answer: list[Any] = await page.evaluate(ASK, [kind, path, extra])
    return answer


async def sign_in(page: Page) -> None:
    script = """async ([user, password]) => (await fetch("/api/sign-in/password", {
        method: "POST", body: JSON.stringify({ user, password }) })).status"""
    assert await page.evaluate(script, ["r.santos", PASSWORD]) == 200


async def get(page: Page, path: str, method: str = "GET") -> Any:
    script = "async ([path, method]) => { const a = await fetch(path, { method }); return [a.status, await a.text()] }"
    return await page.evaluate(script, [path, method])


async def test_a_passkey_is_kept_used_and_forgotten(site: Site, page: Page) -> None:
    session, key = await authenticator(page)
    await sign_in(page)
    status, passkey = await ask(page, "create", "/api/account/passkeys", name="Work laptop")
    assert (status, passkey["name"], passkey["usedAt"]) == (201, "Work laptop", None)
    held = (await session.send("WebAuthn.getCredentials", {"authenticatorId": key}))["credentials"]
    assert [credential["rpId"] for credential in held] == ["localhost"]

    await get(page, "/api/account/session", "DELETE")
    assert (await get(page, "/api/account"))[0] == 401
    status, account = await ask(page, "get", "/api/sign-in/passkey")
    assert (status, account["user"], account["passkeys"]) == (200, "r.santos", 1)
    assert (await get(page, "/api/account"))[0] == 200
    (row,) = await site.court.store.accounts.passkeys(account["accountId"])
    assert row.used_utc is not None

    assert (await get(page, f"/api/account/passkeys/{passkey['passkeyId']}", "DELETE"))[0] == 204
    assert (await get(page, f"/api/account/passkeys/{passkey['passkeyId']}", "DELETE"))[0] == 404
    status, refused = await ask(page, "get", "/api/sign-in/passkey")
    assert (status, refused["code"]) == (401, "passkey-refused")


async def test_an_answer_counts_once(page: Page) -> None:
    await authenticator(page)
    await sign_in(page)
    first, _, second, refused = await ask(page, "create", "/api/account/passkeys", name="Key", twice=True)
    assert (first, second, refused["code"]) == (201, 401, "passkey-refused")
    first, _, second, refused = await ask(page, "get", "/api/sign-in/passkey", twice=True)
    assert (first, second, refused["code"]) == (200, 401, "passkey-refused")


async def test_a_key_that_does_not_know_its_owner_is_not_taken(site: Site, page: Page) -> None:
    """Without a PIN or a finger, who holds the device could sign in."""
    session, key = await authenticator(page)
    await sign_in(page)
    await ask(page, "create", "/api/account/passkeys", name="Key")
    await session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
    with pytest.raises(Exception, match="NotAllowedError"):
        await ask(page, "get", "/api/sign-in/passkey")


async def test_a_disabled_accounts_passkey_opens_nothing(site: Site, page: Page) -> None:
    await authenticator(page)
    await sign_in(page)
    await ask(page, "create", "/api/account/passkeys", name="Key")
    account = await site.court.store.accounts.by_user("r.santos")
    assert account is not None
    await site.court.store.accounts.disable(account.id, site.court.clock.now)
    status, refused = await ask(page, "get", "/api/sign-in/passkey")
    assert (status, refused["code"]) == (401, "passkey-refused")


async def test_an_answer_given_to_another_site_is_refused(site: Site, page: Page) -> None:
    """As if a look-alike had the browser's answer and passed it on."""
    await authenticator(page)
    await sign_in(page)
    script = """async () => {
      const answer = await fetch("/api/account/passkeys/options", { method: "POST" });
      const options = PublicKeyCredential.parseCreationOptionsFromJSON(await answer.json());
      return (await navigator.credentials.create({ publicKey: options })).toJSON();
    }"""
    credential = await page.evaluate(script)
    account = await site.court.store.accounts.by_user("r.santos")
    assert account is not None
    cookies = {cookie["name"]: cookie["value"] for cookie in await page.context.cookies()}
    with pytest.raises(SignInRefused, match="passkey-refused"):
        await site.accounts.add_passkey(
            account, "Key", credential, cookies["sign-in"], Place("http://localhost.evil.test", "localhost")
        )
