"""`sccodec bench` as a command with its processes: what it leaves in the file, whatever happens to it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import sccodec
from sccodec.bench import rows
from sccodec.cli import main

pytestmark = pytest.mark.skipif(os.name == "nt", reason="scripts and signals of POSIX")
CHEAP = ("--repeat", "1", "--metric", "psnr")


@pytest.fixture
def folder(tmp_path: Path, picture: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with three tiny pictures in `set`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCCODEC_THREADS", "1")
    (tmp_path / "set").mkdir()
    for i in range(3):
        Image.fromarray(picture[: 20 + i]).save(tmp_path / "set" / f"{i}.png")
    return tmp_path


def bench(capfd: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--dataset", "set", "-o", "rows.jsonl", *args])
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, out, err


def held() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_run_a_rerun_and_a_wider_run(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = bench(capfd, "-m", "jpeg:q=10,90", "-m", "png", "--jobs", "2", *CHEAP)
    assert code == 0 and err == ""
    lines = out.splitlines()
    assert lines[0] == "set: means over 3 pictures"
    assert [line.split()[:2] for line in lines[3:6]] == [["jpeg", "q=10"], ["jpeg", "q=90"], ["png", "-"]]
    assert len({len(line) for line in lines[2:6]}) == 1 and max(map(len, lines)) <= 80  # aligned
    first = held()
    assert {(row["spec"], row["picture"]) for row in first} == {
        (spec, f"{i}.png") for spec in ("jpeg:q=10", "jpeg:q=90", "png") for i in range(3)
    }
    keys = list(rows.Row("", "").as_dict())
    assert all(list(row) == keys and row["error"] is None and row["threads"] == 1 for row in first)
    assert all(row["encoder"].startswith("Pillow") and row["dataset"] == "set" for row in first)
    code, out, err = bench(capfd, "-m", "jpeg:q=10,90", "-m", "png", *CHEAP)
    assert code == 0 and "9 rows are in rows.jsonl already" in err and held() == first
    assert out.splitlines() == lines  # the table, though nothing was left to do
    code, out, err = bench(capfd, "-m", "jpeg:q=10,50", *CHEAP)
    assert code == 0 and [row["spec"] for row in held()[9:]] == ["jpeg:q=50"] * 3
    assert [line.split()[1] for line in out.splitlines()[3:5]] == ["q=10", "q=50"]  # what this run was asked for


def test_files_are_kept_and_found_again(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kept = folder / "kept"
    first = (folder / "set" / "0.png").read_bytes()
    for name in ("A.png", "a b.png", "a_b.png", "sub/a_b.png"):  # of one name on some systems, or once made safe
        path = folder / "set" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((20, 20, 3), len(list(path.parent.iterdir())) * 9, np.uint8)).save(path)
    (folder / "set" / "a.png").write_bytes(first + b"x")  # equal to no other file
    specs = ("-m", "jpeg:q=10,90", "-m", "jpeg:chroma=444,q=10", "-m", "png", *CHEAP)
    assert bench(capfd, *specs)[0] == 0 and len(held()) == 8 * 4
    code, _, err = bench(capfd, *specs, "--keep", "kept")  # rows are there, and their files are not
    assert code == 0, err
    rows_now = held()
    assert len(rows_now) == 2 * 8 * 4
    files = sorted(path for path in kept.rglob("*") if path.is_file())
    assert len(files) == 2 * 8 * 4 and len({str(path).lower() for path in files}) == len(files)
    assert all(re.fullmatch(r"[\w.,=+-]+", part) for path in files for part in path.relative_to(folder).parts)
    for row in rows_now[32:]:
        (place,) = kept.glob(f"set/*-{row['sha256'][:8]}")
        name = row["spec"].replace(":", ",")
        data = (place / f"{name}{'.png' if row['spec'] == 'png' else '.jpg'}").read_bytes()
        assert len(data) == row["file_bytes"]
        decoded = np.asarray(Image.open(place / f"{name}.decoded.png"))
        assert np.array_equal(decoded, sccodec.decode(data))
    assert bench(capfd, *specs, "--keep", "kept")[0] == 0 and len(held()) == 64  # all of it is there
    files[0].unlink()
    before = {path: path.stat().st_mtime_ns for path in files[1:]}
    assert bench(capfd, *specs, "--keep", "kept")[0] == 0 and len(held()) == 65 and files[0].exists()
    others = [path for path in before if path.parent != files[0].parent]
    assert all(path.stat().st_mtime_ns == before[path] for path in others)
    assert bench(capfd, *specs, "--keep", "rows.jsonl")[0] == 2  # a file is no folder


def test_what_cannot_be_kept_is_a_failed_row(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "kept").mkdir()
    (folder / "kept" / "set").write_text("in the way")
    code, _, err = bench(capfd, "-m", "png", *CHEAP, "--keep", "kept")
    assert code == 1 and "3 of 3 rows failed" in err and (folder / "kept" / "set").read_text() == "in the way"


def test_stale_rows_are_said_and_measured_again(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bench(capfd, "-m", "png", *CHEAP)
    lines = [row | {"encoder": "Pillow 1.0"} for row in held()]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, _, err = bench(capfd, "-m", "png", *CHEAP)
    assert code == 0 and len(held()) == 3 and "3 of them are of another encoder or package version; --redo stale" in err
    code, _, err = bench(capfd, "-m", "png", "--redo", "stale", *CHEAP)
    assert code == 0 and len(held()) == 6 and "another encoder" not in err
    code, _, err = bench(capfd, "-m", "png", *CHEAP)
    assert code == 0 and len(held()) == 6 and "another encoder" not in err


def test_sets_of_one_name_are_told_apart(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bench(capfd, "-m", "png", *CHEAP)
    (folder / "else").mkdir()
    (folder / "set").rename(folder / "else" / "set")
    for i in range(3):
        Image.fromarray(np.full((30, 30, 3), i, np.uint8)).save(folder / "else" / "set" / f"{i}.png")
    code, out, err = bench(capfd, "--dataset", "else/set", "-m", "png", *CHEAP)
    assert code == 0 and "3 rows there are of pictures that have changed since, or of another set named 'set'" in err
    assert out.startswith("set: means over 3 pictures\n")
    code, out, err = bench(capfd, "--dataset", "else/set", "--name", "other", "-m", "png", *CHEAP)
    assert code == 0 and "named" not in err and out.startswith("other: means over 3 pictures\n")


@pytest.mark.parametrize(
    "args",
    [("-m", "jpg"), ("-m", "jpeg:q=5", "-m", "jpeg:size=5"), ("-m", "jpeg", "--metric", "snr"), ("-m", "jpeg:q=9..3"),
     ("-m", "jpeg", "--dataset", "nowhere")],
)  # fmt: skip
def test_what_is_not_known_is_one_line_before_any_work(
    folder: Path, capfd: pytest.CaptureFixture[str], args: tuple[str, ...]
) -> None:
    code, out, err = bench(capfd, *args)
    assert code == 1 and out == "" and err.count("\n") == 1
    assert not Path("rows.jsonl").exists()


def test_failures_are_rows_and_are_tried_again(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "set" / "3.png").write_bytes(b"no picture")
    code, out, err = bench(capfd, "-m", "jpeg:q=10", "-m", "jpeg:program=./none", *CHEAP)
    assert code == 1 and "5 of 8 rows failed" in err and "set: means over 3 pictures (of 4)" in out
    failed = [row for row in held() if row["error"] is not None]
    assert {(row["spec"], row["picture"]) for row in failed} == {
        ("jpeg:q=10", "3.png"), *(("jpeg:program=./none", f"{i}.png") for i in range(4)),
    }  # fmt: skip
    (folder / "set" / "3.png").unlink()
    code, _, err = bench(capfd, "-m", "jpeg:q=10", *CHEAP)
    assert code == 0 and len(held()) == 8


def test_a_killed_process_costs_one_row(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    deadly = script(folder / "deadly", "kill -9 $PPID")
    code, _, err = bench(capfd, "-m", "jpeg:q=10", "-m", f"jpeg:program={deadly}", "-m", "jpeg:q=20", *CHEAP)
    assert code == 1 and "3 of 9 rows failed" in err
    assert {row["spec"] for row in held() if row["error"] is None} == {"jpeg:q=10", "jpeg:q=20"}
    killed = [row for row in held() if row["error"] is not None]
    assert len(killed) == 3 and all("SIGKILL" in row["error"] and row["sha256"] for row in killed)


def test_damaged_lines_are_named_and_kept(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bench(capfd, "-m", "png", *CHEAP)
    path = folder / "rows.jsonl"
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"nonsense\n" + third + second[:40])  # the last writer was killed
    code, _, err = bench(capfd, "-m", "png", *CHEAP)
    assert code == 0 and "line 2 is damaged" in err and "line 4 is damaged" in err and "2 rows are in" in err
    lines = path.read_bytes().splitlines(keepends=True)
    assert lines[:4] == [first, b"nonsense\n", third, second[:40] + b"\n"]
    assert len(lines) == 5 and json.loads(lines[4])["picture"] == json.loads(second)["picture"]


def test_control_c_keeps_what_is_finished(folder: Path) -> None:
    slow = script(folder / "slow", "sleep 60")
    command = [sys.executable, "-m", "sccodec", "bench", "--dataset", "set", "-o", "rows.jsonl", *CHEAP]
    command += ["-m", "jpeg:q=10", "-m", f"jpeg:program={slow}"]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what runs in its background with the signal ignored, and that would be passed on.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        path, until = folder / "rows.jsonl", time.monotonic() + 60
        while not (path.exists() and path.read_bytes().endswith(b"\n")) and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to all of them
        out, err = running.communicate(timeout=30)  # its processes have ended, too: they would hold the pipe open
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)  # the program that was run
    assert running.returncode == 130 and err.splitlines() == ["sccodec: error: interrupted"]
    (row,) = held()
    assert row["spec"] == "jpeg:q=10" and row["error"] is None
    assert out.startswith("set: means over 1 picture (of 3)\n") and "jpeg   q=10" in out
