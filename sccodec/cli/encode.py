"""`sccodec encode`: pictures to files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _options, _suffixes
from sccodec.cli._report import Reporter

if TYPE_CHECKING:
    from sccodec.choice import Choice
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

    Codecs of public formats write those: -m avif makes face.avif. -m auto tries some, and takes the best at one size.

    PICTURE may be - for standard input; the result then goes to standard output unless -o is given.
    """
    if sum(given is not None for given in (quality, target_bytes, target_bpp)) > 1:
        raise click.UsageError("-q, --target-bytes and --target-bpp exclude one another")
    from sccodec import api, choice

    with _batch.failing_as_json(inputs, collect_json=json_):
        # A wrong spec, or a device that is missing, is one error, not one for each file.
        automatic = spec == choice.AUTO
        chosen = api.parse(choice.LEARNED if automatic else spec)
        found = api.load(chosen.codec)
        options = api.settle(found, options, Reporter().notice)
        jobs = _files.plan(inputs, output, lambda stem: stem + found.suffix, force=force)
        if not automatic:
            for job in jobs:
                _suffixes.check_encoded(job.target, found.suffix, force=force)
    if json_ and any(job.target is None for job in jobs):
        raise click.UsageError("--json and the encoded file cannot both go to standard output")

    named = output if automatic and len(jobs) == 1 and jobs[0].target == Path(output or "") else None
    wish = Wish(spec, chosen, quality, target_bytes, target_bpp, options, inputs, named)

    def work(job: _files.Job, reporter: Reporter) -> dict[str, object]:
        return wish.encode(job, reporter, quiet=json_)

    ctx.exit(_batch.run(jobs, lambda job: job.name, work, collect_json=json_))


@dataclass(frozen=True)
class Wish:
    """What is to become of each picture. text: of the spec. Of quality and the two targets one at most is given.

    inputs: all of them, none of which is overwritten. named: the output's name where the user gave one and the codec is
    to be found: its suffix says which files it may be.
    """

    text: str
    spec: Spec
    quality: float | None
    target_bytes: int | None
    target_bpp: float | None
    options: Options
    inputs: Sequence[str]
    named: str | None

    def encode(self, job: _files.Job, reporter: Reporter, *, quiet: bool) -> dict[str, object]:
        """Encode one picture and write its file; gives what --json says, and prints a line unless quiet."""
        from sccodec import api, choice

        def notice(text: str) -> None:
            reporter.notice(f"{job.name}: {text}")

        picture = api.load_picture(_files.read_picture(job.source), notice, self.options)
        height, width = picture.shape[:2]
        spec = str(self.spec)
        if self.text == choice.AUTO:
            made = self.best_of(picture, notice)
            data, used, spec = made.data, made.quality, made.spec
            job = self.renamed(job, api.suffix_of(spec))
        else:
            data, used = self.file_of(picture, notice)
        _files.write(job.target, data, force=job.force)
        bpp = 8 * len(data) / (width * height)
        if job.target is not None and not quiet:
            reached = f", quality {used:.6g}" if self.has_target and used is not None else ""
            chosen = f", by {spec}" if self.text == choice.AUTO else ""
            reporter.result(f"{job.name} -> {job.target}: {len(data)} bytes, {bpp:.4f} bpp{reached}{chosen}")
        return {
            "file": job.name,
            "output": str(job.target),
            "codec": spec.partition(":")[0],
            "quality": used,
            "width": width,
            "height": height,
            "file_bytes": len(data),
            "bpp": round(bpp, 5),
        }

    @property
    def has_target(self) -> bool:
        return self.target_bytes is not None or self.target_bpp is not None

    def most_bytes(self, picture: Picture) -> int | None:
        """The target in bytes, None without one."""
        from sccodec import fit

        height, width = picture.shape[:2]
        return self.target_bytes if self.target_bpp is None else fit.bytes_of_bpp(self.target_bpp, width, height)

    def file_of(self, picture: Picture, notice: Notice) -> tuple[bytes, float | None]:
        """The file, and the quality that was asked for or found; None for the codec's default."""
        from sccodec import api

        most = self.most_bytes(picture)
        if most is not None:
            return api.encode_within(picture, self.text, most, notice=notice, options=self.options)
        data = api.encode(picture, self.text, self.quality, notice=notice, options=self.options)
        stated = dict(self.spec.options).get("q")
        return data, float(stated) if self.quality is None and stated is not None else self.quality

    def best_of(self, picture: Picture, notice: Notice) -> Choice:
        """The best file that any codec makes; of those of one suffix where the user gave a name."""
        from sccodec import api

        suffix = None if self.named is None else Path(self.named).suffix.lower()
        most = self.most_bytes(picture)
        return api.choose(picture, self.quality, most, suffix=suffix, notice=notice, options=self.options)

    def renamed(self, job: _files.Job, suffix: str) -> _files.Job:
        """The job with an output of that suffix, where the name is ours to choose; BadInput as the plan has it."""
        if self.named is not None or job.target is None:
            _suffixes.check_encoded(job.target, suffix, force=job.force)
            return job
        return _files.retarget(job, job.target.with_name(job.target.stem + suffix), self.inputs)
