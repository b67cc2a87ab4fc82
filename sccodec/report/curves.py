"""Rows as curves: a codec is a curve, a setting of it is a point, and a mean is over stated pictures alone.

A setting is what turns a codec's rate: q, an option that the codec states as one (Codec.rates), or the number behind a
peer's name (``compressai:mbt2018-mean:3``). What is left of the spec without it, the model, the encoder and the device
make the codec: ``jpeg:quality=5`` and ``jpeg:quality=90`` are two points of one curve,
``jpeg:chroma=444,quality=5`` is of another.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter

from sccodec import api
from sccodec.bench.rows import EQUAL
from sccodec.metrics.table import METRICS
from sccodec.report.results import Results, Row

MARKS = (attrgetter("tag"), attrgetter("encoder"), attrgetter("device"))
"""What tells curves of one codec apart."""

UNNAMED = "pictures"
"""What rows without a data set are called."""


@dataclass(frozen=True)
class Point:
    """One setting of a codec: rows by the picture's SHA-256."""

    spec: str
    rows: Mapping[str, Row]

    def having(self, metric: str) -> frozenset[str]:
        """The pictures for which the metric was measured."""
        return frozenset(key for key, row in self.rows.items() if metric in row.figures)


@dataclass(frozen=True)
class Reference:
    """A published curve; dataset "" where it goes with any. Each point has bpp, and metrics by key."""

    name: str
    source: str
    points: Sequence[Mapping[str, float]]
    dataset: str = ""


@dataclass(frozen=True)
class Series:
    """One codec: its points by rising rate. base: its spec without the setting."""

    name: str
    base: str
    tag: str
    encoder: str
    points: Sequence[Point]

    def measured(self, metric: str) -> list[Point]:
        """The points with that metric for one picture at least."""
        return [p for p in self.points if p.having(metric)]


@dataclass(frozen=True)
class Group:
    """What was measured on one data set. pictures: SHA-256 -> a row with its name and size."""

    dataset: str
    series: Sequence[Series]
    failures: Sequence[Row] = ()
    references: Sequence[Reference] = ()
    pictures: Mapping[str, Row] = field(default_factory=dict)

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics that were measured at all."""
        return [key for key in METRICS if any(s.measured(key) for s in self.series)]


@dataclass(frozen=True)
class Mean:
    """A point's means over some pictures."""

    spec: str
    n_pictures: int
    bpp: float
    file_bytes: float
    figures: Mapping[str, float]


def split(spec: str) -> tuple[str, str]:
    """A spec's codec and its setting: "avif:speed=4,q=20" -> ("avif:speed=4", "q=20")."""
    name, _, rest = spec.partition(":")
    kept, settings = [], []
    turning = knobs(name)
    for i, item in enumerate(rest.split(",") if rest else []):
        key, equals, _ = item.partition("=")
        numbered = re.fullmatch(r"(.+):(\d+)", item) if i == 0 and not equals else None
        if equals and key in turning:
            settings.append(item)
        elif numbered:
            kept.append(numbered[1])
            settings.append(numbered[2])
        else:
            kept.append(item)
    return name + (":" + ",".join(kept) if kept else ""), ",".join(settings)


def knobs(codec: str) -> frozenset[str]:
    """Options that set that codec's rate. For a codec that is not here, whose rows are grouped too, those of any."""
    here = api.names()
    stating = [codec] if codec in here else here
    return frozenset({"q", *(rate.name for name in stating for rate in api.load(name).rates)})


def has_model_per_setting(spec: str) -> bool:
    """Whether the setting names the model: the number behind a peer's name."""
    return re.match(r"[^:,]+:[^,=]+:\d+(,|$)", spec) is not None


def groups(results: Results, references: Sequence[Reference] = ()) -> list[Group]:
    """One group a data set, that with most rows first."""
    by_dataset: dict[str, list[Row]] = {}
    for row in results.rows:
        by_dataset.setdefault(row.dataset or UNNAMED, []).append(row)
    for failure in results.failures:
        by_dataset.setdefault(failure.dataset or UNNAMED, [])
    found = []
    for dataset, rows in sorted(by_dataset.items(), key=lambda item: -len(item[1])):
        pictures: dict[str, Row] = {}
        for row in sorted(rows, key=lambda r: r.picture):
            pictures.setdefault(row.sha256, row)
        found.append(
            Group(
                dataset,
                series_of(rows),
                [f for f in results.failures if (f.dataset or UNNAMED) == dataset],
                [r for r in references if r.dataset in ("", dataset)],
                pictures,
            )
        )
    return found


def with_metrics(found: Sequence[Group]) -> list[Group]:
    """The groups that have something to show; failures of the others stand with the first's, under their data set."""
    shown = [group for group in found if group.metrics]
    others = [replace(f, picture=f"{g.dataset}: {f.picture}") for g in found if not g.metrics for f in g.failures]
    return [replace(shown[0], failures=[*shown[0].failures, *others]), *shown[1:]] if shown else []


