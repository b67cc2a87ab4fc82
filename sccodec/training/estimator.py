"""The Estimator: the verbs of Writer and Reader, adding up bits in torch so that a rate can be trained.

It drives the same traversal as the coders do. Values are tensors in units of the quantisation step; what comes back is
rounded, with the gradient passed straight through, while the rate is that of the value with uniform noise (Balle 2018).
In evaluation the rate is that of the rounded value.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sccodec.training.compressai_priors import EntropyBottleneck, GaussianConditional

LOWEST_SCALE, SCALE_RATIO = 0.11, (64 / 0.11) ** (1 / 63)


class EntropyModels(nn.Module):
    """compressai's two densities: a learned one for the hyperprior, Gaussian for everything that it conditions."""

    def __init__(self, hyper_channels: int) -> None:
        super().__init__()
        self.bottleneck = EntropyBottleneck(hyper_channels)
        self.gaussian = GaussianConditional(None)


class Estimator:
    """Bits by section, each a tensor [n] with one entry a row."""

    def __init__(self, models: EntropyModels) -> None:
        self.models = models
        self.bits: dict[str, list[Tensor]] = {}

    def factorized(self, section: str, z: Tensor, n: int) -> Tensor:
        """Code z [n, channels] with the learned density of each channel; gives z rounded."""
        assert len(z) == n
        _, likelihood = self.models.bottleneck(z.t().unsqueeze(0).float())
        self._count(section, likelihood.squeeze(0).t())
        return round_through(z)

    def gaussian(self, section: str, y: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
        """Code y [n, channels] about its mean; scale: rows of the scale table, not rounded here."""
        sigma = LOWEST_SCALE * SCALE_RATIO ** scale.float().clamp(0, 63)
        _, likelihood = self.models.gaussian(y.float(), sigma, mean.float())
        self._count(section, likelihood)
        return mean + round_through(y - mean)

    def _count(self, section: str, likelihood: Tensor) -> None:
        self.bits.setdefault(section, []).append(-likelihood.clamp_min(2.0**-16).log2().sum(1))

    def total(self, section: str) -> Tensor:
        """All bits of a section, a scalar."""
        return torch.cat(self.bits[section]).sum()


def round_through(x: Tensor) -> Tensor:
    """Round; the gradient passes as if nothing had happened."""
    return x + (x.round() - x).detach()
