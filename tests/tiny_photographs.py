"""A model of the conceptual codec for any photograph, of toy size: random networks over a toy hyperprior."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sccodec.codecs.conceptual.networks.photographs import Painter, PhotographsConfig, TextureFeatures, scales_of
from sccodec.codecs.conceptual.networks.priors import TexturePrior
from sccodec.networks.labels import LabelContext, LabelContextConfig
from sccodec.training.conceptual import export_photographs
from tests import tiny, tiny_hyperprior

CONFIG = PhotographsConfig(
    classes=5,
    textures=8,
    hyper=2,
    style=8,
    widths=(12, 8, 8),
    inner=(8, 8, 8),
    blocks=(1, 1, 1),
    coarse=tiny_hyperprior.SLICED,
)


def networks(config: PhotographsConfig = CONFIG, seed: int = 0) -> dict[str, Any]:
    made: dict[str, Any] = tiny_hyperprior.networks(config.coarse, seed)
    torch.manual_seed(seed + 1)
    new: dict[str, nn.Module] = {
        "texture_features": TextureFeatures(config),
        "painter": Painter(config),
        "texture_prior": TexturePrior(config.priors()),
        "texture_entropy": tiny_hyperprior.Densities(config.hyper),
        "segmenter": tiny.TinySegmenter(config.classes),
        "label_context": LabelContext(LabelContextConfig(config.classes, 8, 8)),
    }
    with torch.no_grad():
        new["texture_features"].scale.copy_(scales_of(made["analysis"].fine))
        painter: Any = new["painter"]
        painter.scale.copy_(scales_of(made["synthesis"].fine))
        painter.noise += 0.1
        painter.image.weight *= 5  # seen in the picture
        for level in painter.levels:
            for block in level:
                if block.noise is not None:
                    block.noise += 0.1
    for network in new.values():
        network.eval().requires_grad_(requires_grad=False)
    return made | new


def write_model(folder: Path, variant: str = "tiny_general", seed: int = 0) -> Path:
    """Write the model file into a folder; gives its path."""
    made = networks(CONFIG, seed)
    pictures = list(tiny_hyperprior.pictures(6, 128, 192, seed=300))
    rng = np.random.default_rng(seed)
    maps = [rng.integers(0, CONFIG.classes, (8, 12)).astype(np.uint8) for _ in pictures]
    calibration = export_photographs.examples(made, pictures, maps)
    training = {"data": "none: random weights, for tests"}
    return export_photographs.write(folder, variant, CONFIG, made, calibration, training, "Apache-2.0")
