"""The hyperprior's distributions in torch, for the Estimator: the float form of what a file's coder uses."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from sccodec.codecs.hyperprior.coding import GROUPS
from sccodec.codecs.hyperprior.networks import Distributions, Gains, anchor_weights
from sccodec.entropy.tables import SCALE_COUNT, scale_ratio
from sccodec.training.estimator import LOWEST_SCALE, SCALE_RATIO, EntropyModels, round_through

LEAST_LIKELIHOOD = 1e-9  # as compressai's densities have it: bits are finite however far out a value lies


class FloatDistributions:
    """Drives sccodec.codecs.hyperprior.coding.traverse for a batch of pictures of qualities q [B]."""

    def __init__(self, networks: Distributions, gains: Gains, q: Tensor) -> None:
        self.networks, self.q = networks, q
        self.config = networks.config
        self.steps = self.config.steps
        self.log_step = (anchor_weights(q) @ gains.log_step)[:, :, None, None]
        self.base = networks.base[:, None, None] - self.log_step / math.log(scale_ratio())

    def begin(self, z_hat: Tensor) -> None:
        if not self.config.hyper:
            return
        self.psi = self.networks.hyper_synthesis(z_hat, self.q)
        b, _, h, w = self.psi.shape
        self.known = self.psi.new_zeros(b, self.config.latents, h, w)
        quarter = self.psi.new_zeros(b, self.config.latents // GROUPS, h // 2, w // 2)
        self.parts = [[quarter] * GROUPS for _ in range(GROUPS)]

    def predict(self, step: int) -> tuple[Tensor, Tensor]:
        """Mean (in steps) and row of the table of the latents of a step, as ``take`` orders them.

        With a factorized prior: 0 and the logarithm of the quantisation step.
        """
        if not self.config.hyper:
            return torch.zeros_like(self.log_step), self.log_step
        found = self.networks.step(step)(self.psi, self.known)
        base = self.take(self.base.expand(-1, -1, *self.psi.shape[2:]), step)
        if not self.config.means:
            row = found.reshape(base.shape) + base
            return torch.zeros_like(row), row
        mean, row = found.chunk(2, 2)
        return mean.reshape(base.shape), row.reshape(base.shape) + base

    def take(self, y: Tensor, step: int) -> Tensor:
        """The latents [B, latents, h, w] of a step, [B, latents, h/2, w/2], quarter by quarter."""
        if self.steps == 1:
            return y
        quarters = y.chunk(GROUPS, 1)
        return torch.cat([quarters[step ^ p][:, :, p // 2 :: 2, p % 2 :: 2] for p in range(GROUPS)], 1)

    def learn(self, step: int, y_hat: Tensor) -> None:
        """Remember the decoded latents of a step."""
        if self.steps == 1:
            self.known = y_hat
            return
        for p, part in enumerate(y_hat.chunk(GROUPS, 1)):
            self.parts[p][step ^ p] = part
        cells = torch.stack([torch.cat(groups, 1) for groups in self.parts], 2)
        self.known = torch.nn.functional.pixel_shuffle(cells.flatten(1, 2), 2)


class GridEstimator:
    """The verbs of the traversal for latents [B, C, h, w]; ``bits`` [B] by section.

    In training latents and their means learn from the rate of values with uniform noise (Balle 2018), the scales from
    that of the rounded values, which a file has; in evaluation all bits are those.
    """

    def __init__(self, models: EntropyModels) -> None:
        self.models = models
        self.bits: dict[str, Tensor] = {}

    def factorized(self, section: str, z: Tensor | None) -> Tensor:
        """Code z [B, hyper, h, w] with the learned density of each channel; gives it rounded."""
        assert z is not None, "an Estimator is given the values"
        if z.shape[1] == 0:
            return z
        _, likelihood = self.models.bottleneck(z)
        self._count(section, likelihood)
        return round_through(z)

    def gaussian(self, section: str, y: Tensor | None, mean: Tensor, row: Tensor) -> Tensor:
        """Code y about its mean; row: of the scale table, not rounded here."""
        assert y is not None, "an Estimator is given the values"
        sigma = LOWEST_SCALE * SCALE_RATIO ** row.clamp_max(SCALE_COUNT - 1)
        _, rounded = self.models.gaussian((y - mean).detach(), sigma, training=False)
        self._count(section, rounded)
        if self.models.training:
            _, noisy = self.models.gaussian(y, sigma.detach(), mean)
            self._count(section, noisy)
            self.bits[section] = self.bits[section] - bits_of(noisy).detach()
        return mean + round_through(y - mean)

    def _count(self, section: str, likelihood: Tensor) -> None:
        bits = bits_of(likelihood)
        self.bits[section] = self.bits[section] + bits if section in self.bits else bits


def bits_of(likelihood: Tensor) -> Tensor:
    """Of each picture, [B]."""
    return -likelihood.log2().flatten(1).sum(1)


class FactorizedEstimator(GridEstimator):
    """With a factorized prior (Balle 2017): the learned densities are those of the latents, not of z."""

    def factorized(self, section: str, z: Tensor | None) -> Tensor:
        """There is no z."""
        return torch.empty(0)

    def gaussian(self, section: str, y: Tensor | None, mean: Tensor, row: Tensor) -> Tensor:
        """Code y, in steps, by its channel's density; row: the logarithm of the step, [B, C, 1, 1]."""
        assert y is not None, "an Estimator is given the values"
        noisy = y + torch.rand_like(y) - 0.5 if self.models.training else y.round()
        self._count(section, learned_likelihood(self.models.bottleneck, noisy, row.exp()))
        return round_through(y)


class Densities(Protocol):
    """compressai's EntropyBottleneck, or what has its cumulative function: logits of x [C, 1, n]."""

    def _logits_cumulative(self, x: Tensor, *, stop_gradient: bool) -> Tensor: ...


def learned_likelihood(bottleneck: Densities, y: Tensor, step: Tensor) -> Tensor:
    """Probability of the bins of width 1 about y [B, C, h, w], in steps, under densities of the values y * step."""

    def logits(x: Tensor) -> Tensor:
        columns = (x * step).transpose(0, 1).flatten(1).unsqueeze(1)
        return bottleneck._logits_cumulative(columns, stop_gradient=False)

    lower, upper = logits(y - 0.5), logits(y + 0.5)
    # On the side where the sigmoid resolves small differences; either will do where they lie evenly about zero.
    sign = torch.where(lower + upper > 0, -1.0, 1.0)
    likelihood = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs().clamp_min(LEAST_LIKELIHOOD)
    return likelihood.view(y.shape[1], y.shape[0], *y.shape[2:]).transpose(0, 1)
