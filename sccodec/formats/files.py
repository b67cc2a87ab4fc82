"""Formats that are not our own: which of them a file is of, by its first bytes, and whether it is whole: FORMATS.

No pixels are decoded here, and no library is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sccodec.errors import Corrupt, Truncated

START_BYTES = 64
"""How much of a file recognise() wants to see: a whole `ftyp` box, as it usually is."""

JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
JXL_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_JPEG_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # the others stand within coded data


@dataclass(frozen=True)
class Format:
    """A format that a codec decodes: how its files begin, and what looks whether they are whole.

    starts: what may stand there, as patterns, or the brands of its `ftyp` box.
    """

    codec: str
    starts: tuple[bytes, ...] = ()
    brands: frozenset[bytes] = frozenset()
    check_whole: Callable[[bytes], object] | None = None

    def has(self, start: bytes) -> bool:
        return any(re.match(pattern, start, re.DOTALL) for pattern in self.starts) or bool(brands(start) & self.brands)


def recognise(start: bytes) -> str | None:
    """The codec whose format the first START_BYTES of a file show, or None."""
    found = format_of(start)
    return None if found is None else found.codec


def format_of(start: bytes) -> Format | None:
    return next((one for one in FORMATS if one.has(start)), None)


def brands(start: bytes) -> set[bytes]:
    """Those that a `ftyp` box states; none where a file begins otherwise."""
    if start[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(start[:4], "big"), len(start))
    return {start[8:12], *(start[i : i + 4] for i in range(16, end - 3, 4))}


def check_whole(data: bytes) -> None:
    """Raise Truncated, or Corrupt, for a file that ends before its format says it does.

    The libraries that decode fill up what is missing, some of them. What follows after the end is not looked at.
    JPEG XL codestreams have no mark at their end: their decoder is the judge. So it is for what is not recognised.
    """
    found = format_of(data[:START_BYTES])
    if found is not None and found.check_whole is not None:
        found.check_whole(data)


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of ISO's base media format and of JPEG 2000 at the top level: (type, start, end) of their contents.

    Raises Truncated for a box that is longer than the file, Corrupt for one that is shorter than its own header.
    """
    position = 0
    while position < len(data):
        size, kind, first = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8], 8
        if size == 1:
            size, first = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        elif size == 0:  # to the end of the file
            size = len(data) - position
        if len(data) - position < first or size > len(data) - position:
            raise Truncated("the file ends within one of its boxes: it was cut short")
        if size < first:
            raise Corrupt("the file is damaged: one of its boxes has no possible length")
        yield kind, position + first, position + size
        position += size


def bytes_outside(data: bytes, kind: bytes) -> int:
    """Bytes of a file of boxes that stand outside those of that type, which hold coded data; 0 where it has none."""
    coded = sum(end - start for found, start, end in boxes(data) if found == kind)
    return len(data) - coded if coded else 0


def check_boxes(data: bytes) -> list[bytes]:
    """The types of all boxes at the top level; raises as boxes() does."""
    return [kind for kind, _, _ in boxes(data)]


def codestream_size(data: bytes) -> tuple[int, int]:
    """Width and height, upright, that a JPEG XL file states; raises BadStream."""
    bits = _Bits(_jpegxl_start(data))
    small = bits.take(1)

    def side() -> int:
        return 8 * (bits.take(5) + 1) if small else 1 + bits.take((9, 13, 18, 30)[bits.take(2)])

    height = side()
    ratio = bits.take(3)
    if ratio == 0:
        width = side()
    else:
        over, under = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
        width = height * over // under
    has_orientation = not bits.take(1) and bits.take(1)  # metadata that is not all default, with extra fields
    turned = has_orientation and bits.take(3) >= 4
    return (height, width) if turned else (width, height)


class _Bits:
    """Bits of a codestream, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, n_bits: int) -> int:
        if n_bits > self._left:
            raise Truncated("the file ends within its header")
        value = self._rest & (1 << n_bits) - 1
        self._rest >>= n_bits
        self._left -= n_bits
        return value


def _jpegxl_start(data: bytes) -> bytes:
    """The first bytes of the codestream after its signature, out of its box or boxes where it is in some."""
    stream = data[:32]
    if data.startswith(JXL_SIGNATURE):
        stream = b""
        for kind, start, end in boxes(data):
            if kind in (b"jxlc", b"jxlp") and len(stream) < 32:
                first = start + 4 if kind == b"jxlp" else start  # a part has a number before it
                stream += data[first : min(end, first + 32)]
    if not stream.startswith(b"\xff\x0a"):
        raise Corrupt("the file is damaged: its codestream is missing")
    return stream[2:]


def _check_heif(data: bytes) -> None:
    # Coded data stand in a box of their own, or within `meta`.
    if b"mdat" not in check_boxes(data) and b"idat" not in data:
        raise Truncated("the file has no coded data: it was cut short")


def _check_jpeg(data: bytes) -> None:
    position = 2
    while (found := _JPEG_MARKER.search(data, position)) is not None:
        position = found.end()
        marker = data[position - 1]
        if marker == 0xD9:
            return
        if marker not in (0x01, 0xD8):  # those have no length
            position += max(2, int.from_bytes(data[position : position + 2], "big"))
    raise Truncated("the file has no end: it was cut short")


def _check_jpeg2000(data: bytes) -> None:
    if data.startswith(JP2_SIGNATURE) and b"jp2c" not in check_boxes(data):
        raise Truncated("the file has no codestream: it was cut short")
    if data.rfind(b"\xff\xd9") < 0:  # no two bytes within coded data are so large
        raise Truncated("the file has no end: it was cut short")


def _check_jpegxl(data: bytes) -> None:
    if data.startswith(JXL_SIGNATURE):
        check_boxes(data)


def _check_png(data: bytes) -> None:
    position = 8
    while position + 12 <= len(data):
        if data[position + 4 : position + 8] == b"IEND":
            return
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    raise Truncated("the file has no end: it was cut short")


def _check_webp(data: bytes) -> None:
    if 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise Truncated("the file is shorter than its header says: it was cut short")


_HEVC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
FORMATS = (
    Format("avif", brands=frozenset({b"avif", b"avis"}), check_whole=_check_heif),
    Format("bpg", (rb"BPG\xfb",)),
    Format("heic", brands=_HEVC | {b"mif1", b"msf1"}, check_whole=_check_heif),
    Format("jpeg", (rb"\xff\xd8\xff",), check_whole=_check_jpeg),
    Format("jpeg2000", (re.escape(JP2_SIGNATURE), rb"\xff\x4f\xff\x51"), check_whole=_check_jpeg2000),
    Format("jpegxl", (re.escape(JXL_SIGNATURE), rb"\xff\x0a"), check_whole=_check_jpegxl),
    Format("png", (rb"\x89PNG\r\n\x1a\n",), check_whole=_check_png),
    Format("webp", (rb"RIFF.{4}WEBP",), check_whole=_check_webp),
)
"""All that are recognised, the first that fits: mif1 stands beside avif, too."""
