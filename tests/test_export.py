"""Exported networks compute what torch does, at any size; model files come out the same twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

import onnx  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from sccodec.engine import Network, Settings  # noqa: E402
from sccodec.networks.segmenter import Segmenter, SegmenterConfig  # noqa: E402
from sccodec.training import export  # noqa: E402

CLASSES, TEXTURES = 19, 8
SIZES = [(64, 96), (256, 256), (520, 776)]


class Everything(nn.Module):
    """Every operation that the codecs' networks use, at an eighth to the whole of the resolution.

    labels and index (of textures) int64 [1, H/8, W/8], textures [K, TEXTURES], noise [1, 1, H/2, W/2]
    -> image [1, 3, H, W], style [1, c, H/8, W/8].
    """

    def __init__(self, c: int = 8) -> None:
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, c)
        self.texture = nn.Linear(TEXTURES, c)
        self.dense = nn.Conv2d(2 * c, c, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(c)
        self.depthwise = nn.Conv2d(c, c, 5, padding=2, groups=c)
        self.pointwise = nn.Conv2d(c, 4 * c, 1)
        self.modulation = nn.Conv2d(c, 2 * c, 1)
        self.strength = nn.Parameter(torch.full((1, c, 1, 1), 0.1))
        self.leave = nn.Conv2d(c, 12, 3, padding=1)

    def forward(self, labels: Tensor, index: Tensor, textures: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.texture(textures)
        placed = torch.cat([self.embedding(labels), rows[index]], 3).permute(0, 3, 1, 2)
        h = F.leaky_relu(self.norm(self.dense(placed)), 0.125)
        low = F.silu(self.depthwise(F.avg_pool2d(h, 2, ceil_mode=True)))
        style = h + F.interpolate(low, size=h.shape[-2:], mode="bilinear", align_corners=False)
        h = F.pixel_shuffle(self.pointwise(style), 2)
        wide = F.interpolate(style, size=h.shape[-2:], mode="bilinear", align_corners=False)
        gamma, beta = self.modulation(wide).chunk(2, 1)
        h = h * torch.rsqrt(h.square().mean(1, keepdim=True) + 1e-4) * (1 + gamma) + beta
        h = F.interpolate(h, scale_factor=2.0, mode="bilinear", align_corners=False)
        h = torch.sigmoid(h) + noise * self.strength
        return F.pixel_shuffle(self.leave(h), 2), style


AXES = {
    "labels": {1: "h", 2: "w"},
    "index": {1: "h", 2: "w"},
    "textures": {0: "rows"},
    "noise": {2: "h4", 3: "w4"},
}


def everything_inputs(height: int, width: int, rows: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(height + rows)
    size = (1, height // 8, width // 8)
    return {
        "labels": torch.randint(0, CLASSES, size, generator=generator),
        "index": torch.randint(0, rows, size, generator=generator),
        "textures": torch.randn(rows, TEXTURES, generator=generator),
        "noise": torch.randn(1, 1, height // 2, width // 2, generator=generator),
    }


@pytest.fixture(scope="module")
def everything() -> tuple[nn.Module, bytes, dict[str, np.ndarray]]:
    torch.manual_seed(0)
    module = Everything()
    with torch.no_grad():
        module.norm.running_mean += torch.randn(8)
        module.norm.running_var += torch.rand(8)
        module.norm.weight += torch.randn(8)
    graph, weights = export.graph(module, "everything", everything_inputs(32, 48, 3), AXES, ["image", "style"])
    return export.prepare(module), graph, {k.removeprefix("everything."): v for k, v in weights.items()}


@pytest.mark.parametrize("rows", [1, 19])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("settings", [Settings(1), Settings(2), Settings(1, optimise=False)])
def test_a_graph_computes_what_torch_does_at_any_size(
    everything: tuple[nn.Module, bytes, dict[str, np.ndarray]],
    size: tuple[int, int],
    rows: int,
    settings: Settings,
) -> None:
    module, graph, weights = everything
    inputs = everything_inputs(*size, rows)
    with torch.no_grad():
        image, style = module(**inputs)
    network = Network(graph, weights, settings)
    assert sorted(network.inputs) == sorted(inputs)
    outputs = network.run({k: v.numpy() for k, v in inputs.items()})
    assert outputs[0].shape == (1, 3, *size)
    np.testing.assert_allclose(outputs[0], image.numpy(), atol=2e-5)
    np.testing.assert_allclose(outputs[1], style.numpy(), atol=2e-5)


@pytest.fixture(scope="module")
def segmenter() -> tuple[nn.Module, bytes, dict[str, np.ndarray]]:
    torch.manual_seed(0)
    module = Segmenter(SegmenterConfig(width=16)).eval()
    graph, weights = export.graph(
        module, "segmenter", {"image": torch.rand(1, 3, 64, 96)}, {"image": {2: "h", 3: "w"}}, ["logits"]
    )
    return module, graph, weights


@pytest.mark.parametrize("size", [(64, 96), (256, 256), (528, 784)])
def test_the_segmenter_exports_and_keeps_its_meaning(
    segmenter: tuple[nn.Module, bytes, dict[str, np.ndarray]], size: tuple[int, int]
) -> None:
    module, graph, weights = segmenter
    network = Network(graph, {k.removeprefix("segmenter."): v for k, v in weights.items()}, Settings(1))
    x = torch.rand(1, 3, *size)
    with torch.no_grad():
        prepared, unfolded = export.prepare(module)(x).numpy(), module(x).numpy()
    logits = network.run({"image": x.numpy()})[0]
    scale = float(np.abs(unfolded).max())
    np.testing.assert_allclose(logits, prepared, atol=1e-5 * scale)
    np.testing.assert_allclose(logits, unfolded, atol=0.05 * scale)


def test_a_graph_holds_no_weights_and_loads_in_old_runtimes(
    everything: tuple[nn.Module, bytes, dict[str, np.ndarray]],
) -> None:
    module, graph, weights = everything
    model = onnx.load_from_string(graph)
    assert (model.opset_import[0].version, model.ir_version) == (18, 8)
    assert len(graph) < 20_000
    external = {i.name for i in model.graph.initializer if i.data_location == onnx.TensorProto.EXTERNAL}
    assert external == set(weights) == set(module.state_dict())
    assert all(v.dtype == np.float16 for v in weights.values())


def test_the_same_module_gives_the_same_graph_twice(
    everything: tuple[nn.Module, bytes, dict[str, np.ndarray]],
) -> None:
    module, graph, _ = everything
    again, _ = export.graph(module, "e", everything_inputs(32, 48, 3), AXES, ["image", "style"])
    assert again == graph


def test_preparing_folds_and_rounds_and_leaves_the_original_alone() -> None:
    module = Everything().train()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    twin = export.prepare(module)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in twin.modules())
    assert all(torch.equal(v, v.half().float()) for v in twin.state_dict().values())
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert module.training
    assert not twin.training


def test_a_batch_norm_that_cannot_be_folded_is_named() -> None:
    with pytest.raises(ValueError, match="batch norm 1"):
        export.prepare(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)))


def test_a_weight_beyond_float16_is_named() -> None:
    module = nn.Conv2d(1, 1, 1)
    nn.init.constant_(module.weight, 1e6)
    with pytest.raises(ValueError, match="weight"):
        export.prepare(module)


def test_arguments_out_of_order_are_refused() -> None:
    inputs = everything_inputs(32, 48, 3)
    with pytest.raises(ValueError, match="index is argument 1"):
        export.graph(Everything(), "e", {"index": inputs["index"], "labels": inputs["labels"]}, {}, ["y"])


def test_a_large_constant_that_is_no_parameter_is_refused() -> None:
    class Hidden(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.arange(2000.0).sqrt()

    with pytest.raises(ValueError, match="no parameter"):
        export.graph(Hidden(), "hidden", {"x": torch.rand(2, 2000)}, {"x": {0: "n"}}, ["y"])


METADATA = {"bitstream": "1", "training": "{}", "licence": "none"}


def test_model_files_are_safetensors_and_the_same_twice(tmp_path: Path) -> None:
    tensors = {
        "b.half": np.arange(5, dtype=np.float16),
        "a.bytes": np.arange(3, dtype=np.uint8),
        "table": np.arange(6, dtype=np.uint32).reshape(2, 3)[:, ::-1],
        "scalar": np.array(7, np.int64),
    }
    first = export.write_bundle(tmp_path / "x", "toy", "one", {"b": 1, "a": [2]}, tensors, METADATA)
    second = export.write_bundle(
        tmp_path / "y", "toy", "one", {"a": [2], "b": 1}, dict(reversed(tensors.items())), METADATA
    )
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    loaded = load_file(first)
    assert loaded.keys() == tensors.keys()
    for name, value in tensors.items():
        np.testing.assert_array_equal(loaded[name], value)
        assert loaded[name].dtype == value.dtype
    assert sorted(p.name for p in first.parent.iterdir()) == ["DEFAULTS", first.name]


def test_a_new_export_replaces_the_default_of_its_variant_and_no_other(tmp_path: Path) -> None:
    stems = []
    for variant, value in (("one", 0), ("two", 0), ("one", 1)):
        path = export.write_bundle(tmp_path, "toy", variant, {"value": value}, {}, METADATA)
        stems.append(path.stem)
    assert (tmp_path / "DEFAULTS").read_text().split() == [stems[2], stems[1]]
    assert len(list(tmp_path.glob("*.safetensors"))) == 3


def test_incomplete_metadata_and_odd_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="licence"):
        export.write_bundle(tmp_path, "toy", "one", {}, {}, {"bitstream": "1", "training": ""})
    with pytest.raises(ValueError, match="lower-case"):
        export.write_bundle(tmp_path, "Toy", "one", {}, {}, METADATA)
    with pytest.raises(ValueError, match="complex"):
        export.write_bundle(tmp_path, "toy", "one", {}, {"x": np.zeros(1, complex)}, METADATA)
    assert list(tmp_path.iterdir()) == []


def test_config_is_readable_json(tmp_path: Path) -> None:
    path = export.write_bundle(tmp_path, "toy", "one", {"classes": 19}, {}, METADATA)
    header = path.read_bytes()
    length = int.from_bytes(header[:8], "little")
    assert json.loads(json.loads(header[8 : 8 + length])["__metadata__"]["config"]) == {"classes": 19}
