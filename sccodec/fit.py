"""The best file that fits into a number of bytes: bisection over the quality, on whole files.

Whatever comes back was written by the codec and weighed; nothing is estimated.
"""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy.typing as npt

from sccodec import codec
from sccodec.codec import Codec, Notice, Options, Picture, Spec
from sccodec.errors import BadInput

Encoder = Callable[[float], bytes]

QUALITIES: tuple[float, ...] = tuple(i / 4 for i in range(401))
"""The settings that are tried where a codec does not list its own."""


def encode(
    image: npt.ArrayLike,
    spec: str,
    target_bytes: int,
    *,
    notice: Notice | None = None,
    options: Options = codec.DEFAULT_OPTIONS,
) -> tuple[bytes, float]:
    """The file of the highest quality that has at most target_bytes, and that quality; otherwise as codec.encode.

    Raises BadInput where even the smallest file is larger (the message states its size), or the spec states a quality.
    """
    job = codec.prepare(image, spec, None, notice or warnings.warn, options)
    if job.quality is not None:
        raise BadInput(f"{spec!r} states a quality, and a target is to find it: give one of them")
    job = replace(job, notice=once(job.notice))
    settings = qualities_of(job.codec)
    found, smallest = search(encoder_of(job), settings, target_bytes)
    if found is None:
        height, width = job.picture.shape[:2]
        raise BadInput(
            f"the target is {target_bytes} bytes, but the smallest file that {job.spec} makes of this picture has "
            f"{smallest} bytes ({8 * smallest / (width * height):.4g} bpp)"
        )
    return found


def search(encoder: Encoder, qualities: Sequence[float], target_bytes: int) -> tuple[tuple[bytes, float] | None, int]:
    """The file of at most target_bytes and its quality, or None; and the fewest bytes that any file tried has.

    qualities ascend. Where sizes ascend with them, the file is that of the highest quality that fits; where they do
    not quite, it fits all the same. Tries at most log2(len(qualities)) + 1 of them.
    """
    best: tuple[bytes, float] | None = None
    sizes: list[int] = []

    def is_too_large(quality: float) -> bool:
        nonlocal best
        data = encoder(quality)
        sizes.append(len(data))
        if len(data) > target_bytes:
            return True
        best = data, quality  # bisection only goes up from what fits
        return False

    bisect_left(qualities, 1, key=is_too_large)
    return best, min(sizes)


def bytes_of_bpp(bpp: float, width: int, height: int) -> int:
    """The most bytes whose rate, 8 * bytes / (width * height), is at most bpp; raises BadInput for no such rate."""
    if not 0 < bpp < 1e6:
        raise BadInput(f"the target is {bpp:g} bits per pixel, it must be more than 0 and less than a million")
    n_bytes = int(bpp * width * height / 8)
    return n_bytes + 1 if 8 * (n_bytes + 1) / (width * height) <= bpp else n_bytes  # division may have rounded down


def qualities_of(found: Codec) -> Sequence[float]:
    """The settings that differ, as the codec lists them, ascending; QUALITIES where it does not."""
    listed: Callable[[], Sequence[float]] | None = getattr(found, "qualities", None)
    return QUALITIES if listed is None else listed()


def encoder_of(job: codec.Job) -> Encoder:
    """A function from quality to file; with the codec's ``encoder``, the picture is analysed once for all of them."""
    make: Callable[[Picture, Spec, Notice, Options], Encoder] | None = getattr(job.codec, "encoder", None)
    if make is not None:
        return make(job.picture, job.spec, job.notice, job.options)
    return lambda quality: replace(job, quality=quality).encode()


def once(notice: Notice) -> Notice:
    """The same notice, without repetitions: each file that is tried would give it again."""
    said: set[str] = set()

    def give(text: str) -> None:
        if text not in said:
            said.add(text)
            notice(text)

    return give
