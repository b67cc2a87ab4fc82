"""The recipes of street scenes' segmenters on toy pictures, and their model files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from sccodec import bundle  # noqa: E402
from sccodec.errors import BadInput  # noqa: E402
from sccodec.labels import models  # noqa: E402
from sccodec.labels.classes import CAMVID  # noqa: E402
from sccodec.networks import segmenters  # noqa: E402
from sccodec.networks.backbone import Backbone  # noqa: E402
from sccodec.networks.convcrf import Refinement  # noqa: E402
from sccodec.networks.erfnet import ErfConfig, ErfSegmenter, NonBottleneck1d  # noqa: E402
from sccodec.networks.pyramid import SMALL, PyramidConfig, PyramidSegmenter  # noqa: E402
from sccodec.training import loop, state, street, street_export, street_teacher  # noqa: E402
from sccodec.training.recipes import (  # noqa: E402
    segmenter_street,
    segmenter_street_crf,
    segmenter_street_gan,
    segmenter_street_scratch,
    segmenter_street_small,
)

TINY = PyramidConfig(width=16, decoder=8, fine=4)


@pytest.fixture
def toy_streets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures a split, whose lower half is road under a sky; small crops, and no ImageNet weights."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in ("images", "labels"):
            (tmp_path / "camvid" / split / name).mkdir(parents=True)
        for i in range(3):
            picture = rng.integers(0, 40, (96, 128, 3), dtype=np.uint8)
            labels = np.zeros((96, 128), np.uint8)
            labels[50:], labels[:, :4] = 3, 11
            picture[labels == 0] += 200
            Image.fromarray(picture).save(tmp_path / "camvid" / split / "images" / f"{i}.png")
            Image.fromarray(labels).save(tmp_path / "camvid" / split / "labels" / f"{i}.png")
    monkeypatch.setattr(street, "CROP_HEIGHT", 64)
    monkeypatch.setattr(street, "CROP_WIDTH", 96)
    monkeypatch.setattr(street, "CODED_SHARE", 0.0)
    monkeypatch.setattr(Backbone, "load_imagenet", lambda self: None)
    for recipe in (segmenter_street, segmenter_street_gan):
        monkeypatch.setattr(recipe, "CONFIG", TINY)
    return tmp_path


def train(recipe: object, data: Path, out: Path, steps: int = 2) -> Path:
    torch.manual_seed(0)
    options = loop.Options(data, out, steps=steps, batch=2)
    return loop.train(recipe.build, options, lambda text: None)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("network", "most"),
    [
        (PyramidSegmenter(PyramidConfig()), 3_000_000),
        (PyramidSegmenter(SMALL), 1_000_000),
        (ErfSegmenter(ErfConfig()), 1_000_000),
    ],
)
def test_networks_have_their_size_and_give_half_of_the_resolution(network: torch.nn.Module, most: int) -> None:
    assert most / 2 < sum(p.numel() for p in network.parameters()) < most
    with torch.no_grad():
        assert network.eval()(torch.rand(1, 3, 64, 96)).shape == (1, 11, 32, 48)


def test_a_non_bottleneck_block_sees_as_far_as_its_dilation() -> None:
    block = NonBottleneck1d(4, rate=3).eval()
    x = torch.zeros(1, 4, 21, 21, requires_grad=True)
    block(x + 1)[0, :, 10, 10].sum().backward()
    seen = x.grad.abs().sum(1)[0].nonzero()
    assert seen.min(0).values.tolist() == [6, 6] and seen.max(0).values.tolist() == [14, 14]


def test_the_adversarial_recipe_begins_and_draws_as_the_plain_one(toy_streets: Path) -> None:
    made = []
    for recipe in (segmenter_street, segmenter_street_gan):
        torch.manual_seed(5)
        task = recipe.build(loop.Options(toy_streets, toy_streets / "run", steps=1, seed=5))
        rng = np.random.default_rng(1)
        made.append((task, task.draw(2, rng), torch.rand(3)))
    (plain, drawn, rest), (adversarial, drawn_too, rest_too) = made
    assert all(torch.equal(a, b) for a, b in zip(drawn, drawn_too, strict=True)) and torch.equal(rest, rest_too)
    mine, others = (task.modules["segmenter"].state_dict() for task in (plain, adversarial))
    assert mine.keys() == others.keys() and all(torch.equal(mine[k], others[k]) for k in mine)
    assert adversarial.modules.keys() - plain.modules.keys() == {"discriminator"}


def test_what_is_void_teaches_neither_the_segmenter_nor_the_discriminator() -> None:
    labels = torch.full((1, 8, 8), street.VOID)
    labels[0, :4, :4], labels[0, 4:, :4] = 2, 3
    logits = torch.randn(1, 11, 2, 2)
    known, truth = segmenter_street_gan.true_maps(labels, (2, 2))
    assert known[0, 0].tolist() == [[True, False], [True, False]]
    assert truth[0, :, 0, 0].argmax() == 2 and truth[0, :, 1, 0].argmax() == 3
    other = logits.clone()
    other[..., 1] = torch.randn(1, 11, 2)
    found = [{k: v.item() for k, v in street.losses(x, labels, torch.ones(11)).items()} for x in (logits, other)]
    assert found[0] == found[1]


def test_a_sample_stands_for_all_pixels_that_it_covers() -> None:
    labels = torch.tensor([[[0, 0, 1, street.VOID], [0, 2, 1, 1]]])
    assert street.shares(labels, (1, 2))[0, :3, 0].T.tolist() == [[0.75, 0.0, 0.25], [0.0, 0.75, 0.0]]
    logits, weight = torch.randn(1, 11, 1, 2), torch.rand(11) + 0.5
    whole = logits.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = torch.nn.functional.cross_entropy(whole, labels, weight, ignore_index=street.VOID).item()
    assert street.losses(logits, labels, weight)["cross_entropy"].item() == pytest.approx(expected, rel=1e-5)


def test_weights_of_classes_are_one_in_the_mean_and_higher_for_rare_ones() -> None:
    share = np.array([0.7, 0.25, 0.05])
    weight = street.class_weights(share).numpy()
    assert float((weight * share).sum()) == pytest.approx(1, abs=1e-6)
    assert weight[0] < weight[1] < weight[2]


def test_dice_of_a_hand_worked_map() -> None:
    probability = torch.zeros(1, 11, 1, 2)
    probability[0, :2, 0, 0], probability[0, 1, 0, 1] = torch.tensor([0.75, 0.25]), 1.0
    truth = torch.zeros(1, 11, 1, 2)
    truth[0, 0, 0, 0] = truth[0, 1, 0, 1] = 1.0
    # Class 0: 2 * 0.75 / (0.75 + 1 + 1); class 1: 2 * 1 / (1.25 + 1 + 1).
    expected = 1 - (1.5 / 2.75 + 2 / 3.25) / 2
    assert street.dice(probability, truth).item() == pytest.approx(expected, abs=1e-6)


def test_crops_keep_pictures_and_labels_together(toy_streets: Path) -> None:
    found = street.load(toy_streets, "train")
    rng = np.random.default_rng(2)
    for _ in range(20):
        image, labels = street.crop(found.images[0], found.labels[0], rng)
        assert image.shape == (1, 3, 64, 96) and labels.shape == (1, 64, 96)
        bright = image[0].mean(0) > 0.6
        sky = labels[0] == 0
        assert (bright & (labels[0] == 3)).float().mean() < 0.02 and (sky & ~bright).float().mean() < 0.02


def test_pictures_are_trained_on_as_hyperprior_decodes_them(toy_streets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = street.load(toy_streets, "train")
    coded = street.Coded(found.images, 0)
    assert len(set(coded.qualities.tolist())) == 3 and all(10 <= q <= 80 for q in coded.qualities)
    again = coded[1]
    assert again.shape == found.images[1].shape and not np.array_equal(again, found.images[1])
    assert np.abs(again.astype(int) - found.images[1].astype(int)).mean() < 30 and coded[1] is again


@pytest.mark.parametrize("recipe", [segmenter_street, segmenter_street_gan])
def test_a_model_file_computes_what_was_trained(toy_streets: Path, recipe: object) -> None:
    checkpoint = train(recipe, toy_streets, toy_streets / "run")
    path = recipe.export([checkpoint], toy_streets / "models", None)  # type: ignore[attr-defined]
    opened = bundle.open_model(bundle.list_folder(path.parent)[0])
    assert opened.codec == "segmenter" and opened.config["classes"] == list(CAMVID)
    x = np.random.default_rng(0).random((1, 3, 96, 64), np.float32)
    (logits,) = opened.network("segmenter").run({"image": x})
    network = segmenters.build("segmenter", opened.config)
    state = {name: torch.from_numpy(value.astype(np.float32)) for name, value in opened.weights("segmenter").items()}
    network.load_state_dict(state)
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()
    assert logits.shape == (1, 11, 48, 32)
    np.testing.assert_allclose(logits, expected, atol=2e-3)


def test_small_ones_are_taught_by_the_installed_one(toy_streets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(street_teacher, "LEAST_SIDE", 16)
    checkpoint = train(segmenter_street, toy_streets, toy_streets / "run", 1)
    folder = toy_streets / "models"
    segmenter_street.export([checkpoint], folder, None)
    monkeypatch.setenv("SCCODEC_MODELS", str(folder))
    images = torch.rand(2, 3, 64, 96)
    teacher = street_teacher.Teacher(toy_streets)
    taught = teacher.probabilities(images)
    assert taught.shape == (2, 11, 32, 48) and torch.allclose(taught.sum(1), torch.ones(2, 32, 48), atol=1e-5)
    assert street_teacher.disagreement(taught.log(), taught).item() == pytest.approx(0, abs=1e-6)
    for recipe, variant in ((segmenter_street_small, "street_small"), (segmenter_street_scratch, "street_scratch")):
        made = train(recipe, toy_streets, toy_streets / variant, 1)
        rows = [json.loads(line) for line in (toy_streets / variant / "log.jsonl").read_text().splitlines()]
        assert "miou" in rows[-1]["validation"]
        if recipe is segmenter_street_scratch:  # the small one is a smaller network of street's kind
            assert recipe.export([made], folder, None).name.startswith(f"segmenter-{variant}-")
    crf = train(segmenter_street_crf, toy_streets, toy_streets / "crf", 1)
    path = segmenter_street.export([checkpoint, crf], folder, None)
    opened = bundle.open_model(next(m for m in bundle.list_folder(folder) if m.path == path))
    assert opened.config["crf"] == {"window": 7, "steps": 5}
    arrays = opened.arrays("crf.")
    assert {n: a.shape for n, a in arrays.items()} == {
        "crf.colour": (2,), "crf.compatibility": (11, 11), "crf.position": (2,), "crf.unary": (), "crf.weight": (2,)
    }  # fmt: skip
    assert arrays["crf.colour"][1] == 0 < arrays["crf.colour"][0]
    refines_as_trained(crf, opened)


def refines_as_trained(checkpoint: Path, opened: bundle.Bundle) -> None:
    """What numpy computes from the model file is what torch trained."""
    trained = Refinement(street.CLASSES)
    trained.load_state_dict(state.load_average(checkpoint, "refinement"))
    torch.manual_seed(1)
    logits, guide = 2 * torch.randn(1, street.CLASSES, 14, 11), torch.rand(1, 3, 14, 11)
    guide[..., :5] = guide[..., :1]  # colours alike, others not
    with torch.no_grad():
        expected = trained(logits, guide)[0].numpy()
    refiner = models.traits_of(opened).crf
    assert refiner is not None
    np.testing.assert_allclose(refiner.refine(logits[0].numpy(), guide[0].numpy()), expected, rtol=1e-4, atol=1e-4)


def without_maps(folder: Path) -> None:
    for path in (folder / "labels").iterdir():
        path.unlink()


def another_size(folder: Path) -> None:
    Image.new("L", (5, 5)).save(folder / "labels" / "1.png")


def no_pictures(folder: Path) -> None:
    for path in (folder / "images").iterdir():
        path.unlink()


@pytest.mark.parametrize("spoil", [without_maps, another_size, no_pictures])
def test_bad_data_are_named(toy_streets: Path, spoil: Callable[[Path], None]) -> None:
    spoil(toy_streets / "camvid" / "train")
    with pytest.raises(BadInput, match="camvid"):
        street.load(toy_streets, "train")


def test_an_export_without_a_segmenter_is_refused(toy_streets: Path) -> None:
    checkpoint = train(segmenter_street, toy_streets, toy_streets / "run", 1)
    with pytest.raises(BadInput, match="other shapes"):
        street_export.export_segmenter([checkpoint], toy_streets, "street_scratch", ErfSegmenter(ErfConfig()))
