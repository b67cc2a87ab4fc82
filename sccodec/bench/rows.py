"""Rows of results: JSON lines that are only ever appended to, whole or not at all.

A line is one measurement, an object with the keys of KEYS; what could not be measured is null, and `reasons` says why,
by the name of the metric. Several processes may append to one file. A line that is damaged stays where it is; readers
pass over it.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS

KEYS: Mapping[str, str] = {
    "spec": "codec, variant and options, as they were asked for",
    "encoder": "the library or program that encoded, with its version, where the codec names one",
    "tag": "of the model, hexadecimal; empty for a codec without",
    "dataset": "the name of the set of pictures",
    "picture": "the picture's name in it",
    "sha256": "of the picture's file",
    "width": "pixels",
    "height": "pixels",
    "file_bytes": "of the encoded file",
    "overhead_bytes": "those of them that are not entropy-coded picture",
    "sections": "what the others are of: objects with name and bytes",
    "bpp": "8 * file_bytes / (width * height)",
    **dict.fromkeys(METRICS, "of the decoded picture, uint8"),
    "metrics": "names of those that were tried",
    "reasons": "why a metric, or the peak of memory, is null, by its name",
    "encode_seconds": "median of `repeats`, without what load_seconds has",
    "decode_seconds": "the same",
    "load_seconds": "of the first encoding and decoding in its process, of a tiny picture: libraries, model, session",
    "repeats": "how often encoding and decoding were timed",
    "peak_rss_bytes": "the most memory the process had while it encoded and decoded, all of it; null for programs",
    "threads": "that the process was given; the libraries of AVIF, HEIC and BPG take as many as they find cores",
    "device": "cpu, or a CUDA device",
    "processor": "the CPU's name, as far as the system tells",
    "versions": "of packages, by their names",
    "notes": "what was to be said about the picture, when it was read and by the codec",
    "time": "when it was measured, UTC",
    "error": "what failed, in one line; otherwise null",
}

SHOWN = 5
"""Damaged lines of a file that are named one by one."""

Row = dict[str, Any]
Notice = Callable[[str], None]


def empty(**known: Any) -> Row:
    """A row with every key, null but for what is known."""
    row: Row = dict.fromkeys(KEYS)
    row |= {"sections": [], "metrics": [], "reasons": {}, "notes": [], "versions": {}}
    row["time"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return row | known


def read(path: Path, notice: Notice) -> list[Row]:
    """The rows of a file, in its order; none where it does not exist. A line that is no row is named in a notice.

    Raises BadInput for a file that holds lines, and no row among them: it is something else.
    """
    if not path.exists():
        return []
    rows: list[Row] = []
    damaged: list[int] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            row = parse(line)
            if row is not None:
                rows.append(row)
                continue
            damaged.append(number)
    if damaged and not rows:
        raise BadInput(f"{path}: holds no rows of results")
    for number in damaged[:SHOWN]:
        notice(f"{path}: line {number} is damaged, and is passed over")
    if len(damaged) > SHOWN:
        notice(f"{path}: {len(damaged)} lines in all are damaged, and are passed over")
    return rows


def parse(line: bytes) -> Row | None:
    """The row that a line holds, or None where it holds none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("spec", "picture")):
        return None
    metrics = row.get("metrics") or []
    tried = isinstance(metrics, list) and all(isinstance(name, str) for name in metrics)
    return row if tried else None


def line_of(row: Row) -> bytes:
    """The row as a line of JSON, which knows no infinity: null stands in its place."""
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
    return json.dumps(finite, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace") + b"\n"


def append(path: Path, row: Row) -> None:
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


def identity(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """What makes two rows measurements of the same: spec, device, SHA-256 of the picture. The tag is apart."""
    return str(row.get("spec")), str(row.get("device")), str(row.get("sha256"))


def current(rows: list[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """The rows without error by identity, the latest last."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.get("error") is None:
            found.setdefault(identity(row), []).append(row)
    return found
