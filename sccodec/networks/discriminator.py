"""The discriminator: patches of a picture, judged together with their labels; training only."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class Discriminator(nn.Module):
    """Logits for patches at 1/8 and 1/16 of the resolution, and the features on the way.

    Spectral and, after the first layer, instance normalisation, as in the paper: without the latter, four layers of
    bounded gain leave logits too small to judge with.

    Takes image [B, 3, H, W] in [0, 1] and labels int64 [B, h, w]. The labels enter through a projection: the logit is a
    bias plus the inner product of the patch's feature with the embedding of its labels (Miyato and Koyama 2018).
    """

    def __init__(self, classes: int, width: int = 48) -> None:
        super().__init__()
        w = width
        # Pixels enter by an unshuffle instead of a stride: every one is seen by the first layer.
        self.convs = nn.ModuleList(
            spectral_norm(layer)
            for layer in (
                nn.Conv2d(12, w, 3, padding=1),
                nn.Conv2d(w, 2 * w, 4, 2, 1),
                nn.Conv2d(2 * w, 3 * w, 4, 2, 1),
                nn.Conv2d(3 * w, 4 * w, 4, 2, 1),
            )
        )
        self.logits = nn.ModuleList(nn.Conv2d(c * w, 1, 1) for c in (3, 4))
        self.embeddings = nn.ModuleList(nn.Embedding(classes, c * w) for c in (3, 4))
        for embedding in self.embeddings:
            assert isinstance(embedding, nn.Embedding)
            nn.init.normal_(embedding.weight, std=0.05)

    def forward(self, image: Tensor, labels: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        h = F.pixel_unshuffle(image * 2 - 1, 2)
        features = []
        for i, conv in enumerate(self.convs):
            h = conv(h) if i == 0 else F.instance_norm(conv(h))
            h = F.leaky_relu(h, 0.2)
            features.append(h)
        logits = []
        for f, head, embedding in zip(features[2:], self.logits, self.embeddings, strict=True):
            classes = embedding(labels).permute(0, 3, 1, 2)
            classes = F.adaptive_avg_pool2d(classes, (f.shape[-2], f.shape[-1]))
            logits.append(head(f) + (f * classes).sum(1, keepdim=True))
        return logits, features


def discriminator_loss(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """-log D(real) - log(1 - D(fake)), averaged over patches and scales (equation 4 of the paper)."""
    terms = [F.softplus(-r.float()).mean() + F.softplus(f.float()).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(terms).mean()


def generator_loss(fake: list[Tensor]) -> Tensor:
    """-log D(fake), averaged over patches and scales."""
    return torch.stack([F.softplus(-f.float()).mean() for f in fake]).mean()


def feature_matching(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Mean absolute difference of the features, averaged over layers."""
    return torch.stack([(r.detach() - f).abs().mean() for r, f in zip(real, fake, strict=True)]).mean()
