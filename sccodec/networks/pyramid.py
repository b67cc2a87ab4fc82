"""Segmenters on an ImageNet backbone: an atrous spatial pyramid at stride 16 and a light decoder that ends at stride 2.

The pyramid is DeepLab's (Chen et al. 2017) with depth-wise separable convolutions; nothing is pooled over the whole
picture, so that a picture may be segmented in tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sccodec.networks.backbone import Backbone
from sccodec.networks.segmenter import Separable, upsample

MULTIPLE = 32
"""Sides of pictures are multiples of it."""
STRIDE = 2
"""Pixels of the picture to a sample of the logits, in height and width."""


@dataclass(frozen=True)
class PyramidConfig:
    """classes; width: channels of the pyramid; decoder, fine: of what follows it, down to stride 4 and at stride 2;
    deep: whether the backbone ends at stride 32, and not at 16; rates: the pyramid's dilations, of 5x5 kernels at
    stride 16."""

    classes: int = 11
    width: int = 160
    decoder: int = 96
    fine: int = 24
    deep: bool = True
    rates: tuple[int, ...] = (1, 2, 4)


SMALL = PyramidConfig(width=64, decoder=48, fine=16, deep=False)
"""Below a million parameters."""


def pointwise(c_in: int, c_out: int) -> nn.Sequential:
    """1x1 convolution with batch normalisation, linear."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out))


class Fine(nn.Module):
    """From stride 4 to 2: each position becomes four (Shi et al. 2016), beside features that are that fine.

    Poles and signs are two pixels wide. Takes coarse [B, c_in, h, w] and fine [B, c_fine, 2h, 2w]; gives class logits
    [B, classes, 2h, 2w].
    """

    def __init__(self, c_in: int, c_fine: int, width: int, classes: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(c_in, 4 * width, 1)
        self.lateral = pointwise(c_fine, width)
        self.merge = Separable(width, width)
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        h = torch.relu(nn.functional.pixel_shuffle(self.spread(coarse), 2) + self.lateral(fine))
        logits: Tensor = self.classify(self.merge(h))
        return logits


class PyramidSegmenter(nn.Module):
    """Class logits for every 2x2 block of pixels.

    Takes RGB float [B, 3, H, W] in [0, 1], H and W multiples of 32; gives logits [B, classes, H/2, W/2].

        image -> backbone -> f2, f4, f8, f16 (, f32)
        f16 (+ up f32) -> atrous pyramid -> up + f8 -> up + f4 -> spread + f2 -> logits
    """

    def __init__(self, config: PyramidConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(deep=config.deep)
        c2, c4, c8, c16, c32 = Backbone.channels
        w, d = config.width, config.decoder
        self.lateral32 = pointwise(c32, w) if config.deep else None
        self.lateral16 = pointwise(c16, w)
        self.pyramid = nn.ModuleList(Separable(w, w, 5, rate) for rate in config.rates)
        self.merge16 = Separable(w * (1 + len(config.rates)), w)
        self.narrow = pointwise(w, d)
        self.lateral8 = pointwise(c8, d)
        self.merge8 = nn.Sequential(Separable(d, d, 5), Separable(d, d))
        self.lateral4 = pointwise(c4, d)
        self.merge4 = nn.Sequential(Separable(d, d, 5), Separable(d, d))
        self.fine = Fine(d, c2, config.fine, config.classes)

    def forward(self, image: Tensor) -> Tensor:
        f2, f4, f8, f16, *deeper = self.backbone(image)
        h = self.lateral16(f16)
        if self.lateral32 is not None:
            h = h + upsample(self.lateral32(deeper[0]), f16)
        h = torch.relu(h)
        h = self.merge16(torch.cat([h, *(branch(h) for branch in self.pyramid)], 1))
        h = self.merge8(torch.relu(upsample(self.narrow(h), f8) + self.lateral8(f8)))
        h = self.merge4(torch.relu(upsample(h, f4) + self.lateral4(f4)))
        logits: Tensor = self.fine(h, f2)
        return logits
