"""Specs with lists and ranges of values, and all codecs at once: one text, many specs.

    jpeg:q=5,10,20            three specs
    hyperprior:q=10..90/10    nine
    avif:speed=4,8,q=20..80/30    six
    all                       every codec at five qualities
    all:q=50                  every codec at one

`all` leaves out codecs whose models are not installed, and the models of others. Lossless codecs stand once in it.
Every spec is given in its canonical form (sccodec.codec.Spec), by which rows of the same are found again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import product

from sccodec import api, bundle, codec
from sccodec.errors import BadInput

ALL = "all"
ALL_QUALITIES = "q=10..90/20"
MOST_SPECS = 10_000
RANGE = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)\.\.(-?\d{1,9}(?:\.\d{1,9})?)(?:/(\d{1,9}(?:\.\d{1,9})?))?")


def expand(texts: Sequence[str], qualities: Sequence[str] = ()) -> list[str]:
    """The specs that texts stand for, in their order, each once; raises BadInput or UnknownCodec.

    qualities: values, lists or ranges of q for the texts that state no setting of their own.
    """
    found: dict[str, None] = {}
    for text in texts:
        name, colon, rest = text.partition(":")
        common = f"q={','.join(qualities)}" if qualities else ALL_QUALITIES
        parts = every_codec(rest if colon else common) if name == ALL else [text]
        for part in parts:
            asked = at_qualities(part, qualities) if qualities else part
            found |= dict.fromkeys(str(api.parse(spec).canonical()) for spec in variations(asked))
            if len(found) > MOST_SPECS:
                raise BadInput(f"{text!r} stands for too many specs: the limit is {MOST_SPECS}")
    for spec in found:
        check(api.parse(spec))
    return list(found)


def every_codec(options: str) -> list[str]:
    """A text for each codec that can run here, with those options."""
    with_models = {model.codec for model in bundle.installed()}
    found = [c for c in map(api.load, api.names()) if not c.peer and (c.name in with_models or c.native)]
    return [c.name if c.lossless else f"{c.name}:{options}" for c in found]


def at_qualities(text: str, qualities: Sequence[str]) -> str:
    """The text with these qualities, unless it states a setting that turns the rate, or has none to turn."""
    name, colon, rest = text.partition(":")
    found = api.load(name)
    turning = {"q", *(rate.name for rate in found.rates)}
    if found.lossless or any(item.partition("=")[0] in turning for item in rest.split(",") if "=" in item):
        return text
    return f"{text}{',' if colon else ':'}q={','.join(qualities)}"


def check(spec: codec.Spec) -> None:
    """Raise BadInput for what would fail with every picture, as far as it can be seen without one."""
    found = api.load(spec.codec)
    ranges = {"q": (0.0, 100.0)} | {rate.name: (rate.low, rate.high) for rate in found.rates}
    for key, text in spec.options:
        value = number(text)
        low, high = ranges.get(key, (-math.inf, math.inf))
        if key in ranges and (value is None or not low <= value <= high):
            raise BadInput(f"{key} is {text!r} in {str(spec)!r}, it goes from {low:g} to {high:g}")
        if key not in codec.TEXTS and value is not None and not math.isfinite(value):
            raise BadInput(f"{key} is {text!r} in {str(spec)!r}, which is no number that could be asked for")
    found.check(replace(spec, options=tuple(o for o in spec.options if o[0] != "q")))


def number(text: str) -> float | None:
    """The number that a text is, finite or not; None for any other text."""
    try:
        return float(text)
    except ValueError:
        return None


def variations(text: str) -> list[str]:
    """The specs of one codec that a text stands for: the product of its options' values."""
    name, colon, rest = text.partition(":")
    if not colon:
        return [text]
    variant: list[str] = []
    options: dict[str, list[str]] = {}
    for i, item in enumerate(rest.split(",")):
        key, equals, value = item.partition("=")
        if equals:
            if key in options:
                raise BadInput(f"option {key!r} stands twice in {text!r}")
            options[key] = values(value, text)
        elif i == 0:
            variant = [item]
        elif options and item:
            options[next(reversed(options))] += values(item, text)
        else:
            raise BadInput(f"cannot read {item!r} in {text!r}; write codec:variant,option=value,value,...")
    if math.prod(map(len, options.values())) > MOST_SPECS:
        raise BadInput(f"{text!r} stands for too many specs: the limit is {MOST_SPECS}")
    specs = []
    for chosen in product(*options.values()):
        items = variant + [f"{key}={value}" for key, value in zip(options, chosen, strict=True)]
        specs.append(f"{name}:{','.join(items)}")
    return specs


def values(text: str, whole: str) -> list[str]:
    """One value, or those of a range first..last/step (1 by default), both ends included; raises BadInput."""
    found = RANGE.fullmatch(text)
    if not found:
        return [text]
    low, high, step = Decimal(found[1]), Decimal(found[2]), Decimal(found[3] or 1)
    if not (step > 0 and low <= high):
        raise BadInput(f"the range {text!r} in {whole!r} holds no values: first..last/step goes upwards")
    count = int((high - low) / step) + 1
    if count > MOST_SPECS:
        raise BadInput(f"the range {text!r} in {whole!r} holds {count} values, the limit is {MOST_SPECS}")
    return [format((low + i * step).normalize(), "f") for i in range(count)]
