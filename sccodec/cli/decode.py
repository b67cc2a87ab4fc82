"""`sccodec decode`: files to pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _options, _suffixes
from sccodec.cli._report import Reporter

if TYPE_CHECKING:
    from sccodec.codec import Options


@click.command("decode")
@_batch.inputs("FILE...")
@_batch.outputs
@_options.running
@click.pass_context
def command(ctx: click.Context, inputs: tuple[str, ...], output: str | None, force: bool, options: Options) -> None:
    """Decode files: face.scc becomes face.decoded.png beside it, or what -o says.

    The suffix of -o chooses the format; standard output gets PNG. FILE may be - for standard input.
    """
    from sccodec import api

    jobs = _files.plan(inputs, output, lambda stem: f"{stem}.decoded.png", force=force)
    for job in jobs:
        _suffixes.check_decoded(job.target)  # before the work, not after it

    def work(job: _files.Job, reporter: Reporter) -> None:
        def notice(text: str) -> None:
            reporter.notice(f"{job.name}: {text}")

        picture = api.decode(_files.read_stream(job.source), notice=notice, options=options)
        _files.write(job.target, _suffixes.decoded(picture, job.target, notice), force=job.force)
        if job.target is not None:
            height, width = picture.shape[:2]
            reporter.result(f"{job.name} -> {job.target}: {width}x{height}")

    ctx.exit(_batch.run(jobs, lambda job: job.name, work))
