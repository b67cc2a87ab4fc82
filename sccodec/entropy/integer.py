"""Integer networks of pointwise layers: the same numbers on every machine, fit to choose probabilities.

A layer multiplies int16 activations by int16 weights, adds a bias, rounds by a shift, and (all but the last)
applies a leaky ReLU whose negative side is shifted right by 3, then clips to 16 bits. The product runs in
float64, where it is exact: |sum| <= inputs * 2^30 < 2^53, in any order, under any BLAS.

    x int [n, in] -> (x W^T + b + half) >> shift -> max(a, a >> 3) -> clip -> ... -> int [n, out]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sccodec.errors import ModelMismatch

LIMIT = 32767
OUTPUT_LIMIT = 1 << 30
LEAK_SHIFT = 3
# An activation gets room for twice the largest value seen in calibration before it clips.
HEADROOM = 2.0

Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """weight int16 [out, in], bias int64 [out], shift >= 0."""

    weight: NDArray[np.int16]
    bias: NDArray[np.int64]
    shift: int

    def __post_init__(self) -> None:
        good = self.weight.ndim == 2 and self.bias.shape == self.weight.shape[:1] and 0 <= self.shift < 62
        if not good or self.weight.shape[1] >= 1 << 22 or (abs(self.bias) >= 1 << 52).any():
            raise ModelMismatch("a stored integer layer is not valid")
        object.__setattr__(self, "transposed", np.ascontiguousarray(self.weight.T.astype(np.float64)))

    def accumulate(self, x: NDArray[Any]) -> Int64:
        """Rounded sums of inputs int [n, in] of at most 16 bits: int64 [n, out]."""
        transposed: NDArray[np.float64] = self.transposed  # type: ignore[attr-defined]
        return shift_round((x.astype(np.float64) @ transposed).astype(np.int64) + self.bias, self.shift)


@dataclass(frozen=True)
class IntegerNetwork:
    """Layers, and how many fractional bits its inputs and outputs have."""

    layers: tuple[Layer, ...]
    input_bits: int
    output_bits: int

    def run(self, x: NDArray[Any]) -> NDArray[np.int32]:
        """int [n, in] in units of 2^-input_bits, clipped to 16 bits -> int32 [n, out] in 2^-output_bits."""
        a: NDArray[Any] = np.clip(x, -LIMIT, LIMIT)
        for layer in self.layers[:-1]:
            a = activate(layer.accumulate(a))
        return np.clip(self.layers[-1].accumulate(a), -OUTPUT_LIMIT, OUTPUT_LIMIT).astype(np.int32)

    def to_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Arrays for the model file, by name."""
        arrays: dict[str, NDArray[Any]] = {
            f"{prefix}.bits": np.array([self.input_bits, self.output_bits], np.int32),
            f"{prefix}.shifts": np.array([layer.shift for layer in self.layers], np.int32),
        }
        for i, layer in enumerate(self.layers):
            arrays |= {f"{prefix}.{i}.weight": layer.weight, f"{prefix}.{i}.bias": layer.bias}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str) -> IntegerNetwork:
        """The network that ``to_arrays`` stored; ModelMismatch where an array is missing or does not fit."""
        try:
            input_bits, output_bits = (int(v) for v in arrays[f"{prefix}.bits"].astype(np.int64))
            shifts = arrays[f"{prefix}.shifts"].astype(np.int64)
            layers = tuple(
                Layer(
                    arrays[f"{prefix}.{i}.weight"].astype(np.int16),
                    arrays[f"{prefix}.{i}.bias"].astype(np.int64),
                    int(shift),
                )
                for i, shift in enumerate(shifts)
            )
        except (KeyError, ValueError) as error:
            raise ModelMismatch(
                f"the model file lacks part of the integer network {prefix}: {error}"
            ) from error
        fits = all(a.weight.shape[0] == b.weight.shape[1] for a, b in pairwise(layers))
        if not layers or not fits:
            raise ModelMismatch(f"the layers of the integer network {prefix} do not fit together")
        return cls(layers, input_bits, output_bits)


def activate(a: Int64) -> Int64:
    """Leaky ReLU of slope 1/8 (rounded down), clipped to 16 bits."""
    return np.clip(np.maximum(a, a >> LEAK_SHIFT), -LIMIT, LIMIT)


def shift_round(a: Int64, shift: int) -> Int64:
    """a / 2^shift, halves rounded up."""
    return a if shift == 0 else (a + (1 << (shift - 1))) >> shift


def quantise(
    layers: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    calibration: NDArray[Any],
    input_bits: int,
    output_bits: int,
) -> IntegerNetwork:
    """An integer network like the float layers (weight [out, in], bias [out]) with leaky ReLU 1/8 between.

    calibration: typical inputs int [n, in] in units of 2^-input_bits; activations get the finest fixed point
    that keeps twice their largest value inside 16 bits.
    """
    x = np.clip(calibration, -LIMIT, LIMIT).astype(np.float64) * 2.0**-input_bits
    made = []
    bits = input_bits
    for i, (weight, bias) in enumerate(layers):
        x = x @ np.asarray(weight, np.float64).T + np.asarray(bias, np.float64)
        last = i == len(layers) - 1
        if not last:
            x = np.maximum(x, x / (1 << LEAK_SHIFT))
        target = output_bits if last else room(x)
        layer, bits = quantise_layer(weight, bias, bits, target)
        assert not last or bits == output_bits, "ask for fewer output bits"
        made.append(layer)
    return IntegerNetwork(tuple(made), input_bits, output_bits)


def quantise_layer(
    weight: NDArray[Any], bias: NDArray[Any], input_bits: int, output_bits: int
) -> tuple[Layer, int]:
    """One layer, and the fractional bits of its output: fewer than asked where its sums have no more."""
    weight_bits = min(30, int(np.floor(np.log2(LIMIT / max(float(np.abs(weight).max()), 1e-9)))))
    output_bits = min(output_bits, input_bits + weight_bits)
    fixed = np.rint(np.asarray(weight, np.float64) * 2.0**weight_bits).astype(np.int16)
    offset = np.rint(np.asarray(bias, np.float64) * 2.0 ** (input_bits + weight_bits)).astype(np.int64)
    return Layer(fixed, offset, input_bits + weight_bits - output_bits), output_bits


def room(x: NDArray[Any]) -> int:
    """How many fractional bits values like x [...] may have in 16 bits, headroom included."""
    return min(15, int(np.floor(np.log2(LIMIT / (HEADROOM * max(float(np.abs(x).max()), 1e-6))))))
