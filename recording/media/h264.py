"""H.264 from RTP (RFC 6184, packetization mode 1): whole pictures as a byte stream (ITU-T H.264 Annex B)."""

from __future__ import annotations

from collections.abc import Iterator

from .frames import FRAME_LIMIT_BYTES, Frame
from .rtp import Packet

START_CODE = b"\x00\x00\x00\x01"
#: NAL unit types (H.264 table 7-1) and the packets of RFC 6184 §5.4 that browsers send.
SLICE, IDR, SPS, PPS = 1, 5, 7, 8
_STAP_A, _FU_A = 24, 28
#: No camera and no screen is larger (level 5.1 of H.264 table A-1), and a decoder takes memory for what is announced.
PIXELS_LIMIT = 36_864 * 256
#: Profiles whose parameter sets carry a chroma format (H.264 §7.3.2.1.1).
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128})


class Broken(ValueError):
    """These bytes are not H.264."""


class Assembler:
    """Pictures of one SSRC out of its packets in order."""

    def __init__(self) -> None:
        self.broken = 0
        self._first: Packet | None = None
        self._units: list[bytearray] = []
        self._size = 0
        self._fragment_open = False
        #: The timestamp of a picture that is given up: nothing more is taken of it.
        self._given_up: int | None = None
        self._after_loss = False
        self._dimensions = (0, 0)

    def push(self, packet: Packet, missing: int) -> list[Frame]:
        """Pictures that are whole now (none, one, or two)."""
        if missing:
            self._break()
        if not packet.payload or packet.timestamp == self._given_up:
            return []
        frames: list[Frame] = []
        if self._first is not None and packet.timestamp != self._first.timestamp:
            # A sender that forgot the marker: the picture before is whole all the same, as nothing is missing.
            frames += self._finish()
        if self._first is None:
            self._first = packet
        try:
            self._take(packet.payload)
        except (Broken, IndexError):
            self._give_up(packet.timestamp)
            return frames
        if self._size > FRAME_LIMIT_BYTES:
            self._give_up(packet.timestamp)
        elif packet.marker:
            frames += self._finish()
        return frames

    def _take(self, payload: memoryview) -> None:
        kind = payload[0] & 0x1F
        if kind == _FU_A:
            header = payload[1]
            if header & 0x80:
                self._add(bytes([(payload[0] & 0xE0) | (header & 0x1F)]))
                self._fragment_open = True
            elif not self._fragment_open:
                raise Broken("a fragment without its beginning")
            self._units[-1] += payload[2:]
            self._size += len(payload) - 2
            if header & 0x40:
                self._fragment_open = False
        elif self._fragment_open:
            raise Broken("a fragment without its end")
        elif kind == _STAP_A:
            at = 1
            while at < len(payload):
                length = payload[at] << 8 | payload[at + 1]
                at += 2
                if not length or at + length > len(payload):
                    raise Broken("an aggregate that is cut short")
                self._add(bytes(payload[at : at + length]))
                at += length
        elif 1 <= kind <= 23:
            self._add(bytes(payload))
        else:
            raise Broken(f"packets of type {kind}")

    def _add(self, unit: bytes) -> None:
        self._units.append(bytearray(unit))
        self._size += len(unit)

    def _finish(self) -> list[Frame]:
        first, units, whole = self._first, self._units, not self._fragment_open
        self._forget()
        if first is None:
            return []
        slices = [unit for unit in units if unit[0] & 0x1F in (SLICE, IDR)]
        # The first slice of a picture begins with macroblock 0, a single set bit; otherwise what was before it is lost.
        if not whole or not slices or len(slices[0]) < 2 or not slices[0][1] & 0x80:
            self._break()
            return []
        kinds = {unit[0] & 0x1F for unit in units}
        key = IDR in kinds
        try:
            for unit in units:
                if unit[0] & 0x1F == SPS:
                    self._dimensions = picture_size(bytes(unit))
        except Broken:
            self._break()
            return []
        if key and not (SPS in kinds and PPS in kinds):
            # A player that begins here would not know how to read it.
            key = False
        after_loss, self._after_loss = self._after_loss, False
        width, height = self._dimensions if key else (0, 0)
        data = b"".join(START_CODE + unit for unit in units)
        return [
            Frame(
                first.ssrc, first.timestamp, first.arrival_ns, data, key, width, height, None, None, False, after_loss
            )
        ]

    def _give_up(self, timestamp: int) -> None:
        self._break()
        self._given_up = timestamp

    def _break(self) -> None:
        if self._first is not None:
            self.broken += 1
            self._given_up = self._first.timestamp
        self._forget()
        self._after_loss = True

    def _forget(self) -> None:
        self._first, self._units, self._size, self._fragment_open = None, [], 0, False


def picture_size(sps: bytes) -> tuple[int, int]:
    """Width and height from a sequence parameter set (H.264 §7.3.2.1.1).  Raises :class:`Broken`."""
    bits = _Bits(sps[1:])
    profile = bits.read(8)
    bits.read(16)  # constraints and level
    bits.golomb()  # id
    chroma = 1
    if profile in _WITH_CHROMA:
        chroma = bits.golomb()
        if chroma == 3:
            bits.read(1)
        bits.golomb()
        bits.golomb()
        bits.read(1)
        if bits.read(1):
            raise Broken("scaling lists")  # no browser sends them
    bits.golomb()  # frame numbers
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.read(1)
        bits.golomb()
        bits.golomb()
        for _ in range(min(bits.golomb(), 255)):
            bits.golomb()
    bits.golomb()  # reference frames
    bits.read(1)
    width = 16 * (bits.golomb() + 1)
    height_units = bits.golomb() + 1
    frames_only = bits.read(1)
    height = 16 * height_units * (2 - frames_only)
    if not frames_only:
        bits.read(1)
    bits.read(1)
    if bits.read(1):
        left, right, top, bottom = (bits.golomb() for _ in range(4))
        across = 2 if chroma in (1, 2) else 1
        down = (2 if chroma == 1 else 1) * (2 - frames_only)
        width -= across * (left + right)
        height -= down * (top + bottom)
    if not 0 < width * height <= PIXELS_LIMIT or width < 0:
        raise Broken(f"a picture of {width}x{height}")
    return width, height


class _Bits:
    """Bits of a NAL unit, without the bytes that only keep start codes from appearing (H.264 §7.4.1)."""

    def __init__(self, data: bytes) -> None:
        self._bits = self._each(data.replace(b"\x00\x00\x03", b"\x00\x00"))

    @staticmethod
    def _each(data: bytes) -> Iterator[int]:
        for byte in data:
            for shift in range(7, -1, -1):
                yield byte >> shift & 1

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            bit = next(self._bits, None)
            if bit is None:
                raise Broken("a parameter set that is cut short")
            value = value << 1 | bit
        return value

    def golomb(self) -> int:
        """An unsigned Exp-Golomb code (H.264 §9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise Broken("a number that does not end")
        return (1 << zeros) - 1 + self.read(zeros)
