"""The part of the route table for signing in and for one's own account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response

from .. import desk_api as d
from .access import Ask, Endpoint
from .callers import ACCOUNT_ROLES
from .sign_in import SignIn


def sign_in_endpoints(sign_in: SignIn) -> tuple[Endpoint, ...]:
    door: dict[str, Any] = {"limited": True}
    own: dict[str, Any] = {"who": ACCOUNT_ROLES, "by": "account", "always": True}
    return (
        _row("signInMethods", "GET", "/api/sign-in", "How one can sign in.", sign_in.methods, door, d.SignInMethods),
        Endpoint(
            name="signInByPassword",
            method="POST",
            path="/api/sign-in/password",
            summary="Sign in to a local account.",
            handler=sign_in.by_password,
            limited=True,
            body=d.PasswordSignIn,
            answer=d.Account,
        ),
        _row(
            "passkeyRequest",
            "POST",
            "/api/sign-in/passkey/options",
            "What navigator.credentials.get is to be asked (WebAuthn Level 3 §5.1.8).",
            sign_in.passkey_request,
            door,
        ),
        Endpoint(
            name="signInByPasskey",
            method="POST",
            path="/api/sign-in/passkey",
            summary="Sign in by a passkey.",
            handler=sign_in.by_passkey,
            limited=True,
            body=d.PasskeyAnswer,
            answer=d.Account,
        ),
        _row(
            "beginAtProvider",
            "GET",
            "/api/sign-in/oidc/{provider_id}",
            "Go to an identity provider (OpenID Connect, code flow with PKCE); ?to= is the page to come back to.",
            sign_in.begin_at_provider,
            door,
            status=303,
        ),
        _row(
            "backFromProvider",
            "GET",
            "/api/sign-in/oidc/{provider_id}/callback",
            "Come back from an identity provider.",
            sign_in.back_from_provider,
            door,
            status=303,
        ),
        _row("readAccount", "GET", "/api/account", "Who is signed in.", sign_in.who_am_i, own, d.Account),
        _row("signOut", "DELETE", "/api/account/session", "Sign out on this device.", sign_in.leave, own, status=204),
        Endpoint(
            name="changePassword",
            method="POST",
            path="/api/account/password",
            summary="Change one's own password; other sessions end.",
            handler=sign_in.change_password,
            who=ACCOUNT_ROLES,
            by="account",
            always=True,
            limited=True,
            body=d.PasswordChange,
            answer=d.Account,
        ),
        _row(
            "listPasskeys",
            "GET",
            "/api/account/passkeys",
            "One's own passkeys.",
            sign_in.passkeys,
            own,
            list[d.PasskeyRow],
        ),
        _row(
            "passkeyCreation",
            "POST",
            "/api/account/passkeys/options",
            "What navigator.credentials.create is to be asked (WebAuthn Level 3 §5.1.8).",
            sign_in.passkey_creation,
            own,
        ),
        Endpoint(
            name="addPasskey",
            method="POST",
            path="/api/account/passkeys",
            summary="Keep a new passkey.",
            handler=sign_in.add_passkey,
            who=ACCOUNT_ROLES,
            by="account",
            always=True,
            body=d.NewPasskey,
            answer=d.PasskeyRow,
            status=201,
        ),
        _row(
            "removePasskey",
            "DELETE",
            "/api/account/passkeys/{passkey_id}",
            "Forget a passkey of one's own.",
            sign_in.remove_passkey,
            own,
            status=204,
        ),
    )


def _row(
    name: str,
    method: str,
    path: str,
    summary: str,
    handler: Callable[[Ask], Awaitable[Response]],
    rights: dict[str, Any],
    answer: Any = None,
    status: int = 200,
) -> Endpoint:
    return Endpoint(
        name=name, method=method, path=path, summary=summary, handler=handler, answer=answer, status=status, **rights
    )
