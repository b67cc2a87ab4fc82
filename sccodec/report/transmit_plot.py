"""The figures of links as a PNG: a panel a figure. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS
from sccodec.report import plot
from sccodec.report.transmit_figures import Figure
from sccodec.report.transmit_page import looks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_COLUMNS = 3


def png(title: str, figures: Sequence[Figure]) -> bytes:
    """The figures; raises CodecUnavailable without matplotlib, BadInput where there are none."""
    if not figures:
        raise BadInput("no figure has two points of one line: there is nothing to draw")
    looks = looks_of(figures)
    columns = min(MOST_COLUMNS, len(figures))
    draw = [partial(panel, figure=figure, looks=looks) for figure in figures]
    return plot.panels(title, -(-len(figures) // columns), columns, draw)


def panel(axes: Axes, figure: Figure, looks: dict[str, int]) -> None:
    for line in figure.lines:
        published = line.is_published
        plot.line(axes, list(line.points.items()), looks[line.name], plot.literal(line.name), published=published)
    if not figure.is_over_snr:
        axes.set_xscale("log")
        axes.set_xticks(list(figure.ticks), list(figure.ticks.values()), fontsize=8)
        axes.minorticks_off()
    found = METRICS[figure.metric]
    axes.set_xlabel(figure.x_title)
    axes.set_ylabel(found.title + ("" if found.rising else " (lower is better)"))
    axes.set_title(plot.literal(f"{figure.title}; {figure.dataset}, {figure.n_pictures} pictures"), fontsize=9)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.legend(fontsize=7)
