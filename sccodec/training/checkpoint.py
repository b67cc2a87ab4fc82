"""The checkpoint of a training: written whole or not at all, and read back as the state that goes on where it was.

    recipe, seed      whose it is, and what its random draws began with
    steps, seconds    of the training
    run               minutes and steps of its budget, the seconds and the first step of it, and whether it has ended
    modules, average, optimisers
    draws             by process: its random generators, and what its task's next draws depend on

It holds tensors, numbers and text only, and is read without unpickling code.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sccodec.errors import BadInput, SccodecError
from sccodec.training import devices
from sccodec.training.state import read_checkpoint
from sccodec.training.task import Clock, Options, Task


def check_writable(folder: Path) -> None:
    """Make the folder of a run, and try to write there: better now than after hours. Raises BadInput."""
    trial = folder / f"checkpoint.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with trial.open("wb"):
            pass
        trial.unlink()
    except OSError as error:
        reason = error.strerror
        raise BadInput(f"nothing can be written to {folder}: {reason}; name another folder with --out") from None


def write_whole(path: Path, state: object) -> None:
    """Write with torch.save, under a temporary name that then becomes the file's; a former file stays until then.

    Raises SccodecError where it cannot be written, as on a full disk; the former file is as it was.
    """
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch makes a RuntimeError of some of the system's
        raise SccodecError(f"{path} cannot be written, a former one stays: {reason_of(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)


def reason_of(error: BaseException) -> str:
    """The system's own words, where it was the system."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, OSError) and at.strerror:
            return at.strerror
        at = at.__cause__ or at.__context__
    return str(error).partition("\n")[0]


def save(
    options: Options,
    task: Task,
    average: Mapping[str, nn.Module],
    clock: Clock,
    rates: Mapping[str, list[float]],
    rng: np.random.Generator,
) -> None:
    """Write the checkpoint of a run; every process calls it, at the same step. Raises SccodecError."""
    draws = devices.from_all(draws_of(task, rng))
    if devices.rank() != 0:
        return
    for name, optimiser in task.optimisers.items():
        for group, rate in zip(optimiser.param_groups, rates[name], strict=True):
            group["lr"] = rate
    state = {
        "recipe": options.recipe,
        "seed": options.seed,
        "steps": clock.steps,
        "seconds": clock.earlier_seconds + clock.elapsed(),
        "run": {
            "minutes": clock.minutes,
            "steps": clock.budget,
            "seconds": clock.run_seconds + clock.elapsed(),
            "first": clock.first,
            "ended": (clock.agreed or 0.0) >= 1,
        },
        "modules": {k: m.state_dict() for k, m in task.modules.items()},
        "average": {k: m.state_dict() for k, m in average.items()},
        "optimisers": {k: o.state_dict() for k, o in task.optimisers.items()},
        "draws": draws,
    }
    write_whole(options.checkpoint, state)


def draws_of(task: Task, rng: np.random.Generator) -> dict[str, Any]:
    """What the next random draws of this process depend on."""
    found: dict[str, Any] = {
        "numpy": json.dumps(rng.bit_generator.state),
        "python": json.dumps(random.getstate()),
        "torch": torch.get_rng_state(),
        "task": task.drawn_so_far(),
    }
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state(devices.device())
    return found


def draw_on(draws: Mapping[str, Any], rng: np.random.Generator) -> None:
    """Put the random generators back to where they were; the task's part it takes itself. Raises BadInput."""
    try:
        rng.bit_generator.state = json.loads(draws["numpy"])
        version, numbers, gauss = json.loads(draws["python"])
        random.setstate((version, tuple(numbers), gauss))
        torch.set_rng_state(draws["torch"])
        if "cuda" in draws and torch.cuda.is_available():
            torch.cuda.set_rng_state(draws["cuda"], devices.device())
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise BadInput(f"the checkpoint is damaged: its random state is none ({type(error).__name__})") from error


def restore(
    options: Options, task: Task, average: Mapping[str, nn.Module], clock: Clock, report: Callable[[str], None]
) -> dict[str, Any] | None:
    """Take networks, optimisers, clock and draws from the checkpoint of a run; gives the random generators' state.

    A run that was interrupted, resumed with its own budget, goes on; otherwise a new one begins. None for draws that
    begin anew, which is reported with its reason. Raises BadInput for another recipe's checkpoint, or a damaged one.
    """
    path = options.checkpoint
    state = read_checkpoint(path)
    recipe = state.get("recipe")
    if recipe and options.recipe and recipe != options.recipe:
        raise BadInput(f"{path} is of the recipe {recipe}, not {options.recipe}: choose another folder with --out")
    if state["modules"].keys() != task.modules.keys() or state["average"].keys() != average.keys():
        raise BadInput(
            f"{path} is another recipe's: it holds {', '.join(state['modules'])}, and this one trains "
            f"{', '.join(task.modules)}; choose another folder with --out"
        )
    try:
        for name, module in task.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, module in average.items():
            module.load_state_dict(state["average"][name])
        for name, optimiser in task.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        clock.steps, clock.earlier_seconds = state["steps"], state["seconds"]
        run = state.get("run")
        clock.first = clock.steps
        if run and not run["ended"] and (run["minutes"], run["steps"]) == (clock.minutes, clock.budget):
            clock.first, clock.run_seconds = run["first"], run["seconds"]
        draws = draws_here(options, state, report)
        if draws is not None:
            task.go_on_drawing(draws["task"])
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise BadInput(
            f"{path} is another recipe's, or damaged: its networks or optimisers are not of this recipe's shapes; "
            f"choose another folder with --out ({type(error).__name__})"
        ) from error
    of_run = "" if clock.first == clock.steps else f", {clock.steps - clock.first} of them in this run"
    report(f"resumed at step {clock.steps}{of_run}")
    return draws


def draws_here(options: Options, state: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any] | None:
    """This process's part of the checkpoint's draws, or None, with the reason said."""
    draws: list[dict[str, Any]] = state.get("draws", [])
    why = ""
    if not draws:
        why = "the checkpoint is of an earlier version, which kept no random state"
    elif len(draws) != devices.world():
        why = f"the checkpoint is of {len(draws)} processes, and now there are {devices.world()}"
    elif state.get("seed") != options.seed:
        why = f"the checkpoint began with --seed {state.get('seed')}"
    if why:
        report(f"note: {why}: random draws begin anew")
        return None
    return draws[devices.rank()]


def kept_seeds(kept: Mapping[str, Tensor], name: str, count: int) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Seeds of a task's draws, int64 [count], or None where the data are others than they were."""
    found = kept.get(name)
    return None if found is None or found.shape != (count,) else found.numpy().copy()
