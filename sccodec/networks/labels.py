"""The label map's context model as a float network, for training; it codes as a LabelModel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sccodec.entropy.integer import LIMIT, quantise, room
from sccodec.labels import features
from sccodec.labels.coding import LOGIT_BITS, LabelModel, exp_table

SLOPE = 1 / 8
CALIBRATION = 4096


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
        # Typical inputs, kept with the weights: they place the fixed point when the network becomes integer.
        width = features.FEATURES + 1 + config.classes
        self.register_buffer("typical", torch.zeros(CALIBRATION, width, dtype=torch.int16))

    def forward(self, rows: Tensor, scale: Tensor, seen: Tensor) -> Tensor:
        h = nn.functional.leaky_relu(self.sums(rows, scale, seen), SLOPE)
        h = nn.functional.leaky_relu(self.second(h), SLOPE)
        logits: Tensor = self.last(h)
        return logits

    def sums(self, rows: Tensor, scale: Tensor, seen: Tensor) -> Tensor:
        """The first layer before its activation, [N, hidden]."""
        base: Tensor = self.base  # type: ignore[assignment]
        cell = rows[:, -1]
        coarse = cell // features.GRID // 4 * (features.GRID // 4) + cell % features.GRID // 4
        h: Tensor = nn.functional.embedding_bag(rows + base, self.table, mode="sum")
        return h + self.coarse[coarse] + self.scale[scale] + seen @ self.seen

    @torch.no_grad()
    def remember(self, rows: Tensor, scale: Tensor, seen: Tensor) -> None:
        """Keep CALIBRATION typical inputs."""
        typical: Tensor = self.typical  # type: ignore[assignment]
        typical.copy_(torch.cat([rows, scale[:, None], seen.long()], 1)[:CALIBRATION])

    @torch.no_grad()
    def typical_sums(self) -> Tensor:
        typical: Tensor = self.typical.long()  # type: ignore[operator]
        n = features.FEATURES
        return self.sums(typical[:, :n], typical[:, n], typical[:, n + 1 :].float())


def from_state(state: dict[str, Tensor]) -> LabelContext:
    """The network of these weights, its configuration read from their shapes."""
    classes, second = state["last.weight"].shape
    network = LabelContext(LabelContextConfig(classes, state["table"].shape[1], second))
    network.load_state_dict(state)
    return network


@torch.no_grad()
def to_label_model(network: LabelContext) -> LabelModel:
    """The integer model that codes like the network."""
    h = network.typical_sums().double().cpu().numpy()
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
