"""From trained networks to the model file of the conceptual codec for any photograph (bitstream 2)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sccodec.codecs.conceptual import regions
from sccodec.codecs.conceptual.networks.photographs import (
    MAP_STRIDE,
    PhotographsAnalysis,
    PhotographsConfig,
    PhotographsGenerator,
)
from sccodec.codecs.conceptual.networks.priors import TexturePrior
from sccodec.codecs.conceptual.photographs import BITSTREAM
from sccodec.codecs.conceptual.planes import noise
from sccodec.codecs.conceptual.priors import PriorModel
from sccodec.codecs.conceptual.textures import pool
from sccodec.codecs.hyperprior.networks import Gains, fold
from sccodec.entropy import tables
from sccodec.errors import BadInput
from sccodec.networks.labels import LabelContext, to_label_model
from sccodec.training import export
from sccodec.training.conceptual.export_textures import integer_texture, rows_job
from sccodec.training.estimator import hyper_table
from sccodec.training.export import Job, write_bundle
from sccodec.training.hyperprior.export import gain_vectors, hyper_analysis_job, integer_model, largest_activations

QUALITIES = (0.0, 10.0, 25.0, 50.0, 75.0, 100.0)
"""Those that calibrate the integer networks."""
MULTIPLE = 64
"""Of the sides of pictures that calibrate."""

CoarseExample = tuple[Tensor, Tensor]
TextureExample = tuple[regions.Regions, NDArray[Any]]


@torch.no_grad()
def examples(
    networks: Mapping[str, Any], pictures: Sequence[NDArray[np.uint8]], maps: Sequence[NDArray[np.uint8]]
) -> tuple[list[CoarseExample], list[TextureExample]]:
    """Latents that calibrate: of uint8 [H, W, 3] with maps uint8 [H / 16, W / 16], at several qualities each.

    Gives y [1, latents, h, w] in steps with qualities [1], and regions with textures [K, textures].
    """
    coarse: list[CoarseExample] = []
    textures: list[TextureExample] = []
    parents = networks["texture_prior"].config.parents
    for picture, labels in zip(pictures, maps, strict=True):
        height, width = (side - side % MULTIPLE for side in picture.shape[:2])
        if not height or not width:
            raise BadInput(f"pictures that calibrate have {MULTIPLE} pixels a side at least")
        x = torch.from_numpy(picture[:height, :width].copy()).permute(2, 0, 1)[None].float() / 255
        found = regions.find_regions(labels[None, : height // MAP_STRIDE, : width // MAP_STRIDE], parents)
        for quality in QUALITIES:
            q = torch.tensor([quality])
            gain, _, factor, _ = networks["gains"](q)
            features = networks["analysis"].features(x, factor)
            coarse.append((networks["analysis"].latents(features) * gain, q))
            textures.append((found, pool(networks["texture_features"](features)[0].numpy(), found)))
    return coarse, textures


def integer_priors(
    networks: Mapping[str, Any], config: PhotographsConfig, examples: Sequence[TextureExample]
) -> PriorModel:
    """The textures' entropy stage in integers."""
    described = config.priors()
    return PriorModel(
        hyper_table(networks["texture_entropy"], config.hyper),
        tables.gaussian_table(tables.scales()),
        integer_texture(networks["texture_prior"], described, examples),
        None,
        config.classes,
        config.textures,
        config.hyper,
        described.parents,
    )


def graphs(networks: Mapping[str, Any], config: PhotographsConfig) -> dict[str, NDArray[Any]]:
    """All networks that encode and decode run, as weightless graphs and float16 weights."""
    h, w, rows = 5, 7, 3
    coarse = config.coarse
    image = torch.zeros(1, MAP_STRIDE * h, MAP_STRIDE * w, 3, dtype=torch.uint8)
    planes = {f"noise{s}": torch.from_numpy(noise(16 // s * h, 16 // s * w)) for s in (4, 2, 1)}
    sides = {1: "height", 2: "width"}
    jobs = [
        Job(
            "segmenter",
            networks["segmenter"],
            {"image": torch.rand(1, 3, MAP_STRIDE * h, MAP_STRIDE * w)},
            {"image": {2: "height", 3: "width"}},
            ("logits",),
        ),
        Job(
            "analysis",
            PhotographsAnalysis(cast(Any, fold(networks["analysis"])), networks["texture_features"]),
            {"image": image, "factor": torch.ones(coarse.channels), "gain": torch.ones(coarse.latents)},
            {"image": sides},
            ("y", "features"),
        ),
        Job(
            "generator",
            PhotographsGenerator(cast(Any, fold(networks["synthesis"])), networks["painter"]),
            {
                "y_hat": torch.zeros(1, h, w, coarse.latents),
                "step": torch.ones(coarse.latents),
                "factor": torch.ones(coarse.channels),
                "textures": torch.rand(rows, config.textures),
                "labels": torch.arange(rows),
                "index": torch.arange(h * w).view(1, h, w) % rows,
                **planes,
            },
            {
                "y_hat": sides,
                "textures": {0: "regions"},
                "labels": {0: "regions"},
                "index": sides,
                **{f"noise{s}": {2: f"height{s}", 3: f"width{s}"} for s in (4, 2, 1)},
            },
            ("image",),
        ),
        hyper_analysis_job(networks["hyper_analysis"], coarse),
    ]
    if config.hyper:
        jobs.append(rows_job("texture_hyper_analysis", cast(TexturePrior, networks["texture_prior"])))
    return export.graphs(jobs)


def write(
    folder: Path,
    variant: str,
    config: PhotographsConfig,
    networks: Mapping[str, nn.Module],
    calibration: tuple[Sequence[CoarseExample], Sequence[TextureExample]],
    training: Mapping[str, Any],
    licence: str,
) -> Path:
    """Write the model file; gives its path.

    networks: those of the recipe conceptual-general by their names there, beside segmenter and label_context, on the
    CPU; their scaled blocks are folded in place. calibration: see ``examples``.
    """
    for network in networks.values():
        network.eval().requires_grad_(requires_grad=False)
    coarse_examples, texture_examples = calibration
    coarse = integer_model(networks, largest_activations(networks, coarse_examples))
    tensors = (
        graphs(networks, config)
        | integer_priors(networks, config, texture_examples).to_arrays()
        | coarse.to_arrays()
        | gain_vectors(cast(Gains, networks["gains"]))
        | to_label_model(cast(LabelContext, networks["label_context"])).to_arrays("labels")
    )
    metadata = {"bitstream": str(BITSTREAM), "training": json.dumps(training, sort_keys=True), "licence": licence}
    return write_bundle(folder, "conceptual", variant, config.as_dict(), tensors, metadata)