def series_of(rows: Sequence[Row]) -> list[Series]:
    """The codecs of some rows, each named so that no two names are equal."""
    by_base: dict[str, list[Row]] = {}
    for row in rows:
        by_base.setdefault(split(row.spec)[0], []).append(row)
    found = []
    for base, members in by_base.items():
        parts = models_apart(members)
        for part in parts:
            marks = [
                part[0].tag or "no model",
                part[0].encoder or "encoder unknown",
                part[0].device or "device unknown",
            ]
            differing = [len({mark(r) for p in parts for r in p[:1]}) > 1 for mark in MARKS]
            said = ", ".join(m for m, differs in zip(marks, differing, strict=True) if differs)
            name = f"{base} ({said})" if said else base
            tag = part[0].tag if len({r.tag for r in part}) == 1 else ""
            found.append(Series(name, base, tag, part[0].encoder, points_of(part)))
    return found


def models_apart(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows of one codec, apart by encoder, device and model, but for peers with a model for each setting."""
    tags_of_spec: dict[str, set[str]] = {}
    for row in rows:
        tags_of_spec.setdefault(row.spec, set()).add(row.tag)
    one_each = all(has_model_per_setting(spec) and len(tags) == 1 for spec, tags in tags_of_spec.items())
    parts: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        parts.setdefault(("" if one_each else row.tag, row.encoder, row.device), []).append(row)
    return list(parts.values())


def points_of(rows: Sequence[Row]) -> list[Point]:
    by_spec: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_spec.setdefault(row.spec, {})[row.sha256] = row
    points = [Point(spec, members) for spec, members in by_spec.items()]
    return sorted(points, key=lambda p: statistics.fmean(r.bpp for r in p.rows.values()))


def shared(series: Sequence[Series], metric: str | None = None) -> frozenset[str]:
    """The pictures that all points of all these codecs have, with that metric if one is named.

    Points without the metric for any picture (a lossless codec has no PSNR) are no part of the question.
    """
    sets = []
    for one in series:
        for point in one.points if metric is None else one.measured(metric):
            sets.append(frozenset(point.rows) if metric is None else point.having(metric))
    return frozenset.intersection(*sets) if sets else frozenset()


def is_exact(point: Point, metric: str) -> bool:
    """Whether the metric is missing for every picture, because what was decoded is the picture itself."""
    return bool(point.rows) and all(row.reasons.get(metric) == EQUAL for row in point.rows.values())


def reasons(points: Sequence[Point], metric: str) -> list[str]:
    """Why rows lack a metric that others of their codec may have, each reason once; exact codecs are no part of it."""
    rows = [row for p in points if not is_exact(p, metric) for row in p.rows.values() if metric not in row.figures]
    return sorted({row.reasons.get(metric, "not measured") for row in rows})


def covered(series: Sequence[Series], pictures: frozenset[str]) -> dict[str, frozenset[str]]:
    """By metric, those of the pictures that have it at every setting of every codec that has it at all."""
    measured = (key for key in METRICS if any(one.measured(key) for one in series))
    return {key: shared(series, key) & pictures for key in measured}


def basis(group: Group, series: Series) -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    """The pictures that the means of a codec are over, and by metric those of them that count.

    They are those that all codecs of the data set have at all settings; where there are none, the codec's own.
    """
    common = shared(group.series)
    pictures = common or shared([series])
    return pictures, covered(group.series if common else [series], pictures)


def mean(point: Point, pictures: frozenset[str], having: Mapping[str, frozenset[str]] | None = None) -> Mean:
    """Means over exactly these pictures, which the point has.

    having: as covered() gives it: a metric's mean is over its pictures, so that one that lacks it takes it from none.
    Any other figure that a picture lacks is left out.
    """
    over = having or {}
    rows = [point.rows[key] for key in sorted(pictures)]
    figures = {}
    for key in sorted({key for row in rows for key in row.figures}):
        counted = [point.rows[picture] for picture in sorted(over[key])] if key in over else rows
        if counted and all(key in row.figures for row in counted):
            figures[key] = statistics.fmean(row.figures[key] for row in counted)
    return Mean(
        point.spec,
        len(rows),
        statistics.fmean(r.bpp for r in rows),
        statistics.fmean(r.file_bytes for r in rows),
        figures,
    )


def curve(series: Series, metric: str, pictures: frozenset[str]) -> list[Mean]:
    """The means of a codec's points over the pictures, by rising rate; empty for no pictures."""
    if not pictures:
        return []
    return sorted((mean(p, pictures) for p in series.measured(metric)), key=lambda m: m.bpp)
