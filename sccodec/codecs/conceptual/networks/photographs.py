"""The networks of the conceptual codec for any photograph: hyperprior transforms at low rates, and a painter.

    x -> g_a (1/8) --+-> texture features -> mean of each region -> t
                     +-> y (1/16): the coarse layer            (hyperprior/networks/__init__.py)

    y_hat -> g_s -> features at 1/8 --+-> a coarse picture -------------------------+
    t_hat, labels -> styles ----------+-> painter at 1/8, 1/4, 1/2 -> what it lacks -+-> picture

The painter is the upper part of the generator of faces.py: blocks modulated by the style of the
region that a pixel lies in, with noise where texture is made. Nothing looks at statistics over space or at positions in
the picture, so that tiles with a margin paint what the whole would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.codecs.conceptual.networks.faces import ConceptualConfig, Modulated, smooth_start
from sccodec.codecs.hyperprior.networks import Analysis, HyperpriorConfig, ScaledBlock, Synthesis
from sccodec.networks.configuration import configured

MAP_STRIDE = 16
"""Pixels of a position of the latents, and of a sample of the finest label map."""


@dataclass(frozen=True)
class PhotographsConfig:
    """Sizes of the networks; widths, inner and blocks are the painter's, at 1/8, 1/4 and 1/2."""

    classes: int = 24
    textures: int = 32
    hyper: int = 4
    style: int = 96
    widths: tuple[int, int, int] = (192, 128, 48)
    inner: tuple[int, int, int] = (112, 56, 32)
    blocks: tuple[int, int, int] = (2, 2, 1)
    coarse: HyperpriorConfig = field(default_factory=HyperpriorConfig)

    def priors(self) -> ConceptualConfig:
        """What the texture prior is built from: no label is predicted from another."""
        return ConceptualConfig(self.classes, self.textures, self.hyper, 0, parents=((),) * self.classes)

    def margins(self) -> tuple[int, int]:
        """How far the outputs of analysis and generator see, in positions at 1/16, at least."""
        fine, coarse = self.coarse.analysis_blocks
        analysis = coarse + -(-(fine + 1) // 2)
        coarse, fine = self.coarse.synthesis_blocks
        # In pixels: g_s, the spreading of the styles, two 3x3 layers a block, those that leave.
        eighth, quarter, half = self.blocks
        pixels = 16 * (coarse + 2) + 8 * (fine + 2 * eighth) + 4 * 2 * quarter + 2 * (2 * half + 1) + 1
        return analysis, -(-pixels // MAP_STRIDE)

    def as_dict(self) -> dict[str, Any]:
        """For the model file."""
        described = asdict(self) | {"kind": "native", "detail": 0, "margins": self.margins()}
        return described | {"parents": self.priors().parents}

    @staticmethod
    def from_dict(config: Mapping[str, Any]) -> PhotographsConfig:
        """From what ``as_dict`` gave, also after JSON has made lists of tuples."""
        coarse = configured(HyperpriorConfig, config["coarse"])
        return configured(PhotographsConfig, {**config, "coarse": coarse})


class TextureFeatures(nn.Module):
    """Features of g_a at 1/8 [B, channels, h, w] -> texture features [B, textures, h, w], to be averaged by region."""

    def __init__(self, config: PhotographsConfig) -> None:
        super().__init__()
        channels = config.coarse.channels
        self.scale = nn.Parameter(torch.ones(channels))
        self.enter = nn.Conv2d(channels, 96, 3, padding=1)
        self.leave = nn.Conv2d(96, config.textures, 1)
        with torch.no_grad():
            self.leave.weight *= 8

    def forward(self, features: Tensor) -> Tensor:
        h = F.leaky_relu(self.enter(features * self.scale[:, None, None]), 0.125)
        found: Tensor = self.leave(h)
        return found


class Painter(nn.Module):
    """What the coarse picture lacks, [B, 3, 16h, 16w], from features of g_s and the regions' textures.

    Takes features [B, channels, 2h, 2w]; rows of decoded textures [K, textures] in base units with their labels int64
    [K]; index int64 [B, h, w], the row at every position of the latents; noise planes [1, 1, 4h, 4w], [1, 1, 8h, 8w]
    and [1, 1, 16h, 16w] (conceptual/planes.py).
    """

    def __init__(self, config: PhotographsConfig) -> None:
        super().__init__()
        s, widths = config.style, config.widths
        self.embedding = nn.Embedding(config.classes, s)
        self.texture = nn.Linear(config.textures, s)
        self.rows = nn.Linear(s, s)
        self.fine_rows = nn.Linear(s, s // 2)
        self.context = nn.Conv2d(s, s, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(config.coarse.channels))
        self.enter = nn.Conv2d(config.coarse.channels + s, widths[0], 1)
        levels, ups = [], []
        for i, (width, inner, count) in enumerate(zip(widths, config.inner, config.blocks, strict=True)):
            style = s // 2 if i == 2 else s
            levels.append(nn.ModuleList(Modulated(width, inner, style, noisy=i >= 1) for _ in range(count)))
            if i < 2:
                ups.append(nn.Conv2d(width, 4 * widths[i + 1], 1))
        self.levels, self.ups = nn.ModuleList(levels), nn.ModuleList(ups)
        self.leave = nn.Conv2d(widths[2], 4 * 16, 3, padding=1)
        self.noise = nn.Parameter(torch.zeros(1, 16, 1, 1))
        self.image = nn.Conv2d(16, 3, 3, padding=1)
        with torch.no_grad():
            self.texture.weight *= 0.5
            self.image.weight *= 0.1
            for layer in (*ups, self.leave):
                smooth_start(layer)

    def forward(
        self,
        features: Tensor,
        textures: Tensor,
        labels: Tensor,
        index: Tensor,
        noise4: Tensor,
        noise2: Tensor,
        noise1: Tensor,
    ) -> Tensor:
        rows = F.leaky_relu(self.embedding(labels) + self.texture(textures), 0.125)
        coarse, fine = self.rows(rows), self.fine_rows(rows)
        placed = coarse[index].permute(0, 3, 1, 2)
        placed = placed + self.context(F.leaky_relu(placed, 0.125))
        styles = (spread(placed, 2), spread(placed, 4), spread(fine[index].permute(0, 3, 1, 2), 8))
        h = self.enter(torch.cat([features * self.scale[:, None, None], styles[0]], 1))
        for i, (style, plane) in enumerate(zip(styles, (None, noise4, noise2), strict=True)):
            for block in self.levels[i]:  # type: ignore[attr-defined]
                h = block(h, style, plane)
            if i < 2:
                h = F.pixel_shuffle(self.ups[i](F.leaky_relu(h, 0.125)), 2)
        h = F.pixel_shuffle(self.leave(F.leaky_relu(h, 0.125)), 2)
        h = F.leaky_relu(h + noise1 * self.noise, 0.125)
        lacking: Tensor = self.image(h)
        return lacking


def spread(x: Tensor, factor: int) -> Tensor:
    """Bilinear, to so many times the height and width."""
    return F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)


class PhotographsAnalysis(nn.Module):
    """As a writer runs it: uint8 [1, H, W, 3], factor [channels], gain [latents] -> y in steps, texture features."""

    def __init__(self, analysis: Analysis, textures: TextureFeatures) -> None:
        super().__init__()
        self.analysis, self.textures = analysis, textures

    def forward(self, image: Tensor, factor: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
        x = image.permute(0, 3, 1, 2).float() * (1 / 255)
        features = self.analysis.features(x, factor[None, :, None, None])
        y: Tensor = self.analysis.latents(features) * gain[None, :, None, None]
        return y, self.textures(features)


class PhotographsGenerator(nn.Module):
    """As a reader runs it: y_hat [1, h, w, latents] in steps and what else is decoded -> uint8 [1, 16h, 16w, 3].

    step [latents], factor [channels]; the others as Painter takes them.
    """

    def __init__(self, synthesis: Synthesis, painter: Painter) -> None:
        super().__init__()
        self.synthesis, self.painter = synthesis, painter

    def forward(
        self,
        y_hat: Tensor,
        step: Tensor,
        factor: Tensor,
        textures: Tensor,
        labels: Tensor,
        index: Tensor,
        noise4: Tensor,
        noise2: Tensor,
        noise1: Tensor,
    ) -> Tensor:
        h = self.synthesis.features((y_hat * step).permute(0, 3, 1, 2), factor[None, :, None, None])
        x: Tensor = self.synthesis.picture(h) + self.painter(h, textures, labels, index, noise4, noise2, noise1)
        return (x * 255).clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def scales_of(blocks: nn.ModuleList) -> Tensor:
    """What brings the channels of scaled blocks to about 1, as their first one has it [channels]."""
    first = blocks[0]
    assert isinstance(first, ScaledBlock)
    return first.before.detach().clone()
