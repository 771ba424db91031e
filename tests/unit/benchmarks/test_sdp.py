"""Descriptions made and read by hand."""

from __future__ import annotations

import pytest

from benchmarks.forwarding import sdp
from benchmarks.forwarding.client import Remote
from benchmarks.forwarding.shapes import hearings

LOCAL = sdp.Local("192.0.2.7", 4711, "frag", "p" * 24, "AA:BB")


def test_an_offer_names_every_flow_and_its_retransmission() -> None:
    flows = hearings(1).flows[:2]
    audio, video = sdp.parse(sdp.offer(LOCAL, flows))
    assert (audio.kind, audio.mid, audio.ssrc) == ("audio", "0", flows[0].ssrc)
    assert (video.kind, video.mid, video.ssrc) == ("video", "1", flows[1].ssrc)
    assert f"ssrc-group:FID {flows[1].ssrc} {flows[1].ssrc + 1}" in video.attributes
    assert "setup:active" in video.attributes


def test_an_answer_takes_all_sections_as_offered() -> None:
    offered = sdp.offer(LOCAL, hearings(1).flows[:2])
    answered = sdp.parse(sdp.answer(LOCAL, offered))
    assert [(m.kind, m.mid, m.formats) for m in answered] == [(m.kind, m.mid, m.formats) for m in sdp.parse(offered)]
    assert all("recvonly" in m.attributes and "sendonly" not in m.attributes for m in answered)
    assert all(m.ssrc is None for m in answered)
    assert any(a.startswith("fmtp:") and "apt=" in a for a in answered[1].attributes)


def test_the_other_side_is_read_from_its_description() -> None:
    assert sdp.remote(sdp.offer(LOCAL, hearings(1).flows[:1])) == Remote("192.0.2.7", 4711, "frag", "p" * 24, "AA:BB")


@pytest.mark.parametrize("line", ["a=candidate", "a=fingerprint", "a=ice-ufrag", "a=ice-pwd"])
def test_a_description_that_lacks_something_is_refused(line: str) -> None:
    text = sdp.offer(LOCAL, hearings(1).flows[:1])
    cut = "\r\n".join(given for given in text.split("\r\n") if not given.startswith(line))
    with pytest.raises(ValueError, match="not a whole description"):
        sdp.remote(cut)
