"""The model file of the conceptual codec for any photograph: its graphs compute what torch does, at any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from sccodec.codecs.conceptual.networks.photographs import PhotographsAnalysis, PhotographsGenerator  # noqa: E402
from sccodec.codecs.conceptual.planes import noise  # noqa: E402
from sccodec.engine import Network, Settings  # noqa: E402
from sccodec.errors import BadInput  # noqa: E402
from sccodec.training import export  # noqa: E402
from sccodec.training.conceptual import export_photographs  # noqa: E402
from tests import tiny_hyperprior, tiny_photographs  # noqa: E402


def picture(height: int, width: int) -> np.ndarray:
    return np.asarray(tiny_hyperprior.pictures(1, height, width)[0])


@pytest.fixture(scope="module")
def exported() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Networks, and the arrays of their graphs; a real segmenter's graph is test_export.py's."""
    made = tiny_photographs.networks()
    return made, export_photographs.graphs(made, tiny_photographs.CONFIG)


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (5, 7), (12, 9)])
def test_graphs_compute_what_torch_does(
    exported: tuple[dict[str, Any], dict[str, np.ndarray]], size: tuple[int, int]
) -> None:
    made, tensors = exported
    h, w = size
    rng = np.random.default_rng(h)
    given: dict[str, dict[str, np.ndarray]] = {
        "segmenter": {"image": rng.random((1, 3, 16 * h, 16 * w)).astype(np.float32)},
        "analysis": {
            "image": picture(16 * h, 16 * w)[None],
            "factor": np.ones(12, np.float32),
            "gain": np.full(16, 9, np.float32),
        },
        "generator": {
            "y_hat": rng.integers(-3, 4, (1, h, w, 16)).astype(np.float32),
            "step": np.full(16, 0.1, np.float32),
            "factor": np.ones(12, np.float32),
            "textures": rng.standard_normal((3, 8)).astype(np.float32),
            "labels": np.arange(3),
            "index": rng.integers(0, 3, (1, h, w)),
            **{f"noise{s}": noise(16 // s * h, 16 // s * w) for s in (4, 2, 1)},
        },
    }
    modules = {
        "segmenter": made["segmenter"],
        "analysis": PhotographsAnalysis(made["analysis"], made["texture_features"]),
        "generator": PhotographsGenerator(made["synthesis"], made["painter"]),
    }
    for name, inputs in given.items():
        with torch.no_grad():
            expected = export.prepare(modules[name])(**{k: torch.from_numpy(v) for k, v in inputs.items()})
        weights = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
        outputs = Network(tensors[f"graph.{name}"].tobytes(), weights, Settings(1), blocked=True).run(inputs)
        for output, tensor in zip(outputs, expected if isinstance(expected, tuple) else (expected,), strict=True):
            if output.dtype == np.uint8:
                assert np.abs(output.astype(int) - tensor.numpy()).max() <= 1
            else:
                np.testing.assert_allclose(output, tensor.numpy(), rtol=1e-4, atol=1e-3)


def test_calibration_takes_pictures_of_64_pixels_at_least() -> None:
    made = tiny_photographs.networks()
    labels = np.zeros((5, 8), np.uint8)
    coarse, textures = export_photographs.examples(made, [picture(80, 130)], [labels])
    assert [y.shape for y, _ in coarse] == [(1, 16, 4, 8)] * len(export_photographs.QUALITIES)
    assert textures[0][0].index.shape == (1, 4, 8) and textures[0][1].shape == (1, 8)
    with pytest.raises(BadInput, match="64"):
        export_photographs.examples(made, [picture(63, 130)], [labels])
