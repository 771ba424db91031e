"""The stream to the public: told first, objected to on the record, never of an excluded case, stopped at once."""

from __future__ import annotations

import pytest

from hearing_server.court import Presence, Stream, plan, profile

from .company import IDS, company, in_session
from .room import Room


def told(category: str = "ordinary", profile_name: str = "demo") -> Room:
    room = in_session() if profile_name == "demo" else company(profile(profile_name))
    assert room.give("clerk", "classify", detail={"category": category}) is None
    return room


def live() -> Room:
    room = told()
    assert room.give("clerk", "announce_stream") is None
    assert room.give("judge", "start_stream") is None
    return room


def watching(room: Room) -> bool:
    return room.sitting.people["observer"].presence is Presence.IN_HEARING and "observer" in plan(room.sitting).receive


def test_who_watches_comes_in_without_being_called_and_goes_out_at_once() -> None:
    room = live()
    assert watching(room)
    assert "observer" not in plan(room.sitting).publish
    # Whatever the bench was looking at: it must not fail.
    version = room.sitting.version
    room.give("judge", "recess")
    room.give("judge", "resume")
    room.give("system", "first_durable")
    room.wait(10)
    room.give("system", "elapsed")
    assert watching(room), "back with the session"
    assert room.give("judge", "stop_stream", expected_version=version) is None
    assert not watching(room)
    assert room.sitting.stream is Stream.ANNOUNCED
    # It goes on without being told anew, and one who was sent out stays out.
    room.give("judge", "start_stream")
    assert watching(room)
    room.give("judge", "dismiss", "observer")
    room.give("judge", "stop_stream")
    room.give("judge", "start_stream")
    assert not watching(room)


@pytest.mark.parametrize(
    "steps",
    [
        [("judge", "close_doors", {"ground": "minors"})],
        [("judge", "withdraw_public", {})],
        [("clerk", "classify", {"category": "children"})],
        [("judge", "close", {})],
    ],
    ids=lambda steps: steps[-1][1],
)
def test_what_is_not_public_any_more_is_not_streamed(steps: list[tuple[str, str, dict[str, object]]]) -> None:
    room = live()
    for giver, name, detail in steps:
        assert room.give(giver, name, detail=detail) is None
    assert not watching(room)
    assert room.sitting.stream is Stream.OFF


def test_parties_are_told_and_objections_are_answered_on_the_record() -> None:
    room = told()
    assert room.give("judge", "start_stream") == "stream-state"
    assert room.give("claimant", "object_to_stream", detail={"text": "t"}) == "stream-state"
    room.give("judge", "announce_stream")
    assert room.give("observer", "object_to_stream", detail={"text": "t"}) == "not-allowed"
    assert room.give("claimant", "object_to_stream", detail={"text": "My address was read out."}) is None
    assert room.give("claimant", "object_to_stream", detail={"text": "again"}) == "objected-already"
    assert room.give("judge", "start_stream") == "reason-missing"
    assert room.give("judge", "start_stream", reason="The address will be withheld.") is None
    assert [one.by for one in room.sitting.stream_objections] == ["claimant"]
    assert room.sitting.stream_reason == "The address will be withheld."


def test_they_are_told_before_the_start_and_may_object_from_the_waiting_room() -> None:
    room = company()
    room.arrive(*IDS)
    room.give("clerk", "classify", detail={"category": "ordinary"})
    assert room.give("clerk", "announce_stream") is None
    assert room.give("witness", "object_to_stream", detail={"text": "I am afraid."}) is None
    assert room.give("judge", "start_stream") == "not-started"


@pytest.mark.parametrize(
    ("profile_name", "category", "without", "with_reasons"),
    [
        ("demo", "ordinary", None, None),
        ("demo", "family", "stream-excluded", None),
        ("england", "sexual_offences", "stream-excluded", None),
        ("china", "divorce", "stream-excluded", None),
        ("china", "privacy", "stream-never", "stream-never"),
        ("china", "state_secrets", "stream-never", "stream-never"),
    ],
)
def test_excluded_kinds_need_reasons(
    profile_name: str, category: str, without: str | None, with_reasons: str | None
) -> None:
    room = told(category, profile_name)
    assert room.give("judge", "announce_stream", detail={"override": " "}) == without
    if without is not None:
        override = {"override": "of great public concern"}
        assert room.give("judge", "announce_stream", detail=override) == with_reasons


def test_nothing_is_streamed_before_its_kind_is_known_or_without_a_direction() -> None:
    room = company(profile("england"))
    room.arrive(*IDS)
    assert room.give("judge", "announce_stream") == "category-missing"
    assert room.give("judge", "classify", detail={"category": "noise"}) == "category-unknown"
    room.give("judge", "classify", detail={"category": "ordinary"})
    room.give("judge", "announce_stream")
    room.give("judge", "open")
    room.give("system", "first_durable")
    room.wait(10)
    room.give("system", "elapsed")
    assert room.give("judge", "start_stream") == "no-direction"
    room.give("judge", "direct_public", detail={"grounds": "press"})
    assert room.give("judge", "start_stream") is None
    assert watching(room)
