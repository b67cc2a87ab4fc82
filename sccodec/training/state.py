"""Start a training from what an earlier one left: checkpoints, model files, and the state kept beside a model file.

A model file holds the networks that encode and decode. What training needs beyond them (the discriminator, priors in
float, batch norms not yet folded) goes, in half precision, into a state file a tenth of a checkpoint's size: together
they let training go on after the checkpoint is gone, with fresh optimisers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from sccodec.errors import BadInput
from sccodec.whole import write_whole


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint of training.checkpoint holds, on the CPU; raises BadInput for a file that is none.

    It holds ``modules`` and ``average``, weights by network, and ``steps`` and ``seconds`` of the training.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # torch passes on whatever zipfile and its unpickler raise, and seeks beyond the end
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise BadInput(f"{path} is no checkpoint, or is damaged: {type(error).__name__}") from error
    if not isinstance(state, dict) or not {"modules", "average"} <= state.keys():
        raise BadInput(f"{path} is no checkpoint of a training")
    networks = [weights for part in ("modules", "average") for weights in values_of(state[part])]
    tensors = [tensor for weights in networks for tensor in values_of(weights)]
    numbers = (state.get("steps", 0), state.get("seconds", 0.0))
    if not all(isinstance(t, Tensor) for t in tensors) or not all(isinstance(n, int | float) for n in numbers):
        raise BadInput(f"{path} is no checkpoint of a training: what it holds are no weights by network")
    return {"steps": 0, "seconds": 0.0} | state


def values_of(mapping: object) -> list[object]:
    """Those of a dictionary; of anything else, the thing itself, which is no tensor."""
    return list(mapping.values()) if isinstance(mapping, dict) else [None]


def load_average(path: Path, name: str) -> dict[str, Tensor]:
    """The averaged weights of one network of a checkpoint; raises BadInput where it holds none of that name."""
    weights: dict[str, dict[str, Tensor]] = read_checkpoint(path)["average"]
    if name not in weights:
        raise BadInput(f"{path} holds no network {name}; it holds: {', '.join(weights)}")
    return weights[name]


def check_trained(paths: Sequence[Path]) -> None:
    """Raises BadInput for what is no checkpoint, and for weights that are no finite numbers."""
    for path in paths:
        for name, value in read_weights(path).items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise BadInput(f"{path}: {name} holds numbers that are not finite: its training has diverged")


def only_one(checkpoints: Sequence[Path]) -> Path:
    """The checkpoint of a recipe that needs no other; raises BadInput where there are others."""
    if len(checkpoints) != 1:
        names = ", ".join(map(str, checkpoints))
        raise BadInput(
            f"this recipe is exported from one checkpoint, its own; --from names {len(checkpoints)}: {names}"
        )
    return checkpoints[0]


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file, in a folder that is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)


def read_model(path: Path) -> dict[str, Tensor]:
    """The tensors of a model or state file, by name; raises BadInput for a file that is none."""
    try:
        return load_file(path)
    except SafetensorError as error:
        raise BadInput(f"{path} is no model or state file, or is damaged: {error}") from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights as ``<network>.<parameter>`` from a checkpoint (.pt; averages before others), model or state file.

    Raises BadInput for any other file.
    """
    if path.suffix == ".safetensors":
        return read_model(path)
    state = read_checkpoint(path)
    networks = state["modules"] | state["average"]
    return {f"{network}.{name}": value for network, weights in networks.items() for name, value in weights.items()}


def initialise(modules: Mapping[str, nn.Module], paths: Sequence[Path]) -> list[str]:
    """Load each network that the files hold whole, a later file before an earlier; gives their names.

    Bounds stay the network's own: half precision has no likelihoods as small as they are.

    Raises BadInput where there is none, or where its shapes are not the recipe's.
    """
    found: dict[str, Tensor] = {}
    for path in paths:
        found |= read_weights(path)
    loaded = []
    for network, module in modules.items():
        own = module.state_dict()
        here = {k: v if k.endswith(".bound") else weight_of(f"{network}.{k}", found) for k, v in own.items()}
        weights = {name: value for name, value in here.items() if value is not None}
        if len(weights) == len(here):
            try:
                module.load_state_dict(weights)
            except RuntimeError as error:
                where = ", ".join(map(str, paths))
                raise BadInput(f"the network {network} has another shape in {where} than in this recipe") from error
            loaded.append(network)
    if not loaded:
        raise BadInput(f"no network of this recipe is in {', '.join(map(str, paths))}")
    return loaded


def weight_of(name: str, found: Mapping[str, Tensor]) -> Tensor | None:
    """A weight by its name, or by its name in an exported network: painter.* is generator.painter.* too."""
    if name in found:
        return found[name]
    nested = [key for key in found if key.endswith(f".{name}") and key.partition(".")[2] == name]
    return found[nested[0]] if len(nested) == 1 else None


def write_state(checkpoints: Sequence[Path], model: Path, out: Path) -> None:
    """Write the weights that the checkpoints hold and the model file does not, floats in half precision."""
    kept = read_model(model)
    rest: dict[str, Tensor] = {}
    for path in checkpoints:
        for name, value in read_weights(path).items():
            # A folded batch norm or block leaves another value under the same name: that one is not kept.
            there = weight_of(name, kept)
            if there is None or not torch.equal(there, value.half()):
                rest[name] = value
    # The rate's weight is far below what half precision resolves.
    small = {k: v.half() if v.is_floating_point() and v.dim() > 0 else v for k, v in rest.items()}
    write_bytes(out, save({k: v.contiguous() for k, v in small.items()}))
