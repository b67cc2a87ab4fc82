"""The curves as a PNG: a panel a metric, a row of panels a data set. Needs matplotlib."""

from __future__ import annotations

import importlib.util
import io
import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sccodec.errors import BadInput, CodecUnavailable
from sccodec.metrics.table import METRICS
from sccodec.report.curves import Group, curve, shared
from sccodec.report.results import encodable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INSTALL = 'pip install "sccodec[report]"'
COLOURS = ("#0a6ebd", "#d1480b", "#12834f", "#a8318f", "#8a6d00", "#5b4bc4", "#c2185b", "#00808a", "#6b4a2b", "#55606e")
MARKERS = ("o", "s", "^", "D", "v")


def png(title: str, groups: Sequence[Group], metrics: Sequence[str], *, log: bool) -> bytes:
    """The figure; raises CodecUnavailable without matplotlib, BadInput where there is nothing to draw."""
    drawn = [g for g in groups if any(m in g.metrics for m in metrics)]
    columns = [m for m in metrics if any(m in g.metrics for g in drawn)]
    if available() and not (drawn and columns):
        raise BadInput(f"no row has {' or '.join(METRICS[m].label for m in metrics)}: there is nothing to draw")
    draw = [partial(panel, group=group, metric=metric, log=log) for group in drawn for metric in columns]
    return panels(title, len(drawn), len(columns), draw)


def available() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def panels(title: str, n_rows: int, n_columns: int, draw: Sequence[Callable[[Axes], None]]) -> bytes:
    """A figure of panels, row by row, each drawn by a function; raises CodecUnavailable without matplotlib."""
    if not available():
        raise CodecUnavailable(f"a plot needs the package matplotlib: {INSTALL}")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.5 + 6 * n_columns, 4.8 * n_rows), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(literal(title), fontsize=11)
    places = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, each in zip(places, draw, strict=False):
        each(axes)
    for axes in places[len(draw) :]:
        axes.remove()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of characters that the font lacks: boxes stand for them
        figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def panel(axes: Axes, group: Group, metric: str, *, log: bool) -> None:
    found = METRICS[metric]
    pictures = shared(group.series, metric)
    for i, series in enumerate(group.series):
        points = [(m.bpp, shown(metric, m.figures[metric])) for m in curve(series, metric, pictures)]
        line(axes, points, i, literal(series.name))
    for i, reference in enumerate(group.references, len(group.series)):
        points = [(p["bpp"], shown(metric, p[metric])) for p in reference.points if metric in p]
        line(axes, points, i, literal(f"{reference.name} (published)"), published=True)
    if log:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(left=0)
    axes.set_xlabel("bits per pixel (whole files)")
    unit = ", −10 log10(1 − x), dB" if found.as_decibels else f", {found.unit}" if found.unit else ""
    axes.set_ylabel(found.label + unit + ("" if found.rising else " (lower is better)"))
    axes.set_title(literal(f"{group.dataset}, mean of {len(pictures)} pictures"), fontsize=10)
    axes.grid(color="#dddddd", linewidth=0.6)
    if axes.lines:
        axes.legend(fontsize=8)


def line(axes: Axes, points: Sequence[tuple[float, float]], index: int, label: str, *, published: bool = False) -> None:
    drawn = [p for p in points if math.isfinite(p[1])]
    if drawn:
        x, y = zip(*drawn, strict=True)
        marker = MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]
        dashes, fill = ("--", "none") if published else ("-", "full")
        (drawing,) = axes.plot(x, y, color=COLOURS[index % len(COLOURS)], linewidth=1.5, linestyle=dashes, label=label)
        drawing.set(marker=marker, markersize=4.5, fillstyle=fill)


def shown(metric: str, value: float) -> float:
    """The value as it is drawn: in decibels where it is compared so, otherwise itself."""
    return METRICS[metric].scaled(value) if METRICS[metric].as_decibels else value


def literal(text: str) -> str:
    """The text with nothing that matplotlib takes for a formula, or a label to hide."""
    plain = " ".join(encodable(text).split()).replace("$", r"\$")
    return "\u200b" + plain if plain.startswith("_") else plain
