"""From checkpoints to the model file of the conceptual codec: graphs, integer priors, tables, label model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.codecs.conceptual import regions
from sccodec.codecs.conceptual.faces import BITSTREAM, DETAIL_STRIDE
from sccodec.codecs.conceptual.networks.faces import ConceptualConfig, Generator, TextureEncoder
from sccodec.codecs.conceptual.networks.priors import DetailPrior, TexturePrior
from sccodec.codecs.conceptual.planes import coordinates, noise
from sccodec.codecs.conceptual.priors import (
    DETAIL_INPUT_BITS,
    OUTPUT_BITS,
    PriorModel,
    detail_inputs,
)
from sccodec.codecs.conceptual.textures import pool
from sccodec.entropy import tables
from sccodec.entropy.integer import quantise
from sccodec.errors import BadInput
from sccodec.networks.labels import LabelContext, to_label_model
from sccodec.networks.segmenter import Segmenter, SegmenterConfig
from sccodec.training import export
from sccodec.training.conceptual.export_textures import as_arrays, in_fixed_point, integer_texture, rows_job
from sccodec.training.estimator import EntropyModels
from sccodec.training.export import Job, write_bundle
from sccodec.training.labels import context_of
from sccodec.training.state import read_checkpoint

CALIBRATION_PICTURES = 200


def load_networks(checkpoints: Sequence[Path], config: ConceptualConfig) -> dict[str, nn.Module]:
    """The networks with the averaged weights that several checkpoints hold between them.

    Raises BadInput where one of them is in no checkpoint, or of another shape.
    """
    weights: dict[str, Mapping[str, Tensor]] = {}
    for path in checkpoints:
        weights |= read_checkpoint(path)["average"]
    networks: dict[str, nn.Module] = {
        "segmenter": Segmenter(SegmenterConfig(config.classes)),
        "encoder": TextureEncoder(config),
        "generator": Generator(config),
        "texture_prior": TexturePrior(config),
        "detail_prior": DetailPrior(config),
        "entropy": EntropyModels(config.hyper),
    }
    for name in (*networks, "label_context"):
        if name not in weights:
            raise BadInput(f"none of the checkpoints holds the network {name}")
    where = ", ".join(map(str, checkpoints))
    for name, network in networks.items():
        try:
            network.load_state_dict(weights[name])
        except RuntimeError as error:
            raise BadInput(f"the network {name} in {where} is another recipe's: it has other shapes") from error
    networks["label_context"] = context_of(weights["label_context"], config.classes, where)
    for network in networks.values():
        network.eval().requires_grad_(requires_grad=False)
    return networks


def latents(
    encoder: nn.Module, images: NDArray[np.uint8], maps: NDArray[np.uint8], config: ConceptualConfig
) -> list[tuple[regions.Regions, NDArray[Any], NDArray[Any]]]:
    """Regions, textures [K, textures] and detail [cells, channels] of pictures uint8 [N, S, S, 3] and their maps."""
    found = []
    for image, labels in zip(images, maps, strict=True):
        x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            features, detail = encoder(x, torch.from_numpy(labels[None].astype(np.int64)))
        here = regions.find_regions(labels[None], config.parents)
        found.append((here, pool(features[0].numpy(), here), detail[0].permute(1, 2, 0).flatten(0, 1).numpy()))
    return found


def integer_priors(
    networks: Mapping[str, nn.Module],
    hyper: tables.Table,
    config: ConceptualConfig,
    examples: Sequence[tuple[regions.Regions, NDArray[Any], NDArray[Any]]],
) -> PriorModel:
    """Quantise the priors, calibrated on the latents of training pictures."""
    texture, detail = networks["texture_prior"], networks["detail_prior"]
    assert isinstance(texture, TexturePrior)
    assert isinstance(detail, DetailPrior)
    side = config.working_size // DETAIL_STRIDE
    cells = (side, side)
    detail_examples = []
    for found, t, _ in examples:
        one_hot = np.eye(config.classes, dtype=np.int64)[found.labels]
        detail_examples.append(detail_inputs(found, one_hot, in_fixed_point(t), cells))
    return PriorModel(
        hyper,
        tables.gaussian_table(tables.scales()),
        integer_texture(texture, config, [(found, t) for found, t, _ in examples]),
        quantise(as_arrays(detail.network.weights()), np.concatenate(detail_examples), DETAIL_INPUT_BITS, OUTPUT_BITS),
        config.classes,
        config.textures,
        config.hyper,
        config.parents,
    )


def graphs(networks: Mapping[str, nn.Module], config: ConceptualConfig) -> dict[str, NDArray[Any]]:
    """All networks that encode and decode run, as weightless graphs and float16 weights."""
    prior = networks["texture_prior"]
    assert isinstance(prior, TexturePrior)
    h, w, rows = 100, 172, 5
    image = torch.rand(1, 3, h, w)
    planes = {f"noise{s}": torch.from_numpy(noise(h // s, w // s)) for s in (4, 2, 1)}
    index = torch.arange(12 * 20).view(1, 12, 20) % rows
    sides = {"image": {2: "height", 3: "width"}}
    jobs = [
        Job("segmenter", networks["segmenter"], {"image": image}, sides, ("logits",)),
        Job(
            "encoder",
            networks["encoder"],
            {"image": image, "labels": index % config.classes},
            sides | {"labels": {1: "map_height", 2: "map_width"}},
            ("features", "detail"),
        ),
        Job(
            "generator",
            networks["generator"],
            {
                "textures": torch.rand(rows, config.textures),
                "labels": torch.arange(rows),
                "index": index,
                "detail": torch.rand(1, config.detail, -(-h // 32), -(-w // 32)),
                "coordinates": torch.from_numpy(coordinates(-(-h // 16), -(-w // 16))),
                **planes,
            },
            {
                "textures": {0: "regions"},
                "labels": {0: "regions"},
                "index": {1: "map_height", 2: "map_width"},
                "detail": {2: "height32", 3: "width32"},
                "coordinates": {2: "height16", 3: "width16"},
                **{f"noise{s}": {2: f"height{s}", 3: f"width{s}"} for s in (4, 2, 1)},
            },
            ("image",),
        ),
    ]
    if config.hyper:
        jobs.append(rows_job("hyper_analysis", prior))
    return export.graphs(jobs)


def write(
    folder: Path,
    variant: str,
    config: ConceptualConfig,
    networks: Mapping[str, nn.Module],
    priors: PriorModel,
    subject: Mapping[str, Any] | None,
    training: Mapping[str, Any],
    licence: str,
) -> Path:
    """Write the model file; gives its path.

    subject: the labels that a picture must hold, and the least share of the map they must cover, for the codec not to
    warn; None for a model that takes any picture.
    """
    label_context = networks["label_context"]
    assert isinstance(label_context, LabelContext)
    labels = to_label_model(label_context).to_arrays("labels")
    tensors = graphs(networks, config) | priors.to_arrays() | labels
    described = asdict(config) | {"subject": subject}
    metadata = {
        "bitstream": str(BITSTREAM),
        "training": json.dumps(training, sort_keys=True),
        "licence": licence,
    }
    return write_bundle(folder, "conceptual", variant, described, tensors, metadata)
