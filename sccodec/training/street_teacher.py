"""A second teacher for small segmenters: what an installed one finds in pictures, with labels and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sccodec import bundle
from sccodec.errors import BadInput
from sccodec.training import street
from sccodec.training.photos import HELD_EVERY, load_photos, training_photos

VARIANT = "street"
UNLABELLED_SHARE = 0.3
"""How many crops of a batch are of photographs, which nobody has labelled."""
LEAST_SIDE = 240


class Teacher:
    """The installed segmenter of street scenes, and photographs to ask it about.

    Raises BadInput where there are no photographs, ModelNotFound where no such segmenter is installed.
    """

    def __init__(self, data: Path) -> None:
        self.network = bundle.default("segmenter", VARIANT).network("segmenter")
        paths = [p for i, p in enumerate(training_photos(data)[0]) if i % HELD_EVERY]
        self.photos = load_photos(paths, (0.75,), least=LEAST_SIDE)
        if not self.photos:
            raise BadInput(f"{data}: no photograph has {LEAST_SIDE} pixels a side at three quarters of its size")

    def crops(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Crops of photographs as street.StreetCrops draws them, all of whose labels are VOID."""
        chosen = rng.integers(len(self.photos), size=batch).tolist()
        found = [street.crop(self.photos[index], None, rng) for index in chosen]
        images = torch.cat([image for image, _ in found])
        return street.jitter(images, rng), torch.cat([labels for _, labels in found]).long()

    def probabilities(self, images: Tensor) -> Tensor:
        """What it finds in pictures [B, 3, H, W]: [B, classes, h, w], at the size of its logits."""
        arrays = images.contiguous().cpu().numpy()
        logits = [self.network.run({"image": picture[None]})[0] for picture in arrays]
        return torch.from_numpy(np.concatenate(logits)).to(images.device).softmax(1)


def disagreement(logits: Tensor, taught: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the teacher's probabilities [B, classes, h, w] from the logits', in the mean."""
    found = F.log_softmax(logits.float(), 1)
    return F.kl_div(found, taught, reduction="none").sum(1).mean()
