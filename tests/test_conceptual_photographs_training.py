"""What trains the conceptual codec for any photograph: coding in pairs of crops, how it begins, what it leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sccodec
from sccodec import bundle, container

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from sccodec.codecs.conceptual.networks.faces import ConceptualConfig, Generator  # noqa: E402
from sccodec.codecs.conceptual.networks.photographs import (  # noqa: E402
    PhotographsAnalysis,
    PhotographsConfig,
    PhotographsGenerator,
)
from sccodec.codecs.conceptual.networks.priors import TextureHyperAnalysis  # noqa: E402
from sccodec.codecs.conceptual.photographs import PhotographsModel  # noqa: E402
from sccodec.codecs.hyperprior.networks import ANCHORS, fold  # noqa: E402
from sccodec.errors import BadInput  # noqa: E402
from sccodec.training import state  # noqa: E402
from sccodec.training.labels import float_bits  # noqa: E402
from sccodec.training.recipes import conceptual_general as recipe  # noqa: E402
from tests import tiny_hyperprior, tiny_photographs  # noqa: E402
from tests.decode_golden import GOLDEN  # noqa: E402

CONFIG = PhotographsConfig(
    5, 6, 2, style=8, widths=(12, 8, 8), inner=(8, 8, 8), blocks=(1, 1, 1), coarse=tiny_hyperprior.SLICED
)


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(recipe, "EntropyModels", tiny_hyperprior.Densities)
    torch.manual_seed(0)
    return recipe.networks(CONFIG)


def batch(pairs: int) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    pictures = np.stack(tiny_hyperprior.pictures(2 * pairs, 64, 64))
    maps = rng.integers(0, CONFIG.classes, (2 * pairs, 4, 4)).astype(np.uint8)
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255, maps


def test_every_network_learns_from_a_pair(modules: dict[str, Any]) -> None:
    images, maps = batch(2)
    decoded = recipe.code(modules, images, maps, torch.tensor([20.0, 20, 80, 80]), torch.ones(4))
    assert decoded.pictures.shape == images.shape
    assert decoded.coarse_bits.shape == (4,) and decoded.texture_bits.shape == (2,)
    loss = (decoded.pictures - images).square().mean() + decoded.coarse_bits.sum() + decoded.texture_bits.sum()
    loss.backward()
    for name in recipe.MODULES:
        gradients = [p.grad for p in modules[name].parameters() if p.grad is not None]
        assert gradients and all(torch.isfinite(g).all() for g in gradients), name
        assert any(g.abs().sum() > 0 for g in gradients), name


def test_crops_of_a_pair_share_their_textures_and_pairs_do_not(modules: dict[str, Any]) -> None:
    for module in modules.values():
        module.eval()
    images, maps = batch(2)
    maps[:] = 3  # one region in each pair
    q, kept = torch.full((4,), 50.0), torch.zeros(4)
    with torch.no_grad():
        modules["texture_features"].leave.weight.mul_(100)
        first = recipe.code(modules, images, maps, q, kept).pictures
        changed = images.clone()
        changed[1] = 1 - changed[1]
        second = recipe.code(modules, changed, maps, q, kept).pictures
    assert not torch.equal(first[0], second[0])
    assert torch.equal(first[2:], second[2:])


@pytest.fixture(scope="module")
def file_and_networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a model file, and the networks that it was made of; graphs are those of the golden model file."""
    pytest.importorskip("onnx")
    from sccodec.training.conceptual import export_photographs

    networks: dict[str, Any] = {}

    def stored(made: dict[str, Any], config: PhotographsConfig) -> dict[str, np.ndarray]:
        """What ``export_photographs.graphs`` gives; exporting takes far longer."""
        networks.update(made)
        modules = {
            "segmenter": made["segmenter"],
            "analysis": PhotographsAnalysis(fold(made["analysis"]), made["texture_features"]),
            "generator": PhotographsGenerator(fold(made["synthesis"]), made["painter"]),
            "hyper_analysis": made["hyper_analysis"],
            "texture_hyper_analysis": TextureHyperAnalysis(made["texture_prior"]),
        }
        golden = bundle.open_model(next(m for m in bundle.list_folder(GOLDEN) if m.variant == "tiny_general"))
        states = {name: module.state_dict() for name, module in modules.items()}
        weights = {f"{n}.{k}": states[n][k].half().numpy() for n in states for k in golden.weights(n)}
        return golden.arrays(bundle.GRAPH) | weights

    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_photographs, "graphs", stored)
        tiny_photographs.write_model(folder)
    return folder, networks


