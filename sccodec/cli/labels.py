"""`sccodec labels`: the semantic map of a file, without its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _options
from sccodec.cli._report import Reporter
from sccodec.errors import BadInput

if TYPE_CHECKING:
    from sccodec.codec import Options


@click.command("labels")
@_batch.inputs("FILE...")
@_batch.outputs
@_options.limits
@click.pass_context
def command(ctx: click.Context, inputs: tuple[str, ...], output: str | None, force: bool, options: Options) -> None:
    """Decode only the semantic map: face.scc becomes face.labels.png beside it, or what -o says.

    The samples of the PNG are the classes, at the scale at which they were sent; its palette is for looking
    at.
    """
    from sccodec import api, image

    jobs = _files.plan(inputs, output, lambda stem: f"{stem}.labels.png", force=force)
    for job in jobs:
        if job.target is not None and job.target.suffix.lower() != ".png" and not _files.is_special(job.target):
            raise BadInput(f"{job.target}: a map of classes is written as .png only")

    def work(job: _files.Job, reporter: Reporter) -> None:
        labels = api.labels(_files.read_stream(job.source), options=options)
        _files.write(job.target, image.labels_to_bytes(labels), force=job.force)
        if job.target is not None:
            height, width = labels.shape
            reporter.result(f"{job.name} -> {job.target}: {width}x{height}")

    ctx.exit(_batch.run(jobs, lambda job: job.name, work))
