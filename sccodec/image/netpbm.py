"""PGM and PPM of more than 8 bits (netpbm's P5 and P6): samples of two bytes, of which Pillow keeps less."""

from __future__ import annotations

import re

import numpy as np

from sccodec.errors import Corrupt, Truncated
from sccodec.image import pillow
from sccodec.image.colour import Notice
from sccodec.image.raster import Raster

SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"
HEADER = re.compile(rb"P([56])" + SPACE + rb"(\d{1,10})" + SPACE + rb"(\d{1,10})" + SPACE + rb"(\d{1,10})\s")
LONGEST = 4096
"""Bytes within which a header must end, comments and all."""


def read(data: bytes, notice: Notice) -> Raster:
    """The first picture; raises BadStream, and Pillow's errors for what has 8 bits or is written in digits."""
    found = HEADER.match(data[:LONGEST])
    if found is None or int(found[4]) <= 255:
        return pillow.read(data, notice)
    width, height, white = (int(found[i]) for i in (2, 3, 4))
    channels = 1 if found[1] == b"5" else 3
    if white > 65535 or min(width, height) < 1:
        raise Corrupt(f"the file is damaged: it states {width}x{height} pixels of up to {white}")
    n_bytes = 2 * width * height * channels
    if len(data) - found.end() < n_bytes:
        raise Truncated("the file ends within its pixels: it was cut short")
    samples = np.frombuffer(data, ">u2", n_bytes // 2, found.end()).astype(np.uint16)
    return Raster.of_array(samples.reshape(height, width, channels), "grey" if channels == 1 else "rgb", white)
