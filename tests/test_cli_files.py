"""Where commands read and write: pipes and devices, names that stand for none, outputs that appear meanwhile."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import sccodec
from sccodec import image
from sccodec.cli import _files
from sccodec.errors import BadInput

Picture = npt.NDArray[np.uint8]
RUN = Path(__file__).parent / "fakes" / "run.py"
COMMAND = f"{sys.executable} {RUN}"

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")


@pytest.fixture
def folder(fake_codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: Picture) -> Path:
    """A working folder with face.png and face.scc, of `picture`."""
    monkeypatch.chdir(tmp_path)
    image.save(Path("face.png"), picture)
    Path("face.scc").write_bytes(sccodec.encode(picture, fake_codec))
    return tmp_path


def bash(script: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """Exit code, standard output and standard error of a script, in which $S is the command."""
    done = subprocess.run(["bash", "-c", f"S='{COMMAND}'\n{script}"], input=stdin, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr.decode()


def process(*args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(RUN), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.fixture
def pipe(folder: Path) -> Iterator[Callable[[bytes], str]]:
    """A function that gives the name of a pipe, which somebody writes the bytes to, once."""
    writers = []

    def make(data: bytes) -> str:
        name = f"pipe{len(writers)}"
        os.mkfifo(name)
        writers.append(threading.Thread(target=lambda: Path(name).write_bytes(data), daemon=True))
        writers[-1].start()
        return name

    yield make
    for writer in writers:
        writer.join(10)
        assert not writer.is_alive()


# --- what can be read once only


def test_a_picture_from_a_pipe(pipe: Callable[[bytes], str], picture: Picture) -> None:
    """Of a format that is recognised by a second look."""
    data = sccodec.encode(picture, "heic", 90)
    code, _, err = bash(f"$S encode {pipe(data)} -m fake")
    assert (code, err) == (0, "")
    assert np.array_equal(sccodec.decode(Path("pipe0.scc").read_bytes()), image.load(data, print))


def test_text_from_a_pipe_is_one_line(pipe: Callable[[bytes], str]) -> None:
    pipe(b"hello, world\n" * 1000)
    code, out, err = bash("$S encode pipe0 -m fake -o x.scc")
    assert code == 1 and out == b"" and err.startswith("sccodec: error: pipe0: ") and err.count("\n") == 1, err


def test_descriptors_have_no_name(folder: Path, picture: Picture) -> None:
    """What a shell puts in place of <(...) is written to standard output, as standard input is."""
    scc = Path("face.scc").read_bytes()
    assert bash("$S encode <(cat face.png) -m fake") == (0, scc, "")
    code, out, _ = bash("$S decode <(cat face.scc)")
    assert code == 0 and np.array_equal(image.load(out, print), picture)
    assert bash("$S encode <(cat face.png) -m fake -o x.scc")[::2] == (0, "") and Path("x.scc").read_bytes() == scc
    assert bash("exec 7<face.png; $S encode /dev/fd/7 -m fake -o all/")[::2] == (0, "")
    assert Path("all/fd7.scc").read_bytes() == scc
    code, out, err = bash("$S encode <(cat face.png) face.png -m fake")
    assert code == 2 and out == b"" and "folder" in err
    assert bash("$S info /dev/fd/9; $S encode /dev/fd/9 -m fake")[0] == 1


def test_a_socket_is_read(folder: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        name = f"/dev/fd/{theirs.fileno()}"
        running = subprocess.Popen(
            [sys.executable, str(RUN), "encode", name, "-m", "fake"],
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        ours.sendall(Path("face.png").read_bytes())
        ours.shutdown(socket.SHUT_WR)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (0, Path("face.scc").read_bytes(), b"")


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_standard_input_by_its_other_names(folder: Path, name: str) -> None:
    png, scc = Path("face.png").read_bytes(), Path("face.scc").read_bytes()
    before = sorted(Path().iterdir())
    for redirected in ("", "< face.png"):
        assert bash(f"$S encode {name} -m fake {redirected}", png) == (0, scc, "")
    assert bash(f"$S encode - {name} -m fake -o all", png)[0] == 2
    assert bash(f"$S info {name} {name}", scc)[0] == 2
    code, out, _ = bash(f"$S info {name}", scc)
    assert code == 0 and b"standard input" in out
    assert bash(f"$S verify {name}", scc)[:2] == (0, b"standard input: ok, 32x24\n")
    assert sorted(Path().iterdir()) == before


def test_pipes_and_devices_have_a_limit(pipe: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_files, "MAX_FILE_BYTES", 1000)
    with pytest.raises(BadInput, match="larger than 1000 bytes"):
        _files.read_picture(Path(pipe(bytes(1001))))
    assert _files.read_picture(Path(pipe(bytes(1000)))) == bytes(1000)
    if Path("/dev/zero").exists():
        with pytest.raises(BadInput, match="larger than 1000 bytes"):
            _files.read_picture(Path("/dev/zero"))
    assert _files.read_picture(Path("face.png")) == Path("face.png")


def test_input_that_comes_later_is_waited_for(folder: Path) -> None:
    """Whoever gave us its end of a pipe may have made it one that does not block."""
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    running = subprocess.Popen(
        [sys.executable, str(RUN), "encode", "-", "-m", "fake"],
        stdin=ours,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(ours)
    data = Path("face.png").read_bytes()
    for part in (data[:30], data[30:100], data[100:]):
        time.sleep(0.7)
        os.write(theirs, part)
    os.close(theirs)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (0, Path("face.scc").read_bytes(), b"")


def test_empty_names_are_wrong_usage(folder: Path) -> None:
    for args in ("encode '' -m fake", "encode face.png -m fake -o ''", "info ''", "verify face.scc ''"):
        code, out, err = bash(f"$S {args}")
        assert code == 2 and out == b"" and "empty" in err, err


# --- outputs that appear while the work is done


def test_an_output_that_appears_meanwhile_is_kept(folder: Path) -> None:
    for force in ([], ["--force"]):
        running = process("encode", "-", "-m", "fake", "-o", "new.scc", *force)
        assert running.stdin is not None
        time.sleep(2)
        Path("new.scc").write_bytes(b"precious")
        _, err = running.communicate(Path("face.png").read_bytes(), timeout=60)
        if force:
            assert running.returncode == 0 and Path("new.scc").read_bytes() == Path("face.scc").read_bytes()
        else:
            expected = b"sccodec: error: standard input: new.scc: exists; --force overwrites it\n"
            assert running.returncode == 1 and err == expected
            assert Path("new.scc").read_bytes() == b"precious"
            Path("new.scc").unlink()
    assert not [path for path in folder.iterdir() if path.suffix == ".tmp"]


def test_of_two_processes_one_writes(folder: Path, picture: Picture) -> None:
    other = image.to_bytes(255 - picture)
    running = [process("encode", "-", "-m", "fake", "-o", "new.scc") for _ in range(2)]
    time.sleep(2)  # both have found that nothing is there
    pictures = (Path("face.png").read_bytes(), other)
    for one, data in zip(running, pictures, strict=True):
        assert one.stdin is not None
        one.stdin.write(data)
        one.stdin.close()
    codes = [one.wait(60) for one in running]
    for one in running:
        assert one.stdout is not None and one.stderr is not None
        one.stdout.close()
        one.stderr.close()
    assert sorted(codes) == [0, 1]
    first = image.load(pictures[codes.index(0)], print)
    assert np.array_equal(sccodec.decode(Path("new.scc").read_bytes()), first)


@pytest.mark.parametrize("links", [True, False])
def test_writing_without_force(folder: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:  # noqa: FBT001
    def refuse(*args: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:  # as on FAT
        monkeypatch.setattr(os, "link", refuse)
    before = len(list(folder.iterdir()))
    _files.write(Path("a"), b"first", force=False)
    with pytest.raises(BadInput, match="a: exists; --force overwrites it"):
        _files.write(Path("a"), b"second", force=False)
    Path("b").symlink_to("nowhere")
    with pytest.raises(BadInput, match="b: exists"):
        _files.write(Path("b"), b"second", force=False)
    assert Path("a").read_bytes() == b"first" and not Path("nowhere").exists()
    _files.write(Path("a"), b"third", force=True)
    assert Path("a").read_bytes() == b"third" and len(list(folder.iterdir())) == before + 2
    with pytest.raises(FileNotFoundError, match="absent/a"):
        _files.write(Path("absent/a"), b"x", force=False)


def test_links_that_lead_to_one_another_stay(folder: Path) -> None:
    Path("a.png").symlink_to("b.png")
    Path("b.png").symlink_to("a.png")
    for force in ("", "--force"):
        code, out, err = bash(f"$S decode face.scc -o a.png {force}")
        assert code == 1 and out == b"" and err.count("\n") == 1 and "a.png" in err
    assert Path("a.png").is_symlink() and Path("b.png").is_symlink()


def test_a_working_folder_that_is_gone(folder: Path) -> None:
    gone = 'd=$(mktemp -d); cd "$d"; rmdir "$d";'
    code, out, err = bash(f"{gone} $S encode {folder}/face.png -m fake -o {folder}/x.scc")
    assert (code, err) == (0, "") and Path("x.scc").is_file() and out
    for args in ("encode face.png -m fake", "decode face.scc", "info face.scc", f"decode {folder}/face.scc -o x.png"):
        code, out, err = bash(f"{gone} $S {args}")
        assert code == 1 and out == b"" and err.count("\n") == 1 and "No such file" in err, err
