"""The benchmark's rows, read from JSON lines: sorted into those that count and those that do not.

A line that cannot be used is named and left out; it never changes a mean. Of several rows for one measurement (same
spec, model, encoder, device, data set, picture) the later figures count, and a figure that the later row lacks is the
earlier one's where both files have the same size. A row with an error counts as a failure unless another row has the
measurement. What a row is, and which lines are none, says sccodec.bench.rows.

A picture is its file's content: equal files under several names are one. Where a name in a data set stands for several
contents, the picture was changed, and rows of all but the latest are passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sccodec.bench.lines import Damaged, OfAnotherKind, encodable, lines
from sccodec.bench.rows import COSTS, Row, parse
from sccodec.errors import BadInput

__all__ = ["COSTS", "Results", "Row", "encodable", "read", "sort"]


@dataclass(frozen=True)
class Results:
    """rows: of measurements that count; failures: rows with an error that no other row makes good.

    damaged: names of lines that are none, and why. n_superseded: rows that a later one replaced. n_changed: rows of
    pictures that were changed since. others: rows of other kinds by their task, which are no part of it.
    """

    rows: Sequence[Row]
    failures: Sequence[Row]
    damaged: Sequence[str]
    n_superseded: int
    n_changed: int = 0
    others: Mapping[str, int] = field(default_factory=dict)


def read(paths: Sequence[Path]) -> Results:
    """The rows of several files, in their order; raises BadInput for a file that cannot be read."""
    found: list[tuple[str, str]] = []
    for path in paths:
        try:
            found += [(f"{path}, line {i}", line) for i, line in lines(path)]
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None
    return sort(found)


def sort(named: Iterable[tuple[str, str]]) -> Results:
    """Sort lines, each with its name for messages."""
    every: list[Row] = []
    damaged: list[str] = []
    others: Counter[str] = Counter()
    for name, line in named:
        try:
            every.append(parse(line))
        except OfAnotherKind as other:
            others[other.task] += 1
        except Damaged as why:
            damaged.append(f"{name}: {why}")
    current = without_changed(every)
    rows: dict[tuple[str, ...], Row] = {}
    failures: dict[tuple[str, ...], Row] = {}
    n_superseded = 0
    for found in current:
        if found.error is not None:
            failures[found.spec, found.tag, found.dataset, found.sha256] = found
            continue
        earlier = rows.pop(identity(found), None)
        n_superseded += earlier is not None
        rows[identity(found)] = found if earlier is None else completed(found, earlier)
    measured = {(r.spec, tag, r.dataset, r.sha256) for r in rows.values() for tag in (r.tag, "")}
    by_name: dict[tuple[str, ...], str] = {}
    for r in rows.values():
        by_name[named_of(r)] = max(r.time, by_name.get(named_of(r), ""))
    open_failures = [
        f
        for key, f in failures.items()
        if key not in measured and (has_content(f) or named_of(f) not in by_name or f.time > by_name[named_of(f)])
    ]
    return Results(list(rows.values()), open_failures, damaged, n_superseded, len(every) - len(current), others)


def without_changed(rows: Sequence[Row]) -> list[Row]:
    """The rows of what each picture's name stands for at last, by the time of its rows, and by their order.

    Rows that state no SHA-256 say nothing about changes.
    """
    latest: dict[tuple[str, str], tuple[str, str]] = {}
    for row in rows:
        key = row.dataset, row.picture
        if has_content(row) and row.time >= latest.get(key, ("", ""))[0]:
            latest[key] = row.time, row.sha256
    return [row for row in rows if not has_content(row) or latest[row.dataset, row.picture][1] == row.sha256]


def has_content(row: Row) -> bool:
    """Whether the row states the SHA-256 of its picture's file; parse() puts the picture's name in its place."""
    return row.sha256 not in ("", row.picture)


def named_of(row: Row) -> tuple[str, ...]:
    """What was measured, by the picture's name: all that is known of a failure of a file that could not be read."""
    return row.dataset, row.picture, row.spec


def identity(row: Row) -> tuple[str, ...]:
    """Equal for rows that measure the same thing."""
    return row.spec, row.tag, row.encoder, row.device, row.dataset, row.sha256


def completed(later: Row, earlier: Row) -> Row:
    """The later row, with the figures that only the earlier one has where they are of an equally large file."""
    if later.file_bytes != earlier.file_bytes:
        return later
    return replace(later, figures={**earlier.figures, **later.figures})
