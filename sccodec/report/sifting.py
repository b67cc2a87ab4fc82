"""Which rows of a kind count: of one measurement the last, and of a picture's name what it stands for at last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from sccodec.bench import lines
from sccodec.bench.lines import AnyRow, Damaged, OfAnotherKind
from sccodec.errors import BadInput

Kind = TypeVar("Kind", bound=AnyRow)
Key = tuple[object, ...]
UNNAMED = "pictures"
"""What rows without a data set are called."""


@dataclass(frozen=True)
class Reading(Generic[Kind]):
    """What files hold. damaged: names of lines that are no rows, and why. others: counts of other rows, by task."""

    rows: list[Kind]
    damaged: list[str]
    others: Counter[str] = field(default_factory=Counter)


def read(paths: Sequence[Path], parse: Callable[[str], Kind]) -> Reading[Kind]:
    """The rows of one kind in several files, in their order; raises BadInput for a file that cannot be read."""
    found: Reading[Kind] = Reading([], [])
    for path in paths:
        try:
            for i, line in lines.lines(path):
                try:
                    found.rows.append(parse(line))
                except OfAnotherKind as other:
                    found.others[other.task] += 1
                except Damaged as why:
                    found.damaged.append(f"{path}, line {i}: {why}")
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None
    return found


@dataclass(frozen=True)
class Sieve(Generic[Kind]):
    """How rows of a kind are told apart.

    done: what was done. files: digests of what it was done to; known: whether the row has them. marks: models and
    encoders, with which the same is another measurement.
    """

    done: Callable[[Kind], Key]
    files: Callable[[Kind], Key]
    known: Callable[[Kind], bool]
    marks: Callable[[Kind], Key]

    def named(self, row: Kind) -> Key:
        """What was measured, by the picture's name: all that is known of a failure of files that could not be read."""
        return row.dataset, row.picture, *self.done(row)


@dataclass(frozen=True)
class Sifted(Generic[Kind]):
    """rows: of measurements that count; failures: rows with an error that no other row makes good.

    damaged: names of lines that are none, and why. n_superseded: rows that a later one replaced. n_changed: rows of
    files that were changed since.
    """

    rows: Sequence[Kind]
    failures: Sequence[Kind]
    damaged: Sequence[str] = ()
    n_superseded: int = 0
    n_changed: int = 0

    def by_dataset(self) -> dict[str, list[Kind]]:
        """All rows, failures last, by the name of their data set, in their order."""
        found: dict[str, list[Kind]] = {}
        for row in (*self.rows, *self.failures):
            found.setdefault(row.dataset or UNNAMED, []).append(row)
        return found


def sift(every: Sequence[Kind], sieve: Sieve[Kind], damaged: Sequence[str] = ()) -> Sifted[Kind]:
    """The rows that count.

    A row makes good what failed on the same files; where one of them was missing, on that picture before.
    """
    kept = without_changed(every, sieve)
    found: dict[Key, Kind] = {}
    failures: dict[Key, Kind] = {}
    n_superseded = 0
    for row in kept:
        key = row.dataset, *sieve.done(row), *sieve.files(row)
        if row.error is not None:
            failures[key] = row
            continue
        whole = (*sieve.marks(row), *key)
        n_superseded += found.pop(whole, None) is not None
        found[whole] = row
    measured = {(row.dataset, *sieve.done(row), *sieve.files(row)) for row in found.values()}
    by_name: dict[Key, str] = {}
    for row in found.values():
        by_name[sieve.named(row)] = max(row.time, by_name.get(sieve.named(row), ""))
    open_failures = [
        row
        for key, row in failures.items()
        if key not in measured
        and (sieve.known(row) or sieve.named(row) not in by_name or row.time > by_name[sieve.named(row)])
    ]
    return Sifted(list(found.values()), open_failures, damaged, n_superseded, len(every) - len(kept))


def without_changed(every: Sequence[Kind], sieve: Sieve[Kind]) -> list[Kind]:
    """The rows of what each picture's name stands for at last, by the time of its rows, and by their order."""
    latest: dict[tuple[str, str], tuple[str, Key]] = {}
    for row in every:
        key = row.dataset, row.picture
        if sieve.known(row) and row.time >= latest.get(key, ("", ()))[0]:
            latest[key] = row.time, sieve.files(row)
    return [row for row in every if not sieve.known(row) or latest[row.dataset, row.picture][1] == sieve.files(row)]
