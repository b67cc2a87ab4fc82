"""The report as Markdown tables and as comma-separated values. Means are over stated pictures, as everywhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from sccodec.metrics.table import METRICS
from sccodec.report import bdrate
from sccodec.report.compared import Cell, Comparisons, Spread
from sccodec.report.curves import Group, basis, covered, is_exact, mean, reasons, shared, split
from sccodec.report.results import COSTS, Results
from sccodec.report.words import counted

COLUMNS = ("dataset", "codec", "setting", "spec", "tag", "encoder", "published", "pictures", "file_bytes", "bpp")


def as_csv(groups: Sequence[Group]) -> str:
    """A line a setting of a codec: means over the pictures that all codecs of the data set have at all settings.

    Where they have none in common, a line is over its codec's own shared pictures; `pictures` says how many. A metric
    is over those of them that have it at every setting, and `pictures_psnr` and so on say how many those are.
    Published points have their own means, an empty number of pictures, and yes under `published`.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, *METRICS, *COSTS, *(f"pictures_{key}" for key in METRICS)])
    for group in groups:
        for series in group.series:
            pictures, having = basis(group, series)
            for point in series.points if pictures else ():
                m = mean(point, pictures, having)
                counts = [len(having[key]) if key in m.figures else "" for key in METRICS]
                setting = split(point.spec)[1]
                tag = point.rows[next(iter(pictures))].tag
                line = [group.dataset, series.name, setting, point.spec, tag, series.encoder, "no", m.n_pictures]
                figures = [m.figures.get(key) for key in (*METRICS, *COSTS)]
                writer.writerow(
                    [safe(v) for v in (*line, f"{m.file_bytes:.1f}", f"{m.bpp:.6f}")] + [*map(plain, figures)] + counts
                )
        for reference in group.references:
            for p in reference.points:
                line = [group.dataset, reference.name, "", "", "", reference.source, "yes", "", "", f"{p['bpp']:.6f}"]
                figures = [p.get(key) for key in (*METRICS, *COSTS)]
                writer.writerow([safe(v) for v in line] + [*map(plain, figures)] + [""] * len(METRICS))
    return buffer.getvalue()


def as_markdown(title: str, groups: Sequence[Group], results: Results, metrics: Sequence[str], anchor: str) -> str:
    """Tables for a README: settings and means, Bjontegaard figures for each metric, and what failed."""
    parts = [f"# {cell(title)}"]
    for group in groups:
        parts.append(f"## {cell(group.dataset)}")
        parts += means(group)
        for metric in (m for m in metrics if m in group.metrics):
            parts += gains(group, metric, anchor)
        parts += failures(group)
    if results.damaged:
        parts.append(f"{counted(len(results.damaged), 'damaged line')} skipped.")
    if results.n_changed:
        parts.append(f"{counted(results.n_changed, 'row')} of pictures that were changed since passed over.")
    return "\n\n".join(parts) + "\n"


def means(group: Group) -> list[str]:
    """The table of settings, and the sentence that says which pictures it is over."""
    common = shared(group.series)
    head = ["codec", "setting", "bytes", "bpp", *(METRICS[m].label for m in group.metrics), "encode, s", "decode, s"]
    rows = []
    for series in group.series:
        pictures, having = basis(group, series)
        for point in series.points if pictures else ():
            m = mean(point, pictures, having)
            figures = ["∞" if is_exact(point, k) else METRICS[k].number(m.figures.get(k)) for k in group.metrics]
            times = [fixed(m.figures.get(k), 3) for k in ("encode_seconds", "decode_seconds")]
            own = "" if common else f" ({counted(m.n_pictures, 'picture')})"
            setting = split(point.spec)[1] or "–"
            rows.append([series.name + own, setting, f"{m.file_bytes:.0f}", f"{m.bpp:.4f}", *figures, *times])
    if not group.series:
        return []
    total = len(group.pictures)
    said = f"Means over the {counted(len(common), 'picture')} (of {total}) that all codecs have at all settings."
    if not common:
        said = (
            "No picture has all settings of all codecs: each codec is over its own pictures, and they do not compare."
        )
    return [said, table(head, rows, n_texts=2), *partly(group, common)]


