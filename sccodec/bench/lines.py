"""Lines of results, of whatever kind: what all rows have, how their lines are read and checked, and how appended.

What was measured of codecs, segmenters and links are rows of three kinds (rows, segment_rows, transmit_rows), which may
stand in one file. A line is an object of JSON, and one measurement; `task` says of which kind, and rows of codecs have
none. Several processes may append to one file. A line that is damaged stays where it is; readers pass over it.
"""

from __future__ import annotations

import errno
import json
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS

Notice = Callable[[str], None]

TASK = "task"
"""The key by which rows of another kind are told: rows of codecs have none."""
CODE, SEGMENT, TRANSMIT = "code", "segment", "transmit"
"""Tasks; the first stands in no line."""
EQUAL = "the pictures are equal"
"""The reason for a metric that is infinite."""
NOT_ASKED = "not asked for"
"""The reason for a metric that nobody wanted: no news."""
LARGEST = 10.0**15
"""Figures beyond it are no measurements; sums of those below are exact enough."""
SHOWN = 5
"""Damaged lines of a file that are named one by one."""


class Damaged(Exception):
    """Why a line is no row."""


class OfAnotherKind(Damaged):
    """The line is a row, of another kind than was asked for: nothing is wrong with it. task: that it is of."""

    def __init__(self, task: str) -> None:
        super().__init__(f"of the task {task!r}")
        self.task = task


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class AnyRow(ABC):
    """What rows of each kind have. What is not known is "" or 0 here, and null in the line.

    spec            what was measured, in canonical form
    picture         the picture's name in its set
    dataset         the name of the set of pictures
    sha256          of the picture's file; the picture's name where a line has none
    tag             of the model, hexadecimal; empty without
    width, height   pixels
    repeats         how often the work was timed
    threads         that the process was given
    device          cpu, or a CUDA device
    processor       the CPU's name, as far as the system tells
    versions        of packages, by their names
    notes           what was to be said about the picture, when it was read and by what was measured
    time            when it was measured, UTC
    error           what failed, in one line; otherwise None
    """

    spec: str
    picture: str
    dataset: str = ""
    sha256: str = ""
    tag: str = ""
    width: int = 0
    height: int = 0
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

    @abstractmethod
    def as_dict(self) -> dict[str, object]:
        """The object of its line: every key, in the order of the file."""

    def subject(self) -> dict[str, object]:
        """For as_dict(): which picture it is of."""
        return {
            "dataset": self.dataset,
            "picture": self.picture,
            "sha256": self.sha256 or None,
        }

    def size(self) -> dict[str, object]:
        """For as_dict(): the picture's."""
        return {"width": self.width or None, "height": self.height or None}

    def circumstances(self) -> dict[str, object]:
        """For as_dict(), at its end: how, where and when it was measured."""
        return {
            "repeats": self.repeats,
            "threads": self.threads,
            "device": self.device,
            "processor": self.processor,
            "versions": self.versions,
            "notes": self.notes,
            "time": self.time,
            "error": self.error,
        }

    def take(self, found: Mapping[str, object]) -> None:
        """What a line says of all this but spec and picture; raises Damaged for a size where nothing failed."""
        self.dataset, self.tag = text(found.get("dataset")), text(found.get("tag"))
        self.sha256 = text(found.get("sha256")) or self.picture
        self.repeats, self.threads = count(found.get("repeats")) or 0, count(found.get("threads")) or 0
        self.device, self.processor = text(found.get("device")), text(found.get("processor"))
        self.versions = texts(found.get("versions"))
        self.notes = [text(note) for note in listed(found.get("notes"))]
        self.time, self.error = text(found.get("time")), said(found.get("error"))
        self.width, self.height = self.sized(found, "width"), self.sized(found, "height")

    def sized(self, found: Mapping[str, object], key: str) -> int:
        """A number that a measurement has, and a failure may lack; raises Damaged."""
        return count(found.get(key)) or 0 if self.error is not None else positive(found, key)


@dataclass
class JudgedRow(AnyRow):
    """A row of a picture that came out of something, and was compared with what went in.

    figures         METRICS, of the picture in uint8, and costs, as far as they were measured; all finite
    metrics         names of those that were tried
    reasons         why a metric, or a cost, is missing, by its name
    """

    figures: dict[str, float] = field(default_factory=dict)
    metrics: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)

    def figure(self, key: str) -> float | None:
        """For as_dict(): JSON knows no infinity."""
        value = self.figures.get(key)
        return value if value is not None and math.isfinite(value) else None

    def judgement(self) -> dict[str, object]:
        """For as_dict(): every metric, which were tried, and why others are missing."""
        return {key: self.figure(key) for key in METRICS} | {"metrics": self.metrics, "reasons": self.reasons}

    def take_figures(self, found: Mapping[str, object], costs: Sequence[str]) -> None:
        """What a line says of metrics and costs; raises Damaged."""
        metrics = found.get("metrics") or []
        if not isinstance(metrics, list) or not all(isinstance(name, str) for name in metrics):
            raise Damaged("metrics is no list of names")
        self.metrics, self.reasons = metrics, texts(found.get("reasons"))
        self.figures = {key: value for key in (*METRICS, *costs) if (value := number(found.get(key))) is not None}


Kind = TypeVar("Kind", bound=AnyRow)


def names_of(found: Mapping[str, object]) -> tuple[str, str]:
    """Spec and picture of a line, as they stand there; raises Damaged where it states none."""
    spec, picture = text(found.get("spec")), text(found.get("picture"))
    if not spec or not picture:
        raise Damaged("states no spec and picture")
    return spec, picture


def task_of(found: Mapping[str, object]) -> str:
    """Which kind of row a line is."""
    return CODE if found.get(TASK) is None else text(found[TASK])


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


def texts(value: object) -> dict[str, str]:
    """The entries of an object, as texts; none of anything else."""
    return {encodable(str(k)): encodable(str(v)) for k, v in value.items()} if isinstance(value, dict) else {}


def encodable(value: str) -> str:
    """The text without lone surrogates, which JSON and names of files can hold and UTF-8 cannot."""
    return value.encode("utf-8", "replace").decode("utf-8")


def listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


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
