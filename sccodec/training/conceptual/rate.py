"""What training drives the conceptual codec's traversal with: the priors as torch networks, and pooling by region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sccodec.codecs.conceptual import regions
from sccodec.codecs.conceptual.networks.priors import DetailPrior, TexturePrior
from sccodec.training.estimator import SCALE_RATIO


class FloatPriors:
    """The priors of the traversal as torch networks, for the Estimator.

    detail: None for a codec without that layer.
    steps: exponents [B] of the quantisation step of each picture, on the networks' device.
    """

    def __init__(
        self, texture: TexturePrior, detail: DetailPrior | None, steps: Tensor, found: regions.Regions
    ) -> None:
        self.texture_prior, self.detail_prior = texture, detail
        self.found = found
        self.labels = torch.from_numpy(found.labels).to(steps.device)
        self.picture = torch.from_numpy(found.picture).to(steps.device)
        self.steps = steps

    def step(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Exponent and step [n, 1] of the pictures that rows [n] belong to."""
        exponent = self.steps[picture][:, None]
        return exponent, SCALE_RATIO**exponent

    def texture(self, z: Tensor, rows: slice, parents: NDArray[Any], known: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Mean in steps and row of the scale table, both [n, textures], of the textures of one pass."""
        # What is known is in steps; the network predicts from textures in base units. The last row means "no parent".
        n = sum(len(part) for part in known)
        blank = z.new_zeros(1, self.texture_prior.config.textures)
        above = torch.cat([torch.cat(list(known)) * self.step(self.picture[:n])[1], blank]) if known else blank
        parent = above[torch.from_numpy(np.where(parents < 0, n, parents)).to(z.device)]
        exponent, step = self.step(self.picture[rows])
        mean, scale = self.texture_prior(z[rows], self.labels[rows], parent)
        return mean / step, scale - exponent

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts))

    def textures(self, t_hat: Tensor) -> Tensor:
        """Decoded textures in base units."""
        return t_hat * self.step(self.picture)[1]

    def detail(self, t_hat: Tensor, cells: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Mean and row of the detail layer, both [B * cells, channels]."""
        weights = torch.from_numpy(regions.cell_weights(self.found, cells)).to(t_hat) / 64
        pictures = len(self.steps)
        position = torch.from_numpy(regions.cell_positions(pictures, cells)).to(t_hat.device)
        share = weights @ F.one_hot(self.labels, self.texture_prior.config.classes).to(t_hat)
        assert self.detail_prior is not None, "there is no detail layer"
        mean, scale = self.detail_prior(share, weights @ self.textures(t_hat), position)
        exponent, step = self.step(self.cell_pictures(cells))
        return mean / step, scale - exponent

    def cell_pictures(self, cells: tuple[int, int]) -> Tensor:
        """The picture of each cell, int64 [B * cells]."""
        return torch.arange(len(self.steps), device=self.steps.device).repeat_interleave(cells[0] * cells[1])


def pool(features: Tensor, found: regions.Regions) -> Tensor:
    """Semantic-wise average pooling: the mean of features [B, C, H, W] over each region, [K, C]."""
    c, h, w = features.shape[1:]
    rows, columns = h // found.index.shape[1], w // found.index.shape[2]
    index = torch.from_numpy(found.index).to(features.device)
    if rows == 0:
        # The map is finer than the features: bring them to its resolution.
        features = F.interpolate(features, size=index.shape[1:], mode="nearest")
    else:
        index = index.repeat_interleave(rows, 1).repeat_interleave(columns, 2)
    flat = features.permute(0, 2, 3, 1).reshape(-1, c)
    sums = flat.new_zeros(len(found.labels), c).index_add(0, index.flatten(), flat)
    size = torch.bincount(index.flatten(), minlength=len(found.labels)).to(sums)
    return sums / size[:, None]
