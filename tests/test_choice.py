"""-m auto, and the notice about pictures that are no photographs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import sccodec
from sccodec import api, choice
from sccodec.codec import Options
from sccodec.metrics.image import psnr

Picture = npt.NDArray[np.uint8]
PHOTO = Path(__file__).parent / "pictures" / "chelsea.png"

pytestmark = pytest.mark.skipif("hyperprior" not in api.names(), reason="needs the codec")


@pytest.fixture(scope="module")
def photo() -> Picture:
    return np.asarray(Image.open(PHOTO).convert("RGB"))[:192, :256]


def drawn(name: str) -> Picture:
    """What is no photograph."""
    y, x = np.mgrid[0:96, 0:128]
    if name == "checkerboard":
        grey = (x + y) % 2 * 255
    elif name == "halftone":
        shade = Image.fromarray((x * 2).astype(np.uint8)).convert("1")
        grey = np.asarray(shade) * 255
    else:
        grey = np.where((x // 3 + y // 5) % 2 == 0, 255, np.where(x % 4 == 0, 0, 255))
    return np.repeat(grey[:, :, None], 3, 2).astype(np.uint8)


@pytest.mark.parametrize("name", ["checkerboard", "halftone", "strokes"])
@pytest.mark.parametrize("quality", [0, 50, 100])
def test_what_is_no_photograph_is_said_to_be_better_off_elsewhere(name: str, quality: float) -> None:
    picture = drawn(name)
    heard: list[str] = []
    data = sccodec.encode(picture, "hyperprior", quality, notice=heard.append)
    (text,) = heard
    mine = psnr(picture, sccodec.decode(data))
    assert f"has {mine:.1f} dB" in text
    lossless = sccodec.encode(picture, "jpegxl:distance=0")
    assert ("-m jpegxl:distance=0 keeps every pixel" in text) == (len(lossless) <= len(data))
    silent: list[str] = []
    assert sccodec.encode(picture, "hyperprior", quality, notice=silent.append, options=Options(judge=False)) == data
    assert not silent


@pytest.mark.parametrize("quality", [0, 30, 100])
def test_photographs_are_left_alone(photo: Picture, quality: float) -> None:
    heard: list[str] = []
    sccodec.encode(photo, "hyperprior", quality, notice=heard.append)
    target = len(sccodec.encode(photo, "hyperprior", 50, notice=heard.append))
    sccodec.encode(photo, "hyperprior", target_bytes=target, notice=heard.append)
    assert heard == []


def test_detail_tells_them_apart(photo: Picture) -> None:
    assert choice.detail(photo) < choice.BUSY < min(choice.detail(drawn(n)) for n in ("checkerboard", "halftone"))
    assert choice.detail(np.zeros((1, 1, 3), np.uint8)) == 0


def test_auto_takes_the_best_at_one_size(photo: Picture) -> None:
    learned = sccodec.encode(photo, "hyperprior", 40)
    found = api.choose(photo, 40)
    assert (found.spec, found.data) == (choice.LEARNED, learned) and sccodec.encode(photo, "auto", 40) == learned
    for rival in (choice.CLASSICAL, choice.LOSSLESS):
        tried = api.rival_of(photo, len(learned), [rival], Options())
        assert tried is None or (len(tried.data) <= len(learned) and tried.psnr < found.psnr)
    drawing = drawn("halftone")
    kept = api.choose(drawing, 50)
    assert kept.spec == choice.LOSSLESS and np.array_equal(sccodec.decode(kept.data), drawing)


def test_auto_keeps_to_a_target(photo: Picture) -> None:
    for n_bytes in (250, 3000, 9000):
        found = api.choose(photo, None, n_bytes, notice=lambda text: None)
        assert len(found.data) <= n_bytes
        assert found.psnr == psnr(photo, sccodec.decode(found.data))
    assert api.choose(photo, None, 250, notice=lambda text: None).spec == choice.PAINTED
    for suffix, spec in ((".webp", choice.CLASSICAL), (".jxl", choice.LOSSY)):
        found = api.choose(photo, None, 3000, suffix=suffix, notice=lambda text: None)
        assert found.spec == spec and len(found.data) <= 3000


def command(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "sccodec", "encode", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_auto_names_its_files(photo: Picture, tmp_path: Path) -> None:
    Image.fromarray(photo[:96, :128]).save(tmp_path / "photo.png")
    Image.fromarray(drawn("halftone")).save(tmp_path / "screen.png")
    code, out, err = command(tmp_path, "photo.png", "screen.png", "-m", "auto", "-o", "coded/")
    assert (code, err) == (0, ""), err
    assert sorted(path.name for path in (tmp_path / "coded").iterdir()) == ["photo.scc", "screen.jxl"]
    assert "by hyperprior" in out and "by jpegxl:distance=0" in out
    # The name that was given says which files it may be.
    code, out, err = command(tmp_path, "photo.png", "-m", "auto", "-o", "photo.webp")
    assert code == 0 and (tmp_path / "photo.webp").read_bytes()[8:12] == b"WEBP", err
    code, out, err = command(tmp_path, "photo.png", "-m", "auto", "-o", "photo.avif")
    assert code == 1 and err.count("\n") == 1 and ".avif stands for another format" in err
    # Neither an input nor what is there already is overwritten by the name that was found.
    code, out, err = command(tmp_path, "screen.png", "-m", "auto")
    assert code == 0 and (tmp_path / "screen.jxl").exists()
    code, out, err = command(tmp_path, "screen.png", "-m", "auto")
    assert code == 1 and "screen.jxl: exists" in err
    code, out, err = command(tmp_path, "screen.jxl", "-m", "auto", "--force")
    assert code == 1 and "is an input" in err
