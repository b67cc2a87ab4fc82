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

from sccodec.errors import CodecUnavailable

INSTALL = 'pip install "sccodec[report]"'

Curve = Sequence[tuple[float, float]]
"""Pairs of rate (bits per pixel, above 0) and quality (higher is better)."""


@dataclass(frozen=True)
class Figures:
    """rate_percent: how much more rate the tested curve takes (negative: less) at qualities from low to high.

    gain: how much more quality it has at rates from rate_low to rate_high. Each is None where the curves have no
    such range in common, and `reason` says why where both are. n_points: of anchor and tested curve, as used.
    """

    rate_percent: float | None = None
    low: float | None = None
    high: float | None = None
    gain: float | None = None
    rate_low: float | None = None
    rate_high: float | None = None
    n_points: tuple[int, int] = (0, 0)
    reason: str = ""


def available() -> bool:
    """Whether the package is installed."""
    return importlib.util.find_spec("bjontegaard") is not None


def compare(anchor: Curve, tested: Curve) -> Figures:
    """The figures of a curve against an anchor; raises CodecUnavailable without the package."""
    if not available():
        raise CodecUnavailable(f"Bjontegaard figures need the package bjontegaard: {INSTALL}")
    import bjontegaard

    a, t = rising(anchor), rising(tested)
    n_points = len(a), len(t)
    if min(n_points) < 2:
        return Figures(n_points=n_points, reason="a curve needs two points that rise")
    (a_rate, a_quality), (t_rate, t_quality) = zip(*a, strict=True), zip(*t, strict=True)
    low, high = max(a_quality[0], t_quality[0]), min(a_quality[-1], t_quality[-1])
    rate_low, rate_high = max(a_rate[0], t_rate[0]), min(a_rate[-1], t_rate[-1])
    arguments = (a_rate, a_quality, t_rate, t_quality)
    percent = gain = None
    if low < high:
        percent = float(bjontegaard.bd_rate(*arguments, method="pchip", require_matching_points=False, min_overlap=0))
    if rate_low < rate_high:
        gain = float(bjontegaard.bd_psnr(*arguments, method="pchip", require_matching_points=False, min_overlap=0))
    return Figures(
        rate_percent=percent,
        low=None if percent is None else low,
        high=None if percent is None else high,
        gain=gain,
        rate_low=None if gain is None else rate_low,
        rate_high=None if gain is None else rate_high,
        n_points=n_points,
        reason="the curves share no range" if percent is None and gain is None else "",
    )


def rising(curve: Curve) -> list[tuple[float, float]]:
    """The points that none other beats, by rising rate: rate and quality both rise strictly."""
    kept: list[tuple[float, float]] = []
    for rate, quality in sorted(curve, key=lambda p: (p[0], -p[1])):
        usable = rate > 0 and math.isfinite(rate) and math.isfinite(quality)
        if usable and (not kept or (quality > kept[-1][1] and rate > kept[-1][0])):
            kept.append((rate, quality))
    return kept
