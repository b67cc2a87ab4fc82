"""Photographs of any size in memory, and random crops of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sccodec.errors import BadInput
from sccodec.training.pictures import SUFFIXES, Photo, find_pictures, read_picture, scaled

__all__ = ["Crops", "Photo", "as_tensor", "find_photos", "load_crops", "load_photos", "training_photos"]

LEFT_OUT = {"test", "val", "labels", "kodak"}
"""Names of folders whose pictures are not trained on."""
HELD_EVERY = 32
"""One of so many photographs is held out."""
HELD_CROP = 320
LATE_CROP = 192
"""Pixels a side of the largest crops."""


def find_photos(folder: Path) -> list[Path]:
    """Every picture in a folder and those below it, by path. Raises BadInput where there is none."""
    paths = find_pictures(folder)
    if not paths:
        raise BadInput(f"no pictures: {folder} and the folders in it hold no {', '.join(SUFFIXES)}")
    return paths


def training_photos(data: Path) -> tuple[list[Path], list[Path]]:
    """The photographs below a folder, and its pictures of other kinds: faces, streets.

    Photographs are those whose path has the word ``photos`` in it, or all pictures where none has. Folders named test
    or val, and any named labels or kodak, are left out. Raises BadInput where no picture is left.
    """
    paths = [p for p in find_photos(data) if not LEFT_OUT & set(p.relative_to(data).parts)]
    if not paths:
        raise BadInput(f"no pictures to train on: all of {data} are in folders named {', '.join(sorted(LEFT_OUT))}")
    photos = [p for p in paths if "photos" in str(p.relative_to(data))] or paths
    return photos, sorted(set(paths) - set(photos))


def load_photos(paths: Sequence[Path], scales: Sequence[float] = (1.0,), least: int = 0) -> list[Photo]:
    """uint8 [H, W, 3] of each picture at each scale, those left out whose shorter side falls below ``least``.

    Raises BadInput, which names the file, for a picture that cannot be read.
    """
    photos = []
    for path in paths:
        picture = read_picture(path)
        for scale in scales:
            width, height = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
            if min(width, height) >= max(least, 1):
                photos.append(scaled(picture, width, height))
    return photos


class Crops:
    """Draws square crops from groups of photographs: a group by its share, a photograph by its number of pixels."""

    def __init__(self, groups: Sequence[tuple[float, Sequence[Photo]]]) -> None:
        self.photos = [photo for _, group in groups for photo in group]
        if not self.photos:
            raise BadInput("there are no pictures to draw crops from")
        sizes = [np.array([p.shape[0] * p.shape[1] for p in group], np.float64) for _, group in groups]
        self.odds = np.concatenate([share * n / n.sum() for (share, _), n in zip(groups, sizes, strict=True) if n.size])
        self.odds /= self.odds.sum()

    def draw(self, batch: int, size: int, rng: np.random.Generator) -> Tensor:
        """float [batch, 3, size, size] in 0..1, mirrored and turned at random; no photograph may be smaller."""
        crops = np.empty((batch, size, size, 3), np.uint8)
        for i, index in enumerate(rng.choice(len(self.photos), batch, p=self.odds)):
            photo = self.photos[index]
            top = rng.integers(photo.shape[0] - size + 1)
            left = rng.integers(photo.shape[1] - size + 1)
            crop = photo[top : top + size, left : left + size]
            crop = crop[:, ::-1] if rng.random() < 0.5 else crop
            crops[i] = np.rot90(crop) if rng.random() < 0.25 else crop
        return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255


def load_crops(data: Path) -> tuple[Crops, Tensor]:
    """Crops of the photographs below a folder, and held-out middles [N, 3, S, S] of every 32nd of them."""
    photos, extras = training_photos(data)
    held = load_photos(photos[::HELD_EVERY], least=HELD_CROP)
    if not held:
        raise BadInput(
            f"{data}: every {HELD_EVERY}nd photograph is held out, and none of those has {HELD_CROP} pixels a side"
        )
    kept = [p for i, p in enumerate(photos) if i % HELD_EVERY]
    groups = [(0.85, load_photos(kept, (1.0, 0.7, 0.5), least=240))]
    if not groups[0][1]:
        raise BadInput(f"{data}: too few photographs: beside those held out, none has 240 pixels a side")
    if extras:
        groups.append((0.15, load_photos(extras, (0.6,), least=LATE_CROP)))
    return Crops(groups), torch.cat([middle(photo) for photo in held])


def middle(photo: Photo) -> Tensor:
    """The middle of a photograph, float [1, 3, S, S]."""
    top, left = ((side - HELD_CROP) // 2 for side in photo.shape[:2])
    crop = photo[top : top + HELD_CROP, left : left + HELD_CROP]
    return torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() / 255


def as_tensor(photo: Photo) -> Tensor:
    """float [1, 3, H, W] in 0..1."""
    return torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
