"""`sccodec encode`: pictures to files."""

from __future__ import annotations

from typing import Any

import click

from sccodec.cli import _batch, _files
from sccodec.cli._report import Reporter


@click.command("encode")
@_batch.inputs("PICTURE...")
@click.option("-m", "--codec", "spec", default="conceptual", show_default=True, metavar="SPEC",
              help="Codec, variant and options: conceptual:faces,q=30 for example.")  # fmt: skip
@click.option("-q", "--quality", type=click.FloatRange(0, 100), help="0 to 100, higher is better and larger.")
@_batch.outputs
@_batch.as_json
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    spec: str,
    quality: float | None,
    output: str | None,
    force: bool,
    json_: bool,
) -> None:
    """Encode pictures: face.png becomes face.scc beside it, or what -o says.

    PICTURE may be - for standard input; the result then goes to standard output unless -o is given.
    """
    from sccodec import codec, image

    chosen = codec.Spec.parse(spec)  # a wrong spec is one error, not one for each file
    jobs = _files.plan(inputs, output, lambda stem: f"{stem}.scc", force=force)
    if json_ and any(job.target is None for job in jobs):
        raise click.UsageError("--json and the encoded file cannot both go to standard output")

    def work(job: _files.Job, reporter: Reporter) -> dict[str, Any]:
        def notice(text: str) -> None:
            reporter.notice(f"{job.name}: {text}")

        picture = image.load(_files.read_standard_input() if job.source is None else job.source, notice)
        data = codec.encode(picture, spec, quality, notice=notice)
        _files.write(job.target, data)
        height, width = picture.shape[:2]
        bpp = 8 * len(data) / (width * height)
        if job.target is not None and not json_:
            reporter.result(f"{job.name} -> {job.target}: {len(data)} bytes, {bpp:.4f} bpp")
        return {
            "file": job.name,
            "output": str(job.target),
            "codec": chosen.codec,
            "width": width,
            "height": height,
            "file_bytes": len(data),
            "bpp": round(bpp, 5),
        }

    ctx.exit(_batch.run(jobs, lambda job: job.name, work, collect_json=json_))
