"""The inputs of a generator that depend on position alone, the same everywhere: coordinates, noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def coordinates(height: int, width: int) -> NDArray[Any]:
    """Position features float32 [1, 8, height, width]: x and y in [-1, 1], and their sines and cosines."""
    y = ((np.arange(height) + 0.5) / height * 2 - 1)[:, None] * np.ones((1, width))
    x = ((np.arange(width) + 0.5) / width * 2 - 1)[None, :] * np.ones((height, 1))
    planes = [x, y]
    for frequency in (1.0, 2.0):
        planes += [np.sin(np.pi * frequency * x), np.cos(np.pi * frequency * y)]
    planes += [np.cos(np.pi * x), np.sin(np.pi * y)]
    features: NDArray[Any] = np.stack(planes)[None].astype(np.float32)
    return features


def noise(height: int, width: int, top: int = 0, left: int = 0) -> NDArray[Any]:
    """Fixed pseudo-random plane float32 [1, 1, height, width], uniform with unit variance, the same everywhere.

    A hash of the coordinates (the finaliser of MurmurHash3), so that a larger plane continues a smaller one; top and
    left are where a part of it begins.
    """
    y = np.arange(top, top + height, dtype=np.uint64)[:, None]
    x = np.arange(left, left + width, dtype=np.uint64)[None, :]
    h = (y * np.uint64(0x9E3779B1) + x * np.uint64(0x85EBCA77) + np.uint64(0x27D4EB2F)) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h ^= h >> np.uint64(shift)
        h = (h * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    plane = (h.astype(np.float64) + 0.5) / 2.0**32 - 0.5
    scaled: NDArray[Any] = (plane * np.sqrt(12.0))[None, None].astype(np.float32)
    return scaled
