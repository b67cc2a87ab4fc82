"""The report as one HTML page that opens from disk: text, data, styles and script in one file, nothing from elsewhere.

What rows, file names and references hold reaches the page as JSON, and the script puts it there as text nodes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sccodec.bench.rows import COSTS, NOT_ASKED
from sccodec.metrics.table import DEFAULT, METRICS
from sccodec.report import bdrate, shell
from sccodec.report.compared import Cell, Comparisons
from sccodec.report.curves import Group, Reference, Series, split
from sccodec.report.gallery import Entry
from sccodec.report.results import Results

FIGURES = (*METRICS, *COSTS)
SIGNIFICANT = 6
"""Digits of the numbers in the page."""
BODY = (
    '<noscript><p class="warning">The curves and tables of this page are drawn by the script within it, which this '
    'browser does not run.</p></noscript>\n<main id="main"></main>'
)


@dataclass(frozen=True)
class Page:
    """What a page says beside its data. anchor: the name of a codec, or "" for one that the report chooses."""

    title: str
    lead: str
    footer: str
    metric: str = DEFAULT
    anchor: str = ""


def report(page: Page, groups: Sequence[Group], results: Results, gallery: Sequence[Entry] = ()) -> str:
    """The page of a benchmark's results."""
    data = common(page, gallery) | {
        "groups": [group_data(g, page.anchor) for g in groups],
        "damaged": list(results.damaged),
        "install": None if bdrate.available() else bdrate.INSTALL,
    }
    return assemble(page, data, gallery)


def comparison(page: Page, entry: Entry, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The page of one picture in several codecs, with a table of what was measured."""
    table = {"head": list(head), "rows": [list(r) for r in rows]}
    return assemble(page, common(page, [entry]) | {"table": table}, [entry])


def common(page: Page, gallery: Sequence[Entry]) -> dict[str, object]:
    metrics = {
        m.key: {"label": m.label, "unit": m.unit, "digits": m.digits, "rising": m.rising, "decibels": m.as_decibels}
        for m in METRICS.values()
    }
    return {
        "metrics": metrics,
        "figures": list(FIGURES),
        "metric": page.metric,
        "groups": [],
        "damaged": [],
        "install": None,
        "gallery": [entry.name for entry in gallery],
        "table": None,
    }


def group_data(group: Group, anchor: str) -> dict[str, object]:
    """A data set for the page: codecs first, published curves behind them, each with its index."""
    places = {key: i for i, key in enumerate(group.pictures)}
    series = [series_data(s, i, places) for i, s in enumerate(group.series)]
    series += [reference_data(r, len(series) + i) for i, r in enumerate(group.references)]
    compared = Comparisons(group)
    start = compared.anchor(anchor)
    bd = {m: compared.table(m) for m in group.metrics} if bdrate.available() else {}
    return {
        "dataset": group.dataset,
        "metrics": group.metrics,
        "pictures": [{"name": r.picture, "width": r.width, "height": r.height} for r in group.pictures.values()],
        "series": series,
        "anchor": start,
        "bd": {
            metric: {a: {t: rounded(cell) for t, cell in row.items()} for a, row in table.items()}
            for metric, table in bd.items()
        },
        "spread": spreads(compared, start, list(bd)),
        "failures": [[f.spec, f.picture, f.error] for f in group.failures],
        "absent": absent(group),
    }


def spreads(compared: Comparisons, anchor: int, metrics: Sequence[str]) -> dict[str, object]:
    """metric -> tested -> what the rate is picture by picture, against the anchor that the page starts with alone.

    Against every other it would take as long as all the rest of the page, or many times that.
    """
    found: dict[str, object] = {}
    for metric in metrics:
        of = {t: compared.spread(anchor, t, metric) for t in range(len(compared.members)) if t != anchor}
        found[metric] = {
            t: [short(s.median), short(s.low), short(s.high), s.n_pictures, s.n_without] for t, s in of.items() if s
        }
    return {"anchor": anchor, "metrics": found}


def rounded(cell: Cell) -> dict[str, object]:
    """A cell of the Bjontegaard table under the names that the script knows."""
    found = cell.figures
    return {
        "rate": short(found.rate_percent),
        "low": short(found.low),
        "high": short(found.high),
        "gain": short(found.gain),
        "from": short(found.rate_low),
        "to": short(found.rate_high),
        "pictures": cell.n_pictures,
        "dropped": list(found.n_dropped),
        "reason": found.reason,
    }


def series_data(series: Series, index: int, places: Mapping[str, int]) -> dict[str, object]:
    points = []
    for point in series.points:
        rows: list[list[float | None] | None] = [None] * len(places)
        for key, row in point.rows.items():
            rows[places[key]] = [row.file_bytes, *(short(row.figures.get(f)) for f in FIGURES)]
        points.append({"setting": split(point.spec)[1], "rows": rows})
    devices = {row.device for p in series.points for row in p.rows.values() if row.device}
    return {
        "index": index,
        "name": series.name,
        "tag": series.tag,
        "encoder": series.encoder,
        "devices": ", ".join(sorted(devices)),
        "published": False,
        "points": points,
    }


def reference_data(reference: Reference, index: int) -> dict[str, object]:
    points = [
        {"setting": "", "bpp": p["bpp"], "figures": {m: p[m] for m in METRICS if m in p}} for p in reference.points
    ]
    return {
        "index": index,
        "name": reference.name,
        "source": reference.source,
        "published": True,
        "points": points,
    }


def absent(group: Group) -> list[list[str | int]]:
    """Codec, metric, number of measurements without it, and the reasons that their rows give."""
    found: list[list[str | int]] = []
    for series in group.series:
        rows = [row for p in series.points for row in p.rows.values()]
        for key in METRICS:
            without = [row for row in rows if key not in row.figures]
            reasons = sorted({row.reasons[key] for row in without if key in row.reasons} - {NOT_ASKED})
            if without and (key in group.metrics or reasons):
                found.append([series.name, METRICS[key].label, len(without), "; ".join(reasons) or "not measured"])
    return found


def short(value: float | None) -> float | None:
    """The number with few digits; whole ones stay whole."""
    if value is None:
        return None
    return int(value) if value == int(value) else float(f"{value:.{SIGNIFICANT}g}")


def assemble(page: Page, data: Mapping[str, object], gallery: Sequence[Entry]) -> str:
    blocks = [data_block("data", data)] + [data_block(f"gallery-{i}", e.as_dict()) for i, e in enumerate(gallery)]
    script = shell.asset("chart.js") + shell.asset("page.js")
    return shell.page(page.title, page.lead, BODY, page.footer, "\n".join(blocks), script)


def data_block(name: str, content: object) -> str:
    """JSON within the page. No `<` stands in it, so nothing in it can end the element."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Line separators are for old parsers; lone surrogates, which file names can hold, have no UTF-8.
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    safe = safe.encode("utf-8", "replace").decode("utf-8")
    return f'<script type="application/json" id="{name}">{safe}</script>'
