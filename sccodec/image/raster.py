"""A picture as its file stores it, and how it becomes uint8 [H, W, 3] in sRGB, upright, on white.

    samples of a strip -> premultiplied alpha undone -> colours (colour.Converter) -> laid on white -> turned

It goes strip by strip, so that conversions take little memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sccodec.image.colour import Colour, Converter, Notice, Picture, Samples

STRIP_PIXELS = 2**22
"""Converted at a time."""
TURNED = (5, 6, 7, 8)
"""EXIF's orientations that exchange width and height."""


@dataclass(frozen=True)
class Raster:
    """A stored picture.

    width, height: as stored. strip: from rows top to below to their samples [below - top, width, C], alpha last. model:
    as colour.Converter has it. white: the sample that is white, and opaque; 255 of 8 bits. alpha: "" for none,
    "straight" or "premultiplied". orientation: EXIF's, 1 to 8; others are 1. bits: that the file states, 0 for those of
    white. floats: whether samples are, from 0 to 1.
    """

    width: int
    height: int
    strip: Callable[[int, int], Samples]
    model: str
    white: float = 255
    alpha: str = ""
    colour: Colour = field(default_factory=Colour)
    orientation: int = 1
    bits: int = 0
    floats: bool = False

    @staticmethod
    def of_array(
        samples: Samples,
        model: str,
        white: float,
        *,
        alpha: str = "",
        colour: Colour | None = None,
        orientation: int = 1,
        bits: int = 0,
    ) -> Raster:
        """Of samples [H, W] or [H, W, C] in memory."""
        whole = samples[:, :, None] if samples.ndim == 2 else samples
        height, width = whole.shape[:2]
        return Raster(
            width,
            height,
            lambda top, below: whole[top:below],
            model,
            white,
            alpha,
            colour or Colour(),
            orientation,
            bits,
            samples.dtype.kind == "f",
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        return (self.height, self.width) if self.orientation in TURNED else (self.width, self.height)


def to_picture(raster: Raster, notice: Notice) -> Picture:
    """uint8 [H, W, 3], upright, in sRGB, on white; notice is told what is not kept."""
    if raster.alpha:
        notice("transparency is flattened onto white")
    if raster.floats:
        notice("samples of floating point are rounded to 8 bits")
    elif (bits := raster.bits or int(raster.white).bit_length()) > 8:
        notice(f"samples of {bits} bits are rounded to 8 bits")
    converter = Converter(raster.model, raster.white, raster.colour, notice)
    width, height = raster.width, raster.height
    shape = (width, height, 3) if raster.orientation in TURNED else (height, width, 3)
    picture = np.empty(shape, np.uint8)
    stored = turned_back(picture, raster.orientation)
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        below = min(top + rows, height)
        stored[top:below] = _strip(raster, converter, top, below)
    return picture


def _strip(raster: Raster, converter: Converter, top: int, below: int) -> Picture:
    samples = raster.strip(top, below)
    if not raster.alpha:
        return converter.convert(samples)
    alpha = samples[:, :, -1:].astype(np.float32) / np.float32(raster.white)
    colours = samples[:, :, :-1]
    if raster.alpha == "premultiplied":
        colours = np.minimum(colours / np.maximum(alpha, np.float32(1e-6)), np.float32(raster.white))
        if samples.dtype != np.float32:
            colours = np.floor(colours + 0.5).astype(samples.dtype)
    srgb = converter.convert(np.ascontiguousarray(colours))
    return on_white(srgb, alpha)


def on_white(srgb: Picture, alpha: npt.NDArray[np.float32]) -> Picture:
    """A picture laid on white by its alpha [h, w, 1], 0..1."""
    laid: Picture = np.floor(srgb * alpha + (1 - alpha) * 255 + np.float32(0.5)).astype(np.uint8)
    return laid


def turned_back(upright: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """A view of an upright picture in the order in which it is stored, for EXIF's orientations 1 to 8."""
    turns: dict[int, Callable[[], npt.NDArray[Any]]] = {
        2: lambda: upright[:, ::-1],
        3: lambda: upright[::-1, ::-1],
        4: lambda: upright[::-1],
        5: lambda: upright.transpose(1, 0, 2),
        6: lambda: np.rot90(upright),
        7: lambda: upright[::-1, ::-1].transpose(1, 0, 2),
        8: lambda: np.rot90(upright, -1),
    }
    return turns.get(orientation, lambda: upright)()
