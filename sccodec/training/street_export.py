"""From a checkpoint to the model file of a segmenter of street scenes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sccodec.errors import BadInput
from sccodec.labels.classes import CAMVID, CAMVID_COLOURS
from sccodec.networks.convcrf import Refinement
from sccodec.networks.pyramid import MULTIPLE, STRIDE
from sccodec.networks.segmenters import NETWORK
from sccodec.networks.segmenters import describe as described_network
from sccodec.training import street
from sccodec.training.export import LICENCE, Job, describe, graphs, write_bundle
from sccodec.training.state import read_checkpoint

LONG_SIDE = 640
"""Pixels that the long side of a picture is brought to: as large as objects were in training."""


def export_segmenter(checkpoints: Sequence[Path], out: Path, variant: str, network: nn.Module) -> Path:
    """Write a model file; gives its path. Raises BadInput where no checkpoint holds such a network."""
    weights: dict[str, Any] = {}
    for path in checkpoints:
        weights |= read_checkpoint(path)["average"]
    where = ", ".join(map(str, checkpoints))
    if NETWORK not in weights:
        raise BadInput(f"{where}: none of the checkpoints holds a segmenter")
    refinement = Refinement(street.CLASSES) if "refinement" in weights else None
    try:
        network.load_state_dict(weights[NETWORK])
        if refinement is not None:
            refinement.load_state_dict(weights["refinement"])
    except RuntimeError as error:
        raise BadInput(f"{where}: the segmenter is another recipe's: it has other shapes") from error
    config = {
        "classes": CAMVID,
        "colours": CAMVID_COLOURS,
        "long_side": LONG_SIDE,
        "multiple": MULTIPLE,
        "stride": STRIDE,
        "network": described_network(network),
        "crf": None if refinement is None else {"window": refinement.crf.window, "steps": refinement.steps},
    }
    training = {"data": "CamVid, 367 training pictures", "runs": describe(checkpoints)}
    metadata = {"bitstream": "1", "training": json.dumps(training, sort_keys=True), "licence": LICENCE}
    image = torch.rand(1, 3, 4 * MULTIPLE, 6 * MULTIPLE)
    job = Job(NETWORK, network, {"image": image}, {"image": {2: "height", 3: "width"}}, ("logits",))
    tensors = graphs([job]) | ({} if refinement is None else crf_arrays(refinement))
    return write_bundle(out, "segmenter", variant, config, tensors, metadata)


def crf_arrays(refinement: Refinement) -> dict[str, NDArray[np.float32]]:
    """The numbers of the ConvCRF, as the segmenter at run time reads them."""
    crf = refinement.crf
    with torch.no_grad():
        colour = torch.zeros(len(crf.position))
        colour[: len(crf.colour)] = crf.colour.exp()
        arrays = {
            "unary": refinement.unary,
            "position": crf.position.exp(),
            "colour": colour,
            "weight": crf.weight,
            "compatibility": crf.compatibility,
        }
        return {f"crf.{name}": value.detach().cpu().float().numpy() for name, value in arrays.items()}
