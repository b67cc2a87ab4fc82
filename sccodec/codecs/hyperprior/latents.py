"""The latents of a model file at one quality, tile by tile: what the codecs that stand on the hyperprior share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt

from sccodec.bundle import Bundle
from sccodec.codec import Picture
from sccodec.codecs.hyperprior.coding import (
    HYPER_STRIDE,
    QUALITY_LEVELS,
    STRIDE,
    GridCoder,
    HyperpriorModel,
    IntegerDistributions,
    Ints,
    traverse,
)
from sccodec.entropy.coder import Coder
from sccodec.image.tiles import widen

TILE = 64  # latents a side

Floats = npt.NDArray[np.float32]
Latent16 = npt.NDArray[np.int16]
"""Decoded latents [h, w, latents], in 16ths of a quantisation step."""


@functools.lru_cache(maxsize=4)
def entropy_of(opened: Bundle) -> HyperpriorModel:
    """A model file's entropy stage, kept while its bundle is: reading it takes a millisecond."""
    return HyperpriorModel.from_arrays(opened.arrays("tables.") | opened.arrays("integer."), opened.config)


class Latents:
    """The latents of a model file at one quality: gain vectors by name, hyper-analysis, the coding of a tile.

    quality: the byte. section: the name under which all bits are counted, or None for two, ``hyper`` and ``latents``.
    """

    def __init__(self, opened: Bundle, entropy: HyperpriorModel, quality: int, section: str | None = None) -> None:
        self.bundle = opened
        self.entropy = entropy
        self.quality = quality
        self.section = section

    def vector(self, name: str) -> Floats:
        """A stored vector by quality, interpolated in the log domain, [channels]."""
        anchors = self.bundle.array(f"gains.{name}").astype(np.float64)
        place = self.quality * (len(anchors) - 1) / QUALITY_LEVELS
        below = min(int(place), len(anchors) - 2)
        mixed = anchors[below] + (place - below) * (anchors[below + 1] - anchors[below])
        vector: Floats = np.exp(mixed).astype(np.float32)
        return vector

    def hyper_analyse(self, y: Floats) -> Floats:
        """z [h/4, w/4, hyper], not yet rounded, of y [h, w, latents], whose edges are repeated up to multiples of 4."""
        h, w, _ = y.shape
        y = np.pad(y, ((0, -h % HYPER_STRIDE), (0, -w % HYPER_STRIDE), (0, 0)), mode="edge")
        if not self.entropy.channels:
            return np.zeros((y.shape[0] // HYPER_STRIDE, y.shape[1] // HYPER_STRIDE, 0), np.float32)
        (z,) = self.bundle.network("hyper_analysis", blocked=True).run(
            {"y": np.ascontiguousarray(y.transpose(2, 0, 1))[None]}
        )
        return np.ascontiguousarray(z[0].transpose(1, 2, 0))

    def code(self, coder: Coder, y: Floats | None, shape: tuple[int, int]) -> npt.NDArray[np.int16]:
        """Code the latents of one tile, [h, w, latents]; gives y_hat in 16ths of a step."""
        distributions = IntegerDistributions(self.entropy, self.quality, *shape, self.bundle.product)
        z: Ints | None = None
        given: Ints | None = None
        if y is not None:
            z = self.hyper_analyse(y).astype(np.float64)
            given = np.pad(y, [(0, a - b) for a, b in zip(distributions.padded, shape, strict=True)] + [(0, 0)])
        grid = GridCoder(coder, self.entropy, distributions.hyper_shape, self.section)
        y_hat = traverse(grid, distributions, z, given)
        return np.asarray(y_hat[: shape[0], : shape[1]], np.int16)


def code_tiles(
    coder: Coder, latents: Latents, shape: tuple[int, int], y: Callable[[tuple[slice, slice]], Floats] | None
) -> Latent16 | None:
    """Code h x w latents, tile by tile, with whichever coder is given; gives y_hat, None for a Writer.

    y: for a Writer the latents [rows, columns, latents], in steps, of the tile that it is asked for.
    """
    y_hat = np.empty((*shape, latents.entropy.latents), np.int16) if y is None else None
    for tile in tiles(*shape):
        coded = latents.code(coder, None if y is None else y(tile), shape_of(*tile))
        if y_hat is not None:
            y_hat[tile] = coded
    return y_hat


def tiles(height: int, width: int, side: int | None = None) -> list[tuple[slice, slice]]:
    """Rows and columns of the tiles, side x side at most, that cover height x width positions, in raster order.

    side: TILE, as streams have it, where none is given.
    """
    side = TILE if side is None else side
    starts = product(range(0, height, side), range(0, width, side))
    return [(slice(y, min(y + side, height)), slice(x, min(x + side, width))) for y, x in starts]


def shape_of(rows: slice, columns: slice) -> tuple[int, int]:
    return rows.stop - rows.start, columns.stop - columns.start


def pixels_around(image: Picture, rows: slice, columns: slice, margin: int) -> tuple[Picture, int, int]:
    """The pixels of a tile of latents and of a margin around it, edges repeated up to whole latents.

    Gives uint8 [16h, 16w, 3], and at which latents its top and left are.
    """
    height, width = image.shape[:2]
    top, down = widen(rows, margin, -(-height // STRIDE))
    left, right = widen(columns, margin, -(-width // STRIDE))
    part = image[STRIDE * top : STRIDE * down, STRIDE * left : STRIDE * right]
    missing = (STRIDE * (down - top) - part.shape[0], STRIDE * (right - left) - part.shape[1])
    if any(missing):
        part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return np.ascontiguousarray(part), top, left
