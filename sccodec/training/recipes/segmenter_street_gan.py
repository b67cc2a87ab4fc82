"""``sccodec train segmenter-street-gan``: segmenter-street with the discriminator of Seg-GAN, and equal in all else.

The start, the seed and every draw are those of segmenter-street: with equal --steps, the difference is the adversarial
loss's.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.networks.pyramid import PyramidSegmenter
from sccodec.networks.seggan import SegDiscriminator, adversarial_loss, discriminator_loss
from sccodec.training import street
from sccodec.training.loop import Options, place
from sccodec.training.recipes.segmenter_street import CONFIG, StreetTask
from sccodec.training.street_export import export_segmenter

LAMBDA = 0.01
RATE = 1e-4
"""The paper's, both."""
MAP_STRIDE = 4
"""The discriminator sees maps, and the pictures beside them, at a quarter of their size."""


class SegGanTask(StreetTask):
    """L_ce + lambda L_adv, and a step of the discriminator after each of S."""

    def __init__(self, options: Options, network: nn.Module) -> None:
        super().__init__(options, network)
        state = torch.get_rng_state()
        self.judge = SegDiscriminator(street.CLASSES)
        torch.set_rng_state(state)  # nothing that S draws may depend on it
        place(self.judge)
        self.modules["discriminator"] = self.judge
        self.optimisers["discriminator"] = torch.optim.Adam(self.judge.parameters(), RATE, (0.9, 0.999))

    def others(self, logits: Tensor, images: Tensor) -> dict[str, Tensor]:
        picture = F.avg_pool2d(images, MAP_STRIDE)
        return {"adversarial": LAMBDA * adversarial_loss(self.judge(found_maps(logits, picture), picture))}

    def after(self, logits: Tensor, images: Tensor, labels: Tensor) -> dict[str, float]:
        picture = F.avg_pool2d(images, MAP_STRIDE)
        found = found_maps(logits, picture)
        known, truth = true_maps(labels, (picture.shape[-2], picture.shape[-1]))
        truth = torch.where(known, truth, found)  # what has no label tells nothing
        loss = discriminator_loss(self.judge(truth, picture), self.judge(found, picture))
        self.descend("discriminator", loss)
        return {"discriminator": loss.item()}


def found_maps(logits: Tensor, like: Tensor) -> Tensor:
    """Probabilities, brought to the height and width of another tensor by mean."""
    return F.adaptive_avg_pool2d(logits.softmax(1), (like.shape[-2], like.shape[-1]))


def true_maps(labels: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Where half of a cell or more is labelled [B, 1, h, w], and the class of most there [B, classes, h, w]."""
    share = street.shares(labels, size)
    most = F.one_hot(share.argmax(1), street.CLASSES).permute(0, 3, 1, 2).float()
    return share.sum(1, keepdim=True) >= 0.5, most


def export(checkpoints: list[Path], out: Path, data: Path | None) -> Path:
    """Write the model file ``segmenter-street_gan-TAG``."""
    return export_segmenter(checkpoints, out, "street_gan", PyramidSegmenter(CONFIG))


def build(options: Options) -> SegGanTask:
    return SegGanTask(options, PyramidSegmenter(CONFIG))
