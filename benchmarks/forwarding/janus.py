"""Janus with its videoroom plugin: one event loop, ICE-lite, recording to its own files when ours records."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.typing import Subprotocol

from . import sdp
from .client import Remote
from .machine import own_address, pin, tail
from .shapes import Layout, Person

PROGRAM = "janus"
START_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
#: A session is forgotten after 60 s without a word.
KEEP_ALIVE_S = 20.0
_PLUGIN = "janus.plugin.videoroom"
#: Janus loads every plugin and transport of its folders that is not named here.
_PLUGINS = "audiobridge duktape echotest lua nosip recordplay sip streaming textroom videocall voicemail"
_TRANSPORTS = "http mqtt nanomsg pfunix rabbitmq"


def program() -> str | None:
    """Where Janus is installed, if it is."""
    return shutil.which(PROGRAM)


def version() -> str:
    """Raises ``OSError`` if Janus is not installed."""
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).split("\n")
    first = next((line.strip() for line in lines if line.strip()), "unknown")
    return first.removeprefix("Janus version: ")


class Janus:
    """One run of the program.  Use :func:`janus` to start it."""

    name = "janus"

    def __init__(self, socket: ClientConnection, pid: int, record_folder: Path) -> None:
        self.pid = pid
        self.record_folder = record_folder
        self._socket = socket
        self._session = 0
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._feeds: dict[int, int] = {}
        self._offers: list[tuple[Person, str]] = []
        self._local: list[sdp.Local] = []
        self._senders: set[int] = set()
        self._up: set[int] = set()
        self._changed = asyncio.Event()

    async def set_up(self, layout: Layout, fingerprint: str, opened: list[dict[str, Any]]) -> dict[int, Remote]:
        """Rooms and publishers; where their transports connect to."""
        if not self._session:
            created = await self._ask({"janus": "create"})
            self._session = created["data"]["id"]
        admin = await self._attach()
        for room in layout.rooms:
            await self._message(admin, self._room_settings(layout, room))
        self._offers.clear()
        self._local = [sdp.Local(own_address(), t["port"], t["ufrag"], t["password"], fingerprint) for t in opened]
        return {
            person.uplink: await self._publish(layout, person, self._local[person.uplink])
            for person in layout.people
            if person.uplink is not None
        }

    async def join_receivers(self, layout: Layout) -> dict[int, Remote]:
        """Subscribers; where their transports connect to.  A feed exists for Janus once its sender is connected."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            while not self._senders <= self._up:
                self._changed.clear()
                await self._changed.wait()
        return {
            person.downlink: await self._receive(person, self._local[person.downlink])
            for person in layout.people
            if person.downlink is not None
        }

    async def subscribe(self, layout: Layout) -> list[tuple[int, int, int]]:
        """Nothing more to be done; (transport, SSRC, flow) of each forwarded stream."""
        found: list[tuple[int, int, int]] = []
        for person, offered in self._offers:
            assert person.downlink is not None
            # The sections come in the order in which the streams were asked for.
            wanted = [flow for heard in person.hears for flow in heard.flows.values()]
            for media, flow in zip(sdp.parse(offered), wanted, strict=True):
                if media.kind != layout.flows[flow].kind or media.ssrc is None:
                    raise RuntimeError("Janus offered other streams than were asked for")
                found.append((person.downlink, media.ssrc, flow))
        return found

    async def keep_alive(self) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(KEEP_ALIVE_S)
            if self._session:
                await self._ask({"janus": "keepalive"})

    async def read(self) -> None:
        """Hand answers to those who wait for them; runs until cancelled."""
        async for text in self._socket:
            message = json.loads(text)
            if message["janus"] == "webrtcup":
                self._up.add(message["sender"])
                self._changed.set()
            future = self._waiting.get(message.get("transaction", ""))
            if future is not None and not future.done() and message["janus"] != "ack":
                future.set_result(message)

    def _room_settings(self, layout: Layout, room: int) -> dict[str, Any]:
        return {
            "request": "create",
            "room": room + 1,
            "publishers": max(1, len(layout.in_room(room))),
            "bitrate": 0,
            "fir_freq": 0,
            "audiocodec": "opus",
            "videocodec": "vp8",
            "record": layout.capture,
            "rec_dir": str(self.record_folder),
            "transport_wide_cc_ext": False,
        }

    async def _publish(self, layout: Layout, person: Person, local: sdp.Local) -> Remote:
        handle = await self._attach()
        self._senders.add(handle)
        joined = await self._message(
            handle, {"request": "join", "ptype": "publisher", "room": person.room + 1, "display": person.name}
        )
        self._feeds[id(person)] = joined["plugindata"]["data"]["id"]
        offer = sdp.offer(local, [layout.flows[flow] for flow in person.flows.values()])
        answer = await self._message(handle, {"request": "configure"}, {"type": "offer", "sdp": offer})
        return sdp.remote(answer["jsep"]["sdp"])

    async def _receive(self, person: Person, local: sdp.Local) -> Remote:
        handle = await self._attach()
        # Publishers offer their sections in the order of their flows, with the section's number as mid.
        streams = [
            {"feed": self._feeds[id(heard)], "mid": str(mid)}
            for heard in person.hears
            for mid in range(len(heard.flows))
        ]
        attached = await self._message(
            handle, {"request": "join", "ptype": "subscriber", "room": person.room + 1, "streams": streams}
        )
        offered = attached["jsep"]["sdp"]
        self._offers.append((person, offered))
        await self._message(handle, {"request": "start"}, {"type": "answer", "sdp": sdp.answer(local, offered)})
        return sdp.remote(offered)

    async def _attach(self) -> int:
        attached = await self._ask({"janus": "attach", "plugin": _PLUGIN})
        return int(attached["data"]["id"])

    async def _message(self, handle: int, body: dict[str, Any], jsep: dict[str, Any] | None = None) -> dict[str, Any]:
        message: dict[str, Any] = {"janus": "message", "handle_id": handle, "body": body}
        if jsep is not None:
            message["jsep"] = jsep
        answer = await self._ask(message)
        data = answer.get("plugindata", {}).get("data", {})
        if "error" in data:
            raise RuntimeError(f"Janus refused {body['request']}: {data['error']}")
        return answer

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        transaction = secrets.token_hex(8)
        message["transaction"] = transaction
        if self._session:
            message["session_id"] = self._session
        future = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(json.dumps(message))
            answer: dict[str, Any] = await asyncio.wait_for(future, ANSWER_TIMEOUT_S)
        finally:
            del self._waiting[transaction]
        if answer["janus"] == "error":
            raise RuntimeError(f"Janus refused {message['janus']}: {answer['error']}")
        return answer


