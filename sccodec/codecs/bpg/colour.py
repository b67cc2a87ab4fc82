"""Between sRGB pictures and the planes that BPG codes: matrices, and chroma at half the resolution.

Integers throughout, so that all machines give the same pixels. Colours are full range. Halved chroma lies between the
luma samples, as in JPEG. It is brought back with the filter that BPG's own decoder has; the filter that halves it is a
short one for the other side of that.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sccodec.codecs.bpg.file import RGB, YCBCR_601, YCBCR_709, YCBCR_2020, YCGCO

Picture = npt.NDArray[np.uint8]
Whole = npt.NDArray[np.int32]

STRIP_PIXELS = 2**19
"""Pixels that are converted at a time."""
ONE = 1 << 22
"""Of the matrices back to red, green and blue: 22 bits are as many as 32-bit integers have room for."""
_LUMA = {YCBCR_601: (0.299, 0.114), YCBCR_709: (0.2126, 0.0722), YCBCR_2020: (0.2627, 0.0593)}
"""The shares of red and blue."""
_HALVE = (-4, 4, 32, 32, 4, -4)
"""64ths. Of the filters tried it keeps most: 0.4 to 0.5 dB more than means of 2x2 on three Kodak pictures."""
_DOUBLE = (2, -6, 18, 57, -10, 4, -1)
"""64ths, of the samples from 3 before to 3 after that of an even place; odd places see them the other way round."""
_DOUBLE_FROM = -3


def to_planes(picture: Picture, stride: int, *, halve: bool) -> Picture:
    """Y, Cb, Cr of BT.601, uint8 [h, w, 3], with sides brought to multiples of `stride` by repeating the edges.

    halve: chroma by 2x2; its samples are repeated.
    """
    height, width = picture.shape[:2]
    padding = ((0, -height % stride), (0, -width % stride), (0, 0))
    source = np.pad(picture, padding, mode="edge") if any(after for _, after in padding) else picture
    planes = np.empty(source.shape, np.uint8)
    margin = len(_HALVE) // 2 - 1 if halve else 0
    for rows in _strips(*source.shape[:2]):
        red, green, blue = (
            _beside(source[..., channel], rows, margin).astype(np.int32) for channel in range(source.shape[2])
        )
        luma = 19595 * red + 38470 * green + 7471 * blue
        planes[rows, :, 0] = _rounded(luma[margin : len(luma) - margin], 16)
        for plane, chroma in (
            (1, -11059 * red - 21709 * green + 32768 * blue),
            (2, 32768 * red - 27439 * green - 5329 * blue),
        ):
            chroma += 128 << 16
            if halve:
                wide = np.pad(_halved(chroma >> 10).T, ((margin, margin), (0, 0)), mode="edge")
                small = _rounded(_halved(wide).T, 18)
                planes[rows, :, plane] = np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)
            else:
                planes[rows, :, plane] = _rounded(chroma, 16)
    return planes


def to_picture(planes: Picture, colours: int, height: int, width: int, *, halved: bool) -> Picture:
    """sRGB of planes, uint8 [h, w, 3] or grey [h, w], cropped to uint8 [height, width, 3].

    halved: the chroma is, and its samples are repeated. colours: a number of the BPG header, up to YCBCR_2020.
    """
    picture = np.empty((height, width, 3), np.uint8)
    if planes.ndim == 2:
        picture[:] = planes[:height, :width, None]
        return picture
    if colours == RGB:
        picture[:] = planes[:height, :width, [2, 0, 1]]
        return picture
    matrix = _matrix(colours)
    # What lies outside the picture is not looked at: the edge of the chroma is that of the picture.
    small = planes[: height + height % 2 : 2, : width + width % 2 : 2, 1:]
    for rows in _strips(height, width):
        luma = planes[rows, :width, 0].astype(np.int32)
        if halved:
            parts = [_doubled(small[..., i], rows, width) for i in (0, 1)]
        else:
            parts = [planes[rows, :width, i].astype(np.int32) for i in (1, 2)]
        first, second = parts[0] - 128, parts[1] - 128
        for channel, (by_first, by_second) in enumerate(matrix):
            picture[rows, :, channel] = _rounded(luma * ONE + by_first * first + by_second * second, 22)
    return picture


def _matrix(colours: int) -> list[tuple[int, int]]:
    """For red, green and blue: what the two chroma planes add to luma, in units of 1 / ONE."""
    if colours == YCGCO:
        return [(-ONE, ONE), (ONE, 0), (-ONE, -ONE)]
    red, blue = _LUMA[colours]
    green = 1 - red - blue
    of_red, of_blue = 2 * (1 - red), 2 * (1 - blue)
    rows = [(0.0, of_red), (-of_blue * blue / green, -of_red * red / green), (of_blue, 0.0)]
    return [(round(a * ONE), round(b * ONE)) for a, b in rows]


def _strips(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture from the top, an even number in each but the last."""
    rows = max(2, STRIP_PIXELS // width // 2 * 2)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def _beside(plane: Picture, rows: slice, margin: int) -> Picture:
    """Rows of a plane and a margin above and below, where the edge is repeated."""
    wanted = np.arange(rows.start - margin, rows.stop + margin)
    return plane[np.clip(wanted, 0, len(plane) - 1)] if margin else plane[rows]


def _rounded(values: Whole, shift: int) -> Picture:
    """The nearest of 0..255 to values in units of 2^-shift."""
    clipped: Picture = np.clip((values + (1 << shift - 1)) >> shift, 0, 255).astype(np.uint8)
    return clipped


def _halved(values: Whole) -> Whole:
    """Half as many rows, times 64, of rows with a margin of 2 on both sides."""
    n = (len(values) - len(_HALVE)) // 2 + 1
    total = np.zeros_like(values[: 2 * n : 2])
    for i, tap in enumerate(_HALVE):
        total += tap * values[i : i + 2 * n : 2]
    return total


def _doubled(small: Picture, rows: slice, width: int) -> Whole:
    """Rows of a plane at twice the resolution, int32 [rows, width], of all of its samples."""
    below = -(-rows.stop // 2)
    part = _beside(small, slice(rows.start // 2, below), -_DOUBLE_FROM).astype(np.int32)
    tall = _interpolated(part)[: rows.stop - rows.start]
    wide = np.pad(tall, ((0, 0), (-_DOUBLE_FROM, -_DOUBLE_FROM)), mode="edge").T
    return _rounded(_interpolated(wide).T[:, :width], 12).astype(np.int32)


def _interpolated(values: Whole) -> Whole:
    """Twice as many rows, times 64, of rows with a margin of 3 on both sides."""
    n = len(values) + 2 * _DOUBLE_FROM
    doubled = np.empty((2 * n, *values.shape[1:]), np.int32)
    doubled[::2] = sum(tap * values[i : i + n] for i, tap in enumerate(_DOUBLE))
    doubled[1::2] = sum(tap * values[i : i + n] for i, tap in enumerate(_DOUBLE[::-1]))
    return doubled
