"""``sccodec train labels-faces``: the context model of the label-map coder, on maps of 32 to 256 pixels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from sccodec.entropy import label_features as features
from sccodec.entropy.coder import Writer
from sccodec.entropy.labelmap import LabelModel, code
from sccodec.errors import BadInput
from sccodec.labels import pyramid
from sccodec.networks.label_context import (
    CALIBRATION,
    LabelContext,
    LabelContextConfig,
    from_state,
    to_label_model,
)
from sccodec.training.data import FACE_MIRROR, Affine, find_split
from sccodec.training.loop import Clock, Options, device, load_average, sync_gradients

CLASSES = 19
SIZES = (256, 128, 64, 32)
# How many pixels of a batch come from maps of each size, and how many of one map are drawn.
SHARES = (0.16, 0.24, 0.38, 0.22)
FROM_ONE_MAP = (640, 480, 320, 160)
# Inside a region nearly every pixel follows from its neighbours: one in this many is drawn, with this weight.
THINNING = 16
# How often a step warps one of the maps anew: that costs as much as half a step.
RENEWAL = 0.4
AFFINE = Affine(rotation=6.0, zoom=0.07, shift=0.03, untouched=0.35)


class LabelsTask:
    """Cross-entropy of sampled pixels, in bits; maps are mirrored, and warped anew while training goes on.

    Validation codes the held-out maps twice, with the integer model and with the float network: the
    difference is the rate that integers lose.
    """

    averaged = ("label_context",)
    batch = 6144

    def __init__(self, options: Options) -> None:
        self.device = device()
        self.full = load_maps(find_split(options.data, "faces", "train"))
        self.maps = [pyramid_of(m) for m in self.full]
        self.held = [pyramid_of(m) for m in load_maps(find_split(options.data, "faces", "val"))]
        network = LabelContext(LabelContextConfig(CLASSES)).to(self.device)
        network.remember(*(c.to(self.device) for c in self.draw(CALIBRATION, np.random.default_rng(0))[:3]))
        self.modules: dict[str, nn.Module] = {"label_context": network}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "label_context": torch.optim.Adam(network.parameters(), lr=3e-3, betas=(0.9, 0.99))
        }

    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        if rng.random() < RENEWAL:
            at = int(rng.integers(len(self.full)))
            self.maps[at] = pyramid_of(warp(self.full[at], AFFINE, rng))
        rows, scale, seen, target, weight = (t.to(self.device) for t in self.draw(batch, rng))
        network = self.modules["label_context"].train()
        nats = nn.functional.cross_entropy(network(rows, scale, seen) * math.log(2), target, reduction="none")
        loss = (nats * weight).mean()
        optimiser = self.optimisers["label_context"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        sync_gradients(network.parameters())
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        return {"bits_a_drawn_pixel": loss.item() / math.log(2)}

    def draw(self, batch: int, rng: np.random.Generator) -> list[Tensor]:
        parts = []
        for level, share in enumerate(SHARES):
            for _ in range(max(1, round(batch * share / FROM_ONE_MAP[level]))):
                labels = self.maps[int(rng.integers(len(self.maps)))][level]
                if rng.random() < 0.5:
                    labels = mirrored(labels)
                parts.append(sample(labels, FROM_ONE_MAP[level], rng))
        return [torch.from_numpy(np.concatenate(columns)) for columns in zip(*parts, strict=True)]

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
    """The label maps of a folder as they are stored, uint8 [H, W]. Raises BadInput where there are none."""
    paths = sorted((folder / "labels").glob("*.png"))
    if not paths:
        raise BadInput(f"{folder} holds no label maps: expected {folder}/labels/*.png")
    return [np.asarray(Image.open(p), np.uint8) for p in paths]


def pyramid_of(labels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The map at 256, 128, 64 and 32 pixels, by majority. Raises BadInput for maps that are not square."""
    height, width = labels.shape
    if height != width or height % SIZES[0]:
        size = f"{width}x{height}"
        raise BadInput(f"label maps are square, of a multiple of {SIZES[0]} pixels; this one is {size}")
    return pyramid(labels, [height // size for size in SIZES], CLASSES)


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


def contexts(labels: NDArray[np.uint8], pixels: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Features, scale, seen classes and class of flat pixel numbers [n] of one map."""
    shape = (labels.shape[0], labels.shape[1])
    surroundings = features.Surroundings(shape, CLASSES)
    surroundings.fill(labels)
    rows = surroundings.read(surroundings.at(pixels)).astype(np.int64)
    wave = pixels % shape[1] + features.WAVE * (pixels // shape[1])
    seen = features.first_waves(labels, CLASSES) < wave[:, None]
    scale = np.full(pixels.size, features.scale_index(shape))
    return rows, scale, seen.astype(np.float32), labels.ravel()[pixels].astype(np.int64)


def sample(labels: NDArray[np.uint8], count: int, rng: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
    """Contexts of ``count`` pixels, and their weights, whose sum stands for bits a busy pixel of the map."""
    padded = np.pad(labels, ((1, 0), (1, 1)), mode="edge")
    near = (padded[1:, :-2], padded[:-1, 1:-1], padded[:-1, 2:], padded[:-1, :-2])
    busy = np.any([labels != n for n in near], axis=0)
    density = np.where(busy, 1.0, 1.0 / THINNING).ravel()
    pixels = np.searchsorted(np.cumsum(density), rng.random(count) * density.sum()).clip(0, labels.size - 1)
    return (*contexts(labels, pixels), (1.0 / density[pixels]).astype(np.float32))


def coded_bits(labels: NDArray[np.uint8], model: LabelModel) -> float:
    writer = Writer()
    code(writer, "labels", labels, (labels.shape[0], labels.shape[1]), model)
    return writer.bits["labels"]


@torch.no_grad()
def float_bits(network: LabelContext, labels: NDArray[np.uint8]) -> float:
    total = 0.0
    where = next(network.parameters()).device
    for pixels in np.array_split(np.arange(labels.size), -(-labels.size // 8192)):
        rows, scale, seen, target = (torch.from_numpy(a).to(where) for a in contexts(labels, pixels))
        nats = nn.functional.cross_entropy(network(rows, scale, seen) * math.log(2), target, reduction="sum")
        total += nats.item() / math.log(2)
    return total


def to_model(checkpoint: Path) -> LabelModel:
    """The integer label model of a checkpoint's averaged weights."""
    return to_label_model(from_state(load_average(checkpoint, "label_context")))


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Write the label model to a folder as ``labels-faces.npz``: the arrays that model files hold. data is not used."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "labels-faces.npz"
    np.savez_compressed(path, allow_pickle=False, **to_model(checkpoints[0]).to_arrays("labels"))
    return path


def build(options: Options) -> LabelsTask:
    return LabelsTask(options)
