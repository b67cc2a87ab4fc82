"""Integer networks of pointwise and depth-wise layers: the same numbers on every machine, fit to choose probabilities.

A layer multiplies int16 activations by int16 weights, adds a bias, rounds by a shift, and (all but the last)
applies a leaky ReLU whose negative side is shifted right by 3, then clips to 16 bits. It runs in float64 on whole
numbers below 2^53 (inputs * 2^30 + bias), where every sum, power of two and floor is exact, in any order and under
any BLAS.

    x int [n, in] -> (x W^T + b + half) >> shift -> max(a, a >> 3) -> clip -> ... -> int [n, out]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
MOST_WEIGHT_BITS = 24
# Numbers that are worked on at a time: what one step leaves in the cache, the next finds there.
PIECE = 1 << 15

# Whole numbers in float64.
Whole = NDArray[np.float64]
Product = Callable[[Whole, Whole], Whole]


@dataclass(frozen=True)
class Layer:
    """weight int16 [out, in], bias int64 [out], shift >= 0."""

    weight: NDArray[np.int16]
    bias: NDArray[np.int64]
    shift: int

    def __post_init__(self) -> None:
        good = self.weight.ndim == 2 and self.bias.shape == self.weight.shape[:1] and 0 <= self.shift <= 50
        if not good or self.weight.shape[1] >= 1 << 20 or (abs(self.bias) >= 1 << 51).any():
            raise ModelMismatch("a stored integer layer is not valid")
        half = 1 << self.shift >> 1
        object.__setattr__(self, "_transposed", np.ascontiguousarray(self.weight.T.astype(np.float64)))
        object.__setattr__(self, "_offset", (self.bias + half).astype(np.float64))

    def accumulate(self, x: Whole, multiply: Product = np.matmul, *, leaky: bool = False) -> Whole:
        """Whole numbers [n, in] of at most 16 bits -> floor((x W^T + b + half) / 2^shift), [n, out].

        multiply: the product of two float64 matrices; all give the same. leaky: with ``activate`` behind.
        """
        return self.finish(self.product(x, slice(None), multiply), leaky=leaky)

    def product(self, x: Whole, inputs: slice, multiply: Product) -> Whole:
        """x W^T, [n, out], of x [n, some] that stands for a part of the inputs: ``finish`` the sum of all parts."""
        return multiply(x, self._transposed[inputs])  # type: ignore[attr-defined]

    def finish(self, a: Whole, *, leaky: bool = False) -> Whole:
        """floor((a + b + half) / 2^shift), in place."""
        for piece in pieces(a):
            piece += self._offset  # type: ignore[attr-defined]
            piece *= 2.0**-self.shift
            np.floor(piece, out=piece)
            if leaky:
                activate(piece)
        return a


@dataclass(frozen=True)
class Depthwise:
    """A 3x3 convolution within each channel: weight int16 [9, C] (kernel row by row), bias int64 [C], shift >= 0."""

    weight: NDArray[np.int16]
    bias: NDArray[np.int64]
    shift: int

    def __post_init__(self) -> None:
        good = self.weight.ndim == 2 and len(self.weight) == 9 and self.bias.shape == self.weight.shape[1:]
        if not good or not 0 <= self.shift <= 50 or (abs(self.bias) >= 1 << 51).any():
            raise ModelMismatch("a stored integer layer is not valid")
        half = 1 << self.shift >> 1
        object.__setattr__(self, "_weight", self.weight.astype(np.float64))
        object.__setattr__(self, "_offset", (self.bias + half).astype(np.float64))

    def accumulate(self, x: Whole) -> Whole:
        """Whole numbers [h, w, C] of at most 16 bits, zeros around -> floor((x * W + b + half) / 2^shift)."""
        h, w, channels = x.shape
        padded = np.zeros((h + 2, w + 2, channels))
        padded[1:-1, 1:-1] = x
        result = np.empty_like(x)
        rows = max(1, PIECE // (w * channels))
        for top in range(0, h, rows):
            a = result[top : top + rows]
            a[:] = self._offset  # type: ignore[attr-defined]
            for k, weight in enumerate(self._weight):  # type: ignore[attr-defined]
                first, left = top + k // 3, k % 3
                a += padded[first : first + len(a), left : left + w] * weight
            a *= 2.0**-self.shift
            np.floor(a, out=a)
        return result


@dataclass(frozen=True)
class IntegerNetwork:
    """Layers, and how many fractional bits its inputs and outputs have."""

    layers: tuple[Layer, ...]
    input_bits: int
    output_bits: int

    def run(self, x: NDArray[Any]) -> NDArray[np.int32]:
        """int [n, in] in units of 2^-input_bits, clipped to 16 bits -> int32 [n, out] in 2^-output_bits."""
        a = clip(x.astype(np.float64), LIMIT)
        for layer in self.layers[:-1]:
            a = activate(layer.accumulate(a))
        return clip(self.layers[-1].accumulate(a), OUTPUT_LIMIT).astype(np.int32)

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
            raise ModelMismatch(f"the model file lacks part of the integer network {prefix}: {error}") from error
        fits = all(a.weight.shape[0] == b.weight.shape[1] for a, b in pairwise(layers))
        if not layers or not fits:
            raise ModelMismatch(f"the layers of the integer network {prefix} do not fit together")
        return cls(layers, input_bits, output_bits)


def pieces(a: Whole) -> Iterator[Whole]:
    """Views of the rows of [n, C], a few at a time."""
    rows = max(1, PIECE // a.shape[1])
    return (a[top : top + rows] for top in range(0, len(a), rows))


def activate(a: Whole) -> Whole:
    """Leaky ReLU of slope 1/8 (rounded down), clipped to 16 bits; works in place."""
    leak = a * 2.0**-LEAK_SHIFT
    np.maximum(a, np.floor(leak, out=leak), out=a)
    return clip(a, LIMIT)


def clip(a: Whole, limit: int) -> Whole:
    """In place; np.clip takes longer than both."""
    np.minimum(a, limit, out=a)
    return np.maximum(a, -limit, out=a)


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


def quantise_layer(weight: NDArray[Any], bias: NDArray[Any], input_bits: int, output_bits: int) -> tuple[Layer, int]:
    """One layer, and the fractional bits of its output: fewer than asked where its sums have no more."""
    fixed, offset, shift, output_bits = fixed_point(weight, bias, input_bits, output_bits)
    return Layer(fixed, offset, shift), output_bits


def quantise_depthwise(
    weight: NDArray[Any], bias: NDArray[Any], input_bits: int, output_bits: int
) -> tuple[Depthwise, int]:
    """As ``quantise_layer``, for a depth-wise weight [C, 1, 3, 3]."""
    rows = np.asarray(weight, np.float64).reshape(len(weight), 9).T
    fixed, offset, shift, output_bits = fixed_point(rows, bias, input_bits, output_bits)
    return Depthwise(fixed, offset, shift), output_bits


def fixed_point(
    weight: NDArray[Any], bias: NDArray[Any], input_bits: int, output_bits: int
) -> tuple[NDArray[np.int16], NDArray[np.int64], int, int]:
    """Weight, bias, shift and the output's fractional bits, with as many bits for the weights as int16 holds."""
    weight_bits = min(MOST_WEIGHT_BITS, int(np.floor(np.log2(LIMIT / max(float(np.abs(weight).max()), 1e-9)))))
    output_bits = min(output_bits, input_bits + weight_bits)
    fixed = np.rint(np.asarray(weight, np.float64) * 2.0**weight_bits).astype(np.int16)
    offset = np.rint(np.asarray(bias, np.float64) * 2.0 ** (input_bits + weight_bits)).astype(np.int64)
    return fixed, offset, input_bits + weight_bits - output_bits, output_bits


def room(x: NDArray[Any], headroom: float = HEADROOM) -> int:
    """How many fractional bits values like x [...] may have in 16 bits, up to ``headroom`` times the largest."""
    return min(15, int(np.floor(np.log2(LIMIT / (headroom * max(float(np.abs(x).max()), 1e-6))))))
