"""The networks of the conceptual codec in torch, by the names that they have in model files of both its bitstreams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from sccodec.codecs.conceptual.networks.faces import ConceptualConfig, Generator, TextureEncoder
from sccodec.codecs.conceptual.networks.photographs import (
    Painter,
    PhotographsAnalysis,
    PhotographsConfig,
    PhotographsGenerator,
    TextureFeatures,
)
from sccodec.codecs.conceptual.networks.priors import TextureHyperAnalysis, TexturePrior
from sccodec.codecs.hyperprior.networks import Analysis, Block, HyperAnalysis, Synthesis
from sccodec.networks.configuration import configured
from sccodec.networks.segmenter import folded_segmenter


def build(name: str, config: Mapping[str, Any]) -> nn.Module:
    """A network of a model file by its name there, with untrained weights, for the engine that runs torch."""
    definitions = of_photographs(config) if "coarse" in config else of_faces(config)
    if name not in definitions:
        raise ValueError(f"a conceptual model of its kind has no network {name}")
    return definitions[name]()


def of_faces(config: Mapping[str, Any]) -> dict[str, Callable[[], nn.Module]]:
    """Of bitstream 1."""
    chosen = configured(ConceptualConfig, config)
    return {
        "segmenter": lambda: folded_segmenter(chosen.classes),
        "encoder": lambda: TextureEncoder(chosen),
        "hyper_analysis": lambda: TextureHyperAnalysis(TexturePrior(chosen)),
        "generator": lambda: Generator(chosen),
    }


def of_photographs(config: Mapping[str, Any]) -> dict[str, Callable[[], nn.Module]]:
    """Of bitstream 2."""
    chosen = PhotographsConfig.from_dict(config)
    coarse = chosen.coarse
    return {
        "segmenter": lambda: folded_segmenter(chosen.classes),
        "analysis": lambda: PhotographsAnalysis(Analysis(coarse, Block), TextureFeatures(chosen)),
        "texture_hyper_analysis": lambda: TextureHyperAnalysis(TexturePrior(chosen.priors())),
        "hyper_analysis": lambda: HyperAnalysis(coarse),
        "generator": lambda: PhotographsGenerator(Synthesis(coarse, Block), Painter(chosen)),
    }
