"""Rows of results: what `sccodec bench` writes and `sccodec report` reads, JSON lines that are only ever appended to.

A line is one measurement. Row says what it holds; as_dict() writes it, and parse() reads it and checks it, whoever
asks. What could not be measured is null, and `reasons` says why, by the name of the metric. Several processes may
append to one file. A line that is damaged stays where it is; readers pass over it.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from sccodec.codec import Spec
from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS

Notice = Callable[[str], None]

COSTS = ("encode_seconds", "decode_seconds", "load_seconds", "peak_rss_bytes")
EQUAL = "the pictures are equal"
"""The reason for a metric that is infinite."""
NOT_ASKED = "not asked for"
"""The reason for a metric that nobody wanted: no news."""
BPP_TOLERANCE = 0.01
"""How far, relatively, a line's stated bpp may be from 8 * file_bytes / (width * height)."""
LARGEST = 10.0**15
"""Figures beyond it are no measurements; sums of those below are exact enough."""
SHOWN = 5
"""Damaged lines of a file that are named one by one."""


TASK = "task"
"""The key by which rows of another kind than this one are told: rows of codecs have none."""


class Damaged(Exception):
    """Why a line is no row."""


class OfAnotherKind(Damaged):
    """The line is a row, of another kind than was asked for: nothing is wrong with it."""


class AnyRow(Protocol):
    """What rows of each kind have."""

    spec: str
    dataset: str
    picture: str
    sha256: str
    error: str | None

    @property
    def label(self) -> str:
        """What was done, for a person."""
        ...

    def as_dict(self) -> dict[str, object]:
        """The object of its line."""
        ...


