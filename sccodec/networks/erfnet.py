"""A small segmenter without a pre-trained backbone, of ERFNet's blocks (Romera et al. 2018).

The non-bottleneck-1D block is a residual block whose two 3x3 convolutions are each a 3x1 and a 1x3 one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.networks.pyramid import Fine
from sccodec.networks.segmenter import upsample


@dataclass(frozen=True)
class ErfConfig:
    """classes; widths: channels at strides 2, 4, 8 and 16; rates: dilations of the blocks at strides 4, 8 and 16;
    decoder, fine: channels of what brings them together, and at stride 2."""

    classes: int = 11
    widths: tuple[int, int, int, int] = (16, 32, 56, 92)
    rates: tuple[tuple[int, ...], ...] = ((1, 1), (1, 2, 1, 2), (1, 2, 4, 8))
    decoder: int = 48
    fine: int = 16


class NonBottleneck1d(nn.Module):
    """x + f(x): 3x1 and 1x3 convolutions, then both once more dilated, with batch normalisation after each pair."""

    def __init__(self, channels: int, rate: int = 1) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0))
        self.across1 = nn.Conv2d(channels, channels, (1, 3), padding=(0, 1), bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.down2 = nn.Conv2d(channels, channels, (3, 1), padding=(rate, 0), dilation=(rate, 1))
        self.across2 = nn.Conv2d(channels, channels, (1, 3), padding=(0, rate), dilation=(1, rate), bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.bn1(self.across1(torch.relu(self.down1(x)))))
        h = self.bn2(self.across2(torch.relu(self.down2(h))))
        return torch.relu(x + h)


class Downsampler(nn.Module):
    """Half the resolution: a strided convolution beside a maximum over the same 3x3 pixels."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out - c_in, 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(c_out - c_in)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(torch.cat([self.bn(self.conv(x)), F.max_pool2d(x, 3, 2, 1)], 1))


def blocks(channels: int, rates: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(*(NonBottleneck1d(channels, rate) for rate in rates))


class ErfSegmenter(nn.Module):
    """Class logits for every 2x2 block of pixels.

    Takes RGB float [B, 3, H, W] in [0, 1], H and W multiples of 16; gives logits [B, classes, H/2, W/2].

        image -> 1/2 -> 1/4, blocks -> 1/8, blocks -> 1/16, dilated blocks
              -> up + 1/8, block -> up + 1/4, block -> spread + 1/2 -> logits
    """

    def __init__(self, config: ErfConfig) -> None:
        super().__init__()
        self.config = config
        c2, c4, c8, c16 = config.widths
        d = config.decoder
        self.enter2 = Downsampler(3, c2)
        self.enter4 = Downsampler(c2, c4)
        self.blocks4 = blocks(c4, config.rates[0])
        self.enter8 = Downsampler(c4, c8)
        self.blocks8 = blocks(c8, config.rates[1])
        self.enter16 = Downsampler(c8, c16)
        self.blocks16 = blocks(c16, config.rates[2])
        self.leave16 = nn.Conv2d(c16, d, 1)
        self.lateral8 = nn.Conv2d(c8, d, 1)
        self.merge8 = NonBottleneck1d(d)
        self.lateral4 = nn.Conv2d(c4, d, 1)
        self.merge4 = NonBottleneck1d(d)
        self.fine = Fine(d, c2, config.fine, config.classes)

    def forward(self, image: Tensor) -> Tensor:
        f2 = self.enter2(image * 2 - 1)
        f4 = self.blocks4(self.enter4(f2))
        f8 = self.blocks8(self.enter8(f4))
        f16 = self.blocks16(self.enter16(f8))
        h = self.merge8(torch.relu(upsample(self.leave16(f16), f8) + self.lateral8(f8)))
        h = self.merge4(torch.relu(upsample(h, f4) + self.lateral4(f4)))
        logits: Tensor = self.fine(h, f2)
        return logits
