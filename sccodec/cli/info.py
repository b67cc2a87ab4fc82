"""`sccodec info`: what a file holds, in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _options, _streams
from sccodec.cli._report import Reporter, table

if TYPE_CHECKING:
    from sccodec.codec import Info, Options


@click.command("info")
@_batch.inputs("FILE...")
@_batch.as_json
@_options.limits
@click.pass_context
def command(ctx: click.Context, inputs: tuple[str, ...], json_: bool, options: Options) -> None:
    """Say what files hold: codec, model, size, and where the bytes went."""
    from sccodec import api

    def work(source: str, reporter: Reporter) -> dict[str, object]:
        found = api.info(_files.read_source(source), options=options)
        if not json_:
            rows = [
                ("file", _batch.source_name(source)),
                ("codec", _named(found)),
                ("size", f"{found.width}x{found.height}"),
                ("bytes", f"{found.file_bytes}, {found.bpp:.4f} bpp"),
                ("  overhead", f"{found.overhead_bytes}"),
            ]
            rows += [(f"  {name}", f"{n_bytes:.1f}") for name, n_bytes in found.sections]
            rows += [(key, str(value)) for key, value in found.details.items()]
            _streams.say(table(rows))
        return {"file": _batch.source_name(source)} | found.as_dict()

    ctx.exit(_batch.run(inputs, _batch.source_name, work, collect_json=json_))


def _named(found: Info) -> str:
    """Codec, variant and model, where there are such."""
    name = f"{found.codec}:{found.variant}" if found.variant else found.codec
    return f"{name}, model {found.tag}" if found.tag else name
