"""JPEG XL (ISO/IEC 18181): its header is read here, imagecodecs decodes, and pillow-jxl-plugin knows the profile.

libjxl gives pixels at the file's own depth, upright. Where a lossy file has a colour profile, its pixels come in linear
light instead, and 8 bits of those are too few for the dark: such a file is decoded as if it stated 12 bits, which
changes nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

from sccodec.errors import BadInput, CodecUnavailable, Corrupt, Truncated
from sccodec.image import boxes, pillow
from sccodec.image.colour import Colour, Notice, Samples, of_code_points
from sccodec.image.jpegxl_black import Spans, as_alpha
from sccodec.image.raster import Raster

SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
START = b"\xff\x0a"
ALPHA, BLACK = 0, 4
"""Types of extra channels."""
MOST_EXTRA = 16
MOST_HEADER = 8192
"""Bytes of the codestream that a header is looked for in."""


@dataclass
class Header:
    """width, height: upright. bits: of a sample; floats are of 16 or 32. extra: types of the extra channels.

    plain: whether colours are sRGB for certain. xyb: whether they are coded in XYB, as lossy files are. depth_at: the
    bit of the codestream where the selector of the depth stands, -1 for none. spans: what as_alpha() asks for, of a
    picture with one extra channel. code_points: of H.273, primaries and transfer, where it states
    no profile and they are usual.
    """

    width: int = 0
    height: int = 0
    bits: int = 8
    floats: bool = False
    extra: list[int] = field(default_factory=list)
    associated: bool = False
    animated: bool = False
    plain: bool = True
    xyb: bool = True
    depth_at: int = -1
    spans: Spans | None = None
    code_points: tuple[int, int] | None = None


class Bits:
    """Bits of a codestream, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, n_bits: int) -> int:
        end = self.position + n_bits
        if end > 8 * len(self._data):
            raise Truncated("the file ends within its header")
        whole = int.from_bytes(self._data[self.position // 8 : -(-end // 8)], "little")
        value = whole >> self.position % 8 & (1 << n_bits) - 1
        self.position = end
        return value

    def choose(self, *kinds: tuple[int, int]) -> int:
        """A number of one of four kinds: an offset, and so many bits."""
        offset, n_bits = kinds[self.take(2)]
        return offset + self.take(n_bits)

    def enum(self) -> int:
        return self.choose((0, 0), (1, 0), (2, 4), (18, 6))


def codestream(data: bytes) -> bytes:
    """The codestream, out of its boxes where it is in some; raises BadStream."""
    if not data.startswith(SIGNATURE):
        return data
    found = []
    for kind, start, end in boxes.boxes(data):
        if kind in (b"jxlc", b"jxlp"):
            found.append(data[start + 4 * (kind == b"jxlp") : end])
    return b"".join(found)


def check_whole(data: bytes) -> None:
    """Raise BadStream for boxes that end too early; a codestream has no mark at its end, its decoder is the judge."""
    if data.startswith(SIGNATURE):
        boxes.check_boxes(data)


def size(data: bytes) -> tuple[int, int]:
    """Width and height, upright; raises BadStream."""
    return _start(Bits(codestream(data)[len(START) : MOST_HEADER]))[:2]


def header(stream: bytes) -> Header:
    """What a codestream says before its frames; raises Truncated."""
    bits = Bits(stream[len(START) : MOST_HEADER])
    found = Header()
    found.width, found.height, all_default, extra_fields = _start(bits)
    if all_default:
        return found
    rare = bits.position - (4 if extra_fields else 1)
    if extra_fields:
        if bits.take(1):
            _size(bits)
        if bits.take(1):
            _preview(bits)
        if bits.take(1):
            found.animated = True
            _animation(bits)
    found.depth_at = 8 * len(START) + bits.position + 1
    found.bits, found.floats = _depth(bits)
    bits.take(1)
    marks: list[int] = []
    n_extra = bits.choose((0, 0), (1, 0), (2, 4), (1, 12))
    if n_extra > MOST_EXTRA:
        raise Corrupt(f"the file states {n_extra} channels beside its colours: no picture has so many")
    found.extra = [_extra(bits, found, marks) for _ in range(n_extra)]
    found.xyb = bool(bits.take(1))
    default_colours = bool(bits.take(1))
    found.plain = default_colours and not extra_fields
    if default_colours:
        return found
    has_profile, space = bits.take(1), bits.enum()
    if not has_profile:
        found.code_points = _code_points(bits, space)
    elif found.extra == [BLACK]:
        extra, depth, shift, name, end = (8 * len(START) + at for at in marks)
        rare, colour = (8 * len(START) + at for at in (rare, bits.position))
        found.spans = Spans(rare, extra, depth, shift, name, end, colour, found.bits)
    return found


def _start(bits: Bits) -> tuple[int, int, bool, bool]:
    """Width and height, upright; whether all metadata are the default (8 bits, sRGB, XYB); whether some are rare."""
    width, height = _size(bits)
    all_default = bool(bits.take(1))
    extra_fields = not all_default and bool(bits.take(1))
    turned = extra_fields and bits.take(3) >= 4
    return (height, width, all_default, extra_fields) if turned else (width, height, all_default, extra_fields)


def _size(bits: Bits) -> tuple[int, int]:
    small = bits.take(1)

    def side() -> int:
        return 8 * (bits.take(5) + 1) if small else bits.choose((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    return _by_ratio(bits.take(3), height) or side(), height


def _by_ratio(ratio: int, height: int) -> int:
    """The width that a ratio stands for, 0 for none."""
    over, under = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio]
    return height * over // under


def _preview(bits: Bits) -> None:
    small = bits.take(1)

    def side() -> int:
        kinds = ((16, 0), (32, 0), (1, 5), (33, 9)) if small else ((1, 6), (65, 8), (321, 10), (1345, 12))
        return bits.choose(*kinds)

    side()
    if bits.take(3) == 0:
        side()


def _animation(bits: Bits) -> None:
    bits.choose((100, 0), (1000, 0), (1, 10), (1, 30))
    bits.choose((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.choose((0, 0), (0, 3), (0, 16), (0, 32))
    bits.take(1)


def _depth(bits: Bits) -> tuple[int, bool]:
    if not bits.take(1):
        return bits.choose((8, 0), (10, 0), (12, 0), (1, 6)), False
    n_bits = bits.choose((32, 0), (16, 0), (24, 0), (1, 6))
    bits.take(4)
    return n_bits, True


def _extra(bits: Bits, found: Header, marks: list[int]) -> int:
    """An extra channel: its type; where its parts stand is added to the marks."""
    marks.append(bits.position)
    if bits.take(1):
        return ALPHA
    kind = bits.enum()
    marks.append(bits.position)
    _depth(bits)
    marks.append(bits.position)
    bits.choose((0, 0), (3, 0), (4, 0), (1, 3))
    marks.append(bits.position)
    bits.take(8 * bits.choose((0, 0), (0, 4), (16, 5), (48, 10)))
    if kind == ALPHA:
        found.associated = bool(bits.take(1))
    elif kind == 2:  # a spot colour: four numbers of 16 bits
        bits.take(64)
    elif kind == 5:  # a colour filter
        bits.choose((1, 0), (0, 2), (3, 4), (19, 8))
    marks.append(bits.position)
    return kind


def _code_points(bits: Bits, space: int) -> tuple[int, int] | None:
    """Primaries and transfer; None where they are not sRGB's, BT.2100's or P3's primaries under D65, or a gamma."""
    if space > 1 or bits.enum() != 1:
        return None
    primaries = {1: 1, 9: 9, 11: 12}.get(bits.enum()) if space == 0 else 1
    if primaries is None or bits.take(1):  # a gamma
        return None
    return primaries, bits.enum()


def read(data: bytes, notice: Notice) -> Raster:
    """The first picture; raises BadStream, BadInput or CodecUnavailable, and what the libraries raise."""
    stream = codestream(data)
    found = header(stream)
    if found.animated:
        notice(pillow.SEVERAL)
    given, white = data, _white(found)
    if found.xyb and not found.plain and white == 255 and found.depth_at >= 0:
        given, white = _of_12_bits(stream, found.depth_at), 4095
    if BLACK in found.extra:
        if found.spans is None:
            raise BadInput("it is a CMYK picture with further channels, or without a profile, which is not read here")
        given = as_alpha(stream, found.spans)
    samples = np.asarray(library().jpegxl_decode(given, index=0))
    if samples.dtype == np.float16:
        samples = samples.astype(np.float32)
    if samples.ndim == 2:
        samples = samples[:, :, None]
    if found.code_points is not None:
        colours = of_code_points(*found.code_points, notice)
    else:
        colours = Colour() if found.plain else Colour(profile(data))
    return _raster(samples, found, white, colours)


def _raster(samples: Samples, found: Header, white: int, colours: Colour) -> Raster:
    channels = samples.shape[2]
    if BLACK in found.extra:
        if channels != 4:
            raise BadInput("it is a CMYK picture, of which this imagecodecs decodes no black")
        return Raster.of_array((white - samples).astype(samples.dtype), "cmyk", white, colour=colours)
    alpha = ("premultiplied" if found.associated else "straight") if channels in (2, 4) else ""
    model = "grey" if channels < 3 else "rgb"
    return Raster.of_array(samples, model, white, alpha=alpha, colour=colours, bits=found.bits)


def _white(found: Header) -> int:
    return 1 if found.floats else (1 << found.bits) - 1


def _of_12_bits(stream: bytes, at: int) -> bytes:
    """The codestream with the selector of its depth, which is 0 for 8 bits, made 2."""
    changed = int.from_bytes(stream[: at // 8 + 2], "little") & ~(3 << at) | 2 << at
    return changed.to_bytes(at // 8 + 2, "little") + stream[at // 8 + 2 :]


def profile(data: bytes) -> bytes | None:
    """The profile of the pixels that libjxl gives; raises CodecUnavailable without what tells it."""
    try:
        from pillow_jxl import Decoder
    except ImportError:
        raise CodecUnavailable("the colours of this JPEG XL file need pillow-jxl-plugin: install it") from None
    found: bytes = Decoder(num_threads=1)(data)[3]
    return bytes(found) or None


def library() -> ModuleType:
    """imagecodecs, where it can do JPEG XL; raises CodecUnavailable."""
    try:
        import imagecodecs
    except ImportError:
        raise CodecUnavailable("JPEG XL needs imagecodecs: pip install imagecodecs") from None
    if not imagecodecs.JPEGXL.available:
        raise CodecUnavailable("this imagecodecs was built without JPEG XL: pip install --upgrade imagecodecs")
    return imagecodecs
