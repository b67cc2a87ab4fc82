"""Standard streams: what a command writes there is whole, or it says so in one line and fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sccodec
from sccodec import image

RUN = Path(__file__).parent / "fakes" / "run.py"
FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="redirections as a POSIX shell has them")


@pytest.fixture(params=["buffered", "unbuffered"])
def buffering(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "unbuffered":
        monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    else:
        monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@pytest.fixture
def folder(fake_codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with noise.png, and noise.scc of 36 KiB."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
    image.save(Path("noise.png"), noise)
    Path("noise.scc").write_bytes(sccodec.encode(noise, fake_codec))
    return tmp_path


def redirected(redirection: str, *args: str, before: str = "true") -> tuple[int, str]:
    """Exit code and standard error of the command under a shell's redirection."""
    command = ["sh", "-c", f'{before}; exec "$@" {redirection}', "sh", sys.executable, str(RUN), *args]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


COMMANDS = [
    ("decode", "noise.scc", "-o", "-"),
    ("encode", "noise.png", "-m", "fake", "-o", "-"),
    ("encode", "noise.png", "-m", "fake", "-o", "new.scc", "--json"),
    ("labels", "noise.scc", "-o", "-"),
    ("info", "noise.scc"),
    ("info", "noise.scc", "--json"),
    ("info", "noise.scc", "noise.scc"),
    ("codecs",),
    ("codecs", "--json"),
    ("--help",),
    ("info", "--help"),
    ("--version",),
]
REPORTS = [
    ("encode", "noise.png", "-m", "fake", "-o", "new.scc"),
    ("decode", "noise.scc"),
    ("labels", "noise.scc"),
    ("verify", "noise.scc"),
]


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("args", COMMANDS + REPORTS, ids=" ".join)
def test_a_full_disk_is_an_error(folder: Path, buffering: None, args: tuple[str, ...]) -> None:
    code, err = redirected(f"> {FULL}", *args)
    files = max(1, args.count("noise.scc"))
    assert code == 1 and err.count("\n") == files and err.count("No space left") == files, err
    assert err.startswith("sccodec: error: ")


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_a_closed_output_is_an_error(folder: Path, args: tuple[str, ...]) -> None:
    code, err = redirected(">&-", *args)
    assert code == 1 and err.startswith("sccodec: error: ") and "Bad file descriptor" in err, err


@pytest.mark.parametrize("args", REPORTS, ids=" ".join)
def test_a_closed_output_that_is_not_asked_for_is_none(folder: Path, args: tuple[str, ...]) -> None:
    assert redirected(">&-", *args) == (0, "")


def test_a_closed_output_is_not_the_null_device(folder: Path) -> None:
    assert redirected(">&-", "decode", "noise.scc", "-o", os.devnull) == (0, "")


def test_output_that_does_not_fit_is_an_error(folder: Path, buffering: None) -> None:
    """The system takes a part of a write, and says how much; the next one fails."""
    code, err = redirected("> part", "decode", "noise.scc", "-o", "-", before="ulimit -f 20")
    assert 0 < Path("part").stat().st_size <= 20 * 1024
    assert (code, err) == (1, "sccodec: error: noise.scc: standard output: File too large\n")


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
def test_errors_that_cannot_be_written_change_nothing_else(folder: Path) -> None:
    assert redirected(f"2> {FULL}", "decode", "absent.scc") == (1, "")
    assert redirected(f"2> {FULL}", "decode", "--nonsense") == (2, "")
    assert redirected(f"2> {FULL}", "encode", "noise.png", "-m", "fake", "-f", "--device", "cuda")[0] == 0


def test_names_that_the_encoding_lacks_are_written_as_escapes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("\N{GRINNING FACE}.png").write_bytes(Path("noise.png").read_bytes())
    for encoding in ("latin-1", "ascii"):
        monkeypatch.setenv("PYTHONIOENCODING", encoding)
        command = [sys.executable, str(RUN), "encode", "\N{GRINNING FACE}.png", "-m", "fake", "-f"]
        done = subprocess.run(command, capture_output=True, timeout=60)
        assert done.returncode == 0 and done.stderr == b"" and b"bytes" in done.stdout


def test_libraries_print_nothing_of_their_own(folder: Path) -> None:
    """libtiff prints a line about these pixels."""
    Image.new("RGB", (64, 64)).save("damaged.tif", compression="tiff_adobe_deflate")
    data = bytearray(Path("damaged.tif").read_bytes())
    start = data.index(b"\x78")  # of zlib's stream
    data[start + 2 : start + 8] = bytes(range(6))
    Path("damaged.tif").write_bytes(data)
    code, err = redirected("", "encode", "damaged.tif", "-m", "fake", "-o", "new.scc")
    assert code == 1 and err.count("\n") == 1 and err.startswith("sccodec: error: ") and "damaged.tif" in err
    assert not Path("new.scc").exists()
