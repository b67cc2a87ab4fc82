"""The conceptual codec with a toy model: traversal, quality, determinism, damage."""

from __future__ import annotations

import copy
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sccodec
from sccodec import api, bundle, container
from sccodec.codecs.conceptual import BITSTREAM, faces, textures
from sccodec.codecs.conceptual.codec import model_of
from sccodec.codecs.conceptual.priors import step_factors
from sccodec.entropy.integer import IntegerNetwork, Layer
from sccodec.errors import BadStream, Corrupt, Desync, ModelMismatch
from tests.decode_golden import GOLDEN

SIZES = [(1, 1), (17, 33), (64, 64), (64, 96), (300, 41)]


@pytest.fixture(autouse=True)
def toy_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of the golden files: it needs no torch."""
    monkeypatch.setenv("SCCODEC_MODELS", str(GOLDEN))


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(6 * (x * a + y * b) + c) for a, b, c in rng.normal(size=(3, 3))]
    return (127 + 120 * np.stack(waves, -1)).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("quality", [0.0, None, 80.0, 100.0])
def test_files_decode_to_their_size_and_write_the_same_bytes_twice(
    size: tuple[int, int], quality: float | None
) -> None:
    image = picture(*size)
    data = sccodec.encode(image, "conceptual:tiny", quality)
    assert sccodec.encode(image, "conceptual:tiny", quality) == data
    decoded = sccodec.decode(data)
    assert decoded.shape == image.shape and decoded.dtype == np.uint8


def test_what_is_read_is_what_was_written() -> None:
    """Symbols, not pixels: the latents of the Reader are the encoder's, rounded about the same means."""
    model = faces.FacesModel(bundle.default("conceptual", "tiny"))
    setting = faces.Setting(2, -6)
    labels, found, t, detail = model.analyse(model.prepare(picture(64, 64)), setting)
    payload = model.write(setting, labels, found, t, detail)
    file = container.Container(model.bundle.tag, 64, 64, setting.to_byte(), payload)
    got = model.read(file)
    assert np.array_equal(found.index, got.found.index)
    assert np.array_equal(api.labels(container.serialise(file)), labels)
    half_step = (step_factors(setting.exponent)[0] / 256) / 2
    for sent, read in ((t, got.t), (detail, got.detail)):
        assert sent.shape == read.shape
        # A base unit has 16ths, and so has a mean: their rounding comes on top of half a step.
        assert np.abs(sent - read).max() <= half_step + 2 / 16
    assert sum(got.bits.values()) / 8 <= len(payload) + 1


def test_settings_fit_a_byte() -> None:
    settings = [faces.Setting(f, k) for f in faces.FACTORS for k in range(-32, 32)]
    assert [faces.Setting.from_byte(s.to_byte()) for s in settings] == settings
    with pytest.raises(Corrupt):
        faces.Setting.from_byte(255)


def test_quality_never_coarsens_as_it_rises() -> None:
    settings = [faces.Setting.of_quality(q / 2) for q in range(201)]
    for before, after in zip(settings[:-1], settings[1:], strict=True):
        assert after.exponent <= before.exponent and after.factor <= before.factor
    assert settings[0].factor == 8 and settings[-1].factor == 2
    assert faces.Setting.of_quality(None) == faces.Setting.of_quality(50)


