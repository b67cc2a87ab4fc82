"""`sccodec verify`: whether files decode."""

from __future__ import annotations

import click

from sccodec.cli import _batch, _files
from sccodec.cli._report import Reporter


@click.command("verify")
@_batch.inputs("FILE...")
@click.pass_context
def command(ctx: click.Context, inputs: tuple[str, ...]) -> None:
    """Decode files without writing anything: bytes, symbols and model must all agree."""
    from sccodec import codec

    def work(source: str, reporter: Reporter) -> None:
        height, width = codec.decode(_files.read_source(source)).shape[:2]
        reporter.result(f"{_batch.source_name(source)}: ok, {width}x{height}")

    ctx.exit(_batch.run(inputs, _batch.source_name, work))
