"""The Estimator: the verbs of Writer and Reader, adding up bits in torch so that a rate can be trained.

It drives the same traversal as the coders do. Values are tensors in units of the quantisation step; what comes back is
rounded, with the gradient passed straight through, while the rate is that of the value with uniform noise (Balle 2018).
In evaluation the rate is that of the rounded value, which a file has; at a fraction of a bit a symbol the noise makes
it look larger by half, so it is kept beside the other in training too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.codecs.conceptual import regions
from sccodec.codecs.conceptual.networks.priors import DetailPrior, TexturePrior
from sccodec.entropy.tables import SCALE_COUNT, SCALE_RANGE, scale_ratio

LOWEST_SCALE, SCALE_RATIO = SCALE_RANGE[0], scale_ratio()


class EntropyModels(nn.Module):
    """compressai's two densities: a learned one for the hyperprior, Gaussian for everything that it conditions."""

    def __init__(self, hyper_channels: int) -> None:
        super().__init__()
        # Whoever brings densities of another kind, as exporting a model of tests does, needs no compressai.
        from sccodec.training.compressai_priors import EntropyBottleneck, GaussianConditional

        self.bottleneck = EntropyBottleneck(max(1, hyper_channels))  # it cannot be built with none
        self.gaussian = GaussianConditional(None)


class Estimator:
    """Bits by section, each a list of tensors [n] with one entry a row.

    bits: differentiable, with noise in training. rounded: of the rounded values, without gradient.
    """

    def __init__(self, models: EntropyModels) -> None:
        self.models = models
        self.bits: dict[str, list[Tensor]] = {}
        self.rounded: dict[str, list[Tensor]] = {}

    def factorized(self, section: str, z: Tensor, n: int) -> Tensor:
        """Code z [n, channels] with the learned density of each channel; gives z rounded."""
        assert len(z) == n
        if z.shape[1] == 0:
            return z
        columns = z.t().unsqueeze(0).float()
        _, likelihood = self.models.bottleneck(columns)
        self._count(self.bits, section, likelihood.squeeze(0).t())
        with torch.no_grad():
            _, likelihood = self.models.bottleneck(columns, training=False)
            self._count(self.rounded, section, likelihood.squeeze(0).t())
        return round_through(z)

    def gaussian(self, section: str, y: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
        """Code y [n, channels] about its mean; scale: rows of the scale table, not rounded here."""
        sigma = LOWEST_SCALE * SCALE_RATIO ** scale.float().clamp(0, SCALE_COUNT - 1)
        _, likelihood = self.models.gaussian(y.float(), sigma, mean.float())
        self._count(self.bits, section, likelihood)
        with torch.no_grad():
            _, likelihood = self.models.gaussian(y.float(), sigma, mean.float(), training=False)
            self._count(self.rounded, section, likelihood)
        return mean + round_through(y - mean)

    def _count(self, bits: dict[str, list[Tensor]], section: str, likelihood: Tensor) -> None:
        bits.setdefault(section, []).append(-likelihood.clamp_min(2.0**-16).log2().flatten(1).sum(1))

    def by_picture(self, bits: dict[str, list[Tensor]], owners: Mapping[str, Tensor], n: int) -> dict[str, Tensor]:
        """Sum bits or rounded into [n] a section; owners: the picture of each row of a section, int64."""
        return {k: torch.cat(v).new_zeros(n).index_add(0, owners[k], torch.cat(v)) for k, v in bits.items()}


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


def round_through(x: Tensor) -> Tensor:
    """Round; the gradient passes as if nothing had happened."""
    return x + (x.round() - x).detach()
