"""Published curves, from JSON: {"name", "source", "points": [{"bpp", "psnr", ...}]}, or a list of such objects.

A curve may name its data set (`dataset`); it is drawn with that one only. Metrics have the names that they have in
results.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sccodec.bench.rows import number, text
from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS
from sccodec.report.curves import Reference


def read(paths: Sequence[Path]) -> list[Reference]:
    """The curves of several files, in their order; raises BadInput, which names the file and what is wrong."""
    found: list[Reference] = []
    for path in paths:
        try:
            content = json.loads(path.read_bytes())
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None
        except (ValueError, RecursionError):
            raise BadInput(f"{path}: is no JSON") from None
        for curve in content if isinstance(content, list) else [content]:
            try:
                found.append(parse(curve))
            except BadInput as error:
                raise BadInput(f"{path}: {error}") from None
    return found


def parse(curve: object) -> Reference:
    """A curve of its JSON; raises BadInput."""
    if not isinstance(curve, dict):
        raise BadInput('a published curve is an object: {"name", "source", "points": [{"bpp", "psnr", ...}]}')
    name, source = text(curve.get("name")), text(curve.get("source"))
    if not name or not source:
        raise BadInput("a published curve needs a name and a source")
    listed = curve.get("points")
    points = []
    for point in listed if isinstance(listed, list) else []:
        figures = {k: number(point.get(k)) for k in ("bpp", *METRICS)} if isinstance(point, dict) else {}
        kept = {k: v for k, v in figures.items() if v is not None}
        if kept.get("bpp", 0) <= 0 or len(kept) < 2:
            raise BadInput(f"{name}: every point needs bpp above 0 and one of {', '.join(METRICS)}")
        points.append(kept)
    if not points:
        raise BadInput(f"{name}: has no points")
    return Reference(name, source, sorted(points, key=lambda p: p["bpp"]), text(curve.get("dataset")))
