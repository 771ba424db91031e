"""Unix sockets by paths that may be longer than their addresses."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from . import BusError

#: sun_path of sockaddr_un holds 108 bytes with the final zero on Linux, 104 elsewhere.
PATH_LIMIT_BYTES = 103


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """The path by a name that fits into a socket address: through the folder's descriptor if it is too long."""
    if len(os.fsencode(path)) <= PATH_LIMIT_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(path: Path) -> socket.socket:
    """Raises OSError.  Does not block: the kernel answers for a Unix socket, or says that its backlog is full."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        with _short(path) as name:
            connection.connect(name)
    except OSError:
        connection.close()
        raise
    return connection


def listen(path: Path) -> socket.socket:
    """Raises :class:`BusError` if another process listens there; a dead one's socket is removed."""
    try:
        connect(path).close()
        held = True
    except BlockingIOError:
        held = True
    except OSError:
        held = False
    if held:
        raise BusError(f"another process holds the bus at {path}")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as name:
            listener.bind(name)
        path.chmod(0o600)  # whoever reaches the socket commands the media workers
    except OSError:
        listener.close()
        raise
    return listener
