"""Boxes of ISO's base media format, of JPEG 2000 and of JPEG XL: walking them, and what HEIF says about its picture.

No pixels are decoded here, and no library is asked. Errors are BadStream: Truncated where a box is longer than what it
lies in, Corrupt where one has no possible length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sccodec.errors import Corrupt, Truncated

MOST_PROPERTIES = 1000
"""Properties of an item beyond which a file is taken for damaged."""


CODED = (b"mdat", b"idat", b"jp2c", b"jxlc", b"jxlp")
"""Types of boxes that hold coded data."""
OTHERS = (b"ftyp", b"meta", b"moov", b"moof", b"free", b"skip", b"uuid", b"jp2h", b"jbrd", b"brob", b"Exif", b"xml ")
"""Other types that stand at the top level of a file."""


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of a part of a file, of all of it by default: (type, start, end) of their contents.

    Behind those of a whole file, if some were of coded data, may stand bytes that are no box, which some cameras add;
    fewer than a box begins with are the start of one that was cut.
    """
    may_be_followed, coded = start == 0 and end is None, False
    position, end = start, len(data) if end is None else end
    while position < end:
        size, kind, first = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8], 8
        if size == 1:
            size, first = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        elif size == 0:  # to the end of the file
            size = end - position
        fits = first <= size <= end - position
        if not fits and may_be_followed and coded and len(kind) == len(b"mdat") and kind not in CODED + OTHERS:
            return
        if end - position < first or size > end - position:
            raise Truncated("the file ends within one of its boxes: it was cut short")
        if size < first:
            raise Corrupt("the file is damaged: one of its boxes has no possible length")
        yield kind, position + first, position + size
        coded |= kind in CODED
        position += size


def bytes_outside(data: bytes, kind: bytes) -> int:
    """Bytes of a file of boxes that stand outside those of that type, which hold coded data; 0 where it has none."""
    coded = sum(end - start for found, start, end in boxes(data) if found == kind)
    return len(data) - coded if coded else 0


def check_boxes(data: bytes) -> list[bytes]:
    """The types of all boxes at the top level; raises as boxes() does."""
    return [kind for kind, _, _ in boxes(data)]


def brands(start: bytes) -> set[bytes]:
    """Those that a `ftyp` box states; none where a file begins otherwise."""
    if start[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(start[:4], "big"), len(start))
    return {start[8:12], *(start[i : i + 4] for i in range(16, end - 3, 4))}


@dataclass(frozen=True)
class Nclx:
    """Code points of ISO/IEC 23091-2 (ITU-T H.273): of primaries, transfer and matrix; 2 is unspecified."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


@dataclass(frozen=True)
class Aperture:
    """A clean aperture (`clap`): the part of the picture that is to be shown, before it is turned."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Item:
    """What a HEIF file says about its primary picture: its properties in their order, and the items beside it.

    pictures: items of its type that are no thumbnails, tiles or masks. tracks: whether it is a sequence, too.
    """

    properties: tuple[tuple[bytes, bytes], ...] = ()
    pictures: int = 1
    tracks: bool = False

    def find(self, kind: bytes) -> bytes | None:
        return next((content for found, content in self.properties if found == kind), None)

    @property
    def depth(self) -> int:
        """Bits of a sample, 8 where the file does not say."""
        pixi = self.find(b"pixi")
        return max(pixi[5 : 5 + pixi[4]], default=8) if pixi is not None and len(pixi) > 5 else 8

    @property
    def nclx(self) -> Nclx | None:
        for kind, content in self.properties:
            if kind == b"colr" and content[:4] == b"nclx" and len(content) >= 11:
                codes = [int.from_bytes(content[i : i + 2], "big") for i in (4, 6, 8)]
                return Nclx(codes[0], codes[1], codes[2], bool(content[10] & 0x80))
        return None

    @property
    def icc(self) -> bytes | None:
        for kind, content in self.properties:
            if kind == b"colr" and content[:4] in (b"prof", b"rICC"):
                return content[4:]
        return None

    @property
    def aperture(self) -> Aperture | None:
        """The clean aperture on the item's own size; raises Corrupt for one that lies outside."""
        clap, ispe = self.find(b"clap"), self.find(b"ispe")
        if clap is None or ispe is None or len(clap) < 32 or len(ispe) < 12:
            return None
        size = int.from_bytes(ispe[4:8], "big"), int.from_bytes(ispe[8:12], "big")
        numbers = [int.from_bytes(clap[i : i + 4], "big", signed=i in (16, 24)) for i in range(0, 32, 4)]
        if 0 in numbers[1::2] or min(numbers[1::2]) < 0:
            raise Corrupt("the file is damaged: its clean aperture has no size")
        shown = [numbers[i] / numbers[i + 1] for i in (0, 2)]
        corner = [
            numbers[i] / numbers[i + 1] + (whole - 1) / 2 - (part - 1) / 2
            for i, whole, part in zip((4, 6), size, shown, strict=True)
        ]
        left, top, width, height = (round(value) for value in (*corner, *shown))
        if left < 0 or top < 0 or min(width, height) < 1 or left + width > size[0] or top + height > size[1]:
            raise Corrupt("the file is damaged: its clean aperture lies outside the picture")
        return Aperture(left, top, width, height)


