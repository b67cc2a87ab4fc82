"""A training that was stopped goes on as if it had not been: signals, budgets, random draws, checkpoints."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sccodec.errors import BadInput, SccodecError, Stopped  # noqa: E402
from sccodec.training import checkpoint as checkpoints  # noqa: E402
from sccodec.training import loop, state  # noqa: E402
from tests.tiny_training import Noisy  # noqa: E402

ROOT = Path(__file__).parents[1]
LEARNED = ("modules", "average", "optimisers", "steps", "draws")


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def quiet(text: str) -> None:
    pass


@pytest.fixture(autouse=True)
def signals_count() -> Iterator[None]:
    """As in a shell, also where whoever runs the tests has them ignored: in the background, or under nohup."""
    former = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


def same(one: Any, other: Any) -> bool:
    """Whether two states hold the same tensors, bit by bit, and the same numbers."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def learned(path: Path) -> dict[str, Any]:
    whole = state.read_checkpoint(path)
    return {name: whole[name] for name in LEARNED}


def options(folder: Path, **others: Any) -> loop.Options:
    return loop.Options(folder, folder / "run", **others)


def test_two_halves_are_one_whole(tmp_path: Path) -> None:
    """Two runs with no schedule, each of which ends."""

    class Unscheduled(Noisy):
        of_progress = 0.0

    whole = loop.train(Unscheduled, options(tmp_path / "a", steps=24, cooldown=0), quiet)
    for resume in (False, True):
        halves = loop.train(Unscheduled, options(tmp_path / "b", steps=12, cooldown=0, resume=resume), quiet)
    assert same(learned(whole), learned(halves)) and learned(whole)["steps"] == 24


