"""Training recipes by file name, and what to install where training cannot be imported."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sccodec
from sccodec.errors import BadInput, CodecUnavailable


def names() -> list[str]:
    """Every recipe, by listing the folder: nothing is imported."""
    folder = Path(sccodec.__path__[0]) / "training" / "recipes"
    found = pkgutil.iter_modules([str(folder)])
    return sorted(m.name.replace("_", "-") for m in found if not m.name.startswith("_"))


def load(name: str) -> Any:
    """The module of a recipe; raises BadInput, which lists the recipes, or CodecUnavailable."""
    if name not in names():
        raise BadInput(f"no recipe is named {name!r}; there are: {', '.join(names()) or 'none'}")
    with explained():
        return importlib.import_module(f"sccodec.training.recipes.{name.replace('-', '_')}")


@contextmanager
def explained() -> Iterator[None]:
    """Turn a missing package into CodecUnavailable, which says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "sccodec").split(".")[0] == "sccodec":
            raise
        raise CodecUnavailable(f"training needs {error.name}: pip install 'sccodec[train]'") from None
