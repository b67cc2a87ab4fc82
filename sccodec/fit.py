"""The best file that fits into a number of bytes: bisection over the quality, on whole files.

Whatever comes back was written by the codec and weighed; nothing is estimated.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from sccodec.errors import BadInput

Encoder = Callable[[float], bytes]


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
