"""The label map's float network: it trains, and its integer form codes at the same rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from sccodec.errors import BadInput  # noqa: E402
from sccodec.labels.coding import LabelModel  # noqa: E402
from sccodec.networks.labels import LabelContext, LabelContextConfig, to_label_model  # noqa: E402
from sccodec.training.labels import coded_bits, float_bits, sample  # noqa: E402
from sccodec.training.loop import Options, train  # noqa: E402
from sccodec.training.recipes import labels_faces  # noqa: E402


def discs(rng: np.random.Generator) -> np.ndarray:
    """Overlapping discs of 19 classes, 256x256."""
    y, x = np.mgrid[:256, :256]
    labels = np.zeros((256, 256), np.uint8)
    for c in range(1, 19):
        cy, cx, r = rng.uniform((0, 0, 10), (256, 256, 60))
        labels[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = c
    return labels


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        folder = root / "faces" / split / "labels"
        folder.mkdir(parents=True)
        for i in range(3):
            Image.fromarray(discs(rng)).save(folder / f"{i}.png")
    return root


def test_integers_lose_next_to_no_rate() -> None:
    torch.manual_seed(0)
    network = LabelContext(LabelContextConfig(19, 32, 16))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.1)
    rng = np.random.default_rng(0)
    maps = labels_faces.pyramid_of(discs(rng))
    columns = [np.concatenate(c) for c in zip(*(sample(m, 1100, rng, 19) for m in maps), strict=True)]
    network.remember(*(torch.from_numpy(c) for c in columns[:3]))
    model = to_label_model(network)
    for labels in maps:
        coded, ideal = coded_bits(labels, model), float_bits(network, labels)
        assert coded == pytest.approx(ideal, rel=0.005)


def test_recipe_trains_resumes_and_exports(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    for resume in (False, True):
        options = Options(data, tmp_path, 0.02, resume=resume, batch=512, threads=1)
        checkpoint = train(labels_faces.build, options, lines.append)
    assert any(line.startswith("resumed") for line in lines)
    path = labels_faces.export([checkpoint], tmp_path / "models", None)
    with np.load(path) as arrays:
        model = LabelModel.from_arrays(dict(arrays), "labels")
    labels = labels_faces.pyramid_of(discs(np.random.default_rng(9)))[2]
    assert coded_bits(labels, model) < 4.25 * labels.size


def test_maps_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        labels_faces.load_maps(tmp_path)
    with pytest.raises(BadInput):
        labels_faces.pyramid_of(np.zeros((256, 300), np.uint8))
