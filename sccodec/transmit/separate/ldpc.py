"""The LDPC code of 5G NR (3GPP TS 38.212, sections 5.1, 5.3.2 and 5.4.2), through the package sionna-no-rt.

    bits [B, K], CRC among them -> sionna's encoder -> bit selection -> bit interleaving -> coded bits [B, E]
    ratios [B, E] -> sums over what was sent twice -> belief propagation (belief.py) -> bits [B, K], which blocks hold

The base graph is the standard's choice for K and the rate. Below the rate that a graph reaches, coded bits are
repeated, in the order of the circular buffer. The package needs torch, and is imported here alone, in functions.
"""

from __future__ import annotations

import functools
import importlib
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from sccodec.engine import Settings
from sccodec.errors import CodecUnavailable
from sccodec.transmit.channels import Reals
from sccodec.transmit.modulation import Bits
from sccodec.transmit.separate import belief

LEAST_BITS = 40
BOUND = 3824
"""The most bits for rates below 1/3, where base graph 2 is better (38.212, section 6.2.2)."""
MOST_BITS = 8448
MOST_RATE = 0.92
CRC_BITS = 24
BATCH, BATCH_BITS = 16, 1 << 17
"""Blocks, or coded bits, that are decoded at a time, whichever are more: beyond it they do not stay in the cache."""


def part(name: str) -> ModuleType:
    """A part of the package; raises CodecUnavailable where it is not installed."""
    try:
        return importlib.import_module(f"sionna.phy.fec.{name}")
    except ImportError:
        raise CodecUnavailable(
            "code=ldpc needs the package sionna-no-rt, which needs torch and numpy 2: pip install 'sccodec[link]' "
            "(into another environment than sccodec[train], which may need numpy 1)"
        ) from None


class Code:
    """Blocks of K = bits, as coded bits, for symbols of an order's bits; coded is a multiple of it.

    bits: LEAST_BITS to MOST_BITS, for rates below 1/3 to BOUND. The rate is at most MOST_RATE. Raises
    CodecUnavailable.
    """

    def __init__(self, bits: int, coded: int, order: int) -> None:
        assert LEAST_BITS <= bits <= MOST_BITS and bits <= MOST_RATE * coded and coded % order == 0
        assert bits <= BOUND or coded <= 3 * bits, "the large base graph has no such rate"
        self.bits, self.coded, self.order = bits, coded, order
        self.sent = min(coded, (5 if bits <= BOUND else 3) * bits)
        self.encoder = part("ldpc").LDPC5GEncoder(bits, self.sent, device="cpu")
        self.layers = layers_of(self.encoder)

    def encode(self, bits: Bits) -> Bits:
        """Coded bits [B, E] of bits [B, K]."""
        import torch

        parts = torch.from_numpy(bits.astype(np.float32)).split(BATCH)  # sionna gathers many times what a word has
        with torch.no_grad():
            word = np.concatenate([self.encoder(each).numpy().astype(np.uint8) for each in parts])
        repeated = word[:, np.arange(self.coded) % self.sent]
        return np.ascontiguousarray(repeated.reshape(len(bits), self.order, -1).transpose(0, 2, 1)).reshape(
            len(bits), -1
        )

    def decode(self, ratios: Reals) -> tuple[Bits, npt.NDArray[np.bool_]]:
        """Bits [B, K] of ratios [B, E], ln P(0) - ln P(1), and of which blocks the parity checks hold."""
        threads = Settings.from_environment().threads
        size = max(1, min(max(BATCH, BATCH_BITS // self.sent), -(-len(ratios) // threads)))
        parts = [ratios[i : i + size] for i in range(0, len(ratios), size)]
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(self._decode, parts))
        return np.concatenate([bits for bits, _ in found]), np.concatenate([holds for _, holds in found])

    def _decode(self, ratios: Reals) -> tuple[Bits, npt.NDArray[np.bool_]]:
        n, encoder = len(ratios), self.encoder
        ordered = ratios.reshape(n, -1, self.order).transpose(0, 2, 1).reshape(n, -1)
        times = -(-self.coded // self.sent)
        summed = np.zeros((n, times * self.sent), np.float32)
        summed[:, : self.coded] = ordered
        word = summed.reshape(n, times, self.sent).sum(1).T
        # The first 2 z bits are never sent, and those that fill K up are known to be 0.
        total = np.zeros((1 + max(int(layer.max()) for layer in self.layers), n), np.float32)
        first = self.bits - 2 * encoder.z
        total[2 * encoder.z : self.bits] = word[:first]
        total[self.bits : encoder.k_ldpc] = belief.CERTAIN
        total[encoder.k_ldpc : encoder.k_ldpc + self.sent - first] = word[first:]
        hard, holds = belief.decode(self.layers, total)
        return np.ascontiguousarray(hard[: self.bits].T).astype(np.uint8), holds


@functools.lru_cache(maxsize=8)
def code(bits: int, coded: int, order: int) -> Code:
    """Memoised, because a code takes a quarter of a second to make."""
    return Code(bits, coded, order)


def layers_of(encoder: Any) -> list[belief.Layer]:
    """The layers of a code that say something: none whose own parity bits were not sent. encoder: sionna's."""
    z, matrix = encoder.z, encoder.pcm.tocsr()
    sent = -(-(2 * z + encoder.n + encoder.k_filler) // z)
    last = max(sent, encoder.k_ldpc // z + 4)
    found = []
    for row in range(0, matrix.shape[0], z):
        bits = np.sort(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]).astype(np.intp)
        columns, shifts = bits // z, bits % z
        if columns.max() < last:
            found.append(columns[:, None] * z + (shifts[:, None] + np.arange(z)) % z)
    return found


def with_crc(bits: Bits, length: int) -> Bits:
    """Bits [B, n] and their CRC of 24 bits (38.212's 24B) or 16; raises CodecUnavailable."""
    import torch

    made: Bits = crc(length)(torch.from_numpy(bits.astype(np.float32))).numpy().astype(np.uint8)
    return made


def crc_holds(bits: Bits, length: int) -> npt.NDArray[np.bool_]:
    """Whether the CRC at the end of bits [B, n] is that of the rest, [B]."""
    return np.asarray((with_crc(bits[:, :-length], length) == bits).all(1))


@functools.lru_cache(maxsize=2)
def crc(length: int) -> Any:
    return part("crc").CRCEncoder({16: "CRC16", 24: "CRC24B"}[length], device="cpu")
