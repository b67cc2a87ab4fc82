"""The hyperprior's entropy stage: hyperprior z and latents y, coded in the same order by Writer, Reader and Estimator.

A file's distributions are computed here in integers (``IntegerDistributions``); training has them in torch
(sccodec.training.hyperprior.rate). Both follow sccodec.codecs.hyperprior.networks, where the networks are drawn.

    z_hat, q -> h_s -> psi -+-> step k -> mean, row of the scale table -> the latents of step k
    latents known so far ---+

With four steps, step k codes quarter k ^ p of the channels at pixel p (0..3) of every 2x2 cell: the quarters that lie
beside and within a pixel become known in turn. Latents whose row is 0, the smallest scale, are not coded at all: they
equal their means. Values are counted in quantisation steps; means and y_hat in 16ths of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sccodec.entropy.coder import MEAN_STEPS, Coder
from sccodec.entropy.integer import LIMIT, Depthwise, Layer, Product, Whole, clip
from sccodec.entropy.tables import SCALE_COUNT, Table
from sccodec.errors import Corrupt, ModelMismatch

Ints = NDArray[Any]

STRIDE = 16
"""Pixels a latent position stands for."""
HYPER_STRIDE = 4
"""Latent positions a position of z stands for."""
GROUPS = 4
"""Quarters of the channels, and pixels of a 2x2 cell."""
LATENT_BITS = 4
Z_BITS = 8
OUTPUT_BITS = 8
QUALITY_LEVELS = 255
"""A quality is stored as a byte: 0..255 stand for 0..100."""
MEAN_LIMIT = 1000 * MEAN_STEPS
RESIDUAL_LIMIT = 1000
# Latents come to a layer in psi's units, so in up to 26 bits: that many of them keep its sums below 2^53.
MOST_PSI_BITS, MOST_LATENTS = 15, 1 << 11


V = TypeVar("V")
"""Latents as a driver has them: arrays [h, w, channels] for a file, tensors [B, channels, h, w] in training."""


class Driver(Protocol[V]):
    """Who codes, section by section: ``GridCoder`` for a Writer or a Reader, training's GridEstimator."""

    def factorized(self, section: str, z: V | None) -> V:
        """z rounded, each channel by its own table."""
        ...

    def gaussian(self, section: str, y: V | None, mean: V, row: V) -> V:
        """y_hat about its mean; row: of the scale table."""
        ...


class Predictor(Protocol[V]):
    """Who says how latents are distributed: ``IntegerDistributions``, training's FloatDistributions."""

    steps: int
    known: V

    def begin(self, z_hat: V) -> None: ...

    def predict(self, step: int) -> tuple[V, V]:
        """Mean and row of the scale table of the latents of a step."""
        ...

    def take(self, y: V, step: int) -> V:
        """The latents of a step."""
        ...

    def learn(self, step: int, y_hat: V) -> None:
        """Remember the decoded latents of a step."""
        ...


def traverse(driver: Driver[V], distributions: Predictor[V], z: V | None, y: V | None) -> V:
    """Code z, then y in steps, with whichever driver is given; gives y_hat.

    Writer and Estimator take z and y (y in quantisation steps); a Reader takes None for each.
    """
    distributions.begin(driver.factorized("hyper", z))
    for step in range(distributions.steps):
        mean, row = distributions.predict(step)
        part = None if y is None else distributions.take(y, step)
        distributions.learn(step, driver.gaussian("latents", part, mean, row))
    return distributions.known


