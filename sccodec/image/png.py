"""PNG (W3C, third edition): its chunks are walked here, Pillow decodes 8 bits and imagecodecs 16.

What matters to the picture must be whole: IHDR, PLTE, IDAT and IEND, with their checksums. Of the rest only what says
something about transparency, colours and orientation is looked at, and left out with a notice where it is damaged.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import numpy.typing as npt

from sccodec.errors import BadInput, Corrupt, Truncated
from sccodec.image import colour, pillow
from sccodec.image.colour import Colour, Notice
from sccodec.image.raster import TURNED, Raster
from sccodec.image.unlogged import unlogged

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NEEDED = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
USED = (b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"eXIf")
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By the colour types."""
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Likewise."""
GAMMAS = range(1000, 1000001)
"""gAMA, times 100000, that can be meant."""
LARGEST_PROFILE = 2**24
"""Bytes of an ICC profile, unpacked; a bomb is refused."""
RAW_EXIF = b"Raw profile type exif\0"
"""How a text begins that holds EXIF in hexadecimal, as ImageMagick wrote it before there was eXIf."""


@dataclass
class Chunks:
    """needed: the chunks of the picture, as they stand in the file. used: the first of each that is looked at.

    notices: what was left out.
    """

    header: bytes = b""
    needed: list[bytes] = field(default_factory=list)
    used: dict[bytes, bytes] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    animated: bool = False

    def take_used(self, kind: bytes, data: bytes, start: int, end: int) -> None:
        """Keep a chunk that is looked at, or a text that is, if it is the first of its kind."""
        if kind in USED:
            self.used.setdefault(kind, data[start:end])
        elif kind in (b"tEXt", b"zTXt") and data[start : start + len(RAW_EXIF)] == RAW_EXIF:
            self.used.setdefault(b"raw", data[start + len(RAW_EXIF) : end] if kind == b"tEXt" else data[start:end])

    @property
    def depth(self) -> int:
        return self.header[8]

    @property
    def colour_type(self) -> int:
        return self.header[9]

    @property
    def size(self) -> tuple[int, int]:
        return struct.unpack(">II", self.header[:8])

    def file(self) -> bytes:
        """A PNG file of what the picture needs."""
        return SIGNATURE + b"".join(self.needed)


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of each chunk to IEND; raises Truncated."""
    position = len(SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise Truncated("the file has no end: it was cut short")
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        if end + 4 > len(data):
            raise Truncated("the file ends within one of its chunks: it was cut short")
        kind = data[position + 4 : position + 8]
        yield kind, position + 8, end
        if kind == b"IEND":
            return
        position = end + 4


def check_whole(data: bytes) -> None:
    """Raise Truncated, or Corrupt, for a file whose picture is not as it was written."""
    parse(data)


def parse(data: bytes) -> Chunks:
    """The chunks of a file; raises Truncated or Corrupt."""
    found = Chunks()
    view = memoryview(data)
    left_out = set()
    for kind, start, end in chunks(data):
        good = zlib.crc32(view[start - 4 : end]) == int.from_bytes(data[end : end + 4], "big")
        if kind in NEEDED:
            if not good:
                raise Corrupt(f"the file is damaged: the checksum of its chunk {kind.decode()} is wrong")
            if not found.needed and (kind != b"IHDR" or end - start != 13):
                raise Corrupt("the file is damaged: it does not begin with its header")
            found.header = found.header or data[start:end]
            found.needed.append(data[start - 8 : end + 4])
        elif not good:
            left_out.add(kind.decode("ascii", "replace"))
        else:
            found.take_used(kind, data, start, end)
            found.animated |= kind == b"acTL"
    if left_out:
        names = ", ".join(sorted(left_out))
        found.notices.append(f"the checksum of {names[:60]} is wrong: what it says is left out")
    if found.depth not in DEPTHS.get(found.colour_type, ()):
        raise Corrupt(f"the file is damaged: there is no colour type {found.colour_type} of {found.depth} bits")
    if 0 in found.size:
        raise Corrupt("the file is damaged: it states a picture without pixels")
    colours = next((len(part) - 12 for part in found.needed if part[4:8] == b"PLTE"), 0)
    if found.colour_type == 3 and (colours == 0 or colours % 3):
        raise Corrupt("the file is damaged: it has no palette")
    return found


def size(data: bytes) -> tuple[int, int]:
    """Width and height, upright; raises BadStream. Checksums are not looked at."""
    found = Chunks()
    for kind, start, end in chunks(data):
        if kind == b"IHDR" and end - start == 13:
            found.header = found.header or data[start:end]
        found.take_used(kind, data, start, end)
    if not found.header:
        raise Corrupt("the file is damaged: it does not begin with its header")
    width, height = found.size
    return (height, width) if orientation(found, lambda text: None) in TURNED else (width, height)


def read(data: bytes, notice: Notice) -> Raster:
    """The picture; an animation's is the one that viewers of pictures show."""
    found = parse(data)
    for text in found.notices:
        notice(text)
    if found.animated:
        notice(pillow.SEVERAL)
    turn = orientation(found, notice)
    colours = colours_of(found, notice)
    if found.depth == 16:
        return _of_16_bits(found, colours, turn)
    opened = pillow.open_image(found.file(), "PNG")
    pillow.load_pixels(opened)
    key = transparent(found, notice)
    if key is not None:
        opened.info["transparency"] = key
    return pillow.of_image(opened, notice, colours, turn)


def transparent(found: Chunks, notice: Notice) -> bytes | int | tuple[int, int, int] | None:
    """tRNS as Pillow takes it: alpha of the palette's entries, or the sample or colour, of 8 bits, that is clear."""
    content, kind, depth = found.used.get(b"tRNS"), found.colour_type, found.depth
    if content is None or kind not in (0, 2, 3):
        return None
    if kind == 3:
        return content[:256]
    n_samples = CHANNELS[kind]
    if len(content) < 2 * n_samples:
        notice("tRNS is damaged, and is left out")
        return None
    values = [value & (1 << depth) - 1 for value in struct.unpack(f">{n_samples}H", content[: 2 * n_samples])]
    scaled = [value * 255 // ((1 << depth) - 1) for value in values] if depth < 8 else values
    return scaled[0] if kind == 0 else (scaled[0], scaled[1], scaled[2])


def _of_16_bits(found: Chunks, colours: Colour, turn: int) -> Raster:
    import imagecodecs

    with unlogged("imagecodecs"):  # which remarks on interlaced files, and decodes them
        samples: npt.NDArray[np.uint16] = np.asarray(imagecodecs.png_decode(found.file()))
    if samples.ndim == 2:
        samples = samples[:, :, None]
    if samples.dtype != np.uint16 or samples.shape[2] != CHANNELS[found.colour_type]:
        raise BadInput("the picture of 16 bits cannot be decoded")
    alpha = found.colour_type in (4, 6)
    content = found.used.get(b"tRNS", b"")
    if not alpha and len(content) >= 2 * samples.shape[2]:
        key = np.frombuffer(content[: 2 * samples.shape[2]], ">u2")
        clear = (samples == key).all(2, keepdims=True)
        samples, alpha = np.concatenate([samples, np.where(clear, 0, 65535).astype(np.uint16)], 2), True
    model = "grey" if found.colour_type in (0, 4) else "rgb"
    return Raster.of_array(
        samples,
        model,
        65535,
        alpha="straight" if alpha else "",
        colour=colours,
        orientation=turn,
    )


def colours_of(found: Chunks, notice: Notice) -> Colour:
    """Of the chunks that say something about colours, the strongest: cICP, iCCP, sRGB, then gAMA and cHRM."""
    cicp = found.used.get(b"cICP", b"")
    if len(cicp) >= 4:
        if cicp[2] != 0 or cicp[3] != 1:
            notice("cICP states a matrix or a range that PNG does not have: they are left out")
        return colour.of_code_points(cicp[0], cicp[1], notice)
    if b"iCCP" in found.used:
        profile = unpacked(found.used[b"iCCP"], notice)
        if profile is not None:
            return Colour(profile)
    if b"sRGB" in found.used:
        return Colour()
    return colour.of_gamma(_gamma(found, notice), _primaries(found, notice))


def _gamma(found: Chunks, notice: Notice) -> float | None:
    """gAMA, the exponent by which light became samples."""
    content = found.used.get(b"gAMA")
    if content is None:
        return None
    value = int.from_bytes(content, "big")
    if len(content) != 4 or value not in GAMMAS:
        notice("gAMA is damaged, and is left out")
        return None
    return value / 100000


def _primaries(found: Chunks, notice: Notice) -> colour.Primaries | None:
    """cHRM: white's x and y, then those of red, green and blue."""
    content = found.used.get(b"cHRM")
    if content is None:
        return None
    values = [value / 100000 for value in struct.unpack(f">{len(content) // 4}I", content[: len(content) // 4 * 4])]
    primaries = cast(colour.Primaries, (*values[2:], *values[:2]))
    if len(content) != 32 or not colour.are_colours(primaries):
        notice("cHRM is damaged, and is left out")
        return None
    return primaries


def unpacked(content: bytes, notice: Notice) -> bytes | None:
    """The profile of an iCCP chunk: a name, a zero, the method, which is 0, and deflated bytes."""
    profile = _inflated(content.partition(b"\0")[2])
    if profile is None:
        notice("the colour profile cannot be unpacked: colours are taken as they are")
    return profile


def _inflated(content: bytes) -> bytes | None:
    """Deflated bytes behind a byte for the method, which is 0; None where they are not whole, or too many."""
    try:
        unpacker = zlib.decompressobj()
        found = unpacker.decompress(content[1:], LARGEST_PROFILE)
    except zlib.error:
        return None
    return found if content[:1] == b"\0" and unpacker.eof else None


def orientation(found: Chunks, notice: Notice) -> int:
    """EXIF's, 1 to 8, wherever its chunk stands."""
    content = found.used.get(b"eXIf")
    if content is None and b"raw" not in found.used:
        return 1
    return pillow.orientation_in(
        lambda: pillow.exif_of(_raw_exif(found.used[b"raw"]) if content is None else content), notice
    )


def _raw_exif(content: bytes) -> bytes:
    """The bytes of a text: an empty line, the kind, their number, and hexadecimal; raises ValueError."""
    text = content
    if text[:1] == b"R":  # deflated, its key still before it
        text = _inflated(text[len(RAW_EXIF) :]) or b""
    _, kind, number, digits = text.split(b"\n", 3)
    found = bytes.fromhex(digits.decode("ascii"))
    if kind != b"exif" or int(number) != len(found):
        raise ValueError(number)
    return found
