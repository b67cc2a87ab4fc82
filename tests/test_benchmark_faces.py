"""The faces' benchmark counts, averages and judges rightly, with a stand-in for the codec."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

import sccodec
from sccodec import codec

ROOT = Path(__file__).resolve().parent.parent


pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the benchmarks are not beside the tests")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.faces.rate_distortion")


@pytest.fixture
def darkening(monkeypatch: pytest.MonkeyPatch) -> None:
    """A codec whose files are 100 bytes at quality None, else 200, and whose pictures are darker by one."""

    def encode(image: np.ndarray, spec: str, quality: float | None) -> bytes:
        return (100 if quality is None else 200) * bytes([int(image[0, 0, 0])])

    def decode(data: bytes) -> np.ndarray:
        return np.full((256, 256, 3), data[0] - 1, np.uint8)

    def info(data: bytes) -> codec.Info:
        sections = [("labels", 20.25), ("textures", len(data) - 35.0)]
        return codec.Info("toy", "one", "00000000", 256, 256, len(data), 0.0, 14, sections)

    for function in (encode, decode, info):
        monkeypatch.setattr(sccodec, function.__name__, function, raising=False)


def grey(*levels: int) -> np.ndarray:
    return np.stack([np.full((256, 256, 3), level, np.uint8) for level in levels])


@pytest.mark.usefixtures("darkening")
def test_rows_and_means_are_those_of_the_files(bench: ModuleType) -> None:
    rows, decoded = bench.measure(grey(10, 200), ["a", "b"], "toy", None, {})
    assert [int(p[0, 0, 0]) for p in decoded] == [9, 199]
    mean = bench.average(rows)
    assert mean["file_bytes"] == 100
    assert mean["bpp"] == pytest.approx(8 * 100 / 65536, abs=1e-5)
    assert mean["psnr_db"] == pytest.approx(48.1308, abs=1e-3)
    assert mean["excess_bits"] == pytest.approx(8 * (100 - 14 - 20.25 - 65))
    assert mean["sections"] == {"labels": 20.25, "textures": 65.0}


@pytest.mark.usefixtures("darkening")
def test_sheets_show_every_picture_and_stay_outside_the_repository(bench: ModuleType, tmp_path: Path) -> None:
    images = grey(*range(10, 33))
    rows, decoded = bench.measure(images, [str(i) for i in range(23)], "toy", 50, {})
    paths = bench.contact_sheets(tmp_path / "sheets", images, decoded, rows)
    assert [p.name for p in paths] == ["faces-000.png", "faces-020.png"]
    sheet = np.asarray(Image.open(paths[1]))
    assert [int(sheet[5, x, 0]) for x in (5, 261, 525, 781)] == [30, 29, 31, 30]
    with pytest.raises(SystemExit, match="inside the repository"):
        bench.contact_sheets(ROOT / "benchmarks" / "sheets", images, decoded, rows)


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [({"lpips_alex": 0.19}, "aim"), ({"lpips_alex": 0.25}, "floor"), ({"lpips_alex": 0.31}, "missed"),
     ({"psnr_db": 20.5}, "aim"), ({"segmenter_miou": 0.65}, "floor"), ({"segmenter_miou": 0.5}, "missed")],
)  # fmt: skip
def test_the_table_judges_in_the_right_direction(bench: ModuleType, figures: dict[str, Any], verdict: str) -> None:
    assert bench.table(figures).splitlines()[-1].split("|")[-2].strip() == verdict


def test_a_whole_run_writes_its_results(
    bench: ModuleType, darkening: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, level in (("images", 10), ("labels", 0)):
        (tmp_path / "val" / folder).mkdir(parents=True)
        Image.fromarray(grey(level)[0] if folder == "images" else grey(0)[0, :, :, 0]).save(
            tmp_path / "val" / folder / "one.png"
        )

    class Model:
        path, bitstream, networks = Path("toy-one-00000000.safetensors"), 1, ["generator"]

    monkeypatch.setattr(bench.bundle, "default", lambda codec, variant: Model)
    monkeypatch.setattr(bench, "LPIPS", lambda trunk, folder: trunk)
    monkeypatch.setattr(bench, "lpips", lambda metric, a, b: {"alex": 0.25, "vgg": 0.5}[metric])
    out = tmp_path / "results.json"
    options = ["--faces", str(tmp_path), "--spec", "toy:one", "--repetitions", "0", "--out", str(out)]
    bench.main([*options, "--quality", "80", "--sheets", str(tmp_path / "sheets")])
    result = json.loads(out.read_text())
    assert [r["quality"] for r in result["results"]] == [None, 80.0]
    assert [r["mean"]["file_bytes"] for r in result["results"]] == [100, 200]
    assert result["results"][0]["pictures"][0]["lpips_vgg"] == 0.5
    assert sorted(p.name for p in (tmp_path / "sheets").iterdir()) == ["default", "q80"]
    assert str(tmp_path) not in out.read_text()
