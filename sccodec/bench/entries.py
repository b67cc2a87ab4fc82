"""What a benchmark runs over: pictures by their names, and sets of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A picture: its name in the results, a function that reads its file's bytes, and their SHA-256 where it is known.

    pixels: width times height, 0 where that is not known. Goes to other processes.
    """

    name: str
    read: Callable[[], bytes]
    sha256: str | None = None
    pixels: int = 0


@dataclass(frozen=True)
class Dataset:
    """Pictures, and the name that they have together in the results."""

    name: str
    entries: list[Entry]
