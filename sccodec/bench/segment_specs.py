"""Specs of segmenters, with lists of values, and which segmenters fit the maps of a data set.

street                              the segmenter, as it works unasked
street:refine=yes                   its maps refined by its ConvCRF
street:long_side=480,full           two: pictures at most so many pixels long, and at their own size
all                                 every segmenter that fits
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sccodec.bench import specs
from sccodec.bench.labelled import Labelled, matching
from sccodec.bench.segment_rows import canonical_spec
from sccodec.codec import Spec
from sccodec.errors import BadInput, SccodecError
from sccodec.labels import segmenters
from sccodec.labels.segmenters import Segmenter

ALL = "all"
OPTIONS = ("refine", "long_side")
LONGEST = 65536
"""Pixels of a long side that can be asked for."""
VOID = 255
"""What maps often have for void, however many classes there are."""


def expand(texts: Sequence[str], found: Labelled, device: str, notice: Callable[[str], None]) -> dict[str, Segmenter]:
    """The specs that texts stand for, in their order, each once, with their segmenters; `all` without texts.

    Raises BadInput or ModelError for what would fail with every picture: no such segmenter, other options than it
    has, or not as many classes as a set has that is known by its name.
    """
    opened: dict[str, Segmenter] = {}
    chosen: dict[str, Segmenter] = {}
    for text in texts or [ALL]:
        name, colon, rest = text.partition(":")
        names = fitting(found, device, opened, notice) if name == ALL else [name]
        for each in names:
            for spec in specs.variations(f"{each}{colon}{rest}"):
                parsed = canonical_spec(Spec.parse(spec))
                chosen[str(parsed)] = check(parsed, found, open_once(parsed.codec, device, opened))
            if len(chosen) > specs.MOST_SPECS:
                raise BadInput(f"{text!r} stands for too many specs: the limit is {specs.MOST_SPECS}")
    return chosen


def open_once(name: str, device: str, opened: dict[str, Segmenter]) -> Segmenter:
    if name not in opened:
        opened[name] = segmenters.find(name, device)
    return opened[name]


def check(spec: Spec, found: Labelled, segmenter: Segmenter) -> Segmenter:
    """The segmenter; raises BadInput where it cannot do what the spec asks, or has other classes than the set."""
    if spec.variant is not None:
        raise BadInput(f"cannot read {spec.variant!r} in {str(spec)!r}; write segmenter:option=value,...")
    spec.check_options(*OPTIONS)
    options = dict(spec.options)
    refine, side = options.get("refine", "no"), options.get("long_side", "full")
    if refine not in ("yes", "no"):
        raise BadInput(f"refine is {refine!r} in {str(spec)!r}: yes or no")
    if side != "full" and not (side.isascii() and side.isdigit() and int(side[:9]) <= LONGEST):
        raise BadInput(f"long_side is {side!r} in {str(spec)!r}: a number of pixels up to {LONGEST}, or full")
    if refine == "yes":
        segmenter.check_refines()
    if found.classes and len(segmenter.names) != len(found.classes):
        raise BadInput(
            f"the segmenter {spec.codec!r} has {len(segmenter.names)} classes, and the maps of {found.name} have "
            f"{len(found.classes)}: numbers would stand for other things"
        )
    return segmenter


def fitting(found: Labelled, device: str, opened: dict[str, Segmenter], notice: Callable[[str], None]) -> list[str]:
    """The segmenters that have as many classes as the maps; raises BadInput where there are none."""
    numbers = numbers_in(found)
    there: dict[str, int] = {}
    for name in segmenters.names():
        try:
            there[name] = len(open_once(name, device, opened).names)
        except SccodecError as error:
            notice(f"{name} is left out: {error}")
    names = [name for name, n in there.items() if fits(n, len(found.classes), numbers)]
    if not names:
        known = ", ".join(f"{name} ({n})" for name, n in there.items()) or "none"
        held = f"{len(found.classes)} classes" if found.classes else f"numbers up to {max(numbers, default=0)}"
        raise BadInput(
            f"the maps of {found.name} have {held}, and no segmenter that is installed has as many classes (there are, "
            f"with their classes: {known})" + ("" if found.classes else "; -m names one in any case")
        )
    return names


def fits(classes: int, of_set: int, numbers: frozenset[int]) -> bool:
    """Whether a segmenter of so many classes is meant for a set's maps, by the classes that the set is known to have.

    Where it is not known by its name, the numbers in its maps tell: 255 is void, and so may the largest of the
    others be, as in CamVid's.
    """
    if of_set:
        return classes == of_set
    largest = max(numbers - {VOID}, default=-1)
    return classes in (largest, largest + 1)


def numbers_in(found: Labelled) -> frozenset[int]:
    """The numbers in all maps that can be read; the rows will tell of the others. None where nobody has to know."""
    from sccodec import image

    numbers: set[int] = set()
    for pair in found.pairs if not found.classes else ():
        try:
            numbers |= set(np.unique(matching(pair, *image.size(pair.picture.read()))).tolist())
        except (OSError, SccodecError):
            continue
    return frozenset(numbers)
