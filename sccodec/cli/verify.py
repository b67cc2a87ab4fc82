"""`sccodec verify`: whether files decode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _options
from sccodec.cli._report import Reporter

if TYPE_CHECKING:
    from sccodec.codec import Options


@click.command("verify")
@_batch.inputs("FILE...")
@_batch.as_json
@_options.running
@click.pass_context
def command(ctx: click.Context, inputs: tuple[str, ...], json_: bool, options: Options) -> None:
    """Decode files without writing anything: bytes, symbols and model must all agree."""
    from sccodec import api

    def work(source: str, reporter: Reporter) -> dict[str, object]:
        name = _batch.source_name(source)

        def notice(text: str) -> None:
            reporter.notice(f"{name}: {text}")

        height, width = api.decode(_files.read_source(source), notice=notice, options=options).shape[:2]
        if not json_:
            reporter.result(f"{name}: ok, {width}x{height}")
        return {"file": name, "width": width, "height": height}

    ctx.exit(_batch.run(inputs, _batch.source_name, work, collect_json=json_))
