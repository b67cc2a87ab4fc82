"""Street scenes with labels, CamVid's 11 classes: pictures in memory, crops of them, and what recipes of S share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.errors import BadInput
from sccodec.labels.classes import CAMVID, CAMVID_COLOURS
from sccodec.metrics.labels import confusion, mean_iou
from sccodec.training.faces import find_split
from sccodec.training.pictures import Photo, pictures_in, read_labels, read_picture

CLASSES = len(CAMVID)
VOID = 255
"""The class of what is left out, here; the data set's own number for it is the one behind its classes."""

CROP_HEIGHT, CROP_WIDTH = 256, 320
SCALES = (0.6, 1.7)
CODED_SHARE, CODED_QUALITIES = 0.3, (10.0, 80.0)
"""How many crops come from pictures that hyperprior has decoded, and at which -q those were encoded."""


@dataclass(frozen=True)
class Street:
    """images: uint8 [H, W, 3] each; labels: uint8 [H, W] each, VOID where nothing is said."""

    images: list[Photo]
    labels: list[NDArray[np.uint8]]

    @cached_property
    def share(self) -> NDArray[np.float64]:
        """Of each class among the labelled pixels [classes]."""
        counts = np.sum([np.bincount(m[m != VOID], minlength=CLASSES) for m in self.labels], 0)
        result: NDArray[np.float64] = counts / counts.sum()
        return result


def load(data: Path, split: str) -> Street:
    """A split's pictures with their maps; raises BadInput where there are none, and for damaged ones."""
    folder = find_split(data, "camvid", split)
    images, labels = [], []
    for path in pictures_in(folder / "images"):
        picture = read_picture(path)
        found = read_labels(folder / "labels" / f"{path.stem}.png", CLASSES + 1)
        if found.shape != picture.shape[:2]:
            raise BadInput(f"{path}: the picture and its label map differ in size")
        images.append(picture)
        labels.append(np.where(found < CLASSES, found, np.uint8(VOID)))
    if not images:
        raise BadInput(f"{folder} holds no pictures: expected {folder}/images and {folder}/labels")
    if min(min(picture.shape[0] / CROP_HEIGHT, picture.shape[1] / CROP_WIDTH) for picture in images) < 1:
        raise BadInput(f"{folder} holds pictures of less than {CROP_WIDTH}x{CROP_HEIGHT} pixels")
    return Street(images, labels)


class Coded:
    """Pictures as hyperprior decodes them, each at a quality of its own; encoded when they are first asked for."""

    def __init__(self, images: list[Photo], seed: int) -> None:
        self.images = images
        self.qualities = np.random.default_rng(seed).uniform(*CODED_QUALITIES, len(images))
        self.found: dict[int, Photo] = {}

    def __getitem__(self, index: int) -> Photo:
        from sccodec import api

        if index not in self.found:
            data = api.encode(self.images[index], "hyperprior", float(self.qualities[index]))
            self.found[index] = api.decode(data)
        return self.found[index]


class StreetCrops:
    """Draws crops, mirrored, scaled and of changed colours; some of pictures that were encoded and decoded."""

    def __init__(self, street: Street, seed: int) -> None:
        self.street = street
        self.coded = Coded(street.images, seed)

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Images float [B, 3, 256, 320] in 0..1, and labels int64 of their size, VOID where nothing is said."""
        images, labels = [], []
        for index in rng.integers(len(self.street.images), size=batch).tolist():
            coded = rng.random() < CODED_SHARE
            picture = self.coded[index] if coded else self.street.images[index]
            image, label = crop(picture, self.street.labels[index], rng)
            images.append(image)
            labels.append(label)
        return jitter(torch.cat(images), rng), torch.cat(labels).long()


def crop(picture: Photo, labels: NDArray[np.uint8] | None, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A crop at a random scale, perhaps mirrored: float [1, 3, H, W] in 0..1, and its labels uint8 [1, H, W].

    What lies outside of the picture, where it was made smaller than a crop, is grey and void.
    """
    height, width = picture.shape[:2]
    factor = float(np.exp(rng.uniform(*np.log(SCALES))))
    factor = max(factor, 0.75 * CROP_HEIGHT / height, 0.75 * CROP_WIDTH / width)
    h, w = round(CROP_HEIGHT / factor), round(CROP_WIDTH / factor)
    top, left = (int(rng.integers(min(0, room), max(0, room) + 1)) for room in (height - h, width - w))
    rows, columns = slice(max(0, top), top + h), slice(max(0, left), left + w)
    margins = [max(0, -left), max(0, left + w - width), max(0, -top), max(0, top + h - height)]
    part = torch.from_numpy(picture[rows, columns].copy()).permute(2, 0, 1)[None].float() / 255
    part = F.pad(part, margins, value=0.5)
    image = F.interpolate(part, (CROP_HEIGHT, CROP_WIDTH), mode="bilinear", align_corners=False, antialias=factor < 1)
    known = np.full(picture.shape[:2], VOID, np.uint8) if labels is None else labels
    label = F.pad(torch.from_numpy(known[rows, columns].copy())[None, None].float(), margins, value=float(VOID))
    label = F.interpolate(label, (CROP_HEIGHT, CROP_WIDTH), mode="nearest-exact")[:, 0].to(torch.uint8)
    return (image.flip(3), label.flip(2)) if rng.random() < 0.5 else (image, label)


