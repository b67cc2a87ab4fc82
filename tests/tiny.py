"""A conceptual model of toy size with random weights: the same code paths, a hundredth of the work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sccodec.codecs.conceptual.networks.faces import ConceptualConfig, Generator, TextureEncoder
from sccodec.codecs.conceptual.networks.priors import DetailPrior, TexturePrior
from sccodec.entropy import tables
from sccodec.networks.labels import LabelContext, LabelContextConfig
from sccodec.training.conceptual import export_faces

CONFIG = ConceptualConfig(
    classes=5,
    textures=8,
    hyper=2,
    detail=3,
    working_size=64,
    encoder_widths=(8, 8, 8, 8),
    style=8,
    widths=(16, 8, 8, 8),
    inner=(8, 8, 8, 8),
    blocks=(1, 1, 1, 1),
    parents=((), (), (1,), (2, 1), ()),
)


class TinySegmenter(nn.Module):
    """Logits at a quarter of the resolution from colour alone."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, classes, 4, 4)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.conv(image)
        return logits * 20


def networks(config: ConceptualConfig = CONFIG, seed: int = 0) -> dict[str, nn.Module]:
    torch.manual_seed(seed)
    made: dict[str, nn.Module] = {
        "segmenter": TinySegmenter(config.classes),
        "encoder": TextureEncoder(config),
        "generator": Generator(config),
        "texture_prior": TexturePrior(config),
        "detail_prior": DetailPrior(config),
        "label_context": LabelContext(LabelContextConfig(config.classes, 8, 8)),
    }
    for network in made.values():
        network.eval().requires_grad_(requires_grad=False)
    return made


def pictures(n: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth random colours, uint8 [n, height, width, 3]."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((n, 3, 4, 4), np.float32))
    fine = nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    return (fine * 255).byte().permute(0, 2, 3, 1).numpy()


def write_model(folder: Path, config: ConceptualConfig = CONFIG, seed: int = 0) -> Path:
    """Write the model file into a folder; gives its path."""
    made = networks(config, seed)
    rng = np.random.default_rng(seed)
    size = config.working_size
    maps = rng.integers(0, config.classes, (8, size // 8, size // 8)).astype(np.uint8)
    examples = export_faces.latents(made["encoder"], pictures(8, size, size), maps, config)
    bell = np.exp(-(np.arange(-8, 10) ** 2) / 8.0)  # the last entry is the escape
    hyper = tables.table_from_probabilities(np.tile(bell, (config.hyper, 1)), np.full(config.hyper, -8))
    priors = export_faces.integer_priors(made, hyper, config, examples)
    training = {"data": "none: random weights, for tests"}
    return export_faces.write(folder, "tiny", config, made, priors, None, training, "Apache-2.0")
