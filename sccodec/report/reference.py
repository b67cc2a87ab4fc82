"""Published curves, from JSON, in a shape of ours or in compressai's.

    {"name", "source", "points": [{"bpp", "psnr", ...}]}
    {"name", "description", "results": {"bpp": [...], "psnr-rgb": [...], "ms-ssim-rgb": [...], "encoding_time": [...]}}

or a list of such objects. In ours, metrics have the names that they have in rows, and a curve may name its data set
(`dataset`); in the other a `meta` may (sccodec.report.compressai writes it). A curve that names its data set is drawn
with that one only. Whatever is not read is named in a notice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sccodec.bench.lines import number, text
from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS
from sccodec.report.curves import Reference

Notice = Callable[[str], None]

TIMES = {"encoding_time": "encode_seconds", "decoding_time": "decode_seconds"}
OURS = ("name", "source", "points", "dataset")
PUBLISHED = ("name", "description", "meta", "results")
META = ("source", "url", "type", "opt_metric", "dataset", "train_dataset", "device", "settings")


def ignore(said: str) -> None:
    """In place of a notice."""


def read(paths: Sequence[Path], notice: Notice = ignore) -> list[Reference]:
    """The curves of several files, in their order; raises BadInput, which names the file and what is wrong.

    notice: takes a line for what a file holds and nobody reads.
    """
    found: list[Reference] = []
    for path in paths:
        try:
            content = json.loads(path.read_bytes())
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None
        except (ValueError, RecursionError):
            raise BadInput(f"{path}: is no JSON") from None
        for curve in content if isinstance(content, list) else [content]:
            said: list[str] = []
            try:
                found.append(parse(curve, said.append))
            except BadInput as error:
                raise BadInput(f"{path}: {error}") from None
            for line in said:
                notice(f"{path}: {line}")
    return found


def parse(curve: object, notice: Notice = ignore) -> Reference:
    """A curve of its JSON; raises BadInput."""
    if not isinstance(curve, dict):
        raise BadInput(
            'a published curve is an object: {"name", "source", "points": [{"bpp", "psnr", ...}]}, or as compressai '
            'writes them: {"name", "description", "results": {"bpp": [...], "psnr-rgb": [...]}}'
        )
    if "results" in curve and "points" not in curve:
        return published(curve, notice)
    name, source = text(curve.get("name")), text(curve.get("source"))
    if not name or not source:
        raise BadInput("a published curve needs a name and a source")
    listed = curve.get("points")
    keys = ("bpp", *METRICS, *TIMES.values())
    points, unread = [], [key for key in curve if key not in OURS]
    for point in listed if isinstance(listed, list) else []:
        figures = {k: number(point.get(k)) for k in keys} if isinstance(point, dict) else {}
        unread += [key for key in point if key not in keys] if isinstance(point, dict) else []
        points.append({k: v for k, v in figures.items() if v is not None})
    if unread:
        notice(f"{name}: not read: {', '.join(dict.fromkeys(map(text, unread)))}")
    return checked(name, source, points, text(curve.get("dataset")), notice)


def published(curve: Mapping[str, object], notice: Notice) -> Reference:
    """A curve of results as compressai has them: a list for each figure, or a number where there is one point."""
    name, description = text(curve.get("name")), text(curve.get("description"))
    if not name:
        raise BadInput("a published curve needs a name")
    results, meta = curve["results"], curve.get("meta")
    if not isinstance(results, dict):
        raise BadInput(f"{name}: results is no object of lists")
    about = meta if isinstance(meta, dict) else {}
    unread = [key for key in curve if key not in PUBLISHED] + [f"meta.{key}" for key in about if key not in META]
    names = {"bpp": "bpp", **TIMES}
    for key, metric in METRICS.items():
        given = [other for other in (*metric.published, key) if other in results]
        names |= {given[0]: key} if given else {}
    unread += [f"results.{key}" for key in results if key not in names]
    if unread:
        notice(f"{name}: not read: {', '.join(map(text, unread))}")
    columns = {ours: column(name, theirs, results[theirs]) for theirs, ours in names.items() if theirs in results}
    lengths = {len(values) for values in columns.values()}
    if "bpp" not in columns or len(lengths) != 1:
        raise BadInput(f"{name}: results needs bpp, and lists of equal length")
    points = [{k: v for k, v in zip(columns, values, strict=True) if v is not None}
              for values in zip(*columns.values(), strict=True)]  # fmt: skip
    said = [description, *(text(about.get(key)) for key in ("source", "url"))]
    source = ", ".join(part for part in said if part) or "results as compressai has them"
    return checked(name, source, points, text(about.get("dataset")), notice)


def column(name: str, key: str, values: object) -> list[float | None]:
    """The numbers of a list; None for what is missing or not finite. Raises BadInput for anything else."""
    listed = values if isinstance(values, list) else [values]
    for value in listed:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise BadInput(f"{name}: results.{key} holds {json.dumps(value)[:40]}, which is no number")
    return [number(value) for value in listed]


def checked(name: str, source: str, points: Sequence[Mapping[str, float]], dataset: str, notice: Notice) -> Reference:
    """The curve; raises BadInput without points, or for one without a rate or without any metric."""
    found = [dict(point) for point in points]
    for key, metric in METRICS.items():
        if metric.as_decibels and any(point.get(key, 0) > 1 for point in found):
            notice(f"{name}: {metric.label} has values above 1, decibels perhaps, and is left out")
            for point in found:
                point.pop(key, None)
    for point in found:
        if point.get("bpp", 0) <= 0 or not set(point) & set(METRICS):
            raise BadInput(f"{name}: every point needs bpp above 0 and one of {', '.join(METRICS)}")
    if not found:
        raise BadInput(f"{name}: has no points")
    return Reference(name, source, sorted(found, key=lambda p: p["bpp"]), dataset)
