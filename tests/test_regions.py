"""Regions, passes and cell weights of label maps, against hand-worked cases."""

from __future__ import annotations

import numpy as np

from sccodec.codecs.conceptual import regions
from sccodec.codecs.conceptual.planes import coordinates, noise

PARENTS = ((), (), (1,), (2, 1), (0,))


def test_rows_are_sorted_by_pass_and_know_their_parents() -> None:
    maps = np.array([[[1, 1], [2, 3]], [[3, 3], [1, 4]]], np.uint8)
    found = regions.find_regions(maps, PARENTS)
    rows = list(zip(found.picture.tolist(), found.labels.tolist(), found.parents.tolist(), strict=True))
    # Pass 0: label 1 of both pictures, and 4 of the second, whose parent 0 does not occur. Pass 1: 2 from 1, and 3 of
    # the second picture, which has no 2, from 1. Pass 2: 3 of the first from 2.
    assert rows == [(0, 1, -1), (1, 1, -1), (1, 4, -1), (0, 2, 0), (1, 3, 1), (0, 3, 3)]
    assert found.passes == (slice(0, 3), slice(3, 5), slice(5, 6))
    assert found.counts.tolist() == [2, 1, 1, 1, 2, 1]
    assert found.index.tolist() == [[[0, 0], [3, 5]], [[4, 4], [1, 2]]]


def test_one_label_is_one_pass() -> None:
    found = regions.find_regions(np.full((1, 8, 8), 3, np.uint8), PARENTS)
    assert found.labels.tolist() == [3] and found.parents.tolist() == [-1] and found.passes == (slice(0, 1),)


def test_cell_weights_are_shares_in_64ths() -> None:
    maps = np.zeros((1, 4, 4), np.uint8)
    maps[0, :2, 0] = 1
    found = regions.find_regions(maps, PARENTS)
    weights = regions.cell_weights(found, (2, 2))
    assert weights.tolist() == [[32, 32], [64, 0], [64, 0], [64, 0]]


def test_cell_positions_follow_the_picture() -> None:
    assert regions.cell_positions(1, (8, 8)).tolist() == list(range(64))
    assert regions.cell_positions(2, (2, 2)).tolist() == [0, 4, 32, 36] * 2


def test_noise_is_fixed_white_and_goes_on_in_larger_planes() -> None:
    small, large = noise(64, 64)[0, 0], noise(128, 256)[0, 0]
    assert np.array_equal(small, large[:64, :64])
    assert np.array_equal(noise(20, 30, 7, 100)[0, 0], large[7:27, 100:130])
    assert abs(large.mean()) < 0.02 and abs(large.std() - 1) < 0.02
    for a, b in ((large[1:], large[:-1]), (large[:, 1:], large[:, :-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.02
    # A few samples by value: the plane is part of the format.
    assert np.allclose(small[0, :3], [0.16255303, -0.83528423, 0.3957001], atol=1e-6)


def test_coordinates_are_bounded_and_mirror() -> None:
    plane = coordinates(4, 6)
    assert plane.shape == (1, 8, 4, 6) and np.abs(plane).max() <= 1
    assert np.allclose(plane[0, 0], -plane[0, 0, :, ::-1]) and np.allclose(plane[0, 1], -plane[0, 1, ::-1])
