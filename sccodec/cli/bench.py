"""`sccodec bench`: specs times pictures, measured on decoded bytes, a JSON line each, and a table in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sccodec.cli import _options
from sccodec.cli._report import Reporter
from sccodec.metrics.table import METRICS

if TYPE_CHECKING:
    from sccodec.bench.entries import Dataset
    from sccodec.bench.rows import Row
    from sccodec.bench.run import Plan, Wish
    from sccodec.codec import Options

REPEATS = 3
CODE, SEGMENT, TRANSMIT = "code", "segment", "transmit"
TASKS_OF = {
    **dict.fromkeys(("-q", "--keep"), (CODE,)),
    **dict.fromkeys(("--fetch", "--from", "--metric"), (CODE, TRANSMIT)),
    "--through": (SEGMENT,),
    **dict.fromkeys(("--snr", "--channel", "--seed"), (TRANSMIT,)),
}
"""Which tasks have an option that not all have."""


@click.command("bench")
@click.option("--task", type=click.Choice(["code", "segment", "transmit"]),
              help="Measure codecs, segmenters on pictures that have label maps, or links over noisy channels; by "
              "default codecs, or links where -m names such.")  # fmt: skip
@click.option("--dataset", required=True, metavar="X",
              help="Folder, glob, tar archive, picture, or a name that `sccodec data list` has.")  # fmt: skip
@click.option("-m", "--codec", "specs", multiple=True, metavar="SPEC",
              help="Codec, with lists and ranges: jpeg:q=5,10,20 or hyperprior:q=10..90/10; or all. Default: every "
              "codec that runs here, at a few qualities. With --task segment: street:refine=yes,long_side=480,full; "
              "default: every segmenter with as many classes as the maps. Or link, with SNRs in dB: "
              "separate:bpg,code=capacity,ratio=1/24,snr=1..13/3.")  # fmt: skip
@click.option("--through", multiple=True, metavar="SPEC",
              help="With --task segment: segment the pictures also as they are decoded from this codec.")  # fmt: skip
@click.option("--snr", "snrs", multiple=True, metavar="DB,...",
              help="Of the channel, for links that state none: a list or a range, 1..13/3.  [default: 10]")  # fmt: skip
@click.option("--channel", "channels", multiple=True, metavar="SPEC",
              help="For links, as rayleigh:fading=fast,csi=none; may be repeated.  [default: awgn]")  # fmt: skip
@click.option("--seed", "seeds", multiple=True, metavar="N,...",
              help="For links: of noise and fading, a list or a range, 0..4.  [default: 0]")  # fmt: skip
@click.option("-q", "--quality", "qualities", multiple=True, metavar="Q,...",
              help="Qualities, lists or ranges, for codecs that state none.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="File of JSON lines; rows are appended. Default: the data set's name, .jsonl, here; of segmenters "
              ".segment.jsonl, of links .transmit.jsonl.")  # fmt: skip
@click.option("--name", metavar="NAME", help="The data set's name in the rows, if not the folder's.")
@click.option("--fetch", is_flag=True, help="Download the data set first, where it is not here.")
@click.option("--from", "address", metavar="DIR|URL", help="Where --fetch finds it, if not at its usual address.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Keep what was encoded, and what it decodes to, in this folder.")  # fmt: skip
@click.option("--redo", type=click.Choice(["stale", "all"]), default=None,
              help="Measure again: rows of another encoder or package version, or all.")  # fmt: skip
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 1024), metavar="N",
              help="Processes, which share the cores; with several, they slow one another down.")  # fmt: skip
@click.option("--metric", "metrics", multiple=True, metavar="NAME,...",
              help=f"{', '.join(METRICS)}; default: what is there.")  # fmt: skip
@click.option("--repeat", type=click.IntRange(1, 1000), metavar="N",
              help=f"Do it so often; times are medians. Default: {REPEATS}; without -m, and for links, 1.")  # fmt: skip
@_options.running
@click.pass_context
def command(
    ctx: click.Context,
    task: str | None,
    dataset: str,
    through: tuple[str, ...],
    specs: tuple[str, ...],
    snrs: tuple[str, ...],
    channels: tuple[str, ...],
    seeds: tuple[str, ...],
    qualities: tuple[str, ...],
    output: Path | None,
    name: str | None,
    fetch: bool,
    address: str | None,
    keep: Path | None,
    redo: str | None,
    jobs: int,
    metrics: tuple[str, ...],
    repeat: int | None,
    options: Options,
) -> None:
    """Encode pictures, decode the bytes, and measure: a row for each picture and each spec, and a table of them.

    With --task segment, segment pictures and compare with their label maps. Where -m names links, send pictures over
    noisy channels and compare what arrives.

    `sccodec bench --dataset kodak` is enough. Rows that the file has already are not measured again: what was
    interrupted goes on. What fails is a row too, and makes the exit code 1; the next run tries it again.
    """
    given = {"-q": qualities, "--fetch": fetch, "--from": address, "--keep": keep, "--metric": metrics}
    given |= {"--through": through, "--snr": snrs, "--channel": channels, "--seed": seeds}
    chosen = task or task_of(specs)
    refuse([name for name, value in given.items() if value], chosen)
    if chosen == SEGMENT:
        from sccodec.cli import _bench_segment

        asked = _bench_segment.Asked(specs, through, options, repeat or REPEATS, jobs, redo or "")
        ctx.exit(_bench_segment.run(dataset, name, output, asked))
    if chosen == TRANSMIT:
        from sccodec.cli import _bench_transmit

        sent = _bench_transmit.Asked(specs, snrs, channels, seeds, metrics)
        work = sent.wish(options, repeat or 1, jobs, redo or "")
        ctx.exit(_bench_transmit.run(pictures(dataset, name, address, fetch=fetch), output, work))
    from sccodec.cli import _bench

    wish = replace(wish_of(Asked(specs, qualities, metrics, repeat), options, jobs, redo or ""), keep=keep)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    found = pictures(dataset, name, address, fetch=fetch)
    place = output or Path(f"{_bench.safe_stem(found.name)}.jsonl")
    if output is None:
        Reporter().notice(f"rows go to {place}")
    plan = planned(found, wish, place, is_asked=bool(specs))
    if metrics:
        _bench.tell_missing(plan.setup.missing, wish.metrics)
    ctx.exit(measure(plan, wish, place, says_missing=not metrics))


def task_of(specs: Sequence[str]) -> str:
    """What the names in specs say of what is to be measured; raises click.UsageError for links beside codecs."""
    if not specs:
        return CODE
    from sccodec.bench.transmit_specs import names_link

    links = [text for text in specs if names_link(text)]
    if links and len(links) < len(specs):
        other = next(text for text in specs if text not in links)
        raise click.UsageError(f"{links[0]!r} is a link and {other!r} is none: measure one kind in a command")
    return TRANSMIT if links else CODE


def refuse(names: Sequence[str], task: str) -> None:
    """Raise click.UsageError where options were given that other tasks have."""
    foreign = [name for name in names if task not in TASKS_OF[name]]
    if foreign:
        tasks = " or ".join(f"--task {other}" for other in TASKS_OF[foreign[0]])
        alike = [name for name in foreign if TASKS_OF[name] == TASKS_OF[foreign[0]]]
        raise click.UsageError(f"only {tasks} has {', '.join(alike)}")


@dataclass(frozen=True)
class Asked:
    """What the command line says of what is to be measured, each part perhaps nothing."""

    specs: tuple[str, ...]
    qualities: tuple[str, ...]
    metrics: tuple[str, ...]
    repeats: int | None


def wish_of(asked: Asked, options: Options, jobs: int, redo: str) -> Wish:
    """What is to be measured: what was asked for, and where nothing was, what suits most."""
    from sccodec.bench import defaults, gauge, run
    from sccodec.bench import specs as expansion

    texts, metrics = asked.specs, gauge.choose(asked.metrics)
    if not texts:
        choice = defaults.choose()
        texts = choice.texts
        if choice.left_out:
            Reporter().notice(f"left out: {'; '.join(f'{name} ({why})' for name, why in choice.left_out)}")
        if asked.qualities:
            texts = tuple(map(defaults.bare, texts))
        if not asked.metrics:
            metrics = defaults.metrics()
    repeats = asked.repeats or (REPEATS if asked.specs else 1)
    return run.Wish(expansion.expand(texts, asked.qualities), metrics, options, repeats, jobs, redo)


def pictures(dataset: str, name: str | None, address: str | None, *, fetch: bool) -> Dataset:
    """The data set, fetched before where that is asked for and it is not here; raises BadInput or DownloadFailed."""
    from sccodec.bench import datasets, registry
    from sccodec.bench import fetch as fetching

    if address is not None and not fetch:
        raise click.UsageError("--from goes with --fetch")
    if fetch and dataset not in fetching.FETCHING:
        raise click.UsageError(f"--fetch goes with a data set that can be downloaded: {', '.join(fetching.FETCHING)}")
    if fetch and not ((known := registry.known().get(dataset)) and known.path.exists()):
        bring, usual = fetching.FETCHING[dataset]
        bring(Reporter().notice, address or usual)
    found = datasets.find(dataset)
    return found if name is None else replace(found, name=name)


def planned(found: Dataset, wish: Wish, output: Path, *, is_asked: bool) -> Plan:
    """The work that is left, and notices of what there is to know before it begins."""
    from sccodec.bench import defaults, rows, run
    from sccodec.cli import _bench

    notice = Reporter().notice
    held = rows.read(output, notice)
    with output.open("ab"):
        pass  # where it cannot be written, that is said now
    plan = run.make_plan(found, wish, held, notice)
    _bench.announce(output, plan, _bench.equal_files(plan.copies), "encoder or package version")
    total, pictures = sum(1 for _ in plan.items()), len({chunk.entry.name for chunk in plan.chunks})
    _bench.announce_work(total, pictures, defaults.seconds_of_run(plan, wish.jobs), is_asked=is_asked)
    return plan


def measure(plan: Plan, wish: Wish, output: Path, *, says_missing: bool) -> int:
    """Do it, and print the table, also where Control-C ends it; gives the exit code."""
    from sccodec.bench import defaults, lines, run
    from sccodec.cli import _bench

    total = sum(1 for _ in plan.items())
    try:
        with _bench.following(defaults.seconds_of_each(plan)) as (reporter, course):
            expected = Counter(item.spec for item in plan.items())
            summary: _bench.Summary[Row] = _bench.Summary(expected, reporter, course, _bench.describe)

            def keep(row: Row) -> None:
                lines.append(output, row)
                summary.add(row)

            run.run(plan, wish.jobs, keep)
    finally:
        shown = _bench.print_table(output, plan, wish.specs)
        if shown and says_missing and (text := _bench.absent(plan.setup.missing, wish.metrics)):
            click.echo(f"\n{text}")
    if summary.n_errors:
        Reporter().error(f"{summary.n_errors} of {total} rows failed, see {output}")
    return int(summary.n_errors > 0)