def test_a_perturbed_prior_is_noticed() -> None:
    """What would happen if a machine computed another scale: an error, not another picture."""
    data = sccodec.encode(picture(64, 64), "conceptual:tiny", 100)
    model = faces.FacesModel(bundle.find(container.parse(data).tag))
    assert model.priors.detail is not None
    last = model.priors.detail.layers[-1]
    moved = last.bias.copy()
    moved[len(moved) // 2 :] += 3 << (last.shift + 8)
    network = IntegerNetwork(
        (*model.priors.detail.layers[:-1], Layer(last.weight, moved, last.shift)),
        model.priors.detail.input_bits,
        model.priors.detail.output_bits,
    )
    assert sccodec.decode(data).shape == (64, 64, 3)
    model.priors = replace(model.priors, detail=network)
    for read in (model.read,):
        with pytest.raises((Desync, Corrupt)):
            read(container.parse(data))


def test_a_model_of_another_bitstream_is_refused() -> None:
    opened = copy.copy(bundle.default("conceptual", "tiny"))
    opened.bitstream = BITSTREAM + 1
    with pytest.raises(ModelMismatch, match="update sccodec"):
        model_of(opened)


@pytest.mark.parametrize("config", [{}, {"working_size": "wide"}, {"working_size": 64, "classes": None}, []])
def test_a_model_without_its_configuration_is_refused(config: object) -> None:
    opened = copy.copy(bundle.default("conceptual", "tiny"))
    opened.config = config
    with pytest.raises(ModelMismatch, match="configuration"):
        model_of(opened)


def test_labels_and_info_run_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sccodec.encode(picture(64, 64), "conceptual:tiny")

    def refuse(self: bundle.Bundle, name: str) -> None:
        raise AssertionError(name)

    monkeypatch.setattr(bundle.Bundle, "network", refuse)
    assert api.labels(data).shape == (8, 8)
    assert sccodec.info(data).width == 64
    with pytest.raises(AssertionError, match="generator"):
        sccodec.decode(data)


SCRIPT = """
import hashlib, sys
import numpy as np
from sccodec import bundle, container
from sccodec.codecs.conceptual.codec import model_of
file = container.parse(open(sys.argv[1], "rb").read())
got = model_of(bundle.find(file.tag)).read(file)
arrays = (got.found.index, got.t, got.detail)
print(hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest())
"""


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("optimisation", ["on", "off"])
def test_symbols_are_the_same_under_other_settings(tmp_path: Path, threads: str, optimisation: str) -> None:
    """Encode under one setting in a process of its own, decode under the opposite one in another."""
    from PIL import Image

    Image.fromarray(picture(90, 120, seed=5)).save(tmp_path / "a.png")
    other = {"1": "2", "2": "1", "on": "off", "off": "on"}

    def environment(n: str, optimise: str) -> dict[str, str]:
        return os.environ | {
            "SCCODEC_THREADS": n,
            "SCCODEC_ORT_OPTIMISATION": optimise,
            "OMP_NUM_THREADS": n,
            "OPENBLAS_NUM_THREADS": n,
        }

    encode = [sys.executable, "-m", "sccodec", "encode", "a.png", "-m", "conceptual:tiny", "-q", "90", "-o", "a.scc"]
    subprocess.run(encode, cwd=tmp_path, env=environment(threads, optimisation), check=True)
    hashes = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, "a.scc"],
            cwd=tmp_path,
            env=environment(*pair),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for pair in ((threads, optimisation), (other[threads], other[optimisation]))
    }
    assert len(hashes) == 1 and len(hashes.pop().strip()) == hashlib.sha256().digest_size * 2


def test_every_prefix_and_every_changed_byte_is_refused() -> None:
    data = sccodec.encode(picture(64, 64), "conceptual:tiny")
    for n in range(len(data)):
        with pytest.raises(BadStream):
            sccodec.decode(data[:n])
    for at in range(len(data)):
        for flip in (1, 128, 255):
            with pytest.raises(BadStream):
                sccodec.decode(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])


def test_labels_are_chosen_by_average_probability_and_by_interpolation() -> None:
    logits = np.zeros((2, 2, 2), np.float32)
    logits[1] = [[9, 0.5], [0.5, -0.5]]
    # Averaged probabilities of class 1: about 1, 0.62, 0.62, 0.38.
    assert textures.choose_labels(logits, (1, 1)).tolist() == [[1]]
    assert textures.choose_labels(logits, (2, 2)).tolist() == [[1, 1], [1, 0]]
    fine = textures.choose_labels(logits, (4, 4))
    assert fine.shape == (4, 4) and fine[0, 0] == 1 and fine[3, 3] == 0


def test_pooling_averages_each_region() -> None:
    from sccodec.codecs.conceptual import regions

    maps = np.array([[[0, 1], [1, 1]]], np.uint8)
    found = regions.find_regions(maps, ((), ()))
    features = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    assert np.allclose(textures.pool(features, found), [[2.5], [(120 - 10) / 12]])
    finer = regions.find_regions(maps.repeat(4, 1).repeat(4, 2), ((), ()))
    assert np.allclose(textures.pool(features, finer), [[2.5], [(120 - 10) / 12]])
