"""Between the recorder and a real S3 server: refuses, is slow, answers 500, or gives back other bytes than it got."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from typing import Literal
from urllib.parse import urlsplit

Mood = Literal["", "refusing", "slow", "error-500", "lying"]
#: What a slow store waits before each piece of an answer, s.
SLOW_S = 0.3
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#: An answer with at least so much behind its head is given back changed.
_LIE_ABOVE_BYTES = 200


class _Handler(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            if self.server.mood == "refusing":
                return
            with socket.create_connection(self.server.target) as there:
                back = threading.Thread(target=self._answers, args=(there,), daemon=True)
                back.start()
                self._requests(there)
                with contextlib.suppress(OSError):
                    there.shutdown(socket.SHUT_RDWR)
                back.join()

    def _requests(self, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                if self.server.mood == "refusing":
                    break
                if self.server.mood == "error-500":
                    self.request.sendall(_ERROR)
                    break
                there.sendall(data)

    def _answers(self, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := there.recv(65536):
                if self.server.mood == "slow":
                    time.sleep(SLOW_S)
                if self.server.mood == "lying":
                    head = data.find(b"\r\n\r\n") if data.startswith(b"HTTP/") else 0
                    if 0 <= head < len(data) - _LIE_ABOVE_BYTES:
                        data = data[:-1] + bytes([data[-1] ^ 1])
                self.request.sendall(data)
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)


class Proxy(socketserver.ThreadingTCPServer):
    """Listens on a free port.  Its ``mood`` may be changed at any time."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(target)
        self.target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.mood: Mood = ""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what this is for."""

    def aclose(self) -> None:
        self.shutdown()
        self.server_close()
