"""What several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # before numpy and torch read it: there are as many workers as cores
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "SCCODEC_THREADS"):
        os.environ.setdefault(variable, "1")

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # of the tests' own imports of ONNX Runtime; sccodec's has a test

import numpy as np
import numpy.typing as npt
import pytest

import sccodec.api
import sccodec.codecs
import sccodec.transmit

TESTS = Path(__file__).parent


@pytest.fixture
def fake_codec(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the codec "fake" of tests/fakes known; gives its name."""
    folder = str(TESTS / "fakes" / "codecs")
    monkeypatch.setattr(sccodec.codecs, "__path__", [*sccodec.codecs.__path__, folder])
    from sccodec.codecs import fake

    monkeypatch.setattr(sccodec.api, "named_by", fake.named_by)
    return "fake"


@pytest.fixture
def plain_link(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the link "plain" of tests/fakes known; gives its name."""
    folder = str(TESTS / "fakes" / "transmit")
    monkeypatch.setattr(sccodec.transmit, "__path__", [*sccodec.transmit.__path__, folder])
    return "plain"


@pytest.fixture
def picture() -> npt.NDArray[np.uint8]:
    """A smooth colour picture, uint8 [24, 32, 3], the same each time."""
    y, x = np.mgrid[:24, :32]
    return np.stack([8 * x, 10 * y, 255 - 4 * (x + y)], axis=-1).astype(np.uint8)
