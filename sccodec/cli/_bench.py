"""What `sccodec bench` says while it runs and when it ends: progress with the time left, errors, the table."""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Generic, TypeVar

import click

from sccodec.cli._report import Reporter
from sccodec.metrics.table import BRIEF, METRICS, Metric
from sccodec.notices import ignore

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from sccodec.bench.lines import AnyRow
    from sccodec.bench.rows import Row
    from sccodec.bench.run import Plan
    from sccodec.bench.segment_plan import Plan as SegmentPlan
    from sccodec.bench.transmit_plan import Plan as TransmitPlan

Kind = TypeVar("Kind", bound="AnyRow")
"""A row of a codec, of a segmenter, or of a link."""

ASKED_SECONDS = 60.0
"""A run that is expected to take longer says so also where what it measures was named."""
SHOWN_ERRORS = 10
FIRST_SECONDS, LATER_SECONDS = 15.0, 60.0
"""Where no terminal shows a bar: when a line says how far it is, and how long none does afterwards."""


def announce(output: Path, plan: Plan | SegmentPlan | TransmitPlan, equal: str, version: str) -> None:
    """Say what there is to know of the rows that are there. equal: of copies, if there are any; version: of what."""
    notice = Reporter().notice
    for text in plan.remarks:
        notice(f"{output}: {text}")
    if plan.copies:
        notice(equal)
    if plan.skipped:
        notice(f"{plan.skipped} rows are in {output} already")
    if plan.stale:
        notice(f"{plan.stale} of them are of another {version}; --redo stale measures them again")


def equal_files(copies: int) -> str:
    """What is said of files that are equal to one of the pictures."""
    more = "1 more file is" if copies == 1 else f"{copies} more files are"
    return f"{more} equal to one of the pictures: each picture is measured and counted once"


def announce_work(total: int, pictures: int, seconds: float, *, is_asked: bool) -> None:
    """Say how much there is to measure, unless it is named, and little."""
    from sccodec.bench.defaults import in_words

    if total and (not is_asked or seconds >= ASKED_SECONDS):
        many = "s" * (pictures != 1)
        Reporter().notice(f"{total} rows to measure, of {pictures} picture{many}: {in_words(seconds)} on two cores")


@dataclass
class Bar:
    """The progress bar of a terminal."""

    progress: Progress
    task: TaskID

    def move(self, seconds: float, said: str) -> None:
        self.progress.update(self.task, advance=seconds, description=said)


class Course:
    """How far a run is: rows that are there, and about how long the others take.

    weights: what each measurement is expected to take, by spec and picture; how long those took that are there
    tells what the others will.
    """

    def __init__(
        self, weights: Mapping[tuple[str, str], float], reporter: Reporter, bar: Bar | None, clock: Callable[[], float]
    ) -> None:
        self._weights, self._reporter, self._bar, self._clock = weights, reporter, bar, clock
        self._begun = clock()
        self._next = self._begun + FIRST_SECONDS
        self._done, self._rows = 0.0, 0

    def advance(self, spec: str, picture: str) -> None:
        """Count a row; the bar moves, or a line says how far it is, now and then."""
        weight = self._weights.get((spec, picture), 0.0)
        self._done += weight
        self._rows += 1
        if self._bar is not None:
            self._bar.move(weight, self.said())
        elif self._clock() >= self._next and self._rows < len(self._weights):
            self._next = self._clock() + LATER_SECONDS
            self._reporter.notice(self.said())

    def said(self) -> str:
        """How far it is: "120 of 840 rows, about 12 minutes left"."""
        from sccodec.bench.defaults import in_words

        total = sum(self._weights.values())
        left = (self._clock() - self._begun) * (total - self._done) / self._done if self._done else total
        rest = f", {in_words(left)} left" if self._rows < len(self._weights) else ""
        return f"{self._rows} of {len(self._weights)} rows{rest}"

    def finished(self, text: str) -> None:
        """Say that a spec is through, where there is a bar to stand above; the table will have it in any case."""
        if self._bar is not None:
            self._reporter.notice(text)


