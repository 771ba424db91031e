"""The servers as pytest fixtures, one of each per test session."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import postgres, redis, s3


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Not pytest's own folder: the account ``postgres`` must be able to reach it when the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="hearing-test-servers-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _new_folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def redis_server(server_folder: Path) -> Iterator[redis.RedisServer]:
    server = redis.start(_new_folder(server_folder, "redis"))
    yield server
    server.process.stop()


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[postgres.PostgresServer]:
    server = postgres.start(_new_folder(server_folder, "postgres"))
    yield server
    server.process.stop()


@pytest.fixture(scope="session")
def s3_server(server_folder: Path) -> Iterator[s3.S3Server]:
    server = s3.start(_new_folder(server_folder, "s3"))
    yield server
    s3.stop(server)
