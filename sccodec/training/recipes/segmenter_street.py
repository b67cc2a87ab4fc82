"""``sccodec train segmenter-street``: S, the segmenter of street scenes, from CamVid's 367 training pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.networks.backbone import backbone_and_head
from sccodec.networks.pyramid import PyramidConfig, PyramidSegmenter
from sccodec.training import street
from sccodec.training.loop import Clock, Options, Task, device, place, sync_gradients
from sccodec.training.street_export import export_segmenter
from sccodec.training.street_teacher import UNLABELLED_SHARE, Teacher, disagreement

CONFIG = PyramidConfig(classes=street.CLASSES)
BACKBONE_RATE, HEAD_RATE, DECAY = 6e-4, 2.5e-3, 0.02


class StreetTask(Task):
    """Cross-entropy, in which rare classes weigh more, and Dice.

    taught: the installed segmenter ``street`` is a second teacher, by what it finds in the same crops, and in others of
    photographs without labels (Hinton et al. 2015).
    """

    averaged: tuple[str, ...] = ("segmenter",)
    batch = 5

    def __init__(self, options: Options, network: nn.Module, *, taught: bool = False) -> None:
        self.device = device()
        train = street.load(options.data, "train")
        self.crops = street.StreetCrops(train, options.seed)
        self.held = street.load(options.data, "val")
        self.teacher = Teacher(options.data) if taught else None
        if isinstance(network, PyramidSegmenter) and not options.checkpoint.exists():
            network.backbone.load_imagenet()
        place(network)
        self.network = network
        self.modules: dict[str, nn.Module] = {"segmenter": network}
        self.optimisers: dict[str, torch.optim.Optimizer] = {"segmenter": optimiser(network)}
        self.weight = street.class_weights(train.share).to(self.device)

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Crops and their labels, on the device; those without labels stand last."""
        if self.teacher is None:
            images, labels = self.crops.draw(batch, rng)
        else:
            n_others = round(UNLABELLED_SHARE * batch)
            parts = [self.crops.draw(batch - n_others, rng), self.teacher.crops(n_others, rng)]
            images, labels = (torch.cat(part) for part in zip(*parts, strict=True))
        return images.to(self.device, memory_format=torch.channels_last), labels.to(self.device)

    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        images, labels = self.draw(batch, rng)
        logits = self.network.train()(images)
        terms = street.losses(logits, labels, self.weight) | self.others(logits, images)
        self.descend("segmenter", torch.stack(list(terms.values())).sum())
        return {name: term.item() for name, term in terms.items()} | self.after(logits.detach(), images, labels)

    def others(self, logits: Tensor, images: Tensor) -> dict[str, Tensor]:
        """Further losses, weighted."""
        if self.teacher is None:
            return {}
        return {"disagreement": disagreement(logits, self.teacher.probabilities(images))}

    def after(self, logits: Tensor, images: Tensor, labels: Tensor) -> dict[str, float]:
        """What else a step does, and its losses; nothing here."""
        return {}

    def descend(self, name: str, loss: Tensor) -> None:
        """Move one network against the gradient of a loss."""
        self.optimisers[name].zero_grad(set_to_none=True)
        loss.backward()
        sync_gradients(self.modules[name].parameters())
        nn.utils.clip_grad_norm_(self.modules[name].parameters(), 5.0)
        self.optimisers[name].step()

    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[Any]]:
        return street.evaluate(modules["segmenter"].eval(), self.held, self.device)


def optimiser(network: nn.Module) -> torch.optim.Optimizer:
    """AdamW, with a lower rate for what was trained on ImageNet."""
    backbone, head = backbone_and_head(network)
    groups = [{"params": head, "lr": HEAD_RATE}] + ([{"params": backbone, "lr": BACKBONE_RATE}] if backbone else [])
    return torch.optim.AdamW(groups, weight_decay=DECAY)


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Write the model file ``segmenter-street-TAG``, with the refinement of segmenter-street-crf where it is given."""
    return export_segmenter(checkpoints, out, "street", PyramidSegmenter(CONFIG))


def build(options: Options) -> StreetTask:
    return StreetTask(options, PyramidSegmenter(CONFIG))
