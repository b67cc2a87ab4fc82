"""Lossless label maps: an integer network over a pixel's causal surroundings gives its class frequencies.

    features of a pixel -> rows of one embedding table, summed, + scale and seen classes -> leaky ReLU
        -> integer network -> logits (base 2) -> stored exp table -> frequencies, sum 2^20 -> range coder

A map of a few hundred bytes leaves nothing to learn from, so the network is trained beforehand. The decoder
loops over wavefronts x + 3y; the encoder computes all frequencies at once. Everything from the context to the
frequencies is integer arithmetic. Rows sum to 2^20: with 2^16 the classes that cannot occur would cost a
large map 1 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sccodec.entropy.coder import Coder
from sccodec.entropy.integer import IntegerNetwork, Layer, activate
from sccodec.errors import BadInput, ModelMismatch
from sccodec.labels import features
from sccodec.labels.features import Surroundings, Waves

TOTAL_BITS = 20
# Logits count 1/64 of a bit; 2^-24 and below is as good as nothing, the floor of 1 takes over.
LOGIT_BITS = 6
EXP_RANGE = 24
EXP_ONE_BITS = 24
# The encoder's working set: pixels whose features and activations are held at once.
PIECE = 1 << 10


@dataclass(frozen=True)
class LabelModel:
    """A trained context model, H hidden units; raises ModelMismatch where its parts do not fit.


    table: int16 [R, H], the features' categories one below the other; scale: int32 [SCALES, H];
    seen: int16 [classes, H], added once a class has occurred in an earlier wavefront;
    network: H -> classes, logits in 1/64 bit; exp: int32 [EXP_RANGE * 64 + 1], 2^(24 - d / 64).
    """

    classes: int
    table: NDArray[np.int16]
    scale: NDArray[np.int32]
    seen: NDArray[np.int16]
    network: IntegerNetwork
    exp: NDArray[np.int32]

    def __post_init__(self) -> None:
        if not 2 <= self.classes <= 255:
            raise ModelMismatch("a label model has 2 to 255 classes")
        counts = features.categories(self.classes)
        hidden = self.table.shape[-1]
        fits = (
            self.table.shape == (int(counts.sum()), hidden)
            and self.scale.shape == (features.SCALES, hidden)
            and self.seen.shape == (self.classes, hidden)
            and self.network.layers[0].weight.shape[1] == hidden
            and self.network.layers[-1].weight.shape[0] == self.classes
            and self.network.output_bits == LOGIT_BITS
            and self.exp.shape == ((EXP_RANGE << LOGIT_BITS) + 1,)
            and int(self.exp.min()) >= 0
            and int(self.exp[0]) == 1 << EXP_ONE_BITS
        )
        if not fits:
            raise ModelMismatch("the parts of a stored label model do not fit together")
        object.__setattr__(self, "_base", np.cumsum(counts) - counts)
        object.__setattr__(self, "_wide", self.table.astype(np.float32))
        object.__setattr__(self, "_ones", np.ones((1, features.FEATURES), np.float32))
        assert features.FEATURES << 15 < 1 << 24

    def frequencies(self, rows: NDArray[np.int16], bias: NDArray[np.int32]) -> NDArray[np.int64]:
        """Frequencies [n, classes] of sum 2^20 from features [n, F] and their bias, [n, H] or [H]."""
        # Sums of a few dozen int16 are exact in float32, which a matrix product adds up fastest.
        chosen = self._wide.take(rows + self._base, axis=0)  # type: ignore[attr-defined]
        hidden = (self._ones @ chosen)[:, 0].astype(np.float64)  # type: ignore[attr-defined]
        hidden += bias
        logits = self.network.run(activate(hidden))
        best = logits.argmax(axis=1)
        below = logits.max(axis=1, keepdims=True) - logits
        e = self.exp.take(np.minimum(below, EXP_RANGE << LOGIT_BITS)).astype(np.int64)
        total = 1 << TOTAL_BITS
        frequencies: NDArray[np.int64] = 1 + e * (total - self.classes) // e.sum(axis=1, keepdims=True)
        frequencies[np.arange(len(best)), best] += total - frequencies.sum(axis=1)
        return frequencies

    def to_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Arrays for the model file, by name."""
        parts: dict[str, NDArray[Any]] = {
            "table": self.table,
            "scale": self.scale,
            "seen": self.seen,
            "exp": self.exp,
        }
        parts["layout"] = np.array([features.LAYOUT, self.classes], np.int32)
        return {f"{prefix}.{k}": v for k, v in parts.items()} | self.network.to_arrays(f"{prefix}.network")

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str) -> LabelModel:
        """The model that ``to_arrays`` stored; ModelMismatch where an array is missing or does not fit."""
        try:
            table, scale, seen, exp, layout = (
                arrays[f"{prefix}.{k}"] for k in ("table", "scale", "seen", "exp", "layout")
            )
        except KeyError as missing:
            raise ModelMismatch(f"the model file lacks the label model's {missing}") from missing
        version, classes = (int(v) for v in layout.astype(np.int64))
        if version != features.LAYOUT:
            raise ModelMismatch(f"the label model's contexts are of layout {version}, not {features.LAYOUT}")
        network = IntegerNetwork.from_arrays(arrays, f"{prefix}.network")
        return cls(
            classes,
            table.astype(np.int16),
            scale.astype(np.int32),
            seen.astype(np.int16),
            network,
            exp.astype(np.int32),
        )

    @classmethod
    def random(cls, classes: int, rng: np.random.Generator, hidden: int = 8) -> LabelModel:
        """An untrained model, for tests."""

        def draw(*shape: int) -> NDArray[np.int16]:
            return rng.integers(-500, 500, shape).astype(np.int16)

        last = Layer(draw(classes, hidden), rng.integers(-9999, 9999, classes), 12)
        return cls(
            classes,
            draw(int(features.categories(classes).sum()), hidden),
            draw(features.SCALES, hidden).astype(np.int32),
            draw(classes, hidden),
            IntegerNetwork((last,), 8, LOGIT_BITS),
            exp_table(),
        )


