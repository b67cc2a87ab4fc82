"""Bits to symbols and back: BPSK and square QAM with Gray labels, as 5G NR orders them (3GPP TS 38.211, section 5.1).

Of a QAM symbol's 2 m bits b0 b1 .., the even ones are the real part's and the odd ones the imaginary part's; in each,
the first bit is the sign. Symbols have mean power 1. Soft values are log-likelihood ratios, ln P(0) - ln P(1).
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from sccodec.transmit.channels import Reals, Symbols

Bits = npt.NDArray[np.uint8]
ORDERS = (1, 2, 4, 6)
"""Bits a symbol: BPSK, QPSK (4-QAM), 16-QAM, 64-QAM."""
LARGEST = 600.0
"""The log-likelihood ratio that stands for all larger ones: no channel code tells them apart."""
PIECE = 1 << 18
"""Symbols whose likelihoods are in memory at a time."""
NAMES = {1: "bpsk", 2: "4qam", 4: "16qam", 6: "64qam"}


@functools.cache
def levels(bits: int) -> Reals:
    """The amplitude of each label of so many bits, first bit first, of mean power 1/2: [2^bits]."""
    found = np.empty(1 << bits, np.float64)
    for label in range(1 << bits):
        chosen = [label >> (bits - 1 - i) & 1 for i in range(bits)]
        amplitude = 1.0
        for i in range(bits - 1, 0, -1):  # 38.211: (1 - 2b0) [2^(m-1) - (1 - 2b1) [.. [2 - (1 - 2b_(m-1))]]]
            amplitude = 2 ** (bits - i) - (1 - 2 * chosen[i]) * amplitude
        found[label] = (1 - 2 * chosen[0]) * amplitude
    found /= math.sqrt(2 * np.mean(found**2))
    result: Reals = found.astype(np.float32)
    return result


def modulate(bits: Bits, order: int) -> Symbols:
    """Symbols [n / order] of bits [n], each 0 or 1; n is a multiple of the order."""
    if order == 1:  # both parts carry the one bit, as in 38.211
        real = imaginary = levels(1)[bits]
    else:
        grouped = bits.reshape(-1, order)
        real, imaginary = (levels(order // 2)[labels(grouped[:, part::2])] for part in (0, 1))
    symbols: Symbols = (real + 1j * imaginary).astype(np.complex64)
    return symbols


def labels(bits: Bits) -> npt.NDArray[np.intp]:
    """The number of each row of bits [n, m], first bit highest."""
    return np.asarray(bits @ (1 << np.arange(bits.shape[1])[::-1]), np.intp)


def demodulate(symbols: Symbols, noise: npt.ArrayLike, order: int) -> Reals:
    """Exact log-likelihood ratios [k * order] of equalised symbols [k]; noise: its power behind the equaliser [k]."""
    power = np.maximum(np.broadcast_to(np.asarray(noise, np.float32), len(symbols)), np.float32(1e-9))
    if order == 1:
        both = np.clip(np.nan_to_num(symbols.real + symbols.imag), -1e6, 1e6) * levels(1)[0]
        return np.asarray(np.clip(4 * both / power, -LARGEST, LARGEST), np.float32)
    ratios = np.empty((len(symbols), order), np.float32)
    for start in range(0, len(symbols), PIECE):
        here = slice(start, start + PIECE)
        for part, values in enumerate((symbols.real[here], symbols.imag[here])):
            ratios[here, part::2] = of_amplitudes(values, power[here], order // 2)
    return ratios.ravel()


def of_amplitudes(values: Reals, power: Reals, bits: int) -> Reals:
    """Ratios [k, bits] of one part of symbols; each part has half of the noise's power. At most +-LARGEST."""
    finite = np.clip(np.nan_to_num(values.astype(np.float64)), -1e6, 1e6)  # behind an equaliser anything may come
    metric = -np.square(finite[:, None] - levels(bits)[None]) / power[:, None]
    likelihood = np.exp(metric - metric.max(1, keepdims=True))
    is_one = (np.arange(1 << bits)[:, None] >> np.arange(bits)[::-1] & 1).astype(np.float64)
    zero, one = (np.log(np.maximum(likelihood @ given, math.exp(-LARGEST))) for given in (1 - is_one, is_one))
    return np.asarray(np.clip(zero - one, -LARGEST, LARGEST), np.float32)


def spread(symbols: Symbols, order: int) -> float:
    """The mean squared distance of equalised symbols [k] from the nearest points: the noise's power, where it is small.

    Of noise that reaches beyond the nearest points it is less than that.
    """
    values = np.nan_to_num(np.stack([symbols.real, symbols.imag]))
    if order == 1:  # both parts are one bit's
        values = values.mean(0, keepdims=True)
    edges = np.sort(levels(max(1, order // 2)))
    nearest = edges[np.searchsorted((edges[1:] + edges[:-1]) / 2, values)]
    return 2 * float(np.mean(np.square(values - nearest, dtype=np.float64))) * (2 if order == 1 else 1)


def capacity(snr: float) -> float:
    """Bits a symbol that an AWGN channel carries at most, for an SNR in dB (Shannon 1948)."""
    return math.log2(1 + 10 ** (snr / 10))
