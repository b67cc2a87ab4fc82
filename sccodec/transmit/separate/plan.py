"""How a file is cut into blocks: modulation, length and rate, chosen for the symbols that there are and their SNR.

    symbols    content
    blocks     each as many, of one modulation: bits with a CRC of 24, coded
    spare      behind them: the mean colour, in QPSK, where there are enough; otherwise nothing

Of all modulations and numbers of blocks that is taken which carries most, each block as long as the table of thresholds
allows at the SNR, in whole bytes: the rate has no other steps. The mean colour is sent so that it arrives 10 dB below
that SNR, for at most a fiftieth of the symbols.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sccodec.errors import BadInput
from sccodec.transmit.modulation import ORDERS
from sccodec.transmit.separate.ldpc import BOUND, CRC_BITS, LEAST_BITS, MOST_BITS, MOST_RATE
from sccodec.transmit.separate.thresholds import FAILING, tables

SETTINGS = ("order", "blocks", "block_bits", "spare", "scale")
LOST = 2e-3
"""Of how many transmissions one may lose a block, at the SNR that they are made for; of a block FAILING at most."""
COLOUR_BITS = 40
"""24 of the mean colour, 16 of a CRC."""
COLOUR_ORDER, COLOUR_LEAST = 2, 22
"""Bits a symbol, and the fewest symbols that hold the coded bits of the colour."""
COLOUR_SHARE, COLOUR_RESERVE = 50, 10.0
"""The part of all symbols that the colour has at most, and by how many dB the channel may be worse than assumed."""


@dataclass(frozen=True)
class Plan:
    """order: bits a symbol. blocks: of block_bits each, CRC included. symbols: a block's. spare: symbols behind."""

    order: int
    blocks: int
    block_bits: int
    symbols: int
    spare: int

    @property
    def block_bytes(self) -> int:
        """That a block carries."""
        return (self.block_bits - CRC_BITS) // 8

    @property
    def bytes(self) -> int:
        """That all blocks carry."""
        return self.blocks * self.block_bytes

    @property
    def coded(self) -> int:
        """Coded bits of a block."""
        return self.order * self.symbols

    @property
    def rate(self) -> float:
        """Bits over coded bits, of a block."""
        return self.block_bits / self.coded

    @property
    def has_colour(self) -> bool:
        return self.spare >= COLOUR_LEAST

    def settings(self) -> dict[str, float]:
        """What the receiver must know of it, by the first SETTINGS."""
        return {name: float(getattr(self, name)) for name in SETTINGS[:-1]}

    @staticmethod
    def of(settings: Mapping[str, float], k: int) -> Plan:
        """The plan of settings, for k symbols; raises BadInput where they do not fit together."""
        missing = [name for name in SETTINGS if name not in settings]
        if missing:
            raise BadInput(f"the frame lacks the settings {', '.join(missing)}")
        if any(settings[name] != int(settings[name]) or settings[name] < 0 for name in SETTINGS[:-1]):
            raise BadInput("the frame's settings are no whole numbers")
        order, blocks, bits, spare = (int(settings[name]) for name in SETTINGS[:-1])
        if order not in ORDERS or blocks < 1 or spare > k or (k - spare) % blocks or (bits - CRC_BITS) % 8:
            raise BadInput(f"the frame's settings do not cut {k} symbols into blocks")
        plan = Plan(order, blocks, bits, (k - spare) // blocks, spare)
        if bits < LEAST_BITS or not allowed(bits, plan.coded):
            raise BadInput(f"the frame's settings are of no code: {bits} bits in {plan.coded}")
        return plan


def allowed(bits: int, coded: int) -> bool:
    """Whether the code has such blocks: the long ones have no rates below 1/3."""
    return bits <= MOST_RATE * coded and (bits <= BOUND or coded <= 3 * bits) and bits <= MOST_BITS


def choose(k: int, snr: float) -> Plan:
    """The plan that carries most over k symbols at an SNR in dB; raises BadInput where none carries anything."""
    spare = colour_symbols(k, snr)
    found = [plan for order in ORDERS for plan in plans(order, k, spare, snr)]
    if not found:
        least = tables()[2].needs(LEAST_BITS, LEAST_BITS / (2 * max(k, COLOUR_LEAST)))
        raise BadInput(
            f"{k} symbols at {snr:g} dB carry no block of {LEAST_BITS} bits, the shortest, which needs "
            + (f"{least:.1f} dB" if k >= COLOUR_LEAST else f"{COLOUR_LEAST} symbols or more")
        )
    return max(found, key=lambda plan: plan.bytes)


def plans(order: int, k: int, spare: int, snr: float) -> Iterator[Plan]:
    """Plans of a modulation: as few blocks as there can be of each base graph's length, and some more."""
    coded = order * (k - spare)
    for length in (BOUND, MOST_BITS):
        rate = best_rate(order, length, snr)
        fewest = max(1, int(coded * rate / length))
        for blocks in range(fewest, fewest + 4):
            symbols = (k - spare) // blocks
            bits = most_bits(order, order * symbols, snr, min(FAILING, LOST / blocks))
            if bits:
                yield Plan(order, blocks, bits, symbols, k - blocks * symbols)


def best_rate(order: int, length: int, snr: float) -> float:
    """The highest rate, in steps of a thousandth, that blocks of a length have at an SNR in dB; 0 where none."""
    needs = tables()[order].needs
    steps = [i / 1000 for i in range(1, int(1000 * MOST_RATE) + 1) if length <= BOUND or 3 * i >= 1000]
    return ([0.0, *steps])[bisect_left(steps, True, key=lambda rate: needs(length, rate) > snr)]


def most_bits(order: int, coded: int, snr: float, failing: float) -> int:
    """The longest block that arrives as that many coded bits, in whole bytes and a CRC; 0 where none does."""
    needs = tables()[order].needs

    def fits(bits: int) -> bool:
        return allowed(bits, coded) and needs(bits, bits / coded, failing) <= snr

    for most, least in ((MOST_BITS, BOUND + 8), (BOUND, LEAST_BITS)):
        lengths = range(max(least, -(-coded // 24) * 8 if least > BOUND else least), most + 1, 8)
        count = bisect_left(lengths, True, key=lambda bits: not fits(bits))
        if count:
            return lengths[count - 1]
    return 0


def colour_symbols(k: int, snr: float) -> int:
    """How many of k symbols carry the mean colour; 0 where it would not arrive at the SNR that is assumed."""
    needs, most = tables()[COLOUR_ORDER].needs, k // COLOUR_SHARE

    def arrives(symbols: int, at: float) -> bool:
        return needs(COLOUR_BITS, COLOUR_BITS / (COLOUR_ORDER * symbols)) <= at

    if most < COLOUR_LEAST or not arrives(most, snr):
        return 0
    counts = range(COLOUR_LEAST, most)
    return COLOUR_LEAST + bisect_left(counts, True, key=lambda symbols: arrives(symbols, snr - COLOUR_RESERVE))