def partly(group: Group, common: frozenset[str]) -> list[str]:
    """A sentence for each metric that some of the pictures in common lack, with the reasons that their rows give."""
    points = [point for series in group.series for point in series.points]
    return [
        f"{METRICS[key].label} is over {len(pictures)} of these {counted(len(common), 'picture')}; "
        f"of the others: {cell('; '.join(reasons(points, key)))}."
        for key, pictures in covered(group.series, common).items()
        if pictures < common
    ]


def gains(group: Group, metric: str, anchor: str) -> list[str]:
    """Bjontegaard figures for one metric."""
    label = METRICS[metric].label
    if not bdrate.available():
        return [f"Bjontegaard figures for {label} need the package bjontegaard: `{bdrate.INSTALL}`."]
    compared = Comparisons(group)
    place = compared.anchor(anchor)
    rows = []
    for index, found in compared.table(metric).get(place, {}).items():
        name = compared.members[index].name + (" (published)" if index >= len(group.series) else "")
        line = [name, *gain_cells(found, metric), spread_cell(compared.spread(place, index, metric))]
        rows.append((found.figures.rate_percent, line))
    if not rows:
        return []
    rows.sort(key=lambda row: (row[0] is None, row[0] or 0))
    unit = "dB" if METRICS[metric].as_decibels or METRICS[metric].unit else "less of it"
    head = ["codec", f"rate at equal {label}", f"gain at equal rate, {unit}", f"over {label}", "over bpp"]
    head += ["points left out", "pictures", "picture by picture"]
    said = (
        f"Against {cell(compared.members[place].name)}, over the range and the pictures that both have. Points that "
        "another point of their curve beats are left out: so many of the anchor's, and of the codec's. Picture by "
        "picture: the median of the rates, their quartiles, and of how many pictures."
    )
    return [f"### Bjontegaard figures, {label}", said, table(head, [row for _, row in rows], n_texts=1)]


def gain_cells(found: Cell, metric: str) -> list[str]:
    """Rate, gain, their ranges, points left out, pictures."""
    f, shown = found.figures, METRICS[metric]
    low, high = (f.low, f.high) if shown.rising else (f.high, f.low)
    return [
        f.reason or "–" if f.rate_percent is None else f"{f.rate_percent:+.1f} %",
        "–" if f.gain is None else f"{f.gain:+.3f}",
        "–" if low is None or high is None else " to ".join(shown.number(shown.unscaled(v)) for v in (low, high)),
        "–" if f.rate_low is None or f.rate_high is None else f"{f.rate_low:.3f} to {f.rate_high:.3f}",
        " + ".join(map(str, f.n_dropped)),
        "published" if found.n_pictures is None else str(found.n_pictures),
    ]


def spread_cell(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    of = f"{spread.n_pictures}" + (f" of {spread.n_pictures + spread.n_without}" if spread.n_without else "")
    return f"{spread.median:+.1f} % ({spread.low:+.1f} to {spread.high:+.1f}; {of})"


def failures(group: Group) -> list[str]:
    if not group.failures:
        return []
    rows = [[f.spec, f.picture, f.error or ""] for f in group.failures]
    return [
        f"{counted(len(rows), 'measurement')} failed, in no mean:",
        table(["spec", "picture", "error"], rows, n_texts=3),
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], n_texts: int) -> str:
    """A Markdown table whose first n_texts columns are texts."""
    rule = ["---" if i < n_texts else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in (head, rule, *rows))


def cell(text: str) -> str:
    """The text without line breaks, and without what Markdown or HTML would take for its own."""
    joined = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    for sign in "\\`*_[]|":
        joined = joined.replace(sign, "\\" + sign)
    return joined


def safe(value: object) -> str:
    """A text that no spreadsheet takes for a formula."""
    text = " ".join(str(value).split())
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}" if abs(value) < 1e6 else f"{value:.0f}"


def fixed(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
