"""How much a sender may send: REMB from arrival times and loss, without I/O.

A link that is too slow for what it is given keeps a *standing* queue: over half a second even the luckiest packet comes
late.  So only the least delay of each period is looked at, as CoDel does (RFC 8289 §3.1): jitter, bursts and a
scheduler's hiccup raise the mean and the peak, but never the least.  Delay is arrival minus send time (abs-send-time)
above the least seen in the last seconds, so the two clocks need not agree.

A sender limited by its picture, not by its link, sends far less than granted.  What arrives then says nothing about
the link, so a standing queue lowers its grant step by step, and only a sender that uses its grant is cut to what
arrives.
"""

from __future__ import annotations

from .clock import NS_PER_MS, NS_PER_S

#: Three simulcast layers of 720p with headroom, and a voice.
CEILING_BPS = 4_000_000
FLOOR_BPS = 100_000

#: Least delay of a period above which a queue stands; the share of a path's jitter that no packet escapes is below it.
STANDING_QUEUE_MS = 50
#: A queue that grew by less than this since the last period does not grow.
GROWTH_MS = 5
#: A growing queue is believed after this many periods, one that only stands after this many.
GROWING_PERIODS = 2
STANDING_PERIODS = 4
#: A period with fewer packets says nothing, and one shorter than this is not judged.
MIN_PERIOD_PACKETS = 5
MIN_PERIOD_MS = 400
#: The least delay ever is remembered for one to two of these; clocks drift and paths change.
BASE_WINDOW_MS = 5_000
#: After a silence of this length the send times' 64 s cycle may have wrapped unseen.
MAX_SILENCE_MS = 20_000

#: Of what arrives, to a sender that uses its grant: what the link carries, less something to drain the queue.
CUT = 0.85
#: Of the grant, to one that does not.
GENTLE_CUT = 0.7
#: A sender that sends this share of its grant uses it.
USED_SHARE = 0.5
#: Loss that repair did not make good, above which a link is taken for congested.  Radio loses up to a tenth at random.
HIGH_LOSS = 0.15
#: Weight of the newest half second in the loss that is judged; a handful of packets says little.
LOSS_SMOOTHING = 0.3
#: Between two cuts for loss: a round trip, the sender's reaction, and the smoothing.
LOSS_CUT_INTERVAL_MS = 1000
#: Cuts nearer to each other than this have one cause.
EPISODE_MS = 2500

#: Growth per second up to what was good before a cut, above it, and when the cut is long ago.
RETURN_PER_S = 1.6
GROWTH_PER_S = 1.08
LATE_GROWTH_PER_S = 1.35
#: Calm after a cut before anything grows, and before the link is taken to have changed for the better.
SETTLE_MS = 1000
FORGET_MS = 5_000

#: abs-send-time counts 2^-18 s in 24 bits.
_NS_PER_UNIT = NS_PER_S / (1 << 18)


class Arrivals:
    """When the packets of one peer came, against when they were sent.  Units of abs-send-time; ``sent_ns`` counts on
    past its wrap; ``packets`` and ``least_ns`` (the least delay) are of the present period."""

    __slots__ = ("heard_ns", "least_ns", "packets", "sent_ns", "sent_units")

    def __init__(self) -> None:
        self.sent_units = self.packets = self.heard_ns = 0
        self.sent_ns = 0.0
        self.least_ns = float("inf")


