"""From trained modules to a model file: fold, round to float16, export graphs without weights, write by hash.

module -> prepare (eval, batch norm folded, weights rounded) -> graph -> ONNX bytes, float16 weights
tensors + metadata -> write_bundle -> <codec>-<variant>-<tag>.safetensors
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.bundle import NAME, TAG_BYTES, read_defaults
from sccodec.errors import BadInput
from sccodec.networks.folding import fold_batch_norms
from sccodec.training.state import read_checkpoint, write_bytes

LICENCE = "LicenseRef-sccodec-models: research and other non-commercial use"
"""Of the weights: models/LICENSE."""
# Opset 18 and IR 8 are read by ONNX Runtime 1.14 and later.
OPSET = 18
IR_VERSION = 8
# Constants of more elements than this must be parameters, so that every weight is stored once, by name.
MAX_CONSTANT = 1024
DTYPES = {"float16": "F16", "float32": "F32", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16",
          "uint32": "U32", "int32": "I32", "int64": "I64"}  # fmt: skip


class Unwritable(BadInput, ValueError):
    """A weight that half precision does not hold, as trainings that diverge leave them."""


def prepare(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode, on the CPU, with batch norms folded and weights rounded to float16.

    It computes what the model file will: compare against it. Preparing twice changes nothing.
    """
    twin = copy.deepcopy(module).cpu().float().eval().requires_grad_(requires_grad=False)
    fold_batch_norms(twin)
    round_weights(twin)
    return twin


@torch.no_grad()
def round_weights(module: nn.Module) -> None:
    """Round float32 parameters and buffers to the nearest float16, in place; Unwritable on overflow."""
    for name, value in module.state_dict(keep_vars=True).items():
        if value.dtype == torch.float32:
            rounded = value.half().float()
            if not torch.isfinite(rounded).all():
                raise Unwritable(f"{name} does not fit float16: the training has diverged, or is of another kind")
            value.copy_(rounded)


def graph(
    module: nn.Module,
    name: str,
    example_inputs: Mapping[str, Tensor],
    dynamic_axes: Mapping[str, Mapping[int, str]],
    outputs: Sequence[str],
) -> tuple[bytes, dict[str, NDArray[np.float16]]]:
    """Export ``prepare(module)`` as a graph without weights, and its weights as ``<name>.<parameter>``.

    example_inputs: the arguments of ``forward`` in its order, under the names they get in the graph; sizes of
    dynamic axes must be at least 2 and differ where they may differ later. dynamic_axes: per input, axis -> a
    name for it. Raises ValueError where the graph does not hold the weights by name, torch's own errors where
    an axis is not dynamic after all.
    """
    twin = prepare(module)
    arguments = list(inspect.signature(twin.forward).parameters)
    for i, k in enumerate(example_inputs):
        if k in arguments and arguments.index(k) != i:
            raise ValueError(f"{k} is argument {arguments.index(k)} of the network, not {i}")
    shapes = [dict.fromkeys(dynamic_axes.get(k, {}), torch.export.Dim.DYNAMIC) for k in example_inputs]
    with warnings.catch_warnings():
        # The exporter warns of deprecations inside torch itself.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            twin, tuple(example_inputs.values()), dynamic_shapes=shapes, input_names=list(example_inputs),
            output_names=list(outputs), opset_version=OPSET, dynamo=True, verbose=False,
        )  # fmt: skip
    assert program is not None, "the dynamo exporter gives a program"
    model = program.model_proto
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    tidy(model, dynamic_axes)
    weights = detach_weights(model, twin.state_dict())
    return model.SerializeToString(), {f"{name}.{k}": v for k, v in weights.items()}


@dataclass(frozen=True)
class Job:
    """A network to store, and what ``graph`` takes to export it."""

    name: str
    module: nn.Module
    inputs: Mapping[str, Tensor]
    axes: Mapping[str, Mapping[int, str]]
    outputs: Sequence[str]


def graphs(jobs: Sequence[Job]) -> dict[str, NDArray[Any]]:
    """The arrays of a model file for these networks: weightless graphs, and float16 weights."""
    tensors: dict[str, NDArray[Any]] = {}
    for job in jobs:
        text, arrays = graph(job.module, job.name, job.inputs, job.axes, job.outputs)
        tensors |= arrays
        tensors[f"graph.{job.name}"] = np.frombuffer(text, np.uint8)
    return tensors


