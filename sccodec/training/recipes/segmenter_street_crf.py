"""``sccodec train segmenter-street-crf``: the ConvCRF that refines the maps of the installed segmenter street."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.networks.convcrf import Refinement
from sccodec.training import street
from sccodec.training.loop import Clock, Options, Task, device, place, sync_gradients
from sccodec.training.street_teacher import Teacher

RATE = 0.01


class RefinementTask(Task):
    """Cross-entropy of refined maps; the segmenter stays as it is."""

    averaged = ("refinement",)
    batch = 4

    def __init__(self, options: Options) -> None:
        self.device = device()
        train = street.load(options.data, "train")
        self.crops = street.StreetCrops(train, options.seed)
        self.held = street.load(options.data, "val")
        self.teacher = Teacher(options.data)
        self.refinement = Refinement(street.CLASSES)
        place(self.refinement)
        self.modules: dict[str, nn.Module] = {"refinement": self.refinement}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "refinement": torch.optim.Adam(self.refinement.parameters(), RATE)
        }
        self.weight = street.class_weights(train.share).to(self.device)

    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        images, labels = self.crops.draw(batch, rng)
        images, labels = images.to(self.device), labels.to(self.device)
        logits = self.teacher.probabilities(images).clamp_min(1e-6).log()
        terms = street.losses(self.refinement(logits, guide_of(images, logits)), labels, self.weight)
        self.optimisers["refinement"].zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        sync_gradients(self.refinement.parameters())
        self.optimisers["refinement"].step()
        return {name: term.item() for name, term in terms.items()}

    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[Any]]:
        refinement, teacher = modules["refinement"].eval(), self.teacher

        class Refined(nn.Module):
            def forward(self, images: Tensor) -> Tensor:
                logits = teacher.probabilities(images).clamp_min(1e-6).log()
                refined: Tensor = refinement(logits, guide_of(images, logits))
                return refined

        return street.evaluate(Refined(), self.held, self.device)


def guide_of(images: Tensor, logits: Tensor) -> Tensor:
    """The pictures at the size of the logits."""
    return F.adaptive_avg_pool2d(images, (logits.shape[-2], logits.shape[-1]))


def build(options: Options) -> RefinementTask:
    return RefinementTask(options)
