"""A hearing with many people in one browser: each has a context, a tone and, if they are to be seen, a colour.

Devices are made in the pages (``cast.js``), as the files of Chromium's fake devices hold for a whole browser.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Playwright, WebSocket
from playwright.async_api import Error as PlaywrightError

from tests.media import cameras, tones

from .desk import PASSWORD, add_account
from .pages import CHROMIUM, FLAGS, PHONE, PROBE, STEP_MS, Person, _note
from .scenario import until
from .server import Running

_DEVICES = Path(__file__).with_name("cast.js").read_text(encoding="utf-8")
#: Voices beside those of the roles; as far apart as theirs, Hz.
VOICES = tones.TONES_HZ | {
    "claimants-counsel": 2999.0,
    "respondents-counsel": 3701.0,
    "expert": 4507.0,
    "panel": 5273.0,
}
#: Eight people may speak at once, each as loud as the others.
SHARE = 0.02
#: How long the room may take to follow an order on a busy machine, s.
FOLLOW_LIMIT_S = 90.0
COURT = "northgate"
#: When the hearing is booked for, s from now.
SOON_S = 900.0
#: Not much more than has the list of people beside the stage: many pages are drawn without a graphics card.
SMALL_DESKTOP = {"width": 1280, "height": 800}
#: People that come at the same time.
AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class Part:
    """Somebody who is booked.  ``booking``: more fields of the booking's person; ``camera``: whose colour they show."""

    role: str
    name: str
    booking: dict[str, Any] = field(default_factory=dict)
    #: The account of the court that they sign in with; the others have a link.
    account: str = ""
    speaks: bool = True
    camera: str = ""
    phone: bool = False
    locale: str = "en-GB"
    #: How wrong the clock of their computer is, s.
    clock_s: int = 0


def colour_of(role: str) -> str:
    """A camera's colour for a canvas, from its BT.601 values (the ranges of JPEG)."""
    luma, blue, red = cameras.COLOURS_YUV[role]
    rgb = (
        luma + 1.402 * (red - 128),
        luma - 0.344136 * (blue - 128) - 0.714136 * (red - 128),
        luma + 1.772 * (blue - 128),
    )
    return "rgb({} {} {})".format(*(min(255, max(0, round(value))) for value in rgb))


def modest(folder: Path) -> Path:
    """A program that starts Chromium behind the server under test, which in life has a computer of its own."""
    program = folder / "modest-chromium"
    program.write_text(f'#!/bin/sh\nexec nice -n 5 {CHROMIUM} "$@"\n')
    program.chmod(0o700)
    return program


