"""The training loop on a toy task; the conceptual recipe on toy faces (where compressai is installed)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sccodec.errors import BadInput  # noqa: E402
from sccodec.training import faces, loop, state  # noqa: E402
from tests import tiny  # noqa: E402

ROOT = Path(__file__).parents[1]


class Line(loop.Task):
    """Fit y = 3 x + 1; each rank draws its own x."""

    averaged = ("line",)
    batch = 16

    def __init__(self, options: loop.Options) -> None:
        torch.manual_seed(7)
        self.modules: dict[str, nn.Module] = {"line": nn.Linear(1, 1), "still": nn.Linear(1, 1)}
        self.optimisers = {"line": torch.optim.Adam(self.modules["line"].parameters(), lr=0.05)}
        self.seen: list[float] = []

    def step(self, batch: int, rng: np.random.Generator, clock: loop.Clock) -> dict[str, float]:
        x = torch.from_numpy(rng.normal(size=(batch, 1))).float()
        loss = (self.modules["line"](x) - 3 * x - 1).square().mean()
        self.optimisers["line"].zero_grad()
        loss.backward()
        loop.sync_gradients(self.modules["line"].parameters())
        self.optimisers["line"].step()
        return {"loss": loss.item()}

    def validate(self, modules: dict[str, nn.Module]) -> tuple[dict[str, float], np.ndarray]:
        weight = float(modules["line"].weight)
        return {"error": abs(weight - 3)}, np.zeros((4, 4, 3), np.uint8)


def quiet(text: str) -> None:
    pass


def test_a_run_learns_logs_and_resumes(tmp_path: Path) -> None:
    options = loop.Options(tmp_path, tmp_path / "run", minutes=0.04)
    checkpoint = loop.train(Line, options, quiet)
    first = torch.load(checkpoint, weights_only=True)
    assert first["steps"] > 150 and abs(float(first["average"]["line"]["weight"]) - 3) < 0.5
    assert first["optimisers"]["line"]["param_groups"][0]["lr"] == 0.05, "the rate before cooling down is kept"
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["validation"]["error"] < 0.5 and list((tmp_path / "run").glob("sample-*.png"))
    loop.train(Line, replace(options, resume=True, minutes=0.01), quiet)
    second = torch.load(checkpoint, weights_only=True)
    assert second["steps"] > first["steps"] and second["seconds"] > first["seconds"]
    assert not list(tmp_path.rglob("*.tmp"))


def test_several_processes_average_their_gradients(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, torch\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
        "import torch.distributed as dist\nfrom sccodec.training.loop import sync_gradients\n"
        "dist.init_process_group('gloo')\np = torch.nn.Parameter(torch.zeros(2))\n"
        "p.grad = torch.tensor([1.0, 2.0]) * (1 + 2 * dist.get_rank())\nsync_gradients([p])\n"
        "assert p.grad.tolist() == [2.0, 4.0], p.grad\nPath(sys.argv[2], str(dist.get_rank())).touch()\n"
        "dist.destroy_process_group()\n"
    )
    assert run_two(script, ROOT, tmp_path) == [0, 0]
    assert (tmp_path / "0").exists() and (tmp_path / "1").exists()


def test_several_processes_stop_together_and_stay_alike(tmp_path: Path) -> None:
    """One starts its clock seconds after the other: each by its own, they would wait for each other for ever."""
    script = tmp_path / "run.py"
    script.write_text(
        "import os, sys, time, torch\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
        "from sccodec.training import loop\nfrom tests.test_training import Line, quiet\n"
        "class Late(Line):\n"
        "    def __init__(self, options):\n"
        "        super().__init__(options)\n"
        "        Late.made = self\n"
        "        time.sleep(1.5 * int(os.environ['RANK']))\n"
        "out = Path(sys.argv[2]) / os.environ['RANK']\n"
        "loop.train(Late, loop.Options(out, out, minutes=0.05), quiet)\n"
        "torch.save(Late.made.modules['line'].state_dict(), out / 'line.pt')\n"
    )
    assert run_two(script, ROOT, tmp_path) == [0, 0]
    first, second = (torch.load(tmp_path / rank / "line.pt", weights_only=True) for rank in "01")
    assert abs(float(first["weight"]) - 3) < 0.5
    assert torch.equal(first["weight"], second["weight"]) and torch.equal(first["bias"], second["bias"])


def run_two(script: Path, *arguments: Path) -> list[int]:
    """Run a script as the two processes of one distributed run; gives their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen([sys.executable, script, *arguments], env=os.environ | shared | {"RANK": str(rank)})
        for rank in (0, 1)
    ]
    try:
        return [rank.wait(timeout=120) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()


def test_networks_start_from_what_other_trainings_left(tmp_path: Path) -> None:
    checkpoint = loop.train(Line, loop.Options(tmp_path, tmp_path / "run", minutes=0.005), quiet)
    trained = torch.load(checkpoint, weights_only=True)["average"]["line"]
    modules = {"line": nn.Linear(1, 1), "other": nn.Linear(2, 2)}
    assert state.initialise(modules, [checkpoint]) == ["line"]
    assert torch.equal(modules["line"].weight, trained["weight"])
    with pytest.raises(BadInput):
        state.initialise({"other": nn.Linear(2, 2)}, [checkpoint])


def test_a_model_file_and_its_state_hold_every_network(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    model = tiny.write_model(tmp_path / "models")
    networks = tiny.networks()
    weights = {name: network.state_dict() for name, network in networks.items()}
    weights["judge"] = nn.Linear(3, 3).state_dict()
    torch.save({"steps": 1, "seconds": 1.0, "modules": weights, "average": {}}, tmp_path / "checkpoint.pt")
    state.write_state([tmp_path / "checkpoint.pt"], model, tmp_path / "state.safetensors")
    kept_twice = [k for k in state.read_weights(tmp_path / "state.safetensors") if k.startswith("encoder.")]
    assert not kept_twice
    fresh: dict[str, nn.Module] = tiny.networks(seed=1) | {"judge": nn.Linear(3, 3)}
    assert set(state.initialise(fresh, [model, tmp_path / "state.safetensors"])) == set(fresh)
    for name, network in fresh.items():
        for key, value in network.state_dict().items():
            torch.testing.assert_close(value, weights[name][key], rtol=1e-3, atol=1e-4, check_dtype=False)


@pytest.fixture
def toy_faces(tmp_path: Path) -> Path:
    for split, n in (("train", 6), ("val", 48)):
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
        for i, picture in enumerate(tiny.pictures(n, 64, 64, seed=n)):
            Image.fromarray(picture).save(tmp_path / split / "images" / f"{i}.png")
            Image.fromarray(picture[..., 0] % 19).save(tmp_path / split / "labels" / f"{i}.png")
    return tmp_path


def test_crops_are_mirrored_with_left_and_right(toy_faces: Path) -> None:
    toys = faces.load_labelled(faces.find_split(toy_faces, "faces", "train"), 64)
    still = faces.Affine(untouched=1.0)
    images, labels = faces.sample_batch(toys, 32, 64, still, np.random.default_rng(0))
    mirror = np.array(faces.FACE_MIRROR)
    straight = mirrored = 0
    for image, label in zip(images.permute(0, 2, 3, 1).numpy(), labels.numpy(), strict=True):
        pairs = list(zip(toys.images.astype(np.float32) / 255, toys.labels, strict=True))
        straight += any(np.allclose(image, a, atol=1e-3) and np.array_equal(label, b) for a, b in pairs)
        mirrored += any(
            np.allclose(image, a[:, ::-1], atol=1e-3) and np.array_equal(label, mirror[b[:, ::-1]]) for a, b in pairs
        )
    assert straight + mirrored == 32 and straight and mirrored


def test_data_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="neither"):
        faces.find_split(tmp_path, "faces", "train")
    (tmp_path / "images").mkdir()
    with pytest.raises(BadInput, match="no pictures"):
        faces.load_labelled(tmp_path, 8)


class PlainDistance(nn.Module):
    """Stands in for LPIPS, whose weights are not part of the project."""

    def __init__(self, trunk: str) -> None:
        super().__init__()

    def forward(self, a: Any, b: Any) -> Any:
        return (a - b).abs().mean((1, 2, 3))


@pytest.mark.parametrize("hyper", [2, 0])
def test_the_conceptual_recipe_steps_and_validates(
    toy_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hyper: int
) -> None:
    pytest.importorskip("sccodec.training.compressai_priors", exc_type=ImportError)
    from sccodec.training.recipes import conceptual_faces as recipe

    monkeypatch.setattr(recipe, "LPIPS", PlainDistance)
    monkeypatch.setattr(recipe, "ADVERSARIAL_FROM", 1)
    monkeypatch.setattr(recipe, "SIZE", 64)
    monkeypatch.setattr(recipe, "CROP", 32)
    config = replace(tiny.CONFIG, classes=19, parents=recipe.CONFIG.parents, hyper=hyper)
    options = loop.Options(toy_faces, tmp_path / "run", minutes=1)
    task = recipe.FacesTask(options, config)
    rng, clock = np.random.default_rng(0), loop.Clock(1)
    before = {k: [p.clone() for p in m.parameters()] for k, m in task.modules.items()}
    rows = []
    for step in range(5):
        clock.steps = step
        rows.append(task.step(2, rng, clock))
    assert {"alex", "vgg", "absolute", "rate", "adversarial", "matching", "regression", "judge"} <= rows[4].keys()
    assert all(np.isfinite(v) for row in rows for v in row.values())
    for name, parameters in before.items():
        moved = [not torch.equal(a, b) for a, b in zip(parameters, task.modules[name].parameters(), strict=True)]
        # compressai's quantiles wait for an auxiliary loss that integers do not need.
        assert sum(moved) >= len(moved) - 1 or (hyper == 0 and name == "entropy"), name
    figures, sheet = task.validate(task.modules)
    assert figures["psnr8"] > 3 and figures["detail4"] >= 0 and sheet.shape == (6 * 64, 8 * 64, 3)


def test_the_conceptual_recipe_validates_on_few_faces(
    toy_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sccodec.training.compressai_priors", exc_type=ImportError)
    from sccodec.training.recipes import conceptual_faces as recipe

    for path in sorted((toy_faces / "val" / "images").iterdir())[11:]:
        path.unlink()
    monkeypatch.setattr(recipe, "LPIPS", PlainDistance)
    monkeypatch.setattr(recipe, "SIZE", 64)
    config = replace(tiny.CONFIG, classes=19, parents=recipe.CONFIG.parents)
    task = recipe.FacesTask(loop.Options(toy_faces, tmp_path / "run", minutes=1), config)
    figures, sheet = task.validate(task.modules)
    assert all(np.isfinite(v) for v in figures.values()) and sheet.shape == (3 * 64, 8 * 64, 3)
