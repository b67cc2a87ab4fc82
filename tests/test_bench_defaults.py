"""Commands as people type them first, with no option: what they choose, what they print, where they put it."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from sccodec import api, bundle
from sccodec.bench import datasets, defaults, fetch, registry, rows, specs
from sccodec.bench.entries import Entry
from sccodec.bench.measure import Item
from sccodec.cli import _bench
from sccodec.errors import BadInput, CodecUnavailable
from tests import shared
from tests.shared import ppm_digest

Picture = npt.NDArray[np.uint8]
Run = Callable[..., tuple[int, str, str]]
needs_models = pytest.mark.skipif(not bundle.installed(), reason="no model is installed")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that has two small pictures in place of Kodak's, and a working folder and a data folder of the test."""
    y, x = np.mgrid[:80, :96]
    first = np.stack([2 * x, 3 * y, 255 - x - y], axis=-1).astype(np.uint8)
    second = (first // 2 + 40 * (((x // 8) + (y // 8)) % 2)[:, :, None]).astype(np.uint8)
    folder = tmp_path / "mirror"
    folder.mkdir()
    pictures = {"kodim01.png": first, "kodim02.png": second}
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    small = {name: ppm_digest(picture) for name, picture in pictures.items()}
    monkeypatch.setattr(registry, "SETS", {"kodak": small})
    monkeypatch.setenv("SCCODEC_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SCCODEC_LPIPS", raising=False)
    monkeypatch.setenv("SCCODEC_THREADS", "1")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return folder


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    return partial(shared.run, capfd)


@needs_models
def test_bench_of_kodak_just_so(sources: Path, run: Run) -> None:
    code, out, err = run("bench", "--dataset", "kodak")
    assert code == 1 and out == "" and err.splitlines()[-1].startswith("sccodec: error: the data set kodak is not here")
    assert "--fetch" in err and "sccodec data add kodak PATH" in err and not Path("kodak.jsonl").exists()

    code, out, err = run("bench", "--dataset", "kodak", "--fetch", "--from", sources)
    assert code == 0, err
    assert "rows go to kodak.jsonl" in err and "rows to measure, of 2 pictures: " in err
    assert sum("compressai" in line for line in err.splitlines()) == 1
    held = [json.loads(line) for line in Path("kodak.jsonl").read_text().splitlines()]
    assert {row["dataset"] for row in held} == {"kodak"} and all(row["error"] is None for row in held)
    measured = {row["spec"].partition(":")[0] for row in held}
    assert {"jpeg", "webp", "bpg", "jpeg2000", "hyperprior", "conceptual", "png"} <= measured
    assert "compressai" not in measured and {row["repeats"] for row in held} == {1}
    lines = out.splitlines()
    assert lines[0] == "kodak: means over 2 pictures" and max(map(len, lines)) <= 80
    assert lines[2].split() == ["codec", "setting", "bpp", "PSNR", "enc,", "s", "dec,", "s"]
    assert len([line for line in lines if line.startswith("hyperprior ") and " q=" in line]) == 4
    assert any(line.startswith("LPIPS is left out") for line in lines)
    if importlib.util.find_spec("bjontegaard") is not None:
        assert any("against bpg" in line for line in lines)

    code, again, err = run("bench", "--dataset", "kodak")
    assert code == 0 and again == out and f"{len(held)} rows are in kodak.jsonl already" in err
    code, said, _ = run("report", "kodak.jsonl")
    assert code == 0 and Path("kodak.html").stat().st_size > 10_000 and "kodak.html" in said


@needs_models
def test_encode_decode_and_compare_with_no_option(sources: Path, run: Run) -> None:
    picture = Path("x.png")
    picture.write_bytes((sources / "kodim02.png").read_bytes())
    assert run("encode", picture)[0] == 0 and run("decode", "x.scc")[0] == 0
    with Image.open("x.decoded.png") as decoded:
        assert decoded.size == (96, 80)
    code, out, err = run("compare", picture)
    assert code == 0, err
    assert "x.compare.html" in out.splitlines()[-1] and Path("x.compare.html").stat().st_size > 10_000
    shown = {line.partition(":")[0] for line in out.splitlines()}
    assert {"conceptual", "hyperprior", "bpg", "jpeg"} <= shown
    assert len(err.splitlines()) == len(set(err.splitlines()))  # nothing is said twice


def test_what_is_measured_by_default_is_what_runs_here(monkeypatch: pytest.MonkeyPatch, fake_codec: str) -> None:
    choice = defaults.choose()
    names = [text.partition(":")[0] for text in choice.texts]
    assert names[0] == "jpeg" and "fake" not in names and "compressai" not in names
    assert dict(choice.left_out)["fake"] == "no model of it is installed"
    every = specs.expand(choice.texts)  # all of them can be read
    assert len(every) == len(set(every)) > 10

    def broken(self: object) -> None:
        raise CodecUnavailable("AVIF needs something")

    monkeypatch.setattr(type(api.load("avif")), "check_available", broken)
    choice = defaults.choose()
    assert dict(choice.left_out)["avif"] == "AVIF needs something"
    assert not any(text.startswith("avif") for text in choice.texts)


def test_variants_beside_the_default_are_measured_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = [("hyperprior", "photos"), ("hyperprior", "detail"), ("conceptual", "faces"), ("conceptual", "general")]
    models = [bundle.Installed(tmp_path / v, c, v, v.encode()[:4]) for c, v in found]
    monkeypatch.setattr(bundle, "installed", lambda: models)
    texts = defaults.choose().texts
    usual = defaults.USUAL["hyperprior"]
    assert usual in texts and usual.replace(":", ":detail,") in texts
    assert [text for text in texts if text.startswith("conceptual")] == [defaults.USUAL["conceptual"]]


def test_an_estimate_is_of_pixels_settings_and_repeats() -> None:
    one = defaults.seconds_of(Item("avif:q=8", ()), 10**6, 1)
    assert defaults.seconds_of(Item("avif:q=8", ()), 2 * 10**6, 3) == pytest.approx(6 * one)
    assert defaults.seconds_of(Item("jpeg:q=8", ("psnr",)), 10**6, 1) < one
    assert [defaults.in_words(s) for s in (1, 42, 700, 9000)] == [
        "a few seconds", "about 40 seconds", "about 12 minutes", "about 2.5 hours",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "archive", "file address"])
