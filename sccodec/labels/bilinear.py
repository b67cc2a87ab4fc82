"""From logits on a coarse grid to a map of classes at a picture's size: bilinearly, and the largest class there.

Where the four logits around a pixel have one and the same largest class, that class is the largest of every mixture of
them: only pixels along edges of regions are interpolated.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STRIP_PIXELS = 2**19
"""Of the map, worked on at a time: logits are never held at the picture's size."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]


def classes_at(logits: Floats, size: tuple[int, int], scale: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """The class of each pixel, uint8 [H, W], of logits [classes, h, w], at most 256 classes; size = H, W.

    scale: how far it is from a pixel to the next, in samples of the logits, down and to the right. Both grids begin at
    one corner (torch calls that align_corners=False); beyond the outermost samples, those count. Of equals, the first.
    """
    (top, below, down), (left, right, aside) = (_around(*a) for a in zip(size, logits.shape[1:], scale, strict=True))
    first = logits.argmax(0).astype(np.uint8)
    near = np.pad(first, ((0, 1), (0, 1)), mode="edge")
    settled = (near[1:, :-1] == first) & (near[:-1, 1:] == first) & (near[1:, 1:] == first)
    found = np.empty(size, np.uint8)
    rows = max(1, STRIP_PIXELS // size[1])
    for start in range(0, size[0], rows):
        part = slice(start, min(start + rows, size[0]))
        found[part] = first[top[part]][:, left]
        y, x = np.nonzero(~settled[top[part]][:, left])
        if len(y):
            corners = (top[part][y], below[part][y], left[x], right[x])
            found[part][y, x] = _largest(logits, corners, down[part][y], aside[x])
    return found


def _around(count: int, samples: int, scale: float) -> tuple[Ints, Ints, Floats]:
    """For each of the pixels of an axis the samples before and behind it, and how far it is from the first, 0..1."""
    place = np.clip((np.arange(count) + 0.5) * scale - 0.5, 0, samples - 1)
    before = place.astype(np.intp)
    return before, np.minimum(before + 1, samples - 1), (place - before).astype(np.float32)


def _largest(logits: Floats, corners: tuple[Ints, Ints, Ints, Ints], down: Floats, aside: Floats) -> Ints:
    """The class of n pixels: rows above and below them, columns left and right of them, [n] each."""
    top, below, left, right = corners
    width = logits.shape[2]
    places = [row * width + column for row in (top, below) for column in (left, right)]
    best = np.full(len(down), -np.inf, np.float32)
    found = np.zeros(len(down), np.intp)
    for number, plane in enumerate(logits.reshape(len(logits), -1)):
        a, b, c, d = (plane.take(place) for place in places)
        upper, lower = a + (b - a) * aside, c + (d - c) * aside
        value = upper + (lower - upper) * down
        better = value > best
        found[better] = number
        best[better] = value[better]
    return found
