"""`sccodec encode`: pictures to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sccodec.cli import _batch, _files, _options
from sccodec.cli._report import Reporter

if TYPE_CHECKING:
    from sccodec.codec import Options


@click.command("encode")
@_batch.inputs("PICTURE...")
@click.option("-m", "--codec", "spec", default="conceptual", show_default=True, metavar="SPEC",
              help="Codec, variant and options: conceptual:faces,q=30 for example.")  # fmt: skip
@click.option("-q", "--quality", type=click.FloatRange(0, 100), help="0 to 100, higher is better and larger.")
@click.option("--target-bytes", type=click.IntRange(1), metavar="N", help="The best file of at most N bytes.")
@click.option("--target-bpp", type=click.FloatRange(0, min_open=True), metavar="X",
              help="The best file of at most X bits per pixel.")  # fmt: skip
@_batch.outputs
@_batch.as_json
@_options.running
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    spec: str,
    quality: float | None,
    target_bytes: int | None,
    target_bpp: float | None,
    output: str | None,
    force: bool,
    json_: bool,
    options: Options,
) -> None:
    """Encode pictures: face.png becomes face.scc beside it, or what -o says.

    Codecs of public formats write those: -m avif makes face.avif.

    PICTURE may be - for standard input; the result then goes to standard output unless -o is given.
    """
    if sum(given is not None for given in (quality, target_bytes, target_bpp)) > 1:
        raise click.UsageError("-q, --target-bytes and --target-bpp exclude one another")
    from sccodec import api, fit, image

    # A wrong spec, or a device that is missing, is one error, not one for each file.
    chosen = api.parse(spec)
    found = api.load(chosen.codec)
    options = api.settle(found, options, Reporter().notice)
    jobs = _files.plan(inputs, output, lambda stem: stem + found.suffix, force=force)
    if json_ and any(job.target is None for job in jobs):
        raise click.UsageError("--json and the encoded file cannot both go to standard output")

    def work(job: _files.Job, reporter: Reporter) -> dict[str, Any]:
        def notice(text: str) -> None:
            reporter.notice(f"{job.name}: {text}")

        source = _files.read_standard_input() if job.source is None else job.source
        picture = image.load(source, notice, options.max_pixels)
        height, width = picture.shape[:2]
        most = target_bytes if target_bpp is None else fit.bytes_of_bpp(target_bpp, width, height)
        if most is None:
            data, used = api.encode(picture, spec, quality, notice=notice, options=options), quality
        else:
            data, used = api.encode_within(picture, spec, most, notice=notice, options=options)
        if used is None and "q" in dict(chosen.options):
            used = float(dict(chosen.options)["q"])
        _files.write(job.target, data)
        bpp = 8 * len(data) / (width * height)
        if job.target is not None and not json_:
            reached = "" if most is None else f", quality {used:.6g}"
            reporter.result(f"{job.name} -> {job.target}: {len(data)} bytes, {bpp:.4f} bpp{reached}")
        return {
            "file": job.name,
            "output": str(job.target),
            "codec": chosen.codec,
            "quality": used,
            "width": width,
            "height": height,
            "file_bytes": len(data),
            "bpp": round(bpp, 5),
        }

    ctx.exit(_batch.run(jobs, lambda job: job.name, work, collect_json=json_))
