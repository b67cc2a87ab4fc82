"""A training of a few weights that draws from every random generator, and the command line with it as a recipe.

As a program it is `sccodec`, with one recipe, "noisy"; SEND=step:signal,.. in the environment has it send itself
signals within those steps, of the process of rank RANK_SENDS where there are several.
"""

from __future__ import annotations

import os
import random
import sys
import time
from types import ModuleType

import numpy as np
import torch
from torch import nn

from sccodec.training import loop


class Noisy(loop.Task):
    """Fit y = 3 x + 1, with noise of numpy, torch and python, dropout, batch norm, and draws that depend on a state."""

    averaged = ("net",)
    batch = 8
    of_progress = 1.0
    """Weight of what one of the networks learns: the progress of the run."""

    def __init__(self, options: loop.Options) -> None:
        self.modules: dict[str, nn.Module] = {
            "net": nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Linear(4, 1)),
            "judge": nn.Linear(1, 1),
        }
        parameters = [p for module in self.modules.values() for p in module.parameters()]
        self.optimisers: dict[str, torch.optim.Optimizer] = {"all": torch.optim.Adam(parameters, lr=0.05)}
        self.walk = torch.zeros(3)
        self.rates: list[float] = []
        self.sends = dict(part.split(":") for part in os.environ.get("SEND", "").split(",") if part)

    def step(self, batch: int, rng: np.random.Generator, clock: loop.Clock) -> dict[str, float]:
        if os.environ.get("RANK", "0") == os.environ.get("RANK_SENDS", "0"):
            for number in self.sends.get(str(clock.steps), "").split("+"):
                if number:
                    os.kill(os.getpid(), int(number))
                    time.sleep(0.05)
        self.walk += torch.from_numpy(rng.normal(size=3)).float()
        x = torch.from_numpy(rng.normal(size=(batch, 1))).float() + 0.1 * self.walk.mean()
        y = 3 * x + 1 + 0.1 * torch.randn(batch, 1) + 0.1 * random.random()
        net = self.modules["net"].train()
        loss = (net(x) - y).square().mean()
        loss = loss + self.of_progress * (self.modules["judge"](x) - clock.progress()).square().mean()
        self.optimisers["all"].zero_grad()
        loss.backward()
        loop.sync_gradients(p for module in self.modules.values() for p in module.parameters())
        self.optimisers["all"].step()
        self.rates.append(self.optimisers["all"].param_groups[0]["lr"])
        return {"loss": loss.item()}

    def drawn_so_far(self) -> dict[str, torch.Tensor]:
        return {"walk": self.walk}

    def go_on_drawing(self, kept: dict[str, torch.Tensor]) -> None:
        self.walk = kept["walk"].clone()

    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], np.ndarray]:
        if number := self.sends.get("validation"):
            os.kill(os.getpid(), int(number))
            time.sleep(30)
        return {"drawn": torch.rand(()).item() + random.random()}, np.zeros((4, 4, 3), np.uint8)


def main(arguments: list[str]) -> None:
    from sccodec.cli import _recipes
    from sccodec.cli import main as command_line

    recipe = ModuleType("noisy")
    recipe.build = Noisy  # type: ignore[attr-defined]
    _recipes.load = lambda name: recipe  # type: ignore[assignment,return-value]
    command_line(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
