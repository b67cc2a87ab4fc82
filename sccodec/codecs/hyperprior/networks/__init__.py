"""The hyperprior family: transforms at 1/8 and 1/16 of the resolution, hyperprior, and the latents' distributions.

    x -> g_a -> * gain(q) -> y -> Q -> y_hat -> / gain(q) -> g_s -> x_hat
                             |         ^ mean, scale
                             +-> h_a -> z -> Q -> z_hat, q -> h_s -> psi -+-> step 0, 1, 2, 3
                                                  latents known so far ---+

Nearly all work is 1x1 convolutions; depth-wise 3x3 ones look around. What predicts distributions (``Distributions``) is
built of the layers that sccodec.entropy.integer reproduces in integers: linear, depth-wise 3x3, pixel shuffle, leaky
ReLU of slope 1/8.

Configurations: FACTORIZED (Balle 2017, no z), SCALE (Balle 2018, zero means), MEAN_SCALE (Minnen 2018), and the shipped
one, whose latents are coded in four steps: at each pixel of a 2x2 cell, another quarter of the channels (a Latin
square), so that a step sees a part of its neighbours and a part of its own pixel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.codecs.hyperprior.coding import GROUPS
from sccodec.entropy.tables import SCALE_RANGE, scale_ratio
from sccodec.networks.configuration import configured

PATCH = 8
"""Pixels of a patch, which becomes one position of the first feature map."""
ANCHORS = 9
"""Qualities with gain vectors of their own, evenly spaced over 0..100."""
LEAK = 0.125
QUALITY_INPUT = 255 / 100 / 256
"""h_s sees a quality of 0..100 as a byte's share of 256."""


@dataclass(frozen=True)
class HyperpriorConfig:
    """channels: at 1/8; latents: of y, at 1/16; hyper: of z, at 1/64, none for a factorized prior; features: of h_s.

    blocks: at 1/8 and 1/16, of g_a; at 1/16 and 1/8, of g_s. means: whether means are predicted. steps: 4, or 1 for all
    latents at once. detail: latents of what the others leave, coded at high qualities alone (detail.py), and the blocks
    of their analysis and synthesis.
    """

    channels: int = 160
    latents: int = 256
    hyper: int = 64
    features: int = 128
    analysis_blocks: tuple[int, int] = (3, 2)
    synthesis_blocks: tuple[int, int] = (2, 4)
    means: bool = True
    steps: int = GROUPS
    detail: int = 0
    detail_blocks: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        assert self.latents % GROUPS == 0 and self.steps in (1, GROUPS)


SLICED = HyperpriorConfig()
MEAN_SCALE = replace(SLICED, steps=1)
SCALE = replace(MEAN_SCALE, means=False)
FACTORIZED = replace(SCALE, hyper=0)


def anchor_weights(q: Tensor) -> Tensor:
    """Qualities [B], 0..100 -> weights [B, ANCHORS] of the two anchors beside each."""
    place = (q / 100 * (ANCHORS - 1)).clamp(0, ANCHORS - 1)
    grid = torch.arange(ANCHORS, device=q.device, dtype=place.dtype)
    return (1 - (place[:, None] - grid).abs()).clamp_min(0)


