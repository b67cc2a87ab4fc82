"""Folders among the inputs of a command: the pictures in them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from sccodec.cli import _files


def is_folder(name: str) -> bool:
    """Whether an input is a folder, and not "-"."""
    return name != _files.STREAM and os.path.isdir(name)  # noqa: PTH112  # raises nothing, whatever the name


def expand(inputs: Sequence[str], output: str | None, kinds: Sequence[str]) -> Mapping[str, Path]:
    """The inputs, with the pictures of folders in their place, and below which folder of an output each belongs.

    What earlier runs wrote is left out: everything in the output, where that is a folder within an input; and a PNG
    that is named after a picture beside it and one of the kinds (``a.labels.png``). Pictures are those that
    sccodec.bench.datasets finds, whatever is not a folder stays as it is. Raises BadInput for a folder without any.
    """
    found: dict[str, Path] = {}
    for name in inputs:
        for one, below in _pictures(name, output, kinds) if is_folder(name) else [(name, Path())]:
            found.setdefault(one, below)
    return found


def _pictures(folder: str, output: str | None, kinds: Sequence[str]) -> list[tuple[str, Path]]:
    from sccodec.bench import datasets
    from sccodec.errors import BadInput

    names = [Path(entry.name) for entry in datasets.find(folder).entries]
    stems = {name.with_suffix("") for name in names}

    def is_ours(name: Path) -> bool:
        made = name.suffix == ".png" and name.stem.endswith(tuple(kinds))
        return made and name.with_name(name.stem.rpartition(".")[0]) in stems

    kept = [name for name in names if not is_ours(name)]
    if output is not None and is_folder(output):
        inside, outer = Path(output).resolve(), Path(folder).resolve()
        if outer in inside.parents:
            kept = [name for name in kept if inside not in (outer / name).parents]
    if not kept:
        raise BadInput(f"{folder}: holds no pictures but those that were made here")
    return [(str(Path(folder) / name), name.parent) for name in kept]
