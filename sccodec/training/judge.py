"""A step of the discriminator, which recipes of generators share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sccodec.networks.discriminator import discriminator_loss
from sccodec.training.loop import sync_gradients


def train_judge(
    judge: nn.Module, optimiser: torch.optim.Optimizer, real: Tensor, fake: Tensor, labels: Tensor
) -> Tensor:
    """Tell pictures [B, 3, H, W] from decoded ones, given labels [B, h, w]; gives the loss, and fake no gradient."""
    with torch.autocast(real.device.type, dtype=torch.bfloat16):
        logits, _ = judge(torch.cat([real, fake.detach()]), torch.cat([labels, labels]))
    halves = [x.chunk(2) for x in logits]
    loss = discriminator_loss([h[0] for h in halves], [h[1] for h in halves])
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    sync_gradients(judge.parameters())
    optimiser.step()
    return loss.detach()
