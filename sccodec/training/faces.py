"""Training pictures: read once into memory as uint8, augmented by random affine crops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sccodec.errors import BadInput
from sccodec.training.pictures import pictures_in, read_labels, read_picture, scaled

# Left and right change places when a face is mirrored: eyes 4-5, brows 6-7, ears 8-9 (CelebAMask-HQ's classes).
FACE_MIRROR = (0, 1, 2, 3, 5, 4, 7, 6, 9, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18)
FACE_CLASSES = len(FACE_MIRROR)


@dataclass(frozen=True)
class Labelled:
    """Pictures with label maps: images uint8 [N, S, S, 3], labels uint8 [N, S, S]."""

    images: NDArray[Any]
    labels: NDArray[Any]
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)


def load_labelled(folder: Path, size: int, limit: int | None = None) -> Labelled:
    """Read ``folder/images/*`` with ``folder/labels/<name>.png``, resized to size x size (labels by nearest).

    limit: how many pictures at most, the first by name.

    Raises BadInput where the folder holds no such pairs, and for files that are no pictures or no label maps.
    """
    images, labels, names = [], [], []
    for path in pictures_in(folder / "images")[:limit]:
        label_path = folder / "labels" / f"{path.stem}.png"
        if not label_path.exists():
            raise BadInput(f"{path} has no label map {label_path}")
        images.append(scaled(read_picture(path), size, size))
        labels.append(read_labels(label_path, FACE_CLASSES, size))
        names.append(path.stem)
    if not names:
        raise BadInput(f"{folder} holds no pictures: expected {folder}/images and {folder}/labels")
    return Labelled(np.stack(images), np.stack(labels), names)


def find_split(data: Path, name: str, split: str) -> Path:
    """``data/name/split`` or ``data/split``, whichever exists; BadInput names both where neither does."""
    for folder in (data / name / split, data / split):
        if folder.is_dir():
            return folder
    raise BadInput(f"no training pictures: neither {data / name / split} nor {data / split} is a folder")


@dataclass(frozen=True)
class Affine:
    """Ranges of the random crops: rotation in degrees, zoom and shift as fractions, share left as they are."""

    rotation: float = 10.0
    zoom: float = 0.12
    shift: float = 0.06
    untouched: float = 0.5


def sample_batch(
    data: Labelled,
    batch: int,
    size: int,
    affine: Affine,
    rng: np.random.Generator,
    odds: NDArray[np.float64] | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw ``batch`` mirrored, rotated, zoomed and shifted crops.

    odds: probability of each picture [N], equal where None.

    Gives images float [B, 3, size, size] in [0, 1] and labels int64 [B, size, size].
    """
    index = rng.choice(len(data), batch, p=odds)
    images = torch.from_numpy(data.images[index]).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(data.labels[index]).unsqueeze(1).float()
    source = images.shape[-1]
    theta = torch.zeros(batch, 2, 3)
    flip = rng.random(batch) < 0.5
    for i in range(batch):
        angle = zoom = shift_x = shift_y = 0.0
        if rng.random() >= affine.untouched:
            angle = math.radians(rng.uniform(-affine.rotation, affine.rotation))
            zoom = rng.uniform(-affine.zoom, affine.zoom)
            shift_x, shift_y = rng.uniform(-2 * affine.shift, 2 * affine.shift, 2)
        c, s, sign = math.cos(angle) * (1 + zoom), math.sin(angle) * (1 + zoom), -1.0 if flip[i] else 1.0
        theta[i] = torch.tensor([[sign * c, -s, shift_x], [sign * s, c, shift_y]])
    grid = torch.nn.functional.affine_grid(theta, [batch, 1, size, size], align_corners=False)
    if source > size:
        # Averaging before sampling keeps the crops free of aliasing; the grid then reads every pixel about once.
        images = torch.nn.functional.interpolate(images, size=size, mode="area")
    images = torch.nn.functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    labels = torch.nn.functional.grid_sample(
        labels, grid, mode="nearest", padding_mode="reflection", align_corners=False
    )
    classes = labels.squeeze(1).long()
    mirror = torch.tensor(FACE_MIRROR)
    for i in np.flatnonzero(flip).tolist():
        classes[i] = mirror[classes[i]]
    return images.clamp_(0, 1), classes
