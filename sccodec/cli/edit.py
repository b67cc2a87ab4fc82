"""`sccodec edit`: a file with textures of another, without its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _options, _suffixes
from sccodec.cli._report import Reporter
from sccodec.errors import BadInput, BadStream

if TYPE_CHECKING:
    from sccodec.codec import Options


@click.command("edit")
@click.argument("file", metavar="FILE")
@click.option("--texture-from", "donor", required=True, metavar="FILE", help="The file that has the textures.")
@click.option("--label", "labels", multiple=True, required=True, metavar="NAME",
              help="A region by name (hair) or by number; may be repeated.")  # fmt: skip
@click.option("--label-from", "labels_from", multiple=True, metavar="NAME",
              help="The region in the other file, where it is not the same: one for all, or one for each.")  # fmt: skip
@_batch.outputs
@_options.limits
@click.pass_context
def command(
    ctx: click.Context,
    file: str,
    donor: str,
    labels: tuple[str, ...],
    labels_from: tuple[str, ...],
    output: str | None,
    force: bool,
    options: Options,
) -> None:
    """Give regions the textures that another file has: face.scc becomes face.edited.scc beside it, or what -o says.

    No pixels are decoded: the result is FILE with other numbers for those regions. Both files must be of the same
    model. `sccodec info` lists the labels that a file has.
    """
    if len(labels_from) not in (0, 1, len(labels)):
        raise click.UsageError("--label-from goes once with all --label, or as often as it")
    from sccodec import api

    jobs = _files.plan([file], output, lambda stem: f"{stem}.edited.scc", force=force, also_read=[donor])
    _suffixes.check_encoded(jobs[0].target, ".scc", force=force)

    def work(job: _files.Job, reporter: Reporter) -> None:
        data = _files.read_stream(job.source)
        try:
            textures = _files.read_source(donor)
        except (BadStream, BadInput) as error:  # the line would begin with FILE's name alone
            raise type(error)(f"{_batch.source_name(donor)}: {error}") from error
        edited = api.edit(data, textures, labels, labels_from, options=options)
        _files.write(job.target, edited, force=job.force)
        if job.target is not None:
            reporter.result(f"{job.name} -> {job.target}: {len(edited)} bytes, {len(data)} before")

    ctx.exit(_batch.run(jobs, lambda job: job.name, work))
