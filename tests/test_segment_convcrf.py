"""The ConvCRF of model files against the equations, written out position by position."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from sccodec.labels import convcrf
from sccodec.labels.convcrf import ConvCrf

Floats = npt.NDArray[np.float32]


def crf(window: int = 7, steps: int = 3, classes: int = 4) -> ConvCrf:
    rng = np.random.default_rng(1)
    position, colour, weight = (np.array(v, np.float32) for v in ([0.1, 0.3], [20, 0], [1.5, 0.7]))
    return ConvCrf(window, steps, position, colour, weight, rng.normal(size=(classes, classes)).astype(np.float32), 1.3)


def given(height: int, width: int, classes: int = 4) -> tuple[Floats, Floats]:
    """Logits [classes, h, w], and colours [3, h, w]."""
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, (classes, height, width)).astype(np.float32)
    return logits, rng.random((3, height, width)).astype(np.float32)


def slowly(found: ConvCrf, logits: Floats, rgb: Floats) -> npt.NDArray[np.float64]:
    classes, height, width = logits.shape
    unary = logits.astype(np.float64) * found.unary
    reach = found.window // 2
    u = unary
    for _ in range(found.steps):
        q = np.exp(u) / np.exp(u).sum(0)
        u = unary.copy()
        for y, x, kernel in np.ndindex(height, width, len(found.weight)):
            total, message = 0.0, np.zeros(classes)
            for there in np.ndindex(height, width):
                dy, dx = there[0] - y, there[1] - x
                if max(abs(dy), abs(dx)) <= reach and (dy or dx):
                    apart = np.square(rgb[:, y, x].astype(float) - rgb[:, there[0], there[1]]).sum()
                    k = np.exp(-(found.position[kernel] * (dy * dy + dx * dx) + found.colour[kernel] * apart))
                    total += k
                    message += k * q[:, there[0], there[1]]
            if total:
                u[:, y, x] += found.compatibility.astype(float) @ (found.weight[kernel] * message / total)
    return u


@pytest.mark.parametrize("size", [(9, 12), (1, 1), (1, 8), (2, 3), (13, 2)])
@pytest.mark.parametrize("window", [3, 7])
def test_it_computes_the_equations(size: tuple[int, int], window: int) -> None:
    found, (logits, rgb) = crf(window), given(*size)
    refined = found.refine(logits, rgb)
    assert refined.dtype == np.float32 and refined.shape == logits.shape
    np.testing.assert_allclose(refined, slowly(found, logits, rgb), atol=1e-5)


def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found, (logits, rgb) = crf(5, 2), given(40, 6)
    whole = found.refine(logits, rgb)
    monkeypatch.setattr(convcrf, "STRIP_POSITIONS", 60)
    np.testing.assert_allclose(found.refine(logits, rgb), whole, atol=1e-5)


def test_what_belongs_to_no_neighbour_gets_no_message() -> None:
    """Kernels so narrow that they are nothing in float32: no division by nothing, and the logits stay."""
    narrow = ConvCrf(3, 2, *(np.array([v], np.float32) for v in (500, 0, 1)), np.eye(4, dtype=np.float32), 1.0)
    logits, rgb = given(4, 5)
    assert np.array_equal(narrow.refine(logits, rgb), logits)


def test_it_straightens_edges() -> None:
    """Two fields of colours, and logits that are wrong here and there: the fields come out."""
    rng = np.random.default_rng(3)
    truth = (np.arange(24)[None] >= 12).repeat(20, 0).astype(int)
    rgb = np.where(truth, np.float32(0.9), np.float32(0.1))[None].repeat(3, 0)
    logits = np.stack([truth == c for c in (0, 1)]).astype(np.float32) * 2
    wrong = rng.random(truth.shape) < 0.15
    logits[:, wrong] = logits[::-1, wrong]
    kernel = (np.array([v], np.float32) for v in (0.05, 12, 4))
    refined = ConvCrf(7, 5, *kernel, np.eye(2, dtype=np.float32), 1.0).refine(logits, rgb)
    assert (logits.argmax(0) != truth).mean() > 0.1
    assert np.array_equal(refined.argmax(0), truth)


def test_it_is_what_training_computes() -> None:
    """The module in torch, its parameters through the arrays of a model file."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from sccodec.networks.convcrf import Refinement
    from sccodec.training.street_export import crf_arrays

    torch.manual_seed(0)
    module = Refinement(4, steps=5, window=7)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    arrays = {name.removeprefix("crf."): value for name, value in crf_arrays(module).items()}
    unary = float(arrays.pop("unary"))
    logits, rgb = given(20, 23)
    with torch.no_grad():
        expected = module(torch.from_numpy(logits)[None], torch.from_numpy(rgb)[None])[0].numpy()
    found = ConvCrf(window=7, steps=5, unary=unary, **arrays).refine(logits, rgb)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(found - logits).max() > 0.1