class UplinkEstimate:
    """``bitrate_bps`` is what to tell the sender.  ``add`` is on the hot path; ``update`` is called twice a second."""

    __slots__ = (
        "_arrivals",
        "_base_next_ns",
        "_base_ns",
        "_base_since_ns",
        "_cut_ns",
        "_good_bps",
        "_growing",
        "_loss",
        "_period_since_ns",
        "_queue_ns",
        "_skip_period",
        "_standing",
        "_updated_ns",
        "bitrate_bps",
    )

    def __init__(self, now_ns: int, arrivals: Arrivals | None = None) -> None:
        self._arrivals = arrivals if arrivals is not None else Arrivals()
        self.bitrate_bps = float(CEILING_BPS)
        self._good_bps = float(CEILING_BPS)
        self._loss = 0.0
        self._cut_ns = now_ns - FORGET_MS * NS_PER_MS
        self._updated_ns = self._period_since_ns = now_ns
        self._growing = self._standing = 0
        self._queue_ns = 0.0
        self.path_changed(now_ns)
        self._skip_period = False

    def path_changed(self, now_ns: int) -> None:
        """The peer's packets take another way now: delays begin anew, once the last ones of the old way are in."""
        self._skip_period = True
        self._base_ns = self._base_next_ns = self._arrivals.least_ns = float("inf")
        self._base_since_ns = now_ns
        self._growing = self._standing = self._arrivals.packets = 0
        self._queue_ns = 0.0

    def add(self, abs_send_time: int, now_ns: int) -> None:
        """One video packet: its 24-bit send time (6.18 fixed point seconds)."""
        arrivals = self._arrivals
        step = (abs_send_time - arrivals.sent_units) & 0xFFFFFF
        if step >= 0x800000:  # sent before the last one
            step -= 0x1000000
        arrivals.sent_units = abs_send_time
        arrivals.sent_ns += step * _NS_PER_UNIT
        arrivals.heard_ns = now_ns
        arrivals.packets += 1
        delay = now_ns - arrivals.sent_ns
        if delay < arrivals.least_ns:
            arrivals.least_ns = delay

    def update(self, expected: int, lost: int, received_bps: float, now_ns: int) -> None:
        """Judge the time since the last call: packets expected and lost for good, and the rate that arrived."""
        if expected:
            self._loss += (lost / expected - self._loss) * LOSS_SMOOTHING
        if now_ns - self._period_since_ns >= MIN_PERIOD_MS * NS_PER_MS:
            self._period_since_ns = now_ns
            self._judge_delay(received_bps, now_ns)
        lossy = self._loss > HIGH_LOSS and not self._standing
        if lossy and now_ns - self._cut_ns > LOSS_CUT_INTERVAL_MS * NS_PER_MS:
            self._cut_for_loss(now_ns)
        self._grow(now_ns)

    # --- inside ------------------------------------------------------------------

    def _judge_delay(self, received_bps: float, now_ns: int) -> None:
        arrivals = self._arrivals
        least, packets = arrivals.least_ns, arrivals.packets
        arrivals.least_ns, arrivals.packets = float("inf"), 0
        if now_ns - arrivals.heard_ns > MAX_SILENCE_MS * NS_PER_MS:
            self.path_changed(now_ns)
        if self._skip_period:
            self._skip_period = False
            return
        if packets < MIN_PERIOD_PACKETS:
            self._growing = self._standing = 0
            return
        queue = self._above_base(least, now_ns)
        # A full queue cannot grow any more; it loses.
        grew = queue - self._queue_ns > GROWTH_MS * NS_PER_MS or self._loss > HIGH_LOSS
        self._queue_ns = queue
        if queue < STANDING_QUEUE_MS * NS_PER_MS:
            self._growing = self._standing = 0
            return
        self._growing += grew
        self._standing += 1
        if grew and self._growing >= GROWING_PERIODS:
            self._cut_for_queue(received_bps, now_ns)
        elif self._standing >= STANDING_PERIODS:
            self._standing = 0
            self._cut_for_queue(received_bps, now_ns)

    def _above_base(self, least: float, now_ns: int) -> float:
        if now_ns - self._base_since_ns > BASE_WINDOW_MS * NS_PER_MS:
            self._base_since_ns = now_ns
            self._base_ns, self._base_next_ns = self._base_next_ns, least
        self._base_next_ns = min(self._base_next_ns, least)
        self._base_ns = min(self._base_ns, self._base_next_ns)
        return least - self._base_ns

    def _cut_for_queue(self, received_bps: float, now_ns: int) -> None:
        if received_bps >= self.bitrate_bps * USED_SHARE or self._loss > HIGH_LOSS:
            self._good_bps = received_bps
            self._cut(received_bps * CUT, now_ns)
        else:
            self._remember(now_ns)
            self._cut(max(self.bitrate_bps * GENTLE_CUT, received_bps / USED_SHARE * CUT), now_ns)

    def _cut_for_loss(self, now_ns: int) -> None:
        """The grant, not what arrives, is cut: the lost packets were sent, too."""
        self._remember(now_ns)
        self._cut(self.bitrate_bps * (1 - self._loss / 2), now_ns)

    def _remember(self, now_ns: int) -> None:
        """The first of a row of cuts knows what was good."""
        if now_ns - self._cut_ns > EPISODE_MS * NS_PER_MS:
            self._good_bps = self.bitrate_bps

    def _cut(self, bitrate_bps: float, now_ns: int) -> None:
        self.bitrate_bps = max(FLOOR_BPS, min(self.bitrate_bps, bitrate_bps))
        self._cut_ns = now_ns

    def _grow(self, now_ns: int) -> None:
        seconds = (now_ns - self._updated_ns) / NS_PER_S
        self._updated_ns = now_ns
        calm_ms = (now_ns - self._cut_ns) / NS_PER_MS
        if calm_ms < SETTLE_MS or self._standing or self._loss > HIGH_LOSS:
            return
        if self.bitrate_bps < self._good_bps * CUT:
            growth = RETURN_PER_S
        else:
            growth = LATE_GROWTH_PER_S if calm_ms > FORGET_MS else GROWTH_PER_S
        self.bitrate_bps = min(CEILING_BPS, self.bitrate_bps * growth**seconds)
