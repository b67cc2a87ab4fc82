"""The black of a CMYK picture in JPEG XL, which imagecodecs leaves out: as alpha, it comes with the others.

The header is written anew with the extra channel's type changed from black to alpha, and nothing else. What follows the
header begins at any bit, and its frames at whole bytes; so the header's new length must differ by whole bytes, which
is reached by fields that may be written in several ways: a depth, a name, and whether rare fields are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from sccodec.errors import BadInput

NAMES = (0, 15, 16, 48)
"""Lengths of a name, of which each is written with another number of bits."""
RARE = "000" + "0" + "0" + "0"
"""Rare fields that say nothing: orientation, no intrinsic size, no preview, no animation."""
DEFAULT = "1"


@dataclass(frozen=True)
class Spans:
    """Where parts of a header stand, as bits of the codestream.

    rare: the flag for rare fields. extra: from the first extra channel's first bit. depth: the depth in it. shift: what
    follows that. end: the bit after the extra channel. colour: the bit after the colours. bits: of its depth.
    """

    rare: int
    extra: int
    depth: int
    shift: int
    name: int
    end: int
    colour: int
    bits: int


def as_alpha(stream: bytes, spans: Spans) -> bytes:
    """The codestream with its only extra channel called alpha; raises BadInput where it cannot be."""
    n_bytes = spans.colour // 8 + 1
    old = "".join(f"{byte:08b}"[::-1] for byte in stream[:n_bytes])
    for new in headers(old, spans):
        if (len(new) - spans.colour) % 8 == 0:
            whole = new + old[spans.colour :]
            changed = bytes(int(whole[i : i + 8][::-1], 2) for i in range(0, len(whole), 8))
            return changed + stream[n_bytes:]
    raise BadInput("it is a CMYK picture, whose black cannot be decoded")


def headers(old: str, spans: Spans) -> list[str]:
    """The bits up to the colours' end, written in every way."""
    depths = [old[spans.depth : spans.shift]]
    if old[spans.depth] == "0":
        depths.append("0" + "11" + lowest_first(spans.bits - 1, 6))
    rare = [("", "")] if old[spans.rare] == "1" else [("", ""), (RARE, DEFAULT)]
    found = []
    for depth, length, (fields, tone_mapping) in product(depths, NAMES, rare):
        flag = "1" if fields else old[spans.rare]
        extra = "0" + "00" + depth + old[spans.shift : spans.name] + name_of(length) + "0"
        before = old[: spans.rare] + flag + fields + old[spans.rare + 1 : spans.extra]
        found.append(before + extra + old[spans.end : spans.colour] + tone_mapping)
    return found


def name_of(length: int) -> str:
    """A name of so many spaces."""
    if length == 0:
        return "00"
    if length < 16:
        return "10" + lowest_first(length, 4) + lowest_first(32, 8) * length
    if length < 48:
        return "01" + lowest_first(length - 16, 5) + lowest_first(32, 8) * length
    return "11" + lowest_first(length - 48, 10) + lowest_first(32, 8) * length


def lowest_first(value: int, n_bits: int) -> str:
    return f"{value:0{n_bits}b}"[::-1]
