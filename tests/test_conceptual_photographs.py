"""Bitstream 2 of the conceptual codec with a toy model: sizes, tiles, maps of large pictures, graphs, damage."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest

import sccodec
from sccodec import api, bundle, container
from sccodec.codecs.conceptual import photographs, regions
from sccodec.codecs.conceptual.codec import model_of
from sccodec.codecs.conceptual.priors import step_factors
from sccodec.errors import BadInput, ModelMismatch
from tests.decode_golden import GOLDEN

SPEC = "conceptual:tiny_general"


@pytest.fixture(autouse=True)
def toy_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of the golden files: it needs no torch."""
    monkeypatch.setenv("SCCODEC_MODELS", str(GOLDEN))


@pytest.fixture
def model() -> photographs.PhotographsModel:
    return photographs.PhotographsModel(bundle.default("conceptual", "tiny_general"))


@pytest.fixture
def small_maps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Maps that grow to 100x100 pixels only, so that small pictures have scales of large ones."""
    monkeypatch.setattr(photographs, "MAP_PIXELS", 100 * 100)
    yield


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Waves of colour with a disc of another and a little noise, uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(9 * (x * a + y * b) + c) for a, b, c in rng.normal(size=(3, 3))]
    found = 127 + 100 * np.stack(waves, -1) + rng.normal(0, 4, (height, width, 3))
    (top, left), radius = rng.random(2), rng.uniform(0.15, 0.3)
    found[(y - top * y.max()) ** 2 + (x - left * x.max()) ** 2 < radius**2] = rng.random(3) * 255
    return found.clip(0, 255).astype(np.uint8)


def painted(model: photographs.PhotographsModel, file: container.Container) -> np.ndarray:
    return model.paint(model.read(file), file)


def test_what_is_read_is_what_was_written(model: photographs.PhotographsModel) -> None:
    image, level = picture(200, 310), 200
    geometry = photographs.Geometry.of(*image.shape[:2])
    labels = model.choose_map(model.evidence(image, geometry), level)
    found = regions.find_regions(labels[None], model.parts.priors.parents)
    t, y = model.analyse(image, geometry, found, level)
    assert y is not None and t.shape == (len(found.labels), 8) and y.shape == (13, 20, 16)
    payload = model.write(geometry, level, labels, found, t, y)
    file = container.Container(model.bundle.tag, 310, 200, level, payload)
    got = model.read(file)
    assert np.array_equal(got.labels, labels)
    half_step = step_factors(photographs.TEXTURE_EXPONENT)[0] / 512
    assert np.abs(got.t - t).max() <= half_step + 2 / 16
    assert got.y_hat is not None
    error = np.abs(got.y_hat / 16 - y)
    assert np.quantile(error, 0.9) <= 0.51  # the smallest scales are not coded at all
    assert sum(got.bits.values()) / 8 <= len(payload) + 1


def test_the_default_quality() -> None:
    image = picture(64, 96)
    assert photographs.DEFAULT_QUALITY == 45.0
    assert sccodec.encode(image, SPEC) == sccodec.encode(image, SPEC, 45.0) != sccodec.encode(image, SPEC, 46.0)
    assert sccodec.info(sccodec.encode(image, SPEC)).details["quality"] == 45.1


def test_the_lowest_quality_has_no_coarse_layer(model: photographs.PhotographsModel) -> None:
    image = picture(100, 100)
    lowest, next_one = (sccodec.info(sccodec.encode(image, SPEC, q)) for q in (0, 0.4))
    assert [name for name, _ in lowest.sections] == ["labels", "hyper", "textures"]
    assert [name for name, _ in next_one.sections] == ["labels", "hyper", "textures", "coarse"]
    assert lowest.details["quality"] == 0 and next_one.details["quality"] == 0.4


@pytest.mark.parametrize("quality", [0.0, 60.0])
@pytest.mark.usefixtures("small_maps")
def test_tiles_leave_no_trace(model: photographs.PhotographsModel, quality: float) -> None:
    """Neither in the file nor in the picture, with maps coarser than the latents too."""
    image = picture(230, 420)
    file = model.encoder(image, pytest.fail)(quality)
    data = api.frame(file)
    tiled = photographs.PhotographsModel(model.bundle, tile=5)
    assert sccodec.info(data).details["map_scale"] == 64
    assert model.parts.margins[1] > 0 and -(-420 // 16) > 3 * 5
    again = api.frame(tiled.encoder(image, pytest.fail)(quality))
    assert abs(len(again) - len(data)) <= 2  # a sum of floats in another order may round once in a while
    assert isinstance(file, container.Container)
    difference = np.abs(painted(model, file).astype(int) - painted(tiled, file))
    assert (difference > 1).mean() <= 0.001


def test_a_margin_too_small_would_be_seen(model: photographs.PhotographsModel) -> None:
    """The test above could fail."""
    image = picture(230, 420)
    file = model.encoder(image, pytest.fail)(60)
    assert isinstance(file, container.Container)
    tiled = photographs.PhotographsModel(model.bundle, tile=5)
    tiled.parts = photographs.Parts(
        model.parts.priors, model.parts.coarse, model.parts.label_model, (model.parts.margins[0], 0)
    )
    assert (np.abs(painted(model, file).astype(int) - painted(tiled, file)) > 1).mean() > 0.001


def test_info_tells_the_map() -> None:
    found = sccodec.info(sccodec.encode(picture(200, 310), SPEC))
    assert found.details["map_size"] == [13, 20] and found.details["map_scale"] == 16


def test_maps_stop_growing() -> None:
    assert photographs.Geometry.of(512, 768) == photographs.Geometry(32, 48, 0)
    assert photographs.Geometry.of(512, 768).map_shape == (32, 48)
    assert photographs.Geometry.of(1024, 1536).k == 0 and photographs.Geometry.of(1040, 1536).k == 1
    assert photographs.Geometry.of(4000, 6000) == photographs.Geometry(250, 375, 2)
    assert photographs.Geometry.of(4000, 6000).map_shape == (63, 94)
    for height, width in ((1, 1), (1, 1 << 20), (1 << 14, 1 << 14), (4001, 5999)):
        geometry = photographs.Geometry.of(height, width)
        rows, columns = geometry.map_shape
        assert geometry.h * geometry.w * 256 <= photographs.MAP_PIXELS << 2 * geometry.k
        assert rows << geometry.k >= geometry.h > (rows - 1) << geometry.k
        assert columns << geometry.k >= geometry.w > (columns - 1) << geometry.k


@pytest.mark.usefixtures("small_maps")
def test_the_working_picture_is_of_means_with_repeated_edges() -> None:
    image = picture(150, 333)
    geometry = photographs.Geometry.of(150, 333)
    assert geometry.k == 2
    padded = np.pad(image, ((0, 192 - 150), (0, 384 - 333), (0, 0)), mode="edge") / 255.0
    means = padded.reshape(48, 4, 96, 4, 3).mean((1, 3)).transpose(2, 0, 1)
    working = photographs.working_picture(image, geometry)
    assert working.shape == (1, 3, 48, 96) and np.abs(working[0] - means).max() < 1e-6
    whole = photographs.working_picture(picture(40, 30), photographs.Geometry.of(40, 30))
    assert whole.shape == (1, 3, 48, 32)
    assert np.array_equal(np.rint(whole[0, :, :40, :30] * 255).transpose(1, 2, 0), picture(40, 30))


@pytest.mark.usefixtures("small_maps")
def test_textures_are_means_over_their_regions(model: photographs.PhotographsModel) -> None:
    """Against the features of the whole picture at once."""
    image = picture(150, 333)
    geometry = photographs.Geometry.of(150, 333)
    labels = np.random.default_rng(0).integers(0, 5, geometry.map_shape).astype(np.uint8)
    found = regions.find_regions(labels[None], model.parts.priors.parents)
    t, _ = photographs.PhotographsModel(model.bundle, tile=4).analyse(image, geometry, found, 128)
    latents = model.latents(128)
    padded = np.pad(image, ((0, 10), (0, 3), (0, 0)), mode="edge")
    inputs = {"image": padded[None], "factor": latents.vector("analysis"), "gain": latents.vector("gain")}
    _, features = model.bundle.network("analysis", blocked=True).run(inputs)
    spread = labels.repeat(8, 0).repeat(8, 1)[:20, :42]
    for row, label in enumerate(found.labels):
        assert np.allclose(features[0][:, spread == label].mean(1), t[row], atol=1e-4)


def test_textures_change_places_and_the_coarse_layer_stays(model: photographs.PhotographsModel) -> None:
    files = [sccodec.encode(picture(100, 150, seed), SPEC, q) for seed, q in ((1, 70), (2, 20))]
    here, there = (model.read(container.parse(data)) for data in files)
    mine, theirs = int(here.found.labels[0]), int(there.found.labels[-1])
    assert sccodec.edit(files[0], files[0], here.found.labels.tolist()) == files[0]
    edited = sccodec.edit(*files, [mine], [theirs])
    got = model.read(container.parse(edited))
    assert edited != files[0] and np.array_equal(got.labels, here.labels)
    assert got.y_hat is not None and np.array_equal(got.y_hat, here.y_hat)
    step = step_factors(sccodec.info(edited).details["step_exponent"])[0] / 256
    assert np.abs(got.t[0] - there.t[-1]).max() <= step / 2 + 2 / 16
    assert np.array_equal(got.t[1:], here.t[1:])
    with pytest.raises(BadInput, match="labels of this model are numbers"):
        sccodec.edit(*files, ["hair"])


@pytest.mark.parametrize("missing", ["margins", "coarse", "classes"])
def test_a_model_without_its_configuration_is_refused(missing: str) -> None:
    opened = copy.copy(bundle.default("conceptual", "tiny_general"))
    opened.config = {k: v for k, v in opened.config.items() if k != missing}
    with pytest.raises(ModelMismatch, match="configuration"):
        model_of(opened)
