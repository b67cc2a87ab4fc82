"""The hyperprior's training on a handful of synthetic photographs, from data to a model file that the codec uses."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

import sccodec  # noqa: E402
from sccodec import bundle  # noqa: E402
from sccodec.cli import _recipes  # noqa: E402
from sccodec.codecs.hyperprior import networks as drawn  # noqa: E402
from sccodec.errors import BadInput  # noqa: E402
from sccodec.training import loop, state  # noqa: E402
from sccodec.training import photos as photos_of  # noqa: E402
from sccodec.training.hyperprior.rate import FactorizedEstimator, GridEstimator  # noqa: E402
from sccodec.training.photos import Crops, find_photos  # noqa: E402
from sccodec.training.recipes import hyperprior as recipe  # noqa: E402
from tests import tiny_hyperprior  # noqa: E402

CONFIGS = tiny_hyperprior.CONFIGS
VARIANTS = {"hyperprior": "tiny", "hyperprior-mean-scale": "tiny_meanscale", "hyperprior-scale": "tiny_scale"}
VARIANTS["hyperprior-factorized"] = "tiny_factorized"


def save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photographs of 340x330, of which the first is held out, and among faces one more of 330x330."""
    folder = tmp_path_factory.mktemp("data")
    for i, picture in enumerate(tiny_hyperprior.pictures(3, 330, 340)):
        save(folder / "photos-a" / f"{i}.png", picture)
    save(folder / "faces" / "train" / "images" / "0.png", tiny_hyperprior.pictures(1, 330, 330, seed=9)[0])
    return folder


