"""The benchmarks of segmenters: a run on a made-up set with made-up segmenters, and what documents say of it."""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sccodec.bench import labelled, registry, segment_rows
from sccodec.labels import segmenters
from tests import labelled_set
from tests.fake_segmenters import Fake, install

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the benchmarks are not beside the tests")
Load = Callable[[str], ModuleType]
CLASSES = ("left", "middle", "right")


class WithFile(Fake):
    """A fake whose model file has a name."""

    @property
    def opened(self) -> SimpleNamespace:
        return SimpleNamespace(path=Path(f"segmenter-{self.name}-{self.tag}.safetensors"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a script of benchmarks/ by its dotted name."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def camvid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures in place of CamVid's, and three segmenters, of which one has other classes."""
    folder = labelled_set.write(tmp_path / "camvid" / "test", names=("a", "b"))
    digest = labelled.digest_of(labelled.find(str(folder)).pairs)
    monkeypatch.setattr(registry, "LABELLED", {"camvid": registry.LabelledSet(("a", "b"), CLASSES, digest, "")})
    street = WithFile("street", mistakes=((2, 1),), can_refine=True)
    install(monkeypatch, street, WithFile("street_scratch", "00000002"), WithFile("faces", names=tuple("abcde")))
    return folder


def run(load: Load, camvid: Path, out: Path, *args: str) -> dict[str, Any]:
    load("segmenters.camvid").main(["--camvid", str(camvid), "--out", str(out), *args])
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_camvid_is_measured_as_it_is_refined_and_behind_the_codec(load: Load, camvid: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "camvid.json"
    found = run(load, camvid, out)
    assert list(found["results"]) == [
        f"{spec}{through}" for spec in ("street", "street:refine=yes", "street_scratch")
        for through in ("", " through hyperprior:q=40", " through hyperprior:q=70")
    ]  # fmt: skip
    plain, refined = found["results"]["street"], found["results"]["street:refine=yes"]
    assert (plain["miou"], refined["miou"], plain["pictures"]) == (0.5, 1.0, 2)
    assert plain["iou"] == {"left": 1.0, "middle": 0.5, "right": 0.0} and plain["points_lost"] is None
    coded = found["results"]["street:refine=yes through hyperprior:q=40"]
    assert coded["points_lost"] == pytest.approx(100 * (1 - coded["miou"]), abs=0.01) and coded["bpp"] > 0
    assert found["models"]["street"] == "segmenter-street-00000001.safetensors" and "faces" not in found["models"]
    assert found["what"] == "the 2 pictures of CamVid's test split, 64x48"
    rows = [
        segment_rows.parse(line) for line in gzip.decompress(out.with_suffix(".jsonl.gz").read_bytes()).splitlines()
    ]
    assert len(rows) == 18 and not out.with_suffix(".jsonl").exists()


def test_what_cannot_be_measured_ends_in_a_word(
    load: Load, camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "camvid.json"
    for args, said in ((["--segmenters", "avenue"], "no segmenter is named"), (["--segmenters", "faces"], "3 classes")):
        with pytest.raises(SystemExit, match=said):
            run(load, camvid, out, *args)
    (camvid / "labels" / "a.png").unlink()
    with pytest.raises(SystemExit, match="no label map"):
        run(load, camvid, out)
    assert not out.exists()


@pytest.fixture
def results(load: Load, camvid: Path, tmp_path: Path) -> dict[str, dict[str, Any]]:
    timed = {
        "model": "segmenter-street-00000001.safetensors", "parameters": 1234567, "file_bytes": 2500000,
        "cold_seconds": 0.25, "threads_1": {"load_seconds": 0.2, "warm_ms": 41.26},
        "threads_2": {"load_seconds": 0.1, "warm_ms": 30.04, "refined_ms": 80.0},
    }  # fmt: skip
    discriminator = {"threads_1": {"step_seconds": 0.4}, "threads_2": {"step_seconds": 0.25}}
    found = run(load, camvid, tmp_path / "camvid.json")
    speed = {"what": "a picture", "environment": found["environment"], "segmenters": {"street": timed}}
    return {"camvid": found, "speed": speed | {"discriminator": discriminator}}


def test_documents_say_what_was_measured(load: Load, results: dict[str, dict[str, Any]]) -> None:
    tables = load("segmenters.tables")
    text = tables.everything(results)
    assert "| `street`, at most 3 M parameters, mIoU | 0.64 | 0.69 |" in text and "| 0.5000 (1.23 M) |" in text
    assert "| ConvCRF at test time, points |  | +0.6 |  | +50.00 |" in text
    assert "| Seg-GAN over the same network without it, points |  | above 0 | +4.2 on VOC |  |" in text  # not there
    assert "| 480x360" not in text and "| `street`, 480x360, warm, 2 cores | 60 ms | 30 ms |  | 30.0 ms |" in text
    assert "| discriminator's step, 2 cores, batch 4 of 240x180 | 0.5 s | 0.2 s |  | 0.25 s |" in text
    assert "| `street` | 2500000 bytes | 41.3 ms | 30.0 ms | 80.0 ms | 0.10 s | 0.25 s |" in text
    assert "| middle | 0.5000 | 1.0000 | 1.0000 |" in text
    assert "| `street` | 1.23 M | 0.5000 |  |  | 0.6719 |" in text
    gains = {
        "900": {"pairs": 3, "mean": 0.4, "half_width": 1.25},
        "3000": {"pairs": 1, "mean": -0.2, "half_width": None},
    }
    text = tables.everything(results | {"seggan": {"gains": gains}})
    assert "| above 0 | +4.2 on VOC | +0.40 ± 1.25 (3 pairs of 900 steps); -0.20 (one pair of 3000 steps) |" in text
    without = tables.everything({"camvid": results["camvid"]})
    assert "| `street`, 480x360, warm, 2 cores | 60 ms | 30 ms |  |  |" in without
    card = tables.of_model(results, "street")
    assert "`street:refine=yes through hyperprior:q=70`" in card and "street_scratch" not in card and "41.3 ms" in card
    assert "2500000" not in tables.of_model(results, "street_scratch")


def test_what_an_adversarial_loss_gains_is_told_with_its_interval(load: Load) -> None:
    def pair(steps: int, gain: float) -> dict[str, Any]:
        return {"plain": {"steps": steps}, "gain": gain}

    found = load("segmenters.seggan").gains([pair(9, 1.0), pair(30, 0.5), pair(9, 2.0), pair(9, 3.0)])
    # Student's t of 2 degrees of freedom, 4.303, times the deviation 1, by the root of 3.
    assert found == {
        "9": {"pairs": 3, "mean": 2.0, "half_width": 2.48},
        "30": {"pairs": 1, "mean": 0.5, "half_width": None},
    }


def test_results_are_written_into_page_and_cards_or_refused(
    load: Load, results: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = load("write_results")
    page, cards = tmp_path / "results.md", tmp_path / "models"
    block = "\n".join(writer.SEGMENTERS)
    cards.mkdir()
    page.write_text(block)
    for path in results["camvid"]["models"].values():
        (cards / path).with_suffix(".md").write_text(block)
    monkeypatch.setattr(writer, "results_page", lambda: page)
    monkeypatch.setattr(writer, "card", lambda model: cards / f"{model.stem}.md")
    monkeypatch.setattr(writer, "result_file", lambda name: tmp_path / f"{name}.json")
    writer.write_segmenters()
    assert page.read_text() == block  # nothing was measured
    (tmp_path / "segmenters").mkdir()
    for short, found in results.items():
        (tmp_path / "segmenters" / f"{short}.json").write_text(json.dumps(found))
    with pytest.raises(SystemExit, match=r"street-00000001.* which is not installed"):
        writer.write_segmenters()
    models = [SimpleNamespace(path=cards / name) for name in results["camvid"]["models"].values()]
    monkeypatch.setattr(writer.bundle, "installed", lambda: models)
    writer.write_segmenters()
    assert "0.5000 (1.23 M)" in page.read_text()
    assert "41.3 ms" in (cards / "segmenter-street-00000001.md").read_text()
    assert "41.3 ms" not in (cards / "segmenter-street_scratch-00000002.md").read_text()


def test_the_results_page_has_the_marks(load: Load) -> None:
    begin, end = load("write_results").SEGMENTERS
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert begin in text and end in text.partition(begin)[2]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a process of its own is timed")
def test_speed_is_measured_in_processes_of_their_own(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "faces" not in segmenters.names():
        pytest.skip("no segmenter is installed")
    out = tmp_path / "speed.json"
    speed = load("segmenters.speed")
    monkeypatch.setattr(speed, "has_discriminator", lambda: False)  # whose steps on two threads take long beside others
    speed.main(["--segmenters", "faces", "--calls", "2", "--out", str(out)])
    found = json.loads(out.read_text())
    assert set(found["segmenters"]) == {"faces"} and found["segmenters"]["faces"]["parameters"] > 10**5
    assert all(found["segmenters"]["faces"][f"threads_{n}"]["warm_ms"] > 0 for n in (1, 2))
    assert found["segmenters"]["faces"]["cold_seconds"] > found["segmenters"]["faces"]["threads_2"]["warm_ms"] / 1000


def test_a_step_of_the_discriminator_is_timed(
    load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    speed, threads = load("segmenters.speed"), torch.get_num_threads()
    monkeypatch.setattr(speed, "BEFORE", 0)
    monkeypatch.setattr(speed, "BATCH", 1)
    monkeypatch.setattr(speed, "CROP", (64, 48))
    try:
        speed.main(["--worker", "discriminator", "1"])
    finally:
        torch.set_num_threads(threads)
    assert json.loads(capsys.readouterr().out)["step_seconds"] > 0