class Player(Person):
    """One of the cast.  ``view``: what the court told this page last, whatever the page shows of it."""

    key: str = ""
    link: str = ""
    person_id: str = ""

    def listen_in(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.page.on("websocket", self._socket)

    @property
    def view(self) -> dict[str, Any]:
        return self.views[-1]

    @property
    def roster(self) -> set[str]:
        return {str(person["personId"]) for person in self.view["people"]}

    async def hears(self) -> set[str]:
        return tones.heard(await self.sound(), voices=VOICES, share=SHARE)

    async def sees(self) -> dict[str, str | None]:
        """Pictures of others that are shown."""
        found = await super().sees()
        found.pop(self.role, None)
        return found

    async def gets(self) -> int:
        """Packets of media that ever arrived on the connections this page has now."""
        streams = await self.streams()
        return sum(int(stream["packets"]) for stream in streams["received"])

    def _socket(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._frame)

    def _frame(self, frame: str | bytes) -> None:
        # Frames are JSON objects; those that carry a view name it so (docs/protocol.md).
        if (message := json.loads(frame)) and isinstance(message, dict):
            body = message.get("data") or message.get("result") or message
            if isinstance(body, dict) and isinstance(body.get("view"), dict):
                self.views.append(body["view"])


class Cast:
    """``people`` by their key in ``parts``."""

    def __init__(self, demo: Running, browser: Browser, parts: dict[str, Part]) -> None:
        self.demo = demo
        self.parts = parts
        self.people: dict[str, Player] = {}
        self.hearing_id = ""
        self.ids: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self._browser = browser
        self._passwords = {each["user"]: each["password"] for each in demo.ready["accounts"].values()}

    @classmethod
    async def assemble(
        cls, running: Playwright, demo: Running, parts: dict[str, Part], folder: Path, *, case: str
    ) -> Cast:
        """Book the hearing as the clerk would, and confirm it; nobody has come yet."""
        browser = await running.chromium.launch(executable_path=modest(folder), args=FLAGS)
        cast = cls(demo, browser, parts)
        await cast._book(running, case)
        return cast

    async def _book(self, running: Playwright, case: str) -> None:
        for part in self.parts.values():
            if part.account and part.account not in self._passwords:
                await add_account(self.demo, part.account, COURT, "--role", "judge")
                self._passwords[part.account] = PASSWORD
        clerk = self.demo.ready["accounts"]["clerk"]
        desk = await running.request.new_context(
            base_url=self.demo.base_url, extra_http_headers={"Origin": self.demo.base_url}
        )

        async def ask(method: str, path: str, body: Any = None) -> Any:
            answer = await desk.fetch(path, method=method, data=body)
            assert answer.ok, (path, answer.status, await answer.text())
            return await answer.json()

        await ask("POST", "/api/sign-in/password", {"user": clerk["user"], "password": clerk["password"]})
        people = [
            {"ref": key, "role": part.role, "name": part.name, **part.booking}
            | ({"user": part.account} if part.account else {})
            for key, part in self.parts.items()
        ]
        booked = await ask(
            "POST",
            "/api/bookings",
            {
                "courtId": COURT,
                "caseNumber": case,
                "caseName": "Marlow v Tandem Mills",
                "room": "Room 2",
                "days": [{"scheduledAt": float(round(time.time() + SOON_S))}],
                "people": people,
            },
        )
        self.hearing_id = booked["hearingId"]
        await ask("POST", f"/api/bookings/{self.hearing_id}/commands", {"name": "confirm"})
        self.sitting_id = booked["days"][0]["sittingId"]
        by_name = {person["name"]: person["personId"] for person in booked["people"]}
        for key, part in self.parts.items():
            self.ids[key] = by_name[part.name]
            if not part.account:
                made = await ask("POST", f"/api/hearings/{self.hearing_id}/people/{self.ids[key]}/link")
                self.links[key] = f"{self.demo.base_url}/j/{made['link']}"
        await desk.dispose()

    async def come(self, keys: Iterable[str]) -> None:
        """Through the pages of the arrival, into the waiting room or to the bench."""
        few = asyncio.Semaphore(AT_ONCE)

        async def one(key: str) -> None:
            async with few:
                await self.arrive(key)

        await asyncio.gather(*(one(key) for key in keys))

    async def arrive(self, key: str) -> Player:
        """On a device where nothing is remembered."""
        part = self.parts[key]
        context = await self._browser.new_context(
            viewport=PHONE if part.phone else SMALL_DESKTOP,  # type: ignore[arg-type]
            is_mobile=part.phone,
            has_touch=part.phone,
            locale=part.locale,
            reduced_motion="reduce",
        )
        context.set_default_timeout(2 * STEP_MS)
        devices = {
            "hz": VOICES[key] if part.speaks else 0,
            "colour": colour_of(part.camera) if part.camera else "",
            "clockMs": 1000 * part.clock_s,
        }
        await context.add_init_script(f"({_DEVICES.strip().rstrip(';')})({json.dumps(devices)});\n{PROBE}")
        page = await context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: _note(message, errors))
        person = Player(part.role, self._browser, context, page, errors)
        person.key, person.person_id = key, self.ids[key]
        person.listen_in()
        self.people[key] = person
        if part.account:
            await self._sign_in(person, part)
        else:
            await page.goto(self.links[key])
            await person.press("i-am")
            await person.declare()
        await person.see("go-in")
        if part.speaks:
            await person.press("ask-devices")
            await page.locator("[data-testid=check-microphone][data-result=ok]").wait_for()
        await person.press("go-in")
        await page.locator("[data-testid=room], [data-testid=waiting-room]").first.wait_for()
        return person

    async def _sign_in(self, person: Player, part: Part) -> None:
        for path, body in (
            ("/api/sign-in/password", {"user": part.account, "password": self._passwords[part.account]}),
            (f"/api/hearings/{self.hearing_id}/seat", None),
        ):
            answer = await person.context.request.post(
                self.demo.base_url + path, data=body, headers={"Origin": self.demo.base_url}
            )
            assert answer.ok, await answer.text()
        await person.page.goto(f"{self.demo.base_url}/hearing?person={person.person_id}")

    async def leave(self, key: str) -> None:
        """The browser dies: no word of farewell."""
        await self.people.pop(key).context.close()

    async def close(self) -> None:
        await self._browser.close()

    @asynccontextmanager
    async def watched(self, folder: Path) -> AsyncIterator[None]:
        """If something fails, what each page showed then is said, and left as pictures in ``folder``."""
        try:
            yield
        except Exception as error:
            for key, person in self.people.items():
                with suppress(PlaywrightError):
                    error.add_note(f"{key}: {await person.tells()}")
                    await person.page.screenshot(path=folder / f"failed-{key}.png")
            raise

    def __getitem__(self, key: str) -> Player:
        return self.people[key]

    async def press(self, key: str, testid: str) -> None:
        """A key of this person's page; ``<verb>-<somebody of the cast>`` is a key about them."""
        verb, _, about = testid.partition("-")
        await self.people[key].press(f"{verb}-{self.ids[about]}" if about in self.ids else testid)

    async def select(self, key: str, testid: str, value: str) -> None:
        verb, _, about = testid.partition("-")
        name = f"{verb}-{self.ids[about]}" if about in self.ids else testid
        await self.people[key].page.get_by_test_id(name).select_option(value)

    async def choose(self, key: str, testid: str, value: str) -> None:
        """Among the options of the person's own page."""
        await self.press(key, "key-more")
        await self.select(key, testid, value)
        await self.press(key, "options-back")

    async def hear(self, what: str, expected: dict[str, set[str]]) -> None:
        """Wait until all these people hear exactly those, at one time."""
        await self._all(what, expected, Player.hears)

    async def see(self, what: str, expected: dict[str, set[str]]) -> None:
        """Wait until all these people see the pictures of exactly those others, each in its own place."""
        await self._all(what, {key: {role: role for role in roles} for key, roles in expected.items()}, Player.sees)

    async def _all(self, what: str, expected: dict[str, Any], ask: Callable[[Player], Awaitable[Any]]) -> None:
        found: dict[str, Any] = {}
        asked = list(expected)

        async def so() -> bool:
            nonlocal asked
            answers = await asyncio.gather(*(ask(self.people[key]) for key in asked))
            found.update(zip(asked, answers, strict=True))
            at_once = len(asked) == len(expected)
            asked = [key for key in asked if found[key] != expected[key]]
            if asked:
                return False
            # Those who were right earlier are asked again with the others: it has to be so for all at one time.
            asked = list(expected)
            return at_once

        try:
            await until(so, FOLLOW_LIMIT_S, what)
        except AssertionError as error:
            wrong = {key: (found.get(key), wish) for key, wish in expected.items() if found.get(key) != wish}
            raise AssertionError(f"{error}; found and expected: {wrong}") from None
