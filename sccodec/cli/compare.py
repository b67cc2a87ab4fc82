"""`sccodec compare`: one picture in several codecs, at one size, on a page."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sccodec.cli import _files, _options
from sccodec.cli._finite import FiniteRange
from sccodec.cli._report import Reporter, reporting
from sccodec.errors import BadInput

if TYPE_CHECKING:
    from sccodec.codec import Notice, Options, Picture

FIRST = "conceptual"
USUAL_BPP = 0.25
"""The rate where no codec is named and FIRST is not installed: the others all go as low, or nearly."""


@click.command("compare")
@click.argument("picture", metavar="PICTURE")
@click.option("-m", "--codec", "specs", multiple=True, metavar="SPEC",
              help="A codec; may be repeated. Default: ours, and those that others made.")  # fmt: skip
@click.option("--target-bytes", type=click.IntRange(1), metavar="N", help="Files of at most N bytes.")
@click.option("--target-bpp", type=FiniteRange(0, min_open=True), metavar="X",
              help="Files of at most X bits per pixel.")  # fmt: skip
@click.option("-o", "--output", metavar="PATH", help="File, folder, or - for standard output.")
@click.option("--force", "-f", is_flag=True, help="Overwrite an output that exists.")
@click.option("--megabytes", type=FiniteRange(0.1, 500), default=10, show_default=True, metavar="X",
              help="How much of the page pictures may take.")  # fmt: skip
@click.option("--title", metavar="TEXT", help="The page's title.")
@_options.running
@click.pass_context
def command(
    ctx: click.Context,
    picture: str,
    specs: tuple[str, ...],
    target_bytes: int | None,
    target_bpp: float | None,
    output: str | None,
    force: bool,
    megabytes: float,
    title: str | None,
    options: Options,
) -> None:
    """Encode a picture with several codecs, each as close below one size as it comes, and show what they decode to.

    photo.png becomes photo.compare.html beside it. Without a target, files are as large as the first codec's at its
    own default quality; where no codec is named, as conceptual's best. A codec whose smallest file is larger is shown
    with that, and marked.
    """
    if target_bytes is not None and target_bpp is not None:
        raise click.UsageError("--target-bytes and --target-bpp exclude one another")
    from sccodec import api
    from sccodec.bench import gauge
    from sccodec.notices import once
    from sccodec.report import gallery, page

    (picture,) = _files.checked_names([picture])
    chosen = {str(api.parse(spec)): spec for spec in specs or usual_codecs()}
    place = _files.plan([picture], output, lambda stem: f"{stem}.compare.html", force=force)[0].target
    name = "standard input" if picture == _files.STREAM else Path(picture).name
    reporter = Reporter()
    original = load(picture, name, reporter, options)
    height, width = original.shape[:2]
    missing = gauge.missing()
    measure = gallery.gauge(original, [m for m in gauge.choose([]) if m not in missing])
    with reporting(len(chosen)) as (above, advance):
        notice = once(above.notice)
        most = target_bytes or target_of(original, target_bpp, specs, list(chosen), notice, options)
        found = gallery.at_size(original, chosen, most, measure, notice, options, advance)
    for spec, error in found.failed:
        said = reporter.error if specs else reporter.notice
        said(f"{spec}: {error}" + ("" if specs else "; it is left out"))
    if not found.shown:
        raise BadInput(f"{name}: none of the codecs encoded it")
    head = page.Page(
        title or f"{name}, side by side",
        f"{width}x{height} pixels at {most} bytes, {8 * most / (width * height):.4f} bits per pixel, or as close below "
        "as each codec comes.",
        small_print(missing),
    )
    entry = gallery.entry(name, original, [found], int(megabytes * 1e6))
    _files.write(place, page.comparison(head, entry, *gallery.table(found)).encode("utf-8", "replace"), force=force)
    if place is not None:
        for shown in found.shown:
            texts = [f"{len(shown.data)} bytes", f"{shown.bpp:.4f} bpp", *gallery.described(shown.figures)]
            reporter.result(f"{shown.name}: {', '.join(texts)}" + (f" ({shown.off})" if shown.off else ""))
        reporter.result(f"{name} -> {place}: {place.stat().st_size} bytes")
    ctx.exit(1 if found.failed and specs else 0)


def usual_codecs() -> list[str]:
    """Those that are compared where none is named: ours first, whose order the page has."""
    from sccodec import api
    from sccodec.bench import defaults

    able = [defaults.bare(text) for text in defaults.choose().texts]
    loaded = {text: api.load(text.partition(":")[0]) for text in able}
    ours = [text for text in able if not loaded[text].native]
    return sorted(ours, key=lambda text: text != FIRST) + [
        text for text in able if loaded[text].native and not loaded[text].lossless
    ]


def target_of(
    original: Picture, bpp: float | None, named: tuple[str, ...], chosen: list[str], notice: Notice, options: Options
) -> int:
    """The number of bytes that all codecs aim at, where the command line states none: see the command's help."""
    from sccodec import api, fit

    height, width = original.shape[:2]
    if bpp is None and (named or chosen[:1] == [FIRST]):
        quality = None if named else 100.0
        return len(api.encode(original, chosen[0], quality, notice=notice, options=options))
    return max(1, fit.bytes_of_bpp(USUAL_BPP if bpp is None else bpp, width, height))


def load(picture: str, name: str, reporter: Reporter, options: Options) -> Picture:
    """The picture of a file, or of standard input; raises BadInput, which names it."""
    from sccodec import api

    source = _files.read_picture(None if picture == _files.STREAM else Path(picture))
    try:
        return api.load_picture(source, lambda text: reporter.notice(f"{name}: {text}"), options)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None


def small_print(missing: Mapping[str, str]) -> str:
    """HTML: what was not measured, and what wrote the page."""
    from sccodec.report.words import made

    absent = "; ".join(f"{metric} ({why})" for metric, why in missing.items())
    return "".join(
        f"<p>{html.escape(text)}</p>" for text in (f"Not measured: {absent}." if absent else "", made()) if text
    )
