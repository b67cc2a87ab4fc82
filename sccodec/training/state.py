"""Start a training from what an earlier one left: checkpoints, model files, and the state kept beside a model file.

A model file holds the networks that encode and decode. What training needs beyond them (the discriminator, priors in
float, batch norms not yet folded) goes, in half precision, into a state file a tenth of a checkpoint's size: together
they let training go on after the checkpoint is gone, with fresh optimisers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sccodec.errors import BadInput


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights as ``<network>.<parameter>`` from a checkpoint (.pt; averages before others), model or state file."""
    if path.suffix == ".safetensors":
        return load_file(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    networks = state["modules"] | state["average"]
    return {f"{network}.{name}": value for network, weights in networks.items() for name, value in weights.items()}


def initialise(modules: Mapping[str, nn.Module], paths: Sequence[Path]) -> list[str]:
    """Load each network that the files hold whole, a later file before an earlier; gives their names."""
    found: dict[str, Tensor] = {}
    for path in paths:
        found |= read_weights(path)
    loaded = []
    for network, module in modules.items():
        here = {name: found.get(f"{network}.{name}") for name in module.state_dict()}
        weights = {name: value for name, value in here.items() if value is not None}
        if len(weights) == len(here):
            module.load_state_dict(weights)
            loaded.append(network)
    if not loaded:
        raise BadInput(f"no network of this recipe is in {', '.join(map(str, paths))}")
    return loaded


def write_state(checkpoints: Sequence[Path], model: Path, out: Path) -> None:
    """Write the weights that the checkpoints hold and the model file does not, floats in half precision."""
    kept = load_file(model)
    rest: dict[str, Tensor] = {}
    for path in checkpoints:
        for name, value in read_weights(path).items():
            # A folded batch norm leaves another value under the same name: that one is not kept.
            if name not in kept or not torch.equal(kept[name], value.half()):
                rest[name] = value
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(out.name + ".tmp")
    # The rate's weight is far below what half precision resolves.
    small = {k: v.half() if v.is_floating_point() and v.dim() > 0 else v for k, v in rest.items()}
    save_file({k: v.contiguous() for k, v in small.items()}, temporary)
    temporary.replace(out)
