"""``hearing cosigner``: an institution that watches the logs of courts, as courts can do for each other."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import time
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from recording.checkpoint import CheckpointProblem, parse_verifier_key
from recording.cosignature import MAX_SUBMISSION_BYTES, cosigner_key
from recording.cosigning import Cosigning, Heads
from recording.keys import KeyProblem, PublicKey, SigningKey, load_or_make

from ..addresses import PortUse, bind_tcp, in_url
from ..processes.lifetime import end_of_life
from ..processes.parts import run
from ..processes.web_server import serving
from ..terminal import Terminal
from ..words import Fault

KEY_FILE = "cosigner.pem"
PORT_USE = PortUse("--port", "HTTP")


def serve(options: argparse.Namespace, terminal: Terminal) -> int:
    """Until it is told to end."""
    folder = Path(options.folder)
    logs = dict(_log(text) for text in options.log)
    try:
        key = load_or_make(folder / KEY_FILE)
    except KeyProblem as error:
        raise Fault("key-unusable", reason=error, name="--folder") from error
    app = application(options.name, key, logs, folder / "heads")
    return run(_serve(app, options, terminal, cosigner_key(options.name, key.public), len(logs)))


def application(name: str, key: SigningKey, logs: dict[str, PublicKey], folder: Path) -> Starlette:
    """The one request of C2SP tlog-witness."""
    cosigning = Cosigning(name, key, logs, Heads(folder))

    async def add_checkpoint(request: Request) -> Response:
        body = bytearray()
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_SUBMISSION_BYTES:
                    return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        try:
            answer = await asyncio.to_thread(cosigning.add_checkpoint, bytes(body), int(time.time()))
        except (OSError, CheckpointProblem):  # what it has seen cannot be read or kept: then it must not sign
            return Response(status_code=503)
        return Response(answer.body, answer.status, media_type=answer.media_type)

    return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])


def _log(text: str) -> tuple[str, PublicKey]:
    try:
        return parse_verifier_key(text)
    except ValueError:
        raise Fault("verifier-key-wrong", text=text) from None


async def _serve(app: Starlette, options: argparse.Namespace, terminal: Terminal, key: str, logs: int) -> int:
    sockets = bind_tcp(options.address, options.port, PORT_USE)
    async with serving(app, sockets):
        host, port = sockets[0].getsockname()[:2]
        address = f"http://{in_url(ipaddress.ip_address(host))}:{port}"
        if terminal.as_json:
            terminal.answer({"key": key, "address": address})
        else:
            terminal.say("cosigner-ready", key=key, address=address, count=logs)
        await end_of_life(supervised=False)
    return 0