@pytest.fixture
def densities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the recipe train the densities of the tests, where what is tested is not the rate: no compressai."""
    monkeypatch.setattr(recipe, "EntropyModels", tiny_hyperprior.Densities)


def quiet(text: str) -> None:
    pass


def steps(task: recipe.HyperpriorTask, n: int, batch: int = 4) -> list[dict[str, float]]:
    """Losses of so many steps, at the full learning rate from the first."""
    rng, clock = np.random.default_rng(0), loop.Clock(60)
    return [task.step(batch, rng, clock) for _ in range(n)]


@pytest.mark.parametrize("variant", CONFIGS)
def test_every_configuration_learns(photos: Path, tmp_path: Path, variant: str) -> None:
    pytest.importorskip("sccodec.training.compressai_priors", exc_type=ImportError, reason="needs compressai")
    torch.manual_seed(0)
    task = recipe.HyperpriorTask(loop.Options(photos, tmp_path / "run", minutes=1), CONFIGS[variant])
    before = {k: [p.detach().clone() for p in m.parameters()] for k, m in task.modules.items()}
    rows = steps(task, 40)
    assert all(np.isfinite(v) for row in rows for v in row.values())
    losses = [row["loss"] for row in rows]
    assert np.mean(losses[-8:]) < 0.9 * np.mean(losses[:8]), losses
    unused = {"hyper_analysis", "distributions"} if not CONFIGS[variant].hyper else set()
    for name, parameters in before.items():
        moved = [not torch.equal(a, b) for a, b in zip(parameters, task.modules[name].parameters(), strict=True)]
        # compressai's quantiles wait for an auxiliary loss that integers do not need.
        assert name in unused or sum(moved) >= len(moved) - 1, name
    figures, sheet = task.validate(task.modules)
    assert len(figures) == 10 and all(np.isfinite(v) for v in figures.values())
    assert figures["bpp100"] > figures["bpp0"] > 0 and figures["psnr100"] > 20
    assert sheet.shape == (6 * 320, 320, 3) and sheet.dtype == np.uint8


def test_a_run_resumes_and_its_model_file_codes(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, densities: None
) -> None:
    pytest.importorskip("onnx")
    monkeypatch.setattr(recipe, "CALIBRATION_BATCHES", 3)
    monkeypatch.setattr(recipe, "CALIBRATION_PICTURES", 4)
    config = CONFIGS["tiny"]

    def build(options: loop.Options) -> recipe.HyperpriorTask:
        return recipe.HyperpriorTask(options, config)

    def progress(clock: loop.Clock) -> float:
        """By calls, of which there are two a step, instead of by time."""
        calls.append(clock.steps)
        return min(1.0, len(calls) / 12)

    calls: list[int] = []
    monkeypatch.setattr(loop.Clock, "progress", progress)
    options = loop.Options(photos, tmp_path / "run", minutes=1, batch=2)
    checkpoint = loop.train(build, options, quiet)
    first = state.read_checkpoint(checkpoint)
    calls.clear()
    loop.train(build, replace(options, resume=True), quiet)
    second = state.read_checkpoint(checkpoint)
    assert (first["steps"], second["steps"]) == (6, 12)
    drift = (second["modules"]["analysis"]["embed.weight"] - first["modules"]["analysis"]["embed.weight"]).abs().max()
    assert 0 < drift < 0.1, "it went on from where it was"
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert {"bpp0", "psnr100"} <= rows[-1]["validation"].keys()

    path = recipe.export_configuration([checkpoint], tmp_path / "models", photos, config, "trained", "hyperprior")
    monkeypatch.setenv("SCCODEC_MODELS", str(tmp_path / "models"))
    opened = bundle.default("hyperprior", "trained")
    assert opened.path == path and path.name in {p.name for p in (tmp_path / "models").iterdir()}
    described = json.loads(opened.metadata["training"])
    assert described["steps"] == second["steps"] and described["recipe"] == "hyperprior"

    # What the model file does is what the trained networks do.
    picture = np.asarray(Image.open(photos / "photos-a" / "0.png"))[:128, :192]
    modules = recipe.networks(config)
    for name, module in modules.items():
        module.load_state_dict(second["average"][name])
        module.eval()
    for quality in (0.0, 60.0):
        data = sccodec.encode(picture, "hyperprior:trained", quality)
        decoded = sccodec.decode(data)
        images = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            x_hat, bits = recipe.run(modules, images, torch.tensor([quality]))
        expected = (x_hat[0].permute(1, 2, 0).clamp(0, 1) * 255).numpy()
        # Weights of half the precision and means of 16ths turn a latent here and there.
        assert np.median(np.abs(decoded - expected)) <= 1 and np.mean(np.abs(decoded - expected)) < 2
        estimate = float(sum(v.sum() for v in bits.values()))
        assert abs(8 * len(data) - estimate) < 0.1 * estimate + 200
    with pytest.raises(BadInput, match="--data"):
        recipe.export_configuration([checkpoint], tmp_path / "models", None, config, "trained", "hyperprior")


@pytest.mark.parametrize("other", [{}, {"analysis": drawn.Analysis(CONFIGS["tiny"]).state_dict()}])
def test_checkpoints_of_other_recipes_are_refused(tmp_path: Path, densities: None, other: dict[str, Any]) -> None:
    pytest.importorskip("onnx")
    torch.save({"modules": {}, "average": other, "steps": 1, "seconds": 1.0}, tmp_path / "checkpoint.pt")
    with pytest.raises(BadInput, match="no network analysis of hyperprior") as caught:
        recipe.export([tmp_path / "checkpoint.pt"], tmp_path / "models", tmp_path)
    assert "\n" not in str(caught.value) and not (tmp_path / "models").exists()


@pytest.mark.parametrize("name", VARIANTS)
def test_each_recipe_steps(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, densities: None, name: str
) -> None:
    """Two steps of the full networks of a recipe, on few and small crops."""
    module = _recipes.load(name)
    assert module.__doc__.startswith(f"``sccodec train {name}``:")
    monkeypatch.setattr(recipe, "CROP", 64)
    monkeypatch.setattr(recipe, "start_as_principal_components", lambda modules, crops: None)
    task = module.build(loop.Options(photos, tmp_path / "run", minutes=1))
    rows = steps(task, 2, 2)
    assert all(np.isfinite(v) for row in rows for v in row.values())
    config, small = task.modules["distributions"].config, CONFIGS[VARIANTS[name]]
    assert (config.means, config.steps, config.hyper > 0) == (small.means, small.steps, small.hyper > 0)

    seen: list[Any] = []
    monkeypatch.setattr(recipe, "export_configuration", lambda *args: seen.append(args) or tmp_path)
    assert module.export([tmp_path / "checkpoint.pt"], tmp_path, photos) == tmp_path
    assert seen[0][3] == config and seen[0][5] == name
    assert seen[0][4] in ("photos", "factorized", "scale", "meanscale")


def test_variants_of_recipes_differ() -> None:
    folder = Path(recipe.__file__).parent
    names = {p.stem for p in folder.glob("hyperprior*.py")} - {"hyperprior_detailed"}  # which has no variant yet
    assert {n.replace("-", "_") for n in VARIANTS} == names
    for name in names:
        module = importlib.import_module(f"sccodec.training.recipes.{name}")
        assert callable(module.build) and callable(module.export)


def test_training_starts_from_a_good_linear_transform(photos: Path) -> None:
    """The full transforms as principal components: before any training, and at a fine quantisation."""
    torch.manual_seed(0)
    crops, held = photos_of.load_crops(photos)
    networks = {
        "analysis": drawn.Analysis(drawn.SLICED),
        "synthesis": drawn.Synthesis(drawn.SLICED),
        "distributions": drawn.Distributions(drawn.SLICED),
        "gains": drawn.Gains(drawn.SLICED),
    }
    images = held[:, :, :192, :192]

    def psnr(step: float) -> float:
        ones = torch.ones(1, drawn.SLICED.channels, 1, 1)
        with torch.no_grad():
            y = networks["analysis"](images, ones)
            x_hat = networks["synthesis"]((y / step).round() * step, ones)
        return float(-10 * (x_hat - images).square().mean().log10())

    untrained = psnr(0.01)
    recipe.start_as_principal_components(networks, crops)
    assert psnr(0.01) > 30 > untrained + 10
    assert psnr(0.01) > psnr(0.3) > 20
    # Rows of the scale table, from the components' deviations: some coarse, some fine, neighbours in all four quarters.
    rows = networks["distributions"].base.detach()
    assert rows.max() - rows.min() > 10
    quarters = rows.view(4, -1).mean(1)
    assert quarters.max() - quarters.min() < 0.25 * (rows.max() - rows.min())


def test_blocks_are_folded_into_plain_ones() -> None:
    torch.manual_seed(0)
    config = CONFIGS["tiny"]
    trained = drawn.Analysis(config).eval()
    for p in trained.parameters():
        p.data += 0.1 * torch.randn_like(p)
    x, factor = torch.rand(1, 3, 48, 64), torch.rand(1, config.channels, 1, 1) + 0.5
    with torch.no_grad():
        expected = trained(x, factor)
        folded = drawn.fold(trained)
        assert not any(isinstance(m, drawn.ScaledBlock) for m in folded.modules())
        torch.testing.assert_close(folded(x, factor), expected, rtol=1e-4, atol=1e-5)
    assert drawn.Analysis(config, drawn.Block).state_dict().keys() == folded.state_dict().keys()


def plain(value: int, side: int = 60) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def test_crops_follow_their_shares_and_sizes() -> None:
    """By share between groups, by pixels within one; two groups of other sizes do not disturb each other."""
    crops = Crops([(0.75, [plain(10), plain(20, 120)]), (0.25, [plain(30, 90)])])
    drawn_values = crops.draw(4000, 8, np.random.default_rng(0))[:, 0, 0, 0].mul(255).round().int().tolist()
    counts = {value: drawn_values.count(value) / 4000 for value in (10, 20, 30)}
    assert abs(counts[10] - 0.15) < 0.03 and abs(counts[20] - 0.6) < 0.03 and abs(counts[30] - 0.25) < 0.03
    with pytest.raises(BadInput, match="no pictures"):
        Crops([(0.5, []), (0.5, [])])


def test_crops_are_pieces_of_a_photograph_mirrored_and_turned() -> None:
    photo = np.arange(20 * 24 * 3, dtype=np.uint16).reshape(20, 24, 3).astype(np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(photo, (6, 6), (0, 1)).reshape(-1, 3, 6, 6)
    known = {w.tobytes() for w in windows.copy()}
    crops = Crops([(1.0, [photo])]).draw(200, 6, np.random.default_rng(0))
    assert crops.shape == (200, 3, 6, 6)
    ways = {"straight": 0, "mirrored": 0, "turned": 0}
    for crop in crops.mul(255).round().byte().numpy():
        if crop.copy().tobytes() in known:
            ways["straight"] += 1
        elif crop[:, :, ::-1].copy().tobytes() in known:
            ways["mirrored"] += 1
        else:
            back = np.rot90(crop, -1, (1, 2))
            assert back.copy().tobytes() in known or back[:, :, ::-1].copy().tobytes() in known
            ways["turned"] += 1
    assert min(ways.values()) > 20


def test_held_photographs_are_never_drawn(tmp_path: Path) -> None:
    """Every 32nd is held out; the others, at three scales, are what crops come from."""
    for i in range(34):
        save(tmp_path / "photos" / f"{i:02}.png", plain(i + 1, 340))
    crops, held = photos_of.load_crops(tmp_path)
    assert [round(float(x.mean()) * 255) - 1 for x in held] == [0, 32]
    assert held.shape == (2, 3, photos_of.HELD_CROP, photos_of.HELD_CROP)
    seen = {int(photo[0, 0, 0]) - 1 for photo in crops.photos}
    assert seen == set(range(34)) - {0, 32}
    assert {photo.shape[0] for photo in crops.photos} == {340}, "smaller scales fall below the smallest side"


def test_test_pictures_are_left_out(tmp_path: Path) -> None:
    save(tmp_path / "photos" / "held.png", plain(1, 340))
    save(tmp_path / "photos" / "kept.png", plain(2, 500))
    for i, folder in enumerate(("test", "val/images", "kodak", "photos-a/test", "faces/val", "faces/train/labels")):
        save(tmp_path / folder / "x.png", plain(100 + i, 500))
    save(tmp_path / "faces" / "train" / "images" / "x.png", plain(3, 500))
    crops, held = photos_of.load_crops(tmp_path)
    assert {int(photo[0, 0, 0]) for photo in crops.photos} == {2, 3}
    assert sorted(photo.shape[0] for photo in crops.photos) == [250, 300, 350, 500]
    assert len(held) == 1 and crops.odds.sum() == pytest.approx(1)
    faces = [odds for odds, photo in zip(crops.odds, crops.photos, strict=True) if photo[0, 0, 0] == 3]
    assert sum(faces) == pytest.approx(0.15)


def test_data_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no pictures"):
        find_photos(tmp_path)
    save(tmp_path / "photos" / "0.png", plain(1, 200))
    with pytest.raises(BadInput):
        photos_of.load_crops(tmp_path)


def test_any_folder_of_pictures_will_do(tmp_path: Path) -> None:
    for i in range(2):
        save(tmp_path / f"{i}.png", plain(i, 330))
    crops, held = photos_of.load_crops(tmp_path)
    assert len(held) == 1 and {int(photo[0, 0, 0]) for photo in crops.photos} == {1}


@pytest.mark.parametrize("variant", ["tiny", "tiny_factorized"])
def test_rates_pass_gradients_to_latents_and_networks(variant: str) -> None:
    networks = tiny_hyperprior.networks(CONFIGS[variant])
    for network in networks.values():
        network.train().requires_grad_(requires_grad=True)
    images = torch.from_numpy(tiny_hyperprior.pictures(2, 64, 64)).permute(0, 3, 1, 2).float() / 255
    x_hat, bits = recipe.run(networks, images, torch.tensor([20.0, 80.0]))
    assert x_hat.shape == images.shape and all(v.shape == (2,) for v in bits.values())
    assert set(bits) == ({"hyper", "latents"} if CONFIGS[variant].hyper else {"latents"})
    sum(v.sum() for v in bits.values()).backward()
    gradients = {
        name: [p.grad is not None and bool(p.grad.abs().max() > 0) for p in network.parameters() if p.numel()]
        for name, network in networks.items()
    }
    assert all(gradients["analysis"]) and not any(gradients["synthesis"])
    if CONFIGS[variant].hyper:
        assert all(gradients["hyper_analysis"]) and all(gradients["distributions"])
    assert any(gradients["entropy"]) and gradients["gains"][0]


@torch.no_grad()
def test_evaluation_counts_the_bits_of_rounded_values() -> None:
    """Twice the same; in training, those of noisy ones."""
    models = tiny_hyperprior.Densities(3)
    y = torch.tensor([0.2, -1.4, 0.6]).view(1, 3, 1, 1)
    row = torch.full_like(y, 20.0)

    def count(estimator: Any) -> float:
        y_hat = estimator.gaussian("latents", y, torch.zeros_like(y), row)
        assert y_hat.flatten().tolist() == [0, -1, 1]
        return float(estimator.bits["latents"])

    models.eval()
    assert count(GridEstimator(models)) == count(GridEstimator(models))
    _, likelihood = models.gaussian(y.round(), 0.11 * drawn.scale_ratio() ** row)
    assert count(GridEstimator(models)) == pytest.approx(float(-likelihood.log2().sum()), rel=1e-5)
    row = torch.zeros_like(y)  # of a factorized prior: the logarithm of the step
    _, likelihood = models.bottleneck(y.round(), training=False)
    assert count(FactorizedEstimator(models)) == pytest.approx(float(-likelihood.log2().sum()), rel=1e-5)


def test_qualities_become_weights_of_anchors() -> None:
    q = torch.tensor([0.0, 12.5, 50.0, 53.125, 100.0])
    weights = drawn.anchor_weights(q)
    assert weights.shape == (5, drawn.ANCHORS)
    torch.testing.assert_close(weights.sum(1), torch.ones(5))
    assert weights.argmax(1).tolist() == [0, 1, 4, 4, 8]
    torch.testing.assert_close(weights[3, 4:6], torch.tensor([0.75, 0.25]))
    lambdas = recipe.distortion_weight(torch.tensor([0.0, 50.0, 100.0]), recipe.LAMBDAS)
    low, high = recipe.LAMBDAS
    torch.testing.assert_close(lambdas, torch.tensor([low, (low * high) ** 0.5, high]))
