"""Latents of what the others leave, for high qualities: 256 numbers stand for the 768 samples of a block of 16x16.

    g_a: features at 1/8 -> d_a -> * gain(q) -> Q -> d_hat -> / gain(q) -> d_s -+
                                                ^ mean, scale                   v
    psi, y_hat -> DetailDistributions ----------+             g_s: up(y_hat) -> + -> features at 1/8

They begin at the quality of DETAIL_ANCHOR; below it nothing of this is coded or computed. No model file has them yet:
``sccodec train hyperprior-detailed`` trains them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.codecs.hyperprior.networks import ANCHORS, LEAK, Block, HyperpriorConfig, ScaledBlock, anchor_weights
from sccodec.entropy.tables import scale_ratio

DETAIL_ANCHOR = 4
"""The first of the ANCHORS at which they are coded."""
DETAIL_QUALITY = 100 * DETAIL_ANCHOR / (ANCHORS - 1)


class DetailAnalysis(nn.Module):
    """From features at 1/8 of g_a [B, channels, 2h, 2w] to the detail latents [B, detail, h, w], not yet scaled."""

    def __init__(self, config: HyperpriorConfig, block: type[Block] = ScaledBlock) -> None:
        super().__init__()
        self.down = nn.Conv2d(4 * config.channels, config.detail, 1)
        self.coarse = nn.ModuleList(block(config.detail) for _ in range(config.detail_blocks[0]))

    def forward(self, features: Tensor) -> Tensor:
        h: Tensor = self.down(F.pixel_unshuffle(features, 2))
        for block in self.coarse:
            h = block(h)
        return h


class DetailSynthesis(nn.Module):
    """From decoded detail latents [B, detail, h, w] to what they add within g_s, [B, 4 * channels, h, w]."""

    def __init__(self, config: HyperpriorConfig, block: type[Block] = ScaledBlock) -> None:
        super().__init__()
        self.coarse = nn.ModuleList(block(config.detail) for _ in range(config.detail_blocks[1]))
        self.up = nn.Conv2d(config.detail, 4 * config.channels, 1)

    def forward(self, y_hat: Tensor) -> Tensor:
        h = y_hat
        for block in self.coarse:
            h = block(h)
        found: Tensor = self.up(h)
        return found


class DetailDistributions(nn.Module):
    """Mean and row of the table of the detail latents, from psi and all the other latents.

    base [detail]: as of Distributions. log_step and log_shrink [ANCHORS - DETAIL_ANCHOR, detail]: as of Gains.
    """

    def __init__(self, config: HyperpriorConfig) -> None:
        super().__init__()
        n = config.features
        self.mix = nn.Conv2d(n + config.latents, n, 1)
        self.spatial = nn.Conv2d(n, n, 3, padding=1, groups=n)
        self.inner = nn.Conv2d(n, n, 1)
        self.head = nn.Conv2d(n, 2 * config.detail, 1)
        self.base = nn.Parameter(torch.zeros(config.detail))
        self.log_step = nn.Parameter(torch.zeros(ANCHORS - DETAIL_ANCHOR, config.detail))
        self.log_shrink = nn.Parameter(torch.zeros(ANCHORS - DETAIL_ANCHOR, config.detail))
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.weight *= 0.2

    def steps(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithms of the quantisation step, and of the step that decodes, both [B, detail, 1, 1]."""
        weights = anchor_weights(q)[:, DETAIL_ANCHOR:]
        step, shrink = weights @ self.log_step, weights @ self.log_shrink
        return step[:, :, None, None], (step + shrink)[:, :, None, None]

    def forward(self, psi: Tensor, known: Tensor, log_step: Tensor) -> tuple[Tensor, Tensor]:
        """psi [B, features, h, w], known [B, latents, h, w] -> means in steps, rows, both [B, detail, h, w]."""
        h = F.leaky_relu(self.mix(torch.cat([psi, known], 1)), LEAK)
        h = F.leaky_relu(self.inner(self.spatial(h)), LEAK)
        mean, row = self.head(h).chunk(2, 1)
        return mean, row + self.base[:, None, None] - log_step / math.log(scale_ratio())
