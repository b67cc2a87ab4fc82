"""Lines as an SVG that stands in a page by itself: no script draws it. Styles are those of page.css."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 900, 420
LEFT, RIGHT, TOP, BOTTOM = 58, 884, 16, 372
"""Of the frame within it."""
COLOURS = 10
SHAPES = (
    "M-3.6 0A3.6 3.6 0 1 0 3.6 0A3.6 3.6 0 1 0-3.6 0Z", "M-3.2-3.2H3.2V3.2H-3.2Z", "M0-4L3.9 3H-3.9Z",
    "M0-4.4L4.4 0L0 4.4L-4.4 0Z", "M0 4L3.9-3H-3.9Z",
)  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """Points by rising x. look: a number, which gives colour and marks; dashed: with marks that are not filled."""

    name: str
    points: Sequence[tuple[float, float]]
    look: int
    dashed: bool = False


@dataclass(frozen=True)
class Axes:
    """x_texts: the ticks, and what stands there. log: whether x is logarithmic. y_text: of a tick's value."""

    x_title: str
    y_title: str
    x_texts: Mapping[float, str]
    log: bool = False
    y_text: Callable[[float], str] = "{:g}".format


def chart(axes: Axes, curves: Sequence[Curve]) -> str:
    """HTML: the chart, and a list of what its lines are."""
    xs = [x for curve in curves for x, _ in curve.points] + list(axes.x_texts)
    ys = [y for curve in curves for _, y in curve.points]
    along, up = scale(xs, LEFT + 14, RIGHT - 14, log=axes.log), scale(ys, BOTTOM - 14, TOP + 14)
    parts = []
    for x, said in shown(axes.x_texts, along).items():
        parts.append(f'<line class="grid" x1="{along(x):.1f}" x2="{along(x):.1f}" y1="{TOP}" y2="{BOTTOM}"/>')
        parts.append(f'<text x="{along(x):.1f}" y="{BOTTOM + 18}" text-anchor="middle">{html.escape(said)}</text>')
    for y in ticks(min(ys), max(ys)):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}"/>')
        parts.append(f'<text x="{LEFT - 7}" y="{up(y) + 4:.1f}" text-anchor="end">{axes.y_text(y)}</text>')
    parts.append(f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" height="{BOTTOM - TOP}"/>')
    middle = f'x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 10}"'
    parts.append(f'<text class="axis-title" {middle} text-anchor="middle">{html.escape(axes.x_title)}</text>')
    turned = f'transform="translate(15 {(TOP + BOTTOM) / 2}) rotate(-90)"'
    parts.append(f'<text class="axis-title" {turned} text-anchor="middle">{html.escape(axes.y_title)}</text>')
    parts += [drawn(curve, along, up) for curve in curves]
    label = html.escape(f"{axes.y_title} over {axes.x_title}")
    picture = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    return f'<div class="chart">{picture}</div>{legend(curves)}'


def drawn(curve: Curve, along: Callable[[float], float], up: Callable[[float], float]) -> str:
    places = [(along(x), up(y)) for x, y in curve.points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    joined = f'<path class="curve" d="{path}"/>' if places[1:] else ""
    shape = SHAPES[curve.look % len(SHAPES)]
    marks = "".join(f'<path class="mark" d="{shape}" transform="translate({x:.1f} {y:.1f})"/>' for x, y in places)
    return f'<g class="{look(curve)}"><title>{html.escape(curve.name)}</title>{joined}{marks}</g>'


def legend(curves: Sequence[Curve]) -> str:
    items = []
    for curve in curves:
        drawing = f'<path class="curve" d="M-13 0H13"/><path class="mark" d="{SHAPES[curve.look % len(SHAPES)]}"/>'
        swatch = f'<svg width="26" height="14" viewBox="-13 -7 26 14" class="swatch" aria-hidden="true"><g class="{look(curve)}">{drawing}</g></svg>'  # noqa: E501
        items.append(f"<li>{swatch}{html.escape(curve.name)}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>'


def look(curve: Curve) -> str:
    return f"c{curve.look % COLOURS}" + " published" * curve.dashed


def scale(values: Sequence[float], first: float, last: float, *, log: bool = False) -> Callable[[float], float]:
    """From values to places, of which the least is at first, and the largest at last."""
    of: Callable[[float], float] = math.log if log else float
    low, high = of(min(values)), of(max(values))
    if high - low < 1e-9:
        return lambda value: (first + last) / 2
    return lambda value: first + (of(value) - low) / (high - low) * (last - first)


def shown(texts: Mapping[float, str], along: Callable[[float], float]) -> dict[float, str]:
    """Those of the ticks that have room beside one another."""
    found: dict[float, str] = {}
    for x, said in sorted(texts.items()):
        if not found or along(x) - along(max(found)) >= 12 + 7 * len(said):
            found[x] = said
    return found


def ticks(low: float, high: float) -> list[float]:
    """Round values between two, about six."""
    rough = (high - low) / 6 or abs(high) / 6 or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.99)
    first = math.ceil(low / step - 1e-9)
    found = [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]
    return found or [low]
