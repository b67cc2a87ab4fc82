"""The Estimator: the verbs of Writer and Reader, adding up bits in torch so that a rate can be trained.

It drives the same traversal as the coders do. Values are tensors in units of the quantisation step; what comes back is
rounded, with the gradient passed straight through, while the rate is that of the value with uniform noise (Balle 2018).
In evaluation the rate is that of the rounded value, which a file has; at a fraction of a bit a symbol the noise makes
it look larger by half, so it is kept beside the other in training too.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from sccodec.entropy import tables
from sccodec.entropy.tables import SCALE_COUNT, SCALE_RANGE, scale_ratio

HYPER_RANGE = 40  # the hyper table spans -40..40, the rest is escaped
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

    def factorized(self, section: str, z: Tensor | None, n: int) -> Tensor:
        """Code z [n, channels] with the learned density of each channel; gives z rounded."""
        assert z is not None and len(z) == n
        if z.shape[1] == 0:
            return z
        columns = z.t().unsqueeze(0).float()
        _, likelihood = self.models.bottleneck(columns)
        self._count(self.bits, section, likelihood.squeeze(0).t())
        with torch.no_grad():
            _, likelihood = self.models.bottleneck(columns, training=False)
            self._count(self.rounded, section, likelihood.squeeze(0).t())
        return round_through(z)

    def gaussian(self, section: str, y: Tensor | None, mean: Tensor, scale: Tensor) -> Tensor:
        """Code y [n, channels] about its mean; scale: rows of the scale table, not rounded here."""
        assert y is not None, "an Estimator is given the values"
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


def round_through(x: Tensor) -> Tensor:
    """Round; the gradient passes as if nothing had happened."""
    return x + (x.round() - x).detach()


def hyper_table(models: nn.Module, channels: int) -> tables.Table:
    """The learned density of each hyperprior channel at the integers; models: training.estimator.EntropyModels."""
    if channels == 0:
        return tables.table_from_probabilities([[1, 1]], [0])
    grid = torch.arange(-HYPER_RANGE, HYPER_RANGE + 1, dtype=torch.float32).expand(1, channels, -1)
    with torch.no_grad():
        _, likelihood = models.get_submodule("bottleneck")(grid, training=False)
    inside = likelihood[0].double().numpy()
    escape = np.maximum(1 - inside.sum(1, keepdims=True), 2.0**-20)
    return tables.table_from_probabilities(np.concatenate([inside, escape], 1), np.full(channels, -HYPER_RANGE))
