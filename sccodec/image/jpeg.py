"""JPEG (ITU-T T.81): its markers are walked here, Pillow decodes 8 bits and imagecodecs 12."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from PIL import UnidentifiedImageError

from sccodec.errors import BadInput, Truncated
from sccodec.image import pillow
from sccodec.image.colour import Colour, Notice
from sccodec.image.raster import TURNED, Raster

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # the others stand within coded data
END, SCAN, COMMENT, APP1, APP2, ADOBE = 0xD9, 0xDA, 0xFE, 0xE1, 0xE2, 0xEE
METADATA = (*range(0xE0, ADOBE), 0xEF, COMMENT)
"""Markers of what the picture does not need; Adobe's tells its colours."""
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
        return pillow.size_of(_open(data, lambda text: None))
    width, height = int.from_bytes(header[3:5], "big"), int.from_bytes(header[1:3], "big")
    return (height, width) if _orientation(data, lambda text: None) in TURNED else (width, height)


def read(data: bytes, notice: Notice) -> Raster:
    """The picture; raises Truncated, BadInput, or Pillow's errors."""
    colours = Colour(_profile(data, notice))
    orientation = _orientation(data, notice)
    if (header := frame(data))[:1] in (b"\x08", b""):
        return pillow.of_opened(_open(data, notice), notice, colours)
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
        colour=colours,
        orientation=orientation,
    )


def _open(data: bytes, notice: Notice) -> PillowImage:
    """Opened by Pillow; without metadata where it does not get past them."""
    try:
        return pillow.open_image(data, "JPEG")
    except UnidentifiedImageError:
        opened = pillow.open_image(_without_metadata(data), "JPEG")
        notice("the file's metadata cannot be read, and are left out")
        return opened


def _without_metadata(data: bytes) -> bytes:
    kept, position = [data[:2]], 2
    while (found := MARKER.search(data, position)) is not None:
        marker, end = data[found.end() - 1], found.end()
        if marker in (SCAN, END):
            kept.append(data[found.start() :])
            break
        position = end + (0 if marker in WITHOUT_LENGTH else max(2, int.from_bytes(data[end : end + 2], "big")))
        if marker not in METADATA:
            kept.append(data[found.start() : position])
    return b"".join(kept)


def _profile(data: bytes, notice: Notice) -> bytes | None:
    """The parts of an ICC profile in their order; a notice where one is missing."""
    found = [content for marker, content in segments(data) if marker == APP2 and content.startswith(ICC)]
    if not found:
        return None
    parts = {content[12]: content[14:] for content in found if len(content) > 14}
    if len(parts) != max((content[13] for content in found if len(content) > 14), default=1):
        notice("the colour profile is not whole: colours are taken as they are")
        return None
    return b"".join(parts[i] for i in sorted(parts))


def _orientation(data: bytes, notice: Notice) -> int:
    parts = (content for marker, content in segments(data) if marker == APP1 and content.startswith(pillow.EXIF))
    return pillow.orientation_in(lambda: pillow.exif_of(next(parts, b"")), notice)
