from __future__ import annotations

import pytest

from hearing_server import config
from hearing_server.processes.media_worker import _worker_settings


def listens(**variables: str) -> tuple[str, ...]:
    return _worker_settings(
        config.load({f"HEARING_MEDIA_{name.upper()}": text for name, text in variables.items()})
    ).listen


def test_it_listens_everywhere_unless_told_otherwise() -> None:
    assert listens()[0] == "0.0.0.0"
    assert listens(address="localhost") == ("127.0.0.1",)
    assert listens(address="192.0.2.1") == ("192.0.2.1",)


def test_announced_addresses_of_its_own_are_answered_from() -> None:
    assert listens(announce="127.0.0.1") == ("127.0.0.1",)
    assert listens(announce="127.0.0.2, 127.0.0.1") == ("127.0.0.2", "127.0.0.1")


@pytest.mark.parametrize("announce", ["192.0.2.1", "127.0.0.1,192.0.2.1", "2001:db8::1", "no address"])
def test_behind_a_router_it_listens_everywhere(announce: str) -> None:
    assert listens(announce=announce)[0] == "0.0.0.0"
