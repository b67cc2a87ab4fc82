"""What every codec owes its callers: over the tiny models of each, over those of public formats, and the fake codec.

Specs come from tests/cases.py. Only a codec of others' models is skipped, where those are not installed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sccodec
from sccodec import api, bundle, container
from sccodec.codec import Codec, Labelled, Options
from sccodec.errors import BadInput, BadStream, CodecUnavailable, ModelNotFound, SccodecError
from tests.cases import GOLDEN, Picture, name_of, picture, quiet, specs, with_option

SPECS = [*specs(), "fake"]
LEAST_SIDE = 64
"""Pictures of so many pixels a side are taken by every codec; of smaller ones it may say what its least size is."""
SETTINGS = {"a": ("1", "on", ""), "b": ("2", "off", "Haswell"), "c": ("1", "on", "Prescott")}
"""Of processes that read one another's files: threads, ONNX Runtime's optimisations, OpenBLAS's kernels."""


@dataclass(frozen=True)
class Case:
    """A codec and one of its variants, and what it is run with."""

    spec: str
    codec: Codec[Any]
    options: Options

    def encode(self, image: Picture, quality: float | None = None, option: str | None = None) -> bytes:
        spec = with_option(self.spec, option) if option else self.spec
        return sccodec.encode(image, spec, quality, notice=quiet, options=self.options)

    def decode(self, data: bytes) -> Picture:
        return sccodec.decode(data, options=self.options)

    @property
    def coded_here(self) -> bool:
        """Whether the entropy coder is ours, so that a file is what its Writer makes, or it is refused."""
        return not self.codec.native and not self.codec.peer


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Options]:
    """Options with the checkpoint of a peer's model of toy size, with random weights."""

    def make(spec: str) -> Options:
        torch = pytest.importorskip("torch")
        imports = pytest.importorskip("sccodec.codecs.compressai.imports")
        try:
            imports.import_compressai()
        except ImportError as error:
            pytest.skip(f"compressai: {error}")
        from compressai.registry import MODELS

        torch.manual_seed(1)
        network = MODELS[spec.partition(":")[2]](8, 12, vr_entbttlnck=True)
        with torch.no_grad():
            [*network.g_a.parameters()][-2].mul_(100)  # latents worth coding
            [*network.h_a.parameters()][-2].mul_(20)
        path = tmp_path_factory.mktemp("weights") / "tiny.pth.tar"
        torch.save(network.state_dict(), path)
        return Options(checkpoint=path)

    return make


@pytest.fixture(params=SPECS)
def case(
    request: pytest.FixtureRequest, fake_codec: str, weights: Callable[[str], Options], monkeypatch: pytest.MonkeyPatch
) -> Case:
    monkeypatch.setenv("SCCODEC_MODELS", str(GOLDEN))
    spec: str = request.param
    codec = api.load(name_of(spec))
    if not codec.peer:
        codec.check_available()
        return Case(spec, codec, Options())
    try:
        codec.check_available()
    except CodecUnavailable as error:
        pytest.skip(str(error))
    return Case(spec, codec, weights(spec))


@pytest.mark.parametrize("quality", [0.0, None, 100.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (17, 33), (64, 96), (300, 41)])
def test_pictures_come_back(case: Case, shape: tuple[int, int], quality: float | None) -> None:
    """In shape and type, the same from each reading, of a file that is the same each time."""
    image = picture(*shape)
    try:
        data = case.encode(image, quality)
    except (BadInput, CodecUnavailable) as error:
        assert min(shape) < LEAST_SIDE and re.search(r"\d", str(error)), "neither encoded nor told the least size"
        return
    assert case.encode(image.copy(), quality) == data
    decoded = case.decode(data)
    assert decoded.dtype == np.uint8 and decoded.shape == image.shape
    assert np.array_equal(case.decode(data), decoded)
    if case.codec.lossless:
        assert np.array_equal(decoded, image)
    if case.codec.native and min(shape) > 1 and quality == 100:
        assert np.abs(decoded.astype(int) - image).mean() < 10


