"""`sccodec channel`: what becomes of recorded symbols on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _links, _options
from sccodec.cli._report import Reporter
from sccodec.errors import BadInput

if TYPE_CHECKING:
    from sccodec.codec import Options
    from sccodec.transmit.recordings import Recording

TOLERANCE = 0.01
"""How far the mean power of symbols may be from 1, over which an SNR is."""


@click.command("channel")
@_batch.inputs("RECORDING...")
@click.option("--snr", type=_links.SNR, required=True, metavar="DB", help="Es/N0 in dB.")
@_links.over
@_links.seed("Of fading and noise: equal seeds give the same.")
@_batch.outputs
@_batch.as_json
@_options.limits
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    snr: float,
    channel: str,
    seed: int,
    output: str | None,
    force: bool,
    json_: bool,
    options: Options,
) -> None:
    """Send recorded symbols over a channel: photo.sigmf-meta becomes photo.channel.sigmf-meta, or what -o says.

    RECORDING is what `sccodec send` wrote, by the name of its .sigmf-meta or .sigmf-data. The metadata of the result
    state the SNR, the channel, and the gain where the receiver knows it.
    """
    with _batch.failing_as_json(inputs, collect_json=json_):
        from sccodec.transmit.channels import Channel

        over = Channel.parse(channel)
        jobs = _links.plan(_links.recorded(inputs), output, ".channel", force=force)

    def work(job: _files.Job, reporter: Reporter) -> dict[str, object]:
        import numpy as np

        from sccodec.transmit import recordings
        from sccodec.transmit.channels import peak_to_average

        def notice(text: str) -> None:
            reporter.notice(f"{job.name}: {text}")

        assert job.source is not None
        sent = recordings.read(job.source, max_pixels=options.max_pixels, notice=notice)
        check_sent(sent)
        got = over.send(sent.got.symbols, snr, np.random.default_rng(seed))
        _links.keep(recordings.Recording(sent.frame, got, snr, str(over)), job)
        peak = peak_to_average(sent.got.symbols)
        if not json_:
            counted = _links.counted(sent.frame, peak)
            reporter.result(f"{job.name} -> {job.target}: {over} at {snr:g} dB, seed {seed}: {counted}")
        return {
            "file": job.name,
            "output": str(job.target),
            **_links.described(sent.frame, peak),
            "channel": str(over),
            "snr_db": snr,
            "seed": seed,
        }

    ctx.exit(_batch.run(jobs, lambda job: job.name, work, collect_json=json_))


def check_sent(found: Recording) -> None:
    """Raise BadInput for what is no recording of a transmitter's symbols."""
    from sccodec.transmit.channels import mean_power

    if found.snr is not None or found.channel:
        over = f" ({found.channel} at {found.snr:g} dB)" if found.channel and found.snr is not None else ""
        raise BadInput(f"these symbols came over a channel already{over}: name the recording that `sccodec send` wrote")
    power = mean_power(found.got.symbols)
    if abs(power - 1) > TOLERANCE:
        raise BadInput(f"the symbols have a mean power of {power:.3g}, and an SNR is that of symbols of 1")
