"""The benchmark's rows, read from JSON lines: checked one by one, sorted into those that count and those that do not.

A line that cannot be used is named and left out; it never changes a mean. Of several rows for one measurement (same
spec, model, encoder, device, data set, picture) the later figures count, and a figure that the later row lacks is the
earlier one's where both files have the same size. A row with an error counts as a failure unless another row has the
measurement.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS

BPP_TOLERANCE = 0.01
"""How far, relatively, a row's stated bpp may be from 8 * file_bytes / (width * height)."""


LARGEST = 10.0**15
"""Figures beyond it are no measurements; sums of those below are exact enough."""

COSTS = ("encode_seconds", "decode_seconds", "load_seconds", "peak_rss_bytes")


@dataclass(frozen=True)
class Row:
    """One measurement: a spec on a picture. figures: those of METRICS and COSTS that were measured, all finite.

    sha256 is of the picture's file; where a row has none, it is the picture's name. tag, device and processor may be
    "", threads 0.
    """

    spec: str
    tag: str
    encoder: str
    dataset: str
    picture: str
    sha256: str
    width: int
    height: int
    file_bytes: int
    figures: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    processor: str = ""
    threads: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def bpp(self) -> float:
        return 8 * self.file_bytes / (self.width * self.height)

    @property
    def identity(self) -> tuple[str, ...]:
        """Equal for rows that measure the same thing."""
        return self.spec, self.tag, self.encoder, self.device, self.dataset, self.sha256


@dataclass(frozen=True)
class Failure:
    """A row with an error; tag is "" where the failure came before the model was known."""

    spec: str
    tag: str
    dataset: str
    picture: str
    sha256: str
    error: str


@dataclass(frozen=True)
class Results:
    """What the files held: rows that count, failures that no later row made good, and lines that were skipped."""

    rows: Sequence[Row]
    failures: Sequence[Failure]
    damaged: Sequence[str]
    n_superseded: int


class Unusable(Exception):
    """Why a line is no row."""


def read(paths: Sequence[Path]) -> Results:
    """The rows of several files, in their order; raises BadInput for a file that cannot be read."""
    lines: list[tuple[str, str]] = []
    for path in paths:
        try:
            text = path.read_bytes().decode("utf-8", "replace")
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None
        lines += [(f"{path}, line {i}", line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
    return sort(lines)


def sort(lines: Iterable[tuple[str, str]]) -> Results:
    """Sort lines, each with its name for messages."""
    rows: dict[tuple[str, ...], Row] = {}
    failures: dict[tuple[str, str, str, str], Failure] = {}
    damaged: list[str] = []
    n_superseded = 0
    for name, line in lines:
        try:
            found = parse(line)
        except Unusable as why:
            damaged.append(f"{name}: {why}")
            continue
        if isinstance(found, Failure):
            failures[found.spec, found.tag, found.dataset, found.sha256] = found
            continue
        earlier = rows.pop(found.identity, None)
        n_superseded += earlier is not None
        rows[found.identity] = found if earlier is None else completed(found, earlier)
    measured = {(r.spec, tag, r.dataset, r.sha256) for r in rows.values() for tag in (r.tag, "")}
    open_failures = [f for key, f in failures.items() if key not in measured]
    return Results(list(rows.values()), open_failures, damaged, n_superseded)


def completed(later: Row, earlier: Row) -> Row:
    """The later row, with the figures that only the earlier one has where they are of an equally large file."""
    if later.file_bytes != earlier.file_bytes:
        return later
    return replace(later, figures={**earlier.figures, **later.figures})


def parse(line: str) -> Row | Failure:
    """A row of one line; raises Unusable."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise Unusable("not a JSON object") from None
    if not isinstance(found, dict):
        raise Unusable("not a JSON object")
    spec, picture = text_of(found, "spec"), text_of(found, "picture")
    if not spec or not picture:
        raise Unusable("states no spec and picture")
    tag, dataset = text_of(found, "tag"), text_of(found, "dataset")
    sha256 = text_of(found, "sha256") or picture
    if found.get("error") is not None:
        error = " ".join(encodable(str(found["error"])).split()) or "failed without a message"
        return Failure(spec, tag, dataset, picture, sha256, error)
    width, height, file_bytes = (whole(found, key) for key in ("width", "height", "file_bytes"))
    row = Row(
        spec=spec,
        tag=tag,
        encoder=text_of(found, "encoder"),
        dataset=dataset,
        picture=picture,
        sha256=sha256,
        width=width,
        height=height,
        file_bytes=file_bytes,
        figures={key: value for key in (*METRICS, *COSTS) if (value := number(found.get(key))) is not None},
        reasons=texts(found.get("reasons")),
        device=text_of(found, "device"),
        processor=text_of(found, "processor"),
        threads=int(number(found.get("threads")) or 0),
        versions=texts(found.get("versions")),
    )
    stated = number(found.get("bpp"))
    if stated is not None and abs(stated - row.bpp) > BPP_TOLERANCE * row.bpp:
        raise Unusable(f"states {stated:g} bpp, but {file_bytes} bytes of {width}x{height} pixels are {row.bpp:.4g}")
    return row


def text_of(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return encodable(value) if isinstance(value, str) else ""


def texts(value: Any) -> dict[str, str]:
    """The entries of an object, as texts; none of anything else."""
    return {encodable(str(k)): encodable(str(v)) for k, v in value.items()} if isinstance(value, dict) else {}


def encodable(text: str) -> str:
    """The text without lone surrogates, which JSON and names of files can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def number(value: Any) -> float | None:
    """A number of at most LARGEST, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        return None
    return float(value)


def whole(found: Mapping[str, Any], key: str) -> int:
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
        raise Unusable(f"{key} is {json.dumps(value)[:40]}, and not a whole number from 1 to {LARGEST:g}")
    return value
