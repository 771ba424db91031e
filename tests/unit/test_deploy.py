"""What deploy/compose.yaml sets are settings of ours, and deploy/example.env names all that it asks for."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from hearing_server.config import PREFIX, Settings, load

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE = (DEPLOY / "example.env").read_text(encoding="utf-8")


def test_what_is_set_is_a_setting() -> None:
    named = {name.removeprefix(PREFIX).lower() for name in re.findall(rf"^ +({PREFIX}\w+):", COMPOSE, re.MULTILINE)}
    assert {"mail", "mail_from", "sms", "providers_file", "bus"} <= named
    assert named <= {field.name for field in fields(Settings)}


def test_what_is_asked_for_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)[:?}-]", COMPOSE))
    told = set(re.findall(r"^#?(\w+)=", EXAMPLE, re.MULTILINE))
    # Ports and addresses with a default that fits, and those that compose itself reads.
    assert {name for name in asked if f"${{{name}:-}}" in COMPOSE or f"${{{name}:?}}" in COMPOSE} <= told


def test_what_is_left_empty_is_not_set() -> None:
    names = ("mail", "mail_from", "mail_password", "sms", "sms_token", "providers_file")
    assert load({f"{PREFIX}{name.upper()}": "" for name in names}) == load({})
