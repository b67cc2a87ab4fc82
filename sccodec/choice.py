"""Which codec is for which picture: by trying, at one size; and whether a picture has more detail than photographs.

    picture, bytes -> every codec's best file of at most that -> decoded -> PSNR -> the best

Learned codecs are trained on photographs: what a screen shows, halftones and text are better off in others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sccodec.errors import BadInput, CodecUnavailable, ModelError
from sccodec.metrics.image import psnr

Picture = npt.NDArray[np.uint8]

AUTO = "auto"
"""What stands in a spec's place where the codec is to be found."""
LOSSLESS, LEARNED, CLASSICAL = "jpegxl:distance=0", "hyperprior", "webp"
"""What is tried."""
LOSSY, PAINTED = "jpegxl", "conceptual"
LAST = {".jxl": LOSSY, ".webp": CLASSICAL}
"""What is taken where none of them makes a file so small, by the suffix that was asked for; otherwise PAINTED."""
BUSY = 1500.0
"""Detail beyond which a picture may be none that a codec for photographs is for: a few photographs have more."""
CHEAP_PIXELS = 2**22
"""Larger pictures are not compared after encoding."""


@dataclass(frozen=True)
class Choice:
    """A file, its spec, the quality that was asked for or found, None for a lossless one, and its PSNR in dB."""

    spec: str
    data: bytes
    quality: float | None
    psnr: float


def best(
    picture: Picture,
    specs: Sequence[str],
    within: Callable[[str], tuple[bytes, float | None]],
    decode: Callable[[bytes], Picture],
) -> Choice | None:
    """The file of the highest PSNR, the smaller of two; None where no spec has one.

    within gives a spec's file within the bytes that there are, and its quality; what it raises of BadInput,
    CodecUnavailable and ModelError leaves the spec out.
    """
    found: Choice | None = None
    for spec in specs:
        try:
            data, quality = within(spec)
            tried = Choice(spec, data, quality, psnr(picture, decode(data)))
        except (BadInput, CodecUnavailable, ModelError):
            continue
        if found is None or (tried.psnr, -len(tried.data)) > (found.psnr, -len(found.data)):
            found = tried
    return found


def verdict(mine: Choice, promised: float, rival: Choice | None) -> str:
    """What to say of a file that has less PSNR than its quality promises, and of what is better at its size, if any."""
    text = (
        f"{mine.spec} has {mine.psnr:.1f} dB of this picture, photographs have {promised:.0f} or more at this quality"
    )
    if rival is None or rival.psnr <= mine.psnr:
        return text
    kept = "every pixel" if rival.psnr == math.inf else f"{rival.psnr:.1f} dB"
    return f"{text}; -m {rival.spec} keeps {kept} in {len(rival.data)} bytes of {len(mine.data)}"


def detail(picture: Picture) -> float:
    """The mean squared difference of neighbours, across and down, of the channels' sum over 3.

    About 250 of an ordinary photograph, and 1000 of one full of leaves; several thousands of text and halftones.
    """
    grey = picture.sum(2, dtype=np.int32)
    across, down = np.diff(grey, axis=1), np.diff(grey, axis=0)
    count = across.size + down.size
    return float((np.square(across).sum(dtype=np.float64) + np.square(down).sum(dtype=np.float64)) / 9 / max(1, count))
