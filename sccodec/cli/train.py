"""`sccodec train`: run a training recipe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import click

from sccodec.cli import _recipes
from sccodec.cli._finite import FiniteRange
from sccodec.cli._report import fail, one_line
from sccodec.errors import Stopped

DEFAULT_MINUTES = 60.0
MOST_MINUTES = 1e7


@click.command("train")
@click.argument("recipe")
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of the training data, as the recipe expects it.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), show_default="runs/RECIPE",
              help="Folder for checkpoint, log and sample pictures.")  # fmt: skip
@click.option("--minutes", type=FiniteRange(0, MOST_MINUTES, min_open=True),
              show_default=f"{DEFAULT_MINUTES:.0f}, without --steps", help="Time budget of the run.")  # fmt: skip
@click.option("--steps", type=click.IntRange(min=1), metavar="N",
              help="Steps of the run; beside --minutes, whichever is over first ends it.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out, where there is one.")
@click.option("--batch", type=click.IntRange(1, 10**6), help="Pictures a step; the recipe's own number by default.")
@click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), metavar="N",
              help="Of everything random.")  # fmt: skip
@click.option("--init", multiple=True, type=click.Path(exists=True, path_type=Path),
              help="Checkpoint, model file or state to take networks from; may be repeated.")  # fmt: skip
def command(
    recipe: str,
    data: Path,
    out: Path | None,
    minutes: float | None,
    steps: int | None,
    resume: bool,
    batch: int | None,
    threads: int | None,
    seed: int,
    init: tuple[Path, ...],
) -> None:
    """Train RECIPE on CPU, or on one GPU or several (under torchrun).

    Writes the checkpoint, the losses (log.jsonl) and sample pictures to the folder --out. Control-C and SIGTERM end it
    with a checkpoint; the same command with --resume goes on. Needs the extra sccodec[train].
    """
    found = _recipes.load(recipe)
    loop = cast(_recipes.Loop, _recipes.module("loop"))
    options = loop.Options(
        data=data,
        out=out or Path("runs") / recipe,
        minutes=DEFAULT_MINUTES if minutes is None and steps is None else minutes,
        steps=steps,
        resume=resume,
        batch=batch,
        threads=threads,
        seed=seed,
        init=tuple(_recipes.checkpoint_of(path) for path in init),
        recipe=recipe,
    )
    try:
        with _recipes.explained():
            checkpoint = loop.train(found.build, options, lambda line: click.echo(one_line(line), err=True))
    except Stopped as stopped:
        if str(stopped):  # one process of several says it
            fail(str(stopped))
        raise click.exceptions.Exit(128 + stopped.number) from None
    if os.environ.get("RANK", "0") == "0":
        click.echo(checkpoint)
