"""Separation at capacity: as many bits as the channel carries at most, which no code reaches (Shannon 1948).

The bound is that of Gaussian inputs: k log2(1 + SNR) bits for the transmitter, who knows the mean SNR alone. Over a
channel, what is carried is the sum of log2(1 + |h|^2 / N0) over the gains that were drawn. Where that is less than was
sent, the file is lost; the mean colour, its first three bytes, arrives as long as 24 bits are carried.
"""

from __future__ import annotations

import math

import numpy as np

from sccodec.transmit import channels, modulation
from sccodec.transmit.channels import Received, Symbols

MEAN_BYTES = 3
"""Before the file: the picture's mean colour, for an outage of the rest."""
ROUNDING = 1e-6
"""The part of what is carried that single precision may lose."""


def room(k: int, snr: float) -> int:
    """The most bytes of a file that k symbols carry at an SNR in dB; 0 or less where they carry none."""
    return math.floor(k * modulation.capacity(snr)) // 8 - MEAN_BYTES


def stand_in(k: int) -> Symbols:
    """Symbols [k] that mean nothing, of mean power 1 and the distribution that the bound assumes."""
    return channels.normalised(channels.normal(k, np.random.default_rng(0)))


def carried(got: Received) -> float:
    """Bits that the channel carried, for the gains that the receiver has."""
    _, noise = got.equalised()
    bits = np.sum(np.log2(1 + 1 / np.maximum(noise, np.float32(1e-12)), dtype=np.float64))
    return float(bits) * (1 + ROUNDING)
