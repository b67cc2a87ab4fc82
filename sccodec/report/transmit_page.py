"""The report on links as one HTML page that opens from disk: charts, the tables behind them, and no script.

What rows and references hold is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from sccodec.metrics.table import METRICS
from sccodec.report import charts
from sccodec.report.shell import damaged, page, table
from sccodec.report.transmissions import Group, Results
from sccodec.report.transmit_figures import Figure
from sccodec.report.transmit_reference import Published, is_of
from sccodec.report.transmit_tables import (
    DEFINITIONS,
    PUBLISHED,
    basis,
    figure_table,
    points_table,
    published_table,
)
from sccodec.report.words import counted, footer, passed_over


def report(
    title: str, groups: Sequence[Group], results: Results, figures: Sequence[Figure], published: Sequence[Published]
) -> str:
    """The page."""
    sections = "\n".join(
        section(group, [f for f in figures if f.dataset == group.dataset], published) for group in groups
    )
    body = f"<main>\n{sections}{damaged(results.damaged)}\n</main>"
    return page(title, lead(groups, results), body, footer(results.rows, DEFINITIONS))


def lead(groups: Sequence[Group], results: Results) -> str:
    links = len({(s.spec, s.tag) for group in groups for s in group.settings})
    pictures = sum(len(group.pictures) for group in groups)
    sent = counted(len(results.rows), "transmission")
    return f"{sent} of {counted(pictures, 'picture')} by {counted(links, 'link')}.{passed_over(results)}"


def section(group: Group, figures: Sequence[Figure], published: Sequence[Published]) -> str:
    """All about one data set."""
    parts = [f"<h2>{html.escape(group.dataset)}</h2>"]
    if group.settings:
        parts.append(f'<p class="note">{html.escape(basis(group))}</p>')
    looks = looks_of(figures)
    for figure in figures:
        parts.append(f"<h2>{html.escape(figure.title)}</h2>")
        parts.append(chart(figure, looks))
        parts.append(f"<details open><summary>Figures</summary>{table(*figure_table(figure))}</details>")
    if group.settings:
        parts += ["<h2>Every point</h2>", table(*points_table(group))]
    if beside := [one for one in published if is_of(one, group.dataset)]:
        head, rows = published_table(beside)
        last = len(head) - 1
        parts += ["<h2>Published figures</h2>", f'<p class="note">{html.escape(PUBLISHED)}</p>']
        parts.append(table(head, rows, numbers=range(2, last - 1), wraps=(last - 1, last)))
    if group.failures:
        rows = [[f.label, f.picture, f.error or ""] for f in group.failures]
        parts.append(f"<details><summary>{counted(len(rows), 'measurement')} failed, in no figure</summary>")
        parts += [table(["link", "picture", "error"], rows, numbers=(), wraps=(2,)), "</details>"]
    return f"<section>{''.join(parts)}</section>"


def looks_of(figures: Sequence[Figure]) -> dict[str, int]:
    """A number for each line's name, the same in all figures; those that were measured first."""
    names = [(line.is_published, line.name) for figure in figures for line in figure.lines]
    ordered = sorted(dict.fromkeys(names), key=lambda name: name[0])
    return {name: i for i, (_, name) in enumerate(ordered)}


def chart(figure: Figure, looks: dict[str, int]) -> str:
    found = METRICS[figure.metric]
    curves = [
        charts.Curve(line.name, list(line.points.items()), looks[line.name], dashed=line.is_published)
        for line in figure.lines
    ]
    title = found.title + ("" if found.rising else " (lower is better)")
    return charts.chart(charts.Axes(figure.x_title, title, figure.ticks, log=not figure.is_over_snr), curves)
