"""Formats that are not our own: which of them a file is of, by its first bytes, and whether it is whole: FORMATS.

No pixels are decoded here, and no library is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sccodec.image import kinds
from sccodec.image.kinds import START_BYTES

__all__ = ["FORMATS", "START_BYTES", "Format", "check_whole", "format_of", "recognise"]


@dataclass(frozen=True)
class Format:
    """A format that a codec decodes: whether a file is of it, by its start, and what looks whether it is whole."""

    codec: str
    has: Callable[[bytes], bool]
    check_whole: Callable[[bytes], None]


def recognise(start: bytes) -> str | None:
    """The codec whose format the first START_BYTES of a file show, or None."""
    found = format_of(start)
    return None if found is None else found.codec


def format_of(start: bytes) -> Format | None:
    return next((one for one in FORMATS if one.has(start)), None)


def check_whole(data: bytes) -> None:
    """Raise Truncated, or Corrupt, for a file that ends before its format says it does.

    Some formats state no length: their decoder is the judge. So it is for what is not recognised.
    """
    found = format_of(data[:START_BYTES])
    if found is not None:
        found.check_whole(data)


def is_bpg(start: bytes) -> bool:
    return re.match(rb"BPG\xfb", start) is not None


WITHOUT_CODEC = (kinds.TIFF, kinds.BMP, kinds.NETPBM)
FORMATS = (
    Format("bpg", is_bpg, kinds.nothing),
    *(Format(kind.name, kind.has, kind.check_whole) for kind in kinds.KINDS if kind not in WITHOUT_CODEC),
)
"""All that are recognised."""
