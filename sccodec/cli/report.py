"""`sccodec report`: results of the benchmark as a page, tables or a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sccodec.cli import _files, _options, _report_rows, _report_segments, _report_transmit
from sccodec.cli._finite import FiniteRange
from sccodec.cli._report import Reporter, reporting
from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS

if TYPE_CHECKING:
    from sccodec.codec import Options
    from sccodec.report.curves import Group
    from sccodec.report.gallery import Entry
    from sccodec.report.results import Results

FORMATS = ("html", "md", "csv", "png")
MEASURED = {"code": "codecs", "segment": "segmenters", "transmit": "links"}
"""What rows of each task are of."""


@click.command("report")
@click.argument("results", nargs=-1, required=True, metavar="RESULTS...")
@click.option("-o", "--output", metavar="PATH", help="File, folder, or - for standard output; a folder for --export.")
@click.option("--force", "-f", is_flag=True, help="Overwrite outputs that exist.")
@click.option("--format", "format_", type=click.Choice(FORMATS),
              help="By default what the output's name ends with, or html.")  # fmt: skip
@click.option("--export", type=click.Choice(["codec-compare", "compressai"]),
              help="Write a file a codec: for webmproject's codec-compare, or as compressai's results.")  # fmt: skip
@click.option("--task", type=click.Choice(tuple(MEASURED)),
              help="Report rows of codecs, of segmenters, or of links, where files hold several kinds.")  # fmt: skip
@click.option("--metric", "metrics", multiple=True, type=click.Choice(tuple(METRICS)),
              help="Only this one in md and png, at first in html; may be repeated.")  # fmt: skip
@click.option("--anchor", default="", metavar="CODEC", help="What others are compared with; bpg or jpeg by default.")
@click.option("--reference", "references", multiple=True, metavar="FILE",
              help="Published curves, also as compressai has them, drawn as such; for segmenters published mIoU, a "
              "table or JSON; for links published points with their ratios and SNRs; may be repeated.")  # fmt: skip
@click.option("--images", metavar="DATASET", help="Show pictures beside their decoded selves; this data set has them.")
@click.option("--pictures", metavar="N|NAMES", help="How many pictures to show, or which: a.png,b.png.  [default: 3]")
@click.option("--target-bpp", "bpps", multiple=True, type=FiniteRange(0, min_open=True), metavar="X",
              help="Rate to show them at; may be repeated.")  # fmt: skip
@click.option("--image-megabytes", type=FiniteRange(0.1, 500), default=10, show_default=True, metavar="X",
              help="How much of the page pictures may take.")  # fmt: skip
@click.option("--linear", is_flag=True, help="A linear rate axis, for png.")
@click.option("--title", metavar="TEXT", help="Title of page, tables or plot.")
@_options.limits
def command(
    results: tuple[str, ...],
    output: str | None,
    force: bool,
    format_: str | None,
    export: str | None,
    task: str | None,
    metrics: tuple[str, ...],
    anchor: str,
    references: tuple[str, ...],
    images: str | None,
    pictures: str | None,
    bpps: tuple[float, ...],
    image_megabytes: float,
    linear: bool,
    title: str | None,
    options: Options,
) -> None:
    """Turn rows of `sccodec bench` into a page: rows.jsonl becomes rows.html beside it, or what -o says.

    The page is one file that opens from disk and loads nothing else. Damaged lines are named and skipped.
    """
    from sccodec.report.results import read as read_rows

    chosen = format_ or suffix_format(output)
    if (pictures is not None or bpps) and images is None:
        raise click.UsageError("--pictures and --target-bpp show pictures: --images DATASET says where they are")
    if images and chosen != "html":
        raise click.UsageError("--images goes with a page only")
    if export and (format_ or images):
        raise click.UsageError("--export goes with neither --format nor --images")
    target = None if export else output_of(results, references, output, chosen, force=force)
    folder = export_folder(results, output, export) if export else None
    read = read_rows([Path(name) for name in results])
    if (kind := task_of(read, task)) != "code":
        given = {"--export": export, "--anchor": anchor, "--images": images, "--linear": linear}
        refused = [name for name, value in given.items() if value]
        if kind == "segment":
            _report_segments.check(refused + ["--metric"] * bool(metrics), chosen)
            _report_segments.write(results, references, title, chosen, target, force=force)
        else:
            _report_transmit.check(refused)
            wanted = _report_transmit.Shown(title, metrics, chosen)
            _report_transmit.write(results, references, wanted, target, force=force)
        return
    _report_rows.tell(read)
    groups = grouped(read, references, anchor)
    if folder is not None:
        write_files(folder, *EXPORTS[str(export)](groups), force=force)
        return
    look = Look(title, metrics, anchor, linear)
    if chosen == "html":
        shown = None if images is None else Shown(images, pictures, bpps, image_megabytes, options)
        data = page_of(look, groups, read, shown)
    else:
        data = WRITERS[chosen](look, groups, read)
    _files.write(target, data, force=force)
    if target is not None:
        Reporter().result(f"{len(read.rows)} rows -> {target}: {target.stat().st_size} bytes")


def task_of(read: Results, task: str | None) -> str:
    """Which kind of rows to report: what was asked for, or codecs', or where there are none, those that are most."""
    if task is not None:
        return task
    counts = {"code": len(read.rows) + len(read.failures)} | dict(read.others)
    known = {key: n for key, n in counts.items() if n and key in MEASURED}
    chosen = "code" if "code" in known else max(known, key=lambda key: known[key], default="code")
    for other, n in known.items():
        if other != chosen:
            rows = "1 row is" if n == 1 else f"{n} rows are"
            Reporter().notice(f"{rows} of {MEASURED[other]}, and no part of this: --task {other} reports them")
    return chosen


