"""``hearing demo``: everything on this computer, and a hearing to try it with."""

from __future__ import annotations

import dataclasses
import io
import os
import webbrowser
from collections.abc import Mapping
from typing import Any

import segno

from . import config, logs
from .addresses import next_free_port
from .booking import DemoBooking, book_demo
from .config import Settings
from .demo_accounts import DemoAccount, open_demo_accounts
from .processes import folder
from .processes.parts import port_uses, run
from .processes.platform import STEPS, Platform, running
from .terminal import Terminal
from .words import Fault, Word

#: The order in which the links are printed, and handed out.
ROLES = ("judge", "clerk", "claimant", "lawyer", "respondent", "witness", "interpreter", "observer")
PHONE_ROLE = "claimant"
#: Who the demo's messages come from (RFC 2606).
DEMO_SENDER = "court@demo.invalid"


def main(changes: Mapping[str, str], terminal: Terminal, *, open_browser: bool) -> int:
    """``changes`` are settings of the command line; they win over the environment."""
    folder.keep_private()
    settings = config.load({**os.environ, **changes})
    if pid := folder.holder(settings.data):
        raise Fault("already-running", path=settings.data, pid=pid)
    settings = _with_free_ports(settings, terminal)
    if not settings.log_file:
        settings = dataclasses.replace(settings, log_file=str(settings.data / "logs" / "control.log"))
    folder.check(settings.data)
    settings = _with_a_letter_box(settings)
    logs.configure(settings, "control")
    return run(_demo(settings, terminal, open_browser=open_browser), settings.bus)


def _with_free_ports(settings: Settings, terminal: Terminal) -> Settings:
    """A demo must not fail because something else uses a port; the next free one will do, and that is said."""
    while True:
        for address, port, use in port_uses(settings):
            free = next_free_port(address, port, use)
            if free != port:
                terminal.say("port-next", port=port, use=use.name, other=free)
                name = use.setting.removeprefix(config.PREFIX).lower()
                moved: dict[str, Any] = {name: getattr(settings, name) + free - port}
                settings = dataclasses.replace(settings, **moved)
                break  # several workers' ports move together: the ones before are looked at again
        else:
            return settings


def _with_a_letter_box(settings: Settings) -> Settings:
    """Joining messages of a demo go into a folder, where they can be read, unless a service was set."""
    box = (settings.data / "messages").resolve().as_uri()
    sender = settings.mail_from or DEMO_SENDER
    return dataclasses.replace(settings, mail=settings.mail or box, sms=settings.sms or box, mail_from=sender)


async def _demo(settings: Settings, terminal: Terminal, *, open_browser: bool) -> int:
    steps = terminal.steps(STEPS + 1)
    async with running(settings, terminal, steps, with_children=True) as platform:
        with steps.step("step-hearing"):
            booking = await book_demo(platform.control.store, platform.control.links)
            accounts = await open_demo_accounts(platform.control.store, platform.control.links)
        if terminal.as_json:
            terminal.answer(_facts(platform, booking, accounts))
        else:
            _print(platform, booking, accounts, terminal)
            if open_browser:
                webbrowser.open(f"{platform.base_url}/j/{booking.links['judge']}")
        await platform.told
        terminal.line()
        terminal.say("stopping")
    terminal.say("stopped", path=settings.data.resolve())
    return 0


def _links(base_url: str, booking: DemoBooking) -> dict[str, str]:
    return {role: f"{base_url}/j/{booking.links[role]}" for role in ROLES}


def _facts(platform: Platform, booking: DemoBooking, accounts: dict[str, DemoAccount]) -> dict[str, object]:
    return {
        "base_url": platform.base_url,
        "https_base_url": platform.https_url,
        "links": _links(platform.base_url, booking),
        "hearing_id": booking.hearing_id,
        "case_number": booking.case_number,
        "accounts": {kind: dataclasses.asdict(account) for kind, account in accounts.items()},
        "ca_certificate": str(platform.certificates.authority.resolve()) if platform.certificates else None,
    }


def _print(platform: Platform, booking: DemoBooking, accounts: dict[str, DemoAccount], terminal: Terminal) -> None:
    terminal.line()
    terminal.say("demo-title", case_number=booking.case_number)
    terminal.say("demo-links")
    terminal.line()
    titles = {role: Word(f"role-{role}") for role in ROLES}
    for role, link in _links(platform.base_url, booking).items():
        terminal.say("demo-link", role=titles[role], link=link)
    terminal.line()
    terminal.say("demo-accounts", url=f"{platform.base_url}/staff")
    for account in accounts.values():
        terminal.line(f"  {account.user:<16} {account.password}")
    terminal.line()
    if platform.https_url is None:
        terminal.say("demo-no-network")
    else:
        link = f"{platform.https_url}/j/{booking.links[PHONE_ROLE]}"
        terminal.say("demo-phone")
        terminal.line(_qr(link))
        terminal.line(f"  {link}")
        if platform.certificates is not None:
            terminal.say("demo-phone-certificate", url=f"{platform.https_url}/ca.crt")
    terminal.line()
    terminal.say("demo-stop")


def _qr(text: str) -> str:
    """A code made of half blocks, with the quiet margin that scanners need."""
    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, border=2, compact=True)
    return out.getvalue().rstrip("\n")
