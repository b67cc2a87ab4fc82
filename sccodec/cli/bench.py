"""`sccodec bench`: specs times pictures, measured on decoded bytes, a JSON line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import click

from sccodec.cli import _options
from sccodec.cli._report import Reporter, reporting
from sccodec.metrics.table import BRIEF, METRICS, Metric

if TYPE_CHECKING:
    from sccodec.bench.rows import Row
    from sccodec.codec import Options

SHOWN_ERRORS = 10


@click.command("bench")
@click.option("--dataset", required=True, metavar="X",
              help="Folder, glob, tar archive, picture, or a name that `sccodec data list` has.")  # fmt: skip
@click.option("-m", "--codec", "specs", multiple=True, required=True, metavar="SPEC",
              help="Codec, with lists and ranges: jpeg:q=5,10,20 or hyperprior:q=10..90/10; or all.")  # fmt: skip
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
              help="File of JSON lines; rows are appended.")  # fmt: skip
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 1024), metavar="N",
              help="Processes, which share the cores; with several, they slow one another down.")  # fmt: skip
@click.option("--metric", "metrics", multiple=True, metavar="NAME,...",
              help=f"{', '.join(METRICS)}; default: what is there.")  # fmt: skip
@click.option("--repeat", default=3, show_default=True, type=click.IntRange(1, 1000), metavar="N",
              help="Encode and decode so often; times are medians.")  # fmt: skip
@_options.running
@click.pass_context
def command(
    ctx: click.Context,
    dataset: str,
    specs: tuple[str, ...],
    output: Path,
    jobs: int,
    metrics: tuple[str, ...],
    repeat: int,
    options: Options,
) -> None:
    """Encode pictures, decode the bytes, and measure: a row for each picture and each spec.

    Rows that the file has already are not measured again: what was interrupted goes on. What fails is a row too, and
    makes the exit code 1; the next run tries it again.
    """
    from sccodec.bench import datasets, gauge, rows, run
    from sccodec.bench import specs as expansion

    wish = run.Wish(expansion.expand(specs), gauge.choose(metrics), options, repeat, jobs)
    found = datasets.find(dataset)
    held = rows.read(output, Reporter().notice)
    with output.open("ab"):
        pass  # where it cannot be written, that is said now
    plan = run.make_plan(found, wish, held, Reporter().notice)
    if metrics:
        for name in wish.metrics:
            if name in plan.setup.missing:
                Reporter().notice(f"{name} is left out: {plan.setup.missing[name]}")
    if plan.skipped:
        Reporter().notice(f"{plan.skipped} rows are in {output} already")
    total = sum(1 for _ in plan.items())
    with reporting(total) as (reporter, advance):
        summary = Summary(Counter(item.spec for item in plan.items()), reporter)

        def keep(row: Row) -> None:
            rows.append(output, row)
            summary.add(row)
            advance()

        run.run(plan, jobs, keep)
    if summary.n_errors:
        Reporter().error(f"{summary.n_errors} of {total} rows failed, see {output}")
    ctx.exit(int(summary.n_errors > 0))


class Summary:
    """Prints a line for each spec when its last picture is through, and the first errors."""

    def __init__(self, expected: Counter[str], reporter: Reporter) -> None:
        self._left = expected
        self._reporter = reporter
        self._rows: dict[str, list[Row]] = {}
        self.n_errors = 0

    def add(self, row: Row) -> None:
        spec = row.spec
        self._rows.setdefault(spec, []).append(row)
        self._left[spec] -= 1
        if row.error is not None:
            self.n_errors += 1
            if self.n_errors <= SHOWN_ERRORS:
                self._reporter.error(f"{row.picture}, {spec}: {row.error}")
            elif self.n_errors == SHOWN_ERRORS + 1:
                self._reporter.error("more rows fail, which are counted in the end")
        if self._left[spec] == 0:
            self._reporter.result(describe(spec, self._rows.pop(spec)))


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
