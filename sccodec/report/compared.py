"""Every codec of a data set against every other: Bjontegaard figures, each over the pictures that the two share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS
from sccodec.report import bdrate
from sccodec.report.bdrate import Figures
from sccodec.report.curves import Group, Reference, Series, curve, shared

ANCHORS = ("bpg", "jpeg")
"""Codecs that are the anchor where none is named, the first that there is."""


@dataclass(frozen=True)
class Cell:
    """One codec against an anchor. n_pictures: of the means; None where both curves are published."""

    figures: Figures
    n_pictures: int | None


@dataclass(frozen=True)
class Spread:
    """The rate of a codec against an anchor picture by picture, in percent, as Figures.rate_percent.

    median, and the quartiles low and high; n_pictures: of these; n_without: pictures of both codecs whose curves share
    no range.
    """

    median: float
    low: float
    high: float
    n_pictures: int
    n_without: int


class Comparisons:
    """The comparisons of a data set; members are numbered, codecs first, published curves behind them."""

    def __init__(self, group: Group) -> None:
        self.members: list[Series | Reference] = [*group.series, *group.references]
        self._curves: dict[tuple[int, str, frozenset[str]], list[tuple[float, float]]] = {}

    def anchor(self, name: str) -> int:
        """The index of the codec of that name or base; where it is not there, of the usual anchor, or of the first."""
        for wanted in (name, *ANCHORS):
            for i, member in enumerate(self.members):
                if member.name == wanted or (isinstance(member, Series) and member.base == wanted):
                    return i
        return 0

    def table(self, metric: str) -> Mapping[int, Mapping[int, Cell]]:
        """anchor -> tested -> figures, for all pairs of members that have the metric."""
        having = [i for i, member in enumerate(self.members) if has(member, metric)]
        return {a: {t: self.cell(a, t, metric) for t in having if t != a} for a in having}

    def cell(self, anchor: int, tested: int, metric: str) -> Cell:
        pair = [self.members[anchor], self.members[tested]]
        own = [member for member in pair if isinstance(member, Series)]
        pictures = shared(own, metric)
        if own and not pictures:
            return Cell(Figures(reason="no picture in common"), 0)
        figures = bdrate.compare(*(self.curve(i, metric, pictures) for i in (anchor, tested)))
        return Cell(figures, len(pictures) if own else None)

    def spread(self, anchor: int, tested: int, metric: str) -> Spread | None:
        """How the rate against the anchor differs from picture to picture; None for published curves, and for none."""
        pair = [self.members[anchor], self.members[tested]]
        own = [member for member in pair if isinstance(member, Series)]
        if len(own) < 2:
            return None
        rates = []
        pictures = shared(own, metric)
        for picture in sorted(pictures):
            a, t = (self.curve(i, metric, frozenset({picture})) for i in (anchor, tested))
            rates.append(bdrate.rate_percent(a, t))
        found = [rate for rate in rates if rate is not None]
        if not found:
            return None
        low, median, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
        return Spread(median, low, high, len(found), len(pictures) - len(found))

    def curve(self, index: int, metric: str, pictures: frozenset[str]) -> list[tuple[float, float]]:
        """Rate and quality, on the scale on which curves are compared."""
        key = index, metric, pictures
        if key not in self._curves:
            member, scaled = self.members[index], METRICS[metric].scaled
            if isinstance(member, Reference):
                self._curves[key] = [(p["bpp"], scaled(p[metric])) for p in member.points if metric in p]
            else:
                self._curves[key] = [(m.bpp, scaled(m.figures[metric])) for m in curve(member, metric, pictures)]
        return self._curves[key]


def check_anchor(groups: Sequence[Group], name: str) -> None:
    """Raise BadInput, which lists the known, for an anchor that no data set has; "" leaves the choice open."""
    series = [s for g in groups for s in g.series]
    references = [r.name for g in groups for r in g.references]
    known = [*(s.name for s in series), *(s.base for s in series), *references]
    if name and name not in known:
        raise BadInput(f"no curve is named {name!r}; there are: {', '.join(dict.fromkeys(known))}")


def has(member: Series | Reference, metric: str) -> bool:
    if isinstance(member, Reference):
        return any(metric in p for p in member.points)
    return bool(member.measured(metric))