Kind = TypeVar("Kind", bound=AnyRow)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Row:
    """One measurement: a spec on a picture. What is not known is "" or 0 here, and null in its line.

        spec            codec, variant and options, in canonical form; parse() puts what others wrote into it
        encoder         the library or program that encoded, with its version, where the codec names one
        tag             of the model, hexadecimal; empty for a codec without
        dataset         the name of the set of pictures
        picture         the picture's name in it
        sha256          of the picture's file; parse() gives the picture's name where a line has none
        width, height   pixels
        file_bytes      of the encoded file
        overhead_bytes  those of them that are not entropy-coded picture; None before the file was decoded
        sections        what the others are of: names, and bytes
        figures         METRICS, of the decoded picture in uint8, and COSTS, as far as they were measured; all finite
        metrics         names of those that were tried
        reasons         why a metric, or the peak of memory, is missing, by its name
        repeats         how often encoding and decoding were timed
        threads         that the process was given; libraries of AVIF, HEIC and BPG take as many as they find cores
        device          cpu, or a CUDA device
        processor       the CPU's name, as far as the system tells
        versions        of packages, by their names
        notes           what was to be said about the picture, when it was read and by the codec
        time            when it was measured, UTC
        error           what failed, in one line; otherwise None

    COSTS: encode_seconds and decode_seconds are medians of `repeats`, without what load_seconds has: the first encoding
    and decoding in a process, of a tiny picture, which load libraries, model and session. peak_rss_bytes is the most
    memory that the process had while it encoded and decoded, all of it; programs have none.
    """

    spec: str
    picture: str
    dataset: str = ""
    sha256: str = ""
    encoder: str = ""
    tag: str = ""
    width: int = 0
    height: int = 0
    file_bytes: int = 0
    overhead_bytes: int | None = None
    sections: list[tuple[str, float]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    metrics: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    repeats: int = 0
    threads: int = 0
    device: str = ""
    processor: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    time: str = field(default_factory=now)
    error: str | None = None

    @property
    def label(self) -> str:
        """What was done, for a person."""
        return self.spec

    @property
    def bpp(self) -> float:
        """Bits per pixel; 0 without a file."""
        return 8 * self.file_bytes / (self.height * self.width) if self.file_bytes else 0.0

    def as_dict(self) -> dict[str, object]:
        """The object of its line: every key, in the order of the file."""
        has_info = self.overhead_bytes is not None
        figures = {key: value for key, value in self.figures.items() if math.isfinite(value)}  # JSON knows no infinity
        return {
            "spec": self.spec,
            "encoder": self.encoder or None,
            "tag": self.tag if has_info else None,
            "dataset": self.dataset,
            "picture": self.picture,
            "sha256": self.sha256 or None,
            "width": self.width or None,
            "height": self.height or None,
            "file_bytes": self.file_bytes or None,
            "overhead_bytes": self.overhead_bytes,
            "sections": [{"name": name, "bytes": round(n_bytes, 1)} for name, n_bytes in self.sections],
            "bpp": self.bpp or None,
            **{key: figures.get(key) for key in METRICS},
            "metrics": self.metrics,
            "reasons": self.reasons,
            "encode_seconds": figures.get("encode_seconds"),
            "decode_seconds": figures.get("decode_seconds"),
            "load_seconds": figures.get("load_seconds"),
            "repeats": self.repeats,
            "peak_rss_bytes": figures.get("peak_rss_bytes"),
            "threads": self.threads,
            "device": self.device,
            "processor": self.processor,
            "versions": self.versions,
            "notes": self.notes,
            "time": self.time,
            "error": self.error,
        }


def parse(line: str | bytes) -> Row:
    """The row that a line holds; raises Damaged. Keys may be missing, and others stand there, as in other versions.

    Sizes are checked where the measurement did not fail.
    """
    found = object_of(line)
    if found.get(TASK) is not None:
        raise OfAnotherKind(f"of the task {text(found[TASK])!r}")
    spec, picture = text(found.get("spec")), text(found.get("picture"))
    if not spec or not picture:
        raise Damaged("states no spec and picture")
    metrics, error = found.get("metrics") or [], found.get("error")
    if not isinstance(metrics, list) or not all(isinstance(name, str) for name in metrics):
        raise Damaged("metrics is no list of names")
    row = Row(
        spec=canonical(spec),
        picture=picture,
        dataset=text(found.get("dataset")),
        sha256=text(found.get("sha256")) or picture,
        encoder=text(found.get("encoder")),
        tag=text(found.get("tag")),
        overhead_bytes=count(found.get("overhead_bytes")),
        sections=sections(found.get("sections")),
        figures={key: value for key in (*METRICS, *COSTS) if (value := number(found.get(key))) is not None},
        metrics=metrics,
        reasons=texts(found.get("reasons")),
        repeats=count(found.get("repeats")) or 0,
        threads=count(found.get("threads")) or 0,
        device=text(found.get("device")),
        processor=text(found.get("processor")),
        versions=texts(found.get("versions")),
        notes=[text(note) for note in listed(found.get("notes"))],
        time=text(found.get("time")),
        error=said(error),
    )
    row.width, row.height, row.file_bytes = (
        count(found.get(key)) or 0 if error is not None else positive(found, key)
        for key in ("width", "height", "file_bytes")
    )
    stated = number(found.get("bpp"))
    if error is None and stated is not None and abs(stated - row.bpp) > BPP_TOLERANCE * row.bpp:
        size = f"{row.file_bytes} bytes of {row.width}x{row.height} pixels"
        raise Damaged(f"states {stated:g} bpp, but {size} are {row.bpp:.4g}")
    return row


def object_of(line: str | bytes) -> dict[str, object]:
    """The JSON object of a line; raises Damaged."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise Damaged("not a JSON object") from None
    if not isinstance(found, dict):
        raise Damaged("not a JSON object")
    return found


def said(error: object) -> str | None:
    """What a row says of what failed, in one line; None where nothing did."""
    return None if error is None else " ".join(encodable(str(error)).split()) or "failed without a message"


def text(value: object) -> str:
    return encodable(value) if isinstance(value, str) else ""


def canonical(spec: str) -> str:
    """The spec in its canonical form, so that rows of the same are found; a text that is no spec stays as it is."""
    try:
        return str(Spec.parse(spec).canonical())
    except BadInput:
        return spec


def texts(value: object) -> dict[str, str]:
    """The entries of an object, as texts; none of anything else."""
    return {encodable(str(k)): encodable(str(v)) for k, v in value.items()} if isinstance(value, dict) else {}


def encodable(value: str) -> str:
    """The text without lone surrogates, which JSON and names of files can hold and UTF-8 cannot."""
    return value.encode("utf-8", "replace").decode("utf-8")


def listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def sections(value: object) -> list[tuple[str, float]]:
    """Names and bytes of a list of objects."""
    objects = [item for item in listed(value) if isinstance(item, dict)]
    return [(text(item.get("name")), number(item.get("bytes")) or 0.0) for item in objects]


def number(value: object) -> float | None:
    """A number of at most LARGEST, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        return None
    return float(value)


def count(value: object) -> int | None:
    """A whole number from 0, or None."""
    found = number(value)
    return None if found is None or found < 0 else int(found)


def positive(found: Mapping[str, object], key: str) -> int:
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
        raise Damaged(f"{key} is {json.dumps(value)[:40]}, and not a whole number from 1 to {LARGEST:g}")
    return value


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that hold anything, and their numbers."""
    with path.open("rb") as file:
        for i, line in enumerate(file, 1):
            if line.strip():
                yield i, line.decode("utf-8", "replace")


def read(path: Path, notice: Notice) -> list[Row]:
    """The rows of a file that are of codecs, as read_kind() has it."""
    return read_kind(path, parse, notice)


def read_kind(path: Path, parse: Callable[[str], Kind], notice: Notice) -> list[Kind]:
    """The rows of one kind in a file, in its order; none where it does not exist.

    A line that is no row is named in a notice; rows of other kinds are passed over. Raises BadInput for a file that
    holds lines, and no row among them: it is something else.
    """
    if not path.exists():
        return []
    rows: list[Kind] = []
    damaged: list[int] = []
    others = False
    for i, line in lines(path):
        try:
            rows.append(parse(line))
        except OfAnotherKind:
            others = True
        except Damaged:
            damaged.append(i)
    if damaged and not rows and not others:
        raise BadInput(f"{path}: holds no rows of results")
    for i in damaged[:SHOWN]:
        notice(f"{path}: line {i} is damaged, and is passed over")
    if len(damaged) > SHOWN:
        notice(f"{path}: {len(damaged)} lines in all are damaged, and are passed over")
    return rows


def line_of(row: AnyRow) -> bytes:
    """The row as a line of JSON."""
    return json.dumps(row.as_dict(), ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace") + b"\n"


def append(path: Path, row: AnyRow) -> None:
    """Append a row in one write, under a lock; raises OSError, after which nothing of it is in the file.

    Where another writer was killed within its line, the row begins a new one.
    """
    line = line_of(row)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with locked(descriptor):
            end = os.lseek(descriptor, 0, os.SEEK_END)
            if end:
                os.lseek(descriptor, end - 1, os.SEEK_SET)
                if os.read(descriptor, 1) != b"\n":
                    line = b"\n" + line
            if os.write(descriptor, line) != len(line):  # a full disk takes what fits
                os.ftruncate(descriptor, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(descriptor)


@contextmanager
def locked(descriptor: int) -> Iterator[None]:
    """Keep other writers out, where the system knows locks of files."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def identity(row: Row) -> tuple[str, str, str]:
    """What makes two rows measurements of the same: spec, device, SHA-256 of the picture. The tag is apart."""
    return row.spec, row.device, row.sha256


def current(rows: list[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """The rows without error by identity, the latest last."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.error is None:
            found.setdefault(identity(row), []).append(row)
    return found
