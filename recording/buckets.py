"""What the data path's client cannot ask of an S3 service: versions, Object Lock, legal holds.  Blocking calls.

botocore is Amazon's own client; it is loaded only where a bucket is to lock.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .locks import CannotLock, Protection

if TYPE_CHECKING:
    from .objects import S3Options

#: How long a service may take to answer, s, and how often a call is tried.
TIMEOUT_S = 30
ATTEMPTS = 3
#: What services call things that are not there.
MISSING = frozenset({"404", "NoSuchBucket", "NoSuchKey", "NoSuchVersion", "NotFound"})
NO_LOCK = frozenset({"ObjectLockConfigurationNotFoundError", "InvalidRequest", "NoSuchObjectLockConfiguration"})
NO_PROTECTION = frozenset(
    {"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "NoSuchObjectLegalHold"}
)
REFUSED = frozenset({"AccessDenied", "403"})
IN_USE = frozenset({"BucketAlreadyOwnedByYou"})


class BucketProblem(Exception):
    """The service could not do it now."""


class BucketRefused(BucketProblem):
    """The service does not allow it: what was to be deleted or shortened is locked."""


@dataclass(frozen=True, slots=True)
class Version:
    """The bytes that were stored first under a key; later ones, and delete markers, count for nothing."""

    key: str
    id: str
    size: int
    stored: datetime


class Bucket:
    """Keys are relative to the prefix.  Every method blocks; all raise :class:`BucketProblem`."""

    def __init__(self, name: str, prefix: str, options: S3Options) -> None:
        self.name = name
        self._prefix = f"{prefix}/" if prefix else ""
        self._options = options
        self._client: Any = None
        self._making = threading.Lock()

    def prepare(self, days: int) -> None:
        """See that the bucket is there, keeps versions, and locks each new object for at least so many days.

        A bucket that is missing is made.  Raises :class:`CannotLock` too.
        """
        found = self._lock_configuration()
        if found is None:
            self._make()
            found = self._lock_configuration()
        if not found or found.get("ObjectLockEnabled") != "Enabled":
            raise CannotLock("bucket-unlocked", self.name)
        rule = found.get("Rule", {}).get("DefaultRetention", {})
        present = rule.get("Days", 0) + 365 * rule.get("Years", 0)
        if days and (rule.get("Mode") != "COMPLIANCE" or present < days):
            retention = {"Mode": "COMPLIANCE", "Days": max(days, present)}
            configuration = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
            self._call("put_object_lock_configuration", ObjectLockConfiguration=configuration)

    def versions(self, folder: str) -> Iterator[Version]:
        """The first version of each object whose key begins so, in the order of the keys."""
        first: Version | None = None
        for item in self._listed(folder):
            key = str(item["Key"])[len(self._prefix) :]
            version = Version(key, str(item["VersionId"]), int(item["Size"]), item["LastModified"])
            if first is not None and first.key != key:
                yield first
                first = None
            # They come newest first.
            if first is None or version.stored <= first.stored:
                first = version
        if first is not None:
            yield first

    def first_version(self, key: str) -> Version | None:
        """The bytes that were stored first under this key."""
        for version in self.versions(key):
            if version.key == key:
                return version
            if version.key > key:
                break
        return None

    def copies(self, key: str) -> int:
        """How many versions there are under this key."""
        return sum(item["Key"] == self._prefix + key for item in self._listed(key))

    def protection(self, key: str, version: str) -> Protection:
        target = {"Key": self._prefix + key, "VersionId": version}
        retention = self._asked("get_object_retention", **target).get("Retention", {})
        hold = self._asked("get_object_legal_hold", **target).get("LegalHold", {})
        until = retention.get("RetainUntilDate")
        locked = retention.get("Mode") == "COMPLIANCE" and until is not None
        return Protection(int(until.timestamp()) if locked else 0, hold.get("Status") == "ON")

    def retain(self, key: str, version: str, until_s: int) -> None:
        """Lock until then, never for less than now."""
        if self.protection(key, version).until_s >= until_s:
            return
        retention = {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.fromtimestamp(until_s, UTC)}
        self._call("put_object_retention", Key=self._prefix + key, VersionId=version, Retention=retention)

    def hold(self, key: str, version: str, *, on: bool) -> None:
        status = {"Status": "ON" if on else "OFF"}
        self._call("put_object_legal_hold", Key=self._prefix + key, VersionId=version, LegalHold=status)

    def destroy(self, key: str) -> None:
        """Delete every version of this key.  Raises :class:`BucketRefused` while one of them is locked."""
        for item in list(self._listed(key, markers=True)):
            if item["Key"] == self._prefix + key:
                self._call("delete_object", Key=item["Key"], VersionId=item["VersionId"])

    # --- inside -------------------------------------------------------------------

    def _listed(self, folder: str, *, markers: bool = False) -> Iterator[dict[str, Any]]:
        place: dict[str, Any] = {}
        while True:
            page = self._call("list_object_versions", Prefix=self._prefix + folder, **place)
            yield from page.get("Versions", [])
            if markers:
                yield from page.get("DeleteMarkers", [])
            if not page.get("IsTruncated"):
                return
            place = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}

    def _lock_configuration(self) -> dict[str, Any] | None:
        """Nothing if there is no such bucket; empty if it has no Object Lock."""
        try:
            found: dict[str, Any] = self._call("get_object_lock_configuration")["ObjectLockConfiguration"]
            return found
        except _Answered as error:
            if error.code in NO_LOCK:
                return {}
            if error.code in MISSING:
                return None
            raise

    def _make(self) -> None:
        region = self._options.region
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._call("create_bucket", ObjectLockEnabledForBucket=True, **place)
        except _Answered as error:
            if error.code not in IN_USE:
                raise CannotLock("bucket-missing", self.name, str(error)) from error

    def _asked(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer, empty if the object has nothing of the kind."""
        try:
            return self._call(operation, **arguments)
        except _Answered as error:
            if error.code in NO_PROTECTION:
                return {}
            raise

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        with self._making:
            if self._client is None:
                self._client = self._connect()
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(Bucket=self.name, **arguments)
            return answer
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            kind = _AnsweredRefusal if code in REFUSED else _Answered
            raise kind(code, f"{operation}: {error}") from error
        except (BotoCoreError, OSError) as error:
            raise BucketProblem(f"{operation}: {error}") from error

    def _connect(self) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        options, keys = self._options, {}
        if options.key_id and options.secret:
            keys = {"aws_access_key_id": options.key_id, "aws_secret_access_key": options.secret}
        config = Config(
            connect_timeout=5,
            read_timeout=TIMEOUT_S,
            retries={"max_attempts": ATTEMPTS, "mode": "standard"},
            signature_version="s3v4",
            s3={"addressing_style": "path" if options.endpoint else "auto"},
        )
        return Session().create_client(
            "s3", region_name=options.region, endpoint_url=options.endpoint, config=config, **keys
        )


class _Answered(BucketProblem):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class _AnsweredRefusal(_Answered, BucketRefused):
    pass


@contextlib.contextmanager
def translated(key: str, problem: type[Exception], refused: type[Exception]) -> Iterator[None]:
    """Faults of a bucket as those of a store."""
    try:
        yield
    except BucketRefused as error:
        raise refused(f"{key}: {error}") from error
    except BucketProblem as error:
        raise problem(f"{key}: {error}") from error
