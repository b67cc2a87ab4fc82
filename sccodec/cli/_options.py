"""Options that say how to run, gathered into one argument, `options`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import click

from sccodec.container import MAX_PIXELS

Command = Callable[..., object]


def limits(command: Command) -> Command:
    """The option --max-pixels."""
    return _max_pixels(_gathering(command))


def on_device(command: Command) -> Command:
    """The options --max-pixels and --device: for commands that run our own networks."""
    return _max_pixels(_device(_gathering(command)))


def running(command: Command) -> Command:
    """The options --max-pixels, --device and --checkpoint: for commands that run networks."""
    checkpoint = click.option("--checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                              metavar="FILE", help="Weights of a compressai codec, not downloaded ones.")  # fmt: skip
    return _max_pixels(_device(checkpoint(_gathering(command))))


def _device(command: Command) -> Command:
    option = click.option("--device", type=click.Choice(["cpu", "cuda", "auto"]), default="cpu", show_default=True,
                          help="Where networks run; auto is cuda where torch finds it.")  # fmt: skip
    return option(command)


def _max_pixels(command: Command) -> Command:
    option = click.option("--max-pixels", type=click.IntRange(1), default=MAX_PIXELS, show_default=True, metavar="N",
                          help="Refuse what has more pixels.")  # fmt: skip
    return option(command)


def _gathering(command: Command) -> Command:
    @functools.wraps(command)
    def gathered(
        *args: object, max_pixels: int, device: str = "cpu", checkpoint: Path | None = None, **others: object
    ) -> object:
        from sccodec.codec import Options

        return command(*args, options=Options(device, max_pixels, checkpoint), **others)

    return gathered
