"""Label maps as arrays: reduce them by area majority, restore their size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sccodec.errors import BadInput


def count_labels(labels: NDArray[np.uint8], factor: int, classes: int) -> NDArray[np.int64]:
    """How many pixels of each factor x factor block have each class: int [h, w, classes].

    labels: uint8 [H, W] below ``classes``; blocks that the border cuts are filled by repeating the last
    pixels. Raises BadInput for other labels.
    """
    if labels.ndim != 2 or labels.size == 0 or int(labels.max()) >= classes:
        raise BadInput(f"a label map is two-dimensional and holds classes 0 to {classes - 1}")
    height, width = labels.shape
    padded = np.pad(labels, ((0, -height % factor), (0, -width % factor)), mode="edge")
    h, w = padded.shape[0] // factor, padded.shape[1] // factor
    block = np.arange(h).repeat(factor)[:, None] * w + np.arange(w).repeat(factor)
    return np.bincount((block * classes + padded).ravel(), minlength=h * w * classes).reshape(h, w, classes)


def downsample_labels(labels: NDArray[np.uint8], factor: int, classes: int) -> NDArray[np.uint8]:
    """The most frequent class of each block, the lowest of equals: uint8 [ceil(H/factor), ceil(W/factor)]."""
    if factor == 1:
        return labels.copy()
    result: NDArray[np.uint8] = count_labels(labels, factor, classes).argmax(2).astype(np.uint8)
    return result


def pyramid(labels: NDArray[np.uint8], factors: list[int], classes: int) -> list[NDArray[np.uint8]]:
    """``downsample_labels`` by several factors, each a multiple of the one before, that divide H and W."""
    maps = []
    counts = count_labels(labels, factors[0], classes).astype(np.uint16)
    for previous, factor in zip([factors[0], *factors[:-1]], factors, strict=True):
        step = factor // previous
        blocks = [counts[y::step, x::step] for y in range(step) for x in range(step)]
        counts = np.sum(blocks, axis=0, dtype=np.uint16)
        maps.append(counts.argmax(2).astype(np.uint8))
    return maps
