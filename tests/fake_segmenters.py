"""Segmenters that answer by the colours of tests/labelled_set.py, in place of those that are installed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from sccodec.errors import BadInput
from sccodec.labels import segmenters

Array = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Fake:
    """Right everywhere on the stripes of labelled_set, but for the classes that `mistakes` turns into others.

    It works at the picture's own size; another long side makes it wrong everywhere, and the ConvCRF mends all.
    """

    name: str
    tag: str = "00000001"
    names: tuple[str, ...] = ("left", "middle", "right")
    mistakes: tuple[tuple[int, int], ...] = ()
    can_refine: bool = False
    parameters: int = 1234567

    def check_refines(self) -> None:
        if not self.can_refine:
            raise BadInput(f"the segmenter {self.name!r} has no ConvCRF to refine its maps with")

    def segment(
        self, picture: Array, *, refine: bool = False, long_side: int | None = None, max_pixels: int = 10**8
    ) -> Array:
        if refine:
            self.check_refines()
        found = np.minimum(picture[:, :, 0] // 64, 2)
        if long_side not in (None, 0):
            return np.full_like(found, 2)
        for wrong, instead in () if refine else self.mistakes:
            found[found == wrong] = instead
        return found


def install(monkeypatch: pytest.MonkeyPatch, *fakes: Fake) -> None:
    """Let these be all that are installed, in processes too, which are forked: what is started anew knows none."""
    there: Mapping[str, Fake] = {fake.name: fake for fake in fakes}

    def find(name: str, device: str = "cpu") -> Fake:
        if name not in there:
            raise BadInput(f"no segmenter is named {name!r}; there are: {', '.join(there)}")
        return there[name]

    get_context = multiprocessing.get_context
    monkeypatch.setattr(segmenters, "names", lambda: list(there))
    monkeypatch.setattr(segmenters, "find", find)
    monkeypatch.setattr(multiprocessing, "get_context", lambda method: get_context("fork"))
