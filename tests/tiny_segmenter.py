"""A segmenter's model file of toy size: the class is the primary colour that a block of 4x4 pixels is nearest to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sccodec.training import export

NAMES = ("dark", "red", "green", "blue")
COLOURS = ((0, 0, 0), (250, 10, 20), (30, 240, 40), (50, 60, 230))
CONFIG: dict[str, Any] = {
    "classes": list(NAMES),
    "colours": [list(c) for c in COLOURS],
    "long_side": 96,
    "multiple": 32,
    "stride": 4,
    "network": {},
    "crf": None,
}
CRF = {
    "crf.position": np.array([0.05, 0.1], np.float32),
    "crf.colour": np.array([12.0, 0.0], np.float32),
    "crf.weight": np.array([2.0, 0.5], np.float32),
    "crf.compatibility": np.eye(4, dtype=np.float32),
    "crf.unary": np.array(0.5, np.float32),
}


class Nearest(nn.Module):
    """Logits [1, 4, H/4, W/4] of an image [1, 3, H, W] in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 4, 4)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.bias.copy_(torch.tensor([4.0, 0.0, 0.0, 0.0]))
            for colour in range(3):
                self.conv.weight[colour + 1, colour] = 0.5

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.conv(image)
        return logits


@cache
def tensors() -> dict[str, np.ndarray]:
    """Of the network; an export takes seconds."""
    axes = {"image": {2: "height", 3: "width"}}
    image = torch.zeros(1, 3, 32, 64)
    return export.graphs([export.Job("segmenter", Nearest(), {"image": image}, axes, ["logits"])])


def write_model(
    folder: Path,
    name: str = "tiny",
    *,
    config: Mapping[str, Any] | None = None,
    extra: Mapping[str, np.ndarray] | None = None,
    bitstream: str = "1",
) -> Path:
    """Write the model file into a folder; gives its path. config: in place of entries of CONFIG. extra: more arrays."""
    metadata = {"bitstream": bitstream, "training": "{}", "licence": "Apache-2.0"}
    return export.write_bundle(
        folder, "segmenter", name, CONFIG | dict(config or {}), tensors() | dict(extra or {}), metadata
    )
