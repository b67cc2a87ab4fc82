"""The .scc file: a header of 13 bytes, optional sections, and the codec's payload.

Every integer is big-endian. The compact form, for pictures of at most 4096x4096:

    offset  bytes  field
    0       1      magic, 0xC5
    1       1      version (high 4 bits, now 1); flags: 8 wide, 4 extras; salt (low 2 bits, any value)
    2       2      CRC-16/CCITT (0x1021, initial 0xFFFF) over every byte of the file but these two
    4       1      length of the whole file modulo 256
    5       4      tag: first bytes of the SHA-256 of the model file
    9       1      parameters, which belong to the codec
    10      3      width - 1 and height - 1, 12 bits each
    13      -      extras, where their flag is set; then the payload, to the end of the file

The wide form has 4 bytes for the length and 4 each for width - 1 and height - 1: 21 bytes. Extras are a count
(1 byte) and as many entries of type (1 byte), length (4) and data: ICC profiles and other things that are
rare. A reader skips types it does not know. Those in use:

    type  data
    1     codec: the spec of a codec that has no model file, ASCII; the tag is then the codec's own

Damage is found for certain, not by chance, in the two commonest cases. A single changed byte: a CRC-16 misses
no burst of 16 bits, and stands where no flag can move it. A file cut short, wherever: fewer than 256 bytes
missing change the length modulo 256; for cuts of exact multiples of 256 the writer tries the salts until none
of the prefixes has a passing CRC, and takes the wide form should all four fail. Other damage passes once in
2^24, and then meets the check symbol of the entropy coder.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from dataclasses import dataclass

from sccodec.errors import Corrupt, NotScc, TooLarge, Truncated, UnsupportedVersion

MAGIC = 0xC5
VERSION = 1
MAX_PIXELS = 2**28
"""Largest picture that is read or written unless the caller says otherwise, in pixels."""
MAX_SIDE = 2**20
"""Its longest side. Resampling takes memory in proportion to it: 10 GiB for one row of 2^28 pixels."""

CODEC_EXTRA = 1
"""Type of the optional section that names the codec."""

_WIDE, _EXTRAS, _SALTS = 8, 4, 4
_COMPACT_BYTES, _WIDE_BYTES = 13, 21
_COMPACT_SIDE = 4096


@dataclass(frozen=True)
class Container:
    """What a .scc file says before its payload is decoded.

    tag: 4 bytes. width, height: 1 to 2^32 pixels. params: 0..255. payload: the entropy-coded part.
    extras: optional sections as (type 0..255, data), at most 255.
    """

    tag: bytes
    width: int
    height: int
    params: int
    payload: bytes
    extras: tuple[tuple[int, bytes], ...] = ()


def is_scc(data: bytes) -> bool:
    """Whether the bytes begin like a .scc file of any version."""
    return data[:1] == bytes([MAGIC])


def excess(width: int, height: int, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> str:
    """How a picture of that size exceeds the limits, in words; empty where it does not."""
    if width * height <= max_pixels and max(width, height) <= max_side:
        return ""
    return f"{width}x{height} pixels, the limit is {max_pixels} in all and {max_side} a side"


def overhead_bytes(container: Container) -> int:
    """Bytes of the file that are not payload."""
    return len(serialise(container)) - len(container.payload)


def serialise(container: Container) -> bytes:
    """Write the file."""
    c = container
    assert len(c.tag) == 4 and 0 <= c.params <= 255 and len(c.extras) <= 255
    assert 1 <= c.width <= 2**32 and 1 <= c.height <= 2**32
    body = _write_extras(c.extras) + c.payload
    flags = _EXTRAS if c.extras else 0
    if max(c.width, c.height) <= _COMPACT_SIDE:
        sides = ((c.width - 1) << 12 | c.height - 1).to_bytes(3, "big")
        length = bytes([(_COMPACT_BYTES + len(body)) % 256])
        head = length + c.tag + bytes([c.params]) + sides
        for salt in range(_SALTS):
            start = bytes([MAGIC, VERSION << 4 | flags | salt])
            check = _crc(start, head, body)
            if not _prefix_passes(_crc(start, head), body, check):
                return start + check.to_bytes(2, "big") + head + body
    start = bytes([MAGIC, VERSION << 4 | flags | _WIDE])
    length = struct.pack(">I", _WIDE_BYTES + len(body))
    head = length + c.tag + bytes([c.params]) + struct.pack(">II", c.width - 1, c.height - 1)
    return start + _crc(start, head, body).to_bytes(2, "big") + head + body


def parse(data: bytes, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> Container:
    """Read a file; raises BadStream, and nothing else, for bytes that are not one whole, undamaged .scc file.

    Nothing is taken from a field before the checks that cover it have passed. max_pixels bounds width *
    height, max_side each of them.
    """
    if not data:
        raise NotScc("the file is empty")
    first = _check_version(data)
    length = struct.unpack_from(">I" if first == _WIDE_BYTES else ">B", data, 4)[0]
    if length != (len(data) if first == _WIDE_BYTES else len(data) % 256):
        raise Truncated("the file is not as long as its header says: it was cut short, or bytes were added")
    if _crc(data[:2], memoryview(data)[4:]) != int.from_bytes(data[2:4], "big"):
        raise Corrupt("the file is damaged: its bytes do not match their checksum")
    return _fields(data, first, max_pixels, max_side)


def parse_beginning(data: bytes, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> Container:
    """As parse(), of a file whose end is missing, and whose bytes are known to be right: checks that need the end are
    left out, and the payload is what there is of it."""
    return _fields(data, _check_version(data), max_pixels, max_side)


def _check_version(data: bytes) -> int:
    """The bytes of the header; raises BadStream for another format or version, and for less than a header."""
    if not is_scc(data):
        raise NotScc
    if len(data) < _COMPACT_BYTES:
        raise Truncated(f"the file ends after {len(data)} bytes, within its header")
    version, flags = data[1] >> 4, data[1] & 0x0F
    if version == 0:
        raise Corrupt("the file is damaged: version 0 does not exist")
    if version > VERSION:
        raise UnsupportedVersion(
            f"the file is of format version {version}, this sccodec reads up to {VERSION}: update sccodec"
        )
    first = _WIDE_BYTES if flags & _WIDE else _COMPACT_BYTES
    if len(data) < first:
        raise Truncated(f"the file ends after {len(data)} bytes, within its header")
    return first


def _fields(data: bytes, first: int, max_pixels: int, max_side: int) -> Container:
    """The fields of a file whose header has `first` bytes; raises BadStream."""
    if first == _WIDE_BYTES:
        tag, params, x, y = struct.unpack_from(">4sBII", data, 8)
    else:
        tag, params, high, low = struct.unpack_from(">4sBHB", data, 5)
        x, y = high >> 4, (high & 0xF) << 8 | low
    width, height = x + 1, y + 1
    if too_much := excess(width, height, max_pixels, max_side):
        raise TooLarge(f"the file states {too_much}")
    extras, first = _read_extras(data, first) if data[1] & _EXTRAS else ((), first)
    return Container(tag, width, height, params, data[first:], extras)


def _crc(*parts: bytes | memoryview) -> int:
    check = 0xFFFF
    for part in parts:
        check = crc_hqx(part, check)
    return check


def _prefix_passes(running: int, body: bytes, check: int) -> bool:
    """Whether the file less some multiple of 256 bytes has a valid CRC. running: the CRC before the body."""
    position = 0
    for end in range(len(body) % 256, len(body), 256):
        running, position = crc_hqx(body[position:end], running), end
        if running == check:
            return True
    return False


def _write_extras(extras: tuple[tuple[int, bytes], ...]) -> bytes:
    if not extras:
        return b""
    return bytes([len(extras)]) + b"".join(struct.pack(">BI", kind, len(data)) + data for kind, data in extras)


def _read_extras(data: bytes, position: int) -> tuple[tuple[tuple[int, bytes], ...], int]:
    """The extras, and where the payload begins. Lengths are checked although the CRC has passed."""
    found: list[tuple[int, bytes]] = []
    if position >= len(data):
        raise Corrupt("the file is damaged: its optional sections are missing")
    count, position = data[position], position + 1
    for _ in range(count):
        if position + 5 > len(data):
            raise Corrupt("the file is damaged: its optional sections end early")
        kind, length = struct.unpack_from(">BI", data, position)
        position += 5
        if length > len(data) - position:
            raise Corrupt("the file is damaged: an optional section is longer than the file")
        found.append((kind, data[position : position + length]))
        position += length
    return tuple(found), position
