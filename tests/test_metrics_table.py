"""The table of metrics: everything that is said of one is said there, and everybody reads it."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import sccodec
from sccodec.bench import gauge, rows
from sccodec.errors import BadInput
from sccodec.metrics import image, table
from sccodec.metrics.table import METRICS, Metric

PACKAGE = Path(sccodec.__path__[0])


@pytest.mark.parametrize("part", ["bench", "report", "cli"])
def test_metrics_are_named_in_the_table_alone(part: str) -> None:
    for path in (PACKAGE / part).rglob("*.py"):
        named = {n.value for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Constant)}
        assert not named & {*METRICS, "lpips_"}, f"{path.name} names metrics of its own"


def test_a_new_metric_is_an_entry(picture: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    def lightness(device: str) -> table.Compare:
        return lambda original, decoded: float(decoded.mean() - original.mean())

    new = Metric("lightness", "Lightness", "", 1, lightness, ("lightness", "How much lighter it is"))
    monkeypatch.setitem(METRICS, new.key, new)  # type: ignore[arg-type]  # a plain dictionary
    assert gauge.choose(["lightness"]) == ("lightness",) and "lightness" not in gauge.missing()
    local = gauge.LocalGauge()
    local.refer(picture)
    assert local.measure(picture, ["lightness", "psnr"]).values == {"lightness": 0.0, "psnr": None}
    row = rows.Row("jpeg", "a.png", width=1, height=1, file_bytes=1, overhead_bytes=0, figures={"lightness": 3.0})
    assert rows.parse(rows.line_of(row)).figures == {"lightness": 3.0}


def test_entries_compute_what_they_say(picture: npt.NDArray[np.uint8]) -> None:
    decoded = picture // 2
    assert METRICS["psnr"].compare("cpu")(picture, decoded) == image.psnr(picture, decoded)
    assert METRICS["ssim"].compare("cpu")(picture, decoded) == image.ssim(picture, decoded)
    with pytest.raises(BadInput, match="161"):
        METRICS["ms_ssim"].compare("cpu")(picture, decoded)


def test_what_is_shown() -> None:
    psnr, ssim = METRICS["psnr"], METRICS["ssim"]
    assert (psnr.title, psnr.quantity(30.126), psnr.number(None)) == ("PSNR, dB", "30.13 dB", "\u2013")
    assert (ssim.title, ssim.quantity(0.98765)) == ("SSIM", "0.9877")
    assert table.BRIEF == ("psnr", "ms_ssim") and table.DEFAULT == "psnr"