def primary_item(data: bytes) -> Item:
    """The primary picture of a HEIF or AVIF file."""
    top = {kind: (start, end) for kind, start, end in boxes(data)}
    if b"meta" not in top:
        return Item(tracks=b"moov" in top)
    start, end = top[b"meta"]
    inner = {kind: (first, last) for kind, first, last in boxes(data, start + 4, end)}
    if b"iprp" not in inner:
        return Item(tracks=b"moov" in top)
    containers: list[tuple[bytes, bytes]] = []
    associations: list[tuple[int, int]] = []
    for kind, first, last in boxes(data, *inner[b"iprp"]):
        if kind == b"ipco":
            containers = [(found, data[a:b]) for found, a, b in boxes(data, first, last)]
        elif kind == b"ipma":
            associations += _associations(data[first:last])
    item = _primary(data, inner)
    of_item = [index for number, index in associations if number == item]
    if len(of_item) > MOST_PROPERTIES:
        raise Corrupt("the file is damaged: its picture has too many properties")
    properties = tuple(containers[index - 1] for index in of_item if 1 <= index <= len(containers))
    return Item(properties, _pictures(data, inner), b"moov" in top)


def _primary(data: bytes, inner: dict[bytes, tuple[int, int]]) -> int:
    """The number of the primary item."""
    if b"pitm" not in inner:
        return 1
    start, _ = inner[b"pitm"]
    return int.from_bytes(data[start + 4 : start + (6 if data[start] == 0 else 8)], "big")


def _associations(content: bytes) -> list[tuple[int, int]]:
    """Pairs of an item's number and a property's, from a box `ipma`."""
    wide_items, wide_indices = content[0] > 0, content[3] & 1
    position, found = 8, []
    for _ in range(int.from_bytes(content[4:8], "big")):
        if position >= len(content):
            break
        size = 4 if wide_items else 2
        item = int.from_bytes(content[position : position + size], "big")
        position += size
        count = content[position] if position < len(content) else 0
        position += 1
        for _ in range(count):
            step = 2 if wide_indices else 1
            found.append((item, int.from_bytes(content[position : position + step], "big") & (1 << 8 * step - 1) - 1))
            position += step
    return found


PICTURES = (b"hvc1", b"av01", b"grid", b"iden", b"iovl", b"unci", b"jpeg", b"avc1", b"j2k1")
"""Types of items that hold pictures, or say how to put one together."""


def _items(data: bytes, inner: dict[bytes, tuple[int, int]]) -> Iterator[tuple[int, bytes, bool]]:
    """Number, type, and whether it is hidden, of each item that is listed."""
    if b"iinf" not in inner:
        return
    start, end = inner[b"iinf"]
    for kind, first, last in boxes(data, start + (6 if data[start] == 0 else 8), end):
        entry = data[first:last]
        if kind == b"infe" and len(entry) >= 12 and entry[0] >= 2:
            size = 2 if entry[0] == 2 else 4
            yield int.from_bytes(entry[4 : 4 + size], "big"), entry[6 + size : 10 + size], bool(entry[3] & 1)


def _pictures(data: bytes, inner: dict[bytes, tuple[int, int]]) -> int:
    """Items that are pictures of their own: not hidden, no tiles, thumbnails, masks, or metadata."""
    shown = {number for number, kind, hidden in _items(data, inner) if kind in PICTURES and not hidden}
    return max(1, len(shown - _parts(data, inner)))


def coded_items(data: bytes) -> list[tuple[bytes, list[tuple[int, int]]]]:
    """The type of each item of a HEIF file, and where its parts stand in the file; raises Truncated beyond its end."""
    top = {kind: (start, end) for kind, start, end in boxes(data)}
    if b"meta" not in top:
        return []
    inner = {kind: (first, last) for kind, first, last in boxes(data, top[b"meta"][0] + 4, top[b"meta"][1])}
    if b"iloc" not in inner:
        return []
    places = _places(data[slice(*inner[b"iloc"])])
    found = [(kind, places.get(number, [])) for number, kind, _ in _items(data, inner)]
    if any(end > len(data) for _, parts in found for _, end in parts):
        raise Truncated("the file ends within the data of one of its pictures: it was cut short")
    return found


def _places(content: bytes) -> dict[int, list[tuple[int, int]]]:
    """From a box `iloc`: the parts of each item that are counted from the file's beginning."""
    version, position = content[0], 8

    def take(n_bytes: int) -> int:
        nonlocal position
        position += n_bytes
        if position > len(content):
            raise Truncated("the file is damaged: it does not say where its data are")
        return int.from_bytes(content[position - n_bytes : position], "big")

    sizes = content[4] >> 4, content[4] & 15, content[5] >> 4, content[5] & 15 if version else 0
    wide = 4 if version == 2 else 2
    position = 6
    found: dict[int, list[tuple[int, int]]] = {}
    for _ in range(take(wide)):
        number, method = take(wide), take(2) & 15 if version else 0
        take(2)
        base = take(sizes[2])
        parts = []
        for _ in range(take(2)):
            take(sizes[3])
            start, length = base + take(sizes[0]), take(sizes[1])
            parts.append((start, start + length))
        if method == 0:
            found[number] = parts
    return found


def _parts(data: bytes, inner: dict[bytes, tuple[int, int]]) -> set[int]:
    """Items that belong to another: its thumbnails, masks and depth maps, and the tiles of a grid."""
    if b"iref" not in inner:
        return set()
    start, end = inner[b"iref"]
    size = 2 if data[start] == 0 else 4
    found: set[int] = set()
    for kind, first, last in boxes(data, start + 4, end):
        numbers = [int.from_bytes(data[i : i + size], "big") for i in (first, *range(first + size + 2, last, size))]
        if kind in (b"thmb", b"auxl"):
            found.add(numbers[0])
        elif kind == b"dimg":
            found.update(numbers[1:])
    return found
