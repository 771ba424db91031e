"""The settings of all processes: environment variables ``HEARING_*``, or one TOML file, or the defaults.

The file is named by ``HEARING_CONFIG``; its keys are the field names below.  A variable of the environment wins over
the file.  Every setting is described in docs/settings.md, which a test holds to this list.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec

from recording.age import Recipient
from recording.cosignature import Cosigner, parse_cosigner
from recording.timestamps import is_authority
from signaling.turn import DEFAULT_LIFETIME_S, MAX_URLS, is_turn_url

from .words import Fault, Word

PREFIX = "HEARING_"
CONFIG_VARIABLE = "HEARING_CONFIG"
LANGUAGE_VARIABLE = "HEARING_LANG"
#: Variables that are no settings of a process: where the settings file is, and the language of the terminal.
OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, LANGUAGE_VARIABLE})


#: Smallest and largest value.  Port 0 means any free port.
RANGES: dict[str, tuple[float, float]] = {
    "http_port": (0, 65535),
    "https_port": (0, 65535),
    "media_port": (0, 65535),
    "media_workers": (0, 256),
    "media_packets_per_s": (1, 10_000_000),
    "turn_lifetime_s": (60, 86_400),
    "countdown_s": (0.1, 120),
    "recording_test_hour": (-1, 23),
    "identity_days": (0, 3650),
    "lock_days": (1, 36_500),
    "share_hours": (1, 720),
    "added_limit_mb": (1, 1_048_576),
}
SCHEMES = {
    "bus": ("local", "redis", "rediss"),
    "database": ("sqlite+aiosqlite", "postgresql+asyncpg"),
    "store": ("file", "s3"),
    "backup_store": ("file", "s3"),
    "base_url": ("http", "https"),
    "mail": ("smtp", "smtps", "file"),
    "sms": ("https", "http", "file"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Empty text means: derived from the other settings (the properties below say how)."""

    data: Path = Path("data")
    bus: str = "local:"
    database: str = ""
    store: str = ""
    s3_endpoint: str = ""
    s3_key_id: str = ""
    s3_secret: str = dataclasses.field(default="", repr=False)
    s3_region: str = "us-east-1"
    backup_store: str = ""
    backup_s3_endpoint: str = ""
    backup_s3_key_id: str = ""
    backup_s3_secret: str = dataclasses.field(default="", repr=False)
    backup_s3_region: str = "us-east-1"
    record_recipients: str = ""
    record_identity: str = ""
    lock: Literal["off", "possible", "compliance"] = "off"
    lock_days: int = 30
    spool: str = ""
    key_file: str = ""
    public_key_file: str = ""
    key_token: str = ""
    document_key_token: str = ""
    link_key_file: str = ""
    log_name: str = ""
    timestamp_authority: str = ""
    log_cosigners: str = ""

    http_address: str = "localhost"
    http_port: int = 8080
    https_address: str = "*"
    https_port: int = 8443
    tls_certificate: str = ""
    tls_key: str = ""
    base_url: str = ""
    trusted_proxies: str = ""
    metrics_open: bool = False

    providers_file: str = ""
    mail: str = ""
    mail_from: str = ""
    mail_password: str = dataclasses.field(default="", repr=False)
    sms: str = ""
    sms_token: str = dataclasses.field(default="", repr=False)
    identity_days: float = 7.0
    share_hours: int = 72
    #: Four hours of 1080p at 4 Mbit/s.
    added_limit_mb: int = 8192

    media_address: str = "*"
    media_port: int = 20000
    media_workers: int = 1
    media_announce: str = ""
    media_packets_per_s: int = 50_000
    media_hot_path: Literal["auto", "python", "native"] = "auto"
    worker_id: str = ""

    turn_urls: str = ""
    turn_secret: str = dataclasses.field(default="", repr=False)
    turn_secret_file: str = ""
    turn_lifetime_s: int = DEFAULT_LIFETIME_S

    countdown_s: float = 10.0
    recording_test_hour: int = 6

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    log_file: str = ""

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite+aiosqlite:///{(self.data / 'hearings.sqlite3').resolve()}"

    @property
    def store_url(self) -> str:
        return self.store or (self.data / "archive").resolve().as_uri()

    @property
    def spool_folder(self) -> Path:
        return Path(self.spool) if self.spool else self.data / "spool"

    @property
    def record_key_path(self) -> Path:
        """The private key that seals records."""
        return Path(self.key_file) if self.key_file else self.data / "keys" / "record.pem"

    @property
    def public_key_path(self) -> Path:
        """The public half of that key: written where records are sealed, read where they are checked."""
        if self.public_key_file:
            return Path(self.public_key_file)
        return self.record_key_path.with_name(self.record_key_path.stem + ".pub.pem")

    @property
    def escrow(self) -> list[str]:
        """Who can open an encrypted record besides the court's servers; none: records are not encrypted."""
        return [part.strip() for part in self.record_recipients.split(",") if part.strip()]

    @property
    def record_identity_path(self) -> Path:
        """The identity with which the court's servers open encrypted records."""
        return Path(self.record_identity) if self.record_identity else self.data / "keys" / "record.identity"

    @property
    def link_key_path(self) -> Path:
        """The secret that signs personal links and seat cookies."""
        return Path(self.link_key_file) if self.link_key_file else self.data / "keys" / "links.key"

    @property
    def transparency_log(self) -> str:
        """The public name of the court's log of sealed records."""
        return self.log_name or f"{urlsplit(self.base_url).hostname or 'localhost'}/records"

    @property
    def cosigners(self) -> tuple[Cosigner, ...]:
        """Those outside the court who are asked to cosign the heads of its log."""
        return tuple(parse_cosigner(part) for part in self.log_cosigners.split(",") if part.strip())

    @property
    def proxies(self) -> list[str]:
        """Addresses and networks whose word on who asks, and how, is believed."""
        return [part.strip() for part in self.trusted_proxies.split(",") if part.strip()]

    @property
    def media_processes(self) -> int:
        """How many media workers ``serve --all`` starts."""
        return self.media_workers or os.cpu_count() or 1

    @property
    def media_ports(self) -> list[int]:
        """One for each of them."""
        return [self.media_port and self.media_port + number for number in range(self.media_processes)]

    @property
    def announced(self) -> tuple[str, ...]:
        """Addresses of the media worker that browsers are told."""
        return tuple(part.strip() for part in self.media_announce.split(",") if part.strip())

    @property
    def relays(self) -> list[str]:
        """Addresses of the TURN servers, as browsers take them."""
        return [part.strip() for part in self.turn_urls.split(",") if part.strip()]

    @property
    def run_folder(self) -> Path:
        """Sockets of the running processes."""
        return self.data / "run"

    @property
    def certificates_folder(self) -> Path:
        return self.data / "certificates"


