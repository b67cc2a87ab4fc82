"""`sccodec encode`: pictures to files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _options, _suffixes
from sccodec.cli._report import Reporter

if TYPE_CHECKING:
    from sccodec.codec import Notice, Options, Picture, Spec


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
    from sccodec import api

    with _batch.failing_as_json(inputs, collect_json=json_):
        # A wrong spec, or a device that is missing, is one error, not one for each file.
        chosen = api.parse(spec)
        found = api.load(chosen.codec)
        options = api.settle(found, options, Reporter().notice)
        jobs = _files.plan(inputs, output, lambda stem: stem + found.suffix, force=force)
        for job in jobs:
            _suffixes.check_encoded(job.target, found.suffix, force=force)
    if json_ and any(job.target is None for job in jobs):
        raise click.UsageError("--json and the encoded file cannot both go to standard output")

    wish = Wish(spec, chosen, quality, target_bytes, target_bpp, options)

    def work(job: _files.Job, reporter: Reporter) -> dict[str, object]:
        return wish.encode(job, reporter, quiet=json_)

    ctx.exit(_batch.run(jobs, lambda job: job.name, work, collect_json=json_))


@dataclass(frozen=True)
class Wish:
    """What is to become of each picture. text: of the spec. Of quality and the two targets one at most is given."""

    text: str
    spec: Spec
    quality: float | None
    target_bytes: int | None
    target_bpp: float | None
    options: Options

    def encode(self, job: _files.Job, reporter: Reporter, *, quiet: bool) -> dict[str, object]:
        """Encode one picture and write its file; gives what --json says, and prints a line unless quiet."""
        from sccodec import api

        def notice(text: str) -> None:
            reporter.notice(f"{job.name}: {text}")

        picture = api.load_picture(_files.read_picture(job.source), notice, self.options)
        height, width = picture.shape[:2]
        data, used = self.file_of(picture, notice)
        _files.write(job.target, data, force=job.force)
        bpp = 8 * len(data) / (width * height)
        if job.target is not None and not quiet:
            reached = f", quality {used:.6g}" if self.has_target and used is not None else ""
            reporter.result(f"{job.name} -> {job.target}: {len(data)} bytes, {bpp:.4f} bpp{reached}")
        return {
            "file": job.name,
            "output": str(job.target),
            "codec": self.spec.codec,
            "quality": used,
            "width": width,
            "height": height,
            "file_bytes": len(data),
            "bpp": round(bpp, 5),
        }

    @property
    def has_target(self) -> bool:
        return self.target_bytes is not None or self.target_bpp is not None

    def file_of(self, picture: Picture, notice: Notice) -> tuple[bytes, float | None]:
        """The file, and the quality that was asked for or found; None for the codec's default."""
        from sccodec import api, fit

        height, width = picture.shape[:2]
        most = self.target_bytes
        if self.target_bpp is not None:
            most = fit.bytes_of_bpp(self.target_bpp, width, height)
        if most is not None:
            return api.encode_within(picture, self.text, most, notice=notice, options=self.options)
        data = api.encode(picture, self.text, self.quality, notice=notice, options=self.options)
        stated = dict(self.spec.options).get("q")
        return data, float(stated) if self.quality is None and stated is not None else self.quality
