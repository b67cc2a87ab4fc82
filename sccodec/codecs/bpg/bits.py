"""Bits as HEVC and BPG write them, most significant first: one set of verbs that reads or writes.

A syntax is stated once, as a function of such bits and of the values to write: under a BitWriter it writes them and
gives them back, under a BitReader they are ignored and what was read comes back.
"""

from __future__ import annotations

from typing import Protocol

from sccodec.errors import Corrupt, Truncated

UE7_BYTES = 5
UE_ZEROS = 32


class Bits(Protocol):
    """What BitReader and BitWriter have in common. Values are non-negative, but for se()."""

    def u(self, n_bits: int, value: int = 0) -> int:
        """An integer of so many bits."""
        ...

    def flag(self, value: bool = False) -> bool:  # noqa: FBT001, FBT002  # the value that is coded
        """One bit."""
        ...

    def ue(self, value: int = 0) -> int:
        """Exponential Golomb code of order 0."""
        ...

    def se(self, value: int = 0) -> int:
        """The same of a signed integer: 0, 1, -1, 2, -2, ..."""
        ...


class BitReader:
    """Reads from bytes; raises Truncated where they end early and Corrupt for a code without end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self.left = 8 * len(data)

    def u(self, n_bits: int, value: int = 0) -> int:
        if n_bits > self.left:
            raise Truncated("the file is damaged: a header of its HEVC data ends early")
        self.left -= n_bits
        return self._value >> self.left & ((1 << n_bits) - 1)

    def flag(self, value: bool = False) -> bool:  # noqa: FBT001, FBT002
        return bool(self.u(1))

    def ue(self, value: int = 0) -> int:
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > UE_ZEROS:
                raise Corrupt("the file is damaged: a header of its HEVC data cannot be read")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self, value: int = 0) -> int:
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


class BitWriter:
    """Collects bits; bytes() fills the last byte with zeros."""

    def __init__(self) -> None:
        self._value = 0
        self._n_bits = 0

    def u(self, n_bits: int, value: int = 0) -> int:
        assert 0 <= value < 1 << n_bits
        self._value = self._value << n_bits | value
        self._n_bits += n_bits
        return value

    def flag(self, value: bool = False) -> bool:  # noqa: FBT001, FBT002
        return bool(self.u(1, int(value)))

    def ue(self, value: int = 0) -> int:
        length = (value + 1).bit_length()
        self.u(2 * length - 1, value + 1)
        return value

    def se(self, value: int = 0) -> int:
        self.ue(2 * value - 1 if value > 0 else -2 * value)
        return value

    def __bytes__(self) -> bytes:
        missing = -self._n_bits % 8
        return (self._value << missing).to_bytes((self._n_bits + missing) // 8, "big")


def write_ue7(value: int) -> bytes:
    """7 bits a byte, the highest first; the high bit says that more follow."""
    groups = [value >> shift & 127 for shift in range(0, max(value.bit_length(), 1), 7)][::-1]
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])


def read_ue7(data: bytes, position: int) -> tuple[int, int]:
    """A number below 2^32 and where it ends; raises Truncated, or Corrupt for one that is not written shortest."""
    value = 0
    for end in range(position, position + UE7_BYTES):
        if end >= len(data):
            raise Truncated("the file ends within its header")
        value = value << 7 | data[end] & 127
        if data[position] == 128 or value >= 1 << 32:
            break
        if data[end] < 128:
            return value, end + 1
    raise Corrupt("the file is damaged: a number of its header cannot be read")


def escape(payload: bytes) -> bytes:
    """A NAL unit's payload with the bytes that keep start codes out of it."""
    written, zeros = bytearray(), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            written.append(3)
            zeros = 0
        written.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(written)


def unescape(payload: bytes) -> bytes:
    """The reverse of escape()."""
    return payload.replace(b"\x00\x00\x03", b"\x00\x00")