def test_a_stopped_run_goes_on_with_its_schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in its cooldown, and once before: rates, progress and all draws are those of one go."""
    made: list[Noisy] = []

    def build(o: loop.Options) -> Noisy:
        made.append(Noisy(o))
        return made[-1]

    whole = loop.train(build, options(tmp_path / "a", steps=20), quiet)
    rates = made.pop().rates
    assert rates[-1] < 0.2 * max(rates)
    for at, resume in ((5, False), (16, True)):
        monkeypatch.setenv("SEND", f"{at}:{signal.SIGTERM}")
        with pytest.raises(Stopped, match=f"after step {at + 1}"):
            loop.train(build, options(tmp_path / "b", steps=20, resume=resume), quiet)
    monkeypatch.delenv("SEND")
    heard: list[str] = []
    halves = loop.train(build, options(tmp_path / "b", steps=20, resume=True), heard.append)
    assert same(learned(whole), learned(halves))
    assert [rate for task in made for rate in task.rates] == rates
    assert heard[0] == "resumed at step 17, 17 of them in this run"


def test_another_budget_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEND", f"5:{signal.SIGTERM}")
    with pytest.raises(Stopped):
        loop.train(Noisy, options(tmp_path, steps=20), quiet)
    monkeypatch.delenv("SEND")
    path = loop.train(Noisy, options(tmp_path, steps=21, resume=True), quiet)
    assert learned(path)["steps"] == 6 + 21
    assert learned(loop.train(Noisy, options(tmp_path, steps=21, resume=True), quiet))["steps"] == 6 + 42


def test_looking_at_it_changes_nothing(tmp_path: Path) -> None:
    """A checkpoint and a validation after every step, whose own draws are random."""
    seldom = loop.train(Noisy, options(tmp_path / "a", steps=6), quiet)
    often = loop.train(Noisy, options(tmp_path / "b", steps=6, validate_minutes=0.0), quiet)
    assert same(learned(seldom), learned(often))
    assert len(list((tmp_path / "b" / "run").glob("sample-*.png"))) == 7


def test_whichever_budget_ends_first_ends_the_run(tmp_path: Path) -> None:
    assert learned(loop.train(Noisy, options(tmp_path / "a", steps=3, minutes=60), quiet))["steps"] == 3
    begun = loop.Clock(10, budget=100)
    begun.steps, begun.run_seconds = 30, 240.0
    assert begun.progress() == pytest.approx(0.4, abs=0.01)
    begun.steps = 60
    assert begun.progress() == 0.6
    assert 0 < learned(loop.train(Noisy, options(tmp_path / "b", steps=10**9, minutes=0.005), quiet))["steps"] < 10**9
    for wrong in ({}, {"steps": 0}, {"minutes": float("nan")}, {"minutes": float("inf")}, {"minutes": -1.0}):
        with pytest.raises(BadInput):
            options(tmp_path, **wrong)


def test_checkpoints_of_earlier_versions_and_other_seeds_resume(tmp_path: Path) -> None:
    path = loop.train(Noisy, options(tmp_path, steps=5), quiet)
    old = state.read_checkpoint(path)
    for name in ("recipe", "seed", "run", "draws"):
        del old[name]
    torch.save(old, path)
    heard: list[str] = []
    loop.train(Noisy, options(tmp_path, steps=5, resume=True), heard.append)
    assert "earlier version" in heard[0] and heard[1] == "resumed at step 5"
    assert learned(path)["steps"] == 10
    loop.train(Noisy, options(tmp_path, steps=5, resume=True, seed=1), heard.append)
    assert any("--seed 0" in line for line in heard)


def test_a_signal_ends_a_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEND", f"validation:{signal.SIGTERM}")
    with pytest.raises(Stopped) as caught:
        loop.train(Noisy, options(tmp_path, steps=30, validate_minutes=0.0), quiet)
    assert caught.value.number == signal.SIGTERM
    assert learned(tmp_path / "run" / "checkpoint.pt")["steps"] == 1


def test_a_signal_before_the_first_step_writes_nothing(tmp_path: Path) -> None:
    class Long(Noisy):
        def __init__(self, options: loop.Options) -> None:
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except BaseException as error:
                raise ImportError("as compiled modules do") from error

    former = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match="before the first step"):
        loop.train(Long, options(tmp_path, steps=1), quiet)
    assert signal.getsignal(signal.SIGINT) is former and not list((tmp_path / "run").iterdir())


def command(*arguments: str | Path, send: str = "", most_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run `sccodec` with the recipe of tiny_training."""

    def prepare() -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.run(
        [sys.executable, "-m", "tests.tiny_training", *map(str, arguments)],
        cwd=ROOT, env=os.environ | {"SEND": send}, capture_output=True, text=True, timeout=120, preexec_fn=prepare,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_end_in_a_line_and_a_checkpoint(tmp_path: Path, number: int, code: int) -> None:
    done = command("train", "noisy", "--data", tmp_path, "--out", tmp_path / "run", send=f"3:{int(number)}")
    assert done.returncode == code and done.stdout == ""
    assert done.stderr.splitlines() == [
        f"sccodec: error: interrupted after step 4: {tmp_path / 'run' / 'checkpoint.pt'} holds all of it, "
        "and --resume goes on from there"
    ]
    assert learned(tmp_path / "run" / "checkpoint.pt")["steps"] == 4


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    done = command("train", "noisy", "--data", tmp_path, "--out", tmp_path / "run", send=f"3:{int(signal.SIGINT)}+2")
    assert (done.returncode, done.stderr) == (130, "sccodec: error: interrupted\n")
    assert not list((tmp_path / "run").iterdir())


def test_a_full_disk_leaves_the_checkpoint_that_was(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    run = ("train", "noisy", "--data", tmp_path, "--out", tmp_path / "run", "--steps", "3", "--resume")
    assert command(*run).returncode == 0
    path = tmp_path / "run" / "checkpoint.pt"
    before = path.read_bytes()
    done = command(*run, most_bytes=len(before) // 2)
    assert done.returncode == 1 and path.read_bytes() == before
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"sccodec: error: {path} cannot be written") and "File too large" in last
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_checkpoint_that_cannot_be_written_now_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, state: object) -> None:
        calls.append(path)
        if len(calls) <= 3:
            raise SccodecError("no space left")

    calls: list[Path] = []
    heard: list[str] = []
    monkeypatch.setattr(checkpoints, "write_whole", full)
    loop.train(Noisy, options(tmp_path, steps=3, validate_minutes=0.0), heard.append)
    assert sum("training goes on" in line for line in heard) == 3 and len(calls) == 4


TWO = """
import sys
from pathlib import Path
import os
import torch.distributed as dist
from sccodec.errors import Stopped
from sccodec.training import loop
from tests.tiny_training import Noisy
out = Path(sys.argv[1])
def train(name, **others):
    return loop.train(Noisy, loop.Options(out, out / name, steps=12, **others), print)
dist.init_process_group("gloo")
train("whole")
os.environ["SEND"] = "4:15"
try:
    train("halves")
except Stopped as stopped:
    Path(out / f"{os.environ['RANK']}.txt").write_text(f"{stopped.number} {stopped}")
del os.environ["SEND"]
train("halves", resume=True)
dist.barrier()
os._exit(0)  # gloo's threads may abort a process that ends while they do
"""


def test_two_processes_stop_together_and_go_on(tmp_path: Path) -> None:
    """The second is told to stop; both go on as if nothing had been, each with its own draws."""
    script = tmp_path / "run.py"
    script.write_text(TWO)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "RANK_SENDS": "1"}
    shared |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([sys.executable, script, tmp_path], env=os.environ | shared | {"RANK": str(rank)})
        for rank in (0, 1)
    ]
    try:
        assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    finally:
        for rank in ranks:
            rank.kill()
    first, second = ((tmp_path / f"{rank}.txt").read_text() for rank in (0, 1))
    assert first.startswith("15 interrupted after step 5") and second == "15 "
    whole, halves = (learned(tmp_path / name / "checkpoint.pt") for name in ("whole", "halves"))
    assert same(whole, halves) and len(whole["draws"]) == 2
    assert not torch.equal(*(part["task"]["walk"] for part in whole["draws"]))


