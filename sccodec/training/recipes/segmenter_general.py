"""``sccodec train segmenter-general``: region classes of any photograph, found without labels.

Clusters of ImageNet features over the training photographs (``training.clusters``) are the teacher; the segmenter
learns to give them from one pass, at cells of 16x16 pixels, where the codec's maps have their samples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.errors import BadInput
from sccodec.networks.backbone import backbone_and_head
from sccodec.networks.segmenter import Segmenter, SegmenterConfig
from sccodec.training.clusters import CELL, CLASSES, Clusters, class_colours, whole_cells
from sccodec.training.loop import Clock, Options, Task, device, place, sync_gradients
from sccodec.training.photos import HELD_EVERY, Photo, as_tensor, load_photos, training_photos

CROP = 256
SCALES = (1.0, 0.6)
EXTRA_SCALE, EXTRA_SHARE, MOST_EXTRAS = 0.75, 0.2, 240
"""Pictures of other kinds than photographs (faces, streets): their size, their share of the crops, their number."""
FITTED = 300
"""Pictures in which the classes are found."""


class SegmenterTask(Task):
    """Cross-entropy against the teacher's probabilities, a cell's logits being the mean over its 4x4 outputs."""

    averaged = ("segmenter",)

    def __init__(self, options: Options) -> None:
        self.device = device()
        self.photos, self.odds, self.held = load(options.data)
        network = Segmenter(SegmenterConfig(CLASSES))
        clusters = Clusters(CLASSES)
        if not options.checkpoint.exists():
            network.backbone.load_imagenet()
            clusters.backbone.load_imagenet()
            rng = np.random.default_rng(options.seed)
            chosen = rng.choice(len(self.photos), min(FITTED, len(self.photos)), replace=False, p=self.odds)
            clusters.fit((as_tensor(self.photos[i]) for i in chosen), options.seed)
        place(network)
        place(clusters)
        self.modules: dict[str, nn.Module] = {"segmenter": network, "clusters": clusters}
        self.targets: dict[int, Tensor] = {}
        backbone, head = backbone_and_head(network)
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "segmenter": torch.optim.AdamW(
                [{"params": backbone, "lr": 3e-4}, {"params": head, "lr": 3e-3}], weight_decay=0.02
            )
        }

    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        images, targets = self.draw(batch, rng)
        network = self.modules["segmenter"].train()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = network(images.to(self.device, memory_format=torch.channels_last))
        logits = by_cell(logits.float())
        targets = targets.to(self.device)
        loss = F.cross_entropy(logits, targets)
        optimiser = self.optimisers["segmenter"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        sync_gradients(network.parameters())
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        same = (logits.argmax(1) == targets.argmax(1)).float().mean()
        return {"cross_entropy": loss.item(), "same": same.item()}

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Crops [B, 3, S, S] and what the teacher gives there, [B, classes, S/16, S/16], from the whole pictures."""
        images, targets = [], []
        side = CROP // CELL
        for index in rng.choice(len(self.photos), batch, p=self.odds).tolist():
            target = self.target(index)
            top, left = (int(rng.integers(n - side + 1)) for n in target.shape[1:])
            rows, columns = (slice(CELL * at, CELL * at + CROP) for at in (top, left))
            image = torch.from_numpy(self.photos[index][rows, columns].copy()).permute(2, 0, 1).float() / 255
            target = target[:, top : top + side, left : left + side]
            mirror = rng.random() < 0.5
            images.append(image.flip(2) if mirror else image)
            targets.append((target.flip(2) if mirror else target).float())
        return torch.stack(images), torch.stack(targets)

    def target(self, index: int) -> Tensor:
        """The teacher's probabilities of a picture [classes, h, w], kept in half precision."""
        if index not in self.targets:  # not when the task is built: a resumed one gets its clusters after that
            picture = as_tensor(self.photos[index]).to(self.device)
            self.targets[index] = self.modules["clusters"](picture)[0].half().cpu()
        return self.targets[index]

    @torch.no_grad()
    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[Any]]:
        network, clusters = modules["segmenter"].eval(), modules["clusters"]
        same, losses = [], []
        shown: list[NDArray[np.uint8]] = []
        colours = class_colours(CLASSES)
        used = np.zeros(CLASSES)
        for photo in self.held:
            picture = as_tensor(photo).to(self.device)
            target = clusters(picture)
            logits = by_cell(network(picture.to(memory_format=torch.channels_last)))
            losses.append(F.cross_entropy(logits, target).item())
            maps = [m[0].argmax(0).cpu().numpy() for m in (target, logits)]
            same.append((maps[0] == maps[1]).mean())
            used += np.bincount(maps[1].ravel(), minlength=CLASSES) / maps[1].size / len(self.held)
            if len(shown) < 6:
                tiles = [photo, *(colours[m].repeat(CELL, 0).repeat(CELL, 1) for m in maps)]
                shown.append(np.concatenate([t[:CROP, :CROP] for t in tiles], 1))
        figures = {"cross_entropy": float(np.mean(losses)), "same": float(np.mean(same))}
        figures["perplexity"] = float(np.exp(-(used[used > 0] * np.log(used[used > 0])).sum()))
        return figures, np.concatenate(shown, 0)


def by_cell(logits: Tensor) -> Tensor:
    """Logits [B, classes, H/4, W/4] of 4x4 pixels -> [B, classes, H/16, W/16] of cells, by mean."""
    return F.avg_pool2d(logits, CELL // 4)


def load(data: Path) -> tuple[list[Photo], NDArray[np.float64], list[Photo]]:
    """Pictures below a folder, the odds of drawing each [N], and held-out photographs: sides are multiples of 16.

    Raises BadInput where no photograph of at least 256 pixels a side is left.
    """
    paths, extras = training_photos(data)
    held = whole_cells(load_photos(paths[::HELD_EVERY], least=CROP))
    photos = whole_cells(load_photos([p for i, p in enumerate(paths) if i % HELD_EVERY], SCALES, least=CROP))
    if not held or not photos:
        raise BadInput(
            f"{data}: too few photographs of at least {CROP} pixels a side; every {HELD_EVERY}nd is held out"
        )
    others = whole_cells(load_photos(extras[:: max(1, -(-len(extras) // MOST_EXTRAS))], (EXTRA_SCALE,), least=CROP))
    size = [np.array([p.size for p in group], np.float64) for group in (photos, others)]
    # By the root of its size: a large photograph has more to show, but less of it is new.
    odds = [np.sqrt(s) / np.sqrt(s).sum() for s in size if s.size]
    if others:
        odds = [odds[0] * (1 - EXTRA_SHARE), odds[1] * EXTRA_SHARE]
    return photos + others, np.concatenate(odds), held


def build(options: Options) -> SegmenterTask:
    return SegmenterTask(options)
