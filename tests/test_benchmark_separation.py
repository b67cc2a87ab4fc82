"""The benchmarks of separation: what is made of what was counted, and that the table is what its rows say."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from sccodec.transmit.separate import thresholds

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the benchmarks are not beside the tests")
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a script of benchmarks/transmit by its name."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.transmit.{name}")


def test_the_shipped_table_is_that_of_its_rows(load: Load) -> None:
    script = load("thresholds")
    rows = load("rows").read(ROOT / "benchmarks/results/transmit/thresholds.jsonl")
    assert {(row["order"], row["bits"], row["rate"]) for row in rows} == set(script.cells())
    assert script.written(script.table_of(rows)) == thresholds.PATH.read_text()


def test_a_threshold_lies_on_the_line_through_what_was_counted(load: Load) -> None:
    crossing = load("thresholds").crossing
    points = [(0.0, 90, 100), (1.0, 10, 100), (2.0, 10, 1000), (3.0, 1, 1000)]  # 0.9, 0.1, 0.01, 0.001
    assert crossing(points) == pytest.approx((3.0, 1.0))
    below = [(1.0, 10, 100), (1.5, 10, 100_000)]  # 0.1, 0.0001: three decades in half a dB
    assert crossing(below) == pytest.approx((1.5 - 0.5 / 3, 0.5 / 3))
    none = [(1.0, 50, 500), (1.5, 0, 500)]  # counted as half a block
    assert crossing(none)[0] == pytest.approx(1.5, abs=1e-6)


def test_rates_between_those_of_short_blocks(load: Load) -> None:
    at = load("thresholds").at
    measured = {0.25: 1.0, 0.5: 3.0, 0.8: 6.0}
    assert [at(measured, rate) for rate in (0.25, 0.3, 0.5, 0.65, 0.9)] == pytest.approx([1, 1.4, 3, 4.5, 7])


def test_rows_are_kept_and_not_measured_again(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = load("thresholds")
    cells = [(2, 40, 0.5), (4, 96, 0.4)]
    asked: list[tuple[int, int, float]] = []

    def measured(order: int, length: int, rate: float, most: int) -> dict[str, object]:
        asked.append((order, length, rate))
        points = [(0.0, 100, 1000), (1.0, 1, 1000)]
        return {"order": order, "bits": length, "rate": rate, "coded": 2 * length, "points": points}

    monkeypatch.setattr(script, "cells", lambda: iter(cells))
    monkeypatch.setattr(script, "measure", measured)
    monkeypatch.setattr(script, "table_of", lambda rows: {"rows": len(rows)})
    rows, out = tmp_path / "new" / "rows.jsonl", tmp_path / "table.json"
    script.main(["--rows", str(rows), "--out", str(out), "--part", "1/2"])
    assert asked == cells[1:] and not out.exists()
    script.main(["--rows", str(rows), "--out", str(out)])
    assert asked == [cells[1], cells[0]] and json.loads(out.read_text()) == {"rows": 2}
    assert not rows.exists() and [row["bits"] for row in load("rows").read(rows)] == [40, 96]
    script.main(["--rows", str(rows), "--out", str(out)])
    assert len(asked) == 2


def test_the_gap_is_in_db_of_what_capacity_needs(load: Load) -> None:
    gap = load("separation").gap
    assert gap([1, 4, 7], [20.0, 23.0, 26.0], [19.0, 22.0, 26.0]) == [None, 1.0, 0.0]


def test_means_are_of_the_same_pictures_in_all_cells(load: Load) -> None:
    script = load("separation")
    rows = []
    for snr in script.SNRS:
        for code, less in (("capacity", 0.0), ("ldpc", 1.0)):
            for picture, psnr in (("a", 20.0), ("b", 30.0)):
                row = {"codec": "jpeg", "code": code, "ratio": "1/12", "snr_db": snr, "picture": picture}
                rows.append(row | {"psnr": psnr + snr - less, "failed": int(picture == "b" and snr == 7 and less > 0)})
    told = script.summary(rows)["jpeg 1/12"]
    assert told["pictures"] == 2 and told["capacity_psnr"] == [25 + snr for snr in script.SNRS]
    assert told["gap_db"] == [None, 1.0, 1.0, 1.0, 1.0] and told["ldpc_lost"] == [0, 0, 1, 0, 0]
    rows[0] = {key: rows[0][key] for key in script.KEYS} | {"error": "too few symbols"}
    told = script.summary(rows)["jpeg 1/12"]
    assert told["pictures"] == 1 and told["capacity_psnr"] == [30 + snr for snr in script.SNRS]