def test_another_recipes_checkpoint_is_refused(tmp_path: Path) -> None:
    class Other(Noisy):
        def __init__(self, options: loop.Options) -> None:
            super().__init__(options)
            self.modules["more"] = torch.nn.Linear(1, 1)

    class Wide(Noisy):
        def __init__(self, options: loop.Options) -> None:
            super().__init__(options)
            self.modules["judge"] = torch.nn.Linear(2, 2)

    made = options(tmp_path, steps=1, recipe="noisy")
    path = loop.train(Noisy, made, quiet)
    before = path.read_bytes()
    again = replace(made, resume=True)
    with pytest.raises(BadInput, match="of the recipe noisy, not quiet"):
        loop.train(Noisy, replace(again, recipe="quiet"), quiet)
    for task in (Other, Wide):
        with pytest.raises(BadInput, match=r"another recipe's.*--out"):
            loop.train(task, again, quiet)
    assert path.read_bytes() == before
    whole = state.read_checkpoint(path)
    broken = {"draws": [whole["draws"][0] | {"numpy": "{}"}]}
    for wrong in ({"optimisers": {}}, {"steps": "many"}, {"modules": [1]}, {"run": 7}, {"draws": [{}]}, broken):
        torch.save(whole | wrong, path)
        with pytest.raises(BadInput):
            loop.train(Noisy, again, quiet)


def test_networks_and_batches_that_a_recipe_needs(tmp_path: Path) -> None:
    class Needy(Noisy):
        needed, least_batch = ("judge",), 2

    with pytest.raises(BadInput, match=r"judge with --init"):
        loop.train(Needy, options(tmp_path, steps=1), quiet)
    with pytest.raises(BadInput, match=r"at least, not --batch 1"):
        loop.train(Needy, options(tmp_path, steps=1, batch=1), quiet)


def test_a_folder_that_takes_no_checkpoint_is_said_before_the_data_are_read(tmp_path: Path) -> None:
    def build(options: loop.Options) -> Noisy:
        raise AssertionError("the data were read")

    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"nothing can be written to .*file.*--out"):
        loop.train(build, loop.Options(tmp_path, tmp_path / "file" / "run", steps=1), quiet)


def test_seeds_are_kept_for_as_many_maps_only() -> None:
    kept = {"seeds": torch.arange(3)}
    assert np.array_equal(checkpoints.kept_seeds(kept, "seeds", 3), [0, 1, 2])
    assert checkpoints.kept_seeds(kept, "seeds", 4) is None and checkpoints.kept_seeds({}, "seeds", 3) is None
