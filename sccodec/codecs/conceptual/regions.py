"""What a label map means for coding: which regions occur, in which order they are coded, what each cell holds.

Everything here is exact integer arithmetic in numpy, so that both ends of a stream derive the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRID = 8  # cells of the coarse layer know their place on a GRID x GRID partition of the picture


@dataclass(frozen=True)
class Regions:
    """The regions of one or several label maps, as rows.

    A row is one label of one picture. Rows are sorted by pass, so that pass p is the slice passes[p] and the parent of
    each of its rows stands in an earlier pass.

    labels: int64 [K], the label of each row. picture: int64 [K], the picture it belongs to.
    index: int64 [B, h, w], the row of every sample of the maps.
    passes: slices of rows. parents: for each row the row it is predicted from, -1 for none, int64 [K].
    counts: int64 [K], samples of the map in each region.
    """

    labels: NDArray[Any]
    picture: NDArray[Any]
    index: NDArray[Any]
    passes: tuple[slice, ...]
    parents: NDArray[Any]
    counts: NDArray[Any]


def find_regions(maps: NDArray[Any], parents: Sequence[Sequence[int]]) -> Regions:
    """List the regions of label maps uint8 [B, h, w].

    parents[n] names the labels that label n may be predicted from, best first; the first that occurs is taken. A label
    must not be its own ancestor.
    """
    classes = len(parents)
    pictures = len(maps)
    flat = maps.reshape(pictures, -1).astype(np.int64)
    counts = np.stack([np.bincount(row, minlength=classes) for row in flat])
    rows: list[tuple[int, int, int, int]] = []  # depth, picture, label, parent label
    for b in range(pictures):
        present = set(np.flatnonzero(counts[b]).tolist())
        parent = {n: next((p for p in parents[n] if p in present), -1) for n in present}
        for n in present:
            depth, up = 0, parent[n]
            while up >= 0:
                depth, up = depth + 1, parent[up]
            rows.append((depth, b, n, parent[n]))
    rows.sort()
    place = np.full((pictures, classes + 1), -1, np.int64)  # the last column stands for "no parent"
    for k, (_, b, n, _) in enumerate(rows):
        place[b, n] = k
    table = np.array(rows, np.int64)
    depth, picture, labels, parent_label = table.T
    ends = np.searchsorted(depth, np.arange(depth[-1] + 2))
    passes = tuple(slice(int(a), int(b)) for a, b in zip(ends[:-1], ends[1:], strict=True))
    index = place[np.arange(pictures)[:, None], flat].reshape(maps.shape)
    return Regions(labels, picture, index, passes, place[picture, parent_label], counts[picture, labels])


def cell_weights(regions: Regions, cells: tuple[int, int]) -> NDArray[Any]:
    """How much of each cell of a coarse grid each row covers, in 64ths, int64 [B * rows * columns, K].

    The map's height and width must be multiples of the grid's (they are: both derive from one working size).
    """
    pictures, h, w = regions.index.shape
    rows, columns = cells
    blocks = regions.index.reshape(pictures, rows, h // rows, columns, w // columns)
    blocks = blocks.transpose(0, 1, 3, 2, 4).reshape(pictures * rows * columns, -1)
    k = len(regions.labels)
    flat = (np.arange(len(blocks), dtype=np.int64)[:, None] * k + blocks).ravel()
    counts = np.bincount(flat, minlength=len(blocks) * k).reshape(len(blocks), k)
    return (counts * 64) // blocks.shape[1]


def cell_positions(pictures: int, cells: tuple[int, int]) -> NDArray[Any]:
    """The place of each cell on the GRID x GRID partition of the picture, int64 [B * rows * columns]."""
    rows, columns = cells
    y = np.arange(rows) * GRID // rows
    x = np.arange(columns) * GRID // columns
    return np.tile((y[:, None] * GRID + x).ravel(), pictures)
