"""The SNR that a block of the LDPC code needs, for each modulation, length and rate of separation's table.

    python -m benchmarks.transmit.thresholds [--out JSON] [--rows JSONL] [--part I/N] [--most BLOCKS]

Blocks of random bits go over AWGN at ascending SNR, until one in a thousand fails or fewer; a block fails unless all of
its bits arrive. Between the last two SNR the logarithm of the share that fails is taken as linear. Of a linear code and
a decoder that treats 0 and 1 alike all words fail equally often: the word 0 is sent, scrambled at random. Rows measured
with fewer iterations than the receiver has now ask for too much, and none for too little.

Rows are appended to --rows, and what is there is not measured again; --part shares the cells among processes. When all
are there, the table is written, the file that the transmitter uses. Takes about an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, parser_of
from benchmarks.transmit import rows
from benchmarks.transmit.rows import Row
from sccodec.transmit import modulation
from sccodec.transmit.channels import Channel
from sccodec.transmit.separate import belief, ldpc, thresholds

LENGTHS = (40, 96, 224, 512, ldpc.BOUND, ldpc.MOST_BITS)
RATES = {
    2: (0.1, 2 / 15, 0.2, 0.25, 1 / 3, 0.4, 0.5, 0.6, 2 / 3, 0.75, 0.84, 0.92),
    4: (1 / 3, 0.4, 0.5, 0.6, 2 / 3, 0.75, 0.84, 0.92),
    6: (1 / 3, 0.42, 0.5, 0.6, 2 / 3, 0.75, 0.84, 0.92),
}
LOWEST = 1 / 3
"""The lowest rate of the longest blocks."""
ERRORS = 30
"""That are enough to state how many blocks fail."""
SYMBOLS, BITS = 1 << 17, 1 << 22
"""Symbols at a time, and bits at an SNR, at most."""

FIRST = 8
"""Blocks that are sent at first: where all of them fail, no more are."""


def cells() -> Iterator[tuple[int, int, float]]:
    """Order, length and rate of all cells that are measured: of BOUND those that the longest blocks cannot have."""
    for length in reversed(LENGTHS):
        for order, rates in RATES.items():
            for rate in rates:
                if length < ldpc.BOUND or (length == ldpc.BOUND) == (rate < LOWEST):
                    yield order, length, rate


def coded_bits(order: int, length: int, rate: float) -> int:
    """The multiple of the order that comes nearest to that rate from below."""
    return order * math.ceil(length / rate / order - 1e-9)


def failing(code: ldpc.Code, snr: float, most: int, rng: np.random.Generator) -> tuple[int, int]:
    """Blocks that fail, of how many that were sent: until ERRORS do, or most are sent."""
    failed = sent = 0
    most = min(most, BITS // code.bits)
    symbols = code.coded // code.order
    while sent < most and failed < ERRORS:
        n = min(max(16, min(SYMBOLS // symbols, 1000)), most - sent) if sent else FIRST
        scrambled = rng.integers(0, 2, n * code.coded, np.uint8)
        got = Channel().send(modulation.modulate(scrambled, code.order), snr, rng)
        ratios = modulation.demodulate(got.symbols, got.noise_power, code.order)
        bits, _ = code.decode((ratios * (1 - 2.0 * scrambled)).astype(np.float32).reshape(n, -1))
        failed, sent = failed + int(bits.any(1).sum()), sent + n
        if failed == sent == FIRST:
            break
    return failed, sent


def measure(order: int, length: int, rate: float, most: int) -> Row:
    """The cell's row. points: SNR, blocks that failed, blocks that were sent, until FAILING of them fail or fewer."""
    code = ldpc.Code(length, coded_bits(order, length, rate), order)
    rng = np.random.default_rng([order, length, round(1000 * rate)])
    actual = length / code.coded
    step = 0.1 + 2.4 / math.sqrt(length)
    snr = 10 * math.log10(2 ** (order * actual) - 1) - step
    points: list[tuple[float, int, int]] = []
    while not points or points[-1][1] > thresholds.FAILING * points[-1][2]:
        points.append((round(snr, 3), *failing(code, snr, most, rng)))
        snr += step if points[-1][1] < 0.95 * points[-1][2] else 2 * step
    row = {"order": order, "bits": length, "rate": rate, "coded": code.coded}
    return row | {"iterations": belief.ITERATIONS, "points": points}