@contextlib.asynccontextmanager
async def janus(folder: Path, core: int) -> AsyncIterator[Janus]:
    """Janus pinned to a core, configured and recording in an empty folder; ended with the block."""
    record_folder = folder / "record"
    record_folder.mkdir(parents=True)
    _configure(folder)
    with (folder / "janus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROGRAM, "-F", str(folder), "-C", str(folder / "janus.jcfg"),
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=lambda: pin(0, core),
        )  # fmt: skip
    try:
        async with await _connect(folder, process) as socket:
            server = Janus(socket, process.pid, record_folder)
            tasks = [asyncio.create_task(server.read()), asyncio.create_task(server.keep_alive())]
            try:
                yield server
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _connect(folder: Path, process: asyncio.subprocess.Process) -> ClientConnection:
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
    while process.returncode is None and asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(OSError):
            return await unix_connect(
                str(folder / "ws.sock"), "ws://localhost/", subprotocols=[Subprotocol("janus-protocol")], max_size=None
            )
        await asyncio.sleep(0.1)
    raise RuntimeError(f"Janus did not start: {tail(folder / 'janus.log')}")


def _configure(folder: Path) -> None:
    libraries = _libraries()
    plugins = ",".join(f"libjanus_{name}.so" for name in _PLUGINS.split())
    transports = ",".join(f"libjanus_{name}.so" for name in _TRANSPORTS.split())
    (folder / "janus.jcfg").write_text(f"""general: {{
    configs_folder = "{folder}"
    plugins_folder = "{libraries}/plugins"
    transports_folder = "{libraries}/transports"
    event_loops = 1
    debug_level = 2
    protected_folders = []
}}
nat: {{
    ice_lite = true
    ice_enforce_list = "{own_address()}"
}}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
""")
    (folder / "janus.transport.websockets.jcfg").write_text(f"""general: {{
    json = "compact"
    ws = true
    ws_unix = "{folder}/ws.sock"
}}
""")
    (folder / "janus.plugin.videoroom.jcfg").write_text("general: { }\n")


def _libraries() -> Path:
    """The folder of Janus's plugins and transports.  Raises :class:`RuntimeError`."""
    for root in (Path("/usr/lib"), Path("/usr/local/lib"), Path("/opt/janus/lib")):
        for found in sorted(root.glob("**/janus/plugins/libjanus_videoroom.so")):
            return found.parent.parent
    raise RuntimeError("Janus's videoroom plugin was not found")
