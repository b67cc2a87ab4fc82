"""The networks that predict distributions: cross-channel hyperprior and detail prior, in their float form.

All are pointwise (1x1 convolutions over rows) with leaky ReLU of slope 1/8, which is what the integer networks of
sccodec.entropy.integer reproduce. Their outputs are means in units of the base step and rows of the scale table.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.codecs.conceptual.networks.faces import ConceptualConfig
from sccodec.codecs.conceptual.regions import GRID

POSITIONS = GRID**2
UNIT_SCALE = 22.0  # the row of the scale table whose scale is about 1


class Pointwise(nn.Module):
    """Linear layers with leaky ReLU (slope 1/8) between, on rows [n, c_in] -> [n, c_out]."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths[:-1], widths[1:], strict=True))

    def forward(self, x: Tensor) -> Tensor:
        for i, layer in enumerate(self.layers):
            x = layer(x if i == 0 else F.leaky_relu(x, 0.125))
        return x

    def weights(self) -> list[tuple[Tensor, Tensor]]:
        """Weight [out, in] and bias [out] of each layer."""
        found: list[tuple[Tensor, Tensor]] = []
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            found.append((layer.weight, layer.bias))
        return found


def start_at_unit_scale(network: Pointwise, outputs: int) -> None:
    """Let the last layer begin with mean 0 and scale 1."""
    last = network.layers[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight *= 0.3
        last.bias.zero_()
        last.bias[outputs:] = UNIT_SCALE


class TexturePrior(nn.Module):
    """Hyper-analysis and hyper-synthesis: three pointwise layers each, 16 times fewer channels between them.

        t, label ------------> h_a -> z -> z_hat
        z_hat, label, parent -> h_s -> mean, scale index of t

    The label enters as one-hot columns. ``parent`` is the decoded texture of the region this one is predicted from.
    """

    def __init__(self, config: ConceptualConfig) -> None:
        super().__init__()
        self.config = config
        t, n, z = config.textures, config.classes, config.hyper
        if z:
            self.analysis = Pointwise((t + n, 64, 32, z))
            self.synthesis = Pointwise((z + n + t, 96, 96, 2 * t))
            start_at_unit_scale(self.synthesis, t)
        else:
            self.mean = nn.Parameter(torch.zeros(t))
            self.scale = nn.Parameter(torch.full((t,), UNIT_SCALE))

    def analyse(self, t: Tensor, labels: Tensor) -> Tensor:
        """Textures [n, textures] and labels int64 [n] -> z [n, hyper]."""
        if not self.config.hyper:
            return t.new_zeros(len(t), 0)
        z: Tensor = self.analysis(torch.cat([t, F.one_hot(labels, self.config.classes).to(t.dtype)], 1))
        return z

    def forward(self, z_hat: Tensor, labels: Tensor, parent: Tensor) -> tuple[Tensor, Tensor]:
        """Give mean and scale index, both [n, textures]."""
        if not self.config.hyper:
            return self.mean.expand(len(labels), -1), self.scale.expand(len(labels), -1)
        one_hot = F.one_hot(labels, self.config.classes).to(z_hat.dtype)
        mean, scale = self.synthesis(torch.cat([z_hat, one_hot, parent], 1)).chunk(2, 1)
        return mean, scale

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Weight [out, in] and bias [out] of what gives mean and scale from (z_hat, one-hot label, parent)."""
        if self.config.hyper:
            return self.synthesis.weights()
        bias = torch.cat([self.mean, self.scale])
        return [(bias.new_zeros(len(bias), self.config.classes + self.config.textures), bias)]


class TextureHyperAnalysis(nn.Module):
    """h_a of textures as a writer runs it: rows [n, textures + classes], labels one-hot -> z [n, hyper]."""

    def __init__(self, prior: TexturePrior) -> None:
        super().__init__()
        self.analysis = prior.analysis

    def forward(self, rows: Tensor) -> Tensor:
        z: Tensor = self.analysis(rows)
        return z


class DetailPrior(nn.Module):
    """Distribution of the detail layer in each cell, from the labels and textures it covers and its position.

    Takes share [n, classes] (of the cell's area, 0..1), texture [n, textures] (mean over the cell) and position int64
    [n]; gives mean and scale index, both [n, detail].
    """

    def __init__(self, config: ConceptualConfig) -> None:
        super().__init__()
        self.network = Pointwise((config.classes + config.textures + POSITIONS, 128, 96, 2 * config.detail))
        start_at_unit_scale(self.network, config.detail)

    def forward(self, share: Tensor, texture: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
        one_hot = F.one_hot(position, POSITIONS).to(share.dtype)
        mean, scale = self.network(torch.cat([share, texture, one_hot], 1)).chunk(2, 1)
        return mean, scale
