"""Every metric that there is, once: its name, how it is shown, which way is better, and what it needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A figure of merit: `rising` where higher is better; `as_decibels` where it is compared as -10 log10(1 - x)."""

    key: str
    label: str
    unit: str
    digits: int
    rising: bool = True
    as_decibels: bool = False

    def scaled(self, value: float) -> float:
        """The value on the scale on which curves are compared; higher is better; inf for a perfect one."""
        if self.as_decibels:
            return math.inf if value >= 1 else -10 * math.log10(1 - value)
        return value if self.rising else -value


METRICS: Mapping[str, Metric] = {
    m.key: m
    for m in (
        Metric("psnr", "PSNR", "dB", 2),
        Metric("ssim", "SSIM", "", 4, as_decibels=True),
        Metric("ms_ssim", "MS-SSIM", "", 4, as_decibels=True),
        Metric("lpips_alex_v0.1", "LPIPS (AlexNet)", "", 4, rising=False),
        Metric("lpips_vgg_v0.1", "LPIPS (VGG)", "", 4, rising=False),
    )
}
"""By name, in the order in which they are shown."""


def is_learned(name: str) -> bool:
    """Whether a metric runs a network, in torch."""
    return name.startswith("lpips_")


def trunk_of(name: str) -> str:
    return name.split("_")[1]
