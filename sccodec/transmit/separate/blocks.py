"""A file in blocks of bits, and the mean colour beside it: CRC, code, scrambling, modulation, and all of it back.

    file, a byte 80, zeros -> blocks of equal bytes -> CRC-24 -> LDPC -> scrambled -> symbols

Scrambling makes coded bits look random whatever the file is, as 38.211 (section 7.3.1.1) does with another sequence.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from sccodec.transmit import modulation
from sccodec.transmit.channels import Reals, Symbols, mean_power
from sccodec.transmit.modulation import Bits
from sccodec.transmit.separate import ldpc
from sccodec.transmit.separate.plan import COLOUR_BITS, COLOUR_ORDER, Plan

Colour = tuple[int, int, int]

END = b"\x80"
"""Behind a file, before the zeros that fill the last block."""
COLOUR_CRC = 16


def room(plan: Plan) -> int:
    """The most bytes of a file that a plan carries."""
    return plan.bytes - len(END)


def send(file: bytes, colour: Colour, plan: Plan) -> tuple[Symbols, float]:
    """Symbols [k] of mean power 1, and the factor that brought them there; raises CodecUnavailable."""
    whole = (file + END).ljust(plan.bytes, b"\0")
    assert len(whole) == plan.bytes, "the file fits"
    bits = np.unpackbits(np.frombuffer(whole, np.uint8)).reshape(plan.blocks, -1)
    coded = code_of(plan).encode(ldpc.with_crc(bits, ldpc.CRC_BITS)).ravel()
    symbols = modulation.modulate(coded ^ scrambling(coded.size), plan.order)
    if plan.spare:
        tail = np.zeros(COLOUR_ORDER * plan.spare, np.uint8)
        if plan.has_colour:
            mean = np.unpackbits(np.array([colour], np.uint8), axis=1)
            tail = colour_code(plan).encode(ldpc.with_crc(mean, COLOUR_CRC)).ravel()
        symbols = np.concatenate([symbols, modulation.modulate(tail ^ scrambling(tail.size), COLOUR_ORDER)])
    scale = 1 / np.sqrt(mean_power(symbols))
    return (symbols * np.float32(scale)).astype(np.complex64), float(scale)


def receive(symbols: Symbols, noise: Reals, plan: Plan) -> tuple[bytes, npt.NDArray[np.bool_], Colour | None]:
    """What was sent, of equalised symbols [k] and the noise's power behind that: all blocks' bytes, and which arrived.

    The third is the mean colour, None where it did not arrive. Where the noise is 0 throughout, its power is taken from
    the symbols. Raises CodecUnavailable.
    """
    data = plan.blocks * plan.symbols
    if not noise.any():  # nobody said how much there is: were there any, ratios of certain bits could not be mended
        noise = np.full_like(noise, modulation.spread(symbols[:data], plan.order))
    ratios = unscrambled(symbols[:data], noise[:data], plan.order)
    bits, holds = code_of(plan).decode(ratios.reshape(plan.blocks, -1))
    arrived = holds & ldpc.crc_holds(bits, ldpc.CRC_BITS)
    whole = np.packbits(bits[:, : -ldpc.CRC_BITS].ravel()).tobytes()
    colour = None
    if plan.has_colour:
        ratios = unscrambled(symbols[data:], noise[data:], COLOUR_ORDER)
        mean, holds = colour_code(plan).decode(ratios[None])
        if holds[0] and ldpc.crc_holds(mean, COLOUR_CRC)[0]:
            red, green, blue = np.packbits(mean[0, :-COLOUR_CRC]).tolist()
            colour = red, green, blue
    return whole, arrived, colour


def file_of(whole: bytes) -> bytes | None:
    """The file in the bytes of all blocks; None where they do not end as they are sent."""
    stripped = whole.rstrip(b"\0")
    return stripped[: -len(END)] if stripped.endswith(END) else None


def code_of(plan: Plan) -> ldpc.Code:
    return ldpc.code(plan.block_bits, plan.coded, plan.order)


def colour_code(plan: Plan) -> ldpc.Code:
    return ldpc.code(COLOUR_BITS, COLOUR_ORDER * plan.spare, COLOUR_ORDER)


def scrambling(n: int) -> Bits:
    """Bits [n] that both ends know, equal for each n but for where they end."""
    known = hashlib.shake_128(b"sccodec separate").digest(-(-n // 8))
    return np.unpackbits(np.frombuffer(known, np.uint8))[:n]


def unscrambled(symbols: Symbols, noise: Reals, order: int) -> Reals:
    ratios = modulation.demodulate(symbols, noise, order)
    signs = 1 - 2 * scrambling(len(ratios)).astype(np.float32)
    return (ratios * signs).astype(np.float32)
