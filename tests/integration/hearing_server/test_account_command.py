"""``hearing account`` as an operator runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hearing_server import cli
from tests.e2e.harness.server import clean_environment

PASSWORD = "correct horse battery staple"
FIRST = ("--court", "northgate", "--role", "administrator", "--role", "clerk")
COURT = ("--court-name", "Northgate", "--court-name-zh", "北门", "--profile", "china")


def account(data: Path, *arguments: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hearing_server", "account", *arguments],
        input=f"{password}\n",
        env=clean_environment() | {"HEARING_DATA": str(data), "HEARING_LANG": "en"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_first_administrator_comes_from_nothing(tmp_path: Path) -> None:
    added = account(tmp_path, "add", "M.Okafor", "--name", "M. Okafor", *FIRST, *COURT, "--json")
    assert added.returncode == cli.OK, added.stderr
    made = json.loads(added.stdout)
    assert (made["user"], made["roles"]) == ("m.okafor", {"northgate": ["administrator", "clerk"]})
    assert "m.okafor  M. Okafor  northgate: administrator, clerk" in account(tmp_path, "list").stdout
    again = account(tmp_path, "add", "m.okafor", *FIRST)
    assert (again.returncode, "already" in again.stderr) == (cli.FAULT, True)
    provider = ("--provider", "judiciary", "--subject", "u-1", "--court", "northgate", "--role", "judge")
    assert account(tmp_path, "add", "b", *provider).returncode == cli.OK
    assert account(tmp_path, "disable", "b").returncode == cli.OK
    listed = json.loads(account(tmp_path, "list", "--json").stdout)
    assert [(row["user"], row["disabled"], row["provider"]) for row in listed] == [
        ("b", True, "judiciary"),
        ("m.okafor", False, None),
    ]
    last = account(tmp_path, "disable", "m.okafor")
    assert (last.returncode, "without an administrator" in last.stderr) == (cli.FAULT, True)


def test_what_cannot_be_is_said_in_one_sentence(tmp_path: Path) -> None:
    assert "--court-name" in account(tmp_path, "add", "a", *FIRST).stderr
    weak = account(tmp_path, "add", "a", *FIRST, *COURT, password="short")
    assert (weak.returncode, weak.stderr.count("\n"), "15 characters" in weak.stderr) == (cli.FAULT, 1, True)
    assert account(tmp_path, "disable", "nobody").returncode == cli.FAULT
