"""What training refuses: to overwrite an earlier checkpoint, and files that hold none of its networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sccodec.errors import BadInput  # noqa: E402
from sccodec.training import loop, state  # noqa: E402


class Line(loop.Task):
    """Fits y = w x to w = 3."""

    def __init__(self, width: int = 1) -> None:
        self.modules = {"line": torch.nn.Linear(width, 1, bias=False)}
        self.averaged = ("line",)
        self.optimisers = {"sgd": torch.optim.SGD(self.modules["line"].parameters(), lr=0.1)}
        self.batch = 4
        torch.nn.init.zeros_(self.modules["line"].weight)

    def step(self, batch: int, rng: np.random.Generator, clock: loop.Clock) -> dict[str, float]:
        x = torch.from_numpy(rng.random((batch, self.modules["line"].in_features), np.float32))
        loss = ((self.modules["line"](x) - 3 * x.sum(1, keepdim=True)) ** 2).mean()
        self.optimisers["sgd"].zero_grad()
        loss.backward()
        self.optimisers["sgd"].step()
        return {"loss": loss.item()}

    def validate(self, modules: dict[str, Any]) -> tuple[dict[str, float], np.ndarray]:
        return {"weight": modules["line"].weight[0, 0].item()}, np.zeros((2, 2, 3), np.uint8)


def run(folder: Path, build: Callable[[loop.Options], Line] = lambda options: Line(), **options: Any) -> list[str]:
    """Train for half a second; gives what was reported."""
    heard: list[str] = []
    made = loop.Options(data=folder, out=folder / "run", minutes=0.5 / 60, **options)
    assert loop.train(build, made, heard.append) == folder / "run" / "checkpoint.pt"
    return heard


def test_only_resuming_touches_an_earlier_checkpoint(tmp_path: Path) -> None:
    run(tmp_path, resume=True)  # nothing to resume yet: one command line starts a training and goes on with it
    path = tmp_path / "run" / "checkpoint.pt"
    before, steps = path.read_bytes(), state.read_checkpoint(path)["steps"]
    with pytest.raises(BadInput, match="--resume"):
        run(tmp_path)
    assert path.read_bytes() == before
    assert f"resumed at step {steps}" in run(tmp_path, resume=True)


def test_a_task_is_prepared_once_and_with_its_weights(tmp_path: Path) -> None:
    class Prepared(Line):
        def prepare(self, steps: int) -> None:
            seen.append((steps, self.modules["line"].weight.item()))

    seen: list[tuple[int, float]] = []
    run(tmp_path, lambda options: Prepared())
    left = state.read_checkpoint(tmp_path / "run" / "checkpoint.pt")
    run(tmp_path, lambda options: Prepared(), resume=True)
    assert seen == [(0, 0.0), (left["steps"], left["modules"]["line"]["weight"].item())]


def test_networks_that_are_missing_or_of_another_shape(tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / "run" / "checkpoint.pt"
    with pytest.raises(BadInput, match="holds: line"):
        loop.load_average(path, "curve")
    with pytest.raises(BadInput, match="no network"):
        state.initialise({"curve": torch.nn.Linear(1, 1)}, [path])
    with pytest.raises(BadInput, match="shape"):
        state.initialise(Line(2).modules, [path])


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    torch.save({"steps": 1}, tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "text.pt").write_text("hi")
    (tmp_path / "empty.pt").touch()
    (tmp_path / "text.safetensors").write_text("hi")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(BadInput, match=path.name):
            state.read_weights(path)
    with pytest.raises(FileNotFoundError):
        state.read_weights(tmp_path / "absent.pt")