def tidy(model: onnx.ModelProto, dynamic_axes: Mapping[str, Mapping[int, str]]) -> None:
    """Name the inputs' dynamic axes, and drop what describes the export rather than the network."""
    for value in model.graph.input:
        for axis, label in dynamic_axes.get(value.name, {}).items():
            value.type.tensor_type.shape.dim[axis].dim_param = label
    for value in model.graph.output:
        for dim in value.type.tensor_type.shape.dim:
            dim.ClearField("dim_param")
    del model.graph.value_info[:], model.metadata_props[:], model.graph.metadata_props[:]
    model.ClearField("producer_version")
    for node in model.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for initialiser in model.graph.initializer:
        del initialiser.metadata_props[:]


def detach_weights(model: onnx.ModelProto, state: Mapping[str, Tensor]) -> dict[str, NDArray[np.float16]]:
    """Make the initialisers that are parameters external, in place, and give their values by name."""
    weights = {}
    for initialiser in model.graph.initializer:
        value = onnx.numpy_helper.to_array(initialiser)
        if value.dtype != np.float32 or initialiser.name not in state:
            if value.size > MAX_CONSTANT:
                raise ValueError(f"the graph holds a constant {value.shape} that is no parameter: {initialiser.name}")
            continue
        if not np.array_equal(value, state[initialiser.name].numpy()):
            raise ValueError(f"the exporter changed {initialiser.name}")
        weights[initialiser.name] = value.astype(np.float16)
        initialiser.ClearField("raw_data")
        initialiser.ClearField("float_data")
        initialiser.data_location = onnx.TensorProto.EXTERNAL
        initialiser.external_data.add(key="location", value="weights")
    return weights


def write_bundle(
    folder: Path,
    codec: str,
    variant: str,
    config: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
) -> Path:
    """Write a model file into ``folder`` and make it the folder's default for that codec and variant.

    tensors: graphs (bytes as uint8), float16 weights, integer arrays, by name. metadata: at least
    ``bitstream``, ``training`` and ``licence``. The same content gives the same file. Gives the file's
    path; raises ValueError for names, types or metadata that a model file does not have.
    """
    missing = {"bitstream", "training", "licence"} - metadata.keys()
    if missing:
        raise ValueError(f"the metadata lacks {', '.join(sorted(missing))}")
    int(metadata["bitstream"])
    described = {"codec": codec, "variant": variant, "config": json.dumps(config, sort_keys=True), **metadata}
    data = serialise(tensors, described)
    stem = f"{codec}-{variant}-{hashlib.sha256(data).digest()[:TAG_BYTES].hex()}"
    path = folder / f"{stem}.safetensors"
    if not NAME.fullmatch(path.name):
        raise ValueError(f"codec and variant are lower-case words, not {codec!r} and {variant!r}")
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
    lines = read_defaults(folder)
    earlier = [i for i, line in enumerate(lines) if line.rpartition("-")[0] == f"{codec}-{variant}"]
    lines[slice(earlier[0], earlier[0] + 1) if earlier else slice(len(lines), None)] = [stem]
    write_bytes(folder / "DEFAULTS", ("\n".join(dict.fromkeys(lines)) + "\n").encode())
    return path


def serialise(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """The safetensors format, written here because the library orders the metadata at random.

    8 bytes of header length, the header as JSON padded to 8 bytes, then the tensors by falling element
    size, so that each is aligned. Raises ValueError for a type that the format lacks.
    """
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    chunks: list[bytes] = []
    end = 0
    for name, value in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        if value.dtype.name not in DTYPES:
            raise ValueError(f"{name}: model files hold no {value.dtype}")
        chunks.append(np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes())
        start, end = end, end + len(chunks[-1])
        header[name] = {
            "dtype": DTYPES[value.dtype.name],
            "shape": list(value.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *chunks])


def describe(checkpoints: Sequence[Path]) -> list[dict[str, Any]]:
    """What the model file says of its training: networks, steps and minutes of each checkpoint."""
    rows = []
    for path in checkpoints:
        state = read_checkpoint(path)
        minutes = round(state["seconds"] / 60, 1)
        rows.append({"networks": sorted(state["average"]), "steps": state["steps"], "minutes": minutes})
    return rows
