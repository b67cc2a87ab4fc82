"""`sccodec segment`: which class each pixel of a picture is of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _folders, _options, _suffixes
from sccodec.cli._finite import FiniteRange
from sccodec.cli._report import Reporter
from sccodec.container import MAX_SIDE
from sccodec.errors import BadInput

if TYPE_CHECKING:
    from sccodec.codec import Notice, Options, Picture
    from sccodec.labels.segmenters import Segmenter

OPACITY = 0.5
FULL = "full"


def long_side_of(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A number of pixels, 0 for "full"; raises click.BadParameter for anything else."""
    if value is None or value == FULL:
        return None if value is None else 0
    if value.isascii() and value.isdigit() and len(value) < 9 and int(value) <= MAX_SIDE:
        return int(value)
    raise click.BadParameter(f"{value!r} is no number of pixels up to {MAX_SIDE}, nor {FULL}.")


@click.command("segment")
@_batch.inputs("PICTURE...")
@click.option("-m", "--model", "name", metavar="NAME", help="Segmenter: street, photographs, faces, or another that is "
              "installed. Default: the first of them that is.")  # fmt: skip
@click.option("--overlay", is_flag=True, help="Write the picture with the map laid over it.")
@click.option("--opacity", type=FiniteRange(0, 1), metavar="X", help=f"Of the map in an overlay, 0 to 1 [{OPACITY}].")
@click.option("--raw", is_flag=True, help="Write an 8-bit grey PNG whose samples are the classes' numbers.")
@click.option("--refine", is_flag=True, help="Sharpen the map by the ConvCRF of the model file.")
@click.option("--long-side", callback=long_side_of, metavar="N|full",
              help="Longer side of the picture that the network sees; full: as the picture has it.")  # fmt: skip
@_batch.outputs
@_batch.as_json
@_options.on_device
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    name: str | None,
    overlay: bool,
    opacity: float | None,
    raw: bool,
    refine: bool,
    long_side: int | None,
    output: str | None,
    force: bool,
    json_: bool,
    options: Options,
) -> None:
    """Say which class each pixel is of: street.jpg becomes street.labels.png beside it, or what -o says.

    The PNG's samples are the classes, its palette their colours. --json prints names and shares, and writes a file only
    where -o names one. PICTURE may be a folder, or - for standard input.
    """
    if overlay and raw:
        raise click.UsageError("--overlay and --raw exclude one another")
    if opacity is not None and not overlay:
        raise click.UsageError("--opacity goes with --overlay")
    if json_ and output is None and (overlay or raw):
        raise click.UsageError("--json writes no file unless -o names one")
    from sccodec.labels import segmenters

    with _batch.failing_as_json(inputs, collect_json=json_):
        segmenter = segmenters.segmenter(name, options=options)
        if refine:
            segmenter.check_refines()
        jobs = plan(inputs, output, "overlay" if overlay else "labels", force=force, dry=json_ and output is None)
        for job in jobs:
            check_suffix(job, overlay=overlay)
    if json_ and output is not None and any(job.target is None for job in jobs):
        raise click.UsageError("--json and the map cannot both go to standard output")
    shown = (OPACITY if opacity is None else opacity) if overlay else None
    wish = Wish(segmenter, shown, raw, refine, long_side, options)

    def work(job: _files.Job, reporter: Reporter) -> dict[str, object]:
        return wish.segment(job, reporter, writes=not json_ or output is not None, quiet=json_)

    ctx.exit(_batch.run(jobs, lambda job: job.name, work, collect_json=json_))


def plan(inputs: tuple[str, ...], output: str | None, kind: str, *, force: bool, dry: bool) -> list[_files.Job]:
    """The pictures, those of folders among them, and their outputs; with dry there are none.

    kind: of the outputs, which is part of their names where they lie beside the inputs. Raises BadInput and
    click.UsageError.
    """
    listed = _folders.expand(inputs, output, (".labels", ".overlay"))
    if dry:
        return [_files.Job(None if name == _files.STREAM else Path(name), None) for name in listed]

    def in_folder(name: str) -> str:
        return str(listed[name] / f"{_files.stem_of(name)}.png")

    several = len(inputs) > 1 or any(_folders.is_folder(name) for name in inputs)
    beside = f".{kind}.png"
    return _files.plan(
        list(listed), output, lambda stem: stem + beside, force=force, several=several, in_folder=in_folder
    )


def check_suffix(job: _files.Job, *, overlay: bool) -> None:
    """Raise BadInput for a name that stands for no format that holds what is written."""
    if overlay:
        _suffixes.check_decoded(job.target)
    elif job.target is not None and job.target.suffix.lower() != ".png" and not _files.is_special(job.target):
        raise BadInput(f"{job.target}: a map of classes is written as .png only")


@dataclass(frozen=True)
class Wish:
    """What is to become of each picture. opacity: of the map in an overlay, None where the map itself is written."""

    segmenter: Segmenter
    opacity: float | None
    raw: bool
    refine: bool
    long_side: int | None
    options: Options

    def segment(self, job: _files.Job, reporter: Reporter, *, writes: bool, quiet: bool) -> dict[str, object]:
        """Segment one picture, and write its file; gives what --json says, and prints a line unless quiet."""
        from sccodec import api
        from sccodec.labels.segmenters import shares

        def notice(text: str) -> None:
            reporter.notice(f"{job.name}: {text}")

        found = self.segmenter
        picture = api.load_picture(_files.read_picture(job.source), notice, self.options)
        labels = found.segment(
            picture, refine=self.refine, long_side=self.long_side, max_pixels=self.options.max_pixels
        )
        height, width = labels.shape
        if writes:
            _files.write(job.target, self.file_of(picture, labels, job.target, notice), force=job.force)
        there = [(number, share) for number, share in enumerate(shares(labels, len(found.names))) if share]
        if job.target is not None and not quiet:
            most = ", ".join(f"{found.names[n]} {100 * s:.1f} %" for n, s in sorted(there, key=lambda c: -c[1])[:3])
            reporter.result(f"{job.name} -> {job.target}: {width}x{height}, {found.name}: {most}")
        rows, columns = found.working_size(height, width, self.long_side)
        return {
            "file": job.name,
            "output": None if job.target is None else str(job.target),
            "segmenter": found.name,
            "model": found.tag,
            "width": width,
            "height": height,
            "working_size": [columns, rows],
            "refined": self.refine,
            "classes": [
                {"number": n, "name": found.names[n], "share": float(f"{s:.6g}"), "colour": list(found.colours[n])}
                for n, s in there
            ],
        }

    def file_of(self, picture: Picture, labels: Picture, target: Path | None, notice: Notice) -> bytes:
        """The bytes to write."""
        from sccodec import image
        from sccodec.image.palette import blend

        if self.opacity is not None:
            blended = blend(picture, labels, self.segmenter.colours, self.opacity)
            return _suffixes.decoded(blended, target, notice)
        return image.to_bytes(labels) if self.raw else image.labels_to_bytes(labels, self.segmenter.colours)
