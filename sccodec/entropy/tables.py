"""Stored tables of integer frequencies: what the range coder uses where no network computes a distribution.

A table has R rows; row r gives the values lowest[r], lowest[r] + 1, ... one frequency each, and ends in the
escape, which stands for all other values. Frequencies of a row sum to 2^16. Tables are made when a model is
exported, stored in its file and never recomputed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sccodec.errors import ModelMismatch

FREQUENCY_BITS = 16
SCALE_COUNT = 64
SCALE_RANGE = (0.11, 64.0)


@dataclass(frozen=True)
class Table:
    """frequencies uint32 [R, S], rows padded at the end with zeros; lowest int32 [R], value of symbol 0.

    ``sizes`` int64 [R] counts the symbols of a row, escape included. Raises ModelMismatch for anything else.
    """

    frequencies: NDArray[np.uint32]
    lowest: NDArray[np.int32]
    sizes: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        if self.frequencies.ndim != 2 or self.lowest.shape != self.frequencies.shape[:1]:
            raise ModelMismatch("a stored table has the wrong shape")
        used = self.frequencies > 0
        sizes = used.sum(1).astype(np.int64)
        packed = bool((used == (np.arange(used.shape[1]) < sizes[:, None])).all())
        sums = self.frequencies.sum(1, dtype=np.int64)
        if not packed or (sizes < 2).any() or (sums != 1 << FREQUENCY_BITS).any():
            raise ModelMismatch("a stored table holds no valid frequencies")
        object.__setattr__(self, "sizes", sizes)

    def to_arrays(self, prefix: str) -> dict[str, NDArray[np.int32]]:
        """Arrays for the model file, by name."""
        return {f"{prefix}.frequencies": self.frequencies.astype(np.int32), f"{prefix}.lowest": self.lowest}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str) -> Table:
        """The table that ``to_arrays`` stored; ModelMismatch where an array is missing."""
        try:
            frequencies, lowest = arrays[f"{prefix}.frequencies"], arrays[f"{prefix}.lowest"]
        except KeyError as missing:
            raise ModelMismatch(f"the model file lacks the table {missing}") from missing
        return cls(frequencies.astype(np.uint32), lowest.astype(np.int32))


def scales() -> NDArray[np.float64]:
    """The standard deviations of the Gaussian table's 64 rows, [64], log-spaced from 0.11 to 64."""
    return np.geomspace(SCALE_RANGE[0], SCALE_RANGE[1], SCALE_COUNT)


def scale_ratio() -> float:
    """Quotient of successive scales, 1.106: a quantisation step of its k-th power moves the row by -k."""
    return float((SCALE_RANGE[1] / SCALE_RANGE[0]) ** (1 / (SCALE_COUNT - 1)))


def gaussian_table(deviations: ArrayLike) -> Table:
    """Zero-mean Gaussians [R], integrated over unit bins; the support leaves about 2^-16 to the escape."""
    rows = [gaussian_row(float(sigma)) for sigma in np.asarray(deviations, np.float64)]
    width = max(len(row) for row in rows)
    frequencies = np.zeros((len(rows), width), np.uint32)
    for i, row in enumerate(rows):
        frequencies[i, : len(row)] = normalise(row)
    lowest = np.array([-(len(row) // 2 - 1) for row in rows], np.int32)
    return Table(frequencies, lowest)


def gaussian_row(sigma: float) -> NDArray[np.float64]:
    """Probabilities of -h..h and of the rest, [2h + 2]."""

    def tail(x: float) -> float:
        return 0.5 * math.erfc(x / (sigma * math.sqrt(2)))

    half = 1
    while 2 * tail(half + 0.5) > 2.0**-FREQUENCY_BITS:
        half += 1
    upper = [tail(k - 0.5) - tail(k + 0.5) for k in range(1, half + 1)]
    return np.array([*upper[::-1], 1 - 2 * tail(0.5), *upper, 2 * tail(half + 0.5)])


def table_from_probabilities(p: ArrayLike, lowest: ArrayLike) -> Table:
    """Probabilities [R, S], rows in any positive sum and ending in the escape's; lowest int [R]."""
    rows = np.atleast_2d(np.asarray(p, np.float64))
    return Table(np.stack([normalise(row) for row in rows]), np.asarray(lowest, np.int32).reshape(-1))


def normalise(p: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Frequencies [S] of at least 1 that sum to 2^16 and lie as near to p [S] as that allows."""
    total = 1 << FREQUENCY_BITS
    assert 2 <= p.size <= total // 4 and (p >= 0).all() and p.sum() > 0
    exact = p / p.sum() * total
    frequencies = np.maximum(1, np.floor(exact)).astype(np.int64)
    spare = total - int(frequencies.sum())
    if spare > 0:
        frequencies[np.argsort(frequencies - exact, kind="stable")[:spare]] += 1
    while spare < 0:  # raising rare symbols to 1 took too much: give it back where it costs least, a share at a time
        large = np.argsort(-frequencies, kind="stable")[: max(1, p.size // 8)]
        give = np.minimum(frequencies[large] - 1, -(-frequencies[large] // 64))
        give = np.minimum(give, np.maximum(0, -spare - (np.cumsum(give) - give)))
        frequencies[large] -= give
        spare += int(give.sum())
    result: NDArray[np.uint32] = frequencies.astype(np.uint32)
    return result
