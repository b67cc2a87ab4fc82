"""LPIPS v0.1, a learned perceptual distance (Zhang et al. 2018), as a metric and as a training loss.

Two pictures go through a classifier trained on ImageNet (AlexNet or VGG16); at five depths the feature
vectors are brought to unit length, subtracted, squared, weighted by a trained non-negative vector and
averaged over the picture.

    x, y [B, 3, H, W] -> trunk -> 5 x [B, C, h, w] -> unit length -> sum_c w_c (f_x - f_y)^2
                      -> mean over h, w -> sum over the depths

The weights are read from ``lpips_alex.safetensors`` and ``lpips_vgg.safetensors`` (``conv<i>.weight``,
``conv<i>.bias``, ``lin<i>.weight``, float32) in a folder that the caller or the environment variable
SCCODEC_LPIPS names, or in the one that ``sccodec data fetch lpips`` fills; they are no part of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from sccodec.errors import BadInput
from sccodec.metrics.weights import find_weights

# ImageNet's mean and standard deviation, for pictures scaled to [-1, 1].
MEAN = (-0.030, -0.088, -0.188)
DEVIATION = (0.458, 0.448, 0.450)
LEAST_SIDE = 32
KEPT_PIXELS = 2**20
"""Of an original whose features are kept from one comparison to the next: half a gigabyte of them."""


@dataclass(frozen=True)
class Convolution:
    """A layer; pool: (kernel, stride) of the max-pooling before it; tap: compare after its ReLU."""

    c_in: int
    c_out: int
    kernel: int
    stride: int = 1
    padding: int = 1
    pool: tuple[int, int] | None = None
    tap: bool = False


ALEX = (
    Convolution(3, 64, 11, stride=4, padding=2, tap=True),
    Convolution(64, 192, 5, padding=2, pool=(3, 2), tap=True),
    Convolution(192, 384, 3, pool=(3, 2), tap=True),
    Convolution(384, 256, 3, tap=True),
    Convolution(256, 256, 3, tap=True),
)
VGG = (
    Convolution(3, 64, 3),
    Convolution(64, 64, 3, tap=True),
    Convolution(64, 128, 3, pool=(2, 2)),
    Convolution(128, 128, 3, tap=True),
    Convolution(128, 256, 3, pool=(2, 2)),
    Convolution(256, 256, 3),
    Convolution(256, 256, 3, tap=True),
    Convolution(256, 512, 3, pool=(2, 2)),
    Convolution(512, 512, 3),
    Convolution(512, 512, 3, tap=True),
    Convolution(512, 512, 3, pool=(2, 2)),
    Convolution(512, 512, 3),
    Convolution(512, 512, 3, tap=True),
)
TRUNKS = {"alex": ALEX, "vgg": VGG}


class LPIPS(nn.Module):
    """The distance of two batches of pictures; 0 for equal ones, about 0.7 for unrelated ones.

    trunk: "alex" (the usual metric) or "vgg". Raises BadInput where the weights are not found. They are
    frozen; gradients flow to the pictures. Under autocast the convolutions run in lower precision, the
    comparison in float32. Sides of LEAST_SIDE pixels at least.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, trunk: str = "alex", folder: Path | None = None) -> None:
        super().__init__()
        if trunk not in TRUNKS:
            raise BadInput(f"LPIPS has no trunk {trunk!r}; known: {', '.join(TRUNKS)}")
        self.plan = TRUNKS[trunk]
        self.convolutions = nn.ModuleList(nn.Conv2d(c.c_in, c.c_out, c.kernel, c.stride, c.padding) for c in self.plan)
        self.heads = nn.ParameterList(torch.empty(1, c.c_out, 1, 1) for c in self.plan if c.tap)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)
        weights = load_file(find_weights(trunk, folder))
        renamed = {k.replace("conv", "convolutions."): v for k, v in weights.items() if k.startswith("conv")}
        renamed |= {f"heads.{i}": weights[f"lin{i}.weight"] for i in range(len(self.heads))}
        self.load_state_dict(renamed)
        self.requires_grad_(requires_grad=False)

    def features(self, x: Tensor) -> list[Tensor]:
        """The activations [B, C, h, w] at the five compared depths, from pictures [B, 3, H, W] in [0, 1]."""
        h = ((x * 2 - 1) - self.mean) / self.deviation
        if not torch.is_autocast_enabled(h.device.type):
            h = h.to(next(self.parameters()).dtype)
        taps = []
        for layer, convolution in zip(self.plan, self.convolutions, strict=True):
            if layer.pool is not None:
                h = nn.functional.max_pool2d(h, *layer.pool)
            h = torch.relu(convolution(h))
            if layer.tap:
                taps.append(h)
        return taps

    def compare(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """The distance [B], float32, of two lists that ``features`` gave."""
        total = torch.zeros((), device=a[0].device)
        for f, g, head in zip(a, b, self.heads, strict=True):
            with torch.autocast(f.device.type, enabled=False):
                square = (unit(f.float()) - unit(g.float())) ** 2
                total = total + nn.functional.conv2d(square, head.float()).mean((1, 2, 3))
        return total

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance [B] of pictures x and y, each [B, 3, H, W] in [0, 1]."""
        return self.compare(self.features(x), self.features(y))


def unit(x: Tensor) -> Tensor:
    """Each pixel's feature vector at length 1; the constant keeps an all-zero vector's gradient finite."""
    return x * torch.rsqrt((x * x).sum(1, keepdim=True) + 1e-10)


class Distance:
    """What compares uint8 pictures [H, W, 3] by one LPIPS, on a device; it is loaded at the first comparison.

    The features of an original are kept for the next picture that is compared with it, up to KEPT_PIXELS.
    """

    def __init__(self, trunk: str, device: str = "cpu") -> None:
        self._trunk, self._device = trunk, device
        self._original: NDArray[np.uint8] | None = None
        self._features: list[Tensor] | None = None

    @cached_property
    def _metric(self) -> LPIPS:
        return LPIPS(self._trunk).to(self._device)

    def __call__(self, original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
        """The distance of the two; raises BadInput for sides below LEAST_SIDE."""
        if min(decoded.shape[:2]) < LEAST_SIDE:
            raise BadInput(f"LPIPS needs pictures of at least {LEAST_SIDE}x{LEAST_SIDE} pixels")
        if original is not self._original:
            small = original.shape[0] * original.shape[1] <= KEPT_PIXELS
            self._original, self._features = original, None
            if small:
                self._features = features_of(self._metric, original)
        return lpips(self._metric, original, decoded, self._features)


@torch.no_grad()
def features_of(metric: LPIPS, picture: NDArray[np.uint8]) -> list[Tensor]:
    """What ``metric.compare`` takes, of a uint8 picture [H, W, 3]; for VGG16 about 490 bytes a pixel."""
    if picture.dtype != np.uint8 or picture.ndim != 3:
        raise BadInput(f"LPIPS compares uint8 pictures [H, W, 3], not {picture.dtype} {list(picture.shape)}")
    x = torch.tensor(picture, device=metric.mean.device).permute(2, 0, 1)[None].float() / 255  # channels last: quicker
    return metric.features(x)


@torch.no_grad()
def lpips(metric: LPIPS, a: NDArray[np.uint8], b: NDArray[np.uint8], known: list[Tensor] | None = None) -> float:
    """The distance of two uint8 pictures [H, W, 3]. known: what features_of() gave for a."""
    if a.shape != b.shape:
        raise BadInput(f"LPIPS compares pictures of one shape, not {a.shape} and {b.shape}")
    return float(metric.compare(features_of(metric, a) if known is None else known, features_of(metric, b)))
