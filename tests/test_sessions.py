"""ONNX Runtime as sccodec uses it: nothing is sent or written for its maker, and forked processes go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sccodec

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "tests" / "pictures" / "astronaut.png"

# `sccodec` stands in this process too, so that its workers find it however they start.
WORKERS = """
import multiprocessing, sys
import numpy as np
import sccodec

def work(data):
    return sccodec.decode(data)

if __name__ == "__main__":
    data = open(sys.argv[2], "rb").read()
    here = sccodec.decode(data)
    context = multiprocessing.get_context(sys.argv[1])
    workers = context.Pool(2)
    there = workers.map(work, [data] * 4)
    workers.close()
    workers.join()
    assert all(np.array_equal(here, one) for one in there)
    assert np.array_equal(here, sccodec.decode(data))
    print("all agree")
"""
FORKED = """
import os, sys
import sccodec

data = open(sys.argv[1], "rb").read()
reading = sccodec.api.read(data)
picture = sccodec.decode(data)
child = os.fork()
if child == 0:
    if sys.argv[2] == "decodes":
        assert (sccodec.decode(data) == picture).all()
        assert (reading.picture() == picture).all()
    grandchild = os.fork()
    if grandchild:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
    sys.exit(0)  # which frees what it has, the sessions too
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def environment(home: Path, **others: str) -> dict[str, str]:
    """Of a process with another home, in which nothing tells ONNX Runtime to be silent."""
    kept = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
    return {k: os.environ[k] for k in kept if k in os.environ} | {"HOME": str(home), "PYTHONPATH": str(ROOT)} | others


@pytest.fixture
def scc(tmp_path: Path) -> Path:
    """A file whose decoding runs networks."""
    with Image.open(PICTURE) as opened:
        picture = np.asarray(opened.convert("RGB").resize((96, 64)))
    path = tmp_path / "small.scc"
    path.write_bytes(sccodec.encode(picture, "hyperprior", 30))
    return path


@pytest.mark.parametrize("home", ["empty", "missing", "a file"])
def test_nothing_is_written_for_the_maker_of_onnx_runtime(tmp_path: Path, home: str) -> None:
    place = tmp_path / "home"
    if home == "empty":
        place.mkdir()
    elif home == "a file":
        place.write_text("mine")
    there, back, again = str(tmp_path / "a.scc"), str(tmp_path / "a.png"), str(PICTURE)
    # "0" is how somebody may have asked for it elsewhere.
    for others in ({}, {"ORT_DISABLE_TELEMETRY": "0"}, {"XDG_CACHE_HOME": str(place)}):
        for args in (
            ["encode", again, "-m", "hyperprior", "-q", "0", "-f", "-o", there],
            ["decode", there, "-f", "-o", back],
        ):
            done = subprocess.run(
                [sys.executable, "-m", "sccodec", *args],
                cwd=tmp_path,
                env=environment(place, **others),
                capture_output=True,
                timeout=120,
            )
            assert done.returncode == 0 and done.stderr == b"", done.stderr
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*"))
    assert found == ["a.png", "a.scc"] + ([] if home == "missing" else ["home"])
    assert home != "a file" or place.read_text() == "mine"


def test_onnx_runtime_is_imported_in_one_place() -> None:
    importing = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "sccodec").rglob("*.py")
        if "import onnxruntime" in path.read_text(encoding="utf-8")
    ]
    assert importing == [str(Path("sccodec/sessions.py"))]


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_workers_decode_what_their_parent_decoded(scc: Path, tmp_path: Path, start: str) -> None:
    program = tmp_path / "workers.py"
    program.write_text(WORKERS)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(program), start, str(scc)],
        env=environment(tmp_path, SCCODEC_THREADS="4"),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stdout) == (0, "all agree\n"), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("what", ["decodes", "ends"])
def test_a_forked_process_comes_to_its_end(scc: Path, tmp_path: Path, what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import sccodec.api\n" + FORKED, str(scc), what],
        env=environment(tmp_path, SCCODEC_THREADS="4"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


LOCKED = """
import os, sys, threading, time
from PIL import Image
from sccodec.image import pillow

inside = threading.Event()

def hold():
    with pillow.without_limit():
        inside.set()
        time.sleep(1)

threading.Thread(target=hold).start()
inside.wait()
child = os.fork()
if child == 0:
    limited = Image.MAX_IMAGE_PIXELS is not None
    with pillow.without_limit():
        os._exit(0 if limited else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_no_lock_of_another_thread(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", LOCKED]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
