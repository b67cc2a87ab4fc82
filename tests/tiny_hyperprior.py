"""Hyperprior models of toy size, one of each configuration: principal components, random predictions, no compressai."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sccodec.codecs.hyperprior.networks import (
    ANCHORS,
    Analysis,
    Distributions,
    Gains,
    HyperAnalysis,
    HyperpriorConfig,
    Synthesis,
)
from sccodec.entropy.tables import SCALE_RANGE, scale_ratio
from sccodec.training.hyperprior import export
from sccodec.training.photos import Crops
from sccodec.training.recipes.hyperprior import start_as_principal_components
from tests import tiny

SLICED = HyperpriorConfig(channels=12, latents=16, hyper=4, features=8, analysis_blocks=(2, 1), synthesis_blocks=(1, 2))
MEAN_SCALE = replace(SLICED, steps=1)
SCALE = replace(MEAN_SCALE, means=False)
FACTORIZED = replace(SCALE, hyper=0)
CONFIGS = {"tiny": SLICED, "tiny_meanscale": MEAN_SCALE, "tiny_scale": SCALE, "tiny_factorized": FACTORIZED}
"""By variant."""


class Logistic(nn.Module):
    """Logistic densities about zero, of widths that differ by channel: in place of compressai's EntropyBottleneck."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.width = nn.Parameter(torch.linspace(0.6, 1.5, channels))

    def _logits_cumulative(self, x: Tensor, *, stop_gradient: bool) -> Tensor:
        """x [C, 1, n]."""
        return x / self.width[:, None, None]

    def forward(self, x: Tensor, *, training: bool | None = None) -> tuple[Tensor, Tensor]:
        """x [B, C, ...] -> values that a rate is counted for, and their likelihoods."""
        y = blurred(x) if (self.training if training is None else training) else x.round()
        width = self.width.view(-1, *[1] * (x.dim() - 2))
        near = -y.abs()
        return y, (torch.sigmoid((near + 0.5) / width) - torch.sigmoid((near - 0.5) / width)).clamp_min(1e-9)


class Gaussian(nn.Module):
    """In place of compressai's GaussianConditional."""

    def forward(
        self, y: Tensor, sigma: Tensor, mean: Tensor | float = 0.0, *, training: bool | None = None
    ) -> tuple[Tensor, Tensor]:
        residual = y - mean
        residual = blurred(residual) if (self.training if training is None else training) else residual.round()
        low, high = ((-residual.abs() + side) / (sigma.clamp_min(0.11) * math.sqrt(2)) for side in (-0.5, 0.5))
        return residual + mean, (0.5 * (torch.erfc(-high) - torch.erfc(-low))).clamp_min(1e-9)


class Densities(nn.Module):
    """Has the verbs of sccodec.training.estimator.EntropyModels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bottleneck, self.gaussian = Logistic(max(1, channels)), Gaussian()


def blurred(x: Tensor) -> Tensor:
    return x + torch.rand_like(x) - 0.5


def pictures(n: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours with a disc of another and a little noise, uint8 [n, height, width, 3]."""
    found = tiny.pictures(n, height, width, seed).astype(np.float64)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    for picture in found:
        (cy, cx), radius = rng.random(2) * (height, width), rng.uniform(0.2, 0.5) * min(height, width)
        picture[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = rng.random(3) * 255
        picture += rng.normal(0, 4, picture.shape)
    return found.clip(0, 255).astype(np.uint8)


def networks(config: HyperpriorConfig = SLICED, seed: int = 0) -> dict[str, Any]:
    torch.manual_seed(seed)
    made: dict[str, Any] = {
        "analysis": Analysis(config),
        "synthesis": Synthesis(config),
        "hyper_analysis": HyperAnalysis(config),
        "distributions": Distributions(config),
        "gains": Gains(config),
        "entropy": Densities(config.hyper or config.latents),
    }
    start_as_principal_components(made, Crops([(1.0, list(pictures(8, 160, 160, seed=100)))]))
    with torch.no_grad():
        for name in ("analysis", "synthesis"):
            for block in (*made[name].fine, *made[name].coarse):
                block.after *= 0.2
        gains = made["gains"]
        gains.log_shrink += 0.003 * torch.randn_like(gains.log_shrink)
        gains.log_analysis += torch.linspace(0, 0.1, ANCHORS)[:, None] * torch.randn(config.channels)
        gains.log_synthesis -= gains.log_analysis
        for name, value in made["distributions"].named_parameters():
            if name.endswith("weight"):  # predictions that say something
                value *= 4 if "heads" in name else 1 if name.startswith("steps") else 3
        base = made["distributions"].base
        base[base.argsort()[:3]] -= 13  # some fall below the smallest scale
        made["hyper_analysis"].leave.weight *= 12
        if not config.hyper:  # the latents' own densities, about as wide as they are
            row = made["distributions"].base
            made["entropy"].bottleneck.width.copy_(0.5 * SCALE_RANGE[0] * scale_ratio() ** row)
    for network in made.values():
        network.eval().requires_grad_(requires_grad=False)
    return made


@torch.no_grad()
def examples(made: dict[str, Any], size: int = 128) -> list[tuple[Tensor, Tensor]]:
    """Latents in steps and qualities, as the exporter calibrates with."""
    images = torch.from_numpy(pictures(6, size, size, seed=200)).permute(0, 3, 1, 2).float() / 255
    found = []
    for quality in (0.0, 30.0, 60.0, 100.0):
        q = torch.full((len(images),), quality)
        gain, _, factor, _ = made["gains"](q)
        found.append((made["analysis"](images, factor) * gain, q))
    return found


def integer_model(made: dict[str, Any]) -> Any:
    """HyperpriorModel of the networks."""
    hyper = made["distributions"].config.hyper
    largest = export.largest_activations(made, examples(made)) if hyper else {}
    return export.integer_model(made, largest)


def write_model(folder: Path, variant: str = "tiny", seed: int = 0) -> Path:
    """Write the model file of a configuration into a folder; gives its path."""
    config = CONFIGS[variant]
    made = networks(config, seed)
    training = {"data": "none: random weights, for tests"}
    model = integer_model(made)
    return export.write(folder, variant, config, made, model, training, "Apache-2.0")
