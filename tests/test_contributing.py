"""A codec is added by following CONTRIBUTING.md word for word: files from its blocks, then its commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the page is not beside the tests")
MOST_FILES, PLACES = 7, 3


def files() -> dict[str, str]:
    """The files that the page has blocks for, by the path in the first line of each."""
    blocks = re.findall(r"^```python\n# (\S+)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return dict(blocks)


def commands() -> list[list[str]]:
    """The command lines of the page's last shell block."""
    block = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[-1]
    return [line.split()[1:] for line in block.splitlines()]


def test_a_codec_takes_few_files_in_few_places() -> None:
    found = files()
    places = {path.rpartition("/")[0] for path in found}
    assert 0 < len(found) <= MOST_FILES and len(places) <= PLACES, sorted(found)


def test_a_codec_is_added_by_the_page(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    leave_out = shutil.ignore_patterns("__pycache__", "models")
    shutil.copytree(PAGE.parent / "sccodec", tmp_path / "sccodec", ignore=leave_out)
    for path, text in files().items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    y, x = np.mgrid[:90, :130]
    picture = np.stack([x + y, 2 * x, 255 - 2 * y], -1).clip(0, 255).astype(np.uint8)
    (tmp_path / "photos").mkdir()
    for name in ("photos/a.png", "photo.png"):
        Image.fromarray(picture).save(tmp_path / name)

    def sccodec(*arguments: str) -> str:
        environment = os.environ | {"SCCODEC_MODELS": "models", "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "sccodec", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    for arguments in commands():
        quick = ["0.1" if before == "--minutes" else word for before, word in pairwise(["", *arguments])]
        sccodec(*quick)
    decoded = np.asarray(Image.open(tmp_path / "photo.decoded.png"))
    assert decoded.shape == picture.shape
    assert np.abs(decoded.astype(int) - picture).mean() < 12, "the picture is a gradient, which blocks show well"
    said = json.loads(sccodec("info", "--json", "photo.scc"))
    assert said["codec"] == "blocks" and said["variant"] == "example"
    assert said["file_bytes"] == (tmp_path / "photo.scc").stat().st_size < picture.size / 10
    whole = said["overhead_bytes"] + sum(section["bytes"] for section in said["sections"])
    assert abs(whole - said["file_bytes"]) <= 2