def crossing(points: Sequence[tuple[float, int, int]]) -> tuple[float, float]:
    """The SNR in dB where FAILING fail, and the dB that a tenth of it takes: a line through the last points.

    It begins where ten times as many blocks fail as at the end, so that few errors tilt it little.
    """
    shares = [math.log10(max(failed, 0.5) / sent) for _, failed, sent in points]
    first = max((i for i, share in enumerate(shares) if share >= shares[-1] + 1), default=0)
    decade = (points[-1][0] - points[first][0]) / (shares[first] - shares[-1])
    return points[-1][0] + decade * (shares[-1] - math.log10(thresholds.FAILING)), decade


def at(measured: Mapping[float, float], rate: float) -> float:
    """The value at a rate, linear between those that were measured, and beyond: short blocks have few rates."""
    rates = sorted(measured)
    i = min(max(bisect_right(rates, rate) - 1, 0), len(rates) - 2)
    low, high = rates[i], rates[i + 1]
    return measured[low] + (measured[high] - measured[low]) * (rate - low) / (high - low)


def table_of(kept: Sequence[Row]) -> Row:
    """What the transmitter uses. BPSK is QPSK whose two bits are one: each has twice the energy."""

    def value(order: int, length: int, rate: float, which: int) -> float | None:
        measured = {
            length / row["coded"]: crossing(row["points"])[which]
            for row in kept
            if (row["order"], row["bits"]) == (order, length)
        }
        if length == ldpc.MOST_BITS and rate < LOWEST:
            return None
        if length == ldpc.BOUND and rate >= LOWEST:  # between its neighbours, which is more than it needs
            below, above = LENGTHS[-3], LENGTHS[-1]
            low, high = value(order, below, rate, which), value(order, above, rate, which)
            assert low is not None and high is not None
            return low + (high - low) * math.log(length / below) / math.log(above / below)
        return at(measured, min(rate, max(measured)) if which else rate)  # a slope is not to be drawn on

    def table(order: int, which: int, less: float = 0.0) -> list[list[float | None]]:
        cell = [[value(order, length, rate, which) for rate in RATES[order]] for length in LENGTHS]
        return [[None if found is None else round(found - less, 3) for found in line] for line in cell]

    keys = ("snr_db", "db_a_decade")
    orders = {
        str(order): {"rates": [round(rate, 6) for rate in RATES[order]]}
        | {key: table(order, which) for which, key in enumerate(keys)}
        for order in RATES
    }
    half = 10 * math.log10(2)
    bpsk = orders["2"] | {"snr_db": table(2, 0, half)}
    return {
        "what": f"SNR in dB over AWGN at which {thresholds.FAILING:g} of the blocks fail; [lengths][rates]",
        "iterations": sorted({row["iterations"] for row in kept}),
        "lengths": LENGTHS,
        "orders": {"1": bpsk} | orders,
    }


def written(table: Row) -> str:
    """As JSON, a line a row of a table."""
    text = json.dumps(table, indent=1, allow_nan=False)
    return "".join(part if i % 2 == 0 else " ".join(part.split()) for i, part in enumerate(split_lists(text))) + "\n"


def split_lists(text: str) -> list[str]:
    """A text, and in every second place a list of numbers in it."""
    import re

    return re.split(r"(\[[^\[\]{}]*\])", text)


def part_of(text: str) -> tuple[int, int]:
    i, _, n = text.partition("/")
    if not (i.isdigit() and n.isdigit() and int(i) < int(n)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part: write 0/2 and 1/2")
    return int(i), int(n)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, default=thresholds.PATH)
    parser.add_argument("--rows", type=Path, default=RESULTS / "transmit/thresholds.jsonl")
    parser.add_argument("--part", type=part_of, default=(0, 1))
    parser.add_argument("--most", type=int, default=1500)
    options = parser.parse_args(arguments)
    done = {cell_of(row): row for row in rows.read(options.rows)}
    part, parts = options.part
    for i, cell in enumerate(cells()):
        if i % parts == part and cell not in done:
            order, length, rate = cell
            row = measure(order, length, rate, options.most)
            rows.append(options.rows, row)
            print(f"{modulation.NAMES[order]}, {length} bits, rate {rate:.3f}: {crossing(row['points'])[0]:.2f} dB")
    done = {cell_of(row): row for row in rows.read(options.rows)}
    if done.keys() >= set(cells()):
        kept = [done[cell] for cell in cells()]
        record(rows.pack(options.rows, kept), __file__, arguments)
        options.out.write_text(written(table_of(kept)), encoding="ascii")


def cell_of(row: Row) -> tuple[int, int, float]:
    return row["order"], row["bits"], row["rate"]


if __name__ == "__main__":
    main()
