"""Every metric that there is, once: its name, how it is shown, which way is better, what it needs, what computes it.

A new one is an entry of METRICS, and a function that imports what computes it: nothing else has to be told about it.
Importing this imports neither numpy nor torch.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Compare = Callable[[NDArray[np.uint8], NDArray[np.uint8]], float]
    """The value of a decoded picture against its original, the first; both uint8 [H, W, 3]. BadInput: it has none."""


def nothing() -> str:
    """Why a metric cannot be computed here, for one that needs nothing that may be missing."""
    return ""


class Metric(NamedTuple):
    """A figure of merit.

    unit, digits: as it is shown. rising: higher is better. as_decibels: it is compared as -10 log10(1 - x). brief: it
    is among the few that stand where there is little room. learned: a network in torch computes it.
    column: what it is called over a column of a narrow table, "" where it has none there; of several of one name the
    first that was measured has it. seconds: that two cores take for a megapixel, about.
    published: its names in the results of compressai, that under which it is written first.
    compare: imports what computes it, for a device. missing: why that cannot be done here, "" where it can; it imports
    no torch. foreign: its name in webmproject's codec-compare, and what that says of it.
    """

    key: str
    label: str
    unit: str
    digits: int
    compare: Callable[[str], Compare]
    foreign: tuple[str, str]
    missing: Callable[[], str] = nothing
    rising: bool = True
    as_decibels: bool = False
    brief: bool = False
    learned: bool = False
    column: str = ""
    seconds: float = 0.4
    published: tuple[str, ...] = ()

    def scaled(self, value: float) -> float:
        """The value on the scale on which curves are compared; higher is better; inf for a perfect one."""
        if self.as_decibels:
            return math.inf if value >= 1 else -10 * math.log10(1 - value)
        return value if self.rising else -value

    def unscaled(self, value: float) -> float:
        """The value of one on the scale on which curves are compared."""
        if self.as_decibels:
            return float(1 - 10 ** (-value / 10))
        return value if self.rising else -value

    @property
    def title(self) -> str:
        """Its name over a column of numbers: "PSNR, dB"."""
        return self.label + (f", {self.unit}" if self.unit else "")

    def number(self, value: float | None) -> str:
        """The number alone, a dash for none."""
        return "–" if value is None else f"{value:.{self.digits}f}"

    def quantity(self, value: float) -> str:
        """The number and its unit: "30.12 dB"."""
        return self.number(value) + (f" {self.unit}" if self.unit else "")


def psnr(device: str) -> Compare:
    from sccodec.metrics.image import psnr

    return psnr


def ssim(device: str) -> Compare:
    from sccodec.metrics.image import ssim

    return ssim


def ms_ssim(device: str) -> Compare:
    from sccodec.metrics.image import ms_ssim

    return ms_ssim


def lpips(trunk: str, device: str) -> Compare:
    from sccodec.metrics.perceptual import Distance

    return Distance(trunk, device)


def lpips_missing(trunk: str) -> str:
    from sccodec.errors import BadInput
    from sccodec.metrics.weights import find_weights

    if importlib.util.find_spec("torch") is None:
        return 'needs torch: pip install "sccodec[metrics]"'
    try:
        find_weights(trunk)
    except BadInput as error:
        return str(error) if os.environ.get("SCCODEC_LPIPS") else "needs its weights: `sccodec data fetch lpips`"
    return ""


def lpips_metric(trunk: str, key: str, label: str, seconds: float, foreign: tuple[str, str]) -> Metric:
    return Metric(
        key,
        label,
        "",
        4,
        partial(lpips, trunk),
        foreign,
        missing=partial(lpips_missing, trunk),
        rising=False,
        learned=True,
        column="LPIPS",
        seconds=seconds,
    )


METRICS: Mapping[str, Metric] = {
    m.key: m
    for m in (
        Metric("psnr", "PSNR", "dB", 2, psnr, brief=True, column="PSNR", seconds=0.05, published=("psnr-rgb", "psnr"),
               foreign=("psnr", "Peak signal-to-noise ratio over all RGB samples, in dB")),
        Metric("ssim", "SSIM", "", 4, ssim, as_decibels=True, published=("ssim-rgb", "ssim"),
               foreign=("ssim", "Structural similarity")),
        Metric("ms_ssim", "MS-SSIM", "", 4, ms_ssim, as_decibels=True, brief=True, column="MS-SSIM",
               published=("ms-ssim-rgb", "ms-ssim"),
               foreign=("msssim", "Multi-scale structural similarity")),
        lpips_metric("alex", "lpips_alex_v0.1", "LPIPS (AlexNet)", 1.0,
                     ("lpips", "Learned perceptual image patch similarity, v0.1, AlexNet")),
        lpips_metric("vgg", "lpips_vgg_v0.1", "LPIPS (VGG)", 8.0,
                     ("lpips_vgg", "Learned perceptual image patch similarity, v0.1, VGG16")),
    )
}  # fmt: skip
"""By name, in the order in which they are shown; the first is the one that is shown where none is asked for."""

BRIEF = tuple(m.key for m in METRICS.values() if m.brief)
DEFAULT = next(iter(METRICS))


def any_learned(names: Iterable[str]) -> bool:
    """Whether one of the metrics runs a network, in torch."""
    return any(METRICS[name].learned for name in names)
