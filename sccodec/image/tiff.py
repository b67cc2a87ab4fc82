"""TIFF 6.0 and BigTIFF: tifffile takes the file apart and decodes, with imagecodecs.

    grey (either way round), RGB, CMYK, palettes; 1 to 16 bits, integers of 32, floats    tifffile
    L*a*b* of 8 bits                                                                      tifffile
    YCbCr outside JPEG                                                                    tiff_ycbcr

Pillow has libtiff do it, which writes to standard error what it finds; it is asked only for fax compression where
imagecodecs has none. A file may hold damaged data under good tags: each part must be there, each JPEG part whole.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sccodec.errors import BadInput, BadStream, Corrupt
from sccodec.image import jpeg, pillow, tiff_ycbcr
from sccodec.image.colour import Colour, Notice
from sccodec.image.raster import TURNED, Raster
from sccodec.image.unlogged import unlogged

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

STARTS = (b"II\x2a\0", b"MM\0\x2a", b"II\x2b\0", b"MM\0\x2b")
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
MODELS = {
    WHITE_IS_ZERO: "grey",
    BLACK_IS_ZERO: "grey",
    RGB: "rgb",
    PALETTE: "rgb",
    CMYK: "cmyk",
    YCBCR: "rgb",
    CIELAB: "lab",
    ICCLAB: "lab",
}
COLOURS = {"grey": 1, "rgb": 3, "cmyk": 4, "lab": 3}
JPEG_COMPRESSIONS = (6, 7)
CCITT = (2, 3, 4)
FAX = ("CCITTRLE", "CCITTFAX3", "CCITTFAX4")
"""imagecodecs' names of them."""
UNCOMPRESSED = 1
SUB_FILE, SUB_FILES = 254, 330
PHOTOMETRIC, INK_SET, ICC, ORIENTATION = 262, 332, 34675, 274
ASSOCIATED, UNASSOCIATED = 1, 2
REDUCED_OR_MASK = 1 | 4
LOOKED_AT = 8
"""Pages that are looked at."""
MOST_SAMPLES = 32
"""Samples a pixel; of those beyond the colours and alpha none is used."""

MOST_BYTES = 2**32
"""Of samples: as many as the largest picture of four floats a pixel has."""


def size(data: bytes) -> tuple[int, int]:
    """Width and height, upright."""
    with unlogged("tifffile"), _open(data) as file:
        page = _page(file)
        width, height = page.imagewidth, page.imagelength
        return (height, width) if _orientation(page) in TURNED else (width, height)


def read(data: bytes, notice: Notice) -> Raster:
    """The first page that is no smaller copy; raises BadInput or BadStream, and what the libraries raise."""
    with unlogged("tifffile"), unlogged("imagecodecs"), _open(data) as file:
        page = _page(file)
        if _has_several(file):
            notice(pillow.SEVERAL)
        colour = Colour(_profile(page))
        check_kind(page)
        check_parts(page, data)
        if int(page.compression) in CCITT and not _fax():
            return _by_pillow(data, notice, colour)
        return _of_page(page, data, colour)


def _open(data: bytes) -> TiffFile:
    import tifffile

    return tifffile.TiffFile(io.BytesIO(data))


def _page(file: TiffFile) -> TiffPage:
    if not len(file.pages):
        raise Corrupt("the file is damaged: it has no page")
    page = next((page for page in _first(file) if not _is_reduced(page)), file.pages.first)
    if _is_reduced(page) and SUB_FILES in page.tags:
        raise BadInput("it is a TIFF file whose first picture is a smaller copy, and the whole one is not read here")
    if min(page.imagewidth, page.imagelength) < 1:
        raise Corrupt("the file is damaged: it states a picture without pixels")
    if page.samplesperpixel > MOST_SAMPLES or page.imagedepth > 1:
        raise BadInput(
            f"it is a TIFF file of {page.samplesperpixel} samples a pixel, {page.imagedepth} deep: no picture"
        )
    return page


def _first(file: TiffFile) -> Iterator[TiffPage]:
    """The first of its pages, as many as are looked at."""
    from tifffile import TiffPage

    for index in range(LOOKED_AT):
        try:
            page = file.pages[index]
        except IndexError:
            return
        if isinstance(page, TiffPage):
            yield page


