"""Region classes without labels: clusters that tell textures apart, the segmenter that learns them, its maps' coder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from sccodec.errors import BadInput  # noqa: E402
from sccodec.labels.coding import LabelModel  # noqa: E402
from sccodec.networks.backbone import Backbone  # noqa: E402
from sccodec.training import clusters  # noqa: E402
from sccodec.training.clusters import Clusters, class_colours, k_means  # noqa: E402
from sccodec.training.labels import coded_bits  # noqa: E402
from sccodec.training.loop import Options, train  # noqa: E402
from sccodec.training.photos import as_tensor  # noqa: E402
from sccodec.training.recipes import labels_general, segmenter_general  # noqa: E402
from sccodec.training.state import read_checkpoint  # noqa: E402


def picture(rng: np.random.Generator, side: int = 160) -> np.ndarray:
    """Left a smooth blue, right a coarse red noise: uint8 [S, S, 3]."""
    image = np.empty((side, side, 3))
    image[:] = (40, 60, 200)
    noise = rng.normal(size=(side // 4, side // 4, 1)).repeat(4, 0).repeat(4, 1) * 50
    image[:, side // 2 :] = (np.array([180, 60, 40]) + noise)[:, side // 2 :]
    return (image + rng.normal(size=image.shape) * 3).clip(0, 255).astype(np.uint8)


@pytest.fixture
def unlearned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random backbone for ImageNet's, and small crops."""
    monkeypatch.setattr(Backbone, "load_imagenet", lambda self: None)
    monkeypatch.setattr(segmenter_general, "CROP", 96)
    for module in (segmenter_general, labels_general):
        monkeypatch.setattr(module, "HELD_EVERY", 3)
    monkeypatch.setattr(labels_general, "LEAST", 96)
    monkeypatch.setattr(labels_general, "POOL", 8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for i in range(5):
        Image.fromarray(picture(rng)).save(folder / f"{i}.png")
    (folder / "test").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "test" / "small.png")
    return folder


def test_k_means_finds_what_lies_together() -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    points = true.repeat(50, 1) + torch.randn(150, 2, generator=generator) * 0.3
    centres, spread = k_means(points, 3, generator)
    assert torch.cdist(true, centres).min(1).values.max() < 0.3
    assert spread < 0.5


def fitted(seed: int = 0) -> Clusters:
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    found = Clusters(4)
    found.fit((as_tensor(picture(rng)) for _ in range(3)), seed)
    return found


def test_clusters_tell_textures_apart() -> None:
    found = fitted()
    p = found(as_tensor(picture(np.random.default_rng(7))))[0]
    assert p.shape == (4, 10, 10)
    torch.testing.assert_close(p.sum(0), torch.ones(10, 10))
    labels = p.argmax(0).numpy()
    left, right = (set(part.ravel().tolist()) for part in (labels[:, :4], labels[:, 6:]))
    assert left.isdisjoint(right)


def test_clusters_follow_from_the_seed() -> None:
    a, b = fitted().state_dict(), fitted().state_dict()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_picture_of_one_colour_has_no_classes_at_its_borders() -> None:
    labels = fitted()(torch.full((1, 3, 96, 128), 0.4))[0].argmax(0)
    assert labels.unique().numel() == 1


def test_the_teacher_does_not_learn() -> None:
    teacher = Clusters(3).train()
    assert not any(m.training for m in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())


def test_neighbours_that_are_alike_agree() -> None:
    evidence = torch.zeros(1, 2, 5, 5)
    evidence[:, 0], evidence[:, :, 2, 2] = 1.0, torch.tensor([0.0, 1.0])
    alike, foreign = torch.ones(1, 1, 8, 5, 5), torch.zeros(1, 1, 8, 5, 5)
    assert clusters.smoothed(evidence, alike)[0, :, 2, 2].argmax() == 0
    assert clusters.smoothed(evidence, foreign)[0, :, 2, 2].argmax() == 1


def test_colours_differ() -> None:
    assert len({tuple(c) for c in class_colours(24).tolist()}) == 24


@pytest.mark.usefixtures("unlearned")
def test_segmenter_and_label_model_train_resume_and_export(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    centres = []
    for resume in (False, True):
        options = Options(data, tmp_path / "segmenter", 0.02, resume=resume, batch=2, threads=1)
        checkpoint = train(segmenter_general.build, options, lines.append)
        centres.append(read_checkpoint(checkpoint)["modules"]["clusters"]["centres"])
    assert any(line.startswith("resumed") for line in lines)
    assert torch.equal(*centres)  # a training that goes on has the same classes

    lines.clear()
    for resume in (False, True):
        options = Options(
            data, tmp_path / "labels", 0.02, resume=resume, batch=512, threads=1, init=(checkpoint,)[: 1 - resume]
        )
        found = train(labels_general.build, options, lines.append)
    assert any(line.startswith("resumed") for line in lines)
    path = labels_general.export([found], tmp_path / "models", None)
    with np.load(path) as arrays:
        model = LabelModel.from_arrays(dict(arrays), "labels")
    assert model.classes == segmenter_general.CLASSES
    # A second of training teaches next to nothing, more or less of it by the machine's speed: what is exported is a
    # model of 24 classes all the same, and not one that knows nothing and is sure of it.
    assert coded_bits(np.zeros((30, 40), np.uint8), model) < 2 * 4.6 * 1200


@pytest.mark.usefixtures("unlearned")
def test_too_few_photographs_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(BadInput, match="too few photographs"):
        segmenter_general.build(Options(tmp_path, tmp_path / "out", 1.0))


def test_labels_need_a_segmenter(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--init"):
        labels_general.build(Options(data, tmp_path / "out", 1.0))
