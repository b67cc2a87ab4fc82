"""The files of PngSuite, made anew: good ones are read, and agree with their own samples; broken ones are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.inputs import made
from sccodec import image
from sccodec.errors import BadInput

pytest.importorskip("imagecodecs")
SUITE = made.files()
RESULT = Path(__file__).parents[1] / "benchmarks" / "results" / "inputs" / "pngsuite.json"


def test_there_are_175() -> None:
    assert len(SUITE) == 175 and sum(name.startswith("x") for name in SUITE) == 14
    found = json.loads(RESULT.read_text(encoding="utf-8"))
    assert (found["files"], found["broken_refused"], found["good_refused"]) == (175, 14, [])
    assert found["largest_difference"] <= 1


@pytest.mark.parametrize("name", sorted(name for name in SUITE if name.startswith("x")))
def test_the_broken_are_refused(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        image.load(SUITE[name], print)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["basi2c16", "basi0g16"])
def test_interlaced_files_are_read_without_a_remark(name: str, caplog: pytest.LogCaptureFixture) -> None:
    image.load(SUITE[name], lambda text: None)
    assert caplog.records == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(name for name in SUITE if name.startswith(("bas", "s", "f", "oi", "z", "ct"))))
def test_the_others_are_their_samples(name: str) -> None:
    kind, depth = made.KINDS[name[4:6]], int(name[6:])
    side = int(name[1:3]) if name[0] == "s" and name[1:3].isdigit() else made.SIDE
    samples = made.picture(kind, depth, side, side).astype(np.int64)
    if kind == 3:
        palette = np.frombuffer(made.colours(1 << depth), np.uint8).reshape(-1, 3)
        expected = palette[samples[:, :, 0]].astype(np.float64)
    else:
        scaled = samples * 255 / ((1 << depth) - 1)
        alpha = scaled[:, :, -1:] / 255 if kind in (4, 6) else 1.0
        expected = scaled[:, :, : 3 if kind in (2, 6) else 1] * alpha + 255 * (1 - alpha)
    got = image.load(SUITE[name], lambda text: None)
    assert np.abs(got - expected).max() <= (0.5 if kind in (0, 2, 3) else 1.01)
