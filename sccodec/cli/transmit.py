"""`sccodec transmit`: pictures over a noisy channel, from one end to the other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sccodec.cli import _batch, _files, _folders, _links, _options, _streams, _suffixes
from sccodec.cli._report import Reporter, one_line
from sccodec.errors import BadInput, SccodecError
from sccodec.metrics.table import DEFAULT, METRICS

if TYPE_CHECKING:
    from sccodec.bench.gauge import Measured
    from sccodec.codec import Options, Picture
    from sccodec.transmit.link import Sent
    from sccodec.transmit.run import Transmission

MOST_TRANSMISSIONS = 10_000


@click.command("transmit")
@_batch.inputs("PICTURE...")
@click.option("-m", "--model", "specs", multiple=True, required=True, metavar="SPEC",
              help="Link and options: separate:hyperprior,ratio=1/12 for example; may be repeated.")  # fmt: skip
@click.option("--snr", "snrs", default="10", show_default=True, metavar="DB,...", callback=_links.snrs_of,
              help="Es/N0 of the channel in dB: a number, a list, or a range first..last/step.")  # fmt: skip
@click.option("--assumed", type=_links.SNR, metavar="DB", help="The SNR that the transmitter goes by, where another.")
@_links.over
@_links.seed("Of fading and noise: equal seeds give the same.")
@click.option("--metric", "metrics", multiple=True, default=(DEFAULT,), show_default=True, metavar="NAME,...",
              help=f"What to compare by: {', '.join(METRICS)}.")  # fmt: skip
@_batch.outputs
@_batch.as_json
@_options.running
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    specs: tuple[str, ...],
    snrs: tuple[float, ...],
    assumed: float | None,
    channel: str,
    seed: int,
    metrics: tuple[str, ...],
    output: str | None,
    force: bool,
    json_: bool,
    options: Options,
) -> None:
    """Send pictures over a channel, and say what arrives; -o writes that, a folder where there are several.

    Each picture is sent by each link at each SNR. Figures are of the uint8 picture. PICTURE may be a folder, or - for
    standard input.
    """
    with _batch.failing_as_json(inputs, collect_json=json_):
        from sccodec.bench import gauge
        from sccodec.transmit import run

        run.on_device(options)  # one that is missing is one error
        wish = Wish(
            list(grid(specs, snrs, assumed)), assumed, channel_of(channel), seed, gauge.choose(metrics), options
        )
        jobs = plan(inputs, output, wish, force=force)
        for job in jobs:
            for target in job.targets:
                _suffixes.check_decoded(target)
    if json_ and output is not None and any(None in job.targets for job in jobs):
        raise click.UsageError("--json and the picture cannot both go to standard output")

    def work(job: Grid, reporter: Reporter) -> list[dict[str, object]]:
        return wish.transmit(job, reporter, writes=output is not None, quiet=json_)

    ctx.exit(_batch.run(jobs, lambda job: job.source.name, work, collect_json=json_))


def grid(specs: Sequence[str], snrs: Sequence[float], assumed: float | None) -> Mapping[tuple[str, float], None]:
    """Every link, by its spec in canonical form, at every SNR, each once; raises BadInput for what no link covers."""
    from sccodec.transmit import run

    found: dict[tuple[str, float], None] = {}
    for text in specs:
        link, spec = run.settle(text)
        for snr in snrs:
            link.check_snr(snr if assumed is None else assumed)
            found[str(spec), snr] = None
    if len(found) > MOST_TRANSMISSIONS:
        raise click.UsageError(f"these are {len(found)} transmissions of a picture, the limit is {MOST_TRANSMISSIONS}")
    return found


def channel_of(text: str) -> str:
    """A channel's spec in canonical form; raises BadInput."""
    from sccodec.transmit.channels import Channel

    return str(Channel.parse(text))


@dataclass(frozen=True)
class Grid:
    """A picture, and where it is written for each transmission; None is standard output, or nowhere."""

    source: _files.Job
    targets: Sequence[Path | None]


def plan(inputs: Sequence[str], output: str | None, wish: Wish, *, force: bool) -> list[Grid]:
    """The pictures, those of folders among them, and their outputs; raises click.UsageError and BadInput."""
    listed = _folders.expand(inputs, output, ())
    if output is None:
        alone = [_files.Job(None if name == _files.STREAM else Path(name), None) for name in listed]
        return [Grid(job, [None] * len(wish.parts)) for job in alone]
    names = list(file_names(wish.parts))
    several = len(names) > 1 or len(inputs) > 1 or any(_folders.is_folder(name) for name in inputs)
    stems = {name: str(listed[name] / _files.stem_of(name)) for name in listed}
    jobs = _files.plan(
        list(listed), output, lambda stem: stem, force=force, several=several,
        in_folder=lambda name: f"{stems[name]}.{names[0]}",
    )  # fmt: skip
    found = []
    for job, name in zip(jobs, listed, strict=True):
        targets = [job.target]
        if job.target is not None and len(names) > 1:
            stem = Path(stems[name]).name
            targets += [job.target.with_name(f"{stem}.{other}") for other in names[1:]]
        for target in targets[1:]:
            assert target is not None
            _files.retarget(job, target, list(listed))
        found.append(Grid(job, targets))
    places = [str(target) for one in found for target in one.targets if target is not None]
    if len({*places}) < len(places):  # "a" and "a.x" may be pictures, and "x.y" a link
        raise BadInput("several pictures would be written to one name; give one of them at a time")
    return found


