"""Training of the label coder's context model: contexts of drawn samples, and what maps take, coded and ideal."""

from __future__ import annotations

import io
import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.entropy.coder import Writer
from sccodec.errors import BadInput
from sccodec.labels import features
from sccodec.labels.coding import LabelModel, code
from sccodec.networks.labels import CALIBRATION, LabelContext, LabelContextConfig, from_state, to_label_model
from sccodec.training.loop import Clock, Task, device, sync_gradients
from sccodec.training.state import load_average, only_one, write_bytes

# Inside a region nearly every sample follows from its neighbours: one in this many is drawn, with this weight.
THINNING = 16

LabelMap = NDArray[np.uint8]


class ContextTask(Task):
    """Cross-entropy of drawn samples, in bits. A recipe says from which maps, and how those change.

    decay: weight decay, for recipes of few maps: contexts that are seldom seen then say little.
    """

    averaged = ("label_context",)
    batch = 6144

    def __init__(self, classes: int, decay: float = 0.0) -> None:
        self.device = device()
        self.classes = classes
        network = LabelContext(LabelContextConfig(classes)).to(self.device)
        self.modules: dict[str, nn.Module] = {"label_context": network}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "label_context": torch.optim.AdamW(network.parameters(), lr=3e-3, betas=(0.9, 0.99), weight_decay=decay)
        }

    @abstractmethod
    def drawn(self, batch: int, rng: np.random.Generator) -> Iterable[tuple[LabelMap, int]]:
        """Maps, and how many samples to take from each, ``batch`` in all or about as many."""

    def renew(self, rng: np.random.Generator) -> None:
        """Let the maps change before a step."""

    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        self.renew(rng)
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
        """Features, scale, seen classes, class and weight of drawn samples."""
        parts = [sample(labels, count, rng, self.classes) for labels, count in self.drawn(batch, rng)]
        return [torch.from_numpy(np.concatenate(columns)) for columns in zip(*parts, strict=True)]

    def remember(self) -> None:
        """Keep typical inputs with the weights; to be called once, when there are maps."""
        network = self.modules["label_context"]
        assert isinstance(network, LabelContext)
        network.remember(*(c.to(self.device) for c in self.draw(CALIBRATION, np.random.default_rng(0))[:3]))


def contexts(labels: LabelMap, pixels: NDArray[np.int64], classes: int) -> tuple[NDArray[np.generic], ...]:
    """Features, scale, seen classes and class of flat pixel numbers [n] of one map."""
    shape = (labels.shape[0], labels.shape[1])
    surroundings = features.Surroundings(shape, classes)
    surroundings.fill(labels)
    rows = surroundings.read(surroundings.at(pixels)).astype(np.int64)
    wave = pixels % shape[1] + features.WAVE * (pixels // shape[1])
    seen = features.first_waves(labels, classes) < wave[:, None]
    scale = np.full(pixels.size, features.scale_index(shape))
    return rows, scale, seen.astype(np.float32), labels.ravel()[pixels].astype(np.int64)


def sample(labels: LabelMap, count: int, rng: np.random.Generator, classes: int) -> tuple[NDArray[np.generic], ...]:
    """Contexts of ``count`` pixels, and their weights, whose sum stands for bits a busy pixel of the map."""
    padded = np.pad(labels, ((1, 0), (1, 1)), mode="edge")
    near = (padded[1:, :-2], padded[:-1, 1:-1], padded[:-1, 2:], padded[:-1, :-2])
    busy = np.any([labels != n for n in near], axis=0)
    density = np.where(busy, 1.0, 1.0 / THINNING).ravel()
    pixels = np.searchsorted(np.cumsum(density), rng.random(count) * density.sum()).clip(0, labels.size - 1)
    return (*contexts(labels, pixels, classes), (1.0 / density[pixels]).astype(np.float32))


def coded_bits(labels: LabelMap, model: LabelModel) -> float:
    writer = Writer()
    code(writer, "labels", labels, (labels.shape[0], labels.shape[1]), model)
    return writer.bits["labels"]


@torch.no_grad()
def float_bits(network: LabelContext, labels: LabelMap) -> float:
    total = 0.0
    where = next(network.parameters()).device
    for pixels in np.array_split(np.arange(labels.size), -(-labels.size // 8192)):
        rows, scale, seen, target = (
            torch.from_numpy(a).to(where) for a in contexts(labels, pixels, network.config.classes)
        )
        nats = nn.functional.cross_entropy(network(rows, scale, seen) * math.log(2), target, reduction="sum")
        total += nats.item() / math.log(2)
    return total


def context_of(weights: Mapping[str, Tensor], classes: int, where: str) -> LabelContext:
    """The context model of these weights; raises BadInput, which names where they are from, for any others."""
    try:
        network = from_state(dict(weights))
    except (KeyError, RuntimeError, ValueError) as error:
        raise BadInput(f"the network label_context in {where} is not whole, or of another version") from error
    if network.config.classes != classes:
        raise BadInput(f"the network label_context in {where} is of {network.config.classes} classes, not {classes}")
    return network


def export_model(checkpoints: Sequence[Path], out: Path, name: str, classes: int) -> Path:
    """Write a checkpoint's label model to a folder as ``<name>.npz``: the arrays that model files hold.

    Raises BadInput for several checkpoints, and for one that holds no label model of so many classes.
    """
    checkpoint = only_one(checkpoints)
    network = context_of(load_average(checkpoint, "label_context"), classes, str(checkpoint))
    arrays = to_label_model(network).to_arrays("labels")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    path = out / f"{name}.npz"
    write_bytes(path, buffer.getvalue())
    return path
