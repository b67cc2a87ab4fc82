"""Networks run alike in ONNX Runtime and in torch, and devices that are missing are named."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sccodec import bundle, engine
from sccodec.errors import BadInput, CodecUnavailable, ModelMismatch

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from torch import Tensor, nn  # noqa: E402

from sccodec.training import export  # noqa: E402

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")


class Toy(nn.Module):
    """Convolutions at two scales and a gain: two outputs."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.around = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.up = nn.Conv2d(channels, 12, 1)
        self.register_buffer("offset", torch.linspace(-1, 1, 3), persistent=False)

    def forward(self, image: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
        y = nn.functional.leaky_relu(self.down(image)) * gain[:, :, None, None]
        x = nn.functional.pixel_shuffle(self.up(self.around(y)), 2)
        return x + self.offset[:, None, None], y


def toy() -> Toy:
    torch.manual_seed(1)
    return Toy()


def inputs(height: int, width: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(height)
    image = rng.random((1, 3, height, width), np.float32)
    image.flags.writeable = False  # like what numpy.frombuffer gives: torch must not complain
    return {"image": image, "gain": rng.random((1, 8), np.float32)}


@pytest.fixture(scope="module")
def exported() -> tuple[bytes, dict[str, np.ndarray]]:
    example = {k: torch.from_numpy(v.copy()) for k, v in inputs(32, 48).items()}
    graph, weights = export.graph(toy(), "toy", example, {"image": {2: "h", 3: "w"}}, ["x", "y"])
    return graph, {k.removeprefix("toy."): v for k, v in weights.items()}


def check_agreement(exported: tuple[bytes, dict[str, np.ndarray]], device: str, tolerance: float) -> None:
    graph, weights = exported
    assert {v.dtype for v in weights.values()} == {np.dtype(np.float16)}
    ours, theirs = engine.TorchNetwork(Toy(), weights, device), engine.Network(graph, weights, engine.Settings(1))
    for size in ((2, 2), (64, 32), (130, 514)):
        given = inputs(*size)
        for got, expected in zip(ours.run(given), theirs.run(given), strict=True):
            assert got.dtype == expected.dtype == np.float32 and got.flags.c_contiguous
            np.testing.assert_allclose(got, expected, atol=tolerance)
        assert all(np.array_equal(a, b) for a, b in zip(ours.run(given), ours.run(given), strict=True))


def test_torch_agrees_with_onnx_runtime(exported: tuple[bytes, dict[str, np.ndarray]]) -> None:
    check_agreement(exported, "cpu", 2e-6)


@needs_gpu
def test_a_gpu_agrees_with_onnx_runtime(exported: tuple[bytes, dict[str, np.ndarray]]) -> None:
    torch.set_float32_matmul_precision("high")  # what a caller set is set aside, and is there again afterwards
    try:
        check_agreement(exported, "cuda", 2e-5)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("change", ["missing", "other", "shape"])
def test_weights_of_another_module_are_refused(exported: tuple[bytes, dict[str, np.ndarray]], change: str) -> None:
    weights = dict(exported[1])
    if change == "missing":
        del weights["up.weight"]
    elif change == "other":
        weights["more"] = np.zeros(3, np.float16)
    else:
        weights["up.bias"] = np.zeros(5, np.float16)
    with pytest.raises(ModelMismatch) as caught:
        engine.TorchNetwork(Toy(), weights, "cpu")
    assert "\n" not in str(caught.value)


def test_a_model_file_runs_in_torch_on_another_device(
    exported: tuple[bytes, dict[str, np.ndarray]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's own "meta" device stands for a GPU: it has shapes and no values. Both may be open at a time."""
    graph, weights = exported
    tensors = {"graph.small": np.frombuffer(graph, np.uint8)} | {f"small.{k}": v for k, v in weights.items()}
    metadata = {"bitstream": "1", "training": "{}", "licence": "CC0-1.0"}
    path = export.write_bundle(tmp_path, "toy", "tiny", {"channels": 8}, tensors, metadata)
    monkeypatch.setenv("SCCODEC_MODELS", str(tmp_path))
    asked: list[Any] = []

    def build(name: str, config: dict[str, Any]) -> nn.Module:
        asked.append((name, config))
        return Toy(config["channels"])

    definitions = types.ModuleType("sccodec.codecs.toy.networks")
    monkeypatch.setattr(definitions, "build", build, raising=False)
    monkeypatch.setitem(sys.modules, definitions.__name__, definitions)
    tag = bytes.fromhex(path.stem[-8:])
    on_cpu, elsewhere = bundle.find(tag), bundle.find(tag, "meta")
    assert bundle.default("toy", device="meta") is elsewhere and elsewhere is not on_cpu
    network = elsewhere.network("small")
    assert isinstance(network, engine.TorchNetwork) and network.device.type == "meta"
    assert elsewhere.network("small") is network and asked == [("small", {"channels": 8})]
    assert isinstance(on_cpu.network("small"), engine.Network)
    with pytest.raises(ModelMismatch, match=r"graph\.other"):
        elsewhere.network("other")


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    found = {asked: engine.find_device(asked) for asked in ("cpu", "cuda", "cuda:1", "auto")}
    assert found == {"cpu": "cpu", "cuda": "cuda", "cuda:1": "cuda:1", "auto": "cuda"}
    with pytest.raises(CodecUnavailable, match="no CUDA device 2: there are 2"):
        engine.find_device("cuda:2")
    for nonsense in ("", "gpu", "cuda:", "cuda:x", "CPU"):
        with pytest.raises(BadInput, match="device"):
            engine.find_device(nonsense)


@pytest.mark.parametrize("how", ["no torch", "broken torch", "no CUDA"])
def test_without_cuda(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "no torch":
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    elif how == "broken torch":
        monkeypatch.setitem(sys.modules, "torch", None)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    else:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert engine.find_device("auto") == "cpu"
    with pytest.raises(CodecUnavailable, match="torch") as caught:
        engine.find_device("cuda")
    message = str(caught.value)
    assert "\n" not in message and "--device cpu" in message
    if how == "no torch":
        assert "sccodec[gpu]" in message
