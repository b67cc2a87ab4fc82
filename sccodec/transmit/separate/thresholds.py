"""The least SNR at which a block arrives, by modulation, block length and rate, as it was measured.

``thresholds.json`` is written by benchmarks/transmit/thresholds.py: for each modulation a table, block lengths by
rates, of the SNR in dB at which one block in a thousand fails over AWGN, and of the dB that a tenth of that takes.
Between the rows and the columns it is linear, in the rate and in the logarithm of the length.
"""

from __future__ import annotations

import functools
import json
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).with_name("thresholds.json")
FAILING = 1e-3
"""Blocks that fail at the stated SNR."""

Rows = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Table:
    """Of one modulation. lengths: K in bits. snr, decade: [lengths][rates]; None where the code has no such rate."""

    lengths: Sequence[int]
    rates: Sequence[float]
    snr: Rows
    decade: Rows

    def needs(self, bits: int, rate: float, failing: float = FAILING) -> float:
        """The SNR in dB that a block needs; failing: of how many one may fail. inf for rates beyond the table.

        Below its lowest rate, coded bits are repeated, and their energies add up.
        """
        repeated = 10 * math.log10(min(1.0, rate / self.rates[0]))
        at = max(rate, self.rates[0])
        if at > self.rates[-1]:
            return math.inf
        snr = self._between(self.snr, bits, at)
        return snr + repeated + self._between(self.decade, bits, at) * math.log10(FAILING / failing)

    def _between(self, rows: Rows, bits: int, rate: float) -> float:
        i, along = place([math.log2(length) for length in self.lengths], math.log2(bits))
        j, across = place(self.rates, rate)
        total = 0.0
        for row, share in ((i, 1 - along), (i + 1, along)):
            for column, other in ((j, 1 - across), (j + 1, across)):
                if share * other > 0:
                    value = rows[row][column]
                    total += math.inf if value is None else share * other * value
        return total


def place(grid: Sequence[float], value: float) -> tuple[int, float]:
    """The interval of an ascending grid that a value lies in, and how far, 0..1; its ends stand for all beyond."""
    i = min(max(bisect_right(grid, value) - 1, 0), len(grid) - 2)
    return i, min(max((value - grid[i]) / (grid[i + 1] - grid[i]), 0.0), 1.0)


@functools.cache
def tables() -> dict[int, Table]:
    """By bits a symbol."""
    stored = json.loads(PATH.read_text(encoding="ascii"))
    return {
        int(order): Table(stored["lengths"], found["rates"], found["snr_db"], found["db_a_decade"])
        for order, found in stored["orders"].items()
    }