def lattice(y: Ints, step: int) -> Ints:
    """The latents [h, w, C] that step 0..3 codes, [h/2, w/2, C], in the order of the pixels p of a cell."""
    group = y.shape[2] // GROUPS
    parts = [y[p // 2 :: 2, p % 2 :: 2, (step ^ p) * group :][..., :group] for p in range(GROUPS)]
    return np.concatenate(parts, 2)


def put_lattice(y: Ints, step: int, values: Ints) -> None:
    """Set what ``lattice`` takes, in place."""
    group = y.shape[2] // GROUPS
    for p in range(GROUPS):
        first = (step ^ p) * group
        y[p // 2 :: 2, p % 2 :: 2, first : first + group] = values[..., p * group : (p + 1) * group]


@dataclass(frozen=True)
class SynthesisLayers:
    """h_s, in the order of its work: pixel shuffles follow ``enter`` and ``up``."""

    enter: Layer
    spatial: Depthwise
    mix: Layer
    up: Layer
    leave_spatial: Depthwise
    leave: Layer


@dataclass(frozen=True)
class StepLayers:
    """mix: of psi and known latents; around: depth-wise and mixing layer; heads: one a pixel of a cell, or one alone.

    Step 0 knows no latents and looks at psi alone: it has no ``around``.
    """

    mix: Layer
    around: tuple[Depthwise, Layer] | None
    heads: tuple[Layer, ...]


@dataclass(frozen=True)
class HyperpriorModel:
    """What a model file holds for this stage.

    z: the table of z, a row a channel. y: that of the latents, a row a scale, or, with a factorized prior, an unused
    row and then one for each quality anchor and channel. base int32 [anchors, latents]: rows of the scale table by
    quality, in 2^-8, which the networks correct. synthesis, steps: none with a factorized prior. psi_bits: fractional
    bits of psi.
    """

    z: Table
    y: Table
    base: NDArray[np.int32]
    synthesis: SynthesisLayers | None
    steps: tuple[StepLayers, ...]
    psi_bits: int
    channels: int
    latents: int
    means: bool

    def to_arrays(self) -> dict[str, Ints]:
        """Arrays for the model file, by name."""
        layers: dict[str, Layer | Depthwise] = {}
        if self.synthesis is not None:
            layers |= {f"synthesis.{f.name}": getattr(self.synthesis, f.name) for f in fields(self.synthesis)}
        for k, step in enumerate(self.steps):
            layers[f"step{k}.mix"] = step.mix
            if step.around is not None:
                layers |= {f"step{k}.around": step.around[0], f"step{k}.mix_around": step.around[1]}
            layers |= {f"step{k}.head{p}": head for p, head in enumerate(step.heads)}
        arrays: dict[str, Ints] = {**self.z.to_arrays("tables.z"), **self.y.to_arrays("tables.y")}
        arrays["tables.base"] = self.base
        arrays["integer.psi_bits"] = np.array([self.psi_bits], np.int32)
        for name, layer in layers.items():
            arrays[f"integer.{name}.weight"], arrays[f"integer.{name}.bias"] = layer.weight, layer.bias
            arrays[f"integer.{name}.shift"] = np.array([layer.shift], np.int32)
        return arrays

    @staticmethod
    def from_arrays(arrays: Mapping[str, Ints], config: Mapping[str, Any]) -> HyperpriorModel:
        """Raises ModelMismatch for missing or malformed arrays, KeyError for a configuration that lacks something."""
        channels, latents, n = (int(config[k]) for k in ("hyper", "latents", "features"))
        means, count = bool(config["means"]), int(config["steps"])
        if count not in (1, GROUPS):
            raise ModelMismatch(f"the model file has {count} steps, not 1 or {GROUPS}")
        stored = StoredLayers(arrays)
        synthesis = None
        steps: list[StepLayers] = []
        if channels:
            synthesis = SynthesisLayers(
                stored.pointwise("synthesis.enter", channels + 1, 4 * n),
                stored.depthwise("synthesis.spatial", n),
                stored.pointwise("synthesis.mix", n, n),
                stored.pointwise("synthesis.up", n, 4 * n),
                stored.depthwise("synthesis.leave_spatial", n),
                stored.pointwise("synthesis.leave", n, n),
            )
        for k in range(count if channels else 0):
            mix = stored.pointwise(f"step{k}.mix", n + latents * (k > 0), n)
            around = None
            if k:
                around = (stored.depthwise(f"step{k}.around", n), stored.pointwise(f"step{k}.mix_around", n, n))
            outputs = latents // count * (1 + means)
            heads = tuple(stored.pointwise(f"step{k}.head{p}", n, outputs) for p in range(count))
            steps.append(StepLayers(mix, around, heads))
        z, y = Table.from_arrays(arrays, "tables.z"), Table.from_arrays(arrays, "tables.y")
        base = stored.array("tables.base").astype(np.int32)
        psi_bits = int(stored.array("integer.psi_bits").sum())
        if not LATENT_BITS <= psi_bits <= MOST_PSI_BITS or latents > MOST_LATENTS:
            raise ModelMismatch("the model file's integer networks have no room for its latents")
        rows = SCALE_COUNT if channels else 1 + len(base) * latents
        if len(z.sizes) != max(1, channels) or len(y.sizes) != rows or base.shape[1:] != (latents,) or len(base) < 2:
            raise ModelMismatch("the model file's tables do not fit its configuration")
        return HyperpriorModel(z, y, base, synthesis, tuple(steps), psi_bits, channels, latents, means)


@dataclass(frozen=True)
class StoredLayers:
    """Integer layers among the arrays of a model file; ModelMismatch for those that are missing or of another shape."""

    arrays: Mapping[str, Ints]

    def array(self, name: str) -> Ints:
        if name not in self.arrays:
            raise ModelMismatch(f"the model file lacks {name}")
        return self.arrays[name]

    def pointwise(self, name: str, inputs: int, outputs: int) -> Layer:
        return Layer(*self._parts(name, (outputs, inputs)))

    def depthwise(self, name: str, channels: int) -> Depthwise:
        return Depthwise(*self._parts(name, (9, channels)))

    def _parts(self, name: str, shape: tuple[int, int]) -> tuple[NDArray[np.int16], NDArray[np.int64], int]:
        weight, bias, shift = (self.array(f"integer.{name}.{part}") for part in ("weight", "bias", "shift"))
        if weight.shape != shape or shift.shape != (1,):
            raise ModelMismatch(f"the integer layer {name} has another shape than the configuration")
        return weight.astype(np.int16), bias.astype(np.int64), int(shift[0])


class IntegerDistributions:
    """Drives ``traverse`` for one tile of height x width latents. quality: the byte. multiply: see integer.Layer.

    Arrays are [h, w, C], their sides brought to multiples of 4.
    """

    def __init__(
        self, model: HyperpriorModel, quality: int, height: int, width: int, multiply: Product = np.matmul
    ) -> None:
        self.model = model
        self._multiply = multiply
        self.shape = (height, width)
        self.quality = quality
        self.padded = (-(-height // HYPER_STRIDE) * HYPER_STRIDE, -(-width // HYPER_STRIDE) * HYPER_STRIDE)
        self.steps = max(1, len(model.steps))
        self.known: Ints = np.zeros((*self.padded, model.latents), np.int32)
        # Known latents have 4 fractional bits, psi has more: a whole power of two brings them to the same unit.
        self._lift = 2.0 ** (model.psi_bits - LATENT_BITS)
        self._lifted = np.zeros(self.known.shape if self.steps > 1 else 0)
        inside = np.zeros((*self.padded, 1), np.bool_)
        inside[:height, :width] = True
        self._outside = None if inside.all() else ~np.repeat(inside, model.latents, 2)
        self._base = interpolate(model.base, quality)

    @property
    def hyper_shape(self) -> tuple[int, int, int]:
        """Of z."""
        return self.padded[0] // HYPER_STRIDE, self.padded[1] // HYPER_STRIDE, self.model.channels

    def begin(self, z_hat: Ints) -> None:
        """z_hat: int, of hyper_shape."""
        layers = self.model.synthesis
        if layers is None:
            return
        plane = np.full((*z_hat.shape[:2], 1), float(self.quality))
        h = np.concatenate([clip(z_hat.astype(np.float64) * (1 << Z_BITS), LIMIT), plane], 2)
        h = spread(self._grid(layers.enter, h, leaky=True))
        h = self._grid(layers.mix, clip(layers.spatial.accumulate(h), LIMIT), leaky=True)
        h = spread(self._grid(layers.up, h, leaky=True))
        self._psi: Whole = self._grid(layers.leave, clip(layers.leave_spatial.accumulate(h), LIMIT), leaky=True)

    def predict(self, step: int) -> tuple[Ints, Ints]:
        """Mean (16ths of a step) and row of the table of the latents of a step; row -1 stands outside the tile."""
        if not self.model.steps:
            return np.zeros(self.known.shape, np.int32), self._outside_marked(self._learned_rows(), step)
        found = self._heads(step)
        group = found[0].shape[2] // (1 + self.model.means)
        correction = np.concatenate([part[..., -group:] for part in found], 2)
        correction += self.take(np.broadcast_to(self._base, self.known.shape), step)
        row = np.floor((correction + (1 << OUTPUT_BITS >> 1)) * 2.0**-OUTPUT_BITS)
        row = self._outside_marked(np.clip(row, 0, SCALE_COUNT - 1).astype(np.int16), step)
        if not self.model.means:
            return np.zeros(row.shape, np.int32), row
        mean = np.concatenate([part[..., :group] for part in found], 2)
        drop = OUTPUT_BITS - LATENT_BITS
        mean = clip(np.floor((mean + (1 << drop >> 1)) * 2.0**-drop), MEAN_LIMIT)
        return mean.astype(np.int32), row

    def _heads(self, step: int) -> list[Whole]:
        """What the heads of a step give, each for its pixel of the cells."""
        layers = self.model.steps[step]
        h, w, n = self._psi.shape
        a = layers.mix.product(self._psi.reshape(h * w, n), slice(0, n), self._multiply)
        if layers.around is not None:
            a += layers.mix.product(self._lifted.reshape(h * w, -1), slice(n, None), self._multiply)
        features = layers.mix.finish(a, leaky=True).reshape(h, w, n)
        if layers.around is not None:
            spatial, mix = layers.around
            features = self._grid(mix, clip(spatial.accumulate(features), LIMIT), leaky=True)
        if self.steps == 1:
            return [self._grid(layers.heads[0], features)]
        return [self._grid(head, features[p // 2 :: 2, p % 2 :: 2]) for p, head in enumerate(layers.heads)]

    def _grid(self, layer: Layer, x: Whole, *, leaky: bool = False) -> Whole:
        """A pointwise layer on [h, w, in] -> [h, w, out]."""
        h, w, inputs = x.shape
        rows = np.ascontiguousarray(x).reshape(h * w, inputs)
        return layer.accumulate(rows, self._multiply, leaky=leaky).reshape(h, w, -1)

    def _learned_rows(self) -> Ints:
        """Rows of the factorized prior's table at the nearest anchor."""
        anchors = len(self.model.base)
        nearest = (2 * self.quality * (anchors - 1) + QUALITY_LEVELS) // (2 * QUALITY_LEVELS)
        channel = np.arange(1 + nearest * self.model.latents, 1 + (nearest + 1) * self.model.latents, dtype=np.int16)
        return np.tile(channel, (*self.padded, 1))

    def _outside_marked(self, row: Ints, step: int) -> Ints:
        if self._outside is not None:
            row[self.take(self._outside, step)] = -1
        return row

    def take(self, y: Ints, step: int) -> Ints:
        """The latents [h, w, latents] of a step."""
        return y if self.steps == 1 else lattice(y, step)

    def learn(self, step: int, y_hat: Ints) -> None:
        """Remember the decoded latents of a step, in 16ths."""
        if self.steps == 1:
            self.known = y_hat
        else:
            put_lattice(self.known, step, y_hat)
            put_lattice(self._lifted, step, y_hat * self._lift)


def spread(x: Whole) -> Whole:
    """Channels [h, w, 4C], the cell's pixel first, to [2h, 2w, C]."""
    h, w, channels = x.shape
    cells = x.reshape(h, w, 2, 2, channels // 4)
    return np.ascontiguousarray(cells.transpose(0, 2, 1, 3, 4)).reshape(2 * h, 2 * w, channels // 4)


def interpolate(anchors: Ints, quality: int) -> Whole:
    """Between the rows of [A, C], evenly spaced over the qualities 0..255, in whole numbers."""
    place, rest = divmod(quality * (len(anchors) - 1), QUALITY_LEVELS)
    below = anchors[place].astype(np.int64)
    above = anchors[min(place + 1, len(anchors) - 1)].astype(np.int64)
    mixed: Whole = ((below * (QUALITY_LEVELS - rest) + above * rest + QUALITY_LEVELS // 2) // QUALITY_LEVELS).astype(
        np.float64
    )
    return mixed


@dataclass(frozen=True)
class GridCoder:
    """The traversal's verbs on a Writer or a Reader, for one tile. section: counts all bits, whatever is coded."""

    coder: Coder
    model: HyperpriorModel
    hyper_shape: tuple[int, int, int]
    section: str | None = None

    def factorized(self, section: str, z: NDArray[np.float64] | None) -> Ints:
        """z [h, w, hyper] rounded; channel c by row c of its table."""
        values = None if z is None else np.rint(z).astype(np.int64).ravel()
        rows = np.tile(np.arange(self.hyper_shape[2]), self.hyper_shape[0] * self.hyper_shape[1])
        return self.coder.symbols(self.section or section, values, rows, self.model.z).reshape(self.hyper_shape)

    def gaussian(self, section: str, y: NDArray[np.floating[Any]] | None, mean: Ints, row: Ints) -> Ints:
        """y_hat int32, in 16ths of a step, of the shape of mean; zero where row is -1, the mean where it is 0."""
        coded = np.flatnonzero(row > 0)
        centre = mean.ravel()[coded]
        residual = None
        if y is not None:
            rounded = np.rint(y.ravel()[coded] - centre * (1 / MEAN_STEPS))
            residual = np.clip(rounded, -RESIDUAL_LIMIT, RESIDUAL_LIMIT)
        got = self.coder.symbols(self.section or section, residual, row.ravel()[coded], self.model.y)
        if got.size and max(int(got.max()), -int(got.min())) > RESIDUAL_LIMIT:
            raise Corrupt("the coded data is damaged: it holds a latent beyond all limits")
        y_hat = np.where(row.ravel() < 0, 0, mean.ravel()).astype(np.int32)
        y_hat[coded] += MEAN_STEPS * got
        return self.coder.note(y_hat).reshape(mean.shape)  # means too must agree
