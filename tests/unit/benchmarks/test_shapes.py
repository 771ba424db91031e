"""Loads as transports and flows."""

from __future__ import annotations

import itertools

import pytest

from benchmarks.forwarding.shapes import PROBES, fan_out, hearings


def test_hearings_are_everyone_to_everyone_else_within_one_room() -> None:
    layout = hearings(4)
    assert (len(layout.rooms), len(layout.people), layout.transports, len(layout.flows)) == (4, 24, 48, 48)
    assert layout.packets_out_s == 4 * 6 * 5 * 150
    for person in layout.people:
        assert len(person.hears) == 5
        assert {other.room for other in person.hears} == {person.room}
        assert person not in person.hears
    numbers = [n for p in layout.people for n in (p.uplink, p.downlink)]
    assert sorted(n for n in numbers if n is not None) == list(range(48))
    assert layout.capture
    assert hearings(2, first_room=4).rooms == [4, 5]


@pytest.mark.parametrize("count", [1, 2, 20])
def test_probes_are_different_receivers(count: int) -> None:
    layout = hearings(count)
    receivers = {person.downlink for person in layout.people}
    assert len(set(layout.probes)) == PROBES
    assert set(layout.probes) <= receivers


def test_senders_do_not_all_send_at_once() -> None:
    layout = hearings(10)
    pictures = sorted(flow.phase_us for flow in layout.flows if flow.kind == "video")
    assert len(set(pictures)) == len(pictures)
    assert max(b - a for a, b in itertools.pairwise(pictures)) < 40_000 / 10


def test_ssrcs_and_those_of_their_retransmissions_are_all_different() -> None:
    flows = hearings(30).flows
    assert len({s for flow in flows for s in (flow.ssrc, flow.ssrc + 1)}) == 2 * len(flows)


@pytest.mark.parametrize(("pps", "packets"), [(500, 2), (1000, 4), (1500, 6)])
def test_fan_out_is_one_sender_in_bursts(pps: int, packets: int) -> None:
    layout = fan_out(pps)
    assert [flow.packets for flow in layout.flows] == [packets]
    assert layout.packets_out_s == 40 * pps
    assert layout.transports == 41
    assert not layout.capture


def test_a_rate_below_one_packet_per_burst_is_refused() -> None:
    with pytest.raises(ValueError, match="packets/s"):
        fan_out(100)
