"""The conceptual codec's graphs compute what torch does, at any size, with one label and with all 19."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from torch import nn  # noqa: E402

from sccodec.codecs.conceptual.networks.priors import TextureHyperAnalysis  # noqa: E402
from sccodec.codecs.conceptual.planes import coordinates, noise  # noqa: E402
from sccodec.engine import Network, Settings  # noqa: E402
from sccodec.training import export  # noqa: E402
from sccodec.training.conceptual import export_faces  # noqa: E402
from tests import tiny  # noqa: E402

CONFIG = replace(tiny.CONFIG, classes=19, parents=((),) * 19)
SIZES = [(64, 96), (256, 256), (520, 776)]


@pytest.fixture(scope="module")
def made() -> tuple[dict[str, nn.Module], dict[str, np.ndarray]]:
    networks = tiny.networks(CONFIG)  # a real segmenter's graph is test_export.py's
    for module in networks.values():
        for parameter in module.parameters():
            # Parameters that start at zero would hide what they multiply.
            parameter.data += 0.02 * torch.randn(parameter.shape)
    return networks, export_faces.graphs(networks, CONFIG)


def inputs(height: int, width: int, labels: int, factor: int = 8) -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(height + labels)
    normal = lambda *shape: rng.standard_normal(shape).astype(np.float32)  # noqa: E731
    index = rng.integers(0, labels, (1, height // factor, width // factor))
    image = rng.random((1, 3, height, width)).astype(np.float32)
    planes = {f"noise{s}": noise(height // s, width // s) for s in (4, 2, 1)}
    return {
        "segmenter": {"image": image},
        "encoder": {"image": image, "labels": index},
        "hyper_analysis": {"rows": normal(labels, CONFIG.textures + CONFIG.classes)},
        "generator": {
            "textures": normal(labels, CONFIG.textures),
            "labels": np.arange(labels),
            "index": index,
            "detail": normal(1, CONFIG.detail, -(-height // 32), -(-width // 32)),
            "coordinates": coordinates(-(-height // 16), -(-width // 16)),
            **planes,
        },
    }


@pytest.mark.parametrize("name", ["segmenter", "encoder", "hyper_analysis", "generator"])
@pytest.mark.parametrize("labels", [1, 19])
@pytest.mark.parametrize("size", SIZES)
def test_a_graph_computes_what_torch_does(
    made: tuple[dict[str, nn.Module], dict[str, np.ndarray]], size: tuple[int, int], labels: int, name: str
) -> None:
    networks, tensors = made
    module = networks["texture_prior"] if name == "hyper_analysis" else networks[name]
    if name == "hyper_analysis":
        module = TextureHyperAnalysis(module)
    given = inputs(*size, labels)[name]
    with torch.no_grad():
        expected = export.prepare(module)(**{k: torch.from_numpy(v) for k, v in given.items()})
    weights = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
    for settings in (Settings(1), Settings(2, optimise=False)):
        outputs = Network(tensors[f"graph.{name}"].tobytes(), weights, settings).run(given)
        for output, tensor in zip(outputs, expected if isinstance(expected, tuple) else (expected,), strict=True):
            np.testing.assert_allclose(output, tensor.numpy(), rtol=1e-5, atol=1e-4)
