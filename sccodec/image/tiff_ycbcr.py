"""YCbCr in TIFF outside JPEG (TIFF 6.0, section 21): tifffile unpacks the strips, what they hold is put together here.

Pixels come in units of h x v that share their chroma: their Y in rows, then one Cb and one Cr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sccodec.errors import BadInput, Corrupt

if TYPE_CHECKING:
    from tifffile import TiffPage

COEFFICIENTS, SUBSAMPLING, REFERENCE = 529, 530, 532
BT601 = (0.299, 0.587, 0.114)
FULL_RANGE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
"""Samples of no and of full Y, Cb and Cr."""


def rgb(page: TiffPage, data: bytes) -> npt.NDArray[np.uint8]:
    """uint8 [H, W, 3] of a page; raises BadInput for what is of another kind, Corrupt for missing data."""
    horizontal, vertical = page.tags.valueof(SUBSAMPLING, (2, 2))
    units = {horizontal, vertical} <= {1, 2, 4}
    if page.bitspersample != 8 or page.samplesperpixel != 3 or page.predictor != 1 or not units:
        raise BadInput("it is a TIFF file of YCbCr of a kind that is not read here: other than 3 samples of 8 bits")
    if page.planarconfig != 1:
        raise BadInput("it is a TIFF file of YCbCr in planes, which is not read here")
    height, width = page.imagelength, page.imagewidth
    rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, height)
    columns = page.tilewidth if page.is_tiled else width
    across = -(-width // columns)
    whole = np.empty((-(-height // rows) * rows, across * columns, 3), np.uint8)
    for index, (start, length) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        top, left = index // across * rows, index % across * columns
        high = rows if page.is_tiled else min(rows, height - top)
        part = _unpacked(page, data[start : start + length])
        whole[top : top + high, left : left + columns] = _part(part, high, columns, vertical, horizontal)
    return _converted(whole[:height, :width], page)


def _unpacked(page: TiffPage, coded: bytes) -> bytes:
    import imagecodecs
    import tifffile

    if page.fillorder == 2:
        coded = bytes(imagecodecs.bitorder_decode(coded))
    return bytes(tifffile.TIFF.DECOMPRESSORS[page.compression](coded))


def _part(data: bytes, height: int, width: int, vertical: int, horizontal: int) -> npt.NDArray[np.uint8]:
    """A strip or tile [height, width, 3] of Y, Cb and Cr."""
    down, across, in_unit = -(-height // vertical), -(-width // horizontal), vertical * horizontal
    if len(data) < down * across * (in_unit + 2):
        raise Corrupt("the file is damaged: it ends within its pixels")
    units = np.frombuffer(data, np.uint8, down * across * (in_unit + 2)).reshape(down, across, in_unit + 2)
    luma = units[:, :, :in_unit].reshape(down, across, vertical, horizontal).transpose(0, 2, 1, 3)
    chroma = units[:, :, in_unit:].repeat(vertical, 0).repeat(horizontal, 1)
    joined = np.concatenate([luma.reshape(down * vertical, across * horizontal, 1), chroma], 2)
    return joined[:height, :width]


def _converted(samples: npt.NDArray[np.uint8], page: TiffPage) -> npt.NDArray[np.uint8]:
    """RGB of Y, Cb and Cr, by the coefficients and the range that the file states."""
    red, green, blue = _numbers(page, COEFFICIENTS, BT601)
    black = _numbers(page, REFERENCE, FULL_RANGE)
    if min(red, green, blue) <= 0 or any(black[i] == black[i + 1] for i in (0, 2, 4)):
        raise Corrupt("the file is damaged: it states no possible range of YCbCr")
    made = np.empty_like(samples)
    for top in range(0, len(samples), 256):
        y, cb, cr = np.moveaxis(samples[top : top + 256].astype(np.float32), 2, 0)
        y = (y - black[0]) * (255 / (black[1] - black[0]))
        cb, cr = ((c - black[i]) * (127 / (black[i + 1] - black[i])) for c, i in ((cb, 2), (cr, 4)))
        r, b = y + cr * (2 - 2 * red), y + cb * (2 - 2 * blue)
        g = (y - r * red - b * blue) / green
        made[top : top + 256] = np.floor(np.clip(np.stack([r, g, b], 2), 0, 255) + 0.5).astype(np.uint8)
    return made


def _numbers(page: TiffPage, tag: int, default: tuple[float, ...]) -> tuple[float, ...]:
    """A tag's numbers, which are fractions; raises Corrupt where one has no value."""
    found = page.tags.valueof(tag)
    if not isinstance(found, tuple):
        return default
    if len(found) == len(default):  # numbers as they are
        return tuple(float(value) for value in found)
    if len(found) != 2 * len(default) or 0 in found[1::2]:
        raise Corrupt("the file is damaged: it states no possible range of YCbCr")
    return tuple(over / under for over, under in zip(found[::2], found[1::2], strict=True))
