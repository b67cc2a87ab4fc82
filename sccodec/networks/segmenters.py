"""The networks of segmenters' model files in torch, by what their configuration says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import nn

from sccodec.networks.configuration import configured
from sccodec.networks.erfnet import ErfConfig, ErfSegmenter
from sccodec.networks.folding import fold_batch_norms
from sccodec.networks.pyramid import PyramidConfig, PyramidSegmenter

NETWORK = "segmenter"
"""The only network of a segmenter's model file."""


def describe(network: nn.Module) -> dict[str, object]:
    """A network's kind and settings, as the model file's configuration has them under ``network``."""
    if isinstance(network, PyramidSegmenter):
        return {"kind": "pyramid", **asdict(network.config)}
    if isinstance(network, ErfSegmenter):
        return {"kind": "erf", **asdict(network.config)}
    raise ValueError(f"no segmenter's model file holds a {type(network).__name__}")


def build(name: str, config: Mapping[str, Any]) -> nn.Module:
    """A network of a model file by its name there, batch norms folded, with untrained weights.

    Raises KeyError, TypeError or ValueError for what is no configuration of a segmenter.
    """
    if name != NETWORK:
        raise ValueError(f"a segmenter's model has no network {name}")
    settings = dict(config["network"])
    kind = settings.pop("kind")
    network: nn.Module
    if kind == "pyramid":
        network = PyramidSegmenter(configured(PyramidConfig, settings))
    elif kind == "erf":
        network = ErfSegmenter(configured(ErfConfig, settings))
    else:
        raise ValueError(f"no segmenter is of the kind {kind!r}")
    network.eval()
    fold_batch_norms(network)
    return network
