"""A browser that stops and begins simulcast layers: nobody who watches is left without a picture, nor is the record."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from signaling.sfu import rtp
from signaling.sfu.capture import SinkState
from signaling.sfu.capture_tap import CaptureTap, RoomCapture
from signaling.sfu.clock import NS_PER_MS as MS
from signaling.sfu.clock import Clock

from .test_consumer import PT, Bench

#: From a request to the keyframe at our door.
ROUND_TRIP_MS = 80


class Track:
    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.packets: list[tuple[int, int]] = []
        """(Time in ms, layer)."""
        self.notes: list[str] = []

    def rtp(self, packet: bytes, mono_ns: int) -> None:
        parsed = rtp.parse(packet)
        assert parsed is not None
        self.packets.append((mono_ns // MS, parsed.ssrc - 100))

    def rtcp(self, packet: bytes, mono_ns: int) -> None: ...

    def note(self, what: str, mono_ns: int) -> None:
        self.notes.append(what)

    def close(self, reason: str) -> None: ...


class Browser(Bench):
    """Sends ``active`` layers at ``fps``; answers any request with keyframes on all of them, as Chromium does."""

    def __init__(self, fps: float = 25) -> None:
        super().__init__(layers=3)
        self.active = {0, 1, 2}
        self.frame_ms = 1000 / fps
        self.seen: list[tuple[int, int]] = []
        """(Time in ms, layer) of what the consumer was sent."""
        self.track = track = Track(self)
        sink: Any = self
        self.open_track = lambda info: track
        clock = Clock(mono_ns=lambda: self.down.time_ns)
        self.producer.capture = CaptureTap(RoomCapture(sink, "r", clock, lambda state: None), self.producer)
        self._number = 100
        self._sent_keyframes = set[int]()
        self._key_at_ms: list[float] = []
        self._next_ms = self.now_ms

    def open(self, recording_id: str, tell: Any, about: Any = None) -> Browser:
        return self

    def state(self) -> SinkState:
        return SinkState(tracks=1, durable_wall_ns=0, bytes=0)

    @property
    def now_ms(self) -> float:
        return self.down.time_ns / MS

    def run(self, seconds: float) -> None:
        until = self.now_ms + seconds * 1000
        while self.now_ms < until:
            self.down.time_ns += 20 * MS
            self.producer.on_timer(self.down.time_ns)
            self._key_at_ms += [self.now_ms + ROUND_TRIP_MS] * len(self.asked)
            self.asked.clear()
            while self._next_ms <= self.now_ms:
                self._frame()
                self._next_ms += self.frame_ms

    def _frame(self) -> None:
        asked = any(at <= self.now_ms for at in self._key_at_ms)
        self._key_at_ms = [at for at in self._key_at_ms if at > self.now_ms]
        self._number += 1
        n = self._number
        for layer in sorted(self.active):
            key = asked or layer not in self._sent_keyframes
            payload = b"\x90\x80" + (0x8000 | n & 0x7FFF).to_bytes(2, "big") + (b"\x10" if key else b"\x11") + b"body"
            sent = len(self.down.sent)
            self.raw(rtp.build(PT, n, int(n * self.frame_ms * 90), 100 + layer, payload, marker=True), layer)
            self.seen += [(int(self.now_ms), layer)] * (len(self.down.sent) - sent)
        self._sent_keyframes = set(self.active)


def longest_pause_ms(packets: list[tuple[int, int]]) -> int:
    times = [time for time, _ in packets]
    return max(b - a for a, b in itertools.pairwise(times))


@pytest.mark.parametrize("left", [{0, 1}, {0}])
def test_a_stopped_layer_leaves_a_short_pause_and_comes_back(left: set[int]) -> None:
    browser = Browser()
    browser.run(3)
    assert browser.seen[-1][1] == browser.track.packets[-1][1] == 2
    browser.active = left
    browser.run(3)
    best = max(left)
    assert browser.seen[-1][1] == browser.track.packets[-1][1] == best
    stopped = browser.track.notes.index("layer-stopped:2")
    assert browser.track.notes[stopped + 1] == "keyframe-asked"
    assert browser.track.notes[-1] == f"layer:{best}"
    browser.active = {0, 1, 2}
    browser.run(1)
    assert browser.seen[-1][1] == browser.track.packets[-1][1] == 2
    assert longest_pause_ms(browser.seen) < 600
    assert longest_pause_ms(browser.track.packets) < 600
    sequences = [p.sequence for p in browser.down.sent]
    assert {(b - a) & 0xFFFF for a, b in itertools.pairwise(sequences)} == {1}


def test_a_request_for_the_stopped_layer_does_not_delay_the_next() -> None:
    browser = Browser()
    browser.run(3)
    browser.active = {0, 1}
    browser.run(0.3)
    browser.producer.want_keyframe(2, browser.down.time_ns)
    browser._key_at_ms = browser.asked[:0]
    browser.asked.clear()
    browser.run(2)
    assert longest_pause_ms(browser.seen) < 600


def test_a_still_screen_of_one_frame_per_second_keeps_its_layer() -> None:
    browser = Browser()
    browser.run(3)
    browser.frame_ms = 1000
    browser.seen.clear()
    browser.run(8)
    assert {layer for _, layer in browser.seen} == {2}
    assert not [note for note in browser.track.notes if note.startswith("layer-stopped")]
