"""What the label-map coder knows of a pixel before it is coded: categories of its causal surroundings.

Pixels are coded in wavefronts t = x + 3y: everything at an offset (dx, dy) with dx + 3dy < 0 is known. A
feature is a plane (a map of small integers that grows with the label map) read at such an offset:

    label   the class; ``classes`` outside the map
    left    bucket of the length of the run of one class that ends here, along the row; 0 outside
    up      the same along the column
    before  the class before that run along the row; ``classes`` where there is none
    above   the class before that run along the column
    cell    where the pixel lies, in a grid of GRID x GRID cells over the map

The encoder fills the planes at once from the whole map, the decoder wavefront by wavefront; both read the
same values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAYOUT = 1
GRID = 32
LABEL, LEFT, UP, BEFORE, ABOVE, CELL = range(6)
# Run lengths from these on share a bucket; bucket 0 is outside the map.
BUCKETS = (1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 17, 21, 26, 33, 45, 65, 91, 129)
LONGEST = 255

NEAR = (
    *((-1, 0), (-2, 0), (-3, 0), (-4, 0)),
    *((-3, -1), (-2, -1), (-1, -1), (0, -1), (1, -1), (2, -1)),
    *((-3, -2), (-2, -2), (-1, -2), (0, -2), (1, -2), (2, -2), (3, -2), (4, -2)),
    *((-1, -3), (0, -3), (1, -3), (3, -3), (5, -3)),
)
# In units of a thirty-second of the map.
FAR = ((-8, 0), (-4, 0), (-4, -4), (0, -4), (4, -4), (8, -4), (0, -8), (8, -8))
RUNS = (
    *((LEFT, -1, 0), (LEFT, 0, -1), (LEFT, 2, -1), (LEFT, 0, -2), (LEFT, 2, -2)),
    *((UP, -1, 0), (UP, -1, -1), (UP, 0, -1), (UP, 1, -1), (UP, 2, -1)),
    *((BEFORE, -1, 0), (BEFORE, 0, -1), (BEFORE, 2, -1), (ABOVE, -1, 0), (ABOVE, 0, -1), (ABOVE, 2, -1)),
)
FEATURES = len(NEAR) + len(FAR) + len(RUNS) + 1
SCALES = 4
SCALE_BOUNDS = (45, 91, 181)
WAVE = 3


def categories(classes: int) -> NDArray[np.int64]:
    """How many values each feature takes, [FEATURES], in the order of a row of ``Surroundings.read``."""
    by_plane = {LEFT: len(BUCKETS) + 1, UP: len(BUCKETS) + 1}
    counts = [classes + 1] * (len(NEAR) + len(FAR))
    counts += [by_plane.get(plane, classes + 1) for plane, _, _ in RUNS]
    return np.array([*counts, GRID * GRID])


def scale_index(shape: tuple[int, int]) -> int:
    """Which of the SCALES sizes of map this is nearest to: 32, 64, 128 or 256 pixels."""
    return sum(side(shape) >= bound for bound in SCALE_BOUNDS)


def side(shape: tuple[int, int]) -> int:
    """The side of the square of the same area: what scales with the map, and stays small for a long strip."""
    return math.isqrt(shape[0] * shape[1])


@dataclass(frozen=True)
class Waves:
    """The coding order: flat pixel numbers [h * w] by wavefront, and where each wavefront starts in it."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    number: NDArray[np.int64]

    @classmethod
    def of(cls, shape: tuple[int, int]) -> Waves:
        number = (np.arange(shape[1]) + WAVE * np.arange(shape[0])[:, None]).ravel()
        order = np.argsort(number, kind="stable")
        number = number[order]
        return cls(order, np.searchsorted(number, np.arange(int(number[-1]) + 2)), number)


