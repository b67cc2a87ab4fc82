"""Batches for webmproject's codec-compare: a JSON file a codec, and the list that names them.

Names of fields are those that it knows; others are its own custom fields. Fields that a row lacks may not be in a
batch, so a metric goes into one only where every row of the codec has it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

from sccodec.metrics.table import METRICS
from sccodec.report.curves import Group, Series, split
from sccodec.report.results import Row

LIST_NAME = "batches.json"
FIELDS: Mapping[str, tuple[str, str]] = {
    **{key: metric.foreign for key, metric in METRICS.items()},
    "encode_seconds": ("encoding_time", "Encoding duration in seconds"),
    "decode_seconds": ("decoding_time", "Decoding duration in seconds"),
}


def files(groups: Sequence[Group], time: str) -> dict[str, bytes]:
    """The files by their names, the list last. time: when they were made, as "2026-01-31T12:00:00Z"."""
    found: dict[str, bytes] = {}
    for group in groups:
        for series in group.series:
            name = file_name(f"{group.dataset}-{series.name}" if len(groups) > 1 else series.name, found)
            found[name] = dumped(batch(group, series, time))
    found[LIST_NAME] = dumped([[name] for name in found])
    return found


def batch(group: Group, series: Series, time: str) -> dict[str, object]:
    """One codec's rows in the shape that codec-compare reads."""
    rows = [row for point in series.points for row in point.rows.values()]
    constants = {
        "name": ("Name of this experiment", series.name),
        "codec": ("Name of the codec used to generate this data", series.base),
        "version": ("What encoded, or the model's tag", series.encoder or series.tag or "unknown"),
        "time": ("Timestamp of when this data was generated", time),
        "source_data_set": ("The set of pictures", group.dataset),
    }
    keys = [key for key in FIELDS if all(key in row.figures for row in rows)]
    fields = {
        "original_name": "Original image file name",
        "width": "Width of the original image in pixels",
        "height": "Height of the original image in pixels",
        "quality": "The setting of the codec",
        "encoded_size": "Size of the encoded image file in bytes",
        "bpp": "Size of the encoded image file in bits per pixel",
        **dict(FIELDS[key] for key in keys),
    }
    return {
        "constant_descriptions": [{name: text} for name, (text, _) in constants.items()],
        "constant_values": [value for _, value in constants.values()],
        "field_descriptions": [{name: text} for name, text in fields.items()],
        "field_values": [
            [row.picture, row.width, row.height, setting(row), row.file_bytes, row.bpp, *(row.figures[k] for k in keys)]
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
