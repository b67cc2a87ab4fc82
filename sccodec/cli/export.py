"""`sccodec export`: make a model file from checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from sccodec.cli import _recipes
from sccodec.errors import BadInput


@click.command("export")
@click.argument("recipe")
@click.option("--from", "sources", multiple=True, required=True, type=click.Path(exists=True, path_type=Path),
              help="Checkpoint, or the folder of a training run; may be repeated.")  # fmt: skip
@click.option("-o", "--out", required=True, type=click.Path(file_okay=False, path_type=Path),
              help="Folder for the model file, models/ for example.")  # fmt: skip
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder of the training data, where the recipe calibrates with it.")  # fmt: skip
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path),
              help="Also write here what further training needs beside the model file.")  # fmt: skip
def command(recipe: str, sources: tuple[Path, ...], out: Path, data: Path | None, state: Path | None) -> None:
    """Make the model file of RECIPE from checkpoints. Needs the extra sccodec[train]."""
    found = _recipes.load(recipe)
    checkpoints = [_recipes.checkpoint_of(source) for source in sources]
    if not isinstance(found, _recipes.Exports):
        raise BadInput(f"the recipe {recipe} makes no model file of its own")
    states = cast(_recipes.State, _recipes.module("state"))
    with _recipes.explained():
        states.check_trained(checkpoints)
        model = found.export(checkpoints, out, data)
        if state is not None:
            states.write_state(checkpoints, model, state)
    click.echo(model)
