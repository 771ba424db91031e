"""The two loads: hearings, and one speaker with many listeners; laid out as transports and flows."""

from __future__ import annotations

from dataclasses import dataclass, field

from .sending import Flow

#: Hearing-shaped: 50 packets/s of sound, 25 frames/s of four packets of picture.
AUDIO_PERIOD_MS, AUDIO_PAYLOAD = 20, 100
VIDEO_PERIOD_MS, VIDEO_PACKETS, VIDEO_PAYLOAD = 40, 4, 1100
PEOPLE_PER_HEARING = 6
#: Fan-out: bursts every 4 ms.
BURST_PERIOD_MS = 4
LISTENERS = 40
#: Subscribers whose packets are decrypted and timed.
PROBES = 3
#: Phases of people who send are spread by the golden ratio: even, and alike in every run.
GOLDEN = 0.6180339887
_FIRST_SSRC = 0x1000_0000
#: A browser on a free link says it can take about twice what it is sent.
REMB_SHARE = 2.0


@dataclass(slots=True)
class Person:
    """``uplink`` and ``downlink`` are transports, ``flows`` numbers of flows by kind, ``hears`` who is received."""

    room: int
    name: str
    uplink: int | None = None
    downlink: int | None = None
    flows: dict[str, int] = field(default_factory=dict)
    hears: list[Person] = field(default_factory=list)


@dataclass(slots=True)
class Layout:
    """A load, ready to be set up on either side."""

    people: list[Person]
    flows: list[Flow]
    transports: int
    probes: list[int]
    capture: bool
    remb_bps: int

    @property
    def rooms(self) -> list[int]:
        return sorted({person.room for person in self.people})

    def in_room(self, room: int) -> list[Person]:
        return [person for person in self.people if person.room == room]

    @property
    def packets_out_s(self) -> float:
        """Forwarded packets per second that this load asks for."""
        flows = (self.flows[f] for p in self.people for heard in p.hears for f in heard.flows.values())
        return sum(flow.packets * 1000 / flow.period_ms for flow in flows)


def rtx_ssrc(ssrc: int) -> int:
    """The SSRC a client announces for retransmissions of a flow."""
    return ssrc + 1


def hearings(count: int, *, people: int = PEOPLE_PER_HEARING, first_room: int = 0) -> Layout:
    """Everybody sends sound and picture, and receives everybody else; recorded."""
    persons = [Person(first_room + room, f"p{number}") for room in range(count) for number in range(people)]
    flows: list[Flow] = []
    for number, person in enumerate(persons):
        person.hears = [other for other in persons if other.room == person.room and other is not person]
        phase = number * GOLDEN % 1
        person.uplink = 2 * number
        person.downlink = 2 * number + 1
        for kind, period_ms, packets, payload in (
            ("audio", AUDIO_PERIOD_MS, 1, AUDIO_PAYLOAD),
            ("video", VIDEO_PERIOD_MS, VIDEO_PACKETS, VIDEO_PAYLOAD),
        ):
            person.flows[kind] = len(flows)
            ssrc = _FIRST_SSRC + 2 * len(flows)
            flows.append(Flow(2 * number, kind, ssrc, period_ms, packets, payload, int(phase * period_ms * 1000)))
    # In the first, the middle and the last hearing.
    rooms = (0, count // 2, count - 1)
    probes = [2 * (room * people + number) + 1 for number, room in zip(range(min(PROBES, people)), rooms, strict=False)]
    received_bps = (people - 1) * 8 * (50 * AUDIO_PAYLOAD + 100 * VIDEO_PAYLOAD)
    return Layout(persons, flows, 2 * len(persons), probes, True, int(received_bps * REMB_SHARE))


def fan_out(packets_s: int, *, listeners: int = LISTENERS) -> Layout:
    """One sender of picture, many receivers, nothing recorded."""
    packets = packets_s * BURST_PERIOD_MS // 1000
    if packets < 1:
        raise ValueError(f"at least {1000 // BURST_PERIOD_MS} packets/s")
    sender = Person(0, "speaker", uplink=0, flows={"video": 0})
    flow = Flow(0, "video", _FIRST_SSRC, BURST_PERIOD_MS, packets, VIDEO_PAYLOAD, 0)
    people = [sender, *(Person(0, f"l{i}", downlink=i + 1, hears=[sender]) for i in range(listeners))]
    probes = sorted({1, 1 + listeners // 2, listeners})[:PROBES]
    return Layout(people, [flow], listeners + 1, probes, False, int(packets_s * VIDEO_PAYLOAD * 8 * REMB_SHARE))
