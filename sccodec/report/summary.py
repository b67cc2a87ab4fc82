"""A run's rows as a table for the terminal: plain text of at most WIDTH columns, for a person and for a pipe alike.

Means are over the same pictures, as everywhere; a line whose setting was measured on fewer, as those of an interrupted
run are, says on how many. A metric's mean is over the pictures that have it at every setting of every codec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from sccodec.metrics.table import METRICS
from sccodec.report import bdrate
from sccodec.report.compared import Comparisons
from sccodec.report.curves import Group, Point, groups, is_exact, reasons, shared, split
from sccodec.report.results import Results, Row
from sccodec.report.words import counted

WIDTH = 80
TIMES = {"encode_seconds": "enc, s", "decode_seconds": "dec, s"}
ANCHOR = "bpg"
NONE, EXACT = "-", "inf"


def lines(rows: Sequence[Row], dataset: str, specs: Sequence[str], n_pictures: int) -> list[str]:
    """The tables, of the rows without error, the later of two counting; [] where there are none.

    specs: in the order in which they are shown. n_pictures: how many the data set has.
    """
    group = group_of(rows, dataset, specs)
    if group is None:
        return []
    points = [point for series in group.series for point in series.points]
    most = max((frozenset(point.rows) for point in points), key=len)
    complete = [replace(s, points=[p for p in s.points if most <= set(p.rows)]) for s in group.series]
    whole = replace(group, series=[s for s in complete if s.points])
    keys = columns(points)
    having = {key: shared(whole.series, key) & most for key in keys}
    is_partial = [not most <= set(point.rows) for point in points]
    head = ["codec", "setting", *(["n"] if any(is_partial) else []), "bpp"]
    head += [METRICS[key].column for key in keys] + list(TIMES.values())
    body = []
    for series in group.series:
        for point in series.points:
            n = ["" if most <= set(point.rows) else str(len(point.rows))] if any(is_partial) else []
            body.append(
                [plain(series.name), plain(split(point.spec)[1]) or NONE, *n, *cells(point, keys, most, having)]
            )
    of = f" (of {n_pictures:,})" if len(most) < n_pictures else ""
    found = [f"{plain(dataset)}: means over {counted(len(most), 'picture')}{of}", ""]
    found += aligned(head, body, n_texts=2)
    notes = partly(having, most, points)
    if any(is_partial):
        notes.append("n: measured on so many pictures only, not to be compared with the other lines")
    return [*found, *([""] if notes else []), *notes, *gains(whole)]


def group_of(rows: Sequence[Row], dataset: str, specs: Sequence[str]) -> Group | None:
    """The rows as curves, of each setting and picture the latest, in the order of the specs."""
    latest = {(row.spec, row.sha256): replace(row, dataset=dataset) for row in rows if row.error is None}
    place = {spec: i for i, spec in enumerate(specs)}
    ordered = sorted(latest.values(), key=lambda row: place.get(row.spec, len(place)))
    found = groups(Results(ordered, [], [], 0))
    return found[0] if found else None


def columns(points: Sequence[Point]) -> list[str]:
    """The metrics that have a column: of each name there the first that a point has, or has exactly."""
    found: dict[str, str] = {}
    for key, metric in METRICS.items():
        if metric.column and any(point.having(key) or is_exact(point, key) for point in points):
            found.setdefault(metric.column, key)
    return list(found.values())


def cells(point: Point, keys: Sequence[str], most: frozenset[str], having: Mapping[str, frozenset[str]]) -> list[str]:
    """Rate, metrics and times of a setting, as means."""
    rows = [row for key, row in sorted(point.rows.items()) if key in most]
    found = [f"{fmean(row.bpp for row in rows):.4f}"]
    for key in keys:
        values = [point.rows[p].figures[key] for p in sorted(having[key] & point.having(key))]
        missing = EXACT if is_exact(point, key) else NONE
        found.append(f"{fmean(values):.{METRICS[key].digits}f}" if values else missing)
    for key in TIMES:
        values = [row.figures[key] for row in rows if key in row.figures]
        found.append(f"{fmean(values):.3f}" if values else NONE)
    return found


def partly(having: Mapping[str, frozenset[str]], most: frozenset[str], points: Sequence[Point]) -> list[str]:
    """A line for each metric that some pictures do not have, with the reason."""
    found = []
    for key, pictures in having.items():
        if pictures < most:
            why = plain("; ".join(reasons(points, key)) or "not measured")
            found.append(f"{METRICS[key].column}: over {len(pictures)} of {len(most)} pictures; of the others: {why}")
    return found


def gains(group: Group) -> list[str]:
    """Bjontegaard rates against ANCHOR, where it and others were measured at settings enough."""
    if all(series.base != ANCHOR or len(series.points) < 2 for series in group.series):
        return []
    if all(series.base == ANCHOR or len(series.points) < 2 for series in group.series):
        return []
    if not bdrate.available():
        return ["", f"Rates against {ANCHOR} at equal quality need: {bdrate.INSTALL}"]
    compared = Comparisons(group)
    anchor = compared.anchor(ANCHOR)
    points = [point for series in group.series for point in series.points]
    metrics = [key for key in columns(points) if key in group.metrics]
    tables = {key: compared.table(key).get(anchor, {}) for key in metrics}
    body = []
    for index, member in enumerate(compared.members):
        percents = [tables[key][index].figures.rate_percent if index in tables[key] else None for key in metrics]
        if any(percent is not None for percent in percents):
            body.append([plain(member.name), *(NONE if p is None else f"{p:+.1f} %" for p in percents)])
    if not body:
        return []
    name = plain(compared.members[anchor].name)
    head = ["codec", *(METRICS[key].column for key in metrics)]
    return ["", f"rate at equal quality, against {name} (Bjontegaard):", "", *aligned(head, body, n_texts=1)]


def aligned(head: Sequence[str], body: Sequence[Sequence[str]], n_texts: int) -> list[str]:
    """Columns, the first n_texts to the left; where lines would be too long, first cells get lines of their own."""
    rows = [head, *body]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    room = WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1)
    widths[0] = max((len(row[0]) for row in rows if len(row[0]) <= room), default=0)
    found: list[str] = []
    heading = ""
    for first, *others in rows:
        is_long = len(first) > room
        if is_long and first != heading:
            found.append(first)
        heading = first
        texts = ["" if is_long else first, *others]
        padded = [
            f"{t:<{w}}" if i < n_texts else f"{t:>{w}}" for i, (t, w) in enumerate(zip(texts, widths, strict=True))
        ]
        found.append("  ".join(padded).rstrip())
    return found


def plain(text: str) -> str:
    """In one line, without what a terminal would take for a command."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))
