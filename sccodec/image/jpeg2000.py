"""JPEG 2000 (ITU-T T.800): its header is read here; OpenJPEG decodes, inside Pillow up to 8 bits, imagecodecs above.

component subsampling, sYCC       Pillow, 8 bits
9 to 16 bits, palettes, CMYK      imagecodecs
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from sccodec.errors import BadInput, Corrupt, Truncated
from sccodec.image import boxes, pillow
from sccodec.image.colour import Colour, Notice
from sccodec.image.raster import Raster

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
START = b"\xff\x4f\xff\x51"
END = b"\xff\xd9"
CMYK, SRGB, GREY, SYCC = 12, 16, 17, 18
"""Enumerated colour spaces."""
MOST_COMPONENTS = 4
CONVERTED = [[(1, 1), (2, 1), (2, 1)], [(1, 1), (2, 2), (2, 2)]]
"""Subsampling of which OpenJPEG makes RGB."""


@dataclass
class Header:
    """bits, signed, steps: of each component; steps are its subsampling (x, y). space: enumerated, 0 for none.

    palette: the bits of its colours, empty without one. order: for each channel, what it is: 0 an alpha, 1 to 3 a
    colour, -1 neither; empty where the file does not say.
    """

    width: int
    height: int
    bits: list[int]
    signed: list[bool]
    steps: list[tuple[int, int]]
    space: int = 0
    icc: bytes | None = None
    palette: list[int] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    premultiplied: bool = False

    @property
    def is_cmyk(self) -> bool:
        return self.space == CMYK or (self.icc is not None and self.icc[16:20] == b"CMYK")


def check_whole(data: bytes) -> None:
    """Raise BadStream for a file without a codestream, or whose codestream has no end."""
    if data.startswith(SIGNATURE) and b"jp2c" not in boxes.check_boxes(data):
        raise Truncated("the file has no codestream: it was cut short")
    if data.rfind(END) < 0:  # no two bytes within coded data are so large
        raise Truncated("the file has no end: it was cut short")


def size(data: bytes) -> tuple[int, int]:
    """Width and height; raises BadStream."""
    found = header(data)
    return found.width, found.height


def header(data: bytes) -> Header:
    """What a file says before its coded data; raises BadStream."""
    inner: list[tuple[bytes, int, int]] = []
    start = 0
    if data.startswith(SIGNATURE):
        found = {kind: (first, last) for kind, first, last in reversed(list(boxes.boxes(data)))}
        if b"jp2c" not in found:
            raise Truncated("the file has no codestream: it was cut short")
        start = found[b"jp2c"][0]
        inner = list(boxes.boxes(data, *found[b"jp2h"])) if b"jp2h" in found else []
    made = _siz(data[start:])
    for kind, first, last in inner:
        content = data[first:last]
        if kind == b"colr" and not made.space and made.icc is None and len(content) >= 3:
            if content[0] == 1:
                made.space = int.from_bytes(content[3:7], "big")
            elif content[0] in (2, 3):
                made.icc = content[3:]
        elif kind == b"pclr" and len(content) > 3:
            made.palette = [(value & 127) + 1 for value in content[3 : 3 + content[2]]]
        elif kind == b"cdef":
            _definitions(content, made)
    return made


def _siz(stream: bytes) -> Header:
    if not stream.startswith(START) or len(stream) < 42:
        raise Corrupt("the file is damaged: its codestream does not begin with its size")
    x1, y1, x0, y0 = struct.unpack(">4I", stream[8:24])
    count = int.from_bytes(stream[40:42], "big")
    parts = [stream[i : i + 3] for i in range(42, 42 + 3 * count, 3)]
    if not parts or len(parts[-1]) < 3 or x1 <= x0 or y1 <= y0 or any(0 in part[1:] for part in parts):
        raise Corrupt("the file is damaged: it states no possible size")
    bits = [(part[0] & 127) + 1 for part in parts]
    signed = [bool(part[0] & 128) for part in parts]
    step = min(part[1] for part in parts), min(part[2] for part in parts)
    size = [-(-end // by) - -(-begin // by) for end, begin, by in ((x1, x0, step[0]), (y1, y0, step[1]))]
    return Header(size[0], size[1], bits, signed, [(part[1], part[2]) for part in parts])


def _definitions(content: bytes, made: Header) -> None:
    """cdef: for each channel its number, its type (0 colour, 1 alpha, 2 premultiplied alpha) and what it belongs to.

    Other types are of nothing that is known.
    """
    count = int.from_bytes(content[:2], "big")
    entries = [struct.unpack(">3H", content[i : i + 6]) for i in range(2, min(2 + 6 * count, len(content) - 5), 6)]
    kinds = {number: (kind, belongs) for number, kind, belongs in entries}
    made.premultiplied = any(kind == 2 for kind, _ in kinds.values())
    channels = range(max(kinds, default=-1) + 1)
    made.order = [
        {0: belongs, 1: 0, 2: 0}.get(kind, -1) for kind, belongs in (kinds.get(i, (0, i + 1)) for i in channels)
    ]


def read(data: bytes, notice: Notice) -> Raster:
    """The picture; raises BadStream or BadInput, and what the libraries raise."""
    found = header(data)
    colours = Colour(found.icc)
    if found.space not in (0, CMYK, SRGB, GREY, SYCC):
        raise BadInput(f"it is a JPEG 2000 file of the colour space {found.space}, which is not read here")
    if len(found.bits) > MOST_COMPONENTS:
        raise BadInput(f"it is a JPEG 2000 file of {len(found.bits)} components, which is not read here")
    if found.steps[0] != (1, 1) or not {n for step in found.steps for n in step} <= {1, 2, 4}:  # Pillow's are wrong
        raise BadInput("it is a JPEG 2000 file of subsampled components of a kind that is not read here")
    ordered = found.order in ([], [1], [1, 0], [1, 2, 3], [1, 2, 3, 0])
    special = found.premultiplied or found.palette or found.is_cmyk
    if set(found.bits) == {8} and not any(found.signed) and ordered and not special:
        opened = pillow.open_image(data, "JPEG2000")
        pillow.load_pixels(opened)
        return pillow.of_image(opened, notice, colours, 1)
    subsampled = len(set(found.steps)) > 1
    if subsampled and (found.space == SRGB or found.steps[:3] not in CONVERTED):  # OpenJPEG takes them for sYCC
        raise BadInput("it is a JPEG 2000 file of subsampled components of a kind that is not read here")
    return _by_imagecodecs(data, found, colours)


def _by_imagecodecs(data: bytes, found: Header, colours: Colour) -> Raster:
    """Samples of the file's own depth; OpenJPEG puts channels into their order, and converts sYCC."""
    import imagecodecs

    samples = np.asarray(imagecodecs.jpeg2k_decode(data))
    if samples.ndim == 2:
        samples = samples[:, :, None]
    depths = found.palette or found.bits
    channels, bits = samples.shape[2], max(depths)
    if found.palette and channels != len(found.palette):
        raise Corrupt("the file is damaged: its palette belongs to nothing")
    if channels > 4 or bits > 16 or len(set(depths)) > 1 or (found.is_cmyk and channels != 4):
        raise BadInput(f"it is a JPEG 2000 file of {channels} components of {bits} bits, which is not read here")
    if -1 in found.order and channels in (2, 4):
        samples, channels = samples[:, :, :-1], channels - 1
    wide = samples.astype(np.int32) + (1 << bits - 1 if samples.dtype.kind == "i" else 0)
    alpha = ("premultiplied" if found.premultiplied else "straight") if channels in (2, 4) and not found.is_cmyk else ""
    model = "cmyk" if found.is_cmyk else "grey" if channels < 3 else "rgb"
    return Raster.of_array(wide.astype(np.uint16), model, (1 << bits) - 1, alpha=alpha, colour=colours)
