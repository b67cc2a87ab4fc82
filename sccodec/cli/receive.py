"""`sccodec receive`: recordings of symbols to pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _links, _options, _suffixes
from sccodec.cli._report import Reporter
from sccodec.errors import BadInput

if TYPE_CHECKING:
    from sccodec.codec import Options
    from sccodec.transmit.link import Arrived


@click.command("receive")
@_batch.inputs("RECORDING...")
@click.option("--snr", type=_links.SNR, metavar="DB",
              help="Es/N0 in dB, instead of what the metadata state; with neither there is no noise.")  # fmt: skip
@click.option("--labels", metavar="FILE", help="Write the map of classes that arrived, too, as a PNG.")
@click.option("--caption", is_flag=True, help="Print the sentence that arrived, too.")
@_links.seed("For what a receiver draws; those that there are draw nothing.")
@_batch.outputs
@_batch.as_json
@_options.running
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    snr: float | None,
    labels: str | None,
    caption: bool,
    seed: int,
    output: str | None,
    force: bool,
    json_: bool,
    options: Options,
) -> None:
    """Make pictures of received symbols: photo.sigmf-meta becomes photo.received.png beside it, or what -o says.

    RECORDING is named by its .sigmf-meta or .sigmf-data. The suffix of -o chooses the format; standard output gets PNG.
    """
    with _batch.failing_as_json(inputs, collect_json=json_):
        named = _links.recorded(inputs)
        read = [str(path) for name in named for path in _links.recording_of(name)]
        jobs = _files.plan(named, output, lambda stem: f"{stem}.received.png", force=force, also_read=read)
        for job in jobs:
            _suffixes.check_decoded(job.target)
        place = None if labels is None else place_of(labels, jobs, read)
    if jobs[0].target is None and (json_ or caption):
        raise click.UsageError(
            f"{'--json' if json_ else '--caption'} and the picture cannot both go to standard output"
        )
    wish = Wish(snr, place, caption, options, seed)

    def work(job: _files.Job, reporter: Reporter) -> dict[str, object]:
        return wish.receive(job, reporter, quiet=json_)

    ctx.exit(_batch.run(jobs, lambda job: job.name, work, collect_json=json_))


def place_of(labels: str, jobs: list[_files.Job], read: list[str]) -> Path:
    """Where the map of classes is to be; raises click.UsageError, or BadInput for an input or the other output."""
    if len(jobs) > 1:
        raise click.UsageError("--labels names one file: receive one recording with it")
    place = Path(labels)
    if labels in ("", _files.STREAM) or place.is_dir():
        raise click.UsageError("--labels names a file")
    if place.suffix.lower() != ".png" and not _files.is_special(place):
        raise BadInput(f"{labels}: a map of classes is written as .png only")
    picture = [] if jobs[0].target is None else [str(jobs[0].target)]
    _files.retarget(jobs[0], place, [*read, *picture])
    return place


@dataclass(frozen=True)
class Wish:
    """What is to become of each recording. snr: in dB, None for what the metadata state. labels: where the map goes."""

    snr: float | None
    labels: Path | None
    caption: bool
    options: Options
    seed: int

    def receive(self, job: _files.Job, reporter: Reporter, *, quiet: bool) -> dict[str, object]:
        """Receive one picture and write its files; gives what --json says, and prints lines unless quiet."""
        from sccodec.transmit import recordings, run
        from sccodec.transmit.channels import noise_power, peak_to_average

        def notice(text: str) -> None:
            reporter.notice(f"{job.name}: {text}")

        assert job.source is not None
        found = recordings.read(job.source, max_pixels=self.options.max_pixels, notice=notice)
        snr = found.snr if self.snr is None else self.snr
        got = found.got if self.snr is None else replace(found.got, noise_power=noise_power(self.snr))
        arrived = run.receive(got, found.frame, notice=notice, options=self.options)
        self.check(arrived, found.frame.link)
        data = _suffixes.decoded(arrived.picture, job.target, notice)
        _files.write(job.target, data, force=job.force)
        if self.labels is not None and arrived.labels is not None:
            from sccodec import image

            _files.write(self.labels, image.labels_to_bytes(arrived.labels), force=job.force)
        peak = peak_to_average(got.symbols)
        if not quiet and job.target is not None:
            height, width = arrived.picture.shape[:2]
            noise = "without noise" if snr is None else f"at {snr:g} dB"
            said = f"{_links.counted(found.frame, peak)}{_links.failed(arrived.failed)}"
            reporter.result(f"{job.name} -> {job.target}: {width}x{height}, {found.frame.link}, {noise}: {said}")
            if self.caption:
                reporter.result(f"{job.name}: caption: {arrived.caption}")
        return {
            "file": job.name,
            "output": str(job.target),
            **_links.described(found.frame, peak),
            "channel": found.channel or None,
            "snr_db": None if snr is None or snr == float("inf") else snr,
            "seed": self.seed,
            "blocks": arrived.failed[1],
            "failed_blocks": arrived.failed[0],
            "labels": None if self.labels is None else str(self.labels),
            "label_names": list(arrived.label_names),
            "caption": arrived.caption,
        }

    def check(self, arrived: Arrived, link: str) -> None:
        """Raise BadInput where something is asked for that the link does not carry."""
        if self.labels is not None and arrived.labels is None:
            raise BadInput(f"{link} carries no map of classes: leave out --labels")
        if self.caption and arrived.caption is None:
            raise BadInput(f"{link} carries no caption: leave out --caption")
