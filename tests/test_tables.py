"""Stored tables: sums, floors, nearness to what they stand for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sccodec.entropy.tables import (
    Table,
    gaussian_table,
    normalise,
    scale_ratio,
    scales,
    table_from_probabilities,
)
from sccodec.errors import ModelMismatch


@settings(max_examples=100, deadline=None)
@given(p=st.lists(st.floats(0, 1e6), min_size=2, max_size=300).filter(lambda p: sum(p) > 1e-3))
def test_normalised_rows_sum_exactly_and_stay_near(p: list[float]) -> None:
    frequencies = normalise(np.array(p)).astype(int)
    assert frequencies.sum() == 1 << 16
    assert frequencies.min() >= 1
    exact = np.array(p) / sum(p) * (1 << 16)
    assert (abs(frequencies - exact) <= 1 + len(p) + exact / 16).all()


def test_scales() -> None:
    assert scales().shape == (64,)
    assert scales()[0] == pytest.approx(0.11)
    assert scales()[-1] == pytest.approx(64)
    assert scales()[10] / scales()[9] == pytest.approx(scale_ratio())


def test_gaussian_rows_cost_what_the_gaussian_does() -> None:
    table = gaussian_table(scales())
    for row, sigma in enumerate(scales()):
        size, lowest = int(table.sizes[row]), int(table.lowest[row])
        f = table.frequencies[row, :size] / (1 << 16)
        edges = [math.erf((lowest + k - 0.5) / sigma / math.sqrt(2)) / 2 for k in range(size)]
        assert lowest == -(size // 2 - 1)
        p = np.append(np.diff(edges), 1 - (edges[-1] - edges[0]))
        divergence = (p * np.log2(np.maximum(p, 1e-300) / f)).sum()
        assert 0 <= divergence < 4e-3


def test_arrays_round_trip() -> None:
    table = gaussian_table([0.3, 3.0])
    again = Table.from_arrays(table.to_arrays("net.table"), "net.table")
    np.testing.assert_array_equal(again.frequencies, table.frequencies)
    np.testing.assert_array_equal(again.lowest, table.lowest)
    np.testing.assert_array_equal(again.sizes, table.sizes)
    with pytest.raises(ModelMismatch):
        Table.from_arrays({}, "net.table")


@pytest.mark.parametrize("row", [[65536], [65535, 2], [0, 32768, 32768], [0, 0], [65535, 0, 1]])
def test_invalid_tables_are_refused(row: list[int]) -> None:
    with pytest.raises(ModelMismatch):
        Table(np.array([row], np.uint32), np.zeros(1, np.int32))


def test_table_from_probabilities() -> None:
    table = table_from_probabilities([[0.5, 0.25, 0.25], [1, 0, 0]], [-1, 0])
    np.testing.assert_array_equal(table.frequencies, [[32768, 16384, 16384], [65534, 1, 1]])