def test_a_data_set_is_fetched_from_a_folder(sources: Path, tmp_path: Path, kind: str) -> None:
    import tarfile

    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        archive.add(sources, "set")
    address = {"folder": str(sources), "archive": str(tmp_path / "set.tar"), "file address": sources.as_uri()}[kind]
    said: list[str] = []
    folder = fetch.kodak(said.append, address)
    assert folder == tmp_path / "data" / "kodak" and len(said) == 2
    assert {p.name for p in folder.iterdir()} == {"kodim01.png", "kodim02.png"}
    assert [e.name for e in datasets.find("kodak").entries] == ["kodim01.png", "kodim02.png"]


def test_a_folder_with_other_pictures_is_refused_before_one_is_copied(sources: Path, tmp_path: Path) -> None:
    (sources / "kodim02.png").write_bytes((sources / "kodim01.png").read_bytes())
    with pytest.raises(BadInput, match="kodim02"):
        fetch.kodak(print, str(sources))
    assert list((tmp_path / "data" / "kodak").iterdir()) == []
    with pytest.raises(BadInput, match="no such folder"):
        fetch.kodak(print, str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "args", [("--dataset", "kodak", "--from", "x"), ("--dataset", "x.png", "--fetch"), ("--dataset", "y", "--fetch")]
)
def test_fetching_goes_with_names(sources: Path, run: Run, args: tuple[str, ...]) -> None:
    code, _, err = run("bench", *args)
    assert code == 2 and "--fetch" in err


def test_names_of_files_are_safe(sources: Path, run: Run) -> None:
    odd = Path("a b&c")
    odd.mkdir()
    (odd / "x.png").write_bytes((sources / "kodim01.png").read_bytes())
    code, out, err = run("bench", "--dataset", odd, "-m", "png", "--metric", "psnr")
    assert code == 0 and "rows go to a_b_c.jsonl" in err and Path("a_b_c.jsonl").exists()
    assert out.startswith("a b&c: means over 1 picture\n") and " inf " in out
    (Path("mine")).mkdir()
    (Path("mine") / "x.png").write_bytes((sources / "kodim01.png").read_bytes())
    Path("mine.jsonl").write_text("my own notes\n")
    code, _, err = run("bench", "--dataset", "mine", "-m", "png")
    assert code == 1 and "holds no rows" in err and Path("mine.jsonl").read_text() == "my own notes\n"


def test_pictures_are_those_of_people(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for name in ("a.png", "._a.png", ".cache/b.png", "__MACOSX/c.png", "Thumbs.db", ".DS_Store", "sub/d.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    for text in (str(folder), f"{folder}/**/*.*", f"{folder}/*/../**/*.*"):
        assert sorted({Path(e.name).name for e in datasets.find(text).entries}) == ["a.png", "d.jpg"], text
    (folder / "gone.png").symlink_to(folder / "nowhere")
    lost = next(e for e in datasets.find(str(folder)).entries if e.name == "gone.png")
    assert isinstance(lost, Entry)
    with pytest.raises(FileNotFoundError):
        lost.read()


class Said:
    """In place of what prints: takes the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.notice = self.error = self.lines.append


def test_where_there_is_no_bar_a_line_says_how_far_it_is_now_and_then() -> None:
    said, seconds = Said(), [0.0]
    weights = {("a", str(i)): 1.0 for i in range(90)} | {("b", str(i)): 10.0 for i in range(10)}
    course = _bench.Course(weights, said, None, lambda: seconds[0])  # type: ignore[arg-type]
    for spec, picture in weights:
        seconds[0] += 2 * weights[spec, picture]  # the machine is half as quick as was expected
        course.advance(spec, picture)
    assert said.lines[:2] == ["8 of 100 rows, about 6 minutes left", "38 of 100 rows, about 5 minutes left"]
    assert len(said.lines) == 6 and course.said() == "100 of 100 rows"


def test_an_error_that_a_picture_has_with_every_spec_is_said_once() -> None:
    said = Said()
    course = _bench.Course({}, said, None, lambda: 0.0)  # type: ignore[arg-type]
    summary = _bench.Summary(Counter({"png": 40, "jpeg": 40}), said, course, _bench.describe)  # type: ignore[arg-type]
    for spec in ("png", "jpeg"):
        summary.add(rows.Row(spec, "bad.png", error="it is damaged"))
    assert said.lines == ["bad.png, png: it is damaged"] and summary.n_errors == 2
    for i in range(30):
        summary.add(rows.Row("png", f"{i}.png", error="it is damaged"))
    assert len(said.lines) == 11 and "more rows fail" in said.lines[-1] and summary.n_errors == 32
