"""Pixel fidelity of two uint8 pictures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sccodec.errors import BadInput


def mse(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """The mean squared difference of two uint8 arrays of one shape; BadInput otherwise."""
    if a.shape != b.shape or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise BadInput(f"cannot compare {a.shape} {a.dtype} with {b.shape} {b.dtype}: uint8 of one shape needed")
    if a.size == 0:
        raise BadInput("cannot compare empty pictures")
    difference = a.astype(np.int32) - b
    return float(np.mean(difference * difference, dtype=np.float64))


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over all channels of two uint8 pictures; infinite for equal ones."""
    error = mse(a, b)
    return 10 * math.log10(255**2 / error) if error > 0 else math.inf