FIELDS: dict[str, dataclasses.Field[Any]] = {field.name: field for field in dataclasses.fields(Settings)}


def variable(field_name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field_name.upper()


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings.  Raises :class:`Fault`, which names the setting at fault."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = _from_file(environ.get(CONFIG_VARIABLE, ""))
    names = {variable(name): name for name in FIELDS}
    for key, text in environ.items():
        if not key.startswith(PREFIX) or key in OTHER_VARIABLES:
            continue
        if key not in names:
            raise Fault("setting-unknown", name=key)
        values[names[key]] = text
    return _checked(values)


def environment(settings: Settings) -> dict[str, str]:
    """The settings as variables, complete, for a child process."""
    return {variable(name): str(getattr(settings, name)) for name in FIELDS}


def _from_file(path: str) -> dict[str, Any]:
    if not path:
        return {}
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Fault("settings-file-unreadable", path=path, reason=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Fault("settings-file-not-toml", path=path, reason=error) from error
    for name in content:
        if name not in FIELDS:
            raise Fault("settings-file-unknown", path=path, name=name)
    return content


def _checked(values: dict[str, Any]) -> Settings:
    types = get_type_hints(Settings)
    converted: dict[str, Any] = {}
    for name, value in values.items():
        try:
            converted[name] = msgspec.convert(value, types[name], strict=False, dec_hook=_as_path)
        except msgspec.ValidationError as error:
            raise _unfit(name, value, _expected(types[name])) from error
    settings = Settings(**converted)
    for name, (low, high) in RANGES.items():
        if not low <= getattr(settings, name) <= high:
            raise _unfit(name, getattr(settings, name), Word("expected-range", low=low, high=high))
    for name, schemes in SCHEMES.items():
        if (url := getattr(settings, name)) and urlsplit(url).scheme not in schemes:
            choices = ", ".join(f"{scheme}:…" for scheme in schemes)
            raise _unfit(name, url, Word("expected-choice", choices=choices))
    for proxy in settings.proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError as error:
            raise _unfit("trusted_proxies", proxy, Word("expected-network")) from error
    _check_relays(settings)
    for recipient in settings.escrow:
        try:
            Recipient.parse(recipient)
        except ValueError as error:
            raise _unfit("record_recipients", recipient, Word("expected-recipient")) from error
    if settings.timestamp_authority and not is_authority(settings.timestamp_authority):
        raise _unfit("timestamp_authority", settings.timestamp_authority, Word("expected-choice", choices="https://…"))
    _check_cosigners(settings)
    if " " in settings.transparency_log or "\n" in settings.transparency_log or "+" in settings.transparency_log:
        raise _unfit("log_name", settings.log_name, Word("expected-name"))
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise Fault("setting-pair", name=variable("tls_key" if settings.tls_certificate else "tls_certificate"))
    return settings


def _check_cosigners(settings: Settings) -> None:
    try:
        usable = all(is_authority(cosigner.url) for cosigner in settings.cosigners)
    except ValueError:
        usable = False
    if not usable:
        raise _unfit("log_cosigners", settings.log_cosigners, Word("expected-cosigners"))


def _check_relays(settings: Settings) -> None:
    if len(settings.relays) > MAX_URLS or not all(map(is_turn_url, settings.relays)):
        raise _unfit("turn_urls", settings.turn_urls, Word("expected-relays", most=MAX_URLS))
    if settings.turn_secret and settings.turn_secret_file:
        raise Fault("setting-either", one=variable("turn_secret"), other=variable("turn_secret_file"))
    if bool(settings.relays) != bool(settings.turn_secret or settings.turn_secret_file):
        raise Fault("setting-relay-pair", urls=variable("turn_urls"), secret=variable("turn_secret"))


def _unfit(name: str, value: object, expected: Word) -> Fault:
    return Fault("setting-value", name=variable(name), value=value, expected=expected)


def _expected(kind: Any) -> Word:
    if choices := get_args(kind):
        return Word("expected-choice", choices=", ".join(choices))
    return Word(
        {bool: "expected-bool", int: "expected-int", float: "expected-float", Path: "expected-path"}.get(
            kind, "expected-text"
        )
    )


def _as_path(kind: type, value: object) -> Path:
    """msgspec knows no paths."""
    if kind is not Path or not isinstance(value, str) or not value:
        raise ValueError("not the path of a folder")
    return Path(value)
