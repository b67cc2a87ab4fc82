"""The conceptual codec with a toy model: traversal, quality, determinism, damage."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

import sccodec
from sccodec import api, bundle, container
from sccodec.codecs.conceptual import BITSTREAM, faces, textures
from sccodec.codecs.conceptual.codec import model_of
from sccodec.codecs.conceptual.priors import step_factors
from sccodec.entropy.integer import IntegerNetwork, Layer
from sccodec.errors import Corrupt, Desync, ModelMismatch
from tests.decode_golden import GOLDEN


@pytest.fixture(autouse=True)
def toy_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of the golden files: it needs no torch."""
    monkeypatch.setenv("SCCODEC_MODELS", str(GOLDEN))


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(6 * (x * a + y * b) + c) for a, b, c in rng.normal(size=(3, 3))]
    return (127 + 120 * np.stack(waves, -1)).astype(np.uint8)


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


def test_qualities_have_these_settings() -> None:
    """Files say so by a byte, and what -q means is what users know."""
    expected = {0: (8, 12), 10: (8, 10), 25: (8, 6), 40: (8, 2), 50: (8, 0), 60: (8, -2), 69: (8, -4), 70: (4, -4),
                80: (4, -6), 89: (4, -8), 90: (2, -8), 100: (2, -10)}  # fmt: skip
    for quality, setting in expected.items():
        assert faces.Setting.of_quality(quality) == faces.Setting(*setting), quality


def test_pictures_are_brought_to_the_working_size_by_averages() -> None:
    """Lines of one pixel become grey; taking every n-th pixel would leave black or white."""
    model = faces.FacesModel(bundle.default("conceptual", "tiny"))
    lines = np.zeros((256, 256, 3), np.uint8)
    lines[:, ::2] = 255
    inside = model.prepare(lines).planes[:, :, 4:-4, 4:-4]
    assert inside.size and np.abs(inside - 0.5).max() < 0.02
    smooth = model.prepare(picture(256, 256)).planes[0].transpose(1, 2, 0) * 255
    averages = picture(256, 256).reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert np.abs(smooth - averages).max() < 4


@pytest.mark.parametrize("variant", ["tiny", "tiny_general"])
def test_the_hyperprior_is_that_of_the_textures(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """z follows from them, and is sent as it is rounded."""
    model = model_of(bundle.default("conceptual", variant))
    image = picture(130, 130)
    data = sccodec.encode(image, f"conceptual:{variant}", 0)
    found = model.read(container.parse(data)).found
    t = 40 * np.random.default_rng(0).normal(size=(len(found.labels), 8)).astype(np.float32)
    z = model.hyper_analysis(t, found)
    assert z.shape == (len(t), 2) and np.abs(z).max() > 0.5
    assert not np.allclose(z, model.hyper_analysis(-t, found))
    sent = np.array([[3.4, -1.6]]).repeat(len(t), 0)
    monkeypatch.setattr(type(model), "hyper_analysis", lambda self, t, found: sent)
    other = sccodec.encode(image, f"conceptual:{variant}", 0)
    assert model.read(container.parse(other)).z.tolist() == [[3, -2]] * len(t)


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
