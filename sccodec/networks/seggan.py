"""The discriminator of Seg-GAN (Zhao et al.): label maps, found or true, judged region by region; training only."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from sccodec.networks.convcrf import ConvCRF, distances

CRFS = 4
WIDTHS = (64, 128, 256, 512, 1)
SMOOTHED = 0.05
"""How much of each label is spread over all classes: a true map's probabilities have logarithms then."""


class SegDiscriminator(nn.Module):
    """Four ConvCRF layers, and five 3x3 convolutions of stride 2 with LeakyReLU between them (section 3.2).

    Takes probabilities [B, classes, h, w] and the picture [B, 3, h, w] in [0, 1], by which the CRFs tell what belongs
    together; gives the confidence map's logits [B, 1, h/32, w/32], rounded up: each judges a region.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.crfs = nn.ModuleList(ConvCRF(classes) for _ in range(CRFS))
        widths = (classes, *WIDTHS)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(widths[:-1], widths[1:], strict=True))

    def forward(self, probabilities: Tensor, picture: Tensor) -> Tensor:
        of_guide = distances(picture)
        classes = probabilities.shape[1]
        q = probabilities * (1 - SMOOTHED) + SMOOTHED / classes
        for crf in self.crfs:
            q = crf(q.log(), q, of_guide).softmax(1)
        h = q
        for conv in self.convs[:-1]:
            h = F.leaky_relu(conv(h), 0.2)
        logits: Tensor = self.convs[-1](h)
        return logits


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(true map) - log(1 - D(found map)), of the confidence maps' logits, averaged (equation 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def adversarial_loss(fake: Tensor) -> Tensor:
    """-log D(found map), averaged (equation 4)."""
    return F.softplus(-fake).mean()
