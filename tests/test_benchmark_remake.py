"""Results are recorded with their command and models, found stale when those change, and made anew."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the benchmarks are not beside the tests")
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a script of benchmarks/ by its dotted name."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


class Shelf:
    """Results `toy/a.json` with `toy/a.png`, and `toy/b.json`, made of it; `toy:one` is shipped as 00000001."""

    def __init__(self, folder: Path, manifest: ModuleType, remake: ModuleType) -> None:
        self.results, self.models = folder / "results", folder / "models"
        self.manifest, self.remake = manifest, remake
        (self.results / "toy").mkdir(parents=True)
        self.models.mkdir()
        for name in ("a.json", "a.png", "b.json"):
            (self.results / "toy" / name).write_text(name)
        self.ship("toy-one-00000001")
        first = manifest.Entry("toy.a", ["--kodak", "{kodak}"], {"toy": "00000001"}, {}, ["toy/a.png"])
        self.enter("toy/a.json", first)
        self.enter("toy/b.json", manifest.Entry("toy.b", sources={"toy/a.json": self.hash("toy/a.json")}))

    def ship(self, name: str) -> None:
        (self.models / f"{name}.safetensors").touch()
        (self.models / "DEFAULTS").write_text(f"{name}\n")

    def hash(self, name: str) -> str:
        found: str = self.manifest.content_hash(self.results / name)
        return found

    def enter(self, name: str, entry: object) -> None:
        self.manifest.write(self.manifest.read(self.results) | {name: entry}, self.results)

    def call(self, *arguments: str) -> int:
        code: int = self.remake.main(arguments, self.results, self.models)
        return code


@pytest.fixture
def shelf(load: Load, tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, load("manifest"), load("remake"))


def test_fresh_results_are_listed_with_command_and_models(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert shelf.call() == 0
    said = capsys.readouterr().out
    assert "fresh  toy/a.json toy/a.png\n       python -m toy.a --kodak {kodak}\n       with toy 00000001\n" in said
    assert "fresh  toy/b.json" in said and said.endswith("0 stale of 2\n")


def test_another_model_makes_a_result_stale_and_what_is_made_of_it(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.ship("toy-two-00000002")
    assert shelf.call() == 1
    said = capsys.readouterr().out
    assert "stale  toy/a.json toy/a.png\n       ! toy was 00000001, and is 00000002 now\n" in said
    assert "stale  toy/b.json\n       ! toy/a.json is stale\n" in said and said.endswith("2 stale of 2\n")


def test_a_variant_is_stale_by_its_own_model_alone(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.enter("toy/a.json", shelf.manifest.Entry("toy.a", models={"toy:one": "00000001"}, also=["toy/a.png"]))
    shelf.ship("toy-two-00000002")
    assert shelf.call() == 0
    (shelf.models / "toy-one-00000001.safetensors").unlink()
    assert shelf.call() == 1
    assert "no model of toy:one is shipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: (s.results / "toy/a.png").unlink(), "toy/a.png is missing"),
        (lambda s: (s.results / "toy/a.json").write_text("other"), "toy/a.json is another now"),
        (lambda s: (s.results / "toy/c.json").write_text("c"), "no script is known that makes it"),
        (lambda s: s.enter("toy/b.json", s.manifest.Entry("toy.b", models=None)), "its model was not shipped"),
    ],
    ids=["missing", "source", "unknown file", "unknown model"],
)
def test_what_else_is_stale(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], change: Callable[[Shelf], object], said: str
) -> None:
    change(shelf)
    assert shelf.call() == 1
    assert said in capsys.readouterr().out


def test_the_stale_are_made_anew_in_order(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        """What the scripts do: write their result, and its entry."""
        ran.append(command[2:])
        if command[2] == "toy.a":
            (shelf.results / "toy/a.json").write_text("anew")
            shelf.enter("toy/a.json", shelf.manifest.Entry("toy.a", models={"toy": "00000002"}, also=["toy/a.png"]))
        else:
            shelf.enter("toy/b.json", shelf.manifest.Entry("toy.b", sources={"toy/a.json": shelf.hash("toy/a.json")}))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(shelf.remake.subprocess, "run", run)
    assert shelf.call("--run") == 0 and not ran
    shelf.ship("toy-two-00000002")
    assert shelf.call("--run", "toy/a.png") == 1
    assert "needs --place kodak=PATH" in capsys.readouterr().out and not ran
    assert shelf.call("--run", "--place", "kodak=one", "--place", "kodak=two") == 0
    assert ran == [["toy.a", "--kodak", "one", "two"], ["toy.b"]]


def test_a_run_that_fails_leaves_it_stale(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = subprocess.CompletedProcess([], 3)
    monkeypatch.setattr(shelf.remake.subprocess, "run", lambda *_, **__: failed)
    shelf.ship("toy-two-00000002")
    assert shelf.call("--run", "--place", "kodak=x") == 1
    assert "failed with exit code 3" in capsys.readouterr().out


def test_paths_are_not_recorded(load: Load) -> None:
    portable = load("manifest").portable
    given = ["--kodak", "/a/b", "--photos", "/c", "/d", "--state=/e", "--quality", "0", "25", "--out", "/f", "--sheet"]
    assert portable(given, "toy") == (
        ["--kodak", "{kodak}", "--photos", "{photos}", "--state", "{toy-state}", "--quality", "0", "25", "--sheet"]
    )


def test_a_script_records_what_it_wrote(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = load("manifest")
    monkeypatch.setattr(manifest, "RESULTS", tmp_path)
    monkeypatch.setattr(manifest, "tags_of", lambda specs: dict.fromkeys(specs, "00000001"))
    out, rows = tmp_path / "toy" / "a.json", tmp_path / "toy" / "rows.jsonl.gz"
    load("measuring").write_json(out, {})
    load("measuring").write_lines(rows, [{"x": 1}])
    script = str(ROOT / "benchmarks" / "machine" / "speed.py")
    monkeypatch.setattr(manifest.read, "__defaults__", (tmp_path,))
    monkeypatch.setattr(manifest.write, "__defaults__", (tmp_path,))
    manifest.record(out, script, ["--kodak", "/k"], models=["toy"], sources=[rows], also=[rows])
    manifest.record(tmp_path.parent / "b.json", script, [])  # elsewhere: to try
    assert json.loads((tmp_path / "manifest.json").read_text()) == {
        "toy/a.json": {
            "script": "benchmarks.machine.speed",
            "arguments": ["--kodak", "{kodak}"],
            "models": {"toy": "00000001"},
            "sources": {"toy/rows.jsonl.gz": manifest.content_hash(rows)},
            "also": ["toy/rows.jsonl.gz"],
        }
    }
    rows.write_bytes(gzip.compress(gzip.decompress(rows.read_bytes()), 1))
    assert manifest.content_hash(rows) == manifest.read(tmp_path)["toy/a.json"].sources["toy/rows.jsonl.gz"]


def test_rows_of_former_models_go_and_interrupted_ones_stay(load: Load, tmp_path: Path) -> None:
    rows, measuring = load("codecs.rows"), load("measuring")
    packed = tmp_path / "rows.jsonl.gz"
    measuring.write_lines(packed, [{"tag": tag} for tag in ("", "00000001", "00000002")])
    plain = rows.working_copy(packed, ["00000002"])
    assert plain == tmp_path / "rows.jsonl"
    assert [json.loads(line)["tag"] for line in plain.read_text().splitlines()] == ["", "00000002"]
    plain.write_text('{"tag": "begun"}\n')
    assert rows.working_copy(packed, ["00000002"]).read_text() == '{"tag": "begun"}\n'
    assert rows.working_copy(tmp_path / "none.jsonl.gz", []).read_text() == ""


def test_every_result_of_the_repository_is_known(load: Load) -> None:
    manifest, remake = load("manifest"), load("remake")
    shelf = remake.Shelf(manifest.read())
    assert not shelf.unknown_files()
    for name, entry in shelf.entries.items():
        path = ROOT / entry.script.replace(".", "/")
        text = path.with_suffix(".py").read_text(encoding="utf-8")
        assert f"python -m {entry.script}" in text, f"{entry.script} does not say how it is run"
        assert not [argument for argument in entry.arguments if argument.startswith("/")], name
        for file in (name, *entry.also):
            assert (manifest.RESULTS / file).exists(), file


def test_the_command_runs_from_anywhere(tmp_path: Path) -> None:
    command = ROOT / "benchmarks" / "remake"
    assert os.access(command, os.X_OK)
    done = subprocess.run([sys.executable, str(command)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (0, 1) and "benchmarks.faces.rate_distortion" in done.stdout, done.stderr
