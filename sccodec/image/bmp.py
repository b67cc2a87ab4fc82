"""BMP: Pillow decodes; the profile that a header of version 5 may name is found here."""

from __future__ import annotations

from sccodec.image import pillow
from sccodec.image.colour import Colour, Notice
from sccodec.image.raster import Raster

START = b"BM"
HEADER = 14
"""Where the header of the picture begins, from which the profile's place is counted."""
VERSION_5, EMBEDDED = 124, b"DEBM"


def read(data: bytes, notice: Notice) -> Raster:
    """The picture; Pillow's errors."""
    return pillow.of_opened(pillow.open_image(data), notice, Colour(_profile(data)))


def _profile(data: bytes) -> bytes | None:
    def number(at: int) -> int:
        return int.from_bytes(data[HEADER + at : HEADER + at + 4], "little")

    if number(0) < VERSION_5 or data[HEADER + 56 : HEADER + 60] != EMBEDDED:
        return None
    start = HEADER + number(112)
    return data[start : start + number(116)] or None
