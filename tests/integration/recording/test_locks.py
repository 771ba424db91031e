"""What is stored cannot be deleted, overwritten or unlocked early: on a real S3 server, and in a directory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from hearing_server.config import Settings
from hearing_server.processes.parts import open_archive, prepare_archive
from hearing_server.words import Fault
from recording.locks import CannotLock, Lock, LockKind
from recording.objects import AlreadyStored, Locked, NotStored, ObjectStore, S3Options, StoreProblem, open_store
from tests.servers.s3 import S3Server

DAY_S = 86_400
COMPLIANCE = Lock("compliance", days=1)
KEY = "hearings/s-1/raw/w.1/000000.hrec"


class Court:
    """A bucket of the court's, and its administrator, who has every right the server knows."""

    def __init__(self, server: S3Server, name: str) -> None:
        self.bucket = name
        self.options = S3Options(server.endpoint, server.key_id, server.secret, server.region)
        self.admin: Any = Session().create_client(
            "s3",
            region_name=server.region,
            endpoint_url=server.endpoint,
            aws_access_key_id=server.key_id,
            aws_secret_access_key=server.secret,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def store(self, lock: Lock | None = COMPLIANCE) -> ObjectStore:
        return open_store(f"s3://{self.bucket}/court", self.options, lock)

    def versions(self, key: str = KEY) -> list[dict[str, Any]]:
        found = self.admin.list_object_versions(Bucket=self.bucket, Prefix=f"court/{key}")
        return list(found.get("Versions", []))

    def refused(self, call: Callable[..., Any], **arguments: Any) -> str:
        with pytest.raises(ClientError) as caught:
            call(Bucket=self.bucket, Key=f"court/{KEY}", **arguments)
        return str(caught.value.response["Error"]["Code"])


@pytest.fixture
def court(s3_server: S3Server, request: pytest.FixtureRequest) -> Iterator[Court]:
    court = Court(s3_server, f"locked-{abs(hash(request.node.name)) % 10**8}")
    yield court
    court.admin.close()


@pytest.mark.servers
async def test_a_bucket_is_made_with_its_lock(court: Court) -> None:
    store = court.store()
    await store.prepare()
    assert store.lock_kind is LockKind.COMPLIANCE
    rule = court.admin.get_object_lock_configuration(Bucket=court.bucket)["ObjectLockConfiguration"]
    assert rule["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": 1}
    await court.store(Lock("compliance", days=3)).prepare()
    await court.store(Lock("compliance", days=2)).prepare()  # never less than before
    rule = court.admin.get_object_lock_configuration(Bucket=court.bucket)["ObjectLockConfiguration"]
    assert rule["Rule"]["DefaultRetention"]["Days"] == 3


@pytest.mark.servers
async def test_a_bucket_that_cannot_lock_is_refused_if_the_court_demands_it(court: Court) -> None:
    court.admin.create_bucket(Bucket=court.bucket)
    with pytest.raises(CannotLock) as caught:
        await court.store().prepare()
    assert caught.value.code == "bucket-unlocked"
    with pytest.raises(StoreProblem, match="bucket-unlocked"):
        await court.store().put_new(KEY, b"x")
    lenient = court.store(Lock("possible", days=1))
    await lenient.put_new(KEY, b"x")
    assert (lenient.lock_kind, await lenient.read(KEY)) == (LockKind.NONE, b"x")
    assert await lenient.list("hearings/s-1") == [(KEY, 1)]
    await lenient.destroy(KEY)
    assert await lenient.list("") == []


@pytest.mark.servers
async def test_the_administrator_can_delete_nothing_and_unlock_nothing(court: Court) -> None:
    store = court.store()
    await store.put_new(KEY, b"evidence")
    until = (await store.protection(KEY)).until_s
    assert until > time.time() + DAY_S - 600
    (version,) = court.versions()
    id_ = version["VersionId"]
    admin = court.admin
    assert court.refused(admin.delete_object, VersionId=id_) == "AccessDenied"
    assert court.refused(admin.delete_object, VersionId=id_, BypassGovernanceRetention=True) == "AccessDenied"
    sooner = datetime.now(UTC) + timedelta(minutes=1)
    for mode in ("COMPLIANCE", "GOVERNANCE"):
        retention = {"Mode": mode, "RetainUntilDate": sooner}
        assert court.refused(
            admin.put_object_retention, VersionId=id_, Retention=retention, BypassGovernanceRetention=True
        )
    with pytest.raises(ClientError):
        admin.put_bucket_versioning(Bucket=court.bucket, VersioningConfiguration={"Status": "Suspended"})
    with pytest.raises(Locked):
        await store.destroy(KEY)
    assert await court.store().read(KEY) == b"evidence"


@pytest.mark.servers
async def test_delete_markers_and_newer_versions_hide_nothing(court: Court) -> None:
    await court.store().put_new(KEY, b"evidence")
    court.admin.delete_object(Bucket=court.bucket, Key=f"court/{KEY}")
    plain = court.store(lock=None)
    with pytest.raises(NotStored):
        await plain.read(KEY)
    for _ in range(2):
        store = court.store()
        assert await store.list("hearings/s-1/") == [(KEY, 8)]
        assert (await store.read(KEY), await store.size(KEY)) == (b"evidence", 8)
        assert b"".join([piece async for piece in store.stream(KEY, 2, 5)]) == b"ide"
        assert (await store.put_new(KEY, b"evidence")).size == 8
        with pytest.raises(AlreadyStored):
            await court.store().put_new(KEY, b"forgery!")
        court.admin.put_object(Bucket=court.bucket, Key=f"court/{KEY}", Body=b"forgery by the administrator")
    assert len(court.versions()) > 2


@pytest.mark.servers
async def test_overwriting_is_refused(court: Court) -> None:
    store = court.store()
    await store.put_new(KEY, b"first")
    with pytest.raises(AlreadyStored):
        await store.put_new(KEY, b"other")
    assert court.refused(court.admin.put_object, Body=b"other", IfNoneMatch="*") == "PreconditionFailed"
    assert len(court.versions()) == 1


@pytest.mark.servers
async def test_retention_grows_only_and_a_hold_outlasts_it(court: Court) -> None:
    store = court.store()
    await store.put_new(KEY, b"x")
    first = (await store.protection(KEY)).until_s
    year = int(time.time()) + 365 * DAY_S
    await store.retain(KEY, year)
    assert (await store.protection(KEY)).until_s == year
    await store.retain(KEY, first)
    assert (await store.protection(KEY)).until_s == year
    await store.hold(KEY, on=True)
    assert (await store.protection(KEY)).hold
    assert court.refused(court.admin.delete_object, VersionId=court.versions()[0]["VersionId"]) == "AccessDenied"
    await store.hold(KEY, on=False)
    assert not (await store.protection(KEY)).hold


@pytest.mark.servers
async def test_what_is_due_can_be_destroyed_with_all_its_versions(court: Court) -> None:
    court.admin.create_bucket(Bucket=court.bucket, ObjectLockEnabledForBucket=True)
    store = court.store(Lock("compliance", days=0))
    await store.put_new(KEY, b"x")
    await store.retain(KEY, int(time.time()) + 2)
    with pytest.raises(Locked):
        await store.destroy(KEY)
    court.admin.delete_object(Bucket=court.bucket, Key=f"court/{KEY}")
    await asyncio.sleep(max(0.0, (await store.protection(KEY)).until_s + 1 - time.time()))
    await store.hold(KEY, on=True)
    with pytest.raises(Locked):
        await store.destroy(KEY)
    await store.hold(KEY, on=False)
    await store.destroy(KEY)
    assert court.versions() == []
    await store.destroy(KEY)
    with pytest.raises(NotStored):
        await store.read(KEY)


@pytest.mark.servers
async def test_a_large_file_is_locked_in_parts_too(court: Court, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(65 * 1024 * 1024))
    store = court.store()
    await store.put_new(KEY, path)
    assert (await store.protection(KEY)).until_s > time.time()
    assert court.refused(court.admin.delete_object, VersionId=court.versions()[0]["VersionId"]) == "AccessDenied"


# --- a directory ---------------------------------------------------------------------


async def test_a_directory_is_refused_if_the_court_demands_compliance(tmp_path: Path) -> None:
    with pytest.raises(CannotLock) as caught:
        await open_store(tmp_path.as_uri(), lock=COMPLIANCE).prepare()
    assert caught.value.code == "directory"


async def test_files_of_a_directory_are_read_only_and_carry_their_date(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri(), lock=Lock("possible", days=2))
    await store.prepare()
    assert store.lock_kind is LockKind.FILES
    await store.put_new(KEY, b"x")
    found = (tmp_path / KEY).stat()
    assert found.st_mode & 0o777 == 0o400
    assert found.st_atime > time.time() + 2 * DAY_S - 600
    assert await store.read(KEY) == b"x"
    assert (await store.protection(KEY)).until_s == int(found.st_atime)
    with pytest.raises(Locked):
        await store.destroy(KEY)
    year = int(time.time()) + 365 * DAY_S
    await store.retain(KEY, year)
    await store.retain(KEY, year - DAY_S)
    assert (await store.protection(KEY)).until_s == year
    with pytest.raises(AlreadyStored):
        await store.put_new(KEY, b"y")


async def test_a_file_that_is_due_can_be_destroyed(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri(), lock=Lock("possible", days=0))
    await store.put_new(KEY, b"x")
    await store.retain(KEY, int(time.time()) - 5)
    await store.destroy(KEY)
    await store.destroy(KEY)
    assert await store.list("") == []


async def test_a_file_taken_over_from_the_spool_is_locked_too(tmp_path: Path) -> None:
    store = open_store((tmp_path / "store").as_uri(), lock=Lock("possible", days=1))
    path = tmp_path / "film"
    path.write_bytes(b"film")
    await store.put_new(KEY, path)
    with pytest.raises(Locked):
        await store.destroy(KEY)


@pytest.mark.parametrize("params", [("file", "lock-directory"), ("away", "")])
async def test_a_process_says_at_its_start_why_it_cannot_lock(params: tuple[str, str], tmp_path: Path) -> None:
    kind, code = params
    url = tmp_path.as_uri() if kind == "file" else "s3://bucket"
    settings = Settings(data=tmp_path, store=url, s3_endpoint="http://127.0.0.1:9", lock="compliance")
    store = open_archive(settings)
    if not code:  # a storage that is away holds nothing up, and gets nothing before it was seen to lock
        await prepare_archive(store)
        with pytest.raises(StoreProblem):
            await store.put_new(KEY, b"x")
        return
    with pytest.raises(Fault) as caught:
        await prepare_archive(store)
    assert caught.value.key == code
    assert "HEARING_LOCK=possible" in caught.value.sentence("en")
