"""Fidelity of two uint8 pictures: PSNR, SSIM (Wang et al. 2004) and MS-SSIM (Wang et al. 2003).

SSIM compares luminance, contrast and structure under a Gaussian window of 11x11 samples, sigma 1.5, with K1 = 0.01,
K2 = 0.03 and a peak of 255, at every place where the whole window lies within the picture. MS-SSIM takes the contrast
and structure of four scales, each half the one before, and all three of a fifth. Both are means over the channels, of
RGB as it is, as pytorch_msssim and compressai compute them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sccodec.errors import BadInput

WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MS_SSIM_SIDE = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1
"""The least side of a picture for MS-SSIM: the window must fit into it at the fifth scale."""
BLOCK = 64  # rows and columns that are filtered at once: they stay in the cache


def mse(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """The mean squared difference of two uint8 arrays of one shape; BadInput otherwise."""
    check_pair(a, b)
    difference = a.astype(np.int32) - b
    return float(np.mean(difference * difference, dtype=np.float64))


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over all channels of two uint8 pictures; infinite for equal ones."""
    error = mse(a, b)
    return 10 * math.log10(255**2 / error) if error > 0 else math.inf


def ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """The structural similarity of two uint8 pictures [H, W] or [H, W, C], -1 to 1; BadInput for sides below 11."""
    pairs = zip(*planes(a, b, WINDOW), strict=True)
    return float(np.mean([similarity(x, y)[0] for x, y in pairs]))


def ms_ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """The multi-scale structural similarity of two such pictures, 0 to 1; BadInput for sides below 161.

    Where a channel's mean at a scale is negative, 0 stands for it.
    """
    xs, ys = planes(a, b, MS_SSIM_SIDE)
    product = np.ones(len(xs))
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale > 0:
            xs, ys = halved(xs), halved(ys)
        whole, without_luminance = np.array([similarity(x, y) for x, y in zip(xs, ys, strict=True)]).T
        means = whole if scale == len(SCALE_WEIGHTS) - 1 else without_luminance
        product *= np.maximum(means, 0) ** weight
    return float(product.mean())


def check_pair(a: NDArray[Any], b: NDArray[Any]) -> None:
    """Raise BadInput for anything but two uint8 arrays of one shape that are not empty."""
    if a.shape != b.shape or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise BadInput(f"cannot compare {a.shape} {a.dtype} with {b.shape} {b.dtype}: uint8 of one shape needed")
    if a.size == 0:
        raise BadInput("cannot compare empty pictures")


def planes(a: NDArray[np.uint8], b: NDArray[np.uint8], least: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two pictures [H, W] or [H, W, C] as [C, H, W]; raises BadInput where they differ in kind or a side is < least."""
    check_pair(a, b)
    if a.ndim in (2, 3) and min(a.shape[:2]) < least:
        raise BadInput(f"the picture has a side below {least} pixels")  # without its size: many have one reason
    if a.ndim not in (2, 3):
        raise BadInput(f"cannot compare pictures of shape {a.shape}: [H, W] or [H, W, C] needed")
    x, y = (picture.reshape(*picture.shape[:2], -1).transpose(2, 0, 1) for picture in (a, b))
    return x, y


def similarity(x: NDArray[Any], y: NDArray[Any]) -> tuple[float, float]:
    """Means over all places of one channel [H, W], 0..255: of the whole SSIM, and without its luminance term.

    The window goes over s = x + y and d = x - y. With mean and variance of those under it,

        luminance           (mean_s^2 - mean_d^2 + 2 C1) / (mean_s^2 + mean_d^2 + 2 C1)
        contrast, structure (var_s - var_d + 2 C2) / (var_s + var_d + 2 C2)

    which is the usual 2 mean_x mean_y + C1 over mean_x^2 + mean_y^2 + C1, and so on, in four filterings and not five.
    """
    rows, columns = x.shape[0] - WINDOW + 1, x.shape[1] - WINDOW + 1
    band = window_matrix()
    totals = np.zeros(2)
    for top in range(0, rows, BLOCK):
        n = min(BLOCK, rows - top)
        p, q = (plane[top : top + n + WINDOW - 1].astype(np.float64) for plane in (x, y))
        s, d = p + q, p - q
        down = band[:n, : n + WINDOW - 1] @ np.stack([s, d, s * s, d * d])  # [4, n, W]
        across = np.empty((4, n, columns))
        for left in range(0, columns, BLOCK):
            m = min(BLOCK, columns - left)
            across[..., left : left + m] = down[..., left : left + m + WINDOW - 1] @ band[:m, : m + WINDOW - 1].T
        mean_s2, mean_d2 = across[0] ** 2, across[1] ** 2
        var_s, var_d = across[2] - mean_s2, across[3] - mean_d2
        structure = (var_s - var_d + 2 * C2) / (var_s + var_d + 2 * C2)
        luminance = (mean_s2 - mean_d2 + 2 * C1) / (mean_s2 + mean_d2 + 2 * C1)
        totals += (luminance * structure).sum(), structure.sum()
    whole, without_luminance = totals / (rows * columns)
    return float(whole), float(without_luminance)


def window_matrix() -> NDArray[np.float64]:
    """The window as a matrix [BLOCK, BLOCK + 10] that filters so many samples; its upper left filters fewer."""
    taps = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    band = np.zeros((BLOCK, BLOCK + WINDOW - 1))
    for i, tap in enumerate(taps / taps.sum()):
        band[np.arange(BLOCK), np.arange(BLOCK) + i] = tap
    return band


def halved(x: NDArray[Any]) -> NDArray[np.float32]:
    """Means of 2x2 samples of [C, H, W]. An odd side has a zero before it, as the packages named above have it."""
    _, height, width = x.shape
    padded = np.pad(x, ((0, 0), (height % 2, 0), (width % 2, 0))).astype(np.float32)
    rows = padded[:, ::2] + padded[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4, np.float32)  # exact: 8 bits and 10 more at most
