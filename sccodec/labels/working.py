"""The picture that a segmenter's network sees: of a size at which it knows objects, and in tiles where it is large."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt
from PIL import Image

from sccodec.codec import Picture
from sccodec.image.tiles import spans, widen

SEEN = 1664
"""Pixels a side that a network sees at a time, margins and all, at most."""
MARGIN = 384
"""Of that what belongs to a tile's neighbours, on each side that has such."""

Floats = npt.NDArray[np.float32]


def size_of(height: int, width: int, long_side: int, *, enlarge: bool = False) -> tuple[int, int]:
    """Height and width with the longer of them brought to long_side pixels; 0 leaves them as they are.

    What is smaller stays as it is, unless enlarge is set. No side becomes less than a pixel.
    """
    longest = max(height, width)
    if not long_side or (longest < long_side and not enlarge):
        return height, width
    rows, columns = (max(1, round(side * long_side / longest)) for side in (height, width))
    return rows, columns


def resized(picture: Picture, height: int, width: int) -> Picture:
    """The picture [H, W, 3] at another height and width, by Lanczos's filter, which is wider where it shrinks."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def padded(picture: Picture, multiple: int) -> Picture:
    """The picture with its last row and column repeated up to multiples."""
    height, width = picture.shape[:2]
    if height % multiple == width % multiple == 0:
        return picture
    return np.pad(picture, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="edge")


def planes(picture: Picture) -> Floats:
    """float32 [3, H, W] in 0..1."""
    samples = np.ascontiguousarray(picture.transpose(2, 0, 1)).astype(np.float32)
    samples /= 255
    return samples


def means(picture: Picture, side: int) -> Floats:
    """float32 [3, H / side, W / side] in 0..1: the mean of each block of a picture whose sides are multiples."""
    height, width = picture.shape[:2]
    blocks = picture.reshape(height // side, side, width // side, side, 3)
    found: Floats = np.ascontiguousarray(blocks.mean((1, 3), dtype=np.float32).transpose(2, 0, 1))
    found /= 255
    return found


def tile_by_tile(run: Callable[[Floats], Floats], picture: Picture, multiple: int, stride: int, classes: int) -> Floats:
    """What a network gives for a picture whose sides are multiples, in tiles: [classes, H / stride, W / stride].

    run: from float32 [3, h, w] in 0..1, multiples again, to [classes, h / stride, w / stride]. Tiles begin and end at
    multiples, so that the network's own strides fall where they do in the whole picture.
    """
    height, width = picture.shape[:2]
    margin = -(-MARGIN // multiple) * multiple
    most = max(SEEN // multiple * multiple, 3 * margin)
    found = np.empty((classes, height // stride, width // stride), np.float32)
    for rows, columns in product(*(spans(side, most, margin, multiple) for side in (height, width))):
        (top, down), (left, right) = widen(rows, margin, height), widen(columns, margin, width)
        part = run(planes(picture[top:down, left:right]))
        y, x = (slice((s.start - o) // stride, (s.stop - o) // stride) for s, o in ((rows, top), (columns, left)))
        found[:, rows.start // stride : rows.stop // stride, columns.start // stride : columns.stop // stride] = part[
            :, y, x
        ]
    return found
