"""The command line, with a fake codec: names of files, refusals, exit codes, single lines, no tracebacks."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import sccodec
from sccodec import container, image
from sccodec.cli import main
from sccodec.cli._report import one_line

Picture = npt.NDArray[np.uint8]
RUN = Path(__file__).parent / "fakes" / "run.py"


class Shell:
    """Runs commands in this process, in a folder of their own, and keeps what they print."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *args: str | Path) -> tuple[int, str, str]:
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in args])
        out, err = self._capfd.readouterr()
        assert "Traceback" not in out + err
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, out, err

    def fails(self, *args: str | Path) -> str:
        """The one line of standard error of a command that fails with exit code 1 and prints nothing else."""
        code, out, err = self(*args)
        assert code == 1 and out == "", (code, out, err)
        assert err.count("\n") == 1 and err.endswith("\n") and err.startswith("sccodec: error: "), err
        return err

    def misused(self, *args: str | Path) -> str:
        code, out, err = self(*args)
        assert code == 2 and out == ""
        return err


@pytest.fixture
def shell(fake_codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capfd)


@pytest.fixture
def face(shell: Shell, picture: Picture) -> Path:
    """face.png in the working folder."""
    image.save(Path("face.png"), picture)
    return Path("face.png")


@pytest.fixture
def scc(face: Path, picture: Picture) -> Path:
    """face.scc beside it."""
    path = Path("face.scc")
    path.write_bytes(sccodec.encode(picture, "fake"))
    return path


def read(path: str | Path) -> Picture:
    return image.load(Path(path), print)


def names() -> list[str]:
    return sorted(p.name for p in Path().iterdir())


def process(*args: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, str(RUN), *map(str, args)], input=stdin, capture_output=True, timeout=60)


# --- encode and decode


def test_there_and_back(shell: Shell, face: Path, picture: Picture) -> None:
    code, out, err = shell("encode", "face.png", "-m", "fake")
    n_bytes = Path("face.scc").stat().st_size
    assert code == 0 and err == "" and f"{n_bytes} bytes, {8 * n_bytes / 768:.4f} bpp" in out
    assert shell("decode", "face.scc")[0] == 0
    assert names() == ["face.decoded.png", "face.png", "face.scc"]
    assert np.array_equal(read("face.decoded.png"), picture)


def test_output_names(shell: Shell, face: Path, scc: Path, picture: Picture) -> None:
    assert shell("encode", face, "-m", "fake", "-o", "other.scc")[0] == 0
    Path("folder").mkdir()
    assert shell("encode", face, "-m", "fake", "-o", "folder")[0] == 0
    assert shell("encode", face, "-m", "fake", "-o", "new/er/")[0] == 0
    assert Path("folder/face.scc").is_file() and Path("new/er/face.scc").is_file()
    assert shell("decode", "other.scc", "-o", "other.webp")[0] == 0
    assert Path("other.webp").read_bytes()[8:12] == b"WEBP"
    assert "png" in shell.fails("decode", scc, "-o", "other.docx")
    assert "No such file" in shell.fails("decode", scc, "-o", "absent/other.png")


def test_several_inputs(shell: Shell, face: Path, picture: Picture) -> None:
    image.save(Path("b.png"), 255 - picture)
    code, out, _ = shell("encode", face, "b.png", "-m", "fake", "-o", "all")
    assert code == 0 and out.count("\n") == 2
    assert shell("decode", "all/face.scc", "all/b.scc", "-o", "back")[0] == 0
    assert np.array_equal(read("back/b.decoded.png"), 255 - picture)
    assert "folder" in shell.misused("encode", face, "b.png", "-m", "fake", "-o", "b.png")
    assert "standard output" in shell.misused("encode", face, "b.png", "-m", "fake", "-o", "-")


