"""The texture encoder and the generator of the conceptual codec (Chang et al., "Thousand to One", 2021).

Both work on *rows*: a row is one label of one picture (conceptual/regions.py), so that a batch in training and a single
picture in the exported graph are the same computation, with any number of labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class ConceptualConfig:
    """Sizes of the networks and the meaning of the labels.

    parents[n] lists the labels whose decoded texture predicts that of label n, best first (see regions.find_regions).
    hyper: channels of the cross-channel hyperprior; 0 replaces it by an independent Gaussian a channel (the paper's
    ablation).
    """

    classes: int = 19
    textures: int = 64
    hyper: int = 4
    detail: int = 12
    working_size: int = 256
    encoder_widths: tuple[int, int, int, int] = (80, 128, 160, 160)
    style: int = 96
    widths: tuple[int, int, int, int] = (256, 192, 128, 48)
    inner: tuple[int, int, int, int] = (128, 112, 56, 32)
    blocks: tuple[int, int, int, int] = (2, 2, 2, 1)
    parents: tuple[tuple[int, ...], ...] = field(default=((),) * 19)


# Background and skin stand alone; the second of a pair follows the first, every other part follows the skin.
FACE_PARENTS: tuple[tuple[int, ...], ...] = (
    (), (), (1,), (1,), (1,), (4, 1), (1,), (6, 1), (1,), (8, 1), (1,), (1,), (11, 1), (1,), (0,), (1,), (17, 1), (1,),
    (0,),
)  # fmt: skip


def resize(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear, to the height and width of another tensor; exact averaging where it halves."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class Residual(nn.Module):
    """Two 3x3 convolutions around a residual connection, no normalisation."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, inner, 3, padding=1)
        self.conv2 = nn.Conv2d(inner, channels, 3, padding=1)
        with torch.no_grad():
            self.conv2.weight *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(x, 0.125)), 0.125))
        return x + h


