"""Parts of a picture, or of any plane, that are worked on one after the other, each with a margin of its neighbours."""

from __future__ import annotations


def spans(length: int, most: int, margin: int = 0, multiple: int = 1) -> list[slice]:
    """0..length in parts of about equal size that begin at multiples, each of at most ``most`` with its margins.

    The first and the last part have a margin on one side only. most and margin are multiples, and most is larger than
    two margins.
    """
    if length <= most:
        n = 1
    elif length <= 2 * (most - margin):
        n = 2
    else:
        n = -(-length // (most - 2 * margin))
    side = -(-length // (n * multiple)) * multiple
    return [slice(start, min(start + side, length)) for start in range(0, length, side)]


def widen(part: slice, margin: int, end: int) -> tuple[int, int]:
    """Where a part of 0..end starts and ends with a margin on both sides."""
    return max(0, part.start - margin), min(end, part.stop + margin)
