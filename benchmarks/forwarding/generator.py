"""The load generator's process: JSON commands on standard input, JSON answers on standard output, one a line.

``open`` makes transports, ``connect`` connects them, ``run`` sends and receives for a while and answers with what was
seen, ``end`` of the input ends the process.  While it runs it has no event loop: it sends what is due, and reads all
sockets in turn in between.  Receivers that nobody probes are read a few times a second's hundredth with only the
packets' heads copied: how late they are read changes no figure, because sequence numbers do not age and probes are
stamped by the kernel.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from typing import Any

from signaling.sfu.dtls_adapter import Certificate

from .client import Client, Remote, trailer_bytes
from .load import Load, LoadSpec
from .machine import own_address, pin

#: Handshakes under way at once.
CONNECT_AT_ONCE = 8
#: Kept alive between connecting and running; the strictest server asks for a check within 10 s.
CONSENT_EVERY_S = 2.5


class Generator:
    def __init__(self) -> None:
        self._certificate = Certificate()
        self._clients: list[Client] = []
        self._host = own_address()

    def open(self, count: int, probes: list[int]) -> dict[str, Any]:
        """``count`` transports; those that ``probes`` names have their arrivals stamped."""
        self._clients = [Client(self._host, self._certificate, stamped=i in probes) for i in range(count)]
        return {
            "fingerprint": self._certificate.fingerprint.value,
            "transports": [{"port": c.port, "ufrag": c.ufrag, "password": c.password} for c in self._clients],
        }

    async def connect(self, remotes: list[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
        """Some of the transports, by number."""
        limit = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def one(number: int, remote: Remote) -> bool:
            async with limit:
                return await self._clients[number].connect(remote)

        outcomes = await asyncio.gather(*(one(number, Remote(**remote)) for number, remote in remotes))
        return {"failed": [number for (number, _), done in zip(remotes, outcomes, strict=True) if not done]}

    def run(self, spec: dict[str, Any]) -> dict[str, Any]:
        for client in self._clients:
            client.take_over()
        gc.collect()
        gc.disable()
        result = Load(LoadSpec.of(spec), self._clients).run()
        return {**result, "srtp_trailer_bytes": trailer_bytes(self._clients[0])}

    def keep_alive(self) -> None:
        for client in self._clients:
            if client.check:
                client.consent()


async def serve() -> None:
    """Obey commands until the input ends."""
    loop = asyncio.get_running_loop()
    generator = Generator()
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def keep_alive() -> None:
        while True:
            await asyncio.sleep(CONSENT_EVERY_S)
            generator.keep_alive()

    keeper = asyncio.create_task(keep_alive())
    answer: dict[str, Any]
    while line := await reader.readline():
        command = json.loads(line)
        match command.pop("do"):
            case "open":
                answer = generator.open(**command)
            case "connect":
                answer = await generator.connect(**command)
            case "run":
                answer = generator.run(**command)
            case unknown:
                answer = {"error": f"no such command: {unknown}"}
        os.write(1, json.dumps(answer).encode() + b"\n")
    keeper.cancel()


def main() -> None:
    pin(0, int(sys.argv[1]))
    asyncio.run(serve())


if __name__ == "__main__":
    main()
