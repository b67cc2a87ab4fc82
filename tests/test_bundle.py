"""Model files are found by tag and by codec, checked against their names, refused when not what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sccodec import bundle
from sccodec.engine import Network, Settings
from sccodec.errors import BadInput, ModelMismatch, ModelNotFound

pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from sccodec.training.export import serialise, write_bundle  # noqa: E402

METADATA = {"bitstream": "3", "training": '{"minutes": 1}', "licence": "CC0-1.0"}


def adding_graph(*, external: bool = True) -> bytes:
    """y = x + offset, the offset external."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    offset = helper.make_tensor("offset", kind, [3], [0.0, 0.0, 0.0])
    if external:
        offset.ClearField("float_data")
        offset.data_location = onnx.TensorProto.EXTERNAL
        offset.external_data.add(key="location", value="weights")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "offset"], ["y"])],
        "adding",
        [helper.make_tensor_value_info("x", kind, ["n", 3])],
        [helper.make_tensor_value_info("y", kind, ["n", 3])],
        [offset],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def write(folder: Path, variant: str = "tiny", offset: float = 1.0) -> Path:
    tensors = {
        "graph.adding": np.frombuffer(adding_graph(), np.uint8),
        "adding.offset": np.array([0, offset, 0.5], np.float16),
        "table.frequencies": np.array([[1, 65535]], np.uint32),
        "table.lowest": np.array([-1], np.int32),
    }
    return write_bundle(folder, "toy", variant, {"classes": 19}, tensors, METADATA)


def tag_of(path: Path) -> bytes:
    return bytes.fromhex(path.stem[-8:])


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("SCCODEC_MODELS", str(folder))
    return folder


def test_a_model_is_found_by_tag_and_holds_what_was_written(models: Path) -> None:
    path = write(models)
    found = bundle.find(tag_of(path))
    assert (found.codec, found.variant, found.tag, found.bitstream) == ("toy", "tiny", tag_of(path), 3)
    assert found.config == {"classes": 19}
    assert found.metadata["licence"] == "CC0-1.0"
    assert found.networks == ["adding"]
    assert found.array("table.lowest").tolist() == [-1]
    assert sorted(found.arrays("table.")) == ["table.frequencies", "table.lowest"]
    y = found.network("adding").run({"x": np.ones((2, 3), np.float32)})[0]
    assert y.tolist() == [[1.0, 2.0, 1.5]] * 2
    assert found.network("adding") is found.network("adding")
    assert bundle.find(tag_of(path)) is found


@pytest.mark.parametrize("first", [True, False])
def test_each_caller_gets_the_layout_that_it_asks_for(models: Path, *, first: bool) -> None:
    """Whoever asked first, and for whichever."""
    found = bundle.find(tag_of(write(models)))
    loaded = {blocked: found.network("adding", blocked=blocked) for blocked in (first, not first)}
    levels = {blocked: network.session.get_session_options() for blocked, network in loaded.items()}
    assert levels[True].graph_optimization_level.name == "ORT_ENABLE_ALL"
    assert levels[False].graph_optimization_level.name == "ORT_ENABLE_EXTENDED"
    assert all(found.network("adding", blocked=blocked) is network for blocked, network in loaded.items())


def test_what_a_model_lacks_is_named(models: Path) -> None:
    found = bundle.find(tag_of(write(models)))
    with pytest.raises(ModelMismatch, match=r"graph\.other"):
        found.network("other")
    with pytest.raises(ModelMismatch, match="holds no nothing"):
        found.array("nothing")


def test_a_missing_model_is_named_with_the_folders_searched(models: Path) -> None:
    with pytest.raises(ModelNotFound, match="deadbeef") as caught:
        bundle.find(bytes.fromhex("deadbeef"))
    assert str(models) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelNotFound, match="toy:large"):
        bundle.default("toy", "large")


def test_every_changed_byte_is_noticed(models: Path) -> None:
    path = write(models)
    data = path.read_bytes()
    for position in (0, 9, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(ModelMismatch, match="damaged"):
            bundle.find(tag_of(path))
    path.write_bytes(data[:-1])
    with pytest.raises(ModelMismatch, match="damaged"):
        bundle.find(tag_of(path))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 no model",
        serialise({}, {}),
        serialise({}, {"codec": "toy", "config": "{", "bitstream": "1"}),
    ],
)
def test_a_file_that_is_no_model_is_refused(models: Path, data: bytes) -> None:
    import hashlib

    tag = hashlib.sha256(data).digest()[:4]
    (models / f"toy-tiny-{tag.hex()}.safetensors").write_bytes(data)
    with pytest.raises(ModelMismatch, match="no model file"):
        bundle.find(tag)


