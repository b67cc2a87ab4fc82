"""The benchmarks of links: a run on made-up pictures with a made-up link, and what documents say of it."""

from __future__ import annotations

import gzip
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sccodec.bench import transmit_rows
from tests.fake_link import Fake, install, psnr

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the benchmarks are not beside the tests")
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a script of benchmarks/ by its dotted name."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    return install(monkeypatch, Fake("deepjscc"))


@pytest.fixture
def kodak(tmp_path: Path) -> Path:
    """Two pictures of 64x48 pixels in place of Kodak's."""
    (tmp_path / "kodak").mkdir()
    for name in "ab":
        picture = np.full((48, 64, 3), 100 + ord(name), np.uint8) // 2
        Image.fromarray(picture).save(tmp_path / "kodak" / f"{name}.png")
    return tmp_path / "kodak"


def run(load: Load, script: str, kodak: Path, *args: str) -> dict[str, Any]:
    out = kodak.parent / "out" / f"{script}.json"
    load(f"transmit.{script}").main(["--kodak", str(kodak), "--out", str(out), *args])
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def at(points: list[dict[str, Any]], **wanted: object) -> dict[str, Any]:
    (point,) = [p for p in points if all(p[key] == value for key, value in wanted.items())]
    return point


def test_kodak_is_measured_at_every_ratio_and_snr(load: Load, kodak: Path) -> None:
    found = run(load, "kodak", kodak, "--links", "deepjscc")
    points = found["results"]["deepjscc"]
    assert len(points) == 20 and found["what"] == "the 2 pictures of Kodak, 64x48" and found["models"] == {}
    point = at(points, ratio="1/24", snr_db=7)
    assert point["psnr"] == pytest.approx(psnr(7), abs=1e-3) and point["transmitter_snr_db"] == 7
    data = gzip.decompress((kodak.parent / "out" / "kodak.jsonl.gz").read_bytes())
    assert len([transmit_rows.parse(line) for line in data.splitlines()]) == 40
    assert not (kodak.parent / "out" / "kodak.jsonl").exists()


def test_an_interrupted_run_goes_on(load: Load, kodak: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = load("transmit.grid")
    asked = grid.asked_of(["deepjscc"], "ratio=1/24,snr=1,4")
    grid.measure(grid.pictures(kodak, 1), asked, kodak.parent / "out" / "kodak.jsonl", 1)
    before = (kodak.parent / "out" / "kodak.jsonl").read_bytes()
    run(load, "kodak", kodak, "--links", "deepjscc")
    data = gzip.decompress((kodak.parent / "out" / "kodak.jsonl.gz").read_bytes())
    assert len(data.splitlines()) == 40 and set(before.splitlines()) <= set(data.splitlines())


def test_a_cliff_is_sent_for_10_db(load: Load, kodak: Path, fake: Fake) -> None:
    fake.least = 0
    found = run(load, "cliff", kodak, "--links", "deepjscc", "--pictures", "1")
    points = found["results"]["deepjscc"]
    assert [p["snr_db"] for p in points] == list(range(17)) and {p["transmitter_snr_db"] for p in points} == {10}
    told = load("transmit.tables").of_cliff({"deepjscc": points})
    assert f"| 16 dB | {psnr(16):.2f} |" in told
    steps = [psnr(snr + 1) - psnr(snr) for snr in range(16)]
    assert f"| most that is lost in a dB | {max(steps):.2f} |" in told


def test_links_that_are_not_there_are_left_out_unless_they_are_named(
    load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = load("transmit.grid")
    monkeypatch.setattr(grid, "LINKS", ("deepjscc", "mist", "separate:jpeg,code=morse"))
    assert [one.spec for one in grid.asked_of((), "ratio=1/24")] == ["deepjscc:ratio=1/24"]
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(" is left out: ")[0] for line in said] == ["mist", "separate:jpeg,code=morse"]
    with pytest.raises(SystemExit, match="no link is named 'mist'"):
        grid.asked_of(("mist",), "ratio=1/24")


def test_documents_get_the_tables(load: Load, kodak: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = load("write_results")
    page = tmp_path / "results.md"
    page.write_text("\n".join(writer.LINKS), encoding="utf-8")
    monkeypatch.setattr(writer, "results_page", lambda: page)
    monkeypatch.setattr(writer, "result_file", lambda name: tmp_path / "out" / f"{name.rpartition('/')[2]}.json")
    writer.write_links()
    assert page.read_text(encoding="utf-8") == "\n".join(writer.LINKS)  # nothing was measured
    run(load, "kodak", kodak, "--links", "deepjscc")
    writer.write_links()
    text = page.read_text(encoding="utf-8")
    cells = " | ".join(f"{psnr(snr):.2f}" for snr in (1, 4, 7, 10, 13))
    assert text.count(f"| `deepjscc` | {cells} |") == 4 and "| `deepjscc`, aim | 25.3 | 26.8 |" in text
    other = json.loads((tmp_path / "out" / "kodak.json").read_text()) | {"models": {"deepjscc": "0badcafe"}}
    (tmp_path / "out" / "kodak.json").write_text(json.dumps(other))
    with pytest.raises(SystemExit, match="of deepjscc 0badcafe, not installed: measure again"):
        writer.write_links()


def test_what_cannot_be_measured_ends_in_a_word(load: Load, kodak: Path, fake: Fake) -> None:
    for args, said in ((("--links", "nothing"), "no link is named"), (("--links", "separate:nothing"), "no codec")):
        with pytest.raises(SystemExit, match=said):
            run(load, "kodak", kodak, *args)
    fake.least = 99
    with pytest.raises(SystemExit, match="no measurement succeeded"):
        run(load, "cliff", kodak, "--links", "deepjscc", "--pictures", "1")
    with pytest.raises(SystemExit, match="nowhere"):
        load("transmit.kodak").main(["--kodak", "nowhere", "--links", "deepjscc"])


def test_the_results_page_has_the_marks(load: Load) -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert all(text.count(mark) == 1 for mark in load("write_results").LINKS)
