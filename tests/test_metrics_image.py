"""PSNR, SSIM and MS-SSIM against hand-worked cases, and against a package."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sccodec.errors import BadInput
from sccodec.metrics.image import ms_ssim, mse, psnr, ssim


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


# --- SSIM and MS-SSIM


def noisy(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture, and the same with noise and a shift of brightness, uint8 [height, width, 3]."""
    y, x = np.mgrid[:height, :width]
    clean = np.stack([128 + 80 * np.sin(x / 7), 2 * y % 256, (x + y) % 256], -1).astype(np.uint8)
    noise = np.random.default_rng(0).normal(5, 12, clean.shape)
    return clean, np.clip(clean + noise, 0, 255).astype(np.uint8)


def one_window(x: np.ndarray, y: np.ndarray) -> float:
    """SSIM under the single window of two planes [11, 11], as the paper writes it."""
    distance = np.arange(11) - 5
    window = np.exp(-(distance[:, None] ** 2 + distance[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    x, y = x.astype(float), y.astype(float)
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    var_x, var_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
    covariance = (window * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = 6.5025, 58.5225
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return above / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def test_equal_pictures_have_a_similarity_of_one() -> None:
    picture, _ = noisy(170, 180)
    assert ssim(picture, picture) == 1.0 and ms_ssim(picture, picture) == 1.0


def test_flat_pictures_differ_in_luminance_alone() -> None:
    """Contrast and structure are 1 at every scale; sides of 11 * 16 stay even, so that nothing is padded."""
    a, b = np.full((176, 192, 3), 100, np.uint8), np.full((176, 192, 3), 150, np.uint8)
    luminance = (2 * 100 * 150 + 6.5025) / (100**2 + 150**2 + 6.5025)
    assert ssim(a, b) == pytest.approx(luminance, abs=1e-9)
    assert ms_ssim(a, b) == pytest.approx(luminance**0.1333, abs=1e-9)


def test_one_window_by_the_papers_formula() -> None:
    a, b = noisy(11, 11)
    expected = np.mean([one_window(a[..., c], b[..., c]) for c in range(3)])
    assert ssim(a, b) == pytest.approx(expected, abs=1e-9)
    assert ssim(a[..., 0], b[..., 0]) == pytest.approx(one_window(a[..., 0], b[..., 0]), abs=1e-9)


def test_every_place_counts_once() -> None:
    """Sides beyond a block of rows and columns, and no multiples of it."""
    a, b = (picture[..., :1] for picture in noisy(64 + 10 + 7, 2 * 64 + 10 + 3))
    places = [(i, j) for i in range(71) for j in range(131)]
    expected = np.mean([one_window(a[i : i + 11, j : j + 11, 0], b[i : i + 11, j : j + 11, 0]) for i, j in places])
    assert ssim(a, b) == pytest.approx(expected, abs=1e-9)


def test_a_negative_is_not_similar() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (176, 176, 3), dtype=np.uint8)
    assert ssim(noise, 255 - noise) < -0.9
    assert ms_ssim(noise, 255 - noise) == 0.0


@pytest.mark.parametrize("shape", [(161, 161), (176, 240), (163, 333), (301, 200)])
def test_the_package_computes_the_same(shape: tuple[int, int]) -> None:
    package = pytest.importorskip("pytorch_msssim")
    torch = pytest.importorskip("torch")
    a, b = noisy(*shape)
    x, y = (torch.from_numpy(picture).permute(2, 0, 1)[None].double() for picture in (a, b))
    window = torch.from_numpy(np.exp(-((np.arange(11) - 5) ** 2) / 4.5)).reshape(1, 1, 1, 11)
    exact = {"data_range": 255, "win": (window / window.sum()).repeat(3, 1, 1, 1)}  # its own window is of float32
    for given, tolerance in ((exact, 1e-9), ({"data_range": 255}, 1e-4)):
        assert ssim(a, b) == pytest.approx(float(package.ssim(x, y, **given)), abs=tolerance)
        assert ms_ssim(a, b) == pytest.approx(float(package.ms_ssim(x, y, **given)), abs=tolerance)


def test_sides_that_are_too_small() -> None:
    for metric, side in ((ssim, 11), (ms_ssim, 161)):
        for shape in ((side - 1, 200, 3), (200, side - 1, 3), (side - 1, 200)):
            with pytest.raises(BadInput, match=f"side below {side} pixels"):
                metric(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))
        assert metric(np.zeros((side, 170), np.uint8), np.zeros((side, 170), np.uint8)) == 1.0


def test_pictures_of_unlike_kinds() -> None:
    for metric in (ssim, ms_ssim):
        for other in (np.zeros((170, 171, 3), np.uint8), np.zeros((170, 170, 3))):
            with pytest.raises(BadInput):
                metric(np.zeros((170, 170, 3), np.uint8), other)
