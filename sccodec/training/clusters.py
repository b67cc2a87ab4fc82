"""Region classes without labels: clusters of ImageNet features, colour and contrast over cells of 16x16 pixels.

picture -> backbone at 1/16 and 1/8, colour, contrast -> principal components of each, by weight
        -> blurred a little -> distance to each centre -> probabilities, smoothed where neighbours are alike
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.errors import BadInput
from sccodec.networks.backbone import Backbone
from sccodec.training.loop import place
from sccodec.training.photos import Photo

CLASSES = 24
"""Of photographs."""
CELL = 16
"""Pixels a side of a cell."""
WIDTHS = (Backbone.channels[3], Backbone.channels[2], 3, 2)
"""Channels by group: the backbone at 1/16, at 1/8, colour, contrast."""
KEPT = (20, 10, 3, 2)
"""Principal components kept of each group."""
SHARES = (1.0, 0.4, 0.7, 0.2)
"""Variance of each group: a region has one texture vector, so colour counts beside what things are."""
SHARPNESS = 2.0
"""Log-probability a unit of squared distance, where the mean squared distance to the nearest centre is 1."""
COHESION, ROUNDS = 7.0, 5
"""Weight of the neighbours' probabilities, and how often those are passed on."""
ITERATIONS = 30
MARGIN = 4
"""Cells by which a picture is mirrored outwards: the backbone's zero padding would make its borders classes."""


