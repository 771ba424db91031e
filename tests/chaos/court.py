"""The product's own control after a hearing, and who asks it over HTTP: a clerk adds a recording of other equipment,
and a person with whom the record was shared has a film made.  Control or the recorder is killed meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import random
import re
import socket
import sqlite3
import struct
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from hearing_server.accounts import Accounts
from hearing_server.booking import DEMO_COURT
from hearing_server.config import Settings
from hearing_server.hearings import additions as additions_module
from hearing_server.hearings import custody as custody_module
from hearing_server.hearings import recorder as keeper_module
from hearing_server.processes.control import running_control
from hearing_server.processes.reconciliation import Reconciler
from hearing_server.processes.web_server import serving
from hearing_server.store import Store
from hearing_server.store.accounts import AccountRow
from hearing_server.web.connections import ACCOUNT_COOKIE
from recording.added import inclusion_of, statement_name
from recording.keys import PublicKey
from recording.manifest import MANIFEST_NAME, prefix
from recording.manifest import decoder as manifest_decoder
from recording.objects import ObjectStore, S3Options
from recording.reconcile import added_key, added_names, reconcile_record
from recording.serve import RecordReader
from recording.verify import verify_record
from signaling.bus.factory import open_bus

from .afterwards import Wrong, whole
from .plan import END_LIMIT_S, SEAL_LIMIT_S, START_LIMIT_S
from .processes import ASK_AGAIN_S, Place

#: Where control listens, and the clerk's cookie, once it does.
COURT_FILE = "court"
ORIGIN = "http://court.test"
#: Nobody takes letters here: they stay in the outbox, where the person reads theirs.
MAIL = "smtp://127.0.0.1:1"
CLERK = AccountRow(
    id="clerk-late",
    user_name="clerk.late",
    name="Clerk",
    name_zh="书记员",
    created_utc=1,
    roles={DEMO_COURT.id: frozenset({"clerk"})},
)
RETRY_S, LOOK_S = 0.05, 0.2
#: A minute of the desk recorder's sound, in pieces that come so often, s.
SOUND_S, SOUND_HZ = 60, 16_000
PIECE_BYTES, PIECE_EVERY_S = 128 * 1024, 0.02
#: What may be found of a record while a step of it is broken off, before anybody has gone on.
UNFINISHED = {
    "added": {"added-orphan", "added-unsigned", "not-anchored"},
    "share": {"derived-orphan", "not-anchored"},
}
#: What killed tries of a film leave for good: named as such, and nobody's film.
LEFT_BEHIND = "derived-orphan"


def control(place: Place) -> None:
    """As ``hearing control`` runs it, but that it asks the recorder more often."""
    place.disk.attach()
    for module in (keeper_module, custody_module, additions_module):
        module.SOON_S = module.REPEAT_S = ASK_AGAIN_S
    asyncio.run(_serve(place))


async def _serve(place: Place) -> None:
    s3 = place.s3 or S3Options()
    settings = Settings(
        data=place.disk.root / "data",
        database=place.database,
        store=place.store,
        s3_endpoint=s3.endpoint or "",
        s3_key_id=s3.key_id or "",
        s3_secret=s3.secret or "",
        s3_region=s3.region,
        spool=str(place.spool),
        key_file=str(place.key),
        mail=MAIL,
        mail_from="court@court.test",
    )
    listener = socket.create_server(("127.0.0.1", 0))
    async with (
        open_bus("local:", place.run, hub=True) as bus,
        running_control(settings, bus, None, ORIGIN) as made,
        serving(made.app, [listener]),
    ):
        if await made.store.accounts.get(CLERK.id) is None:
            await made.store.accounts.add(CLERK)
        cookie = await Accounts(made.store).begin(CLERK, "chaos")
        draft = place.folder / f"{COURT_FILE}.draft"
        draft.write_text(json.dumps({"port": listener.getsockname()[1], "cookie": cookie}))
        draft.rename(place.folder / COURT_FILE)
        await asyncio.Event().wait()


# --- who asks ------------------------------------------------------------------------------------------


@dataclass
class Asking:
    """Somebody at a page.  ``victim``: who is killed meanwhile; only control's end breaks a request off."""

    place: Place
    plan_seed: int
    victim: str
    #: Requests, and those until what was wanted was taken.
    asked: int = 0
    tries: int = 0

    @property
    def sitting_id(self) -> str:
        return self.place.sitting()[0]

    @property
    def record_url(self) -> str:
        """A hearing's first day has its id."""
        return f"/api/hearings/{self.sitting_id}/record"

    def ask(self, method: str, path: str, *, cookies: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        """The answer, however often control has to be asked for it.  Raises :class:`Wrong`."""
        content: Callable[[], Iterator[bytes]] | None = options.pop("pieces", None)
        deadline = time.monotonic() + SEAL_LIMIT_S
        while True:
            try:
                court = json.loads((self.place.folder / COURT_FILE).read_text())
                with httpx.Client(
                    base_url=f"http://127.0.0.1:{court['port']}",
                    cookies={ACCOUNT_COOKIE: court["cookie"]} if cookies is None else cookies,
                    timeout=SEAL_LIMIT_S,
                ) as client:
                    self.asked += 1
                    return client.request(method, path, content=content() if content else None, **options)
            except (httpx.TransportError, FileNotFoundError) as error:
                if self.victim != "control" or time.monotonic() > deadline:
                    raise Wrong(f"{method} {path}: {error!r}") from error
                time.sleep(RETRY_S)

    def letter(self, kind: str, pattern: str) -> str:
        with sqlite3.connect(
            self.place.database.removeprefix("sqlite+aiosqlite:///"), timeout=SEAL_LIMIT_S
        ) as database:
            rows = database.execute("select body from outbox where kind = ? order by created_utc desc", (kind,))
            found = re.search(pattern, str(rows.fetchone()[0]))
        assert found
        return found[1]


def _done(answer: httpx.Response, *statuses: int) -> httpx.Response:
    if answer.status_code not in statuses:
        raise Wrong(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    return answer


class Adding(Asking):
    """A clerk adds what the equipment of the courtroom recorded, and sends it again until it was taken."""

    def begin(self) -> None:
        self.content = _sound(self.plan_seed)
        self.sha256 = hashlib.sha256(self.content).hexdigest()
        _done(self.ask("GET", f"{self.record_url}/added"), 200)
        self.asked = 0

    def go_on(self, store: ObjectStore) -> None:
        fields = {
            "title": "Courtroom 3",
            "equipment": "Desk recorder 7",
            "startedAt": 1_700_000_000,
            "fileName": "r.wav",
        }
        path = f"{self.record_url}/added"
        answer = self.ask("POST", path, params=fields, pieces=self._pieces)
        self.tries = self.asked
        # The latter of a try before, whose answer did not come any more.
        _done(answer, *([201, 409] if self.tries > 1 else [201]))
        stated = added_key(self.sitting_id, inclusion_of(statement_name(1)))
        _wait(
            lambda: any(name == stated for name, _ in asyncio.run(store.list(f"added/{self.sitting_id}/"))),
            "a statement",
        )

    def _pieces(self) -> Iterator[bytes]:
        for at in range(0, len(self.content), PIECE_BYTES):
            yield self.content[at : at + PIECE_BYTES]
            time.sleep(PIECE_EVERY_S)

    async def check(self, store: ObjectStore, key: PublicKey) -> str:
        (recording,) = self.ask("GET", f"{self.record_url}/added").json()["recordings"]
        (version,) = recording["versions"]
        if (version["sha256"], version["current"]) != (self.sha256, True):
            raise Wrong(f"the page tells of {version}")
        played = _done(self.ask("GET", f"{self.record_url}/added/{version['versionId']}"), 200)
        if played.content != self.content:
            raise Wrong("what is played is not what was added")
        files = [name for name in await added_names(store, self.sitting_id) if self.sha256 in name]
        if len(files) != 1:
            raise Wrong(f"stored as {files}")
        if left := list(self.place.disk.root.glob("data/uploads/*")):
            raise Wrong(f"on this computer's disk still: {left}")
        await _well(self.place, store, key, set())
        return f", {self.tries} tries to add {len(self.content)} bytes"


class Sharing(Asking):
    """The court shares the record, whole or a part of it; the person proves their address and has a film made."""

    def begin(self) -> None:
        part = random.Random(self.plan_seed).choice(({}, {"fromS": 0.25, "toS": 1.5}))
        wanted = {"name": "Ann Reyes", "email": "ann@example.org", "locale": "en", "purpose": "Appeal", "order": "O-12"}
        said = {**wanted, "hours": 72, "download": True, **part}
        _done(self.ask("POST", f"{self.record_url}/shares", json=said), 201)
        self.url = "/api/shares/" + self.letter("share", r"/shared/(\S+)")
        answer = _done(self.ask("POST", f"{self.url}/code", cookies={}), 204)
        code = self.letter("share-code", r"\b(\d{6})\b")
        answer = self.ask("POST", f"{self.url}/session", cookies=dict(answer.cookies), json={"code": code})
        self.cookies = dict(_done(answer, 200).cookies)

    def go_on(self, store: ObjectStore) -> None:
        _done(self.ask("POST", f"{self.url}/film", cookies=self.cookies), 202)
        _wait(self._made, "a film")

    def _made(self) -> bool:
        time.sleep(LOOK_S)
        films = _done(self.ask("GET", f"{self.url}/film", cookies=self.cookies), 200).json()
        if len(films) != 1 or films[0]["state"] == "failed":
            raise Wrong(f"films {films}")
        self.film = films[0]
        return bool(films[0]["state"] == "done")

    async def check(self, store: ObjectStore, key: PublicKey) -> str:
        answer = _done(self.ask("GET", f"{self.film['url']}?download=1", cookies=self.cookies), 200)
        entries = await RecordReader(store, key).exports(self.sitting_id)
        if [entry.job_id for entry in entries] != [self.film["jobId"]]:
            raise Wrong(f"exports {[entry.job_id for entry in entries]}")
        (entry,) = entries
        if (len(answer.content), hashlib.sha256(answer.content).hexdigest()) != (entry.size, entry.sha256):
            raise Wrong("the film is not what its entry says")
        await _well(self.place, store, key, {LEFT_BEHIND})
        stored = [name for name, _ in await store.list(prefix(self.sitting_id))]
        return f", {sum(name.endswith('.mp4') for name in stored)} tries to make a film of {entry.duration_ms} ms"


KINDS: dict[str, type[Adding | Sharing]] = {"added": Adding, "share": Sharing}


def _sound(seed: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND_HZ)
        tone = struct.pack(f"<{SOUND_HZ}h", *(random.Random(seed).choices(range(-999, 999), k=SOUND_HZ)))
        file.writeframes(tone * SOUND_S)
    return out.getvalue()


def _wait(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SEAL_LIMIT_S
    while not look():
        if time.monotonic() > deadline:
            raise Wrong(f"no {what} after {SEAL_LIMIT_S:.0f} s")
        time.sleep(RETRY_S)


def wait_for_control(place: Place) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while not (place.folder / COURT_FILE).exists():
        if time.monotonic() > deadline:
            raise Wrong(f"no control after {START_LIMIT_S:.0f} s: {(place.folder / 'log').read_text()[-3000:]}")
        time.sleep(RETRY_S)


# --- what must be there --------------------------------------------------------------------------------


async def check_broken_off(fault: str, store: ObjectStore, key: PublicKey, sitting_id: str) -> None:
    """While nobody goes on: whatever is stated is there.  Raises :class:`Wrong`."""
    state = await reconcile_record(store, sitting_id, key, deep=True)
    if wrong := [found for found in state.found if found.code not in UNFINISHED[fault]]:
        raise Wrong(f"just after the kill: {wrong}")


async def _well(place: Place, store: ObjectStore, key: PublicKey, left: set[str]) -> None:
    """The record verifies, and neither the storage nor the database has anything that the other does not explain."""
    sitting_id = place.sitting()[0]
    whole(await verify_record(store, prefix(sitting_id), key), "the record")
    manifest = manifest_decoder.decode(await store.read(prefix(sitting_id) + MANIFEST_NAME))
    database = await Store.open(place.database)
    try:
        deadline = time.monotonic() + END_LIMIT_S
        while True:
            rows = {row.sitting_id: row for row in await database.reconciliation.closed()}
            checked = await Reconciler(database, store, key, repair=False, deep=True).one(sitting_id, rows[sitting_id])
            wrong = [found for found in checked.found if found.code not in left]
            if not wrong:
                return
            if time.monotonic() > deadline:  # its proofs are entered in the log soon after the seal
                raise Wrong(f"reconciliation of {manifest.case_number} finds {wrong}")
            await asyncio.sleep(LOOK_S)
    finally:
        await database.aclose()


def forget_control(folder: Path) -> None:
    """Of a control that is not there any more."""
    (folder / COURT_FILE).unlink(missing_ok=True)
