"""The report on segmenters as one HTML page that opens from disk: tables and bars, and no script.

What rows and references hold is escaped.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from sccodec.report.segment_reference import Published
from sccodec.report.segment_tables import (
    DEFINITION,
    LOST,
    PUBLISHED,
    basis,
    classes_table,
    dash,
    is_coded,
    of_group,
    published_table,
    settings_table,
)
from sccodec.report.segments import Group, Results
from sccodec.report.shell import damaged, page, table
from sccodec.report.words import counted, footer, passed_over

LABEL, BAR, LINE = 330, 380, 22
"""Pixels of the bars: the names' column, an mIoU of 1, and the height of a line."""
LONGEST = 44
"""Characters of a name beside its bar."""


def report(title: str, groups: Sequence[Group], results: Results, published: Sequence[Published]) -> str:
    """The page."""
    sections = "\n".join(section(group, of_group(group, published)) for group in groups)
    body = f"<main>\n{sections}{damaged(results.damaged)}\n</main>"
    return page(title, lead(groups, results), body, footer(results.rows, DEFINITION))


def lead(groups: Sequence[Group], results: Results) -> str:
    segmenters = len({(s.spec, s.tag) for group in groups for s in group.settings})
    pictures = sum(len(group.pictures) for group in groups)
    said = f"{counted(len(results.rows), 'measurement')} of {counted(segmenters, 'segmenter')} on "
    said += f"{counted(pictures, 'picture')}."
    return said + passed_over(results)


def section(group: Group, published: Sequence[Published]) -> str:
    """All about one data set."""
    parts = [f"<h2>{html.escape(group.dataset)}</h2>"]
    if group.settings:
        parts.append(f'<p class="note">{html.escape(basis(group))}</p>')
        parts.append(bars(group, published))
        if is_coded(group):
            parts.append(f'<p class="note">{html.escape(LOST)}</p>')
        parts.append(table(*settings_table(group)))
        parts += ["<h2>IoU of every class</h2>", table(*classes_table(group))]
    if published:
        parts += ["<h2>Published figures</h2>", f'<p class="note">{html.escape(PUBLISHED)}</p>']
        parts.append(table(*published_table(published), numbers=(1,), wraps=(5, 6)))
    if group.failures:
        rows = [[f.label, f.picture, f.error or ""] for f in group.failures]
        parts.append(f"<details><summary>{counted(len(rows), 'measurement')} failed, in no figure</summary>")
        parts += [table(["segmenter", "picture", "error"], rows, numbers=(), wraps=(2,)), "</details>"]
    return f"<section>{''.join(parts)}</section>"


def bars(group: Group, published: Sequence[Published]) -> str:
    """mIoU as bars: what was measured is filled, what is published is an outline; the best of each first."""
    figures = [(f.miou, s.name, "") for s, f in zip(group.settings, group.figures, strict=True)]
    measured = [figure for figure in figures if not math.isnan(figure[0])]
    others = [(one.miou, one.name, f" ({one.mark})") for one in published if one.miou is not None]
    lines = [*sorted(measured, reverse=True), *sorted(others, reverse=True)]
    drawn = []
    for i, (miou, name, mark) in enumerate(lines):
        y, most = LINE * i + 6, LONGEST - len(mark)
        short = (name if len(name) <= most else name[: most - 1] + "…") + mark
        look = 'fill="none" stroke="currentColor" stroke-dasharray="4 3"' if mark else 'fill="currentColor"'
        drawn.append(
            f'<g class="{"c9" if mark else "c0"}"><title>{html.escape(f"{name}{mark}: {dash(miou, 4)}")}</title>'
            f'<rect x="{LABEL}" y="{y}" width="{max(BAR * miou, 0.5):.1f}" height="{LINE - 8}" {look}/>'
            f'<text x="{LABEL - 8}" y="{y + 11}" text-anchor="end">{html.escape(short)}</text>'
            f'<text x="{LABEL + BAR * miou + 6:.1f}" y="{y + 11}">{dash(miou, 4)}</text></g>'
        )
    if not drawn:
        return ""
    size = f"0 0 {LABEL + BAR + 60} {LINE * len(drawn) + 8}"
    what = "mIoU as bars; dashed ones are published figures"
    return f'<div class="chart"><svg viewBox="{size}" role="img" aria-label="{what}">{"".join(drawn)}</svg></div>'
