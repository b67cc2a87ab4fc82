"""What the commands of transmissions share: their options, and how they say what was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from sccodec.cli import _files
from sccodec.cli._finite import FiniteRange
from sccodec.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sccodec.transmit.link import Frame
    from sccodec.transmit.recordings import Recording

Command = TypeVar("Command", bound=Callable[..., object])
LEAST, MOST = -60.0, 100.0
"""Decibels of an SNR: sccodec.transmit.channels.SNRS, which a test compares. Importing that would take numpy."""
SNR = FiniteRange(LEAST, MOST)
MOST_SNRS = 1000


def seed(what: str) -> Callable[[Command], Command]:
    """The option --seed."""
    return click.option(
        "--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True, metavar="N", help=what
    )


def over(command: Command) -> Command:
    """The option --channel."""
    option = click.option("--channel", "channel", default="awgn", show_default=True, metavar="SPEC",
                          help="awgn, rayleigh or rician, with options: rayleigh:fading=fast,csi=none.")  # fmt: skip
    return option(command)


def snrs_of(ctx: click.Context, parameter: click.Parameter, text: str) -> tuple[float, ...]:
    """Numbers of decibels, each once: "7", "1,4,7", "1..13/3" for 1, 4, .. 13; raises click.BadParameter."""
    from sccodec.bench import specs

    found: dict[float, None] = {}
    try:
        for part in text.split(","):
            for value in specs.values(part.strip(), text):
                found[SNR.convert(value, parameter, ctx)] = None
    except BadInput as error:
        raise click.BadParameter(str(error), ctx, parameter) from None
    if len(found) > MOST_SNRS:
        raise click.BadParameter(f"{text!r} stands for {len(found)} values, the limit is {MOST_SNRS}", ctx, parameter)
    return tuple(found)


def counted(frame: Frame, peak: float) -> str:
    """What a transmission takes, in words: symbols, both definitions of the ratio, bits, peak-to-average ratio."""
    bits = "" if frame.bits is None else f", {frame.bits} bits"
    ratios = f"k/n {frame.over_samples:.5g}, k/pixels {frame.over_pixels:.5g}"
    return f"k {frame.k}, n {frame.n}, {ratios}{bits}, peak-to-average {peak:.2f} dB"


def failed(parts: tuple[int, int]) -> str:
    """Blocks that did not arrive, in words; "" where there are none that could fail."""
    return f", {parts[0]} of {parts[1]} blocks failed" if parts[1] else ""


def described(frame: Frame, peak: float) -> dict[str, object]:
    """The same for JSON."""
    return {**frame.described(), "peak_to_average_db": round(peak, 4)}


@contextmanager
def exclusive(target: Path) -> Iterator[None]:
    """Say of a file that came to be there meanwhile what is said of one that was there before."""
    try:
        yield
    except FileExistsError as error:
        raise BadInput(f"{error.filename or target}: exists; --force overwrites it") from None


def plan(inputs: Sequence[str], output: str | None, kind: str, *, force: bool) -> list[_files.Job]:
    """Pair inputs with recordings, by the names of their metadata; kind: what these names have before the suffix.

    None of the two files of a recording may be an input, or be there without force. Inputs that are recordings are
    both their files. Raises as _files.plan().
    """
    from sccodec.transmit import recordings

    if output is not None and output.endswith(recordings.DATA) and not Path(output).is_dir():
        output = str(Path(output).with_suffix(recordings.META))
    read = [str(path) for name in inputs for path in recording_of(name)]
    jobs = _files.plan(
        inputs,
        output,
        lambda stem: f"{stem}{kind}{recordings.META}",
        force=force,
        also_read=[n for n in read if n != "-"],
    )
    for job in jobs:
        if job.target is None:
            raise click.UsageError("a recording is two files, which no stream holds; name one with -o")
        for path in recordings.paths(job.target):
            if path.exists() and not path.is_file():
                raise BadInput(f"{path}: is no regular file")
            _files.retarget(job, path, [*inputs, *read])
    return jobs


def recording_of(name: str) -> list[Path]:
    """Both files of a recording by the name of either; the file itself for any other name."""
    from sccodec.transmit import recordings

    path = Path(name)
    return list(recordings.paths(path)) if path.suffix in (recordings.META, recordings.DATA) else [path]


def recorded(inputs: Sequence[str]) -> list[str]:
    """Inputs that are recordings, by the names of their metadata; raises click.UsageError or BadInput."""
    from sccodec.transmit import recordings

    if _files.STREAM in inputs:
        raise click.UsageError("a recording is two files, which no stream holds: name its .sigmf-meta")
    return [str(recordings.paths(Path(name))[0]) for name in inputs]


def keep(recording: Recording, job: _files.Job) -> None:
    """Write the recording of a job, both files or none."""
    from sccodec.transmit import recordings

    assert job.target is not None
    with exclusive(job.target):
        recordings.write(job.target, recording, replace=job.force)
