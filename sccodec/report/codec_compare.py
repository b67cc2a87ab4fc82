"""Batches for webmproject's codec-compare: a JSON file a codec, and the list that names them.

Names of fields are those that it knows; others are its own custom fields. Fields that a row lacks may not be in a
batch: a picture that lacks a metric which its codec has otherwise is left out of all batches of its data set, or the
metric is, where that would leave no picture. A metric that is infinite, of pictures that came back as they were, is 99.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

from sccodec.bench.rows import EQUAL
from sccodec.metrics.table import METRICS
from sccodec.report.curves import Group, Series, split
from sccodec.report.results import Row

LIST_NAME = "batches.json"
EXACT = 99.0
"""In place of an infinite metric, as programs of others have it."""
FIELDS: Mapping[str, tuple[str, str]] = {
    **{key: metric.foreign for key, metric in METRICS.items()},
    "encode_seconds": ("encoding_time", "Encoding duration in seconds"),
    "decode_seconds": ("decoding_time", "Decoding duration in seconds"),
}


def files(groups: Sequence[Group], time: str) -> dict[str, bytes]:
    """The files by their names, the list last. time: when they were made, as "2026-01-31T12:00:00Z"."""
    found: dict[str, bytes] = {}
    for group in groups:
        without = incomplete(group)
        for series in group.series:
            name = file_name(f"{group.dataset}-{series.name}" if len(groups) > 1 else series.name, found)
            found[name] = dumped(batch(group, series, time, frozenset(without)))
    found[LIST_NAME] = dumped([[name] for name in found])
    return found


def figure(row: Row, key: str) -> float | None:
    """The figure as a batch has it."""
    return row.figures.get(key, EXACT if row.reasons.get(key) == EQUAL else None)


def incomplete(group: Group) -> dict[str, str]:
    """The pictures that are left out, by their SHA-256, and the metric and the reason; none where it would be all."""
    found: dict[str, str] = {}
    for series in group.series:
        for key in METRICS:
            every = [(picture, row) for point in series.points for picture, row in point.rows.items()]
            lacking = {picture: row for picture, row in every if figure(row, key) is None}
            if len(lacking) < len({picture for picture, _ in every}):
                for picture, row in lacking.items():
                    found.setdefault(picture, f"{METRICS[key].label}: {row.reasons.get(key, 'not measured')}")
    return found if len(found) < len(group.pictures) else {}


def left_out(group: Group) -> list[str]:
    """What is to be said of pictures that are in no batch."""
    found = incomplete(group)
    if not found:
        return []
    why = "; ".join(sorted(set(found.values())))
    return [f"{group.dataset}: {len(found)} of {len(group.pictures)} pictures left out: {why}"]


def batch(group: Group, series: Series, time: str, without: frozenset[str] = frozenset()) -> dict[str, object]:
    """One codec's rows in the shape that codec-compare reads. without: pictures that are left out."""
    rows = [row for point in series.points for picture, row in point.rows.items() if picture not in without]
    constants = {
        "name": ("Name of this experiment", series.name),
        "codec": ("Name of the codec used to generate this data", series.base),
        "version": ("What encoded, or the model's tag", series.encoder or series.tag or "unknown"),
        "time": ("Timestamp of when this data was generated", time),
        "source_data_set": ("The set of pictures", group.dataset),
    }
    keys = [key for key in FIELDS if all(figure(row, key) is not None for row in rows)]
    exact = {key for key in keys if any(key not in row.figures for row in rows)}
    fields = {
        "original_name": "Original image file name",
        "width": "Width of the original image in pixels",
        "height": "Height of the original image in pixels",
        "quality": "The setting of the codec",
        "encoded_size": "Size of the encoded image file in bytes",
        "bpp": "Size of the encoded image file in bits per pixel",
        **{
            name: f"{text}; {EXACT:g} where pictures are equal" if k in exact else text
            for k in keys
            for name, text in [FIELDS[k]]
        },
    }
    return {
        "constant_descriptions": [{name: text} for name, (text, _) in constants.items()],
        "constant_values": [value for _, value in constants.values()],
        "field_descriptions": [{name: text} for name, text in fields.items()],
        "field_values": [
            [row.picture, row.width, row.height, setting(row), row.file_bytes, row.bpp, *(figure(row, k) for k in keys)]
            for row in rows
        ],
    }


def setting(row: Row) -> float | str:
    """The setting as a number where it is one: q=40 is 40."""
    text = split(row.spec)[1]
    value = text.partition("=")[2] or text
    try:
        number = float(value)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def file_name(text: str, taken: Mapping[str, bytes]) -> str:
    """A name that any system takes, and no other batch has."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._")[:80] or "codec"
    name, n = f"{stem}.json", 2
    while name.lower() in {t.lower() for t in taken} or name == LIST_NAME:
        name, n = f"{stem}-{n}.json", n + 1
    return name


def dumped(content: object) -> bytes:
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode("ascii")
