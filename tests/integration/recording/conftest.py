"""Places for a recorder to store in, and its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from recording import recorder as recorder_module
from recording.keys import SigningKey, load_or_make
from recording.objects import ObjectStore, S3Options, open_store
from tests.servers.s3 import S3Server


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return open_store((tmp_path / "store").as_uri())
    server: S3Server = request.getfixturevalue("s3_server")
    return open_store(
        f"s3://{server.new_bucket()}/court", S3Options(server.endpoint, server.key_id, server.secret, server.region)
    )


@pytest.fixture
def directory(tmp_path: Path) -> ObjectStore:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return load_or_make(tmp_path / "court.pem")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorder looks around all the time."""
    monkeypatch.setattr(recorder_module, "POLL_S", 0.05)
    monkeypatch.setattr(recorder_module, "BACKOFF_S", 0.05)
    monkeypatch.setattr(recorder_module, "BACKOFF_LIMIT_S", 0.2)
    monkeypatch.setattr(recorder_module, "ARCHIVED_EVERY_S", 0.05)
