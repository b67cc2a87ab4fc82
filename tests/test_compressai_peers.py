"""compressai's models as codecs: tiny ones with random weights, through checkpoints; skipped without compressai."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import urllib.error
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import sccodec
from sccodec import api, container
from sccodec.codec import Options, Spec
from sccodec.codecs import compressai
from sccodec.codecs.compressai.codec import FAMILIES, UNSUPPORTED, Peer, read_payload, write_payload
from sccodec.errors import (
    BadInput,
    BadStream,
    CodecUnavailable,
    Corrupt,
    Desync,
    ModelMismatch,
    ModelNotFound,
    TooLarge,
    UnsupportedVersion,
)

Picture = npt.NDArray[np.uint8]
Checkpoint = Callable[..., Options]
SIZES = {"cheng2020-anchor": (8,), "cheng2020-attn": (8,)}


def picture(height: int, width: int) -> Picture:
    """Colours that change within and across blocks, uint8 [height, width, 3]."""
    y, x = np.mgrid[:height, :width]
    planes = [128 + 100 * np.sin(x / 9 + y / 30), 3 * y + x, 128 + 100 * np.cos(y / 5)]
    return np.stack(planes, -1).astype(np.int64).astype(np.uint8)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    """Makes the checkpoint of a tiny model with random weights that give latents worth coding."""
    torch = pytest.importorskip("torch")
    imports = pytest.importorskip("sccodec.codecs.compressai.imports")
    try:
        imports.import_compressai()
    except ImportError as error:
        pytest.skip(f"compressai: {error}")
    from compressai.registry import MODELS

    def make(model: str, seed: int = 1, wrap: Callable[[Any], Any] = lambda state: state) -> Options:
        torch.manual_seed(seed)
        more = {"vr_entbttlnck": True} if model in ("bmshj2018-hyperprior-vbr", "mbt2018-mean-vbr") else {}
        network = MODELS[model](*SIZES.get(model, (8, 12)), **more)
        with torch.no_grad():
            [*network.g_a.parameters()][-2].mul_(100)
            if hasattr(network, "h_a"):
                [*network.h_a.parameters()][-2].mul_(20)
        path = tmp_path / f"{model}-{seed}.pth.tar"
        torch.save(wrap(network.state_dict()), path)
        return Options(checkpoint=path)

    return make


@pytest.mark.parametrize("model", sorted(FAMILIES))
def test_round_trip(checkpoint: Checkpoint, model: str) -> None:
    options = checkpoint(model)
    for shape in [(1, 1), (17, 33)] + ([(64, 96)] if "mbt2018" in model else []):
        image = picture(*shape)
        data = sccodec.encode(image, f"compressai:{model}:2", options=options)
        assert sccodec.encode(image, f"compressai:{model}:2", options=options) == data
        decoded = sccodec.decode(data, options=options)
        assert decoded.dtype == np.uint8 and decoded.shape == image.shape
        assert np.array_equal(sccodec.decode(data, options=options), decoded)
        found = sccodec.info(data)
        assert (found.codec, found.variant) == ("compressai", f"{model}:2")
        assert [name for name, _ in found.sections] == ["y", "z"][: FAMILIES[model].strings]
        assert found.overhead_bytes + sum(n_bytes for _, n_bytes in found.sections) == found.file_bytes == len(data)
    assert found.sections[0][1] > 40


def test_the_strings_are_the_packages_own(checkpoint: Checkpoint) -> None:
    """What a file holds is what compress() writes of the picture, and its picture what decompress() makes of that."""
    import torch
    from compressai.models import MeanScaleHyperprior

    options = checkpoint("mbt2018-mean")
    assert options.checkpoint is not None
    network = MeanScaleHyperprior.from_state_dict(torch.load(options.checkpoint, weights_only=True)).eval()
    network.update()
    image = picture(64, 128)
    data = sccodec.encode(image, "compressai:mbt2018-mean:1", options=options)
    with torch.no_grad():
        coded = network.compress(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)
        x_hat = network.decompress(coded["strings"], coded["shape"])["x_hat"]
    _, strings = read_payload(container.parse(data).payload, 2)
    assert [[string] for string in strings] == coded["strings"]
    expected = (x_hat[0] * 255).round().byte().permute(1, 2, 0).numpy()
    assert np.array_equal(sccodec.decode(data, options=options), expected)


def test_edges_are_repeated(checkpoint: Checkpoint) -> None:
    options = checkpoint("bmshj2018-factorized")
    image = picture(17, 33)
    whole = np.pad(image, ((0, 15), (0, 15), (0, 0)), mode="edge")
    a, b = (sccodec.encode(x, "compressai:bmshj2018-factorized:1", options=options) for x in (image, whole))
    assert container.parse(a).payload == container.parse(b).payload
    decoded = sccodec.decode(b, options=options)[:17, :33]
    assert np.array_equal(sccodec.decode(a, options=options), decoded)


def test_the_levels_of_a_variable_rate_model_differ(checkpoint: Checkpoint) -> None:
    options = checkpoint("mbt2018-mean-vbr")
    image = picture(64, 64)
    files = [sccodec.encode(image, "compressai:mbt2018-mean-vbr", q, options=options) for q in (0, 50, 100)]
    assert [sccodec.info(data).variant[-2:] for data in files] == [":1", ":4", ":8"]
    assert [len(data) for data in files] == sorted({len(data) for data in files})
    assert len({container.parse(data).tag for data in files}) == 1  # one set of weights
    for data in files:
        assert sccodec.decode(data, options=options).shape == image.shape


def test_the_tag_is_of_the_weights_and_not_of_their_file(checkpoint: Checkpoint) -> None:
    image, spec = picture(16, 16), "compressai:bmshj2018-factorized:1"
    bare = checkpoint("bmshj2018-factorized")
    data = sccodec.encode(image, spec, options=bare)
    decoded = sccodec.decode(data, options=bare)
    trained = checkpoint("bmshj2018-factorized", wrap=lambda state: {"epoch": 3, "state_dict": state})
    assert np.array_equal(sccodec.decode(data, options=trained), decoded)
    parallel = checkpoint("bmshj2018-factorized", wrap=lambda state: {f"module.{k}": v for k, v in state.items()})
    assert np.array_equal(sccodec.decode(data, options=parallel), decoded)


def test_other_weights_are_refused(checkpoint: Checkpoint) -> None:
    right, wrong = checkpoint("bmshj2018-factorized"), checkpoint("bmshj2018-factorized", seed=2)
    data = sccodec.encode(picture(16, 16), "compressai:bmshj2018-factorized:1", options=right)
    with pytest.raises(ModelMismatch, match="--checkpoint") as caught:
        sccodec.decode(data, options=wrong)
    assert "\n" not in str(caught.value) and container.parse(data).tag.hex() in str(caught.value)


def test_checkpoints_that_cannot_be_used(checkpoint: Checkpoint, tmp_path: Path) -> None:
    import torch

    image, spec = picture(16, 16), "compressai:mbt2018-mean:1"
    with pytest.raises(ModelNotFound, match="missing"):
        sccodec.encode(image, spec, options=Options(checkpoint=tmp_path / "missing"))
    bad: list[tuple[str, object]] = [
        ("object", {"state_dict": {"a": object()}}),
        ("list", [torch.zeros(1)]),
        ("nothing", {}),
        ("other", {"state_dict": {"g_a.0.weight": torch.zeros(8, 3, 5, 5), "g_a.6.weight": torch.zeros(12, 8, 5, 5)}}),
    ]
    options = checkpoint("bmshj2018-factorized")
    assert options.checkpoint is not None
    for name, content in bad:
        torch.save(content, tmp_path / name)
    texts = ["", "no checkpoint", ". activate\nexport A=b\n", "PK\x03\x04"]
    for i, text in enumerate(texts):
        (tmp_path / f"text{i}").write_text(text)
    names = [*(name for name, _ in bad), *(f"text{i}" for i in range(len(texts)))]
    for path in [*(tmp_path / name for name in names), options.checkpoint]:
        with pytest.raises(ModelMismatch) as caught:
            sccodec.encode(image, spec, options=Options(checkpoint=path))
        assert "\n" not in str(caught.value)


def test_tables_that_the_coder_cannot_use_are_refused(checkpoint: Checkpoint) -> None:
    from compressai.models import FactorizedPrior

    def spoil(state: dict[str, Any]) -> dict[str, Any]:
        network = FactorizedPrior.from_state_dict(state)
        network.update()
        network.entropy_bottleneck._quantized_cdf[3, 5] = 70000
        return dict(network.state_dict())

    options = checkpoint("bmshj2018-factorized", wrap=spoil)
    with pytest.raises(ModelMismatch, match="tables"):
        sccodec.encode(picture(16, 16), "compressai:bmshj2018-factorized:1", options=options)


def test_weights_that_lead_nowhere_are_refused(checkpoint: Checkpoint) -> None:
    """Latents beyond the integers would keep the package's encoder busy for ever."""

    def blow_up(state: dict[str, Any]) -> dict[str, Any]:
        return {k: v * 1e12 if k == "g_a.6.weight" else v for k, v in state.items()}

    options = checkpoint("bmshj2018-factorized", wrap=blow_up)
    with pytest.raises(ModelMismatch, match="latents"):
        sccodec.encode(picture(16, 16), "compressai:bmshj2018-factorized:1", options=options)