def jitter(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Change brightness, contrast, saturation and the balance of colours, of each picture by itself."""
    n = len(images)

    def gain(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, channels, 1, 1))).float()

    images = images * gain(0.6, 1.4) * gain(0.92, 1.08, 3)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = (images - mean) * gain(0.7, 1.3) + mean
    grey = images.mean(1, keepdim=True)
    return ((images - grey) * gain(0.5, 1.5) + grey).clamp(0, 1)


def class_weights(share: NDArray[np.float64]) -> Tensor:
    """What errors of each class weigh in the cross-entropy, 1 in the mean over pixels: rare ones more."""
    weight = (share + 1e-3) ** -0.3
    return torch.tensor(weight / (weight * share).sum(), dtype=torch.float32)


def losses(logits: Tensor, labels: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """Cross-entropy, and one minus the Dice coefficient, of logits at a part of the labels' size; void does not count.

    Each sample of the logits stands for all pixels that it covers. weight: of each class, in the cross-entropy.
    """
    truth = shares(labels, (logits.shape[-2], logits.shape[-1]))
    found = F.log_softmax(logits.float(), 1)
    weighted = truth * weight[:, None, None]
    entropy = -(weighted * found).sum() / weighted.sum().clamp_min(1e-6)
    return {"cross_entropy": entropy, "dice": dice(found.exp(), truth)}


def shares(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Of each class in the cells of a grid, which divide the labels' size: float [B, classes, h, w].

    They sum up to 1, and to less where something is void.
    """
    known = labels != VOID
    truth = F.one_hot(labels.masked_fill(~known, 0), CLASSES).to(torch.uint8)
    truth = truth.permute(0, 3, 1, 2).float() * known[:, None]
    return F.avg_pool2d(truth, (labels.shape[1] // size[0], labels.shape[2] // size[1]))


def dice(probability: Tensor, truth: Tensor) -> Tensor:
    """One minus the Dice coefficient of probabilities and shares [B, classes, h, w], over the classes that occur."""
    probability = probability * truth.sum(1, keepdim=True)
    overlap = (probability * truth).sum((0, 2, 3))
    size = truth.sum((0, 2, 3))
    total = probability.sum((0, 2, 3)) + size
    present = size > 0
    return 1 - (2 * overlap[present] / (total[present] + 1)).mean()


@torch.no_grad()
def evaluate(network: nn.Module, street: Street, device: torch.device) -> tuple[dict[str, float], NDArray[Any]]:
    """Mean IoU over the classes at full size, and a sheet: pictures, their maps, and what the network finds."""
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    palette = np.array((*CAMVID_COLOURS, (0, 0, 0)), np.uint8)
    shown = []
    for i, (picture, truth) in enumerate(zip(street.images, street.labels, strict=True)):
        height, width = truth.shape
        x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float().to(device) / 255
        x = F.pad(x, [0, -width % 32, 0, -height % 32], mode="replicate")
        logits = network(x.contiguous(memory_format=torch.channels_last))
        logits = F.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False)
        predicted = logits[0, :, :height, :width].argmax(0).to(torch.uint8).cpu().numpy()
        counts += confusion(predicted, truth, CLASSES)
        if i % max(1, len(street.images) // 5) == 0:
            maps = [palette[np.minimum(m, CLASSES)] for m in (truth, predicted)]
            shown.append(np.concatenate([picture, *maps], 1))
    miou, per_class = mean_iou(counts)
    figures = {"miou": miou, "accuracy": float(np.diag(counts).sum() / counts.sum())}
    figures |= {f"iou_{name}": float(value) for name, value in zip(CAMVID, per_class, strict=True)}
    return figures, np.concatenate(shown, 0)
