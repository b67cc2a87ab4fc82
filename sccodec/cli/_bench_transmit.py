"""`sccodec bench` of links: transmissions of pictures over noisy channels, a JSON line each, and a table in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import click

from sccodec.cli import _bench
from sccodec.cli._report import Reporter
from sccodec.metrics.table import BRIEF, METRICS
from sccodec.notices import ignore

if TYPE_CHECKING:
    from sccodec.bench.entries import Dataset
    from sccodec.bench.transmit_plan import Plan, Wish
    from sccodec.bench.transmit_rows import TransmitRow
    from sccodec.codec import Options


@dataclass(frozen=True)
class Asked:
    """What the command line says of what is to be measured: texts with lists and ranges."""

    specs: tuple[str, ...]
    snrs: tuple[str, ...]
    channels: tuple[str, ...]
    seeds: tuple[str, ...]
    metrics: tuple[str, ...]

    def wish(self, options: Options, repeats: int, jobs: int, redo: str) -> Wish:
        """What is to be measured; raises BadInput for links that there are not, and for what they do not have."""
        from sccodec.bench import gauge, transmit_plan, transmit_specs

        if not self.specs:
            raise click.UsageError("-m names the links that are measured: -m separate:hyperprior,code=capacity")
        asked = transmit_specs.expand(self.specs, self.snrs, self.channels, self.seeds)
        metrics = gauge.choose(self.metrics)
        _bench.tell_missing(gauge.missing(), metrics if self.metrics else ())
        return transmit_plan.Wish(asked, metrics, options, repeats, jobs, redo, says_missing=not self.metrics)


def run(found: Dataset, output: Path | None, wish: Wish) -> int:
    """Measure what is left, and print the table; gives the exit code."""
    place = output or Path(f"{_bench.safe_stem(found.name)}.transmit.jsonl")
    if output is None:
        Reporter().notice(f"rows go to {place}")
    return measure(planned(found, wish, place), wish, place)


def planned(found: Dataset, wish: Wish, output: Path) -> Plan:
    """The work that is left, and notices of what there is to know before it begins."""
    from sccodec.bench import transmit_plan, transmit_rows

    notice = Reporter().notice
    held = transmit_rows.read(output, notice)
    with output.open("ab"):
        pass  # where it cannot be written, that is said now
    plan = transmit_plan.make_plan(found, wish, held, notice)
    _bench.announce(output, plan, _bench.equal_files(plan.copies), "package or encoder version")
    weights, pictures = plan.seconds(), len({chunk.entry.name for chunk in plan.chunks})
    _bench.announce_work(len(weights), pictures, transmit_plan.seconds_of_run(plan, wish.jobs), is_asked=True)
    return plan


def measure(plan: Plan, wish: Wish, output: Path) -> int:
    """Do it, and print the table, also where Control-C ends it; gives the exit code."""
    from sccodec.bench import lines, processes
    from sccodec.bench.transmit_plan import label_of

    weights = plan.seconds()
    expected = Counter(label_of(item.asked) for chunk in plan.chunks for item in chunk.items)
    try:
        with _bench.following(weights) as (reporter, course):
            summary: _bench.Summary[TransmitRow] = _bench.Summary(expected, reporter, course, describe)

            def keep(row: TransmitRow) -> None:
                lines.append(output, row)
                summary.add(row)

            processes.run(plan.setup, plan.chunks, wish.jobs, keep)
    finally:
        shown = print_table(output, plan)
        if shown and wish.says_missing and (text := _bench.absent(plan.setup.missing, wish.metrics)):
            click.echo(text)
    if summary.n_errors:
        Reporter().error(f"{summary.n_errors} of {len(weights)} rows failed, see {output}")
    return int(summary.n_errors > 0)


def print_table(output: Path, plan: Plan) -> bool:
    """The table of all rows that the run was about, on standard output; gives whether there is one."""
    from sccodec.bench import transmit_rows
    from sccodec.report import transmit_summary

    found = [row for row in transmit_rows.read(output, ignore) if plan.asks_for(row)]
    shown = transmit_summary.lines(found, plan.setup.dataset, plan.labels(), len(plan.entries))
    for line in shown or ["no measurement succeeded yet: there is nothing to show"]:
        click.echo(line)
    return bool(shown)


def describe(label: str, measured: Sequence[TransmitRow]) -> str:
    """Means over the pictures that were sent in one way, in one line."""
    good = [row for row in measured if row.error is None]
    parts = [f"{len(good)} of {len(measured)} pictures"]
    for key in BRIEF:
        values = [row.figures[key] for row in good if key in row.figures]
        if values and len(values) == len(good):
            parts.append(METRICS[key].quantity(fmean(values)))
    failed, blocks = sum(row.failed for row in good), sum(row.blocks for row in good)
    parts += [f"{failed} of {blocks} blocks failed"] if failed else []
    return f"{label}: {', '.join(parts)}"
