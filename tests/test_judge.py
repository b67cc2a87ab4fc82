"""The discriminator's step: it learns, and what it judges does not learn from it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from sccodec.networks.discriminator import Discriminator  # noqa: E402
from sccodec.training.judge import train_judge  # noqa: E402


def test_the_judge_learns_and_the_judged_does_not() -> None:
    torch.manual_seed(0)
    judge = Discriminator(3, width=8)
    optimiser = torch.optim.Adam(judge.parameters(), lr=1e-3)
    real, fake = torch.rand(2, 3, 64, 64), torch.full((2, 3, 64, 64), 0.5, requires_grad=True)
    fake = fake + 0.01 * torch.rand(2, 3, 64, 64)
    fake.retain_grad()
    labels = torch.zeros(2, 4, 4, dtype=torch.int64)
    losses = [train_judge(judge, optimiser, real, fake, labels).item() for _ in range(12)]
    assert losses[-1] < 0.9 * losses[0], losses
    assert fake.grad is None