@contextmanager
def following(
    weights: Mapping[tuple[str, str], float], clock: Callable[[], float] = time.monotonic
) -> Iterator[tuple[Reporter, Course]]:
    """A reporter and the course of a run, with a bar where a person watches. weights: as Course has them."""
    if len(weights) < 2 or not sys.stderr.isatty():
        yield (reporter := Reporter()), Course(weights, reporter, None, clock)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = BarColumn(bar_width=24), TextColumn("{task.description}", markup=False)
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        bar = Bar(progress, progress.add_task("begins", total=sum(weights.values())))
        yield (reporter := Reporter(progress)), Course(weights, reporter, bar, clock)


class Summary(Generic[Kind]):
    """Counts rows and errors, and tells when the last picture is through of what is done to all.

    expected: how many rows there will be of each, by what they say of it. describe: the line of those that are through.
    It prints the first errors; one that a picture has with every spec, as one that cannot be read, is printed once.
    """

    def __init__(
        self, expected: Counter[str], reporter: Reporter, course: Course, describe: Callable[[str, list[Kind]], str]
    ) -> None:
        self._left = expected
        self._describe = describe
        self._reporter = reporter
        self._course = course
        self._rows: dict[str, list[Kind]] = {}
        self.n_errors = 0
        self._said: set[tuple[str, str]] = set()

    def add(self, row: Kind) -> None:
        label = row.label
        self._rows.setdefault(label, []).append(row)
        self._left[label] -= 1
        if row.error is not None:
            self.n_errors += 1
            self._say(row, row.error)
        if self._left[label] == 0:
            self._course.finished(self._describe(label, self._rows.pop(label)))
        self._course.advance(label, row.picture)

    def _say(self, row: Kind, error: str) -> None:
        if (row.picture, error) in self._said:
            return
        self._said.add((row.picture, error))
        if len(self._said) <= SHOWN_ERRORS:
            self._reporter.error(f"{row.picture}, {row.label}: {error}")
        elif len(self._said) == SHOWN_ERRORS + 1:
            self._reporter.error("more rows fail, which are counted in the end")


def print_table(output: Path, plan: Plan, specs: Sequence[str]) -> bool:
    """The table of all rows that the run was about, on standard output; gives whether there is one."""
    from sccodec.bench import rows
    from sccodec.report import summary

    found = [row for row in rows.read(output, ignore) if plan.asks_for(row)]
    lines = summary.lines(found, plan.setup.dataset, specs, len(plan.entries))
    for line in lines or ["no measurement succeeded yet: there is nothing to show"]:
        click.echo(line)
    return bool(lines)


def absent(missing: Mapping[str, str], metrics: Sequence[str]) -> str:
    """What is not measured, and why, in one line, or ""."""
    found: dict[str, list[str]] = {}
    for name in metrics:
        if name in missing:
            found.setdefault(missing[name], []).append(METRICS[name].column or METRICS[name].label)
    texts = [f"{', '.join(dict.fromkeys(labels))} is left out, it {why}" for why, labels in found.items()]
    return "; ".join(texts)


def tell_missing(missing: Mapping[str, str], metrics: Sequence[str]) -> None:
    """Say of metrics that were asked for that they cannot be had, and why."""
    for each in metrics:
        if each in missing:
            Reporter().notice(f"{each} is left out: {missing[each]}")


def safe_stem(name: str) -> str:
    """A data set's name as that of a file, on any system."""
    return re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("._")[:80] or "pictures"


def describe(spec: str, measured: list[Row]) -> str:
    """Means over the pictures of a spec, in one line."""
    good = [row for row in measured if row.error is None]
    parts = [f"{len(good)} of {len(measured)} pictures"]
    if good:
        parts.append(f"{fmean(row.bpp for row in good):.4f} bpp")
    for key, said in SAID.items():
        values = [row.figures[key] for row in good if key in row.figures]
        if values and len(values) == len(good):
            parts.append(said(fmean(values)))
    return f"{spec}: {', '.join(parts)}"


def said_of(metric: Metric) -> Callable[[float], str]:
    """The unit says what it is, and without one the name does: "30.12 dB", "MS-SSIM 0.9876"."""
    return metric.quantity if metric.unit else lambda value: f"{metric.label} {metric.number(value)}"


SAID: Mapping[str, Callable[[float], str]] = {
    **{key: said_of(METRICS[key]) for key in BRIEF},
    "encode_seconds": "encode {:.3f} s".format,
    "decode_seconds": "decode {:.3f} s".format,
}
"""What a line has beside the rate, and how."""
