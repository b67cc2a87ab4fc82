"""``sccodec train labels-faces``: the context model of the label-map coder, on maps of 32 to 256 pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.errors import BadInput
from sccodec.labels.maps import pyramid
from sccodec.networks.labels import LabelContext, to_label_model
from sccodec.training.checkpoint import kept_seeds
from sccodec.training.faces import FACE_MIRROR, Affine, find_split
from sccodec.training.labels import ContextTask, coded_bits, export_model, float_bits
from sccodec.training.loop import Options
from sccodec.training.pictures import pictures_in, read_labels

CLASSES = 19
SIZES = (256, 128, 64, 32)
# How many pixels of a batch come from maps of each size, and how many of one map are drawn.
SHARES = (0.16, 0.24, 0.38, 0.22)
FROM_ONE_MAP = (640, 480, 320, 160)
# How often a step warps one of the maps anew: that costs as much as half a step.
RENEWAL = 0.4
AS_IT_IS = -1
"""In the place of a seed: of a map that was not warped yet."""
AFFINE = Affine(rotation=6.0, zoom=0.07, shift=0.03, untouched=0.35)


class LabelsTask(ContextTask):
    """Maps are mirrored, and warped anew while training goes on.

    Validation codes the held-out maps twice, with the integer model and with the float network: the
    difference is the rate that integers lose.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(CLASSES)
        self.full = load_maps(find_split(options.data, "faces", "train"))
        self.maps = [pyramid_of(m) for m in self.full]
        self.seeds = np.full(len(self.full), AS_IT_IS)
        self.held = [pyramid_of(m) for m in load_maps(find_split(options.data, "faces", "val"))]
        self.remember()

    def renew(self, rng: np.random.Generator) -> None:
        if rng.random() < RENEWAL:
            at = int(rng.integers(len(self.full)))
            self.seeds[at] = rng.integers(2**63)
            self.warp_again(at)

    def warp_again(self, at: int) -> None:
        """Of its seed alone: the seeds are what a checkpoint keeps of the maps."""
        self.maps[at] = pyramid_of(warp(self.full[at], AFFINE, np.random.default_rng(self.seeds[at])))

    def drawn_so_far(self) -> dict[str, Tensor]:
        return {"seeds": torch.from_numpy(self.seeds)}

    def go_on_drawing(self, kept: dict[str, Tensor]) -> None:
        seeds = kept_seeds(kept, "seeds", len(self.full))
        if seeds is not None:
            self.seeds = seeds
            for at in np.flatnonzero(seeds != AS_IT_IS).tolist():
                self.warp_again(at)

    def drawn(self, batch: int, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.uint8], int]]:
        for level, share in enumerate(SHARES):
            for _ in range(max(1, round(batch * share / FROM_ONE_MAP[level]))):
                labels = self.maps[int(rng.integers(len(self.maps)))][level]
                yield (mirrored(labels) if rng.random() < 0.5 else labels), FROM_ONE_MAP[level]

    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[np.uint8]]:
        """Mean bytes of the held-out maps, by the integer model and by the float network."""
        network = modules["label_context"].eval()
        assert isinstance(network, LabelContext)
        model = to_label_model(network)
        figures = {}
        for level, size in enumerate(SIZES):
            maps = [m[level] for m in self.held[:: 4 if size == 256 else 1]]
            figures[f"bytes_{size}"] = float(np.mean([coded_bits(m, model) for m in maps])) / 8
            figures[f"float_bytes_{size}"] = float(np.mean([float_bits(network, m) for m in maps])) / 8
        sheet = np.concatenate([np.asarray(m[0]) * 13 for m in self.held[:4]], axis=1)
        return figures, np.repeat(sheet[..., None], 3, axis=2).astype(np.uint8)


def load_maps(folder: Path) -> list[NDArray[np.uint8]]:
    """The label maps of a folder as they are stored, uint8 [H, W]. Raises BadInput where there are none, or others."""
    paths = [p for p in pictures_in(folder / "labels") if p.suffix.lower() == ".png"]
    if not paths:
        raise BadInput(f"{folder} holds no label maps: expected {folder}/labels/*.png")
    maps = [read_labels(path, CLASSES) for path in paths]
    for path, labels in zip(paths, maps, strict=True):
        check_square(labels, f"{path}: ")
    return maps


def check_square(labels: NDArray[np.uint8], name: str = "") -> None:
    """Raises BadInput, which begins with the name, for maps that no pyramid is made of."""
    height, width = labels.shape
    if height != width or height % SIZES[0]:
        size = f"{width}x{height}"
        raise BadInput(f"{name}label maps are square, of a multiple of {SIZES[0]} pixels; this one is {size}")


def pyramid_of(labels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The map at 256, 128, 64 and 32 pixels, by majority. Raises BadInput for maps that are not square."""
    check_square(labels)
    return pyramid(labels, [len(labels) // size for size in SIZES], CLASSES)


def mirrored(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(np.array(FACE_MIRROR, np.uint8)[labels[:, ::-1]])


def warp(labels: NDArray[np.uint8], affine: Affine, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Rotated, zoomed and shifted at random about the middle, by nearest pixel, the border reflected."""
    if rng.random() < affine.untouched:
        return labels
    size = labels.shape[0]
    angle = math.radians(rng.uniform(-affine.rotation, affine.rotation))
    zoom = 1 + rng.uniform(-affine.zoom, affine.zoom)
    shift = rng.uniform(-affine.shift, affine.shift, 2) * size
    c, s = math.cos(angle) * zoom, math.sin(angle) * zoom
    place = np.arange(size, dtype=np.float32) - (size - 1) / 2
    x = (c * place - (size - 1) / -2 + shift[0]) - s * place[:, None]
    y = (s * place - (size - 1) / -2 + shift[1]) + c * place[:, None]
    last = size - 1
    column, row = (last - np.abs(last - np.abs(np.rint(v).astype(np.int32))) for v in (x, y))
    warped: NDArray[np.uint8] = labels.ravel()[row * size + column]
    return warped


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Write the label model to a folder as ``labels-faces.npz``: the arrays that model files hold. data is not used."""
    return export_model(checkpoints, out, "labels-faces", CLASSES)


def build(options: Options) -> LabelsTask:
    return LabelsTask(options)
