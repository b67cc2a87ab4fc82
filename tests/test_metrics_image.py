"""PSNR against hand-worked cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sccodec.errors import BadInput
from sccodec.metrics.image import mse, psnr


def test_a_difference_of_one_everywhere_is_48_db() -> None:
    a = np.full((4, 5, 3), 7, np.uint8)
    assert mse(a, a + np.uint8(1)) == 1.0
    assert psnr(a, a + np.uint8(1)) == pytest.approx(48.1308, abs=1e-4)


def test_black_against_white_is_0_db_either_way() -> None:
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert psnr(black, white) == psnr(white, black) == 0.0


def test_equal_pictures_are_infinitely_alike() -> None:
    assert psnr(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)) == math.inf


@pytest.mark.parametrize("other", [np.zeros((2, 3, 3), np.uint8), np.zeros((2, 2, 3), np.float32)])
def test_pictures_that_do_not_match_are_refused(other: np.ndarray) -> None:
    with pytest.raises(BadInput):
        psnr(np.zeros((2, 2, 3), np.uint8), other)
