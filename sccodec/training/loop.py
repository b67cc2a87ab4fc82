"""The training loop every recipe runs in: time budget, resume, moving average, log, samples, several devices.

A recipe supplies a ``Task``: its networks, its optimisers, one step, one validation. The loop owns the clock. A
checkpoint holds tensors and numbers only, is written under a temporary name and renamed, and is read without unpickling
code.
"""

from __future__ import annotations

import copy
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from sccodec.errors import BadInput
from sccodec.training.state import initialise, read_checkpoint

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Options:
    """What the command line sets.

    minutes: wall-clock budget of this run. cooldown: its last share, in which the learning rate falls to zero along a
    cosine; before it the rate is constant, so that a run may be resumed any number of times.
    """

    data: Path
    out: Path
    minutes: float
    resume: bool = False
    batch: int | None = None
    threads: int | None = None
    seed: int = 0
    cooldown: float = 0.3
    validate_minutes: float = 6.0
    init: tuple[Path, ...] = ()


@dataclass
class Clock:
    """Seconds and steps since the run began, and since the first run of a resumed training."""

    minutes: float
    earlier_seconds: float = 0.0
    steps: int = 0
    started: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def progress(self) -> float:
        """Share of this run's budget that is spent, 0 to 1."""
        return min(1.0, self.elapsed() / (60 * self.minutes))


class Task(ABC):
    """What a recipe hands to the loop, which builds it and gives its networks their weights.

    modules: by the names that they have in checkpoints. averaged: those of which a moving average is kept and exported;
    the others are kept as they are. optimisers: by name. batch: pictures a step, where the command line names none.
    """

    modules: dict[str, nn.Module]
    optimisers: dict[str, torch.optim.Optimizer]
    averaged: tuple[str, ...]
    batch: int = 8

    def prepare(self, steps: int) -> None:  # noqa: B027 - most need nothing
        """What takes the weights of --init, or of the checkpoint, which a task has not yet when it is built.

        steps: made so far.
        """

    @abstractmethod
    def step(self, batch: int, rng: np.random.Generator, clock: Clock) -> dict[str, float]:
        """One optimisation step; gives the losses to log."""

    @abstractmethod
    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], NDArray[Any]]:
        """Figures on held-out pictures and a sample sheet, uint8 [H, W, 3].

        modules: all, with the averages of those that have one.
        """


