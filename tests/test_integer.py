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

from sccodec.entropy.integer import IntegerNetwork, Layer, quantise
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
