"""`sccodec compare`: one picture in several codecs, at one size, on a page."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sccodec.cli import _files, _options
from sccodec.cli._report import Reporter
from sccodec.errors import BadInput

if TYPE_CHECKING:
    from sccodec.codec import Options, Picture


@click.command("compare")
@click.argument("picture", metavar="PICTURE")
@click.option("-m", "--codec", "specs", multiple=True, required=True, metavar="SPEC", help="A codec; may be repeated.")
@click.option("--target-bytes", type=click.IntRange(1), metavar="N", help="Files of at most N bytes.")
@click.option("--target-bpp", type=click.FloatRange(0, min_open=True), metavar="X",
              help="Files of at most X bits per pixel.")  # fmt: skip
@click.option("-o", "--output", metavar="PATH", help="File, folder, or - for standard output.")
@click.option("--force", "-f", is_flag=True, help="Overwrite an output that exists.")
@click.option("--megabytes", type=click.FloatRange(0.1, 500), default=10, show_default=True, metavar="X",
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
    own default quality. A codec whose smallest file is larger is shown with that, and marked.
    """
    if target_bytes is not None and target_bpp is not None:
        raise click.UsageError("--target-bytes and --target-bpp exclude one another")
    from sccodec import api, fit
    from sccodec.bench import gauge
    from sccodec.report import gallery, page

    (picture,) = _files.checked_names([picture])
    chosen = {str(api.parse(spec)): spec for spec in specs}
    place = _files.plan([picture], output, lambda stem: f"{stem}.compare.html", force=force)[0].target
    name = "standard input" if picture == _files.STREAM else Path(picture).name
    reporter = Reporter()
    original = load(picture, name, reporter, options)
    height, width = original.shape[:2]
    most = target_bytes
    if target_bpp is not None:
        most = max(1, fit.bytes_of_bpp(target_bpp, width, height))
    if most is None:
        most = len(api.encode(original, specs[0], notice=reporter.notice, options=options))
    missing = gauge.missing()
    measure = gallery.gauge(original, [m for m in gauge.choose([]) if m not in missing])
    found = gallery.at_size(original, chosen, most, measure, reporter.notice, options)
    for spec, error in found.failed:
        reporter.error(f"{spec}: {error}")
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
    ctx.exit(1 if found.failed else 0)


def load(picture: str, name: str, reporter: Reporter, options: Options) -> Picture:
    """The picture of a file, or of standard input; raises BadInput, which names it."""
    from sccodec import image

    source = _files.read_picture(None if picture == _files.STREAM else Path(picture))
    try:
        return image.load(source, lambda text: reporter.notice(f"{name}: {text}"), options.max_pixels)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None


def small_print(missing: Mapping[str, str]) -> str:
    """HTML: what was not measured, and what wrote the page."""
    from sccodec.report.words import made

    absent = "; ".join(f"{metric} ({why})" for metric, why in missing.items())
    return "".join(
        f"<p>{html.escape(text)}</p>" for text in (f"Not measured: {absent}." if absent else "", made()) if text
    )
