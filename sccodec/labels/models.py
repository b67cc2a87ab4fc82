"""Model files of segmenters: what they state, checked.

A file ``segmenter-<name>-<tag>.safetensors`` of bitstream 1 holds the graph ``segmenter``: image float32 [1, 3, H, W]
in 0..1, H and W multiples of ``multiple``, to logits [1, classes, H/stride, W/stride]. Its configuration:

    classes      names, by number                   long_side    pixels that larger pictures are brought to
    colours      [red, green, blue], by number      multiple     of sides
    stride       pixels to a sample of the logits: a power of 2, of which the multiple is one
    crf          null, or {"window": .., "steps": ..} and arrays crf.position, crf.colour, crf.weight [kernels],
                 crf.compatibility [classes, classes] and crf.unary []
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sccodec.bundle import Bundle
from sccodec.container import MAX_SIDE
from sccodec.errors import ModelMismatch
from sccodec.image.palette import RGB
from sccodec.labels.convcrf import ConvCrf, Floats

CODEC, NETWORK, BITSTREAM = "segmenter", "segmenter", 1
MOST_CLASSES = 256
MULTIPLES, STRIDES = range(4, 257, 4), range(1, 33)
WINDOWS, STEPS = range(3, 34, 2), range(1, 101)
KERNELS = 64
"""At most."""


@dataclass(frozen=True, eq=False)
class Traits:
    """What is known of a segmenter beside its network.

    names, colours: of the classes, by number. long_side: pixels that the longer side of larger pictures is brought to,
    of smaller ones too where enlarge is set. multiple: of sides. stride: pixels to an output of the network, a side.
    cells: outputs a side over whose mean a class is said.
    crf: None where the model file holds none.
    """

    names: tuple[str, ...]
    colours: tuple[RGB, ...]
    long_side: int
    multiple: int
    enlarge: bool = False
    stride: int = 4
    cells: int = 1
    crf: ConvCrf | None = None


def traits_of(opened: Bundle) -> Traits:
    """What a model file states; raises ModelMismatch for what is no segmenter, or not whole."""
    try:
        if opened.bitstream != BITSTREAM:
            raise ValueError(f"bitstream is {opened.bitstream}, and only {BITSTREAM} is known here: update sccodec")
        if NETWORK not in opened.networks:
            raise ValueError(f"there is no network {NETWORK}")
        config: object = opened.config
        if not isinstance(config, dict):
            raise ValueError("it is no object")
        named = _names(config.get("classes"))
        return Traits(
            named,
            _colours(config.get("colours"), len(named)),
            _whole(config, "long_side", range(1, MAX_SIDE + 1)),
            _whole(config, "multiple", MULTIPLES),
            stride=_stride(config),
            crf=_crf(opened, config.get("crf"), len(named)),
        )
    except ValueError as error:
        raise ModelMismatch(f"{opened.path} has no configuration that can be used: {error}") from error


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_CLASSES:
        raise ValueError(f"classes must be a list of 1 to {MOST_CLASSES} names")
    for name in value:
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise ValueError(f"{name!r:.60} is no name of a class")
    if len(set(value)) < len(value):
        raise ValueError("two classes have one name")
    return tuple(value)


def _colours(value: object, count: int) -> tuple[RGB, ...]:
    if not isinstance(value, list) or len(value) != count:
        raise ValueError(f"colours must be a list of {count}, one for each class")
    found: list[RGB] = []
    for colour in value:
        if not isinstance(colour, list) or len(colour) != 3 or any(type(c) is not int for c in colour):
            raise ValueError(f"{colour!r:.60} is no colour: three whole numbers are")
        red, green, blue = colour
        if not all(0 <= c <= 255 for c in colour):
            raise ValueError(f"{colour!r:.60} is no colour: its samples go from 0 to 255")
        found.append((red, green, blue))
    return tuple(found)


def _whole(config: Mapping[str, object], key: str, known: range) -> int:
    value = config.get(key)
    if type(value) is not int or value not in known:
        step = f" in steps of {known.step}" if known.step > 1 else ""
        raise ValueError(f"{key} is {value!r:.60}: expected {known[0]} to {known[-1]}{step}")
    return value


def _stride(config: Mapping[str, object]) -> int:
    stride, multiple = _whole(config, "stride", STRIDES), _whole(config, "multiple", MULTIPLES)
    if stride & (stride - 1) or multiple % stride:
        raise ValueError(f"stride is {stride}: expected a power of 2 that divides the multiple, {multiple}")
    return stride


def _crf(opened: Bundle, stated: object, classes: int) -> ConvCrf | None:
    if stated is None:
        return None
    if not isinstance(stated, dict):
        raise ValueError("crf must be an object, or null")

    def array(name: str, fits: Callable[[tuple[int, ...]], bool], shape: str) -> Floats:
        value = opened.array(f"crf.{name}")
        if value.dtype.kind != "f" or not fits(value.shape):
            raise ValueError(f"crf.{name} is {value.dtype} {list(value.shape)}: expected floats {shape}")
        wide = value.astype(np.float32)
        if not np.isfinite(wide).all():
            raise ValueError(f"crf.{name} holds numbers that are not finite")
        return wide

    weight = array("weight", lambda shape: len(shape) == 1 and 0 < shape[0] <= KERNELS, "[kernels]")
    position, colour = (
        array(n, lambda shape: shape == weight.shape, f"[{len(weight)}]") for n in ("position", "colour")
    )
    if (position < 0).any() or (colour < 0).any():
        raise ValueError("crf.position and crf.colour must not be negative")
    return ConvCrf(
        _whole(stated, "window", WINDOWS),
        _whole(stated, "steps", STEPS),
        position,
        colour,
        weight,
        array("compatibility", lambda shape: shape == (classes, classes), f"[{classes}, {classes}]"),
        float(array("unary", lambda shape: shape == (), "[]")),
    )