def test_info_adds_up(case: Case) -> None:
    data = case.encode(picture(200, 310))
    found = sccodec.info(data)
    assert found.codec == case.codec.name and (found.height, found.width) == (200, 310)
    if not case.codec.native and case.codec.name != "fake":
        assert found.variant.split(":")[0] == case.spec.split(":")[1]
    assert found.file_bytes == len(data) and found.bpp == pytest.approx(8 * len(data) / (200 * 310))
    assert not case.coded_here or found.overhead_bytes <= 14
    assert found.overhead_bytes >= 0 and all(n_bytes >= 0 for _, n_bytes in found.sections)
    coded = found.overhead_bytes + sum(n_bytes for _, n_bytes in found.sections)
    assert abs(coded - len(data)) <= 2, found  # a range coder's last bits fill a byte, or two
    assert json.loads(json.dumps(found.as_dict()))["details"] == found.details


class Drawn(SccodecError):
    """Pixels were made; no codec makes another error of one of ours."""


def refuse_pixels(case: Case, patch: pytest.MonkeyPatch) -> None:
    """From now on whatever makes pixels raises Drawn."""

    def refuse(*args: object, **options: object) -> None:
        raise Drawn

    patch.setattr(bundle.Bundle, "network", refuse)
    if case.codec.native:
        patch.setattr(type(case.codec), "pixels", refuse)
    elif case.codec.peer:
        patch.setattr(sys.modules[type(case.codec).__module__], "load", refuse)
    elif case.codec.name == "fake":
        patch.setattr(sys.modules[type(case.codec).__module__].FakeReading, "picture", refuse)