@dataclass(frozen=True)
class Look:
    """What is asked of page, tables and plot alike: a title, metrics, the anchor, and the axis of rates."""

    title: str | None
    metrics: tuple[str, ...]
    anchor: str
    linear: bool


@dataclass(frozen=True)
class Shown:
    """Which pictures a page shows: the data set that has them, how many or which, their rates, their megabytes."""

    dataset: str
    pictures: str | None
    bpps: tuple[float, ...]
    megabytes: float
    options: Options


def grouped(read: Results, references: Sequence[str], anchor: str) -> list[Group]:
    """The rows by data set, with published curves; raises BadInput without rows, or without such an anchor."""
    from sccodec.report import compared, curves, reference

    published = reference.read([Path(name) for name in references], Reporter().notice)
    groups = curves.groups(read, published)
    for one in published:
        if not any(one in group.references for group in groups):
            Reporter().notice(f"the curve {one.name!r} is of {one.dataset!r}, which no row is of: it is not drawn")
    if not any(group.series for group in groups):
        raise BadInput("the files hold no measurement that succeeded" + _report_rows.first_failure(read))
    compared.check_anchor(groups, anchor)
    return groups


def page_of(look: Look, groups: Sequence[Group], read: Results, wanted: Shown | None) -> bytes:
    """The page."""
    from sccodec.report import chosen, curves, page, words

    shown = curves.with_metrics(groups)
    if not shown:
        raise BadInput("no row has a metric: there is nothing to show")
    entries: list[Entry] = []
    if wanted is not None:
        rows = chosen.pictures(shown, wanted.pictures)
        with reporting(len(rows)) as (reporter, advance):
            entries = chosen.entries(
                shown, wanted.dataset, rows, wanted.bpps, wanted.megabytes, reporter.notice, wanted.options, advance
            )
    head = words.page(look.title, shown, read, words.default_metric(shown, look.metrics), look.anchor)
    return page.report(head, shown, read, entries).encode("utf-8", "replace")


def plot_of(look: Look, groups: Sequence[Group], read: Results) -> bytes:
    from sccodec.report import plot

    title = look.title or "Rate and distortion of image codecs"
    return plot.png(title, groups, look.metrics or tuple(METRICS), log=not look.linear)


def markdown_of(look: Look, groups: Sequence[Group], read: Results) -> bytes:
    from sccodec.report import tables

    wanted = look.metrics or tuple(METRICS)
    text = tables.as_markdown(look.title or "Image codecs", groups, read, wanted, look.anchor)
    return text.encode("utf-8", "replace")


def csv_of(look: Look, groups: Sequence[Group], read: Results) -> bytes:
    from sccodec.report import tables

    return tables.as_csv(groups).encode("utf-8", "replace")


WRITERS = {"md": markdown_of, "csv": csv_of, "png": plot_of}
"""What each format but the page's is made by."""


def suffix_format(output: str | None) -> str:
    """The format that an output's name ends with; html for any other name."""
    suffix = Path(output or "").suffix.lower().removeprefix(".")
    return {"markdown": "md", "htm": "html"}.get(suffix, suffix if suffix in FORMATS else "html")


def output_of(
    results: Sequence[str], references: Sequence[str], output: str | None, chosen: str, *, force: bool
) -> Path | None:
    """Where to write; None for standard output. Refuses inputs, and what exists."""
    if _files.STREAM in (*results, *references):
        raise click.UsageError("rows and references are read from files, not from standard input")
    if output == _files.STREAM and chosen in ("md", "csv"):
        return None  # text, which a terminal may show
    target = _files.plan(results[:1], output, lambda stem: f"{stem}.{chosen}", force=force)[0].target
    for name in (*results, *references):
        if target is not None and target.exists() and Path(name).exists() and target.samefile(name):
            raise BadInput(f"{target}: is an input, and is not overwritten; choose another output with -o")
    return target


def export_folder(results: Sequence[str], output: str | None, export: str) -> Path:
    """The folder for --export."""
    if output == _files.STREAM:
        raise click.UsageError("--export writes several files: name a folder with -o")
    if output is not None and Path(output).exists() and not Path(output).is_dir():
        raise click.UsageError(f"{output!r} is a file, and not a folder for the files")
    source = Path(results[0])
    return Path(output) if output is not None else source.with_name(f"{source.stem}-{export}")


def codec_compare_files(groups: Sequence[Group]) -> tuple[dict[str, bytes], list[str]]:
    """The files of codec-compare, the list last, and what there is to say about them."""
    from sccodec.report import codec_compare

    said = [text for group in groups for text in codec_compare.left_out(group)]
    return codec_compare.files(groups, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"), said


def compressai_files(groups: Sequence[Group]) -> tuple[dict[str, bytes], list[str]]:
    """The files of compressai's results, and what there is to say about them."""
    from sccodec.report import compressai

    return compressai.files(groups), compressai.lacking(groups)


EXPORTS = {"codec-compare": codec_compare_files, "compressai": compressai_files}
"""What makes each export."""


def write_files(folder: Path, files: Mapping[str, bytes], said: Sequence[str], *, force: bool) -> None:
    """Write an export; nothing where one of its files exists and is not to be overwritten."""
    existing = [name for name in files if (folder / name).exists()]
    if existing and not force:
        raise BadInput(f"{folder / existing[0]}: exists; --force overwrites it")
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        _files.write(folder / name, data, force=force)
    for text in said:
        Reporter().notice(text)
    Reporter().result(f"{len(files)} files -> {folder}")
