"""Colours of numbers: palettes, and pictures that show maps of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sccodec.image.colour import Picture

RGB = tuple[int, int, int]
"""Red, green, blue, 0..255."""
STRIP_PIXELS = 2**20
"""Blended at a time."""


def apart(count: int) -> tuple[RGB, ...]:
    """RGBs far apart, at most 256: the bits of the number spread over the high bits of red, green and blue."""
    colours = []
    for number in range(count):
        channels = [0, 0, 0]
        for bit in range(9):
            channels[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
        colours.append((channels[0], channels[1], channels[2]))
    return tuple(colours)


def blend(picture: Picture, labels: Picture, colours: Sequence[RGB], opacity: float) -> Picture:
    """uint8 [H, W, 3]: a map of classes uint8 [H, W] in its colours, laid over a picture [H, W, 3].

    opacity: of the map, 0..1.
    """
    height, width = labels.shape
    painted = np.asarray(colours, np.float32) * np.float32(opacity) + np.float32(0.5)
    blended = np.empty((height, width, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        part = slice(top, top + rows)
        mixed = picture[part].astype(np.float32) * np.float32(1 - opacity) + painted[labels[part]]
        blended[part] = np.minimum(mixed, 255).astype(np.uint8)
    return blended
