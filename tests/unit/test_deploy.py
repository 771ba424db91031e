"""What deploy/compose.yaml sets are settings of ours, deploy/example.env names all that it asks for, and the image can
be built from what is sent to its builder."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from hearing_server.config import PREFIX, Settings, load

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE = (DEPLOY / "example.env").read_text(encoding="utf-8")
DOCKERFILE = (DEPLOY.parent / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (DEPLOY.parent / ".dockerignore").read_text(encoding="utf-8")


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


def test_what_the_image_is_made_of_is_sent_to_its_builder() -> None:
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    ]
    sent = set(re.findall(r"^!(\S+)$", IGNORED, re.MULTILINE))
    assert "hatch_build.py" in copied
    assert {word.split("/")[0] for word in copied} <= sent
    assert all((DEPLOY.parent / word).exists() for word in copied)


def test_who_runs_in_the_image_owns_the_folders_of_its_volumes() -> None:
    mounted = set(re.findall(r"^ +- \w+:(/data[^\s:]*)(?::ro)?$", COMPOSE, re.MULTILINE))
    made = re.search(r"install -d -o hearing -g hearing -m 0700 (.+)$", DOCKERFILE, re.MULTILINE)
    assert made is not None
    assert {"/data", "/data/spool"} <= mounted <= set(made[1].split())