def _is_reduced(page: TiffPage) -> bool:
    """Whether it is a smaller copy, or a mask."""
    return bool(int(page.tags.valueof(SUB_FILE, 0)) & REDUCED_OR_MASK)


def _has_several(file: TiffFile) -> bool:
    """Whether pages are beside each other, or ImageJ's pictures behind each other."""
    stacked = re.match(r"ImageJ=.*^images=(?!1$)", str(file.pages.first.description), re.DOTALL | re.MULTILINE)
    return stacked is not None or sum(not _is_reduced(page) for page in _first(file)) > 1


def _profile(page: TiffPage) -> bytes | None:
    found = page.tags.valueof(ICC)
    return bytes(found) if isinstance(found, bytes | bytearray) and found else None


def _orientation(page: TiffPage) -> int:
    found = page.tags.valueof(ORIENTATION, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def check_kind(page: TiffPage) -> None:
    """Raise BadInput for a page that is not read here. What its tags do not say, or say in vain, is set right."""
    import tifffile

    if PHOTOMETRIC not in page.tags:  # as libtiff takes it
        fax = int(page.compression) in CCITT
        page.photometric = WHITE_IS_ZERO if fax else RGB if page.samplesperpixel >= COLOURS["rgb"] else BLACK_IS_ZERO
    if int(page.compression) == UNCOMPRESSED:
        page.predictor = 1
    kind = ""
    if int(page.compression) not in tifffile.TIFF.DECOMPRESSORS:
        kind = f"compression {int(page.compression)}"
    elif int(page.photometric) not in MODELS:
        kind = f"photometric interpretation {int(page.photometric)}"
    elif not isinstance(page.bitspersample, int):
        kind = f"channels of {', '.join(map(str, page.bitspersample))} bits"
    elif MODELS[int(page.photometric)] == "lab" and page.bitspersample != 8:
        kind = f"L*a*b* of {page.bitspersample} bits"
    elif int(page.photometric) == CMYK and page.tags.valueof(INK_SET, 1) != 1:
        kind = "inks that are not CMYK"
    elif page.nbytes > MOST_BYTES:
        kind = f"{page.nbytes / 2**30:.1f} GiB of samples"
    if kind:
        raise BadInput(f"it is a TIFF file of {kind}, which is not read here")


def _fax() -> bool:
    """Whether this imagecodecs has fax compression."""
    import imagecodecs

    return all(getattr(getattr(imagecodecs, name, None), "available", False) for name in FAX)


def _by_pillow(data: bytes, notice: Notice, colour: Colour) -> Raster:
    opened = pillow.open_image(data, "TIFF")
    pillow.load_pixels(opened)
    return pillow.of_image(opened, notice, colour, 1)  # Pillow has turned it


def check_parts(page: TiffPage, data: bytes) -> None:
    """Raise Corrupt where a strip or tile has no data, of which tifffile makes black, or JPEG data have no end."""
    n_parts = math.prod(page.chunked)
    if len(page.dataoffsets) < n_parts or not all(page.dataoffsets) or not all(page.databytecounts):
        raise Corrupt("the file is damaged: a part of its picture has no data")
    check_jpeg(page, data)


def check_jpeg(page: TiffPage, data: bytes) -> None:
    """Raise Corrupt where a strip or tile of JPEG data has no end."""
    if int(page.compression) != JPEG_COMPRESSIONS[1]:
        return
    for start, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        part = data[start : start + length]
        try:
            jpeg.check_whole(part)
            whole = len(part) == length and part[:2] == b"\xff\xd8"
        except BadStream:
            whole = False
        if not whole:
            raise Corrupt("the file is damaged: its JPEG data are not whole")


def _of_page(page: TiffPage, data: bytes, colour: Colour) -> Raster:
    photometric = int(page.photometric)
    model = MODELS[photometric]
    if photometric == YCBCR and int(page.compression) not in JPEG_COMPRESSIONS:
        return Raster.of_array(tiff_ycbcr.rgb(page, data), model, 255, colour=colour, orientation=_orientation(page))
    samples = _interleaved(np.asarray(page.asarray()), page)
    white = _white(samples, page)
    if white == 65535 and samples.dtype.itemsize > 2:
        samples = samples.astype(np.uint16)
    samples, alpha = _with_alpha(samples, page, 1 if photometric == PALETTE else COLOURS[model])
    if photometric == PALETTE:
        samples, white = _through_palette(samples, white, page)
    elif photometric == WHITE_IS_ZERO:
        samples = np.concatenate([(white - samples[:, :, :1]).astype(samples.dtype), samples[:, :, 1:]], 2)
    elif photometric == ICCLAB:  # a and b have an offset, which CIE L*a*b* has not
        samples = samples ^ np.array([0, 128, 128, 0], np.uint8)[: samples.shape[2]]
    return Raster.of_array(samples, model, white, alpha=alpha, colour=colour, orientation=_orientation(page))


def _with_alpha(samples: npt.NDArray[Any], page: TiffPage, n_colours: int) -> tuple[npt.NDArray[Any], str]:
    """The colours, and behind them alpha where one of the extra samples is that; and what kind of alpha it is."""
    if samples.shape[2] < n_colours:
        raise BadInput(f"it is a TIFF file of {samples.shape[2]} samples a pixel, which are too few for its colours")
    kinds = {ASSOCIATED: "premultiplied", UNASSOCIATED: "straight"}
    for index, extra in enumerate(page.extrasamples, n_colours):
        if int(extra) in kinds and index < samples.shape[2]:
            return samples[:, :, [*range(n_colours), index]], kinds[int(extra)]
    return samples[:, :, :n_colours], ""


def _interleaved(samples: npt.NDArray[Any], page: TiffPage) -> npt.NDArray[Any]:
    """[H, W, C] of what tifffile gives: [H, W], [H, W, C], or planes [C, H, W]."""
    height, width = page.imagelength, page.imagewidth
    if samples.dtype == np.bool_:
        samples = samples.astype(np.uint8)
    if samples.shape == (height, width):
        return samples[:, :, None]
    if samples.ndim == 3 and samples.shape[:2] == (height, width) and int(page.planarconfig) == 1:
        return samples
    if samples.ndim == 3 and samples.shape[1:] == (height, width):
        return np.ascontiguousarray(samples.transpose(1, 2, 0))
    raise BadInput(f"it is a TIFF file of the shape {samples.shape}, which is no picture")


def _white(samples: npt.NDArray[Any], page: TiffPage) -> int:
    """The sample that is white; raises BadInput for samples that are no picture's."""
    if samples.dtype.kind == "f":
        return pillow.white_of(samples.astype(np.float32))
    if samples.dtype.itemsize > 2:
        return pillow.white_of(samples.astype(np.int64))
    bits: int = page.bitspersample
    if samples.dtype.kind == "i" and MODELS[int(page.photometric)] != "lab":
        if samples.min(initial=0) < 0:
            raise BadInput("the picture's samples are below 0: convert it to 8 or 16 bits without a sign first")
        bits -= 1
    return (1 << bits) - 1


def _through_palette(samples: npt.NDArray[Any], opaque: int, page: TiffPage) -> tuple[npt.NDArray[Any], int]:
    """Colours of 16 bits; of 8 where they are no more, as most writers have it. And alpha, where there is one."""
    palette = np.asarray(page.colormap).T.astype(np.uint16)
    if samples[:, :, 0].max(initial=0) >= len(palette):
        raise Corrupt("the file is damaged: a pixel has a colour that is not in its palette")
    white = 65535
    if palette.max(initial=0) <= 255:  # some writers have not scaled them
        palette, white = palette.astype(np.uint8), 255
    elif (palette % 257 == 0).all() or (palette % 256 == 0).all():
        palette, white = (palette >> 8).astype(np.uint8), 255
    colours = palette[samples[:, :, 0]]
    if samples.shape[2] > 1:
        alpha = np.floor(samples[:, :, 1:] * (white / opaque) + 0.5).astype(colours.dtype)
        colours = np.concatenate([colours, alpha], 2)
    return colours, white
