"""`sccodec compare`: one picture, several codecs, one size."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sccodec import image
from sccodec.codec import DEFAULT_OPTIONS, Picture
from sccodec.report import gallery
from tests.shared import run


@pytest.fixture
def face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_codec: str, picture: Picture) -> Path:
    monkeypatch.chdir(tmp_path)
    image.save(tmp_path / "face.png", picture)
    return Path("face.png")


def entry_of(path: str) -> dict[str, object]:
    found = re.search(r'id="gallery-0">(.*?)</script>', Path(path).read_text(encoding="utf-8"))
    assert found is not None
    entry: dict[str, object] = json.loads(found[1])
    return entry


def test_files_are_matched_in_size(face: Path, picture: Picture) -> None:
    sizes = {q: len(gallery.encoded(picture, f"fake:q={q}", 1, print, DEFAULT_OPTIONS)[0]) for q in (0, 100)}
    data, quality, off = gallery.encoded(picture, "fake", sizes[100] - 1, print, DEFAULT_OPTIONS)
    assert len(data) < sizes[100] and quality is not None and quality < 100
    data, quality, off = gallery.encoded(picture, "fake", 20, print, DEFAULT_OPTIONS)
    assert off.startswith("its smallest file, ") and "times the size aimed at" in off
    data, _, off = gallery.encoded(picture, "fake", 10 * sizes[100], print, DEFAULT_OPTIONS)
    assert off == f"its best file, {100 - round(100 * len(data) / (10 * sizes[100]))} % below the size aimed at"
    assert "own setting" in gallery.encoded(picture, "fake:q=0", 10**6, print, DEFAULT_OPTIONS)[2]


def test_page_and_lines(face: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, "compare", face, "-m", "fake", "-m", "fake:q=0", "-m", "png", "--target-bpp", "2")
    assert code == 0, err
    lines = out.splitlines()
    assert re.match(r"fake: \d+ bytes, [\d.]+ bpp", lines[0]) and "png: " in lines[2]
    entry = entry_of("face.compare.html")
    (target,) = entry["targets"]  # type: ignore[misc]
    assert target["bytes"] == 192 and [i["name"] for i in target["items"]] == ["fake", "fake:q=0", "png"]
    assert "exists" in run(capfd, "compare", face, "-m", "fake")[2]
    code, out, _ = run(capfd, "compare", face, "-m", "fake", "-o", "-")
    assert code == 0 and out.startswith("<!doctype html>")


def test_a_codec_that_fails_is_said_and_the_others_are_shown(face: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, "compare", face, "-m", "fake", "-m", "fake:nonsense=1", "--target-bytes", "300")
    assert code == 1 and err.count("\n") == 1 and "no option 'nonsense'" in err and "fake: " in out
    (target,) = entry_of("face.compare.html")["targets"]  # type: ignore[misc]
    assert target["failed"][0]["name"] == "fake:nonsense=1"


def test_a_name_that_has_no_utf_8(face: Path, capfd: pytest.CaptureFixture[str]) -> None:
    odd = "f\udcffce<b>.png"
    try:
        face.rename(odd)
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    code, _, err = run(capfd, "compare", odd, "-m", "fake", "-o", "page.html")
    assert code == 0, err
    assert "<title>f?ce&lt;b&gt;.png" in Path("page.html").read_text(encoding="utf-8")


def test_refusals(face: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "no codec is named" in run(capfd, "compare", face, "-m", "nonsense")[2]
    assert "no such file" in run(capfd, "compare", "absent.png", "-m", "fake", "--target-bpp", "1")[2]
    assert run(capfd, "compare", face, "-m", "fake", "--target-bpp", "1", "--target-bytes", "3")[0] == 2
    for option in ("--target-bpp", "--megabytes"):
        code, _, err = run(capfd, "compare", face, "-m", "fake", option, "nan")
        assert code == 2 and "not a finite number" in err
    assert "is an input" in run(capfd, "compare", face, "-m", "fake", "-o", face, "-f")[2]
    assert sorted(p.name for p in Path().iterdir()) == ["face.png"]
