"""Which requests are commands, and how their arguments are read."""

from __future__ import annotations

from typing import Any

import pytest

from hearing_server.court.arguments import ARGUMENTS
from hearing_server.hearings.commands import ASKED, Unreadable, read
from signaling.messages import Command as Request


def request(name: str, **arguments: Any) -> Request:
    return Request(id=1, name=name, request_id="r", expected_version=7, arguments=arguments)


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def test_the_person_and_the_reason_have_places_of_their_own() -> None:
    command = read(request("remove", personId="p1", reason=" shouting "))
    assert (command.name, command.subject, command.reason, command.detail) == ("remove", "p1", "shouting", {})
    assert (command.request_id, command.expected_version) == ("r", 7)


def test_the_person_does_not_matter_where_a_command_is_about_nobody() -> None:
    assert read(request("recess", personId="p1", until=5)).subject == ""


@pytest.mark.parametrize("name", sorted(ASKED & ARGUMENTS.keys()))
def test_every_argument_of_every_command_can_be_said(name: str) -> None:
    names = ARGUMENTS[name].__struct_fields__
    said = {camel(argument): f"value of {argument}" for argument in names}
    assert read(request(name, personId="p1", **said)).detail == {one: f"value of {one}" for one in names}


@pytest.mark.parametrize(
    "name", ["elapsed", "lose", "seal", "check_in", "sign_in", "add_person", "change_person", "change_judge", "book"]
)
def test_the_courts_own_steps_cannot_be_asked_for(name: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(request(name, personId="p1"))
    assert caught.value.code == "unknown-command"


@pytest.mark.parametrize("person", [5, ["p1"], {"id": "p1"}, "x" * 129])
def test_what_is_no_person(person: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        read(request("call", personId=person))
    assert caught.value.code == "invalid"


def test_a_command_about_somebody_needs_somebody() -> None:
    with pytest.raises(Unreadable) as caught:
        read(request("mute"))
    assert caught.value.code == "unknown-person"