class TextureEncoder(nn.Module):
    """Texture features at a quarter of the resolution and the coarse detail layer at 1/32.

    Takes image [B, 3, H, W] in [0, 1], labels int64 [B, h, w] at the transmitted scale; H and W multiples of 4. Gives
    features [B, textures, H/4, W/4], to be averaged over each region, and detail [B, detail, H/32, W/32], rounded up.

        image -> /4 -> f4 -> f8 -> f16 -> f32 -> detail
                        |<----|<----|
                     features
    """

    def __init__(self, config: ConceptualConfig) -> None:
        super().__init__()
        w4, w8, w16, w32 = config.encoder_widths
        self.embedding = nn.Embedding(config.classes, 16)
        self.stem = nn.Conv2d(48 + 16, w4, 3, padding=1)
        self.block4 = Residual(w4, w4)
        self.down8 = nn.Conv2d(w4, w8, 3, 2, 1)
        self.block8 = Residual(w8, w8)
        self.down16 = nn.Conv2d(w8, w16, 3, 2, 1)
        self.block16 = Residual(w16, w16 // 2)
        self.down32 = nn.Conv2d(w16, w32, 3, 2, 1)
        self.block32 = Residual(w32, w32 // 2)
        self.detail = nn.Conv2d(w32, config.detail, 1)
        self.up16 = nn.Conv2d(w16, w8, 1)
        self.up8 = nn.Conv2d(w8, w4, 1)
        self.features = nn.Conv2d(w4, config.textures, 3, padding=1)
        with torch.no_grad():
            self.features.weight *= 8
            self.detail.weight *= 4

    def forward(self, image: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        x = F.pixel_unshuffle(image * 2 - 1, 4)  # [B, 48, H/4, W/4]
        classes = resize(self.embedding(labels).permute(0, 3, 1, 2).to(x.dtype), x)
        f4 = self.block4(self.stem(torch.cat([x, classes], 1)))
        f8 = self.block8(self.down8(F.leaky_relu(f4, 0.125)))
        f16 = self.block16(self.down16(F.leaky_relu(f8, 0.125)))
        f32 = self.block32(self.down32(F.leaky_relu(f16, 0.125)))
        detail: Tensor = self.detail(F.leaky_relu(f32, 0.125))
        h = f8 + resize(self.up16(f16), f8)
        h = f4 + resize(self.up8(F.leaky_relu(h, 0.125)), f4)
        features: Tensor = self.features(F.leaky_relu(h, 0.125))
        return features, detail


class Modulated(nn.Module):
    """A residual block whose input is scaled and shifted by the region's style (region-adaptive normalisation).

    The normalisation is over the channels of each pixel: statistics over space would change with the picture's size and
    leave seams between tiles.
    """

    def __init__(self, channels: int, inner: int, style: int, *, noisy: bool) -> None:
        super().__init__()
        self.modulation = nn.Conv2d(style, 2 * channels, 1)
        self.conv1 = nn.Conv2d(channels, inner, 3, padding=1)
        self.conv2 = nn.Conv2d(inner, channels, 3, padding=1)
        self.noise = nn.Parameter(torch.zeros(1, inner, 1, 1)) if noisy else None
        with torch.no_grad():
            self.modulation.weight *= 0.3
            self.conv2.weight *= 0.3

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        gamma, beta = self.modulation(style).chunk(2, 1)
        h = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-4)
        h = self.conv1(F.leaky_relu(h * (1 + gamma) + beta, 0.125))
        if self.noise is not None and noise is not None:
            h = h + noise * self.noise
        h = self.conv2(F.leaky_relu(h, 0.125))
        result: Tensor = x + h
        return result


class Generator(nn.Module):
    """The picture from labels, textures and the coarse detail layer.

    Takes rows of decoded textures [K, textures] with their labels int64 [K]; index int64 [B, h, w], the row of every
    sample of the transmitted map; detail [B, detail, H/32, W/32]; coordinates [1, 8, H/16, W/16] (both rounded up) and
    three noise planes [1, 1, H/s, W/s] at s = 4, 2, 1 (planes.py). Gives the image [B, 3, H, W], nominally in
    [0, 1], not clipped. H and W multiples of 4.

        textures, labels -> style rows -> placed by index -> style maps at 1/16, 1/8, 1/4, 1/2
        coordinates, detail, style -> 1/16 -> 1/8 -> 1/4 -> 1/2 -> image      (pixel shuffle between)
    """

    def __init__(self, config: ConceptualConfig) -> None:
        super().__init__()
        s = config.style
        self.embedding = nn.Embedding(config.classes, s)
        self.texture = nn.Linear(config.textures, s)
        self.rows = nn.Linear(s, s)
        self.fine_rows = nn.Linear(s, s // 2)
        self.context = nn.Conv2d(s, s, 3, padding=1)
        self.style_down = nn.Conv2d(s, s, 3, padding=1)
        self.detail = nn.Conv2d(config.detail, s, 3, padding=1)
        self.enter = nn.Conv2d(2 * s + 8, config.widths[0], 3, padding=1)
        levels, ups = [], []
        for i, (width, inner, count) in enumerate(zip(config.widths, config.inner, config.blocks, strict=True)):
            style = s // 2 if i == 3 else s
            levels.append(nn.ModuleList(Modulated(width, inner, style, noisy=i >= 2) for _ in range(count)))
            if i < 3:
                ups.append(nn.Conv2d(width, 4 * config.widths[i + 1], 1))
        self.levels, self.ups = nn.ModuleList(levels), nn.ModuleList(ups)
        self.leave = nn.Conv2d(config.widths[3], 4 * 16, 3, padding=1)
        self.noise = nn.Parameter(torch.zeros(1, 16, 1, 1))
        self.image = nn.Conv2d(16, 3, 3, padding=1)
        with torch.no_grad():
            self.texture.weight *= 0.5
            for up in ups:
                smooth_start(up)
            smooth_start(self.leave)

    def forward(
        self,
        textures: Tensor,
        labels: Tensor,
        index: Tensor,
        detail: Tensor,
        coordinates: Tensor,
        noise4: Tensor,
        noise2: Tensor,
        noise1: Tensor,
    ) -> Tensor:
        rows = F.leaky_relu(self.embedding(labels) + self.texture(textures), 0.125)
        coarse, fine = self.rows(rows), self.fine_rows(rows)
        placed = coarse[index].permute(0, 3, 1, 2)  # [B, style, h, w]
        style4 = F.interpolate(placed, size=noise4.shape[-2:], mode="bilinear", align_corners=False)
        style4 = style4 + self.context(F.leaky_relu(style4, 0.125))
        style8 = F.avg_pool2d(style4, 2, ceil_mode=True)
        style8 = style8 + self.style_down(F.leaky_relu(style8, 0.125))
        style16 = F.avg_pool2d(style8, 2, ceil_mode=True)
        style2 = F.interpolate(
            fine[index].permute(0, 3, 1, 2), size=noise2.shape[-2:], mode="bilinear", align_corners=False
        )
        spread = self.detail(resize(detail, style16))
        place = coordinates.expand(style16.shape[0], -1, -1, -1).to(style16.dtype)
        h = self.enter(torch.cat([style16, spread, place], 1))
        styles = (style16, style8, style4, style2)
        for i, (style, plane) in enumerate(zip(styles, (None, None, noise4, noise2), strict=True)):
            for block in self.levels[i]:  # type: ignore[attr-defined]
                h = block(h, style, plane)
            if i < 3:
                h = crop(F.pixel_shuffle(self.ups[i](F.leaky_relu(h, 0.125)), 2), styles[i + 1])
        h = F.pixel_shuffle(self.leave(F.leaky_relu(h, 0.125)), 2)
        h = F.leaky_relu(h + noise1 * self.noise, 0.125)
        image: Tensor = self.image(h) + 0.5
        return image


def crop(x: Tensor, like: Tensor) -> Tensor:
    """Drop the last row and column where a size was rounded up on the way down."""
    return x[:, :, : like.shape[2], : like.shape[3]]


@torch.no_grad()
def smooth_start(layer: nn.Conv2d) -> None:
    """Start the four outputs that pixel shuffle spreads over a 2x2 block alike, so that no checkerboard is learned."""
    weight = layer.weight[::4].clone()
    layer.weight.copy_(weight.repeat_interleave(4, 0))
    if layer.bias is not None:
        layer.bias.zero_()
