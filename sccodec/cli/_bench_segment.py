"""`sccodec bench --task segment`: segmenters, pictures with label maps, a JSON line each, and tables in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import click

from sccodec.cli import _bench
from sccodec.cli._report import Reporter
from sccodec.notices import ignore

if TYPE_CHECKING:
    from sccodec.bench.labelled import Labelled
    from sccodec.bench.segment_plan import Plan, Wish
    from sccodec.bench.segment_rows import SegmentRow
    from sccodec.codec import Options


@dataclass(frozen=True)
class Asked:
    """What the command line says of what is to be measured. specs, through: texts with lists."""

    specs: tuple[str, ...]
    through: tuple[str, ...]
    options: Options
    repeats: int
    jobs: int
    redo: str


def run(dataset: str, name: str | None, output: Path | None, asked: Asked) -> int:
    """Measure what is left, and print the tables; gives the exit code."""
    from sccodec.bench import labelled

    found = labelled.find(dataset)
    if name is not None:
        found = replace(found, name=name)
    wish = wish_of(asked)
    place = output or Path(f"{_bench.safe_stem(found.name)}.segment.jsonl")
    plan = planned(found, wish, place)
    if output is None:
        Reporter().notice(f"rows go to {place}")
    return measure(plan, wish, place)


def wish_of(asked: Asked) -> Wish:
    """What is to be measured; raises BadInput or UnknownCodec for codecs that there are not."""
    from sccodec.bench import segment_plan
    from sccodec.bench import specs as expansion

    through = expansion.expand(asked.through)
    return segment_plan.Wish(asked.specs, through, asked.options, asked.repeats, asked.jobs, asked.redo)


def planned(found: Labelled, wish: Wish, output: Path) -> Plan:
    """The work that is left, and notices of what there is to know before it begins."""
    from sccodec.bench import segment_plan, segment_rows

    notice = Reporter().notice
    plan = segment_plan.make_plan(found, wish, segment_rows.read(output, notice), notice)
    with output.open("ab"):
        pass  # where it cannot be written, that is said now
    more = "1 more picture is" if plan.copies == 1 else f"{plan.copies} more pictures are"
    equal = f"{more} equal to another one, map and all: each is measured and counted once"
    _bench.announce(output, plan, equal, "package or encoder version")
    total, pictures = len(plan.seconds()), len({chunk.entry.name for chunk in plan.chunks})
    _bench.announce_work(total, pictures, segment_plan.seconds_of_run(plan), is_asked=bool(wish.texts))
    return plan


def measure(plan: Plan, wish: Wish, output: Path) -> int:
    """Do it, and print the tables, also where Control-C ends it; gives the exit code."""
    from sccodec.bench import lines, processes
    from sccodec.bench.segment_rows import label

    weights = plan.seconds()
    expected = Counter(label(item.spec, item.through) for chunk in plan.chunks for item in chunk.items)
    try:
        with _bench.following(weights) as (reporter, course):
            summary: _bench.Summary[SegmentRow] = _bench.Summary(expected, reporter, course, describe)

            def keep(row: SegmentRow) -> None:
                lines.append(output, row)
                summary.add(row)

            processes.run(plan.setup, plan.chunks, wish.jobs, keep)
    finally:
        print_tables(output, plan)
    if summary.n_errors:
        Reporter().error(f"{summary.n_errors} of {len(weights)} rows failed, see {output}")
    return int(summary.n_errors > 0)


def print_tables(output: Path, plan: Plan) -> None:
    """The tables of all rows that the run was about, on standard output."""
    from sccodec.bench import segment_rows
    from sccodec.report import segment_summary

    found = [row for row in segment_rows.read(output, ignore) if plan.asks_for(row)]
    lines = segment_summary.lines(found, plan.setup.dataset, plan.labels(), len(plan.pairs))
    for line in lines or ["no measurement succeeded yet: there is nothing to show"]:
        click.echo(line)


def describe(label: str, measured: Sequence[SegmentRow]) -> str:
    """Figures over the pictures that were measured in one way, in one line."""
    from sccodec.metrics.labels import mean_iou, pixel_accuracy
    from sccodec.report.segments import summed

    good = [row for row in measured if row.counts is not None]
    parts = [f"{len(good)} of {len(measured)} pictures"]
    if good:
        counts = summed(good)
        parts += [f"mIoU {mean_iou(counts)[0]:.4f}", f"pixels {pixel_accuracy(counts):.4f}"]
        parts.append(f"{1000 * fmean(row.seconds or 0 for row in good):.1f} ms")
    return f"{label}: {', '.join(parts)}"
