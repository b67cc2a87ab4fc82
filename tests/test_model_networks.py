"""Every network of every model file runs in torch, as GPUs do, and gives what its graph gives in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sccodec import bundle
from sccodec.engine import Network, TorchNetwork

pytest.importorskip("torch")
pytest.importorskip("onnx")  # as tests.tiny needs it

from sccodec.codecs.conceptual import networks as conceptual
from tests.decode_golden import GOLDEN
from tests.tiny import TinySegmenter

MODELS = bundle.list_folder(Path(__file__).parents[1] / "models") + bundle.list_folder(GOLDEN)
HEIGHT, WIDTH, REGIONS = 64, 128, 3
TOLERANCE = 1e-4
"""Of floats, as a part of the largest of an output; of uint8, pixels that may differ, and those by one."""
SPREADS = {"gain": 8.0, "step": 0.1, "factor": 1.0}
"""Positive vectors, by name: about how large they are."""


def inputs(network: Network) -> dict[str, np.ndarray]:
    """What the graph takes, at random: for a picture of HEIGHT x WIDTH with a few regions."""
    rng = np.random.default_rng(1)
    taken = {i.name: i for i in network.session.get_inputs()}
    of_pixels = "image" in taken
    sizes = {"regions": REGIONS, "map_height": HEIGHT // 8, "map_width": WIDTH // 8}
    for side, pixels in (("height", HEIGHT), ("width", WIDTH)):
        sizes |= {side: pixels if of_pixels else pixels // 16}
        sizes |= {f"{side}{s}": pixels // s for s in (1, 2, 4, 16, 32)}
    found: dict[str, np.ndarray] = {}
    for name, value in taken.items():
        shape = [sizes.get(side, side) for side in value.shape]
        if value.type == "tensor(uint8)":
            found[name] = rng.integers(0, 256, shape, np.uint8)
        elif value.type == "tensor(int64)":
            found[name] = rng.integers(0, REGIONS, shape)
        elif name in SPREADS:
            found[name] = (SPREADS[name] * rng.uniform(0.5, 1.5, shape)).astype(np.float32)
        else:
            found[name] = (rng.random(shape) if name == "image" else rng.normal(0, 1, shape)).astype(np.float32)
    return found


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.path.stem)
def test_torch_computes_what_the_graphs_do(model: bundle.Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's own CPU, by its other name, runs what a GPU does."""
    if model.path.parent == GOLDEN:
        monkeypatch.setattr(conceptual, "folded_segmenter", TinySegmenter)  # which is no part of the package
    in_torch, opened = bundle.open_model(model, "cpu:0"), bundle.open_model(model)
    assert opened.networks
    for name in opened.networks:
        ours, theirs = in_torch.network(name), opened.network(name)
        assert isinstance(ours, TorchNetwork) and isinstance(theirs, Network)
        given = inputs(theirs)
        for got, expected in zip(ours.run(given), theirs.run(given), strict=True):
            assert got.dtype == expected.dtype and got.shape == expected.shape, name
            difference = np.abs(got.astype(np.float64) - expected.astype(np.float64))
            assert expected.std() > 1e-3, f"{name} says nothing"
            if got.dtype == np.uint8:
                assert difference.max() <= 1 and (difference > 0).mean() <= TOLERANCE, name
            else:
                assert difference.max() <= TOLERANCE * np.abs(expected).max(), name
