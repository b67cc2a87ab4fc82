"""`sccodec send`: pictures to recordings of symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _links, _options
from sccodec.cli._report import Reporter
from sccodec.errors import BadInput

if TYPE_CHECKING:
    from sccodec.codec import Options


@click.command("send")
@_batch.inputs("PICTURE...")
@click.option("-m", "--model", "spec", required=True, metavar="SPEC",
              help="Link and options: separate:hyperprior,code=ldpc,ratio=1/12 for example.")  # fmt: skip
@click.option("--snr", type=_links.SNR, default=10.0, show_default=True, metavar="DB",
              help="Es/N0 in dB that the transmitter goes by.")  # fmt: skip
@_links.seed("For what a transmitter draws; those that there are draw nothing.")
@_batch.outputs
@_batch.as_json
@_options.running
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    spec: str,
    snr: float,
    seed: int,
    output: str | None,
    force: bool,
    json_: bool,
    options: Options,
) -> None:
    """Write the symbols that a link sends for a picture as a SigMF recording: photo.png becomes photo.sigmf-meta.

    The samples lie beside that, photo.sigmf-data. The metadata hold what the receiver must know. PICTURE may be - for
    standard input.
    """
    with _batch.failing_as_json(inputs, collect_json=json_):
        from sccodec.transmit import run

        run.settle(spec)[0].check_snr(snr)
        run.on_device(options)  # one that is missing is one error
        jobs = _links.plan(inputs, output, "", force=force)

    def work(job: _files.Job, reporter: Reporter) -> dict[str, object]:
        from sccodec import api
        from sccodec.transmit.channels import peak_to_average
        from sccodec.transmit.recordings import Recording

        def notice(text: str) -> None:
            reporter.notice(f"{job.name}: {text}")

        picture = api.load_picture(_files.read_picture(job.source), notice, options)
        sent = run.send(picture, spec, snr, notice=notice, options=options)
        if sent.ideal is not None:
            raise BadInput(
                f"{sent.frame.link} is a bound, and no symbols: `sccodec transmit` says what arrives at best"
            )
        _links.keep(Recording.sent(sent.frame, sent.symbols), job)
        peak = peak_to_average(sent.symbols)
        if not json_:
            counted = _links.counted(sent.frame, peak)
            reporter.result(f"{job.name} -> {job.target}: {sent.frame.link}, for {snr:g} dB: {counted}")
        return {
            "file": job.name,
            "output": str(job.target),
            **_links.described(sent.frame, peak),
            "seed": seed,
            "details": dict(sent.details),
        }

    ctx.exit(_batch.run(jobs, lambda job: job.name, work, collect_json=json_))
