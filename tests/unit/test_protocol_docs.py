"""docs/protocol.md names all that the code says on the socket, and its examples are what the code reads and writes."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import msgspec
import pytest

from signaling import gate, messages, ortc, outbox, socket
from signaling.refusals import SENTENCES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def section(title: str) -> str:
    """The text below a heading of the fourth level, up to the next heading."""
    found = re.search(rf"^#### `{re.escape(title)}`\n(.*?)(?=^#|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/protocol.md has no section on `{title}`"
    return found[1]


def tag(struct: type[msgspec.Struct]) -> str:
    tag = struct.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


MESSAGES: list[type[msgspec.Struct]] = [
    *typing.get_args(messages.AnyRequest),
    *typing.get_args(messages.AnyNotice),
    messages.Reply,
    messages.ErrorReply,
]
#: What the data of a reply looks like, by request.
RESULTS: dict[str, type[msgspec.Struct]] = {
    "join": messages.Joined,
    "media": messages.MediaReady,
    "transport.create": messages.TransportCreated,
    "transport.restartIce": messages.IceRestarted,
    "produce": messages.Produced,
    "ping": messages.Pong,
}
MEDIA_STRUCTS = [
    ortc.RtpCapabilities,
    ortc.RtpParameters,
    ortc.IceParameters,
    ortc.IceCandidate,
    ortc.DtlsParameters,
    ortc.DtlsFingerprint,
    ortc.RtcpFeedback,
]
EXAMPLES = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("struct", MESSAGES, ids=tag)
def test_every_message_and_field_is_described(struct: type[msgspec.Struct]) -> None:
    text = section(tag(struct))
    for name in struct.__struct_encode_fields__:
        assert name == "id" or f"`{name}`" in text, f"`{tag(struct)}` does not say what `{name}` is"


@pytest.mark.parametrize("struct", MESSAGES, ids=tag)
def test_every_message_has_an_example(struct: type[msgspec.Struct]) -> None:
    assert f'"type": "{tag(struct)}"' in section(tag(struct))


@pytest.mark.parametrize(("title", "struct"), RESULTS.items())
def test_every_result_is_described(title: str, struct: type[msgspec.Struct]) -> None:
    for name in struct.__struct_encode_fields__:
        assert f"`{name}`" in section(title)


@pytest.mark.parametrize("struct", MEDIA_STRUCTS)
def test_every_media_parameter_is_described(struct: type[msgspec.Struct]) -> None:
    media = DOCUMENT[DOCUMENT.index("\n## Media\n") :]
    for name in struct.__struct_encode_fields__:
        assert f"`{name}`" in media, f"`{name}` of {struct.__name__} is not described"


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_read_by_the_code(example: str) -> None:
    kind = msgspec.json.decode(example)["type"]
    struct = next(struct for struct in MESSAGES if tag(struct) == kind)
    read = msgspec.json.decode(example, type=struct)
    # What was written is what is read: no misspelt field, no lost one.
    written = msgspec.json.decode(messages.encode(read))
    assert _with(written, msgspec.json.decode(example)) == written


def _with(whole: object, part: object) -> object:
    """The whole with the values of the part; fields that the whole does not have are added (and so seen)."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return {**whole, **{name: _with(whole.get(name), value) for name, value in part.items() if value != []}}
    if isinstance(whole, list) and isinstance(part, list) and len(whole) == len(part):
        return [_with(one, other) for one, other in zip(whole, part, strict=True)]
    return part


@pytest.mark.parametrize("code", SENTENCES)
def test_every_code_is_listed_with_its_sentence(code: str) -> None:
    assert f"| `{code}` | {SENTENCES[code][0]} |" in DOCUMENT


def test_every_ended_reason_is_listed() -> None:
    reasons = typing.get_args(typing.get_type_hints(messages.Ended)["reason"])
    for reason in reasons:
        assert f"| `{reason}` |" in section("ended")


def test_every_close_code_is_listed() -> None:
    codes = (gate.CLOSE_MISUSE, gate.CLOSE_TOO_LARGE, gate.CLOSE_SILENT, socket.CLOSE_NORMAL, socket.CLOSE_SLOW)
    for code in codes:
        assert f"| {code} |" in DOCUMENT


def test_the_bounds_are_those_of_the_code() -> None:
    assert f"{messages.FRAME_LIMIT_BYTES:,} bytes" in DOCUMENT
    assert f"At most {messages.PENDING_LIMIT} requests" in DOCUMENT
    assert f"at most {messages.REQUESTS_PER_S} a second" in DOCUMENT
    assert f"{gate.BURST_REQUESTS} at once" in DOCUMENT
    assert f"about {gate.OFFENCES_LIMIT} frames" in DOCUMENT
    assert f"sends `ping` every {messages.PING_S:g} s" in DOCUMENT
    assert f"no frame came for {gate.SILENCE_LIMIT_S:g} s" in DOCUMENT
    assert f"{outbox.LIMIT_BYTES // 1024**2} MiB unread" in DOCUMENT
    assert f"default {messages.PROTOCOL_VERSION})" in section("join")