def test_info_and_labels_run_no_network(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that selects a probability comes from a float network, and a peer's info needs no weights."""
    data = case.encode(picture(64, 96))
    said = sccodec.info(data)
    labels = api.labels(data) if isinstance(case.codec, Labelled) else None
    refuse_pixels(case, monkeypatch)
    with pytest.raises(Drawn):
        case.decode(data)
    assert sccodec.info(data) == said
    if labels is None:
        with pytest.raises(BadInput, match=r"holds (no labels|a picture, and nothing else)"):
            api.labels(data)
    else:
        assert labels.dtype == np.uint8 and labels.ndim == 2 and min(labels.shape) > 1
        assert np.array_equal(api.labels(data), labels)


def test_quality_moves_the_rate(case: Case) -> None:
    image = picture(200, 280, seed=2)
    sizes = [len(case.encode(image, q)) for q in (0, 50, 100)]
    default = len(case.encode(image))
    assert sizes == sorted(sizes) and sizes[0] <= default <= sizes[2]
    assert (sizes[0] == sizes[2]) == case.codec.lossless
    for q in (0.0, 33.3, 100.0):
        small = picture(64, 64)
        data = case.encode(small, q)
        assert case.decode(data).shape == small.shape
        assert case.encode(small, option=f"q={q}") == data
    listed = case.codec.qualities()
    assert list(listed) == sorted(set(listed)) and 0 <= listed[0] <= listed[-1] <= 100


@pytest.mark.parametrize("quality", [-1.0, 100.5, float("nan")])
def test_other_qualities_are_refused(case: Case, quality: float) -> None:
    with pytest.raises(BadInput, match="0 to 100"):
        case.encode(picture(64, 64), quality)


def test_unknown_options_are_refused(case: Case) -> None:
    with pytest.raises(BadInput, match="no option 'nonsense'"):
        case.encode(picture(64, 64), option="nonsense=1")


def test_unknown_variants_are_refused(case: Case) -> None:
    named = f"{case.codec.name}:nonsense"
    with pytest.raises((BadInput, ModelNotFound), match=case.codec.name) as caught:
        sccodec.encode(picture(64, 64), named, notice=quiet, options=case.options)
    assert "\n" not in str(caught.value)


def test_damaged_files_are_refused(case: Case) -> None:
    """Of public formats only those that were cut short are: a changed byte may be another picture's."""
    data = case.encode(picture(64, 64))
    rng = np.random.default_rng(3)
    step = 1 + len(data) // (400 if case.coded_here else 60)
    for n in range(0, len(data), step):
        with pytest.raises(BadStream):
            case.decode(data[:n])
    for at in range(0, len(data), step):
        changed = data[:at] + bytes([data[at] ^ int(rng.integers(1, 256))]) + data[at + 1 :]
        if case.codec.native:
            try:
                decoded = case.decode(changed)
            except BadStream as error:
                assert "\n" not in str(error)
            else:
                assert decoded.dtype == np.uint8 and decoded.shape[2:] == (3,)
        else:
            with pytest.raises(BadStream) as caught:
                case.decode(changed)
            assert "\n" not in str(caught.value)


def test_damage_behind_a_right_checksum_is_refused(case: Case) -> None:
    """Whoever makes the checksum fit meets the check of the symbols: BadStream, never anything else.

    Files of public formats are no containers of ours, so no such checksum lets their damage pass.
    """
    data = case.encode(picture(64, 64))
    if case.codec.native:
        with pytest.raises(BadStream):
            container.parse(data)
        return
    file = container.parse(data)

    def is_refused(payload: bytes) -> bool:
        try:
            case.decode(container.serialise(replace(file, payload=payload)))
        except BadStream as error:
            assert "\n" not in str(error)
            return True
        return False

    rng = np.random.default_rng(4)
    refused = 0
    for _ in range(60):
        payload = bytearray(file.payload)
        payload[int(rng.integers(len(payload)))] ^= int(rng.integers(1, 256))
        refused += is_refused(bytes(payload))
    assert refused >= 55, "a check symbol of 8 bits lets one in 256 pass"
    for payload in (b"", b"\0", bytes(100), b"\xff" * 3000, rng.bytes(500)):
        assert is_refused(payload), payload[:8]
    assert not is_refused(file.payload)


@pytest.mark.parametrize("tail", [b"\0", b"\1", bytes(8), b"sccodec!", bytes(300)])
def test_trailing_bytes_are_refused(case: Case, tail: bytes) -> None:
    """Behind a right checksum too. Others' decoders may pass over them, and then it is the same picture."""
    data = case.encode(picture(64, 64))
    forged = [data + tail]
    if not case.codec.native:
        file = container.parse(data)
        forged.append(container.serialise(replace(file, payload=file.payload + tail)))
    for each in forged:
        if case.coded_here or (case.codec.peer and each is forged[0]):
            with pytest.raises(BadStream):
                case.decode(each)
        else:
            try:
                decoded = case.decode(each)
            except BadStream as error:
                assert "\n" not in str(error)
            else:
                assert np.array_equal(decoded, case.decode(data))


@pytest.fixture(scope="session")
def read_under_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """For each file that a process wrote: what it and the processes after it read from it. See under_settings.py."""
    folder = tmp_path_factory.mktemp("files")
    core = [spec for spec in SPECS if not spec.startswith("compressai")]
    found: dict[str, list[str]] = {}
    for name, (threads, optimise, kernel) in SETTINGS.items():
        environment = os.environ | {
            "SCCODEC_THREADS": threads,
            "SCCODEC_ORT_OPTIMISATION": optimise,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
        }
        if kernel:
            environment["OPENBLAS_CORETYPE"] = kernel
        done = subprocess.run(
            [sys.executable, "-m", "tests.under_settings", str(folder), name, *core],
            cwd=Path(__file__).parents[1],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        for file, digest in json.loads(done.stdout).items():
            index, writer, _ = file.split(".")
            found.setdefault(f"{core[int(index)]} by {writer}", []).append(digest)
    return found


def test_symbols_are_the_same_under_other_settings(case: Case, request: pytest.FixtureRequest) -> None:
    """Each process writes files under its settings, and reads them and those of the processes before it."""
    if case.codec.peer:
        import torch

        image, threads = picture(64, 96), torch.get_num_threads()
        decoded = []
        for n in (1, 2):
            torch.set_num_threads(n)
            decoded.append(case.decode(case.encode(image, 50)))
        torch.set_num_threads(threads)
        assert np.array_equal(*decoded)
        return
    read = request.getfixturevalue("read_under_settings")
    for writer, readers in zip(SETTINGS, (3, 2, 1), strict=True):
        digests = read[f"{case.spec} by {writer}"]
        assert len(digests) == readers and len(set(digests)) == 1, (case.spec, writer)
    assert len({digests[0] for digests in read.values()}) >= len(read) // len(SETTINGS), "codecs read their own"
