"""TIFF 6.0 and BigTIFF: tifffile takes the file apart and decodes, with imagecodecs; Pillow what those do not know.

    grey (either way round), RGB, CMYK, palettes; 1 to 16 bits, integers of 32, floats    tifffile
    YCbCr outside JPEG, L*a*b*, and what remains                                          Pillow

A file may hold damaged data under good tags: each JPEG strip must have its end.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sccodec.errors import BadInput, BadStream, Corrupt
from sccodec.image import jpeg, pillow
from sccodec.image.colour import Colour, Notice
from sccodec.image.raster import TURNED, Raster
from sccodec.image.unlogged import unlogged

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

STARTS = (b"II\x2a\0", b"MM\0\x2a", b"II\x2b\0", b"MM\0\x2b")
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
MODELS = {WHITE_IS_ZERO: "grey", BLACK_IS_ZERO: "grey", RGB: "rgb", PALETTE: "rgb", CMYK: "cmyk"}
COLOURS = {"grey": 1, "rgb": 3, "cmyk": 4}
JPEG_COMPRESSIONS = (6, 7)
CCITT = (2, 3, 4)
ICC, ORIENTATION = 34675, 274
ASSOCIATED, UNASSOCIATED = 1, 2
REDUCED_OR_MASK = 1 | 4
LOOKED_AT = 8
"""Pages that are counted."""
MOST_SAMPLES = 32
"""Samples a pixel; of those beyond the colours and alpha none is used."""


def size(data: bytes) -> tuple[int, int]:
    """Width and height, upright."""
    with unlogged("tifffile"), _open(data) as file:
        page = _page(file)
        width, height = page.imagewidth, page.imagelength
        return (height, width) if _orientation(page) in TURNED else (width, height)


def read(data: bytes, notice: Notice) -> Raster:
    """The first page; raises BadInput or BadStream, and what the libraries raise."""
    with unlogged("tifffile"), unlogged("imagecodecs"), _open(data) as file:
        page = _page(file)
        if _pages(file) > 1:
            notice(pillow.SEVERAL)
        colour = Colour(_profile(page))
        if not _taken(page):
            return _by_pillow(data, notice, colour, page)
        check_jpeg(page, data)
        return _of_page(page, colour)


def _open(data: bytes) -> TiffFile:
    import tifffile

    return tifffile.TiffFile(io.BytesIO(data))


def _page(file: TiffFile) -> TiffPage:
    if not len(file.pages):
        raise Corrupt("the file is damaged: it has no page")
    page = file.pages.first
    if min(page.imagewidth, page.imagelength) < 1:
        raise Corrupt("the file is damaged: it states a picture without pixels")
    if page.samplesperpixel > MOST_SAMPLES or page.imagedepth > 1:
        raise BadInput(
            f"it is a TIFF file of {page.samplesperpixel} samples a pixel, {page.imagedepth} deep: no picture"
        )
    return page


def _pages(file: TiffFile) -> int:
    """Pages that are neither smaller copies nor masks, among the first."""
    from tifffile import TiffPage

    found = 0
    for index in range(LOOKED_AT):
        try:
            page = file.pages[index]
        except IndexError:
            break
        found += isinstance(page, TiffPage) and not int(page.tags.valueof(254, 0)) & REDUCED_OR_MASK
    return found


def _profile(page: TiffPage) -> bytes | None:
    found = page.tags.valueof(ICC)
    return bytes(found) if isinstance(found, bytes | bytearray) and found else None


def _orientation(page: TiffPage) -> int:
    found = page.tags.valueof(ORIENTATION, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _taken(page: TiffPage) -> bool:
    """Whether tifffile decodes it as it is meant."""
    if int(page.compression) in CCITT:
        return False
    if int(page.photometric) == YCBCR:
        return int(page.compression) in JPEG_COMPRESSIONS and page.samplesperpixel == 3
    return int(page.photometric) in MODELS


def _by_pillow(data: bytes, notice: Notice, colour: Colour, page: TiffPage) -> Raster:
    opened = pillow.open_image(data, "TIFF")
    if opened.mode.startswith("I"):
        raise BadInput(
            f"it is a TIFF file of a kind that is not read here: photometric {int(page.photometric)}, {page.dtype}"
        )
    pillow.load_pixels(opened)
    return pillow.of_image(opened, notice, colour, 1)  # Pillow has turned it


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


def _of_page(page: TiffPage, colour: Colour) -> Raster:
    samples: npt.NDArray[Any] = np.asarray(page.asarray())
    photometric = int(page.photometric)
    model = MODELS.get(photometric, "rgb")
    samples = _interleaved(samples, page)
    white = _white(samples, page)
    if white == 65535 and samples.dtype.itemsize > 2:
        samples = samples.astype(np.uint16)
    if photometric == PALETTE:
        samples, white = _through_palette(samples, page)
    n_colours = COLOURS[model]
    alpha = ""
    if samples.shape[2] > n_colours:
        extra = int(page.extrasamples[0]) if page.extrasamples else 0
        alpha = {ASSOCIATED: "premultiplied", UNASSOCIATED: "straight"}.get(extra, "")
        samples = samples[:, :, : n_colours + bool(alpha)]
    if samples.shape[2] < n_colours:
        raise BadInput(f"it is a TIFF file of {samples.shape[2]} samples a pixel, which are too few for its colours")
    if photometric == WHITE_IS_ZERO:
        samples = np.concatenate([(white - samples[:, :, :1]).astype(samples.dtype), samples[:, :, 1:]], 2)
    return Raster.of_array(samples, model, white, alpha=alpha, colour=colour, orientation=_orientation(page))


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
    if samples.dtype.kind == "i" or samples.dtype.itemsize > 2:
        return pillow.white_of(samples.astype(np.int64))
    bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
    return int((1 << bits) - 1)


def _through_palette(samples: npt.NDArray[Any], page: TiffPage) -> tuple[npt.NDArray[Any], int]:
    """Colours of 16 bits; of 8 where they are no more, as most writers have it."""
    palette = np.asarray(page.colormap).T.astype(np.uint16)
    if samples.max(initial=0) >= len(palette):
        raise Corrupt("the file is damaged: a pixel has a colour that is not in its palette")
    white = 65535
    if (palette % 257 == 0).all() or (palette % 256 == 0).all():
        palette, white = (palette >> 8).astype(np.uint8), 255
    return palette[samples[:, :, 0]], white