def exp_table() -> NDArray[np.int32]:
    """2^(24 - d / 64) for d = 0, 1, ...: made once, at export, and stored with the model."""
    d = np.arange((EXP_RANGE << LOGIT_BITS) + 1)
    table: NDArray[np.int32] = np.rint(2.0 ** (EXP_ONE_BITS - d / (1 << LOGIT_BITS))).astype(np.int32)
    return table


def code(
    coder: Coder, section: str, labels: NDArray[np.uint8] | None, shape: tuple[int, int], model: LabelModel
) -> NDArray[np.uint8]:
    """Write the map uint8 [h, w] (None with a Reader) of that shape; gives the map.

    Raises BadInput for a map of another shape or with classes that the model does not have.
    """
    if labels is None:
        return read(coder, section, shape, model)
    if labels.shape != shape or min(shape) < 1:
        raise BadInput("the label map has another shape than stated")
    if int(labels.max()) >= model.classes:
        raise BadInput(f"the label map holds class {int(labels.max())}, the model has {model.classes}")
    write(coder, section, labels, model)
    return labels


def write(coder: Coder, section: str, labels: NDArray[np.uint8], model: LabelModel) -> None:
    """All wavefronts at once, in pieces that bound the memory."""
    shape = (labels.shape[0], labels.shape[1])
    waves = Waves.of(shape)
    surroundings = Surroundings(shape, model.classes)
    surroundings.fill(labels)
    # Classes in the order in which they occur, and the bias once the first 0, 1, 2, ... were seen.
    known = features.first_waves(labels, model.classes)
    order = np.argsort(known, kind="stable")
    sums = np.zeros((model.classes + 1, model.seen.shape[1]), np.int32)
    sums[1:] = np.cumsum(model.seen[order], axis=0)
    sums += model.scale[features.scale_index(shape)]
    known = known[order]
    symbols = labels.ravel()[waves.order]
    for start in range(0, symbols.size, PIECE):
        part = slice(start, start + PIECE)
        rows = surroundings.read(surroundings.at(waves.order[part]))
        count = np.searchsorted(known, waves.number[part])
        coder.frequencies(section, symbols[part], model.frequencies(rows, sums[count]))


def read(coder: Coder, section: str, shape: tuple[int, int], model: LabelModel) -> NDArray[np.uint8]:
    """Wavefront by wavefront."""
    waves = Waves.of(shape)
    surroundings = Surroundings(shape, model.classes)
    positions = surroundings.at(waves.order)
    result = np.zeros(shape[0] * shape[1], np.uint8)
    bias = model.scale[features.scale_index(shape)]
    seen = np.zeros(model.classes, bool)
    bounds = waves.starts.tolist()
    for start, end in pairwise(bounds):
        if start == end:
            continue
        here = positions[start:end]
        got = coder.frequencies(section, None, model.frequencies(surroundings.read(here), bias))
        surroundings.learn(here, got)
        result[waves.order[start:end]] = got
        if not seen[got].all():
            for c in np.unique(got[~seen[got]]):
                bias = bias + model.seen[c]
            seen[got] = True
    return result.reshape(shape)
