"""Where networks run, and what the processes of one training tell one another."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
import torch.utils.deterministic
from torch import Tensor, nn

from sccodec.errors import SccodecError

Network = TypeVar("Network", bound=nn.Module)
Kept = TypeVar("Kept")


def device() -> torch.device:
    """The GPU of this process where there is one, otherwise the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def place(module: Network) -> Network:
    """Move a network to this process's device, its convolutions in channels_last."""
    module.to(device()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module


@contextmanager
def repeatable() -> Iterator[None]:
    """On a CPU, let the same steps give the same weights with several threads too, at no cost that can be measured.

    Otherwise the threads of some gradients, of embeddings for example, add up in the order in which they come.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    if device().type == "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
        memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        memory.fill_uninitialized_memory = filled


def rank() -> int:
    """Of this process; 0 alone."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def reduce(values: Tensor, operation: dist.ReduceOp.RedOpType = dist.ReduceOp.SUM) -> None:
    """Combine values over all processes, in place. Raises SccodecError where another process has ended."""
    try:
        dist.all_reduce(values, operation)
    except RuntimeError as error:
        raise SccodecError("another process of this training has ended; what it says, or its log, tells why") from error


def sync_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average gradients over the processes of torch's distributed launcher; alone, do nothing."""
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    whole = torch.cat([g.reshape(-1) for g in gradients])  # one message: hundreds of small ones take far longer
    reduce(whole)
    whole /= dist.get_world_size()
    for gradient, mean in zip(gradients, whole.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def agree(progress: float, stop: int, *, due: bool) -> tuple[float, int, bool]:
    """The first process's progress, any process's signal to stop, and whether the first finds a checkpoint due.

    All processes must stop, cool down and write after the same step. It is one message of three numbers a step.
    """
    if not dist.is_initialized():
        return progress, stop, due
    mine = (progress, float(stop), float(due)) if rank() == 0 else (0.0, float(stop), 0.0)
    shared = torch.tensor(mine, dtype=torch.float64, device=device())
    reduce(shared, dist.ReduceOp.MAX)
    first, number, late = shared.tolist()
    return first, int(number), late > 0


def from_all(value: Kept) -> list[Kept]:
    """What each process has, by rank, in all of them."""
    if not dist.is_initialized():
        return [value]
    found: list[Kept | None] = [None] * world()
    try:
        dist.all_gather_object(found, value)
    except RuntimeError as error:
        raise SccodecError("another process of this training has ended; what it says, or its log, tells why") from error
    return [one for one in found if one is not None]


def wait_for_all() -> None:
    """Let no process go on before all are here."""
    from_all(0)
