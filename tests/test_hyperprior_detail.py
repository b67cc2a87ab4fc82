"""The detail latents in training: nothing of them below their quality, and what they begin as pays above it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sccodec.codecs.hyperprior.networks.detail import DETAIL_QUALITY  # noqa: E402
from sccodec.training import loop  # noqa: E402
from sccodec.training.recipes import hyperprior as recipe  # noqa: E402
from sccodec.training.recipes import hyperprior_detailed  # noqa: E402
from tests import test_hyperprior_training as shared  # noqa: E402

photos, densities = shared.photos, shared.densities

SMALL = replace(
    hyperprior_detailed.CONFIG, channels=32, latents=16, hyper=8, features=16, detail=16, analysis_blocks=(2, 1)
)


@pytest.fixture
def task(photos: Path, tmp_path: Path, densities: None) -> recipe.HyperpriorTask:
    torch.manual_seed(0)
    return recipe.HyperpriorTask(loop.Options(photos, tmp_path / "run", minutes=1), SMALL, hyperprior_detailed.LAMBDAS)


def coded(
    task: recipe.HyperpriorTask, q: torch.Tensor, *, detail: bool
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    modules = {n: m.eval() for n, m in task.modules.items() if detail or not n.startswith("detail")}
    images = task.held[: len(q), :, :128, :128]
    with torch.no_grad():
        return recipe.run(modules, images, q)


def test_below_its_quality_there_is_no_detail(task: recipe.HyperpriorTask) -> None:
    q = torch.full((1,), DETAIL_QUALITY - 0.5)
    with_it, bits = coded(task, q, detail=True)
    without, fewer = coded(task, q, detail=False)
    assert torch.equal(with_it, without) and bits.keys() == fewer.keys() == {"hyper", "latents"}


def test_above_it_each_picture_has_its_own(task: recipe.HyperpriorTask) -> None:
    """In a batch of several qualities, those below take none of the bits and nothing of the picture."""
    q = torch.tensor([20.0, 90.0])
    images = task.held[:1, :, :128, :128].repeat(2, 1, 1, 1)
    modules = {n: m.eval() for n, m in task.modules.items()}
    with torch.no_grad():
        both, bits = recipe.run(modules, images, q)
        alone, _ = recipe.run(modules, images[:1], q[:1])
    assert bits["detail"][0] == 0 < bits["detail"][1]
    assert torch.allclose(both[:1], alone, atol=1e-5)


def test_what_it_begins_as_brings_the_picture_nearer(task: recipe.HyperpriorTask) -> None:
    q = torch.full((1,), 100.0)
    images = task.held[:1, :, :128, :128]
    with_it, without = (coded(task, q, detail=detail)[0] for detail in (True, False))
    error, larger = ((x - images).square().mean().item() for x in (with_it, without))
    assert error < 0.99 * larger


def test_the_full_recipe_steps(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, densities: None) -> None:
    monkeypatch.setattr(recipe, "CROP", 64)
    monkeypatch.setattr(recipe, "start_as_principal_components", lambda modules, crops: None)
    task = hyperprior_detailed.build(loop.Options(photos, tmp_path / "run", minutes=1))
    assert all(np.isfinite(v) for row in shared.steps(task, 2, 2) for v in row.values())
