"""What a recipe and the loop agree on: the options of a run, its clock, and a task."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.errors import BadInput


@dataclass(frozen=True)
class Options:
    """What the command line sets.

    minutes: wall-clock budget of the run; steps: its budget of steps. One of them at least; the run ends with whichever
    ends first. cooldown: its last share, in which the learning rate falls to zero along a cosine; before it the rate is
    constant, so that a training may have any number of runs. recipe: its name, which checkpoints keep.

    Raises BadInput for budgets that are none.
    """

    data: Path
    out: Path
    minutes: float | None = None
    resume: bool = False
    batch: int | None = None
    threads: int | None = None
    seed: int = 0
    cooldown: float = 0.3
    validate_minutes: float = 6.0
    init: tuple[Path, ...] = ()
    steps: int | None = None
    recipe: str = ""

    def __post_init__(self) -> None:
        if self.minutes is None and self.steps is None:
            raise BadInput("a run needs a budget: give its minutes, its steps, or both")
        if self.minutes is not None and not (math.isfinite(self.minutes) and self.minutes > 0):
            raise BadInput(f"the minutes of a run are a number above 0, not {self.minutes}")
        if self.steps is not None and self.steps < 1:
            raise BadInput(f"a run has 1 step at least, not {self.steps}")
        if self.seed < 0:
            raise BadInput(f"seeds are 0 and above, not {self.seed}")

    @property
    def checkpoint(self) -> Path:
        """Where the run keeps what it has learned."""
        return self.out / "checkpoint.pt"


@dataclass
class Clock:
    """Of a run, which --resume may have cut into several stretches, and of the training, which may have several runs.

    minutes, budget: the run's, in time and in steps; one of them may be None. steps: of the training. first: those that
    it had when the run began. run_seconds, earlier_seconds: of the run and of the training, before this stretch.
    agreed: the progress that all processes take this step to be at.
    """

    minutes: float | None = None
    earlier_seconds: float = 0.0
    steps: int = 0
    started: float = field(default_factory=time.monotonic)
    budget: int | None = None
    first: int = 0
    run_seconds: float = 0.0
    agreed: float | None = None

    def elapsed(self) -> float:
        """Seconds of this stretch."""
        return time.monotonic() - self.started

    def progress(self) -> float:
        """Share of the run's budget that is spent, 0 to 1: of its minutes or of its steps, whichever is the larger."""
        if self.agreed is not None:
            return self.agreed
        shares = [0.0]
        if self.minutes is not None:
            shares.append((self.run_seconds + self.elapsed()) / (60 * self.minutes))
        if self.budget is not None:
            shares.append((self.steps - self.first) / self.budget)
        return min(1.0, max(shares))


class Task(ABC):
    """What a recipe hands to the loop, which builds it and gives its networks their weights.

    modules: by the names that they have in checkpoints. averaged: those of which a moving average is kept and exported;
    the others are kept as they are. optimisers: by name. batch: pictures a step, where the command line names none.
    least_batch: fewer are refused. needed: networks that --init must bring where a training begins.
    """

    modules: dict[str, nn.Module]
    optimisers: dict[str, torch.optim.Optimizer]
    averaged: tuple[str, ...]
    batch: int = 8
    least_batch: int = 1
    needed: tuple[str, ...] = ()

    def prepare(self, steps: int) -> None:  # noqa: B027 - most need nothing
        """What takes the weights of --init, or of the checkpoint, which a task has not yet when it is built.

        steps: made so far.
        """

    def drawn_so_far(self) -> dict[str, Tensor]:
        """What the next draws depend on beside weights, steps and generators, for the checkpoint; most need nothing.

        Each process keeps its own.
        """
        return {}

    def go_on_drawing(self, kept: dict[str, Tensor]) -> None:  # noqa: B027 - most need nothing
        """Take back what drawn_so_far() gave, before prepare()."""

    @abstractmethod
    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        """One optimisation step; gives the losses to log."""

    @abstractmethod
    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[Any]]:
        """Figures on held-out pictures and a sample sheet, uint8 [H, W, 3]. It changes nothing that a step reads.

        modules: all, with the averages of those that have one.
        """
