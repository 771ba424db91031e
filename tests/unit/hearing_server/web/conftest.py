"""The application over a real database and a real archive in a folder, asked without a network."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.websockets import WebSocket

from hearing_server.accounts import Accounts
from hearing_server.added_files import AddedFiles
from hearing_server.booking import DemoBooking
from hearing_server.exhibit_files import ExhibitFiles
from hearing_server.links import Links
from hearing_server.recording_tests import Path as RealPath
from hearing_server.recording_tests import RecordingTests
from hearing_server.store import Court as CourtRow
from hearing_server.store import NewHearing, PersonRow
from hearing_server.store.accounts import AccountRow
from hearing_server.web.app import create_app
from hearing_server.web.connections import ACCOUNT_COOKIE
from hearing_server.written import WrittenRecords
from recording import manifest as manifests
from recording.objects import ObjectStore, open_store
from recording.playback import (
    MEDIA_PREFIX,
    PLAYBACK_NAME,
    PLAYBACK_SIGNATURE_NAME,
    MediaEntry,
    Playback,
    RepairEntry,
)
from recording.serve import RecordReader
from signaling.application import Seat
from signaling.bus.local import LocalBus
from signaling.worker_api import Heartbeat
from tests.unit.hearing_server.parts import SECRET, Court, new_court

MEDIA = bytes(range(256)) * 40
#: Of one added recording.
ADDED_LIMIT_BYTES = 1024 * 1024
MEDIA_NAME = "claimant.webm"
ORIGIN = "http://court.test"


@dataclass
class Site:
    """``client()`` is a browser of its own."""

    court: Court
    links: Links
    store: ObjectStore
    static: Path
    accounts: Accounts
    app: Any = None
    written: Any = None
    seats: list[Seat] = field(default_factory=list)
    beats: dict[str, Heartbeat] = field(default_factory=dict)

    @property
    def booking(self) -> DemoBooking:
        return self.court.booking

    @property
    def record_url(self) -> str:
        return f"/api/hearings/{self.booking.hearing_id}/record"

    def client(self, address: str = "127.0.0.1", /, **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)

    def build(self, **options: Any) -> None:
        """Make the application."""

        async def serve_socket(websocket: WebSocket, seat: Seat) -> None:
            self.seats.append(seat)
            await websocket.send_text("served")
            await websocket.close()

        archive = RecordReader(self.store)
        self.written = WrittenRecords(
            self.court.store, self.court.hearings, archive, self.court.recorder.ask, lambda: self.court.clock.now
        )
        self.app = create_app(
            written=self.written,
            tests=RecordingTests(
                self.court.store, RealPath(LocalBus(), self.store, lambda: None), lambda: self.beats, 7
            ),
            store=self.court.store,
            links=self.links,
            accounts=self.accounts,
            hearings=self.court.hearings,
            archive=archive,
            exhibits=ExhibitFiles(self.store, self.static.parent / "uploads"),
            added=AddedFiles(self.store, self.static.parent / "uploads", ADDED_LIMIT_BYTES),
            serve_socket=serve_socket,
            static_dir=self.static,
            allowed_origins=["https://public.test/"],
            **options,
        )

    @asynccontextmanager
    async def seated(self, role: str, link: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A browser that opened this person's link."""
        async with self.client() as client:
            answer = await client.post("/api/session", json={"link": link or self.booking.links[role]})
            assert answer.status_code == 200, answer.text
            yield client

    @asynccontextmanager
    async def signed_in(
        self, role: str, *, court: str = "northgate", must_change: bool = False
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A browser in which somebody with this role has signed in; the judge is the one of the demo's hearing."""
        user = "judge.adeyemi" if role == "judge" else f"{role}@{court}"
        account = AccountRow(
            id=f"a-{role}-{court}",
            user_name=user,
            name=role.title(),
            name_zh=f"{role} 先生",
            created_utc=self.court.clock.now,
            must_change=must_change,
            roles={court: frozenset({role})},
        )
        if await self.court.store.accounts.get(account.id) is None:
            await self.court.store.accounts.add(account)
        async with self.client() as client:
            client.cookies[ACCOUNT_COOKIE] = await self.accounts.begin(account, "test")
            yield client

    async def add(self, role: str) -> None:
        """Somebody of a role that the demo's hearing has nobody of, with a link."""
        person = PersonRow(id=f"{role}-added", role=role, name=role.title(), name_zh=role)
        await self.court.store.bookings.add_person(self.booking.hearing_id, person)
        await self.court.hearings.booking_changed(self.booking.hearing_id)
        self.booking.links[role] = await self.links.issue(person.id, expires_utc=self.court.clock.now + 10**15)

    async def close_hearing(self, *, playable: bool = True) -> None:
        """The hearing was held; its record is sealed and has one track."""
        sockets = await self.court.start("claimant")
        await self.court.command(sockets["judge"], "close")
        hearing_id = self.booking.hearing_id
        await self.court.store.records.sealed(hearing_id, manifest_sha256="ab" * 32, playable=playable)
        # The sitting may be at rest already, so that it is loaded for this.
        await self.court.hearings._record_sealed(hearing_id)
        if playable:
            await self._store_record(hearing_id)

    async def _store_record(self, hearing_id: str) -> None:
        prefix = manifests.prefix(hearing_id)
        start_us = self.court.clock.now // 1000
        entry = MediaEntry(
            name=MEDIA_PREFIX + MEDIA_NAME,
            person_id=self.court.people["claimant"],
            source="person",
            display_name='Joan "Joe" Larkin',
            display_name_zh="琼·拉金",
            role="claimant",
            media_type="video/webm",
            size=len(MEDIA),
            sha256=hashlib.sha256(MEDIA).hexdigest(),
            offset_ms=1500,
            duration_ms=60_000,
            has_audio=True,
            has_video=True,
            width=640,
            height=360,
            video_spans=[[0, 60_000]],
            audio_spans=[[0, 60_000]],
            peaks_period_ms=100,
            peaks=[0, 50, 100],
            alignment="sender-report",
            repairs=RepairEntry(silence_ms=0, packets_left_out=0, frames_left_out=0, late_left_out=0),
            derived_from=["w1.first/1"],
        )
        gap = manifests.GapEntry(
            person_id=entry.person_id, source="camera", start_us=start_us + 2_000_000, duration_us=500_000, cause="loss"
        )
        index = Playback(
            version=1,
            derived=True,
            sitting_id=hearing_id,
            manifest_sha256="ab" * 32,
            start_us=start_us,
            end_us=start_us + 61_500_000,
            media=[entry],
            gaps=[gap],
            software="test",
        )
        await self.store.put_new(prefix + entry.name, MEDIA)
        await self.store.put_new(prefix + PLAYBACK_NAME, manifests.encode(index))
        await self.store.put_new(prefix + PLAYBACK_SIGNATURE_NAME, b"signature")
        await self.store.put_new(prefix + manifests.MANIFEST_NAME, b'{"the":"manifest"}')
        await self.store.put_new(prefix + manifests.SIGNATURE_NAME, b"its signature")

    async def book(self, hearing_id: str, *, court: str = "northgate", judge: str = "judge.other") -> dict[str, str]:
        """Another hearing with a judge and a clerk; answers their links."""
        people = (
            PersonRow(id=f"j-{hearing_id}", role="judge", name="J", name_zh="法官", account=judge),
            PersonRow(id=f"c-{hearing_id}", role="clerk", name="C", name_zh="书记员", account="clerk.other"),
        )
        await self.court.store.docket.book(
            CourtRow(id=court, name="Other", name_zh="其他", help_phone="1", time_zone="UTC"),
            NewHearing(
                id=hearing_id,
                case_number=f"N {hearing_id}",
                case_name="A v B",
                case_name_zh="甲诉乙",
                room="1",
                room_zh="一",
                scheduled_utc=self.court.clock.now,
                people=people,
            ),
            self.court.clock.now,
        )
        expires = self.court.clock.now + 10**15
        return {person.role: await self.links.issue(person.id, expires_utc=expires) for person in people}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html><title>party</title>" + " " * 600)
    (static / "staff.html").write_text("<!doctype html><title>staff</title>")
    (static / "assets" / "app-1a2b.js").write_text("export const court = 1;\n" * 100)
    (tmp_path / "secret.txt").write_text("not for the web")
    async with new_court(tmp_path) as court:
        store = open_store((tmp_path / "archive").as_uri())
        links = Links(court.store, SECRET, court.clock.utc)
        made = Site(court, links, store, static, Accounts(court.store, court.clock.utc))
        made.build()
        yield made
