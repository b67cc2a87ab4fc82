"""`sccodec train`: run a training recipe."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from sccodec.cli import _recipes


@click.command("train")
@click.argument("recipe")
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of the training data, as the recipe expects it.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), show_default="runs/RECIPE",
              help="Folder for checkpoint, log and sample pictures.")  # fmt: skip
@click.option("--minutes", default=60.0, show_default=True, type=click.FloatRange(min=0, min_open=True),
              help="Time budget of this run.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out, where there is one.")
@click.option("--batch", type=click.IntRange(min=1), help="Pictures a step; the recipe's own number by default.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.")
@click.option("--seed", default=0, show_default=True, help="Of everything random.")
@click.option("--init", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Checkpoint, model file or state to take networks from; may be repeated.")  # fmt: skip
def command(
    recipe: str,
    data: Path,
    out: Path | None,
    minutes: float,
    resume: bool,
    batch: int | None,
    threads: int | None,
    seed: int,
    init: tuple[Path, ...],
) -> None:
    """Train RECIPE on CPU, or on one GPU or several (under torchrun).

    Writes the checkpoint, the losses (log.jsonl) and sample pictures to the folder --out. Needs the extra
    sccodec[train].
    """
    found = _recipes.load(recipe)
    loop = cast(_recipes.Loop, _recipes.module("loop"))
    options = loop.Options(
        data=data,
        out=out or Path("runs") / recipe,
        minutes=minutes,
        resume=resume,
        batch=batch,
        threads=threads,
        seed=seed,
        init=init,
    )
    with _recipes.explained():
        checkpoint = loop.train(found.build, options, lambda line: click.echo(line, err=True))
    click.echo(checkpoint)
