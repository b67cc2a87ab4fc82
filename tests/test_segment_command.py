"""`sccodec segment`: what it writes, prints and refuses."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from PIL import Image

from sccodec import image
from sccodec.labels import segmenters
from tests import tiny_segmenter
from tests.cases import TESTS
from tests.shared import run
from tests.test_core import core_environment
from tests.test_segmenters import quarters

Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_segmenter.write_model(folder, "street")
    crf = {"crf": {"window": 7, "steps": 5}}
    tiny_segmenter.write_model(folder, "sharp", config=crf, extra=tiny_segmenter.CRF)
    return folder


@pytest.fixture
def folder(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a.png, b.jpg and sub/c.png in photos/."""
    monkeypatch.setenv("SCCODEC_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for i, name in enumerate(("a.png", "b.jpg", "sub/c.png")):
        image.save(tmp_path / "photos" / name, quarters(48, 64 + 8 * i), Path(name).suffix)
    return tmp_path


def opened(source: str | io.BytesIO) -> Image.Image:
    """A picture file, read whole and closed."""
    with Image.open(source) as found:
        found.load()
        return found


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_map_lies_beside_its_picture(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, "segment", "photos/a.png")
    assert (code, err) == (0, "")
    assert out.startswith("photos/a.png -> photos/a.labels.png: 64x48, street: ") and out.count("\n") == 1
    written = opened("photos/a.labels.png")
    expected = segmenters.find("street").segment(quarters(48, 64))
    assert written.mode == "P" and np.array_equal(np.asarray(written), expected)
    assert tuple(written.getpalette()[:12]) == sum(tiny_segmenter.COLOURS, ())
    assert np.array_equal(np.asarray(written.convert("RGB")), np.array(tiny_segmenter.COLOURS, np.uint8)[expected])


def test_raw_is_grey_with_the_numbers(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "segment", "photos/a.png", "--raw", "-o", "raw.png")[0] == 0
    written = opened("raw.png")
    assert written.mode == "L"
    assert np.array_equal(np.asarray(written), segmenters.find("street").segment(quarters(48, 64)))


@pytest.mark.parametrize(("options", "opacity"), [((), 0.5), (("--opacity", "0.25"), 0.25), (("--opacity", "1"), 1.0)])
def test_an_overlay_is_in_colour(
    folder: Path, capfd: pytest.CaptureFixture[str], options: tuple[str, ...], opacity: float
) -> None:
    assert run(capfd, "segment", "photos/a.png", "--overlay", *options)[0] == 0
    written = opened("photos/a.overlay.png")
    assert written.mode == "RGB"
    labels = segmenters.find("street").segment(quarters(48, 64))
    exact = quarters(48, 64) * (1 - opacity) + np.array(tiny_segmenter.COLOURS)[labels] * opacity
    assert np.abs(np.asarray(written) - exact).max() <= 0.501


def test_an_overlay_is_written_in_any_format_in_colour(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capfd, "segment", "photos/a.png", "--overlay", "-o", "x.jpg")
    assert code == 0 and err == "sccodec: note: photos/a.png: .jpg is lossy; .png keeps the picture as it is\n"
    assert opened("x.jpg").format == "JPEG"
    code, _, err = run(capfd, "segment", "photos/a.png", "--overlay", "-o", "x.pgm")
    assert code == 1 and ".pgm files hold greys without colours" in err and err.count("\n") == 1


def test_json_names_the_classes(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = files(folder)
    code, out, err = run(capfd, "segment", "photos/a.png", "--json", "-m", "street")
    assert (code, err, files(folder)) == (0, "", before)
    said = json.loads(out)
    labels = segmenters.find("street").segment(quarters(48, 64))
    assert [(c["number"], c["name"]) for c in said["classes"]] == list(enumerate(tiny_segmenter.NAMES))
    for each in said["classes"]:
        assert each["share"] == pytest.approx((labels == each["number"]).mean(), abs=1e-6)
        assert tuple(each["colour"]) == tiny_segmenter.COLOURS[each["number"]]
    assert (said["file"], said["output"], said["segmenter"]) == ("photos/a.png", None, "street")
    assert (said["width"], said["height"], said["working_size"], said["refined"]) == (64, 48, [64, 48], False)
    assert said["model"] == segmenters.find("street").tag


def test_json_leaves_out_what_does_not_occur(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    image.save(folder / "red.png", np.full((20, 30, 3), (250, 0, 0), np.uint8))
    code, out, _ = run(capfd, "segment", "red.png", "--json", "-o", "map.png", "--long-side", "15")
    said = json.loads(out)
    assert code == 0 and (folder / "map.png").is_file() and said["output"] == "map.png"
    assert [(c["name"], c["share"]) for c in said["classes"]] == [("red", 1.0)]
    assert said["working_size"] == [15, 10]


def test_several_go_into_a_folder_that_is_made(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, "segment", "photos/a.png", "photos/b.jpg", "-o", "new/maps")
    assert (code, err) == (0, "") and out.count("\n") == 2
    assert files(folder / "new" / "maps") == {"a.png", "b.png"}
    assert np.asarray(opened("new/maps/b.png")).shape == (48, 72)


def test_a_folder_is_every_picture_in_it(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "photos" / "notes.txt").write_text("no picture")
    (folder / "photos" / "._a.png").write_text("nor this")
    code, _, err = run(capfd, "segment", "photos", "-o", "maps")
    assert (code, err, files(folder / "maps")) == (0, "", {"a.png", "b.png", "sub/c.png"})
    code, out, _ = run(capfd, "segment", "photos", "--json")
    assert code == 0 and [one["file"] for one in json.loads(out)] == [
        "photos/a.png",
        "photos/b.jpg",
        "photos/sub/c.png",
    ]


def test_a_folder_of_one_picture_has_a_folder_for_its_map(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "segment", "photos/sub", "-o", "maps")[0] == 0
    assert files(folder / "maps") == {"c.png"}
    code, _, err = run(capfd, "segment", "photos/sub", "-o", "maps/c.png")
    assert code == 2 and "is a file, and not a folder" in err
    assert run(capfd, "segment", "photos/sub", "-o", "-")[0] == 2


def test_what_was_made_earlier_is_no_input(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "segment", "photos")[0] == 0
    assert run(capfd, "segment", "photos", "--overlay")[0] == 0
    made = {"a.labels.png", "b.labels.png", "sub/c.labels.png", "a.overlay.png", "b.overlay.png", "sub/c.overlay.png"}
    assert files(folder / "photos") == {"a.png", "b.jpg", "sub/c.png"} | made
    assert run(capfd, "segment", "photos", "--force")[0] == 0
    assert run(capfd, "segment", "photos", "-o", "photos/maps")[0] == 0
    assert run(capfd, "segment", "photos", "-o", "photos/maps", "--force")[0] == 0
    assert files(folder / "photos" / "maps") == {"a.png", "b.png", "sub/c.png"}
    shutil.copy("photos/a.png", "photos/street.labels.png")  # named like a map, but of no picture here
    code, out, _ = run(capfd, "segment", "photos", "--json", "-o", "photos/maps", "--force")
    assert code == 0 and "photos/street.labels.png" in [one["file"] for one in json.loads(out)]


def test_nothing_is_lost(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Inputs are not overwritten, nor what exists, nor one map by another."""
    before = (folder / "photos" / "a.png").read_bytes()
    code, _, err = run(capfd, "segment", "photos/a.png", "-o", "photos", "--force")
    assert code == 1 and "is an input" in err and (folder / "photos" / "a.png").read_bytes() == before
    (folder / "photos" / "b.labels.png").write_text("mine")
    code, _, err = run(capfd, "segment", "photos/b.jpg")
    assert code == 1 and err == "sccodec: error: photos/b.labels.png: exists; --force overwrites it\n"
    assert (folder / "photos" / "b.labels.png").read_text() == "mine"
    shutil.copy("photos/b.jpg", "photos/a.jpg")
    code, _, err = run(capfd, "segment", "photos/a.png", "photos/a.jpg", "-o", "maps")
    assert code == 1 and "several inputs would be written to it" in err and not (folder / "maps").exists()
    code, _, err = run(capfd, "segment", "photos/a.png", "-m", "nothing", "-o", "maps/")
    assert code == 1 and not (folder / "maps").exists()


def test_standard_streams(folder: Path) -> None:
    data = (folder / "photos" / "a.png").read_bytes()
    command = [sys.executable, "-m", "sccodec", "segment"]
    done = subprocess.run([*command, "-"], input=data, capture_output=True, check=True)
    expected = segmenters.find("street").segment(quarters(48, 64))
    assert done.stderr == b"" and np.array_equal(np.asarray(opened(io.BytesIO(done.stdout))), expected)
    done = subprocess.run([*command, "-", "--json"], input=data, capture_output=True, check=True)
    assert json.loads(done.stdout)["file"] == "standard input"
    done = subprocess.run([*command, "-", "photos/b.jpg", "-o", "maps"], input=data, capture_output=True, check=True)
    assert files(folder / "maps") == {"stdin.png", "b.png"}
    done = subprocess.run([*command, "photos/a.png", "--overlay", "-o", "-"], capture_output=True, check=True)
    assert opened(io.BytesIO(done.stdout)).mode == "RGB"


def test_refining(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = np.full((64, 64, 3), (100, 140, 0), np.uint8)
    picture[24:28, 24:28] = (141, 100, 0)
    image.save(folder / "dot.png", picture)
    shares = []
    for options in ((), ("--refine",)):
        code, out, _ = run(capfd, "segment", "dot.png", "-m", "sharp", "--json", *options)
        said = json.loads(out)
        assert code == 0 and said["refined"] == bool(options)
        shares.append({c["name"]: c["share"] for c in said["classes"]})
    assert shares[0]["red"] > 0 and shares[1] == {"green": 1.0}
    code, _, err = run(capfd, "segment", "dot.png", "-m", "street", "--refine")
    assert (code, err) == (1, "sccodec: error: the segmenter 'street' has no ConvCRF to refine its maps with\n")


def test_long_sides(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    image.save(folder / "wide.png", quarters(60, 400))
    for options, size in (
        ((), [96, 14]),
        (("--long-side", "200"), [200, 30]),
        (("--long-side", "full"), [400, 60]),
        (("--long-side", "0"), [400, 60]),
        (("--long-side", "1048576"), [400, 60]),
        (("--long-side", "1"), [1, 1]),
    ):
        code, out, _ = run(capfd, "segment", "wide.png", "--json", *options)
        assert code == 0 and json.loads(out)["working_size"] == size
    for wrong in ("-1", "nan", "1.5", "Full", "", "1048577", "9" * 400):
        assert run(capfd, "segment", "wide.png", "--json", f"--long-side={wrong}")[0] == 2


@pytest.mark.parametrize("size", [(1, 1), (30, 20000), (20000, 30)])
def test_odd_sizes(folder: Path, capfd: pytest.CaptureFixture[str], size: tuple[int, int]) -> None:
    image.save(folder / "odd.png", quarters(*size))
    for options in ((), ("--long-side", "full")):
        assert run(capfd, "segment", "odd.png", "-o", "map.png", "--force", *options)[0] == 0
        assert np.asarray(opened("map.png")).shape == size


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nothing.png"], 1, "nothing.png: no such file"),
        (["text.png"], 1, "text.png: not a picture"),
        (["cut.png"], 1, "cut.png: the file ends within one of its chunks"),
        (["empty"], 1, "empty: holds no pictures"),
        (["photos/a.png", "empty"], 1, "empty: holds no pictures"),
        (["photos/a.png", "-m", "alleys"], 1, "no segmenter is named 'alleys'; there are: street, sharp"),
        (["photos/a.png", "-m", ""], 1, "no segmenter is named ''"),
        (["photos/a.png", "-o", "x.jpg"], 1, "x.jpg: a map of classes is written as .png only"),
        (["photos/a.png", "--raw", "-o", "x"], 1, "x: a map of classes is written as .png only"),
        (["photos/a.png", "--max-pixels", "3071"], 1, "64x48 pixels, the limit is 3071"),
        (["photos/a.png", "--overlay", "--raw"], 2, "exclude one another"),
        (["photos/a.png", "--opacity", "0.3"], 2, "--opacity goes with --overlay"),
        (["photos/a.png", "--overlay", "--opacity", "nan"], 2, "opacity"),
        (["photos/a.png", "--overlay", "--opacity", "1.1"], 2, "opacity"),
        (["photos/a.png", "--json", "--raw"], 2, "--json writes no file unless -o names one"),
        (["photos/a.png", "--json", "-o", "-"], 2, "cannot both go to standard output"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_is_refused(
    folder: Path, capfd: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    (folder / "text.png").write_text("not a picture")
    (folder / "cut.png").write_bytes((folder / "photos" / "a.png").read_bytes()[:-30])
    (folder / "empty").mkdir()
    before = files(folder)
    found, out, err = run(capfd, "segment", *words)
    assert (found, out) == (code, "") and message in err and files(folder) == before
    assert code == 2 or err.count("\n") == 1


def test_one_that_fails_does_not_stop_the_others(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "photos" / "aa.png").write_text("not a picture")
    code, out, err = run(capfd, "segment", "photos", "-o", "maps", "--json")
    assert code == 1 and err.count("\n") == 1 and files(folder / "maps") == {"a.png", "b.png", "sub/c.png"}
    assert next(one for one in json.loads(out) if "error" in one)["file"] == "photos/aa.png"
    code, out, _ = run(capfd, "segment", "photos/a.png", "photos/b.jpg", "-m", "alleys", "--json")
    assert code == 1 and [one["file"] for one in json.loads(out)] == ["photos/a.png", "photos/b.jpg"]


def test_the_core_segments_without_torch(folder: Path) -> None:
    """With the faces and photographs that ship, where there are such, and a model file of the new kind."""
    installed = segmenters.names()
    assert installed[0] == "street"
    for name in installed:
        command = [sys.executable, "-m", "sccodec", "segment", "photos/a.png", "-m", name, "--json"]
        done = subprocess.run(command, env=core_environment(), capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert sum(c["share"] for c in json.loads(done.stdout)["classes"]) == pytest.approx(1, abs=1e-4)


def test_segmenting_imports_no_torch(folder: Path) -> None:
    code = (
        "import sys, numpy, sccodec; sccodec.segment(numpy.zeros((40, 50), numpy.uint8), 'sharp', refine=True);"
        "print([m for m in ('torch', 'onnx', 'scipy', 'sccodec.networks', 'sccodec.training') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_unreadable_folder_of_models_is_one_line(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCCODEC_MODELS", str(folder / "nowhere"))
    code, _, err = run(capfd, "segment", "photos/a.png")
    assert code == 1 and "which is no folder" in err and err.count("\n") == 1


def test_pictures_of_every_kind_are_read(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("two.heic", "white12.tif", "cmyk8.jxl"):
        shutil.copy(TESTS / "inputs" / name, name)
        assert run(capfd, "segment", name)[0] == 0
        assert np.asarray(opened(f"{Path(name).stem}.labels.png")).ndim == 2