@pytest.mark.parametrize("model", ["bmshj2018-factorized", "mbt2018-mean"])
def test_damage_is_refused(checkpoint: Checkpoint, model: str) -> None:
    options = checkpoint(model)
    data = sccodec.encode(picture(64, 64), f"compressai:{model}:1", options=options)
    for n in range(0, len(data), 1 + len(data) // 60):
        with pytest.raises(BadStream):
            sccodec.decode(data[:n], options=options)
        with pytest.raises(BadStream):
            sccodec.decode(data[:n] + bytes([data[n] ^ 36]) + data[n + 1 :], options=options)


@pytest.mark.parametrize("model", ["bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018"])
def test_damage_behind_a_right_checksum_is_refused(checkpoint: Checkpoint, model: str) -> None:
    options = checkpoint(model)
    file = container.parse(sccodec.encode(picture(64, 64), f"compressai:{model}:1", options=options))
    rng = np.random.default_rng(4)
    refused = 0
    for _ in range(40):
        payload = bytearray(file.payload)
        payload[int(rng.integers(len(payload)))] ^= int(rng.integers(1, 256))
        try:
            sccodec.decode(container.serialise(replace(file, payload=bytes(payload))), options=options)
        except BadStream:
            refused += 1
    assert refused == 40
    n_strings = FAMILIES[model].strings
    check, strings = read_payload(file.payload, n_strings)
    for forged in (
        [strings[0][:8], *strings[1:]],  # ends where the decoder has hardly begun
        [strings[0][:-1], *strings[1:]],
        [b"", *strings[1:]],
        [bytes(8), *strings[1:]],  # a state that never refills
        [b"\xff" * 40, *strings[1:]],
        [strings[0] + bytes(4000), *strings[1:-1], *(s[:8] for s in strings[1:])],
    ):
        payload = write_payload(forged, 1 - check)
        with pytest.raises(BadStream):
            sccodec.decode(container.serialise(replace(file, payload=payload)), options=options)
    for payload in (b"", b"\0", bytes(2), bytes(2) + b"\xff" * 9, bytes(2) + b"\xff\xff\xff\xff\x7f" + bytes(90)):
        with pytest.raises(BadStream):
            sccodec.decode(container.serialise(replace(file, payload=payload)), options=options)


def test_sides_that_are_not_those_of_the_strings(checkpoint: Checkpoint) -> None:
    """Whatever size a forged header claims, memory follows the limit, and the check symbol finds it."""
    options = checkpoint("bmshj2018-factorized")
    file = container.parse(sccodec.encode(picture(64, 64), "compressai:bmshj2018-factorized:1", options=options))
    for width, height in ((128, 64), (64, 16), (300, 300)):
        with pytest.raises(Desync):
            sccodec.decode(container.serialise(replace(file, width=width, height=height)), options=options)
    with pytest.raises(TooLarge, match="compressai"):
        sccodec.decode(container.serialise(replace(file, width=2**14, height=2**13)), options=options)
    with pytest.raises(BadInput, match="limit"):
        sccodec.encode(np.zeros((2**20, 1, 3), np.uint8), "compressai:mbt2018-mean:1", options=options)


def test_files_that_name_their_codec_wrongly(checkpoint: Checkpoint) -> None:
    options = checkpoint("bmshj2018-factorized")
    file = container.parse(sccodec.encode(picture(16, 16), "compressai:bmshj2018-factorized:1", options=options))
    wrong: list[tuple[bytes, type[BadStream]]] = [
        (b"compressai:mbt2018:9", Corrupt),
        (b"compressai", Corrupt),
        (b"compressai:mbt2018:1,checkpoint=/etc/passwd", Corrupt),
        (b"compressai:mbt2018:1,metric=best", Corrupt),
        (b"compressai:\xff", Corrupt),
        (b"compressai:nothing-2031:1", Corrupt),
        (b"later:nothing", UnsupportedVersion),
        (b"", UnsupportedVersion),
        (b"later" * 10**5, UnsupportedVersion),
    ]
    for named, error in wrong:
        data = container.serialise(replace(file, extras=((container.CODEC_EXTRA, named),)))
        for act in (sccodec.decode, sccodec.info):
            with pytest.raises(error) as caught:
                act(data, options=options)
            assert len(str(caught.value)) < 600 and "\n" not in str(caught.value)
    data = container.serialise(replace(file, extras=((container.CODEC_EXTRA, b"compressai:mbt2018-mean:1"),)))
    with pytest.raises((BadStream, ModelMismatch)):
        sccodec.decode(data, options=options)


def test_weights_that_cannot_be_downloaded(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    options = checkpoint("bmshj2018-hyperprior")

    def offline(url: str, **kwargs: object) -> None:
        print("Downloading", url)
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    image = picture(16, 16)
    with pytest.raises(CodecUnavailable, match="--checkpoint") as caught:
        sccodec.encode(image, "compressai:bmshj2018-hyperprior:5")
    message = str(caught.value)
    assert "bmshj2018-hyperprior-5-" in message and ".pth.tar" in message and "://" not in message
    assert "\n" not in message
    data = sccodec.encode(image, "compressai:bmshj2018-hyperprior:5", options=options)
    with pytest.raises(CodecUnavailable, match="bmshj2018-hyperprior-5-"):
        sccodec.decode(data)
    for spec in ("bmshj2018-factorized-relu:1", "mbt2018-mean-vbr:1,metric=ms-ssim"):
        with pytest.raises(CodecUnavailable, match="the zoo has no weights"):
            sccodec.encode(image, f"compressai:{spec}")
    assert capsys.readouterr().out == ""  # files go there


def test_downloaded_weights(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    options = checkpoint("cheng2020-anchor")
    asked: list[str] = []

    def from_cache(url: str, **kwargs: object) -> object:
        asked.append(url.rpartition("/")[2])
        assert kwargs["weights_only"] is True
        return torch.load(options.checkpoint, weights_only=True)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", from_cache)
    image = picture(20, 30)
    data = sccodec.encode(image, "compressai:cheng2020-anchor:2,metric=ms-ssim")
    assert asked[0].startswith("cheng2020_anchor-ms-ssim-2-")
    assert np.array_equal(sccodec.decode(data), sccodec.decode(data, options=options))
    assert sccodec.info(data).details["metric"] == "ms-ssim"


def test_a_checkpoint_that_is_no_quality_of_the_zoo(checkpoint: Checkpoint) -> None:
    options = checkpoint("bmshj2018-factorized")
    spec = f"compressai:bmshj2018-factorized,checkpoint={options.checkpoint}"
    data = sccodec.encode(picture(16, 16), spec)
    assert sccodec.info(data).variant == "bmshj2018-factorized"
    assert sccodec.decode(data, options=options).shape == (16, 16, 3)
    with pytest.raises(ModelNotFound, match="--checkpoint"):
        sccodec.decode(data)
    with pytest.raises(BadInput, match="rate of its own"):
        sccodec.encode(picture(16, 16), spec, 30)
    with pytest.raises(BadInput, match="twice"):
        sccodec.encode(picture(16, 16), spec, options=Options(checkpoint=Path("other")))


# From here on nothing needs compressai.


def test_specs() -> None:
    spec = api.parse("compressai:mbt2018-mean:3,metric=ms-ssim")
    assert spec == Spec("compressai", "mbt2018-mean:3", (("metric", "ms-ssim"),))
    assert str(spec) == "compressai:mbt2018-mean:3,metric=ms-ssim"
    peer = Peer.of(spec, None, has_checkpoint=False)
    assert peer == Peer("mbt2018-mean", 3, "ms-ssim") and peer.spec() == str(spec)
    for text in ("compressai:mbt2018-mean:", "compressai::3", "compressai:a:b=3"):
        with pytest.raises(BadInput):
            api.parse(text)


@pytest.mark.parametrize(
    ("text", "quality", "match"),
    [
        ("compressai", None, "the names are: bmshj2018-factorized,"),
        ("compressai:jpeg", None, "the names are"),
        ("compressai:mbt2018-vbr", None, "not supported"),
        ("compressai:mbt2018:9", None, "1 to 8"),
        ("compressai:cheng2020-attn:7", None, "1 to 6"),
        ("compressai:mbt2018:0", None, "1 to 8"),
        ("compressai:mbt2018:two", None, "1 to 8"),
        ("compressai:mbt2018:1:2", None, "1 to 8"),
        ("compressai:mbt2018:3", 50.0, "twice"),
        ("compressai:mbt2018:3,metric=lpips", None, "mse, ms-ssim"),
        ("compressai:mbt2018:3,size=4", None, "no option"),
    ],
)
def test_specs_that_are_refused(text: str, quality: float | None, match: str) -> None:
    with pytest.raises(BadInput, match=match):
        sccodec.encode(picture(4, 4), text, quality)


def test_quality_picks_the_nearest() -> None:
    for name, family in FAMILIES.items():
        spec = Spec("compressai", name)
        found = [Peer.of(spec, q, has_checkpoint=False).quality for q in range(101)]
        assert found[0] == 1 and found[-1] == family.qualities
        assert found == sorted(found, key=lambda q: q or 0) and len(set(found)) == family.qualities
        assert Peer.of(spec, None, has_checkpoint=False).quality == family.qualities // 2


def test_payloads_round_trip() -> None:
    rng = np.random.default_rng(1)
    for n in (0, 1, 127, 128, 300, 2**14, 2**21):
        z, y = bytes(n), rng.bytes(17)
        assert read_payload(write_payload([y, z], 0x12345), 2) == (0x2345, [y, z])
    assert read_payload(write_payload([b"y"], 7), 1) == (7, [b"y"])


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "sccodec.codecs.compressai.zoo", raising=False)
    monkeypatch.delattr(compressai, "zoo", raising=False)
    with pytest.raises(CodecUnavailable, match=r"need torch: .*sccodec\[peers\]"):
        sccodec.encode(picture(4, 4), "compressai:mbt2018-mean:3")
    with pytest.raises(CodecUnavailable, match=r"sccodec\[peers\]"):
        api.load("compressai").check_available()


def test_every_image_model_of_the_zoo_is_known() -> None:
    imports = pytest.importorskip("sccodec.codecs.compressai.imports")
    try:
        imports.import_compressai()
    except ImportError as error:
        pytest.skip(f"compressai: {error}")
    from compressai.registry import MODELS
    from compressai.zoo import image_models

    assert {*FAMILIES, *UNSUPPORTED} == set(image_models) <= set(MODELS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_decodes(checkpoint: Checkpoint) -> None:
    """torch's threads do not go through a fork, and it would wait for them."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        options = checkpoint("bmshj2018-hyperprior")
        data = sccodec.encode(picture(320, 320), "compressai:bmshj2018-hyperprior:1", options=options)
        decoded = sccodec.decode(data, options=options)
        child = os.fork()
        if child == 0:
            code = 1
            with contextlib.suppress(BaseException):
                again = sccodec.decode(data, options=options)
                code = int(np.abs(again.astype(int) - decoded).max() > 1)  # on another number of threads
            os._exit(code)
        until = time.monotonic() + 60
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
            if time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                pytest.fail("it does not come to its end")
            time.sleep(0.05)
        assert os.waitstatus_to_exitcode(ended[1]) == 0
    finally:
        torch.set_num_threads(before)
