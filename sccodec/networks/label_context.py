"""The label map's context model as a float network, for training; it codes as a LabelModel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sccodec.entropy import label_features as features
from sccodec.entropy.integer import LIMIT, quantise, room
from sccodec.entropy.labelmap import LOGIT_BITS, LabelModel, exp_table

SLOPE = 1 / 8


@dataclass(frozen=True)
class LabelContextConfig:
    classes: int = 19
    hidden: int = 128
    second: int = 64


class LabelContext(nn.Module):
    """Class logits (base 2) from a pixel's features.

    Takes rows int64 [N, FEATURES] (categories), scale int64 [N], seen float [N, classes] of zeros and ones;
    gives logits [N, classes].

        sum of embeddings -> leaky ReLU -> linear -> leaky ReLU -> linear
    """

    def __init__(self, config: LabelContextConfig) -> None:
        super().__init__()
        self.config = config
        counts = features.categories(config.classes)
        self.table = nn.Parameter(torch.randn(int(counts.sum()), config.hidden) * 0.05)
        # Cells of the grid see little data each: a coarser grid beneath them carries what they share.
        self.coarse = nn.Parameter(torch.zeros((features.GRID // 4) ** 2, config.hidden))
        self.scale = nn.Parameter(torch.zeros(features.SCALES, config.hidden))
        self.seen = nn.Parameter(torch.zeros(config.classes, config.hidden))
        self.second = nn.Linear(config.hidden, config.second)
        self.last = nn.Linear(config.second, config.classes)
        self.register_buffer("base", torch.from_numpy(np.cumsum(counts) - counts), persistent=False)

    def forward(self, rows: Tensor, scale: Tensor, seen: Tensor) -> Tensor:
        base: Tensor = self.base  # type: ignore[assignment]
        cell = rows[:, -1]
        coarse = cell // features.GRID // 4 * (features.GRID // 4) + cell % features.GRID // 4
        h = nn.functional.embedding_bag(rows + base, self.table, mode="sum")
        h = h + self.coarse[coarse] + self.scale[scale] + seen @ self.seen
        h = nn.functional.leaky_relu(h, SLOPE)
        h = nn.functional.leaky_relu(self.second(h), SLOPE)
        logits: Tensor = self.last(h)
        return logits

    @torch.no_grad()
    def hidden(self, rows: Tensor, scale: Tensor, seen: Tensor) -> Tensor:
        """The first layer's activations [N, hidden], for calibration."""
        base: Tensor = self.base  # type: ignore[assignment]
        cell = rows[:, -1]
        coarse = cell // features.GRID // 4 * (features.GRID // 4) + cell % features.GRID // 4
        h = nn.functional.embedding_bag(rows + base, self.table, mode="sum")
        return h + self.coarse[coarse] + self.scale[scale] + seen @ self.seen


@torch.no_grad()
def to_label_model(network: LabelContext, rows: Tensor, scale: Tensor, seen: Tensor) -> LabelModel:
    """The integer model that codes like the network; the arguments are typical inputs, for calibration."""
    h = network.hidden(rows, scale, seen).double().cpu().numpy()
    table = network.table.double().cpu().numpy().copy()
    side = features.GRID // 4
    coarse = network.coarse.double().cpu().numpy().reshape(side, side, -1)
    table[-(features.GRID**2) :] += coarse.repeat(4, 0).repeat(4, 1).reshape(features.GRID**2, -1)
    parts = [table, network.scale.double().cpu().numpy(), network.seen.double().cpu().numpy()]
    bits = min(room(h), *(int(np.floor(np.log2(LIMIT / max(float(np.abs(p).max()), 1e-6)))) for p in parts))
    fixed = [np.rint(p * 2.0**bits) for p in parts]
    layers = [
        (layer.weight.double().cpu().numpy(), layer.bias.double().cpu().numpy())
        for layer in (network.second, network.last)
    ]
    a = np.rint(np.maximum(h, h * SLOPE) * 2.0**bits).astype(np.int64)
    return LabelModel(
        network.config.classes,
        fixed[0].astype(np.int16),
        fixed[1].astype(np.int32),
        fixed[2].astype(np.int16),
        quantise(layers, a, bits, LOGIT_BITS),
        exp_table(),
    )
