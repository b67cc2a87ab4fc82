"""What suffixes promise: encode writes no other format under them, decode says what becomes of the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import sccodec
from sccodec import image
from sccodec.cli import _suffixes, main
from sccodec.errors import BadInput

Picture = npt.NDArray[np.uint8]
Run = Callable[..., tuple[int, str]]

Image.init()
WRITTEN = sorted(suffix for suffix, kind in Image.EXTENSION.items() if kind in Image.SAVE and kind != "PDF")


@pytest.fixture
def run(
    fake_codec: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    picture: Picture,
) -> Run:
    """Runs a command in a folder with face.png and face.scc; gives exit code and standard error."""
    monkeypatch.chdir(tmp_path)
    image.save(Path("face.png"), picture)
    Path("face.scc").write_bytes(sccodec.encode(picture, fake_codec))

    def shell(*args: str) -> tuple[int, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(args)
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, capfd.readouterr().err

    return shell


def noise(height: int, width: int) -> Picture:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (17, 33), (48, 48), (300, 5)], ids=str)
@pytest.mark.parametrize("suffix", WRITTEN)
def test_what_a_format_does_to_the_picture_is_said(suffix: str, shape: tuple[int, int]) -> None:
    """Refused, or as it was, or with a note."""
    target, picture = Path(f"x{suffix}"), noise(*shape)
    said: list[str] = []
    try:
        _suffixes.check_decoded(target)
        data = _suffixes.decoded(picture, target, said.append)
    except BadInput as error:
        assert "\n" not in str(error) and ".p" in str(error)  # what to use
        return
    assert len(said) <= 1
    again = image.load(data, print)
    assert again.shape == picture.shape
    assert said or np.array_equal(again, picture)


def test_formats_that_keep_the_picture_need_no_note(run: Run, picture: Picture) -> None:
    for suffix in (".png", ".bmp", ".tif", ".tiff", ".ppm", ".tga", ".qoi", ".jp2", ".PNG"):
        assert run("decode", "face.scc", "-o", f"x{suffix}") == (0, "")
        assert np.array_equal(image.load(Path(f"x{suffix}"), print), picture)


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".webp", ".avif", ".gif", ".mpo"])
def test_formats_that_change_it_are_noted(run: Run, suffix: str) -> None:
    code, err = run("decode", "face.scc", "-o", f"x{suffix}")
    assert code == 0 and err.count("\n") == 1 and err.startswith(f"sccodec: note: face.scc: {suffix.lower()} ")


@pytest.mark.parametrize("suffix", [".ico", ".icns", ".pfm", ".pgm", ".pbm", ".xbm", ".h5", ".eps", ".scc", ".heic"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_formats_that_hold_another_picture_are_refused(run: Run, suffix: str, force: tuple[str, ...]) -> None:
    code, err = run("decode", "face.scc", "-o", f"x{suffix}", *force)
    assert code == 1 and err.count("\n") == 1 and suffix in err and ".png" in err, err
    assert not Path(f"x{suffix}").exists()


def test_icons_of_their_own_sizes_are_written(run: Run) -> None:
    for side in (16, 48, 256):
        picture = noise(side, side)
        assert np.array_equal(image.load(_suffixes.decoded(picture, Path("x.ico"), pytest.fail), print), picture)


# --- encode and edit


@pytest.mark.parametrize(
    "name", ["x.jpg", "x.JPG", "x.heif", "x.jxl", "x.bpg", "x.tif", "x.pdf", "x.txt", "x.html", "x.gz"]
)
def test_a_name_of_another_format_is_refused(run: Run, name: str) -> None:
    code, err = run("encode", "face.png", "-m", "fake", "-o", name)
    assert code == 1 and err.count("\n") == 1 and Path(name).suffix.lower() in err and "x.scc" in err, err
    assert ("-m jpeg;" in err) == (name.lower() == "x.jpg")
    assert not Path(name).exists()
    assert run("encode", "face.png", "-m", "fake", "-o", name, "--force") == (0, "")
    assert Path(name).read_bytes() == Path("face.scc").read_bytes()


@pytest.mark.parametrize(
    ("codec", "names"),
    [
        ("fake", ["x.scc", "x.SCC", "x", "x.bin", "x.face", "x.2026"]),
        ("jpeg", ["x.jpg", "x.jpeg", "x.jfif", "x.JPE"]),
        ("png", ["x.png", "x.apng"]),
        ("heic", ["x.heic", "x.heif"]),
        ("jpeg2000", ["x.jp2", "x.j2k"]),
    ],
)
def test_names_that_fit_or_stand_for_nothing(run: Run, codec: str, names: list[str]) -> None:
    for name in names:
        assert run("encode", "face.png", "-m", codec, "-o", name) == (0, "")


def test_codecs_of_formats_write_no_other(run: Run) -> None:
    for codec, name in (("jpeg", "x.scc"), ("png", "x.jpg"), ("webp", "x.png"), ("avif", "x.heic")):
        code, err = run("encode", "face.png", "-m", codec, "-o", name)
        assert code == 1 and err.count("\n") == 1 and not Path(name).exists()


def test_edit_writes_no_other_format(run: Run) -> None:
    code, err = run("edit", "face.scc", "--texture-from", "face.png", "--label", "hair", "-o", "x.png")
    assert code == 1 and ".png stands for another format" in err
