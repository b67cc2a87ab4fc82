"""Which of the readers takes a file, by its first bytes. Nothing is decoded here, and no library imported."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sccodec.errors import Truncated
from sccodec.image import bmp, boxes, heif, jpeg, jpeg2000, jpegxl, netpbm, pillow, png, tiff
from sccodec.image.colour import Notice
from sccodec.image.raster import Raster

START_BYTES = 64
"""How much of a file kind_of() wants to see: a whole `ftyp` box, as it usually is."""


def nothing(data: bytes) -> None:
    """Of formats whose files say nothing about their length: their decoder is the judge."""


@dataclass(frozen=True)
class Kind:
    """A format with a reader of its own.

    starts: patterns of which one stands at a file's beginning; or brands: of which its `ftyp` box has one. read: the
    picture, with notices. size: width and height, upright, of which no pixel is decoded. check_whole: raises BadStream
    for a file that ends before it says it does, or, where there are checksums, for one that was changed.
    """

    name: str
    read: Callable[[bytes, Notice], Raster]
    size: Callable[[bytes], tuple[int, int]]
    check_whole: Callable[[bytes], None] = nothing
    starts: tuple[bytes, ...] = ()
    brands: frozenset[bytes] = frozenset()

    def has(self, start: bytes) -> bool:
        stated = any(re.match(pattern, start, re.DOTALL) for pattern in self.starts)
        return stated or bool(boxes.brands(start) & self.brands)


def check_webp(data: bytes) -> None:
    """Raise Truncated for a file that is shorter than its header says."""
    if 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise Truncated("the file is shorter than its header says: it was cut short")


_HEVC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
AVIF = Kind("avif", heif.read_avif, heif.avif_size, heif.check_whole, brands=frozenset({b"avif", b"avis"}))
HEIC = Kind("heic", heif.read_heic, heif.heic_size, heif.check_whole, brands=_HEVC | {b"mif1", b"msf1"})
JPEG = Kind("jpeg", jpeg.read, jpeg.size, jpeg.check_whole, (rb"\xff\xd8\xff",))
JPEG2000 = Kind(
    "jpeg2000",
    jpeg2000.read,
    jpeg2000.size,
    jpeg2000.check_whole,
    (re.escape(jpeg2000.SIGNATURE), re.escape(jpeg2000.START)),
)
JPEGXL = Kind(
    "jpegxl", jpegxl.read, jpegxl.size, jpegxl.check_whole, (re.escape(jpegxl.SIGNATURE), re.escape(jpegxl.START))
)
PNG = Kind("png", png.read, png.size, png.check_whole, (re.escape(png.SIGNATURE),))
TIFF = Kind("tiff", tiff.read, tiff.size, starts=tuple(re.escape(start) for start in tiff.STARTS))
WEBP = Kind("webp", pillow.read, pillow.size, check_webp, (rb"RIFF.{4}WEBP",))
BMP = Kind("bmp", bmp.read, pillow.size, starts=(re.escape(bmp.START),))
NETPBM = Kind("netpbm", netpbm.read, pillow.size, starts=(rb"P[56]\s",))
KINDS = (AVIF, HEIC, JPEG, JPEG2000, JPEGXL, PNG, TIFF, WEBP, BMP, NETPBM)
"""All that have a reader of their own, the first that fits: mif1 stands beside avif, too."""
OTHERS = Kind("", pillow.read, pillow.size)
"""All that Pillow reads beside them."""


def kind_of(start: bytes) -> Kind:
    """The format of a file that begins so."""
    return next((kind for kind in KINDS if kind.has(start)), OTHERS)
