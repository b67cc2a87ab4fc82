"""Training recipes by file name, and what to install where training cannot be imported.

Commands reach all of sccodec.training through load() and module(), by name: the protocols here say what they use of it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast, runtime_checkable

import sccodec
from sccodec.errors import BadInput, CodecUnavailable


class Recipe(Protocol):
    """A module of sccodec.training.recipes: what it hands to the loop."""

    def build(self, options: object) -> object: ...


@runtime_checkable
class Exports(Protocol):
    """A recipe that also makes a model file of checkpoints."""

    def export(self, checkpoints: list[Path], out: Path, data: Path | None) -> Path: ...


class MakeOptions(Protocol):
    """How a run's options are made."""

    def __call__(
        self,
        *,
        data: Path,
        out: Path,
        minutes: float | None,
        steps: int | None,
        resume: bool,
        batch: int | None,
        threads: int | None,
        seed: int,
        init: tuple[Path, ...],
        recipe: str,
    ) -> object: ...


class Loop(Protocol):
    """The module sccodec.training.loop."""

    Options: MakeOptions

    def train(self, build: Callable[[object], object], options: object, report: Callable[[str], None]) -> Path: ...


class State(Protocol):
    """The module sccodec.training.state."""

    def check_trained(self, paths: list[Path]) -> None: ...

    def write_state(self, checkpoints: list[Path], model: Path, out: Path) -> None: ...


def names() -> list[str]:
    """Every recipe, by listing the folder: nothing is imported."""
    folder = Path(sccodec.__path__[0]) / "training" / "recipes"
    found = pkgutil.iter_modules([str(folder)])
    return sorted(m.name.replace("_", "-") for m in found if not m.name.startswith("_"))


def load(name: str) -> Recipe:
    """A recipe; raises BadInput, which lists the recipes, or CodecUnavailable."""
    if name not in names():
        raise BadInput(f"no recipe is named {name!r}; there are: {', '.join(names()) or 'none'}")
    return cast(Recipe, module(f"recipes.{name.replace('-', '_')}"))


def module(name: str) -> ModuleType:
    """A module of sccodec.training; raises CodecUnavailable."""
    with explained():
        return importlib.import_module(f"sccodec.training.{name}")


def checkpoint_of(path: Path) -> Path:
    """The file itself, or the checkpoint in the folder of a run. Raises BadInput for a folder that holds none."""
    if not path.is_dir():
        return path
    if not (path / "checkpoint.pt").is_file():
        raise BadInput(f"{path} holds no checkpoint.pt: name the folder of a training run, or a checkpoint")
    return path / "checkpoint.pt"


@contextmanager
def explained() -> Iterator[None]:
    """Turn a missing package into CodecUnavailable, which says what to install, and want of memory into MemoryError."""
    try:
        yield
    except RuntimeError as error:
        # torch's allocators have no type of their own on the CPU, and one of theirs on a GPU.
        if "allocate memory" in str(error) or "out of memory" in str(error).lower():
            raise MemoryError from error
        raise
    except ModuleNotFoundError as error:
        if (error.name or "sccodec").split(".")[0] == "sccodec":
            raise
        raise CodecUnavailable(f"training needs {error.name}: pip install 'sccodec[train]'") from None
