"""How timestamps go on when a subscriber's stream goes on with another source, without I/O."""

from __future__ import annotations

from . import rtcp
from .clock import NS_PER_S

#: Timestamps of two layers differ from their arrival by less than this, else their sender reports are not believed.
MAX_ERROR_S = 3
#: Extra timestamp between the last packet of one source and the first of the next, if they would touch.
MIN_FRAME_S = 1 / 90


def goes_on(
    timestamp: int,
    clock_rate: int,
    *,
    last_timestamp: int,
    elapsed_ns: int,
    same_source_delta: int | None = None,
    by_reports: int | None = None,
) -> int:
    """What to add to the new source's timestamps.

    ``timestamp`` is the first of them, ``last_timestamp`` the last that was sent, ``elapsed_ns`` ago.  The new source's
    own clock is believed if it tells about the same as the time between arrivals: ``same_source_delta`` is what was
    added to this source before, ``by_reports`` what follows from both sources' sender reports.
    """
    frame = int(MIN_FRAME_S * clock_rate)
    by_arrival = last_timestamp + max(elapsed_ns * clock_rate // NS_PER_S, frame) - timestamp
    delta = by_arrival
    if same_source_delta is not None:
        delta = same_source_delta
    elif by_reports is not None:
        delta = by_reports
    if abs(_signed32(delta - by_arrival)) > MAX_ERROR_S * clock_rate:
        delta = by_arrival
    if _signed32(timestamp + delta - last_timestamp) <= 0:
        delta = last_timestamp + frame - timestamp
    return delta


def delta_by_reports(
    old: rtcp.SenderReport | None, new: rtcp.SenderReport | None, clock_rate: int, old_delta: int
) -> int | None:
    """What moves the new source's timestamps to those sent of the old one at the same instant of their sender."""
    if old is None or new is None:
        return None
    apart = (new.ntp - old.ntp) * clock_rate >> 32
    return old_delta + old.rtp_timestamp + apart - new.rtp_timestamp


def _signed32(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - 0x100000000 if value >= 0x80000000 else value