def file_names(parts: Sequence[tuple[str, float]]) -> Sequence[str]:
    """What files are called in a folder, behind the picture's name: link, ratio, SNR. No two are equal."""
    from sccodec.bench.keep import safe
    from sccodec.transmit import link as links

    found: dict[str, None] = {}
    for text, snr in parts:
        spec = links.parse(text)
        others = [f"{key}={value}" for key, value in spec.options if key != links.LABEL]
        plain = re.sub(r"[^\w.=+-]+", "-", "-".join(filter(None, [spec.codec, spec.variant, *others])), flags=re.ASCII)
        ratio = str(links.ratio_in(spec)).replace("/", "-")
        name = f"{plain[:80]}.ratio={ratio}.snr={snr:g}.png"
        found[name if name not in found else f"{safe(f'{text}@{snr!r}')}.png"] = None
    assert len(found) == len(parts)
    return list(found)


class Earlier(dict[tuple[str, float], "tuple[Sent, float]"]):
    """What was sent of a picture last, by spec and SNR in dB, and the seconds that it took."""


@dataclass(frozen=True)
class Wish:
    """What is to become of each picture. parts: specs and SNRs in dB. assumed: by the transmitter, where another."""

    parts: Sequence[tuple[str, float]]
    assumed: float | None
    channel: str
    seed: int
    metrics: Sequence[str]
    options: Options

    def transmit(self, job: Grid, reporter: Reporter, *, writes: bool, quiet: bool) -> list[dict[str, object]]:
        """Send a picture in every way, and write what arrives; gives what --json says, and prints lines unless quiet.

        One that fails is said, and the others are still done.
        """
        from sccodec import api
        from sccodec.bench.gauge import LocalGauge
        from sccodec.cli import describe

        name = job.source.name
        picture = api.load_picture(
            _files.read_picture(job.source.source), lambda text: reporter.notice(f"{name}: {text}"), self.options
        )
        gauge, earlier = LocalGauge(), Earlier()
        gauge.refer(picture)
        found = []
        for (spec, snr), target in zip(self.parts, job.targets, strict=True):
            told = name if len(self.parts) == 1 else f"{name}, {spec} at {snr:g} dB"
            try:
                done = self.send(picture, spec, snr, earlier, reporter, told)
                if writes:
                    self.write(done, target, reporter, told, force=job.source.force)
            except BrokenPipeError:
                raise
            except (SccodecError, OSError, MemoryError) as error:
                message = one_line(describe(error))
                reporter.error(f"{told}: {message}")
                found.append({"file": name, "link": spec, "snr_db": snr, "error": message})
                continue
            measured = gauge.measure(done.arrived.picture, self.metrics)
            if not quiet:
                say: Callable[[str], None] = _streams.tell if writes and target is None else reporter.result
                say(f"{name}{'' if target is None else f' -> {target}'}: {words(done, measured)}")
            found.append({"file": name, "output": None if target is None else str(target), **described(done, measured)})
        return found

    def send(
        self, picture: Picture, spec: str, snr: float, earlier: Earlier, reporter: Reporter, told: str
    ) -> Transmission:
        from sccodec.transmit import run

        def notice(text: str) -> None:
            reporter.notice(f"{told}: {text}")

        asked = snr if self.assumed is None else self.assumed
        if (spec, asked) not in earlier:
            earlier.clear()
            began = time.perf_counter()
            sent = run.send(picture, spec, asked, notice=notice, options=self.options)
            earlier[spec, asked] = sent, time.perf_counter() - began
        sent, seconds = earlier[spec, asked]
        done = run.deliver(sent, snr, channel=self.channel, seed=self.seed, notice=notice, options=self.options)
        return replace(done, send_seconds=seconds)

    def write(self, done: Transmission, target: Path | None, reporter: Reporter, told: str, *, force: bool) -> None:
        data = _suffixes.decoded(done.arrived.picture, target, lambda text: reporter.notice(f"{told}: {text}"))
        _files.write(target, data, force=force)


def words(done: Transmission, measured: Measured) -> str:
    """What arrived, and what it took, in a line."""
    frame = done.frame
    ways = f"{frame.link}, {done.channel} at {done.snr:g} dB"
    if frame.snr != done.snr:
        ways += f", sent for {frame.snr:g} dB"
    values = [
        f"{METRICS[key].label} {METRICS[key].quantity(value) if value is not None else measured.reasons[key]}"
        for key, value in measured.values.items()
    ]
    caption = "" if done.arrived.caption is None else f"; caption: {done.arrived.caption}"
    counted = _links.counted(frame, done.peak_to_average) + _links.failed(done.arrived.failed)
    return f"{ways}: {', '.join(values)}; {counted}{caption}"


def described(done: Transmission, measured: Measured) -> dict[str, object]:
    """The same for JSON. A metric without a value is null, and the reason stands beside it."""
    return {
        **_links.described(done.frame, done.peak_to_average),
        "channel": done.channel,
        "snr_db": done.snr,
        "seed": done.seed,
        "blocks": done.arrived.failed[1],
        "failed_blocks": done.arrived.failed[0],
        **measured.values,
        "reasons": measured.reasons,
        "caption": done.arrived.caption,
        "send_seconds": round(done.send_seconds, 4),
        "receive_seconds": round(done.receive_seconds, 4),
        "details": dict(done.details),
    }