def test_one_bad_input_among_several(shell: Shell, face: Path) -> None:
    Path("bad.png").write_bytes(b"no picture")
    code, out, err = shell("encode", "bad.png", face, "missing.png", "-m", "fake", "-o", "all")
    assert code == 1 and "face.png -> " in out
    assert [line.split(": ")[2] for line in err.splitlines()] == ["bad.png", "missing.png"]
    assert Path("all/face.scc").is_file()


def test_streams(shell: Shell, face: Path, scc: Path, picture: Picture) -> None:
    encoded = process("encode", "-", "-m", "fake", stdin=face.read_bytes())
    assert encoded.returncode == 0 and encoded.stdout == scc.read_bytes() and encoded.stderr == b""
    decoded = process("decode", "-", stdin=encoded.stdout)
    assert np.array_equal(image.load(decoded.stdout, print), picture)
    assert process("decode", scc, "-o", "-").stdout == decoded.stdout
    assert process("decode", "-", "-o", "x.png", stdin=encoded.stdout).returncode == 0
    assert np.array_equal(read("x.png"), picture)
    assert process("info", "-", "--json", stdin=encoded.stdout).returncode == 0
    assert process("decode", "-", stdin=b"").returncode == 1
    assert process("encode", "-", "-", "-m", "fake").returncode == 2
    assert process("encode", "-", "-m", "fake", "--json", stdin=face.read_bytes()).returncode == 2
    # One picture's bytes and the other's line of text would meet on standard output.
    assert process("encode", "-", face, "-m", "fake", "--force", stdin=face.read_bytes()).returncode == 2
    if Path("/dev/stdout").exists():
        named = process("encode", face, "-m", "fake", "-o", "/dev/stdout")
        assert named.stdout == scc.read_bytes() and named.returncode == 0


def test_closed_standard_streams(shell: Shell, face: Path, scc: Path) -> None:
    def closed(redirection: str, *args: str) -> subprocess.CompletedProcess[bytes]:
        command = f'exec "$@" {redirection}'
        return subprocess.run(
            ["sh", "-c", command, "sh", sys.executable, str(RUN), *args], capture_output=True, timeout=60
        )

    done = closed(">&-", "decode", "face.scc")
    assert done.returncode == 0 and done.stderr == b"" and Path("face.decoded.png").is_file()
    done = closed("<&-", "decode", "-", "-o", "x.png")
    assert done.returncode == 1 and b"the file is empty" in done.stderr and done.stderr.count(b"\n") == 1
    assert closed("2>&-", "decode", "missing.scc").returncode == 1


