"""Pictures with label maps: which map belongs to which picture, what a map's file may hold, sets that have a name.

    images/a.jpg      labels/a.png        below one folder
    a.jpg             labels/a.png        within the pictures' folder, or beside it
    test/a.png        testannot/a.png     as a copy of CamVid that many have is laid out

A map is a PNG of one channel, grey or palette, whose samples are class numbers.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sccodec import image
from sccodec.bench import datasets, registry
from sccodec.bench.datasets import ANNOTATIONS, LABELS, Located
from sccodec.bench.entries import Entry
from sccodec.bench.registry import Known
from sccodec.errors import BadInput, BadStream
from sccodec.image import png
from sccodec.notices import ignore

LabelMap = npt.NDArray[np.uint8]

GREY, PALETTE = 0, 3
"""The colour types of PNG that a map may have."""


@dataclass(frozen=True)
class Pair:
    """A picture and its label map, None where there is none. Goes to other processes."""

    picture: Entry
    labels: Entry | None

    @property
    def name(self) -> str:
        """The picture's, in the results."""
        return self.picture.name


@dataclass(frozen=True)
class Labelled:
    """Pairs, and the name that they have together. classes: those of a set that is known by its name, or none."""

    name: str
    pairs: list[Pair]
    classes: tuple[str, ...] = ()


def find(text: str) -> Labelled:
    """The pictures of a folder, a glob, an archive, or a set with a name, with their maps.

    Raises BadInput where there are no pictures, or no map beside any of them.
    """
    place = datasets.locate(text)
    pairs = pairs_in(place)
    if not pairs:
        raise BadInput(f"{text}: holds label maps, and no pictures of them")
    if all(pair.labels is None for pair in pairs):
        raise BadInput(
            f"{text}: has no label maps: {Path(pairs[0].name).stem}.png of class numbers is looked for in a folder "
            f"{LABELS!r} within that of {pairs[0].name}, and beside it"
        )
    known = registry.LABELLED.get(place.name) if place.known else None
    return Labelled(place.name, pairs, known.classes if known else ())


def pairs_in(place: Located) -> list[Pair]:
    """The pictures of a place, each with its map where there is one."""
    found = [entry for entry in place.entries if place.known or not datasets.is_label_map(Path(entry.name))]
    maps = place.known.maps if place.known else {}
    return [Pair(entry, map_of(entry, place, maps.get(entry.name))) for entry in found]


def map_of(entry: Entry, place: Located, digest: str | None) -> Entry | None:
    """The map of a picture, the first of the places where it may lie. digest: its SHA-256 where it is known."""
    within = Path(place.within.get(entry.name, entry.name))
    # Not resolve(): what lies beside a link to a folder is looked for there, and not where the link leads.
    for name in candidates(within if place.base is None else Path(os.path.abspath(place.base / within))):  # noqa: PTH100
        shown = f"{name.parent.name}/{name.name}"
        if place.base is None and name in place.members:
            return Entry(shown, place.members[name].read, digest)
        if place.base is not None and name.is_file():
            return Entry(shown, name.read_bytes, digest)
    return None


def candidates(picture: Path) -> Iterator[Path]:
    """Where the map of a picture may lie: the nearest first."""
    folder, parts = picture.parent, picture.parent.parts
    folders = [folder / LABELS, folder.parent / LABELS, folder.parent / f"{folder.name}{ANNOTATIONS}"]
    if "images" in parts:
        last = len(parts) - 1 - parts[::-1].index("images")
        folders.append(Path(*parts[:last], LABELS, *parts[last + 1 :]))
    for place in folders:
        for suffix in (".png", ".PNG"):
            if (name := place / f"{picture.stem}{suffix}") != picture:
                yield name


def read_map(data: bytes, size: tuple[int, int]) -> LabelMap:
    """The class numbers of a map's file, uint8 [H, W]; raises BadInput for anything else than such a PNG.

    size: width and height that it must have.
    """
    from PIL import Image

    if not data.startswith(png.SIGNATURE):
        raise BadInput("a label map is a PNG file, and this is none")
    try:
        found = png.parse(data)
    except BadStream as error:
        raise BadInput(str(error)) from None
    if found.size != size:
        raise BadInput(f"it is of {found.size[0]}x{found.size[1]} pixels, and its picture of {size[0]}x{size[1]}")
    channels = png.CHANNELS[found.colour_type]
    if found.colour_type not in (GREY, PALETTE):
        raise BadInput(f"a label map has one channel, of class numbers, and this PNG has {channels}")
    if found.depth > 8:
        raise BadInput(f"a label map has 8 bits a sample, and this PNG has {found.depth}")
    if found.animated:
        raise BadInput("a label map is one picture, and this PNG is an animation")
    try:
        with Image.open(io.BytesIO(found.file())) as opened:
            samples = np.array(opened, np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise BadInput(f"the file is damaged: {' '.join(str(error).split())}") from None
    if found.colour_type == GREY and 1 < found.depth < 8:
        samples //= 255 // (2**found.depth - 1)  # Pillow has scaled them to 0..255
    return samples


def matching(pair: Pair, width: int, height: int) -> LabelMap:
    """The map of a picture of that size; raises BadInput where there is none, or where it is of another size."""
    if pair.labels is None:
        raise BadInput(f"has no label map: there is no {Path(pair.name).stem}.png in a folder {LABELS!r} beside it")
    try:
        return read_map(pair.labels.read(), (width, height))
    except BadInput as error:
        raise BadInput(f"{pair.labels.name}: {error}") from None


def check(name: str, path: Path) -> Known:
    """What is to be remembered of a set of that name at a path; raises BadInput where it is another."""
    pairs = checked(name, path).pairs
    digests = {Path(pair.name).name: sha256(pair.picture.read()).hexdigest() for pair in pairs}
    maps = {Path(pair.name).name: sha256(pair.labels.read()).hexdigest() for pair in pairs if pair.labels is not None}
    return Known(path.absolute(), digests, maps)


def checked(name: str, path: Path) -> Labelled:
    """The set of that name at a path; raises BadInput where it is another.

    Every picture of the set must be there once, be readable, and have a map of its size. Others do not matter.
    """
    expected = registry.LABELLED[name]
    stems = set(expected.names)
    by_stem: dict[str, Pair] = {}
    for pair in pairs_in(datasets.locate(str(path))):
        stem = Path(pair.name).stem
        if stem in stems and stem in by_stem:
            raise BadInput(f"{stem} is there twice, as {by_stem[stem].name} and as {pair.name}")
        by_stem[stem] = pair
    if missing := [stem for stem in expected.names if stem not in by_stem]:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise BadInput(f"the picture {missing[0]} of {name} is missing{more}")
    pairs = [by_stem[stem] for stem in expected.names]
    if digest_of(pairs) != expected.digest:
        raise BadInput(
            f"the label maps at {path} are not those of {name}: class numbers 0 to {len(expected.classes) - 1}, and "
            f"{len(expected.classes)} for void, at the pictures' own size; their samples differ"
        )
    return Labelled(name, pairs, expected.classes)


def digest_of(pairs: Iterable[Pair]) -> str:
    """The digest of a set's maps, as LabelledSet has it; every picture is read, too."""
    digest = sha256()
    for pair in pairs:
        try:
            height, width = image.load(pair.picture.read(), ignore).shape[:2]
            labels = matching(pair, width, height)
        except BadInput as error:
            raise BadInput(f"{pair.name}: {error}") from None
        digest.update(b"%s %d %d\n" % (Path(pair.name).stem.encode(), width, height))
        digest.update(labels.tobytes())
    return digest.hexdigest()
