"""LPIPS: its plumbing with made-up weights everywhere; its values where SCCODEC_LPIPS names the real ones."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from sccodec.errors import BadInput  # noqa: E402
from sccodec.metrics.perceptual import LPIPS as Metric  # noqa: E402
from sccodec.metrics.perceptual import TRUNKS, VGG, Distance, find_weights, lpips  # noqa: E402

real = pytest.mark.skipif("SCCODEC_LPIPS" not in os.environ, reason="SCCODEC_LPIPS names no weights")


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AlexNet-shaped weights drawn at random."""
    folder = tmp_path_factory.mktemp("lpips")
    generator = torch.Generator().manual_seed(0)
    weights = {}
    taps = 0
    for i, c in enumerate(TRUNKS["alex"]):
        shape = (c.c_out, c.c_in, c.kernel, c.kernel)
        weights[f"conv{i}.weight"] = torch.randn(shape, generator=generator) * (2 / np.prod(shape[1:])) ** 0.5
        weights[f"conv{i}.bias"] = torch.zeros(c.c_out)
        if c.tap:
            weights[f"lin{taps}.weight"] = torch.full((1, c.c_out, 1, 1), 1 / c.c_out)
            taps += 1
    save_file(weights, folder / "lpips_alex.safetensors")
    return folder


def test_equal_pictures_are_at_distance_zero_and_others_are_not(made_up: Path) -> None:
    metric = Metric("alex", made_up)
    a, b = (np.random.default_rng(s).integers(0, 256, (64, 48, 3), np.uint8) for s in (0, 1))
    assert lpips(metric, a, a) == 0.0
    assert lpips(metric, a, b) > 0
    assert lpips(metric, a, b) == pytest.approx(lpips(metric, b, a))


def test_pictures_are_compared_as_one_by_one_and_small_ones_are_refused(
    made_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCCODEC_LPIPS", str(made_up))
    distance, metric = Distance("alex"), Metric("alex", made_up)
    a, b, c = (np.random.default_rng(s).integers(0, 256, (64, 48, 3), np.uint8) for s in range(3))
    for original, decoded in ((a, b), (a, c), (b, c), (a, b)):  # what is kept of an original is that one's
        assert distance(original, decoded) == lpips(metric, original, decoded)
    with pytest.raises(BadInput, match="32x32"):
        Distance("alex")(a[:31], b[:31])


def test_gradients_reach_the_pictures_and_only_them(made_up: Path) -> None:
    metric = Metric("alex", made_up).train()
    x = torch.rand(2, 3, 64, 64, requires_grad=True)
    distance = metric(x, torch.rand(2, 3, 64, 64))
    assert distance.shape == (2,)
    distance.sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all() and x.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in metric.parameters())


def test_a_flat_picture_has_a_finite_gradient(made_up: Path) -> None:
    x = torch.zeros(1, 3, 64, 64, requires_grad=True)
    Metric("alex", made_up)(x, torch.ones(1, 3, 64, 64)).sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()


def test_lower_precision_and_channels_last_change_little(made_up: Path) -> None:
    metric = Metric("alex", made_up)
    x, y = torch.rand(2, 1, 3, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        low = metric(x.to(memory_format=torch.channels_last), y)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, metric(x, y), rtol=0.03, atol=0)


def test_missing_weights_and_unknown_trunks_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCCODEC_LPIPS", raising=False)
    monkeypatch.setenv("SCCODEC_DATA", str(tmp_path))
    with pytest.raises(BadInput, match="SCCODEC_LPIPS"):
        find_weights("alex", None)
    with pytest.raises(BadInput, match="lpips_vgg"):
        find_weights("vgg", tmp_path)
    with pytest.raises(BadInput, match="alex, vgg"):
        Metric("squeeze", tmp_path)


def test_vgg_is_compared_after_the_last_layer_of_each_block() -> None:
    assert [i for i, c in enumerate(VGG) if c.tap] == [1, 3, 6, 9, 12]


@real
@pytest.mark.parametrize(("trunk", "low", "high"), [("alex", 0.2, 0.7), ("vgg", 0.2, 0.7)])
def test_jpeg_artefacts_are_at_a_plausible_distance_and_fall_with_quality(trunk: str, low: float, high: float) -> None:
    metric = Metric(trunk)
    ramp = np.linspace(0, 255, 128, dtype=np.uint8)
    noise = np.random.default_rng(0).normal(0, 12, (128, 128, 3))
    picture = np.clip(np.stack([np.tile(ramp, (128, 1))] * 3, 2) + noise, 0, 255).astype(np.uint8)
    distances = []
    for quality in (5, 30, 90):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "jpeg", quality=quality)
        distances.append(lpips(metric, picture, np.asarray(Image.open(buffer))))
    assert distances == sorted(distances, reverse=True)
    assert low < distances[0] and distances[0] < 2 * high