class Surroundings:
    """The planes of one map, padded so that every offset stays inside."""

    def __init__(self, shape: tuple[int, int], classes: int) -> None:
        self.shape, self.classes = shape, classes
        height, width = shape
        unit = max(1, (side(shape) + 16) // 32)
        self.pad = 8 * unit
        self.stride = width + 2 * self.pad
        rows = height + self.pad
        self.size = rows * self.stride
        self.flat = np.zeros(6 * self.size, np.int16)
        self.planes = self.flat.reshape(6, rows, self.stride)
        self.planes[[LABEL, BEFORE, ABOVE]] = classes
        self.inner = (slice(self.pad, None), slice(self.pad, self.pad + width))
        column = np.arange(width) * GRID // width
        self.planes[CELL][self.inner] = (np.arange(height) * GRID // height)[:, None] * GRID + column
        offsets = [(LABEL, dx, dy) for dx, dy in NEAR]
        offsets += [(LABEL, dx * unit, dy * unit) for dx, dy in FAR]
        offsets += [*RUNS, (CELL, 0, 0)]
        assert all(dx + WAVE * dy < 0 for _, dx, dy in offsets[:-1])
        self.offsets = np.array([p * self.size + dy * self.stride + dx for p, dx, dy in offsets])
        self.runs = np.zeros((2, self.size), np.int16)
        lengths = np.arange(LONGEST + 1)
        self.bucket = np.searchsorted(np.array(BUCKETS), lengths, side="right").astype(np.int16)

    def at(self, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions in the padded planes of flat pixel numbers [n]."""
        y, x = np.divmod(pixels, self.shape[1])
        positions: NDArray[np.int64] = (y + self.pad) * self.stride + x + self.pad
        return positions

    def read(self, positions: NDArray[np.int64]) -> NDArray[np.int16]:
        """The features of pixels, by their positions [n]: [n, FEATURES]."""
        rows: NDArray[np.int16] = self.flat.take(positions[:, None] + self.offsets)
        return rows

    def learn(self, positions: NDArray[np.int64], labels: NDArray[Any]) -> None:
        """Enter pixels of which the left and the upper neighbour are known."""
        flat, size = self.flat, self.size
        flat[positions] = labels
        for step, runs, bucket, before in (
            (1, self.runs[0], LEFT * size, BEFORE * size),
            (self.stride, self.runs[1], UP * size, ABOVE * size),
        ):
            back = positions - step
            previous = flat[back]
            same = previous == labels
            length = np.minimum(runs[back] * same + 1, LONGEST)
            runs[positions] = length
            flat[bucket + positions] = self.bucket[length]
            flat[before + positions] = np.where(same, flat[before + back], previous)

    def fill(self, labels: NDArray[np.uint8]) -> None:
        """Enter the whole map, uint8 of this shape: what ``learn`` does for all its wavefronts."""
        height, width = self.shape
        self.planes[LABEL][self.inner] = labels
        for axis, bucket, before in ((1, LEFT, BEFORE), (0, UP, ABOVE)):
            new = np.ones(self.shape, bool)
            ahead = (slice(None), slice(1, None)) if axis == 1 else (slice(1, None), slice(None))
            behind = (slice(None), slice(None, -1)) if axis == 1 else (slice(None, -1), slice(None))
            new[ahead] = labels[ahead] != labels[behind]
            place = np.arange(width) if axis == 1 else np.arange(height)[:, None]
            start = np.maximum.accumulate(np.where(new, place, 0), axis=axis)
            self.planes[bucket][self.inner] = self.bucket[np.minimum(place - start + 1, LONGEST)]
            previous = np.take_along_axis(labels, np.maximum(start - 1, 0), axis)
            self.planes[before][self.inner] = np.where(start > 0, previous, self.classes)


def first_waves(labels: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """The wavefront in which each class occurs first, [classes]; after the last one where it does not."""
    height, width = labels.shape
    number = np.arange(width) + WAVE * np.arange(height)[:, None]
    first = np.full(classes, WAVE * height + width)
    np.minimum.at(first, labels.ravel(), number.ravel())
    return first