def test_a_renamed_model_is_refused(models: Path) -> None:
    path = write(models)
    renamed = path.rename(path.with_name(path.name.replace("tiny", "huge")))
    with pytest.raises(ModelMismatch, match="toy-tiny"):
        bundle.find(tag_of(renamed))


def test_the_default_is_the_one_that_defaults_names(models: Path) -> None:
    old, new, other = write(models, offset=1), write(models, offset=2), write(models, variant="small")
    assert bundle.default("toy").tag == tag_of(new)
    assert bundle.default("toy", "small").tag == tag_of(other)
    (models / "DEFAULTS").write_text(f"# preferred\n{other.stem}\n{old.stem}  # the older one\n")
    assert bundle.default("toy").tag == tag_of(other)
    assert bundle.default("toy", "tiny").tag == tag_of(old)
    (models / "DEFAULTS").unlink()
    assert bundle.default("toy", "small").tag == tag_of(other)
    with pytest.raises(ModelMismatch, match="DEFAULTS"):
        bundle.default("toy", "tiny")


def test_earlier_folders_win(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = write(models, offset=1), write(tmp_path / "more", offset=2)
    monkeypatch.setenv("SCCODEC_MODELS", os.pathsep.join([str(models), "", str(tmp_path / "more")]))
    assert bundle.default("toy").tag == tag_of(first)
    assert bundle.find(tag_of(second)).tag == tag_of(second)
    assert [m.tag for m in bundle.installed() if m.codec == "toy"] == [tag_of(first), tag_of(second)]


@pytest.mark.parametrize("name", ["none", "a file", "~", "x" * 5000])
def test_a_folder_that_there_is_not_is_refused(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write(models)
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("SCCODEC_MODELS", os.pathsep.join([str(models), str(tmp_path / name)]))
    for ask in (bundle.installed, lambda: bundle.default("toy"), lambda: bundle.locate(b"none")):
        with pytest.raises(BadInput, match="SCCODEC_MODELS names"):
            ask()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom"])
@pytest.mark.parametrize("suffix", ["", ".safetensors"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_defaults_as_editors_write_them(models: Path, encoding: str, suffix: str, end: str) -> None:
    old, new = write(models, offset=1), write(models, offset=2)
    text = f"# preferred{end}{new.stem}{suffix}{end}{old.stem}{end}"
    data = b"\xfe\xff" + text.encode("utf-16-be") if encoding == "utf-16-be-bom" else text.encode(encoding)
    (models / "DEFAULTS").write_bytes(data)
    assert bundle.default("toy").tag == tag_of(new)
    assert bundle.read_defaults(models) == [new.stem, old.stem]


@pytest.mark.parametrize("data", ["toy".encode("utf-16-le"), b"toy\xff\xfe", b"\xff\xfet", b"\0", None])
def test_defaults_that_are_no_text_are_refused(models: Path, data: bytes | None) -> None:
    write(models)
    if data is None:
        (models / "DEFAULTS").unlink()
        (models / "DEFAULTS").mkdir()
    else:
        (models / "DEFAULTS").write_bytes(data)
    with pytest.raises(ModelMismatch, match="DEFAULTS") as caught:
        bundle.default("toy")
    assert "\n" not in str(caught.value)


def test_a_changed_setting_gives_other_networks(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = tag_of(write(models))
    monkeypatch.setenv("SCCODEC_THREADS", "1")
    one = bundle.find(tag)
    monkeypatch.setenv("SCCODEC_ORT_OPTIMISATION", "off")
    assert bundle.find(tag) is not one


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5", "99999", 5000 * "1"])
def test_a_number_of_threads_that_is_none_is_refused(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCCODEC_THREADS", threads)
    with pytest.raises(BadInput, match="SCCODEC_THREADS"):
        Settings.from_environment()


def test_optimisation_is_on_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCCODEC_ORT_OPTIMISATION", "perhaps")
    with pytest.raises(BadInput, match="SCCODEC_ORT_OPTIMISATION"):
        Settings.from_environment()
    monkeypatch.setenv("SCCODEC_ORT_OPTIMISATION", "off")
    assert not Settings.from_environment().optimise


@pytest.mark.parametrize(
    ("graph", "weights"),
    [
        (b"nonsense", {}),
        (adding_graph(), {}),
        (adding_graph(), {"offset": np.zeros(4, np.float16)}),
    ],
)
def test_a_network_that_does_not_fit_its_weights_is_refused(graph: bytes, weights: dict[str, np.ndarray]) -> None:
    with pytest.raises(ModelMismatch) as caught:
        Network(graph, weights, Settings(1))
    assert "\n" not in str(caught.value)


def test_opening_a_model_loads_neither_torch_nor_onnxruntime(models: Path) -> None:
    write(models)
    program = (
        "import sys; from sccodec import bundle; b = bundle.default('toy'); b.arrays('table.');"
        "assert 'onnxruntime' not in sys.modules; b.network('adding'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
