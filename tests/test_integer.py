"""Integer networks: near the float network they stand for, and exact on every machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sccodec.entropy.integer import Depthwise, IntegerNetwork, Layer, quantise, quantise_depthwise
from sccodec.errors import ModelMismatch


def float_layers(rng: np.random.Generator, widths: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(rng.normal(0, a**-0.5, (b, a)), rng.normal(0, 0.3, b)) for a, b in pairwise(widths)]


def run_float(layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray) -> np.ndarray:
    for i, (weight, bias) in enumerate(layers):
        x = x @ weight.T + bias
        if i < len(layers) - 1:
            x = np.maximum(x, x / 8)
    return x


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), depth=st.integers(1, 4), scale=st.sampled_from([0.01, 1.0, 30.0]))
def test_quantised_network_is_near_the_float_one(seed: int, depth: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    layers = float_layers(rng, [24, *[48] * (depth - 1), 16])
    x = rng.normal(0, scale, (300, 24))
    input_bits = int(np.log2(32767 / abs(x).max()))
    fixed = np.rint(x * 2.0**input_bits).astype(int)
    network = quantise(layers, fixed[:200], input_bits, 8)
    expected = run_float(layers, x)
    got = network.run(fixed) / 2.0**8
    assert abs(got - expected).max() < 2.0**-9 + 1e-3 * abs(expected).max()


def test_is_exact() -> None:
    """Against big integers, at the largest magnitudes."""
    rng = np.random.default_rng(0)
    weight = rng.choice([-32767, 32767, 12345], (9, 200)).astype(np.int16)
    bias = rng.integers(-(2**40), 2**40, 9)
    x = rng.choice([-32767, 32766, -1], (20, 200))
    network = IntegerNetwork((Layer(weight, bias, 9), Layer(weight[:, :9], bias, 17)), 0, 0)
    got = network.run(x)
    for row, result in zip(x.tolist(), got.tolist(), strict=True):
        a = [(sum(w * v for w, v in zip(line, row, strict=True)) + b + 256) >> 9 for line, b in layer(weight, bias)]
        a = [max(-32767, min(32767, max(v, v >> 3))) for v in a]
        short = weight[:, :9]
        out = [
            (sum(w * v for w, v in zip(line, a, strict=True)) + b + (1 << 16)) >> 17 for line, b in layer(short, bias)
        ]
        assert result == [max(-(1 << 30), min(1 << 30, v)) for v in out]


def layer(weight: np.ndarray, bias: np.ndarray) -> list[tuple[list[int], int]]:
    return list(zip(weight.tolist(), bias.tolist(), strict=True))


def depthwise_by_hand(weight: np.ndarray, bias: np.ndarray, shift: int, x: np.ndarray) -> list[list[list[int]]]:
    """What Depthwise.accumulate gives for x [h, w, C], in Python's integers, clipped to 16 bits."""
    h, w, channels = x.shape
    kernel, pixels, offsets = weight.tolist(), x.tolist(), bias.tolist()

    def sample(y: int, column: int, c: int) -> int:
        total = offsets[c] + ((1 << shift) >> 1)
        for k in range(9):
            row, left = y + k // 3 - 1, column + k % 3 - 1
            if 0 <= row < h and 0 <= left < w:
                total += kernel[k][c] * pixels[row][left][c]
        return max(-32767, min(32767, total >> shift))

    return [[[sample(y, column, c) for c in range(channels)] for column in range(w)] for y in range(h)]


