"""H.264 payloads (RFC 6184), as far as a forwarder needs them."""

from __future__ import annotations

SPS = 7
STAP_A = 24
FU_A = 28


def starts_keyframe(data: bytes, at: int, end: int) -> bool:
    """Whether the payload ``data[at:end]`` begins, or carries whole, a sequence parameter set.

    A decoder can begin there and nowhere else: WebRTC senders put the parameter sets in front of each IDR picture, and
    an IDR picture whose sets are not known is of no use.
    """
    if at >= end:
        return False
    kind = data[at] & 0x1F
    if kind == SPS:
        return True
    if kind == FU_A:
        return end - at > 1 and data[at + 1] & 0x80 != 0 and data[at + 1] & 0x1F == SPS
    if kind == STAP_A:
        at += 1
        while at + 2 < end:
            size = data[at] << 8 | data[at + 1]
            if data[at + 2] & 0x1F == SPS and size and at + 2 + size <= end:
                return True
            at += 2 + size
    return False


def is_constrained_baseline(profile_level_id: object) -> bool:
    """By profile_idc 66 with constraint_set1 set (RFC 6184 §8.1): six hexadecimal digits."""
    try:
        value = int(str(profile_level_id), 16)
    except ValueError:
        return False
    return len(str(profile_level_id)) == 6 and value >> 16 == 0x42 and bool(value >> 8 & 0x40)
