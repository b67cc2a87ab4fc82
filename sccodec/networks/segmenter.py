"""The segmenter: an EfficientNet-lite0 backbone and a feature pyramid that ends at a quarter of the resolution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sccodec.networks.backbone import Backbone
from sccodec.networks.folding import fold_batch_norms


@dataclass(frozen=True)
class SegmenterConfig:
    classes: int = 19
    width: int = 96


class Separable(nn.Module):
    """Depth-wise and 1x1 convolution with batch normalisation; dilation widens what it sees."""

    def __init__(self, c_in: int, c_out: int, kernel: int = 3, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.depthwise = nn.Conv2d(c_in, c_in, kernel, 1, padding, dilation, groups=c_in, bias=False)
        self.bn1 = nn.BatchNorm2d(c_in)
        self.pointwise = nn.Conv2d(c_in, c_out, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn2(self.pointwise(self.bn1(self.depthwise(x)))))


class Segmenter(nn.Module):
    """Class logits for every 4x4 block of pixels.

    Takes RGB float [B, 3, H, W] in [0, 1], H and W multiples of 4; gives logits [B, classes, H/4, W/4].

        image -> backbone -> f4, f8, f16
        f16 -> context (dilated) -> up + f8 -> up + f4 -> logits
    """

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone()
        _, c4, c8, c16, _ = Backbone.channels
        w = config.width
        self.reduce = nn.Sequential(nn.Conv2d(c16, w, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU())
        self.context = nn.ModuleList(Separable(w, w, 5, d) for d in (1, 2, 3))
        self.merge16 = Separable(4 * w, w)
        self.lateral8 = nn.Sequential(nn.Conv2d(c8, w, 1, bias=False), nn.BatchNorm2d(w))
        self.merge8 = nn.Sequential(Separable(w, w, 5), Separable(w, w))
        self.lateral4 = nn.Sequential(nn.Conv2d(c4, w, 1, bias=False), nn.BatchNorm2d(w))
        self.merge4 = nn.Sequential(Separable(w, w, 5), Separable(w, w))
        self.classify = nn.Conv2d(w, config.classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        _, f4, f8, f16 = self.backbone(image)
        h = self.reduce(f16)
        views = [h]
        for layer in self.context:
            views.append(layer(views[-1]))
        h = self.merge16(torch.cat(views, 1))
        h = self.merge8(upsample(h, f8) + self.lateral8(f8))
        h = self.merge4(upsample(h, f4) + self.lateral4(f4))
        logits: Tensor = self.classify(h)
        return logits


def upsample(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear, to the height and width of another tensor."""
    return nn.functional.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


def folded_segmenter(classes: int) -> nn.Module:
    """A segmenter as model files hold it, batch norms folded, with untrained weights."""
    segmenter = Segmenter(SegmenterConfig(classes)).eval()
    fold_batch_norms(segmenter)
    return segmenter