@pytest.mark.parametrize(
    ("largest", "bias_bits", "shift"),
    [(50, 14, 0), (150, 16, 3), (32767, 30, 16), (32767, 51, 37), (32767, 51, 50)],
)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 1), (5, 6), (40, 3)])
def test_a_depthwise_layer_is_exact(largest: int, bias_bits: int, shift: int, size: tuple[int, int]) -> None:
    """Against big integers, up to the largest magnitudes that a layer takes."""
    rng = np.random.default_rng(shift)
    weight = rng.choice([-largest, largest, largest // 3, -1], (9, 7)).astype(np.int16)
    bias = rng.integers(-(2**bias_bits) + 1, 2**bias_bits, 7)
    x = rng.choice([-largest, largest, 1, 0], (*size, 7))
    expected = depthwise_by_hand(weight, bias, shift, x)
    got = Depthwise(weight, bias, shift).accumulate(x.astype(np.float64))
    assert np.clip(got, -32767, 32767).tolist() == expected
    assert np.mean(np.abs(expected) < 32767) > 0.3, "not only what is clipped"


def test_the_largest_sums_are_whole_numbers_in_float64() -> None:
    """Every term of one sign, the largest bias and the widest layer: still below 2^53, so the last unit counts."""
    inputs = (1 << 20) - 1
    layer = Layer(np.full((1, inputs), 32767, np.int16), np.array([2**51 - 1]), 0)
    x = np.full((2, inputs), 32767.0)
    x[1, 0] -= 1
    first, second = layer.accumulate(x)[:, 0].tolist()
    assert first == inputs * 32767**2 + 2**51 - 1 < 2**53 and first - second == 32767
    near = Depthwise(np.full((9, 1), 32767, np.int16), np.array([2**51 - 1]), 50)
    assert near.accumulate(np.full((3, 3, 1), 32767.0))[1, 1, 0] == (9 * 32767**2 + 2**51 - 1 + 2**49) >> 50


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), scale=st.sampled_from([0.01, 1.0, 30.0]))
def test_a_quantised_depthwise_layer_is_near_the_float_one(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(0, 1 / 3, (6, 1, 3, 3)), rng.normal(0, 0.3, 6)
    x = rng.normal(0, scale, (5, 7, 6))
    input_bits = int(np.log2(32767 / abs(x).max()))
    fixed = np.rint(x * 2.0**input_bits)
    made, bits = quantise_depthwise(weight, bias, input_bits, 6)
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    parts = [padded[k // 3 : k // 3 + 5, k % 3 : k % 3 + 7] * weight[:, 0, k // 3, k % 3] for k in range(9)]
    expected = sum(parts) + bias
    assert bits == 6
    assert abs(made.accumulate(fixed) * 2.0**-6 - expected).max() < 2.0**-7 + 1e-3 * abs(expected).max()


def test_a_depthwise_layer_of_the_wrong_shape_is_refused() -> None:
    good = (np.ones((9, 3), np.int16), np.zeros(3, np.int64), 4)
    Depthwise(*good)
    for weight, bias, shift in (
        (np.ones((8, 3), np.int16), good[1], 4),
        (good[0], np.zeros(2, np.int64), 4),
        (good[0], good[1], -1),
        (good[0], good[1], 51),
        (good[0], np.full(3, -(2**51)), 4),
    ):
        with pytest.raises(ModelMismatch):
            Depthwise(weight, bias, shift)


def test_arrays_round_trip() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-1000, 1000, (50, 5))
    network = quantise(float_layers(rng, [5, 7, 3]), x, 8, 6)
    arrays = network.to_arrays("h_s")
    again = IntegerNetwork.from_arrays(arrays, "h_s")
    np.testing.assert_array_equal(again.run(x), network.run(x))
    assert (again.input_bits, again.output_bits) == (8, 6)
    for name in arrays:
        with pytest.raises(ModelMismatch):
            IntegerNetwork.from_arrays({k: v for k, v in arrays.items() if k != name}, "h_s")


SCRIPT = """
import hashlib, numpy as np
from sccodec.entropy.integer import quantise
rng = np.random.default_rng(5)
layers = [(rng.normal(0, 0.1, (128, 128)), rng.normal(0, 1, 128)) for _ in range(4)]
x = rng.integers(-32000, 32000, (1500, 128))
print(hashlib.sha256(quantise(layers, x[:9], 10, 8).run(x).tobytes()).hexdigest())
"""


def test_same_numbers_under_any_number_of_threads_and_blas_kernel() -> None:
    hashes = set()
    for threads, kernel in (("1", "Haswell"), ("2", "Prescott"), ("2", "")):
        environment = os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        if kernel:
            environment["OPENBLAS_CORETYPE"] = kernel
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        hashes.add(run.stdout.strip())
    assert len(hashes) == 1
    assert len(hashes.pop()) == len(hashlib.sha256().hexdigest())