@pytest.mark.parametrize(("seed", "level"), [(1, 0), (1, 115), (2, 180), (3, 255)])
def test_a_file_is_within_1_percent_and_64_bits_of_the_estimate(
    file_and_networks: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, seed: int, level: int
) -> None:
    """Of what training counts of the same picture with the same map: labels, textures and coarse layer."""
    folder, made = file_and_networks
    monkeypatch.setenv("SCCODEC_MODELS", str(folder))
    picture = tiny_hyperprior.pictures(1, 256, 192, seed=seed)[0]
    quality = 100 * level / 255
    file = container.parse(sccodec.encode(picture, "conceptual:tiny_general", quality))
    got = PhotographsModel(bundle.default("conceptual", "tiny_general")).read(file)
    assert len(got.found.labels) > 1

    pair = torch.from_numpy(picture)[None].permute(0, 3, 1, 2).float().repeat(2, 1, 1, 1) / 255
    kept = torch.full((2,), float(level > 0))
    with torch.no_grad():
        decoded = recipe.code(made, pair, got.labels[None].repeat(2, 0), torch.full((2,), quality), kept)
        labels = float_bits(made["label_context"], got.labels)
    coarse, textures = float(decoded.coarse_bits[0]), float(decoded.texture_bits[0])
    estimate = labels + textures + coarse + 8  # and the check symbol
    assert abs(8 * len(file.payload) - estimate) <= 0.01 * estimate + 64
    assert abs(textures - got.bits["hyper"] - got.bits["textures"]) <= 8  # of some 50


def test_without_the_coarse_layer_pictures_cost_and_know_none_of_it(modules: dict[str, Any]) -> None:
    for module in modules.values():
        module.eval()
    images, maps = batch(1)
    with torch.no_grad():
        decoded = recipe.code(modules, images, maps, torch.zeros(2), torch.tensor([0.0, 1.0]))
    assert decoded.coarse_bits[0] == 0 and decoded.coarse_bits[1] > 0


def test_it_begins_with_the_steps_of_a_hyperprior_and_the_upper_part_of_a_generator(
    modules: dict[str, Any], tmp_path: Path
) -> None:
    faces = ConceptualConfig(
        classes=5,
        textures=6,
        hyper=2,
        detail=2,
        style=8,
        widths=(16, 12, 8, 8),
        inner=(8, 8, 8, 8),
        blocks=(1, 1, 1, 1),
    )
    generator = {f"generator.{k}": v for k, v in Generator(faces).state_dict().items()}
    save_file({k: v.contiguous() for k, v in generator.items()}, tmp_path / "faces.safetensors")
    rest = {"gains.log_step": modules["gains"].log_step.detach(), "segmenter.classify.weight": torch.zeros(1)}
    save_file(rest, tmp_path / "rest.safetensors")
    lowest = modules["gains"].log_step[0].clone()
    with pytest.raises(BadInput, match="--init"):
        recipe.begin(modules, (tmp_path / "faces.safetensors",))
    recipe.begin(modules, (tmp_path / "faces.safetensors", tmp_path / "rest.safetensors"))
    steps = modules["gains"].log_step
    torch.testing.assert_close(steps[0] - lowest, torch.full_like(lowest, recipe.STEPS[0]))
    torch.testing.assert_close(steps[ANCHORS - 1] - lowest, torch.full_like(lowest, recipe.STEPS[1]))
    painter = modules["painter"]
    assert torch.equal(painter.levels[0][0].conv1.weight, generator["generator.levels.1.0.conv1.weight"])
    assert torch.equal(painter.ups[1].weight, generator["generator.ups.2.weight"])
    torch.testing.assert_close(painter.image.weight, 0.1 * generator["generator.image.weight"])


def test_it_goes_on_from_a_state_of_its_own_as_it_is(modules: dict[str, Any], tmp_path: Path) -> None:
    save_file({"generator.painter.image.weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    before = modules["gains"].log_step.detach().clone()
    recipe.begin(modules, (tmp_path / "model.safetensors",))
    assert torch.equal(modules["gains"].log_step, before)


def test_bounds_survive_half_precision(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(1, 1))
    network[0].register_buffer("bound", torch.tensor([1e-9]))
    half = {f"entropy.{k}": v.half() for k, v in network.state_dict().items()}
    save_file(half, tmp_path / "state.safetensors")
    assert state.initialise({"entropy": network}, [tmp_path / "state.safetensors"]) == ["entropy"]
    assert network[0].bound.item() == pytest.approx(1e-9)


def test_a_larger_weight_of_the_rate_goes_with_a_lower_quality() -> None:
    weights = recipe.quality_weight(torch.tensor([0.0, 50.0, 100.0]))
    assert weights[0] > weights[1] > weights[2] > 0
