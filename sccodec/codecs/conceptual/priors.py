"""The priors of the conceptual codec in integers: what Writer and Reader drive the traversal with.

The float forms, which training uses, stand in networks/priors.py. Fixed point here: latents and means have 4
fractional bits and are counted in quantisation steps; networks see them in base units (a step of exponent 0), which
one integer multiplication gives. A step is a power of the scale table's ratio, so that it moves rows of the table by
whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sccodec.codecs.conceptual.regions import GRID, Regions, cell_positions, cell_weights
from sccodec.entropy.coder import Coder
from sccodec.entropy.integer import IntegerNetwork
from sccodec.entropy.tables import SCALE_COUNT, Table, scale_ratio

LATENT_BITS = 4  # fractional bits of decoded latents and means
TEXTURE_INPUT_BITS = 4
DETAIL_INPUT_BITS = 6
OUTPUT_BITS = 8
STEP_LIMIT = 31

Ints = NDArray[Any]


def step_factors(exponent: int) -> tuple[int, int]:
    """The step of an exponent and its inverse: in 256ths and in 4096ths."""
    step = scale_ratio() ** exponent
    return round(256 * step), round(4096 / step)


def texture_inputs(z: Ints, one_hot: Ints, parent: Ints) -> Ints:
    """What the texture network reads: whole z [n, hyper], one-hot labels, parents' textures in 16ths of a base unit."""
    unit = 1 << TEXTURE_INPUT_BITS
    return np.concatenate([z.astype(np.int64) * unit, one_hot * unit, parent], 1)


def detail_inputs(found: Regions, one_hot: Ints, textures: Ints, cells: tuple[int, int]) -> Ints:
    """What the detail network reads of each cell of one picture; textures [K, textures] in 16ths of a base unit."""
    weights = cell_weights(found, cells)
    share = weights @ one_hot  # 64ths of the cell
    texture = (weights @ textures + 8) >> 4  # 64ths of a base unit
    position = np.eye(GRID**2, dtype=np.int64)[cell_positions(1, cells)] << DETAIL_INPUT_BITS
    return np.concatenate([share, texture, position], 1)


@dataclass(frozen=True)
class PriorModel:
    """What a model file holds for labels' textures, and for the detail layer, where its codec has one."""

    hyper: Table
    gaussian: Table
    texture: IntegerNetwork
    detail: IntegerNetwork | None
    classes: int
    textures: int
    hyper_channels: int
    parents: tuple[tuple[int, ...], ...]

    @staticmethod
    def from_arrays(arrays: Mapping[str, Ints], config: Mapping[str, Any]) -> PriorModel:
        """Raises ModelMismatch for missing or malformed arrays."""
        return PriorModel(
            Table.from_arrays(arrays, "tables.hyper"),
            Table.from_arrays(arrays, "tables.gaussian"),
            IntegerNetwork.from_arrays(arrays, "integer.texture"),
            IntegerNetwork.from_arrays(arrays, "integer.detail") if config["detail"] else None,
            int(config["classes"]),
            int(config["textures"]),
            int(config["hyper"]),
            tuple(tuple(int(p) for p in row) for row in config["parents"]),
        )

    def to_arrays(self) -> dict[str, Ints]:
        """Arrays for the model file, by name."""
        return {
            **self.hyper.to_arrays("tables.hyper"),
            **self.gaussian.to_arrays("tables.gaussian"),
            **self.texture.to_arrays("integer.texture"),
            **({} if self.detail is None else self.detail.to_arrays("integer.detail")),
        }


class IntegerPriors:
    """Distributions of one picture's latents, from what has been decoded."""

    def __init__(self, model: PriorModel, found: Regions, exponent: int) -> None:
        self.model, self.found, self.exponent = model, found, exponent
        self.step, self.inverse = step_factors(exponent)
        self.one_hot = np.eye(model.classes, dtype=np.int64)[found.labels]

    def texture(self, z: Ints, rows: slice, parents: Ints, known: Sequence[Ints]) -> tuple[Ints, Ints]:
        """Mean (16ths of a step) and table row of the textures of one pass, both int [n, textures]."""
        blank = np.zeros((1, self.model.textures), np.int64)
        above = np.concatenate([self.base(self.join(known)), blank]) if known else blank
        parent = above[np.where(parents < 0, len(above) - 1, parents)]
        return self.finish(self.model.texture.run(texture_inputs(z[rows], self.one_hot[rows], parent)))

    def join(self, parts: Sequence[Ints]) -> Ints:
        return np.concatenate(list(parts))

    def base(self, y: Ints) -> Ints:
        """Latents in 16ths of a step -> 16ths of a base unit."""
        return (y.astype(np.int64) * self.step + 128) >> 8

    def detail(self, t_hat: Ints, cells: tuple[int, int]) -> tuple[Ints, Ints]:
        """Mean and table row of the detail layer, which the model must have, both int [cells, channels]."""
        assert self.model.detail is not None
        inputs = detail_inputs(self.found, self.one_hot, self.base(t_hat), cells)
        return self.finish(self.model.detail.run(inputs))

    def finish(self, outputs: Ints) -> tuple[Ints, Ints]:
        """The outputs of a network, in 256ths of base units and table rows, for this step."""
        mean, scale = np.split(outputs.astype(np.int64), 2, axis=1)
        mean = (mean * self.inverse + (1 << 15)) >> 16
        row = ((scale + 128) >> 8) - self.exponent
        return mean, np.clip(row, 0, SCALE_COUNT - 1)


class LatentCoder:
    """The traversal's verbs on a Writer or a Reader: latents [n, channels] by their tables."""

    def __init__(self, coder: Coder, model: PriorModel) -> None:
        self.coder, self.model = coder, model

    def factorized(self, section: str, z: NDArray[np.float64] | None, n: int) -> Ints:
        """z rounded, int [n, hyper]; channel c by row c of the hyper table."""
        channels = self.model.hyper_channels
        values = None if z is None else np.rint(z).astype(np.int64).ravel()
        coded = self.coder.symbols(section, values, np.tile(np.arange(channels), n), self.model.hyper)
        return coded.reshape(n, channels)

    def gaussian(self, section: str, y: NDArray[np.float64] | None, mean: Ints, scale: Ints) -> Ints:
        """y_hat in 16ths of a step, of the shape of mean."""
        flat = None if y is None else y.ravel()
        return self.coder.gaussian(section, flat, mean.ravel(), scale.ravel(), self.model.gaussian).reshape(mean.shape)