class Gains(nn.Module):
    """Vectors by quality, interpolated in the log domain: of the latents, both ways, and of the features at 1/8.

    log_step [ANCHORS, latents] is the quantisation step's; a step is multiplied by exp(log_shrink) to decode.
    """

    def __init__(self, config: HyperpriorConfig, coarsest: float = 120 / 255, finest: float = 10 / 255) -> None:
        super().__init__()
        steps = torch.linspace(math.log(coarsest), math.log(finest), ANCHORS)
        self.log_step = nn.Parameter(steps[:, None].repeat(1, config.latents))
        self.log_shrink = nn.Parameter(torch.zeros(ANCHORS, config.latents))
        self.log_analysis = nn.Parameter(torch.zeros(ANCHORS, config.channels))
        self.log_synthesis = nn.Parameter(torch.zeros(ANCHORS, config.channels))

    def forward(self, q: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Qualities [B] -> gain and its inverse [B, latents, 1, 1], factors of g_a and g_s [B, channels, 1, 1]."""
        weights = anchor_weights(q)
        step, shrink = weights @ self.log_step, weights @ self.log_shrink
        analysis, synthesis = weights @ self.log_analysis, weights @ self.log_synthesis
        return tuple(v.exp()[:, :, None, None] for v in (-step, step + shrink, analysis, synthesis))  # type: ignore[return-value]


class Block(nn.Module):
    """x + W2 act(W1 (depth-wise 3x3 x)), twice as wide in the middle."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.narrow = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.narrow(F.leaky_relu(self.widen(self.spatial(x)), LEAK))
        return x + h


class ScaledBlock(Block):
    """A block as it is trained: factors a channel, in effect a part of the weights, before and after.

    They let channels of very different size, as principal components are, learn alike.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.before = nn.Parameter(torch.ones(channels))
        self.after = nn.Parameter(torch.full((channels,), 0.1))
        nn.init.dirac_(self.spatial.weight, channels)
        with torch.no_grad():
            self.spatial.weight += 0.1 * torch.randn_like(self.spatial.weight)

    def forward(self, x: Tensor) -> Tensor:
        near, last, bias = self.weights()
        h = F.leaky_relu(self.widen(F.conv2d(x, near, self.spatial.bias, padding=1, groups=len(near))), LEAK)
        return x + F.conv2d(h, last, bias)

    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """The first layer's weight, and the last one's weight and bias, with their factors."""
        near = self.before[:, None, None, None] * self.spatial.weight
        last = self.after[:, None, None, None] * self.narrow.weight
        assert self.narrow.bias is not None
        return near, last, self.after * self.narrow.bias

    @torch.no_grad()
    def folded(self) -> Block:
        """The same function as a plain block."""
        block = Block(len(self.before))
        near, last, bias = self.weights()
        for target, value in (
            (block.spatial.weight, near),
            (block.spatial.bias, self.spatial.bias),
            (block.widen.weight, self.widen.weight),
            (block.widen.bias, self.widen.bias),
            (block.narrow.weight, last),
            (block.narrow.bias, bias),
        ):
            assert target is not None and value is not None
            target.copy_(value)
        return block


def fold(module: nn.Module) -> nn.Module:
    """Replace all scaled blocks of a network by plain ones, in place."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, ScaledBlock):
                setattr(parent, name, child.folded())
    return module


class Analysis(nn.Module):
    """g_a: picture [B, 3, H, W] in 0..1, sides multiples of 16 -> y [B, latents, H/16, W/16], not yet scaled."""

    def __init__(self, config: HyperpriorConfig, block: type[Block] = ScaledBlock) -> None:
        super().__init__()
        fine, coarse = config.analysis_blocks
        self.embed = nn.Conv2d(3 * PATCH**2, config.channels, 1)
        self.fine = nn.ModuleList(block(config.channels) for _ in range(fine))
        self.down = nn.Conv2d(4 * config.channels, config.latents, 1)
        self.coarse = nn.ModuleList(block(config.latents) for _ in range(coarse))

    def forward(self, x: Tensor, factor: Tensor) -> Tensor:
        return self.latents(self.features(x, factor))

    def features(self, x: Tensor, factor: Tensor) -> Tensor:
        """At 1/8, [B, channels, H/8, W/8]."""
        h: Tensor = self.embed(F.pixel_unshuffle(x - 0.5, PATCH))
        for i, block in enumerate(self.fine):
            h = block(h if i != 1 else h * factor)
        return h

    def latents(self, features: Tensor) -> Tensor:
        """y of features at 1/8."""
        h: Tensor = self.down(F.pixel_unshuffle(features, 2))
        for block in self.coarse:
            h = block(h)
        return h


class Synthesis(nn.Module):
    """g_s: y_hat [B, latents, h, w] at its own scale -> picture [B, 3, 16h, 16w], about 0..1."""

    def __init__(self, config: HyperpriorConfig, block: type[Block] = ScaledBlock) -> None:
        super().__init__()
        coarse, fine = config.synthesis_blocks
        self.coarse = nn.ModuleList(block(config.latents) for _ in range(coarse))
        self.up = nn.Conv2d(config.latents, 4 * config.channels, 1)
        self.fine = nn.ModuleList(block(config.channels) for _ in range(fine))
        self.draw = nn.Conv2d(config.channels, 3 * PATCH**2, 1)

    def forward(self, y_hat: Tensor, factor: Tensor, detail: Tensor | None = None) -> Tensor:
        return self.picture(self.features(y_hat, factor, detail))

    def features(self, y_hat: Tensor, factor: Tensor, detail: Tensor | None = None) -> Tensor:
        """At 1/8, [B, channels, 2h, 2w]. detail: what DetailSynthesis adds."""
        h = y_hat
        for block in self.coarse:
            h = block(h)
        h = self.up(h)
        h = F.pixel_shuffle(h if detail is None else h + detail, 2)
        for i, block in enumerate(self.fine):
            h = block(h if i != 1 else h * factor)
        return h

    def picture(self, features: Tensor) -> Tensor:
        """What features at 1/8 depict."""
        return F.pixel_shuffle(self.draw(features), PATCH) + 0.5


class HyperAnalysis(nn.Module):
    """h_a: y [B, latents, h, w] in steps, sides multiples of 4 -> z [B, hyper, h/4, w/4]; y counts by its logarithm."""

    def __init__(self, config: HyperpriorConfig) -> None:
        super().__init__()
        n = config.features
        self.enter = nn.Conv2d(config.latents, n, 1)
        self.down = nn.Conv2d(4 * n, n, 1)
        self.spatial = nn.Conv2d(n, n, 3, padding=1, groups=n)
        self.leave = nn.Conv2d(4 * n, config.hyper, 1)

    def forward(self, y: Tensor) -> Tensor:
        h = F.leaky_relu(self.enter(y.sign() * (1 + y.abs()).log()), LEAK)
        h = F.leaky_relu(self.down(F.pixel_unshuffle(h, 2)), LEAK)
        z: Tensor = self.leave(F.pixel_unshuffle(self.spatial(h), 2))
        return z


class Step(nn.Module):
    """Distribution parameters of the latents of one step, from psi and the latents known before it."""

    def __init__(self, config: HyperpriorConfig, number: int) -> None:
        super().__init__()
        n, outputs = config.features, config.latents // config.steps * (1 + config.means)
        self.number = number
        self.mix = nn.Conv2d(n + config.latents if number else n, n, 1)
        self.around = nn.ModuleList([nn.Conv2d(n, n, 3, padding=1, groups=n), nn.Conv2d(n, n, 1)] if number else [])
        self.heads = nn.ModuleList(nn.Conv2d(n, outputs, 1) for _ in range(config.steps))
        for head in self.heads:
            assert isinstance(head, nn.Conv2d) and head.bias is not None
            nn.init.zeros_(head.bias)
            with torch.no_grad():
                head.weight *= 0.2

    def forward(self, psi: Tensor, known: Tensor) -> Tensor:
        """psi [B, features, h, w], known [B, latents, h, w] with zeros for the others (unused in step 0).

        Gives [B, 4, outputs, h/2, w/2], head p at pixel p of every 2x2 cell; of a single step [B, 1, outputs, h, w].
        """
        h = F.leaky_relu(self.mix(torch.cat([psi, known], 1) if self.number else psi), LEAK)
        if self.number:
            spatial, mix = self.around
            h = F.leaky_relu(mix(spatial(h)), LEAK)
        heads = [cast(nn.Conv2d, head) for head in self.heads]
        if len(heads) == 1:
            single: Tensor = heads[0](h)
            return single.unsqueeze(1)
        # One product for all pixels: a convolution for each costs several times more.
        b, n, rows, columns = h.shape
        cells = h.view(b, n, rows // 2, 2, columns // 2, 2).permute(3, 5, 0, 2, 4, 1).reshape(GROUPS, -1, n)
        weights = torch.stack([head.weight[:, :, 0, 0].t() for head in heads])
        biases = torch.stack([cast(Tensor, head.bias)[None] for head in heads])
        found = torch.baddbmm(biases, cells, weights)
        return found.view(GROUPS, b, rows // 2, columns // 2, -1).permute(1, 0, 4, 2, 3)


class Distributions(nn.Module):
    """h_s and the steps: from z_hat and the known latents, means in steps and rows of the scale table.

    base [latents]: rows of the table at a quantisation step of 1, which all predictions correct.
    """

    def __init__(self, config: HyperpriorConfig) -> None:
        super().__init__()
        n = config.features
        self.config = config
        self.base = nn.Parameter(torch.zeros(config.latents))
        if config.hyper:
            self.enter = nn.Conv2d(config.hyper + 1, 4 * n, 1)
            self.spatial = nn.Conv2d(n, n, 3, padding=1, groups=n)
            self.mix = nn.Conv2d(n, n, 1)
            self.up = nn.Conv2d(n, 4 * n, 1)
            self.leave_spatial = nn.Conv2d(n, n, 3, padding=1, groups=n)
            self.leave = nn.Conv2d(n, n, 1)
            self.steps = nn.ModuleList(Step(config, k) for k in range(config.steps))

    def step(self, number: int) -> Step:
        found = self.steps[number]
        assert isinstance(found, Step)
        return found

    def hyper_synthesis(self, z_hat: Tensor, q: Tensor) -> Tensor:
        """z_hat [B, hyper, h, w] and quality [B] -> psi [B, features, 4h, 4w]."""
        plane = (q * QUALITY_INPUT)[:, None, None, None].expand(-1, 1, *z_hat.shape[2:])
        h = F.leaky_relu(F.pixel_shuffle(self.enter(torch.cat([z_hat, plane], 1)), 2), LEAK)
        h = F.leaky_relu(self.mix(self.spatial(h)), LEAK)
        h = F.leaky_relu(F.pixel_shuffle(self.up(h), 2), LEAK)
        psi: Tensor = self.leave(self.leave_spatial(h))
        return F.leaky_relu(psi, LEAK)


class Encode(nn.Module):
    """g_a as a writer runs it: uint8 [1, H, W, 3], factors [channels], gain [latents] -> y [1, latents, h, w]."""

    def __init__(self, analysis: Analysis) -> None:
        super().__init__()
        self.analysis = analysis

    def forward(self, image: Tensor, factor: Tensor, gain: Tensor) -> Tensor:
        x = image.permute(0, 3, 1, 2).float() * (1 / 255)
        y: Tensor = self.analysis(x, factor[None, :, None, None]) * gain[None, :, None, None]
        return y


class Decode(nn.Module):
    """g_s as a reader runs it: y_hat [1, h, w, latents] in steps, steps, factors -> uint8 [1, 16h, 16w, 3]."""

    def __init__(self, synthesis: Synthesis) -> None:
        super().__init__()
        self.synthesis = synthesis

    def forward(self, y_hat: Tensor, step: Tensor, factor: Tensor) -> Tensor:
        h = (y_hat * step).permute(0, 3, 1, 2)
        x: Tensor = self.synthesis(h, factor[None, :, None, None])
        return (x * 255).clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def build(name: str, config: Mapping[str, Any]) -> nn.Module:
    """A network of a model file by its name there, with untrained weights, for the engine that runs torch."""
    chosen = configured(HyperpriorConfig, config)
    if name == "analysis":
        return Encode(Analysis(chosen, Block))
    if name == "synthesis":
        return Decode(Synthesis(chosen, Block))
    if name == "hyper_analysis":
        return HyperAnalysis(chosen)
    raise ValueError(f"a hyperprior model has no network {name}")


def rows_of_scale(log_scale: Tensor) -> Tensor:
    """Natural logarithm of a standard deviation -> (fractional) row of the scale table."""
    return (log_scale - math.log(SCALE_RANGE[0])) / math.log(scale_ratio())