def device() -> torch.device:
    """The GPU of this process where there is one, otherwise the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def place(module: Network) -> Network:
    """Move a network to this process's device, its convolutions in channels_last."""
    module.to(device()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module


def sync_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average gradients over the processes of torch's distributed launcher; alone, do nothing."""
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    whole = torch.cat([g.reshape(-1) for g in gradients])  # one message: hundreds of small ones take far longer
    dist.all_reduce(whole)
    whole /= dist.get_world_size()
    for gradient, mean in zip(gradients, whole.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def agreed(value: float) -> float:
    """The first process's value, in all of them: they must stop after the same step, and cool down alike."""
    if not dist.is_initialized():
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=device())
    dist.broadcast(shared, 0)
    return shared.item()


def train(build: Callable[[Options], Task], options: Options, report: Callable[[str], None]) -> Path:
    """Run a task until its minutes are over; gives the path of the checkpoint.

    Raises BadInput where it would overwrite the checkpoint of an earlier training.
    """
    if "RANK" not in os.environ or dist.is_initialized():
        return run(build, options, report)
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(device())
    try:
        return run(build, options, report)
    finally:
        dist.destroy_process_group()  # a process that ends with its threads still running may abort


def run(build: Callable[[Options], Task], options: Options, report: Callable[[str], None]) -> Path:
    """``train`` in a process that belongs to its group already, or to none."""
    rank = dist.get_rank() if dist.is_initialized() else 0
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.exists() and not options.resume:
        raise BadInput(f"{checkpoint} is an earlier training's: go on with --resume, or choose another folder")
    task = build(options)
    if options.init:
        report(f"from {', '.join(map(str, options.init))}: {', '.join(initialise(task.modules, options.init))}")
    average = {name: clone(task.modules[name]) for name in task.averaged}
    clock = Clock(options.minutes)
    if checkpoint.exists():
        restore(checkpoint, task, average, clock)
        report(f"resumed at step {clock.steps}")
    task.prepare(clock.steps)
    rates = {name: [g["lr"] for g in o.param_groups] for name, o in task.optimisers.items()}
    rng = np.random.default_rng((options.seed, rank, clock.steps))
    batch = options.batch or task.batch
    last_log = last_validation = time.monotonic()
    sums: dict[str, list[float]] = {}
    while (progress := agreed(clock.progress())) < 1:
        schedule(task, rates, clock.steps, progress, options.cooldown)
        for key, value in task.step(batch, rng, clock).items():
            sums.setdefault(key, []).append(value)
        clock.steps += 1
        for name, module in average.items():
            update_average(module, task.modules[name], clock.steps)
        now = time.monotonic()
        if rank == 0 and now - last_log > 20:
            row: dict[str, object] = {
                "step": clock.steps,
                "seconds": round(clock.earlier_seconds + clock.elapsed(), 1),
            }
            row |= {key: round(float(np.mean(values)), 4) for key, values in sums.items()}
            write_log(options.out / "log.jsonl", row)
            report(" ".join(f"{k} {v}" for k, v in row.items()))
            sums, last_log = {}, now
        if rank == 0 and now - last_validation > 60 * options.validate_minutes:
            validate(task, average, clock, options, report)
            save(checkpoint, task, average, clock, rates)
            last_validation = time.monotonic()
    if rank == 0:
        validate(task, average, clock, options, report)
        save(checkpoint, task, average, clock, rates)
    return checkpoint


def schedule(task: Task, rates: dict[str, list[float]], steps: int, progress: float, cooldown: float) -> None:
    """A short linear warm-up, a constant rate, and a cosine to zero over the run's last share."""
    warm = min(1.0, (steps + 1) / 100)
    late = max(0.0, (progress - (1 - cooldown)) / cooldown) if cooldown > 0 else 0.0
    factor = warm * (0.5 + 0.5 * float(np.cos(np.pi * late)))
    for name, optimiser in task.optimisers.items():
        for group, rate in zip(optimiser.param_groups, rates[name], strict=True):
            group["lr"] = rate * factor


def validate(
    task: Task, average: dict[str, nn.Module], clock: Clock, options: Options, report: Callable[[str], None]
) -> None:
    figures, sheet = task.validate(task.modules | average)
    row: dict[str, object] = {"step": clock.steps, "validation": {k: round(v, 4) for k, v in figures.items()}}
    write_log(options.out / "log.jsonl", row)
    Image.fromarray(sheet).save(options.out / f"sample-{clock.steps:07d}.png")
    report("validation " + " ".join(f"{k} {v:.4f}" for k, v in figures.items()))


def clone(module: nn.Module) -> nn.Module:
    """A copy that takes no gradients."""
    twin = copy.deepcopy(module)
    for p in twin.parameters():
        p.requires_grad_(False)
    return twin


@torch.no_grad()
def update_average(average: nn.Module, module: nn.Module, steps: int) -> None:
    """Exponential moving average of parameters; buffers are copied."""
    decay = min(0.998, (1 + steps) / (10 + steps))
    mine: list[Tensor] = list(average.parameters())
    torch._foreach_lerp_(mine, [p.detach() for p in module.parameters()], 1 - decay)
    for a, b in zip(average.buffers(), module.buffers(), strict=True):
        a.copy_(b)


def save(path: Path, task: Task, average: dict[str, nn.Module], clock: Clock, rates: dict[str, list[float]]) -> None:
    for name, optimiser in task.optimisers.items():
        for group, rate in zip(optimiser.param_groups, rates[name], strict=True):
            group["lr"] = rate
    state = {
        "steps": clock.steps,
        "seconds": clock.earlier_seconds + clock.elapsed(),
        "modules": {k: m.state_dict() for k, m in task.modules.items()},
        "average": {k: m.state_dict() for k, m in average.items()},
        "optimisers": {k: o.state_dict() for k, o in task.optimisers.items()},
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def restore(path: Path, task: Task, average: dict[str, nn.Module], clock: Clock) -> None:
    state = read_checkpoint(path)
    for name, module in task.modules.items():
        module.load_state_dict(state["modules"][name])
    for name, module in average.items():
        module.load_state_dict(state["average"][name])
    for name, optimiser in task.optimisers.items():
        optimiser.load_state_dict(state["optimisers"][name])
    clock.steps, clock.earlier_seconds = state["steps"], state["seconds"]


def load_average(path: Path, name: str) -> dict[str, Tensor]:
    """The averaged weights of one network of a checkpoint; raises BadInput where it holds none of that name."""
    weights: dict[str, dict[str, Tensor]] = read_checkpoint(path)["average"]
    if name not in weights:
        raise BadInput(f"{path} holds no network {name}; it holds: {', '.join(weights)}")
    return weights[name]


def tiled(rows: Tensor) -> NDArray[Any]:
    """uint8 [R, N, 3, H, W] -> [R * H, N * W, 3]."""
    r, n, _, h, w = rows.shape
    return rows.permute(0, 3, 1, 4, 2).reshape(r * h, n * w, 3).numpy()


def write_log(path: Path, row: dict[str, object]) -> None:
    """Append one JSON line."""
    with path.open("a") as log:
        log.write(json.dumps(row) + "\n")
