"""``sccodec train segmenter-faces``: 19 CelebAMask-HQ classes at a quarter of the resolution of a 256x256 face."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.metrics.labels import confusion, mean_iou
from sccodec.networks.backbone import backbone_and_head
from sccodec.networks.segmenter import Segmenter, SegmenterConfig
from sccodec.training import faces
from sccodec.training.loop import Clock, Options, Task, device, place, sync_gradients

SIZE = 256
RARE, RARE_ODDS = (3, 14, 16), 3.0
AFFINE = faces.Affine(rotation=15.0, zoom=0.25, shift=0.08, untouched=0.2)


class SegmenterTask(Task):
    """Cross-entropy and soft Dice on logits brought up to full resolution."""

    averaged = ("segmenter",)
    batch = 16

    def __init__(self, options: Options) -> None:
        self.device = device()
        self.train = faces.load_labelled(faces.find_split(options.data, "faces", "train"), 512)
        self.held = faces.load_labelled(faces.find_split(options.data, "faces", "val"), SIZE)
        network = Segmenter(SegmenterConfig())
        if not options.checkpoint.exists():
            network.backbone.load_imagenet()
        place(network)
        self.modules: dict[str, nn.Module] = {"segmenter": network}
        backbone, head = backbone_and_head(network)
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "segmenter": torch.optim.AdamW(
                [{"params": backbone, "lr": 5e-4}, {"params": head, "lr": 2e-3}], weight_decay=0.02
            )
        }
        share = np.bincount(self.train.labels.ravel(), minlength=19) / self.train.labels.size
        self.weight = torch.tensor((share + 1e-3) ** -0.25, dtype=torch.float32, device=self.device)
        self.weight /= self.weight.mean()
        # Glasses, hats and necklaces are on few pictures: those are drawn more often.
        rare = np.isin(self.train.labels, RARE).mean((1, 2)) > 0
        self.odds = np.where(rare, RARE_ODDS, 1.0) / np.where(rare, RARE_ODDS, 1.0).sum()

    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        images, labels = faces.sample_batch(self.train, batch, SIZE, AFFINE, rng, self.odds)
        images = jitter(images, rng).to(self.device, memory_format=torch.channels_last)
        labels = labels.to(self.device)
        network = self.modules["segmenter"].train()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = network(images)
        # The loss at half resolution costs a quarter and still sees features two pixels wide.
        logits = nn.functional.interpolate(logits.float(), scale_factor=2.0, mode="bilinear", align_corners=False)
        labels = labels[:, ::2, ::2]
        entropy = nn.functional.cross_entropy(logits, labels, self.weight)
        dice = soft_dice(logits.softmax(1), labels)
        optimiser = self.optimisers["segmenter"]
        optimiser.zero_grad(set_to_none=True)
        (entropy + dice).backward()
        sync_gradients(network.parameters())
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        return {"cross_entropy": entropy.item(), "dice": dice.item()}

    @torch.no_grad()
    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[Any]]:
        network = modules["segmenter"].eval()
        counts = np.zeros((19, 19), np.int64)
        rows = []
        for i in range(len(self.held)):
            x = torch.from_numpy(self.held.images[i]).permute(2, 0, 1)[None].float().to(self.device) / 255
            logits = network(x.to(memory_format=torch.channels_last))
            logits = nn.functional.interpolate(logits, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
            predicted = logits[0].argmax(0).to(torch.uint8).cpu().numpy()
            counts += confusion(predicted, self.held.labels[i], 19)
            if i < 6:
                maps = [np.repeat(m[..., None] * 13, 3, 2) for m in (self.held.labels[i], predicted)]
                rows.append(np.concatenate([self.held.images[i], *maps], 1))
        miou, per_class = mean_iou(counts)
        figures = {"miou": miou} | {f"iou_{c}": float(v) for c, v in enumerate(per_class)}
        return figures, np.concatenate(rows, 0)


def soft_dice(probability: Tensor, labels: Tensor) -> Tensor:
    """One minus the Dice coefficient, averaged over the classes that occur in the batch."""
    truth = nn.functional.one_hot(labels, probability.shape[1]).permute(0, 3, 1, 2).to(probability.dtype)
    overlap = (probability * truth).sum((0, 2, 3))
    total = probability.sum((0, 2, 3)) + truth.sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    return 1 - (2 * overlap[present] / (total[present] + 1)).mean()


def jitter(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Change brightness, contrast and saturation of each picture by up to a quarter."""
    n = len(images)
    gain = torch.from_numpy(rng.uniform(0.75, 1.25, (3, n, 1, 1, 1))).float()
    images = images * gain[0]
    mean = images.mean((1, 2, 3), keepdim=True)
    images = (images - mean) * gain[1] + mean
    grey = images.mean(1, keepdim=True)
    return ((images - grey) * gain[2] + grey).clamp(0, 1)


def build(options: Options) -> SegmenterTask:
    return SegmenterTask(options)
