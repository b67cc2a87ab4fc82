"""Figures of links: quality over the SNR at one ratio, and over the ratio at one SNR, with published points.

A line is a setting whose transmitter knows the channel's SNR; what was sent for another SNR is a line of its own, which
begins where the two are equal: sent for 10 dB, over channels of any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sccodec.bench.transmit_rows import AWGN
from sccodec.metrics.table import METRICS
from sccodec.report import transmit_reference
from sccodec.report.transmissions import Group, Point, Setting
from sccodec.report.transmit_reference import Published

RATIO_TOLERANCE, SNR_TOLERANCE = 0.01, 0.05
"""How far, relatively and in dB, published points may be from what a figure is at."""


Names = Mapping[tuple[str, str], str]
"""Of published methods, by name and source."""


@dataclass(frozen=True)
class Line:
    """x -> value. x: an SNR in dB, or k over 3 H W."""

    name: str
    points: Mapping[float, float]
    is_published: bool = False


@dataclass(frozen=True)
class Figure:
    """One metric over SNR, at a ratio, or over the ratio, at an SNR. n_pictures: that the means are over."""

    dataset: str
    channel: str
    metric: str
    lines: Sequence[Line]
    n_pictures: int
    ratio: Fraction | None = None
    snr: float | None = None

    @property
    def is_over_snr(self) -> bool:
        return self.ratio is not None

    @property
    def title(self) -> str:
        over = "SNR" if self.is_over_snr else "the ratio"
        at = f"k/n = {self.ratio}" if self.is_over_snr else f"{self.snr:g} dB"
        return f"{METRICS[self.metric].label} over {over} at {at}" + (f", {self.channel}" * (self.channel != AWGN))

    @property
    def x_title(self) -> str:
        return "SNR of the channel (Es/N0), dB" if self.is_over_snr else "k/n, complex channel uses a source sample"

    @property
    def xs(self) -> list[float]:
        """Every x at which something was measured, rising."""
        return sorted({x for line in self.lines if not line.is_published for x in line.points})

    @property
    def ticks(self) -> dict[float, str]:
        """What stands at the axis: where something was measured, and at both ends."""
        every = [x for line in self.lines for x in line.points]
        return {x: self.x_text(x) for x in sorted({*self.xs, min(every), max(every)})}

    def x_text(self, x: float) -> str:
        """An x as a person writes it: "10", "1/24"."""
        return f"{x:g}" if self.is_over_snr else ratio_text(x)


def ratio_text(ratio: float) -> str:
    """A ratio as a fraction, where it is a simple one: "1/24", "0.0562"."""
    found = Fraction(ratio).limit_denominator(1000)
    simple = found.numerator == 1 or found.denominator <= 64
    return str(found) if simple and abs(float(found) - ratio) <= 1e-9 else f"{ratio:.4g}"


def figures(group: Group, published: Sequence[Published], metrics: Sequence[str]) -> list[Figure]:
    """The figures of a data set: of each channel and metric those over SNR, then those over the ratio.

    Those in which nothing measured could be a line, not beside published points either, are left out.
    """
    found = []
    own = [one for one in published if transmit_reference.is_of(one, group.dataset)]
    names = names_of(own)
    for channel in group.channels():
        settings = [setting for setting in group.settings if setting.channel == channel]
        beside = [one for one in own if transmit_reference.is_over(one, channel)]
        points = [point for setting in settings for point in setting.points if group.is_whole(point)]
        for metric in metrics:
            n_pictures = len(group.having.get(metric, frozenset()))
            for ratio in sorted({point.ratio for point in points}):
                lines = over_snr(group, settings, metric, ratio) + published_over_snr(beside, names, metric, ratio)
                found.append(Figure(group.dataset, channel, metric, lines, n_pictures, ratio=ratio))
            for snr in sorted({point.snr for point in points}):
                lines = over_ratio(group, settings, metric, snr)
                lines += published_over_ratio(beside, names, metric, snr, [float(p.ratio) for p in points])
                found.append(Figure(group.dataset, channel, metric, lines, n_pictures, snr=snr))
    return [figure for figure in found if is_worth_it(figure)]


def is_worth_it(figure: Figure) -> bool:
    measured = [line for line in figure.lines if not line.is_published]
    return bool(measured) and any(len(line.points) > 1 for line in figure.lines)


def over_snr(group: Group, settings: Sequence[Setting], metric: str, ratio: Fraction) -> list[Line]:
    """A line for each setting, and for each SNR that its transmitter went by."""
    found = []
    for setting in settings:
        points = [p for p in setting.points if p.ratio == ratio and group.is_whole(p)]
        assumed = sorted({p.transmitter_snr for p in points if not p.is_matched})
        matched = [p for p in points if p.is_matched]
        if not (assumed and len(matched) == 1 and matched[0].snr in assumed):  # it begins a line of those
            found.append(line(group, setting.name, matched, metric, lambda p: p.snr))
        for snr in assumed:
            own = [p for p in points if p.transmitter_snr == snr]
            found.append(line(group, sent_for(setting.name, snr), own, metric, lambda p: p.snr))
    return [one for one in found if one.points]


def over_ratio(group: Group, settings: Sequence[Setting], metric: str, snr: float) -> list[Line]:
    """The same over ratios, at an SNR of the channel."""
    found = []
    for setting in settings:
        points = [p for p in setting.points if p.snr == snr and group.is_whole(p)]
        found.append(line(group, setting.name, [p for p in points if p.is_matched], metric, lambda p: float(p.ratio)))
        for assumed in sorted({p.transmitter_snr for p in points if not p.is_matched}):
            own = [p for p in points if p.transmitter_snr == assumed]
            found.append(line(group, sent_for(setting.name, assumed), own, metric, lambda p: float(p.ratio)))
    return [one for one in found if one.points]


def sent_for(name: str, snr: float) -> str:
    return f"{name}, sent for {snr:g} dB"


def line(group: Group, name: str, points: Iterable[Point], metric: str, place: Callable[[Point], float]) -> Line:
    values = {place(point): group.mean(point, metric) for point in points}
    return Line(name, {x: value for x, value in sorted(values.items()) if value is not None})


def published_over_snr(published: Sequence[Published], names: Names, metric: str, ratio: Fraction) -> list[Line]:
    near = [one for one in published if abs(one.ratio - ratio) <= RATIO_TOLERANCE * ratio]
    return published_lines(near, names, metric, lambda one: one.snr)


def published_over_ratio(
    published: Sequence[Published], names: Names, metric: str, snr: float, measured: Sequence[float]
) -> list[Line]:
    """measured: ratios, at which published ones stand that differ by their rounding."""

    def place(one: Published) -> float:
        near = [ratio for ratio in measured if abs(one.ratio - ratio) <= RATIO_TOLERANCE * ratio]
        return min(near, key=lambda ratio: abs(one.ratio - ratio), default=one.ratio)

    near = [one for one in published if abs(one.snr - snr) <= SNR_TOLERANCE]
    return published_lines(near, names, metric, place)


def published_lines(
    published: Sequence[Published], names: Names, metric: str, place: Callable[[Published], float]
) -> list[Line]:
    """A line for each method, and for each of its sources where it has several."""
    found: dict[str, dict[float, float]] = {}
    for one in published:
        if metric in one.figures:
            found.setdefault(names[one.name, one.source], {})[place(one)] = one.figures[metric]
    return [Line(f"{name} (published)", dict(sorted(points.items())), True) for name, points in found.items()]


def names_of(published: Sequence[Published]) -> Names:
    """What methods are called, by name and source: those that several sources tell of are numbered."""
    by_name: dict[str, dict[str, int]] = {}
    for one in published:
        of_name = by_name.setdefault(one.name, {})
        of_name.setdefault(one.source, len(of_name) + 1)
    return {
        (name, source): name + (f", source {i}" if len(of_name) > 1 else "")
        for name, of_name in by_name.items()
        for source, i in of_name.items()
    }


def unplaced(published: Sequence[Published], groups: Sequence[Group]) -> list[Published]:
    """Points of data sets or channels that no row is of."""
    places = [(group.dataset, channel) for group in groups for channel in group.channels()]
    return [
        one
        for one in published
        if not any(transmit_reference.is_of(one, d) and transmit_reference.is_over(one, c) for d, c in places)
    ]