class Clusters(nn.Module):
    """The teacher: probabilities [B, classes, H/16, W/16] of RGB float [B, 3, H, W] in 0..1.

    H and W are multiples of 16, of at least 80. Untrained it knows no classes: ``fit`` finds them.
    """

    mean: Tensor
    basis: Tensor
    centres: Tensor
    spread: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = place(Backbone())
        self.register_buffer("mean", torch.zeros(sum(WIDTHS)))
        self.register_buffer("basis", torch.zeros(sum(KEPT), sum(WIDTHS)))
        self.register_buffer("centres", torch.zeros(classes, sum(KEPT)))
        self.register_buffer("spread", torch.ones(()))
        self.eval().requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> Clusters:  # noqa: FBT001, FBT002 - as torch declares it
        """The teacher stays as it is."""
        return super().train(mode=False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        rows = self.project(self.features(image))
        squared = torch.cdist(rows.flatten(2).transpose(1, 2), self.centres[None].expand(len(rows), -1, -1)).square()
        evidence = -SHARPNESS * squared.transpose(1, 2).unflatten(2, rows.shape[2:]) / self.spread
        return smoothed(evidence, affinity(rows / self.spread.sqrt()))

    @torch.no_grad()
    def features(self, image: Tensor) -> Tensor:
        """Float [B, sum(WIDTHS), H/16, W/16]: what the classes are found in, not yet weighed."""
        side = (CELL * MARGIN,) * 4
        wide = F.pad(image, side, mode="reflect").contiguous(memory_format=torch.channels_last)
        with torch.autocast(image.device.type, dtype=torch.bfloat16):
            _, _, f8, f16 = self.backbone(wide)
        near, far = 2 * MARGIN, MARGIN
        f8, f16 = f8[:, :, near:-near, near:-near].float(), f16[:, :, far:-far, far:-far].float()
        luma = image.mean(1, keepdim=True)
        mean, square = F.avg_pool2d(luma, CELL), F.avg_pool2d(luma.square(), CELL)
        contrast = (square - mean.square()).clamp_min(0).sqrt()
        fine = (luma - F.avg_pool2d(luma, 3, 1, 1, count_include_pad=False)).abs()
        red_green, blue_yellow = image[:, :1] - image[:, 1:2], image[:, 2:] - image[:, :2].mean(1, keepdim=True)
        chroma = F.avg_pool2d(torch.cat([red_green, blue_yellow], 1), CELL)
        logs = torch.cat([contrast, F.avg_pool2d(fine, CELL)], 1).clamp_min(0.004).log()
        return torch.cat([f16, F.avg_pool2d(f8, 2), mean, chroma, logs], 1)

    def project(self, features: Tensor) -> Tensor:
        """Weighed principal components, blurred over 3x3 cells: float [B, sum(KEPT), H/16, W/16]."""
        rows = torch.einsum("kc,bchw->bkhw", self.basis, features - self.mean[:, None, None])
        return F.avg_pool2d(F.pad(rows, (1, 1, 1, 1), mode="replicate"), 3, 1)

    @torch.no_grad()
    def fit(self, pictures: Iterable[Tensor], seed: int = 0, most: int = 1 << 16) -> None:
        """Find the classes in pictures [1, 3, H, W], of which at most ``most`` cells are looked at.

        Raises BadInput where the pictures have not as many kinds of cells.
        """
        generator = torch.Generator().manual_seed(seed)
        maps = [self.features(p) for p in pictures]
        rows = torch.cat([m.flatten(2)[0].T for m in maps])
        self.mean.copy_(rows.mean(0))
        try:
            self.basis.copy_(weighed_components(rows[torch.randperm(len(rows), generator=generator)[:most]]))
            x = torch.cat([self.project(m).flatten(2)[0].T for m in maps])
            x = x[torch.randperm(len(x), generator=generator)[:most]]
            centres, spread = k_means(x, len(self.centres), generator)
        except RuntimeError as error:  # no components of what does not vary, no centre left to draw
            count = len(self.centres)
            raise BadInput(f"the pictures are too few, or too much alike, to find {count} classes in") from error
        self.centres.copy_(centres)
        self.spread.copy_(spread)


def weighed_components(rows: Tensor) -> Tensor:
    """A matrix [sum(KEPT), sum(WIDTHS)] that gives each group of rows [N, sum(WIDTHS)] the variance of its share."""
    basis = torch.zeros(sum(KEPT), sum(WIDTHS))
    row = column = 0
    for width, kept, share in zip(WIDTHS, KEPT, SHARES, strict=True):
        part = rows[:, column : column + width].double()
        deviation = part.std(0).clamp_min(1e-6)
        values, vectors = torch.linalg.eigh(torch.corrcoef(part.T))
        first = vectors.flip(1)[:, :kept].T * (share / values.flip(0)[:kept].sum()).sqrt()
        basis[row : row + kept, column : column + width] = (first / deviation).float()
        row, column = row + kept, column + width
    return basis


def k_means(x: Tensor, classes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Centres [classes, D] of points [N, D], and the mean squared distance to the nearest of them.

    Begins as k-means++ does; a centre that no point is nearest to moves to the point that is farthest from its own.
    """
    chosen = [x[torch.randint(len(x), (1,), generator=generator)]]
    for _ in range(classes - 1):
        distance = torch.cdist(x, torch.cat(chosen)).min(1).values.square()
        chosen.append(x[torch.multinomial(distance, 1, generator=generator)])
    centres = torch.cat(chosen)
    for _ in range(ITERATIONS):
        distance, nearest = torch.cdist(x, centres).min(1)
        count = torch.bincount(nearest, minlength=classes)
        centres = torch.zeros_like(centres).index_add_(0, nearest, x) / count.clamp_min(1)[:, None]
        empty = count == 0
        centres[empty] = x[distance.topk(int(empty.sum())).indices]
    return centres, torch.cdist(x, centres).min(1).values.square().mean()


def neighbours(x: Tensor) -> Tensor:
    """The eight cells around each: [B, C, h, w] -> [B, C, 8, h, w], repeated at the border."""
    h, w = x.shape[2:]
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    around = [(dy, dx) for dy in range(3) for dx in range(3) if (dy, dx) != (1, 1)]
    return torch.stack([padded[:, :, dy : dy + h, dx : dx + w] for dy, dx in around], 2)


def affinity(rows: Tensor) -> Tensor:
    """How much each cell has in common with the eight around it: [B, D, h, w] -> [B, 1, 8, h, w], 0..1."""
    return (-0.5 * (neighbours(rows) - rows.unsqueeze(2)).square().sum(1, keepdim=True)).exp()


def smoothed(evidence: Tensor, weight: Tensor) -> Tensor:
    """Probabilities from log-evidence [B, classes, h, w]: a mean field in which alike neighbours agree."""
    p = evidence.softmax(1)
    for _ in range(ROUNDS):
        p = (evidence + COHESION * (neighbours(p) * weight).mean(2)).softmax(1)
    return p


def class_colours(classes: int) -> NDArray[np.uint8]:
    """Colours to show a map in, uint8 [classes, 3]: hues a golden section apart, in two lightnesses."""
    hue = (np.arange(classes) * 0.618034 % 1)[:, None] * 6
    ramp = np.clip(np.abs((hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    light = np.where(np.arange(classes) % 2, 0.65, 1.0)[:, None]
    colours: NDArray[np.uint8] = np.rint(255 * (0.15 + 0.85 * ramp) * light).astype(np.uint8)
    return colours


def whole_cells(photos: list[Photo]) -> list[Photo]:
    """Cut to multiples of 16 pixels a side."""
    return [p[: p.shape[0] // CELL * CELL, : p.shape[1] // CELL * CELL] for p in photos]
