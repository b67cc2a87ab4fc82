"""What model files of both bitstreams hold of the textures: their prior in integers, and their hyper-analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sccodec.codecs.conceptual import regions
from sccodec.codecs.conceptual.networks.faces import ConceptualConfig
from sccodec.codecs.conceptual.networks.priors import TextureHyperAnalysis, TexturePrior
from sccodec.codecs.conceptual.priors import LATENT_BITS, OUTPUT_BITS, TEXTURE_INPUT_BITS, texture_inputs
from sccodec.entropy.integer import IntegerNetwork, quantise
from sccodec.training.export import Job


@torch.no_grad()
def integer_texture(
    prior: TexturePrior, config: ConceptualConfig, examples: Sequence[tuple[regions.Regions, NDArray[Any]]]
) -> IntegerNetwork:
    """The textures' prior in integers, calibrated on regions and textures [K, textures] of training pictures."""
    rows = []
    for found, t in examples:
        z = prior.analyse(torch.from_numpy(t).float(), torch.from_numpy(found.labels)).numpy()
        one_hot = np.eye(config.classes, dtype=np.int64)[found.labels]
        parent = np.concatenate([in_fixed_point(t), np.zeros((1, t.shape[1]), np.int64)])[found.parents]
        rows.append(texture_inputs(np.rint(z), one_hot, parent))
    return quantise(as_arrays(prior.layers()), np.concatenate(rows), TEXTURE_INPUT_BITS, OUTPUT_BITS)


def rows_job(name: str, prior: TexturePrior) -> Job:
    """The textures' hyper-analysis, under a name."""
    rows = torch.rand(5, prior.config.textures + prior.config.classes)
    return Job(name, TextureHyperAnalysis(prior).eval(), {"rows": rows}, {"rows": {0: "regions"}}, ("z",))


def in_fixed_point(t: NDArray[Any]) -> NDArray[np.int64]:
    """Latents in base units as decoded ones are kept."""
    fixed: NDArray[np.int64] = np.rint(t * 2**LATENT_BITS).astype(np.int64)
    return fixed


def as_arrays(layers: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    return [(weight.detach().double().numpy(), bias.detach().double().numpy()) for weight, bias in layers]