def test_binary_data_stays_off_terminals(shell: Shell, scc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "terminal" in shell.misused("decode", scc, "-o", "-")


# --- never lose a file


def test_an_existing_output_needs_force(shell: Shell, face: Path, scc: Path) -> None:
    scc.write_bytes(b"precious")
    assert "--force" in shell.fails("encode", face, "-m", "fake")
    assert scc.read_bytes() == b"precious"
    assert shell("encode", face, "-m", "fake", "--force")[0] == 0
    assert scc.read_bytes() != b"precious" and names() == ["face.png", "face.scc"]


def test_an_output_that_is_an_input_is_refused(shell: Shell, face: Path, scc: Path) -> None:
    before = face.read_bytes(), scc.read_bytes()
    os.link(face, "hard.png")
    Path("soft.png").symlink_to(face)
    for target in ("face.png", "./face.png", "hard.png", "soft.png"):
        assert "input" in shell.fails("encode", face, "-m", "fake", "-o", target, "--force")
    assert "input" in shell.fails("decode", scc, "-o", "face.scc", "--force")
    assert "input" in shell.fails("encode", face, "-m", "fake", "-o", "x/../face.png", "--force")
    assert (face.read_bytes(), scc.read_bytes()) == before


def test_two_inputs_for_one_output(shell: Shell, face: Path, picture: Picture) -> None:
    image.save(Path("face.bmp"), picture, ".bmp")
    assert "several" in shell.fails("encode", face, "face.bmp", "-m", "fake")
    assert "several" in shell.fails("encode", face, "face.png", "-m", "fake")
    assert not Path("face.scc").exists()


def test_nothing_is_left_when_writing_fails(
    shell: Shell, face: Path, scc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    assert "face.scc: face.decoded.png: No space left" in shell.fails("decode", scc, "--force")
    assert names() == ["face.png", "face.scc"]


def test_errors_of_the_output_name_the_output(shell: Shell, scc: Path) -> None:
    assert f"face.scc: {Path('absent/x.png')}: No such file" in shell.fails("decode", scc, "-o", "absent/x.png")
    assert shell.fails("decode", "absent.scc") == "sccodec: error: absent.scc: No such file or directory\n"
    assert shell.fails("info", "./absent.scc") == "sccodec: error: ./absent.scc: No such file or directory\n"


def test_the_longest_names_can_be_written(shell: Shell, face: Path) -> None:
    name = "\N{GRINNING FACE}" * 62  # 248 bytes of the 255 that a name may have
    face.rename(f"{name}.png")
    assert shell("encode", f"{name}.png", "-m", "fake")[0] == 0
    assert names() == [f"{name}.png", f"{name}.scc"]


def test_links_and_devices_survive(shell: Shell, face: Path, scc: Path) -> None:
    Path("link.png").symlink_to("target.png")
    assert shell("decode", scc, "-o", "link.png", "--force")[0] == 0
    assert Path("link.png").is_symlink() and Path("target.png").is_file()
    assert shell("decode", scc, "-o", os.devnull)[0] == 0
    assert not Path(os.devnull).is_file()


# --- info, verify, labels, codecs


def test_info(shell: Shell, scc: Path) -> None:
    code, out, _ = shell("info", scc, "--json")
    found = json.loads(out)
    assert code == 0
    fields = "codec variant tag width height file_bytes bpp overhead_bytes sections"
    assert set(fields.split()) <= set(found)
    assert found["file_bytes"] == scc.stat().st_size and found["sections"][0]["name"] == "samples"
    code, out, _ = shell("info", scc)
    assert code == 0 and "fake:plain" in out and "32x24" in out
    code, out, err = shell("info", scc, "missing.scc", scc, "--json")
    found = json.loads(out)
    assert code == 1 and len(found) == 3 and "error" in found[1] and err.count("\n") == 1


def test_encode_json(shell: Shell, face: Path, picture: Picture) -> None:
    found = json.loads(shell("encode", face, "-m", "fake", "--json")[1])
    assert found["file_bytes"] == Path("face.scc").stat().st_size and found["width"] == 32
    image.save(Path("b.png"), picture)
    found = json.loads(shell("encode", face, "b.png", "-m", "fake", "--json", "-o", "all")[1])
    assert [f["output"] for f in found] == [str(Path("all/face.scc")), str(Path("all/b.scc"))]


def test_json_of_what_failed(shell: Shell, face: Path, scc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One object for one file; the line on standard error and the exit code stay."""
    Path("bad.scc").write_bytes(scc.read_bytes()[:-1])
    Path("bad.png").write_bytes(b"no picture")
    for args in (
        ["info", "bad.scc"],
        ["verify", "bad.scc"],
        ["encode", "bad.png", "-m", "fake"],
        ["encode", face, "-m", "fake"],  # face.scc exists
        ["encode", face, "-m", "jpeg9000"],
        ["encode", face, "-m", "fake", "-o", "absent/x.scc"],
        ["encode", face, "-m", "fake", "-f", "--target-bytes", "10"],
    ):
        code, out, err = shell(*args, "--json")
        found = json.loads(out)
        assert code == 1 and set(found) == {"file", "error"} and found["file"] == str(args[1])
        assert err.count("\n") == 1 and err.startswith("sccodec: error: ") and found["error"] in err
    code, out, err = shell("encode", face, "bad.png", "-m", "jpeg9000", "-o", "all", "--json")
    assert code == 1 and [one["file"] for one in json.loads(out)] == ["face.png", "bad.png"] and err.count("\n") == 1
    monkeypatch.setenv("SCCODEC_MODELS", "absent")
    code, out, err = shell("codecs", "--json")
    assert code == 1 and "absent" in json.loads(out)["error"] and err.count("\n") == 1


def test_verify_json(shell: Shell, scc: Path) -> None:
    code, out, err = shell("verify", scc, "--json")
    assert code == 0 and json.loads(out) == {"file": "face.scc", "width": 32, "height": 24} and err == ""
    code, out, err = shell("verify", scc, "missing.scc", scc, "--json")
    found = json.loads(out)
    assert code == 1 and [set(one) for one in found] == [set(found[0]), {"file", "error"}, set(found[0])]


def test_encode_to_a_target(shell: Shell, face: Path, picture: Picture) -> None:
    most = len(sccodec.encode(picture, "fake", 60))
    bpp = 8 * most / picture[..., 0].size
    lines = []
    for option in (("--target-bytes", str(most)), ("--target-bpp", repr(bpp))):
        code, out, err = shell("encode", face, "-m", "fake", "--force", *option)
        assert code == 0 and err == ""
        lines.append(out)
        found = json.loads(shell("encode", face, "-m", "fake", "--force", "--json", *option)[1])
        assert found["file_bytes"] == Path("face.scc").stat().st_size <= most
        assert f", quality {found['quality']:g}\n" in out
        again = sccodec.encode(picture, "fake", found["quality"])
        assert again == Path("face.scc").read_bytes()
    assert lines[0] == lines[1]
    before = Path("face.scc").read_bytes()
    assert "smallest file" in shell.fails("encode", face, "-m", "fake", "--force", "--target-bytes", "10")
    assert "smallest" in shell.fails("encode", face, "-m", "fake", "--force", "--target-bpp", "0.01")
    assert "bits per pixel" in shell.fails("encode", face, "-m", "fake", "--force", "--target-bpp", "nan")
    shell.fails("encode", face, "-m", "fake:q=3", "--force", "--target-bytes", "1000")
    assert Path("face.scc").read_bytes() == before


def test_the_quality_of_encode_json(shell: Shell, face: Path) -> None:
    for args, quality in ((["-m", "fake"], None), (["-m", "fake", "-q", "30"], 30), (["-m", "fake:q=40"], 40)):
        assert json.loads(shell("encode", face, "--force", "--json", *args)[1])["quality"] == quality


@pytest.mark.parametrize("wrong", [
    ["-q", "30", "--target-bytes", "100"],
    ["-q", "30", "--target-bpp", "1"],
    ["--target-bytes", "100", "--target-bpp", "1"],
    ["--target-bytes", "0"],
    ["--target-bpp", "0"],
    ["--max-pixels", "0"],
    ["--device", "gpu"],
    ["--checkpoint", "absent.pth"],
])  # fmt: skip
def test_options_that_do_not_go(shell: Shell, face: Path, wrong: list[str]) -> None:
    shell.misused("encode", face, "-m", "fake", *wrong)
    assert not Path("face.scc").exists()


def test_a_limit_on_pixels(shell: Shell, face: Path, scc: Path) -> None:
    few, enough = ("--max-pixels", "767"), ("--max-pixels", "768")
    for command in ("info", "verify", "labels", "decode"):
        assert "limit is 767" in shell.fails(command, scc, *few)
        assert shell(command, scc, *enough)[0] == 0
    assert "limit is 767" in shell.fails("encode", face, "-m", "fake", "-o", "b.scc", *few)
    assert shell("encode", face, "-m", "fake", "-o", "b.scc", *enough)[0] == 0


def test_a_device_that_is_of_no_use_is_noted(shell: Shell, face: Path, scc: Path) -> None:
    for args in (["encode", face, "-m", "fake", "--force"], ["decode", scc], ["verify", scc]):
        code, _, err = shell(*args, "--device", "cuda")
        assert code == 0 and err.count("\n") == 1 and "note: " in err and "CPU only" in err
        assert shell(*args, "--device", "auto", *(["-f"] if args[0] == "decode" else []))[2] == ""


def test_a_device_that_is_missing_is_one_line(
    shell: Shell, face: Path, scc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sccodec.codecs import fake

    monkeypatch.setattr(fake.Fake, "gpu", True, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for args in (["encode", face, "-m", "fake", "--force"], ["decode", scc], ["verify", scc]):
        assert "needs torch" in shell.fails(*args, "--device", "cuda")
        assert shell(*args, "--device", "auto")[0] == 0


def test_verify(shell: Shell, scc: Path) -> None:
    before = names()
    code, out, _ = shell("verify", scc)
    assert code == 0 and "ok" in out and names() == before
    scc.write_bytes(scc.read_bytes()[:-1])
    shell.fails("verify", scc)


def test_labels(shell: Shell, scc: Path) -> None:
    assert shell("labels", scc)[0] == 0
    with Image.open("face.labels.png") as stored:
        assert stored.mode == "P" and stored.size == (8, 6)
    assert "png" in shell.fails("labels", scc, "-o", "face.jpg")
    Path("face.jpg").write_bytes(b"precious")
    assert "png" in shell.fails("labels", scc, "-o", "face.jpg", "--force")
    assert shell("labels", scc, "-o", os.devnull)[0] == 0


# --- what is wrong with files


def test_prefixes_and_changes(shell: Shell, scc: Path, tmp_path: Path) -> None:
    """Of the header's all, of others some: tests/test_container.py has them all."""
    data = scc.read_bytes()
    bad = Path("bad.scc")
    places = [*range(14), *range(14, len(data), 19), len(data) - 1]
    changes = [data[:n] for n in places]
    changes += [data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :] for i in places]
    for change in changes:
        bad.write_bytes(change)
        assert "bad.scc: " in shell.fails("decode", bad)
    assert names() == ["bad.scc", "face.png", "face.scc"]


@pytest.mark.parametrize("command", ["decode", "info", "verify", "labels"])
def test_bad_files(shell: Shell, scc: Path, command: str) -> None:
    data = scc.read_bytes()
    parsed = container.parse(data)
    cases = {
        "empty": b"",
        "not a .scc": b"PK\x03\x04" + data,
        "version 2": bytes([data[0], 0x20]) + data[2:],
        b"gone".hex(): container.serialise(replace(parsed, tag=b"gone")),
        "2147483648x2147483648": container.serialise(replace(parsed, width=2**31, height=2**31)),
        "cut short": data[:-1],
        "damaged": data[:-1] + bytes([data[-1] ^ 1]),
    }
    for expected, content in cases.items():
        Path("bad.scc").write_bytes(content)
        assert expected in shell.fails(command, "bad.scc")
    assert "No such file" in shell.fails(command, "missing.scc")
    assert "directory" in shell.fails(command, ".")
    assert names() == ["bad.scc", "face.png", "face.scc"]


def test_bad_pictures(shell: Shell, face: Path, scc: Path) -> None:
    Path("half.jpg").write_bytes(image.to_bytes(np.zeros((200, 200, 3), np.uint8), ".jpg")[:400])
    Path("text.png").write_text("hello")
    for name in ("half.jpg", "text.png", "missing.png", "."):
        assert name in shell.fails("encode", name, "-m", "fake", "-o", "out.scc")
    assert not Path("out.scc").exists()


def test_files_of_ours_are_pictures_too(shell: Shell, face: Path, scc: Path) -> None:
    code, _, err = shell("encode", "face.scc", "-m", "fake", "-o", "out.scc")
    assert code == 0 and "decoded first" in err
    assert np.array_equal(sccodec.decode(Path("out.scc").read_bytes()), sccodec.decode(scc.read_bytes()))


def test_notices_are_single_lines(shell: Shell) -> None:
    Image.new("RGBA", (3, 3)).save("clear.png")
    code, _, err = shell("encode", "clear.png", "-m", "fake")
    assert code == 0 and err == "sccodec: note: clear.png: transparency is flattened onto white\n"
    Image.new("RGB", (3, 3)).save("black.png")
    assert shell("encode", "black.png", "-m", "fake")[2].count("\n") == 1


def test_long_and_strange_names_stay_on_one_line(shell: Shell) -> None:
    name = "a\nb\x1b[31m" + "long " * 30
    err = shell.fails("decode", name)
    assert "\x1b" not in err and "long long" in err
    assert one_line("a\n b\t\x07") == "a b \\x07"


def test_wrong_usage(shell: Shell, face: Path) -> None:
    assert "fake" in shell.fails("encode", face, "-m", "jpeg9000")
    shell.fails("encode", face, "-m", "fake:,")
    shell.misused("encode", face, "-m", "fake", "-q", "101")
    shell.misused("encode")
    shell.misused("decode", "--nonsense")
    shell.misused("unknown")


# --- what happens to the process


def test_an_unexpected_error_is_one_line(shell: Shell, scc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {"KeyError": KeyError("oops"), "memory": MemoryError(), "deep": RecursionError("deep")}
    for expected, error in errors.items():

        def fail(data: bytes, error: Exception = error, **others: object) -> Picture:
            raise error

        monkeypatch.setattr("sccodec.api.decode", fail)
        assert expected in shell.fails("decode", scc)
        code, out, err = shell("verify", scc, "absent.scc", "--json")
        assert code == 1 and err.count("\n") == 2 and expected in json.loads(out)[0]["error"]
    monkeypatch.setenv("SCCODEC_DEBUG", "1")
    with pytest.raises(RecursionError, match="deep"):
        main(["verify", str(scc)])


def test_an_interrupt_is_one_line(shell: Shell, scc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(data: bytes, **others: object) -> Picture:
        raise KeyboardInterrupt

    monkeypatch.setattr("sccodec.api.decode", interrupt)
    code, out, err = shell("decode", scc)
    assert code == 130 and out == "" and err == "sccodec: error: interrupted\n"


def test_an_interrupted_import_is_one_line(shell: Shell, scc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled module turns Control-C during its import into an ImportError."""

    def interrupt(data: bytes, **others: object) -> Picture:
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr("sccodec.api.decode", interrupt)
    code, out, err = shell("decode", scc)
    assert code == 130 and out == "" and err == "sccodec: error: interrupted\n"


def test_an_interrupt_before_the_start_is_one_line() -> None:
    """Control-C while click is being imported: main() of the command line is not there yet."""
    program = (
        "import runpy, sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'click': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop()); sys.argv[1:] = ['--help']\n"
        "runpy.run_module('sccodec', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "sccodec: error: interrupted\n")


def test_a_real_interrupt(shell: Shell) -> None:
    running = subprocess.Popen(
        [sys.executable, str(RUN), "decode", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # A shell that runs the tests in the background has them ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert running.stdin is not None
    time.sleep(3)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 130 and err.decode() == "sccodec: error: interrupted\n"


def test_a_reader_that_goes_away(shell: Shell, scc: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, str(RUN), "decode", str(scc), "-o", "-"],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(writing)
    assert done.returncode == 1 and done.stderr == b""


def test_a_batch_on_a_terminal_shows_a_bar(shell: Shell, face: Path, picture: Picture) -> None:
    pty = pytest.importorskip("pty")
    image.save(Path("b.png"), picture)
    Path("bad.png").write_bytes(b"")
    ours, theirs = pty.openpty()
    args = [
        sys.executable,
        str(RUN),
        "encode",
        "face.png",
        "b.png",
        "bad.png",
        "-m",
        "fake",
        "-o",
        "out" * 40,
    ]
    narrow = os.environ | {"COLUMNS": "40", "TERM": "xterm"}
    running = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=theirs, env=narrow)
    out, _ = running.communicate(timeout=60)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert running.returncode == 1 and out.count(b"\n") == 2
    assert "100%" in shown
    assert "sccodec: error: bad.png: the file is empty" in shown
