"""The training loop every recipe runs in: budget, resume, moving average, log, samples, several devices.

A recipe supplies a ``Task``: its networks, its optimisers, one step, one validation. The loop owns the clock. A run
that is stopped, by Control-C or a signal, ends after its step and leaves a checkpoint; resumed, it goes on as if it had
never stopped: weights, optimisers, averages, schedule and every random draw are those of a run in one go.
"""

from __future__ import annotations

import copy
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from sccodec.errors import BadInput, SccodecError, Stopped
from sccodec.training.checkpoint import check_writable, draw_on, draws_of, restore, save
from sccodec.training.devices import agree, device, place, rank, repeatable, sync_gradients, wait_for_all
from sccodec.training.state import initialise, load_average
from sccodec.training.stopping import Stop
from sccodec.training.task import Clock, Options, Task

__all__ = ["Clock", "Options", "Task", "device", "load_average", "place", "sync_gradients", "tiled", "train"]

Report = Callable[[str], None]
LOG_SECONDS = 20.0


def train(build: Callable[[Options], Task], options: Options, report: Report) -> Path:
    """Run a task until its budget is spent; gives the path of the checkpoint.

    Raises BadInput where it would overwrite the checkpoint of an earlier training, and for what the task refuses;
    Stopped, when the checkpoint is written, where a signal ended it. Only the first of several processes reports.
    """
    if "RANK" not in os.environ or dist.is_initialized():
        return run(build, options, report)
    try:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    except (RuntimeError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise BadInput(f"RANK is set, as torch's launcher does, but no others are to be had: {why}") from error
    if torch.cuda.is_available():
        torch.cuda.set_device(device())
    try:
        return run(build, options, report)
    finally:
        dist.destroy_process_group()  # a process that ends with its threads still running may abort


def run(build: Callable[[Options], Task], options: Options, report: Report) -> Path:
    """``train`` in a process that belongs to its group already, or to none."""
    said = report if rank() == 0 else lambda text: None
    with Stop() as stop, repeatable():
        try:
            made = Run(build, options, said)
        except (Exception, KeyboardInterrupt):  # what is interrupted may make an error of its own of it
            if not stop.signal:
                raise
            raise Stopped("interrupted before the first step: nothing was written", stop.signal) from None
        made.go(stop)
    return options.checkpoint


class Run:
    """One stretch of a training: what is built before its loop, and the loop."""

    def __init__(self, build: Callable[[Options], Task], options: Options, report: Report) -> None:
        self.options, self.report = options, report
        if options.threads:
            torch.set_num_threads(options.threads)
        torch.manual_seed(options.seed)
        random.seed(options.seed)
        resumed = options.checkpoint.exists()
        if resumed and not options.resume:
            where = options.checkpoint
            raise BadInput(f"{where} is an earlier training's: go on with --resume, or choose another folder")
        check_writable(options.out)
        self.task = task = build(options)
        self.batch = options.batch or task.batch
        if self.batch < task.least_batch:
            raise BadInput(f"this recipe takes {task.least_batch} pictures a step at least, not --batch {self.batch}")
        if not resumed:
            self.begin()
        self.average = {name: clone(task.modules[name]) for name in task.averaged}
        self.clock = Clock(options.minutes, budget=options.steps)
        draws = restore(options, task, self.average, self.clock, report) if resumed else None
        task.prepare(self.clock.steps)
        self.rates = {name: [g["lr"] for g in o.param_groups] for name, o in task.optimisers.items()}
        self.rng = np.random.default_rng((options.seed, rank(), self.clock.steps))
        if draws is not None:
            draw_on(draws, self.rng)
        self.sums: dict[str, list[float]] = {}

    def begin(self) -> None:
        """Take from --init what it holds. Raises BadInput where a network is lacking that only --init can bring."""
        task, paths = self.task, self.options.init
        loaded = initialise(task.modules, paths) if paths else []
        if lacking := [name for name in task.needed if name not in loaded]:
            names = ", ".join(lacking)
            raise BadInput(f"this recipe starts from trained networks: name files that hold {names} with --init")
        if paths:
            self.report(f"from {', '.join(map(str, paths))}: {', '.join(loaded)}")

    def go(self, stop: Stop) -> None:
        """Step until the budget is spent or a signal came; the checkpoint is written before every validation."""
        clock = self.clock
        with stop.waiting(patient=True):
            wait_for_all()  # some have read their data before others: that is no part of the budget
            clock.started = last_log = last_save = time.monotonic()
            while True:
                clock.agreed = None
                due = time.monotonic() - last_save > 60 * self.options.validate_minutes
                clock.agreed, number, due = agree(clock.progress(), stop.signal, due=due)
                if number or clock.agreed >= 1:
                    break
                if due:
                    self.keep()
                    self.look(stop)
                    last_save = time.monotonic()
                self.step()
                if rank() == 0 and time.monotonic() - last_log > LOG_SECONDS:
                    self.log()
                    last_log = time.monotonic()
            save(self.options, self.task, self.average, clock, self.rates, self.rng)
            if number:
                wait_for_all()  # torch's launcher kills the others soon after one has ended
            else:
                self.look(stop)
                number = stop.signal
            if number:
                left = f"{self.options.checkpoint} holds all of it, and --resume goes on from there"
                raise Stopped(f"interrupted after step {clock.steps}: {left}" if rank() == 0 else "", number)

    def step(self) -> None:
        clock = self.clock
        schedule(self.task, self.rates, clock.steps, clock.agreed or 0.0, self.options.cooldown)
        for key, value in self.task.step(self.batch, self.rng, clock).items():
            self.sums.setdefault(key, []).append(value)
        clock.steps += 1
        for name, module in self.average.items():
            update_average(module, self.task.modules[name], clock.steps)

    def keep(self) -> None:
        """Write a checkpoint that is not the last: what cannot be written now may be later."""
        try:
            save(self.options, self.task, self.average, self.clock, self.rates, self.rng)
        except SccodecError as error:
            self.report(f"note: {error}; training goes on")

    def look(self, stop: Stop) -> None:
        """Validate, in the first process; a signal ends it, and what it draws at random is undone."""
        if rank() != 0 or stop.signal:
            return
        draws = draws_of(self.task, self.rng)
        try:
            with stop.waiting(patient=False):
                self.validate()
        except KeyboardInterrupt:
            if not stop.signal:
                raise
        draw_on(draws, self.rng)

    def validate(self) -> None:
        figures, sheet = self.task.validate(self.task.modules | self.average)
        row: dict[str, object] = {"step": self.clock.steps, "validation": {k: round(v, 4) for k, v in figures.items()}}
        self.report("validation " + " ".join(f"{k} {v:.4f}" for k, v in figures.items()))
        self.write(row)
        try:
            Image.fromarray(sheet).save(self.options.out / f"sample-{self.clock.steps:07d}.png")
        except OSError as error:
            self.report(f"note: no sample pictures were written: {error.strerror or error}")

    def log(self) -> None:
        """Mean losses since the last time."""
        clock = self.clock
        row: dict[str, object] = {"step": clock.steps, "seconds": round(clock.earlier_seconds + clock.elapsed(), 1)}
        row |= {key: round(float(np.mean(values)), 4) for key, values in self.sums.items()}
        self.report(" ".join(f"{k} {v}" for k, v in row.items()))
        self.write(row)
        self.sums.clear()

    def write(self, row: dict[str, object]) -> None:
        """Append a JSON line to the log; a full disk ends no training."""
        try:
            with (self.options.out / "log.jsonl").open("a") as log:
                log.write(json.dumps(row) + "\n")
        except OSError as error:
            self.report(f"note: the log was not written: {error.strerror or error}")


def schedule(task: Task, rates: dict[str, list[float]], steps: int, progress: float, cooldown: float) -> None:
    """A short linear warm-up, a constant rate, and a cosine to zero over the run's last share."""
    warm = min(1.0, (steps + 1) / 100)
    late = max(0.0, (progress - (1 - cooldown)) / cooldown) if cooldown > 0 else 0.0
    factor = warm * (0.5 + 0.5 * float(np.cos(np.pi * late)))
    for name, optimiser in task.optimisers.items():
        for group, rate in zip(optimiser.param_groups, rates[name], strict=True):
            group["lr"] = rate * factor


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


def tiled(rows: Tensor) -> NDArray[Any]:
    """uint8 [R, N, 3, H, W] -> [R * H, N * W, 3]."""
    r, n, _, h, w = rows.shape
    return rows.permute(0, 3, 1, 4, 2).reshape(r * h, n * w, 3).numpy()
