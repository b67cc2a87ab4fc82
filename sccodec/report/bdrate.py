"""Bjontegaard figures: by how much one curve's rate differs at equal quality, and its quality at equal rate.

They are the package ``bjontegaard``'s, by PCHIP, over the range that both curves cover, which is told beside them.
Points that another point of the same curve beats (no more rate, no less quality) are left out: the figures ask for
curves that rise.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import cast

from sccodec.errors import CodecUnavailable

INSTALL = 'pip install "sccodec[report]"'

PCHIP = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}

Curve = Sequence[tuple[float, float]]
"""Pairs of rate (bits per pixel, above 0) and quality (higher is better)."""


@dataclass(frozen=True)
class Figures:
    """rate_percent: how much more rate the tested curve takes (negative: less) at qualities from low to high.

    gain: how much more quality it has at rates from rate_low to rate_high. Each is None where the curves have no
    such range in common, and `reason` says why where both are. n_points: of anchor and tested curve, as used;
    n_dropped: how many more they had, which another point beats or which are not finite.
    """

    rate_percent: float | None = None
    low: float | None = None
    high: float | None = None
    gain: float | None = None
    rate_low: float | None = None
    rate_high: float | None = None
    n_points: tuple[int, int] = (0, 0)
    n_dropped: tuple[int, int] = (0, 0)
    reason: str = ""


def available() -> bool:
    """Whether the package is installed."""
    return importlib.util.find_spec("bjontegaard") is not None


def compare(anchor: Curve, tested: Curve) -> Figures:
    """The figures of a curve against an anchor; raises CodecUnavailable without the package."""
    a, t = rising(anchor), rising(tested)
    n_points, n_dropped = (len(a), len(t)), (len(anchor) - len(a), len(tested) - len(t))
    if min(n_points) < 2:
        return Figures(n_points=n_points, n_dropped=n_dropped, reason="a curve needs two points that rise")
    rate_low, rate_high = max(a[0][0], t[0][0]), min(a[-1][0], t[-1][0])
    low, high = max(a[0][1], t[0][1]), min(a[-1][1], t[-1][1])
    percent = rate_percent(a, t)
    gain = float(package().bd_psnr(*columns(a, t), **PCHIP)) if rate_low < rate_high else None
    return Figures(
        rate_percent=percent,
        low=None if percent is None else low,
        high=None if percent is None else high,
        gain=gain,
        rate_low=None if gain is None else rate_low,
        rate_high=None if gain is None else rate_high,
        n_points=n_points,
        n_dropped=n_dropped,
        reason="the curves share no range" if percent is None and gain is None else "",
    )


def rate_percent(anchor: Curve, tested: Curve) -> float | None:
    """The rate alone, of any two curves; None where they share no range. Raises CodecUnavailable."""
    a, t = rising(anchor), rising(tested)
    if min(len(a), len(t)) < 2 or max(a[0][1], t[0][1]) >= min(a[-1][1], t[-1][1]):
        return None
    return float(package().bd_rate(*columns(a, t), **PCHIP))


def columns(*curves: Curve) -> list[tuple[float, ...]]:
    """Rates and qualities of each curve."""
    return [tuple(point[i] for point in curve) for curve in curves for i in (0, 1)]


def package() -> ModuleType:
    """bjontegaard; raises CodecUnavailable."""
    if not available():
        raise CodecUnavailable(f"Bjontegaard figures need the package bjontegaard: {INSTALL}")
    import bjontegaard

    return cast(ModuleType, bjontegaard)


def rising(curve: Curve) -> list[tuple[float, float]]:
    """The points that none other beats, by rising rate: rate and quality both rise strictly."""
    kept: list[tuple[float, float]] = []
    for rate, quality in sorted(curve, key=lambda p: (p[0], -p[1])):
        usable = rate > 0 and math.isfinite(rate) and math.isfinite(quality)
        if usable and (not kept or (quality > kept[-1][1] and rate > kept[-1][0])):
            kept.append((rate, quality))
    return kept
