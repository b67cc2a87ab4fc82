"""JPEG (ITU-T T.81): its markers are walked here, Pillow decodes 8 bits and imagecodecs 12."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from sccodec.errors import BadInput, Truncated
from sccodec.image import pillow
from sccodec.image.colour import Colour, Notice
from sccodec.image.raster import TURNED, Raster

MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # the others stand within coded data
END, APP1, APP2 = 0xD9, 0xE1, 0xE2
WITHOUT_LENGTH = (0x01, 0xD8)
FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
"""Markers of frame headers: 8 bits, 12 bits, and lossless ones."""
ICC = b"ICC_PROFILE\0"


def segments(data: bytes, position: int = 2) -> Iterator[tuple[int, bytes]]:
    """Each marker with its content, without coded data, to the end marker; raises Truncated where there is none."""
    while (found := MARKER.search(data, position)) is not None:
        position = found.end()
        marker = data[position - 1]
        if marker == END:
            return
        if marker not in WITHOUT_LENGTH:
            length = max(2, int.from_bytes(data[position : position + 2], "big"))
            yield marker, data[position + 2 : position + length]
            position += length
    raise Truncated("the file has no end: it was cut short")


def check_whole(data: bytes) -> None:
    """Raise Truncated for a file without its end."""
    for _ in segments(data):
        pass


def frame(data: bytes) -> bytes:
    """The content of the frame header: bits, height, width, components; empty without one."""
    return next((content for marker, content in segments(data) if marker in FRAMES), b"")


def size(data: bytes) -> tuple[int, int]:
    """Width and height, upright."""
    if (header := frame(data))[:1] in (b"\x08", b""):
        return pillow.size(data)
    width, height = int.from_bytes(header[3:5], "big"), int.from_bytes(header[1:3], "big")
    return (height, width) if _orientation(data, lambda text: None) in TURNED else (width, height)


def read(data: bytes, notice: Notice) -> Raster:
    """The picture; raises Truncated, BadInput, or Pillow's errors."""
    if (header := frame(data))[:1] in (b"\x08", b""):
        return pillow.read(data, notice)
    import imagecodecs

    if header[0] != 12 or header[5] not in (1, 3):
        raise BadInput(f"it is a JPEG file of {header[0]} bits and {header[5]} components, which is not read here")
    samples = np.asarray(imagecodecs.jpeg8_decode(data))
    if samples.dtype != np.uint16:
        raise BadInput("it is a JPEG file of 12 bits, which this imagecodecs does not decode")
    return Raster.of_array(
        samples,
        "grey" if header[5] == 1 else "rgb",
        4095,
        colour=Colour(_profile(data)),
        orientation=_orientation(data, notice),
    )


def _profile(data: bytes) -> bytes | None:
    """The parts of an ICC profile in their order."""
    parts = {c[12]: c[14:] for marker, c in segments(data) if marker == APP2 and c.startswith(ICC) and len(c) > 14}
    return b"".join(parts[i] for i in sorted(parts)) or None


def _orientation(data: bytes, notice: Notice) -> int:
    parts = (content for marker, content in segments(data) if marker == APP1 and content.startswith(pillow.EXIF))
    return pillow.orientation_in(lambda: pillow.exif_of(next(parts, b"")), notice)
