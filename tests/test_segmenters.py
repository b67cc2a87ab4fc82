"""Segmenters in the library: maps at any size, tiles without seams, model files that are checked."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import torch
from PIL import Image
from torch.nn import functional as F

import sccodec
from sccodec import bundle, container
from sccodec.codecs.conceptual.faces import FacesModel
from sccodec.codecs.conceptual.photographs import Geometry, PhotographsModel
from sccodec.errors import BadInput, Corrupt, ModelMismatch, ModelNotFound
from sccodec.image.palette import apart, blend
from sccodec.image.tiles import spans, widen
from sccodec.labels import bilinear, segmenters, working
from sccodec.labels.bilinear import classes_at
from tests import tiny_segmenter
from tests.cases import TESTS
from tests.cases import picture as waves

Picture = npt.NDArray[np.uint8]
SHIPPED = {m.variant for m in bundle.list_folder(TESTS.parent / "models") if m.codec in ("conceptual", "segmenter")}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of model files, the first to be searched."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("SCCODEC_MODELS", str(folder))
    return folder


@pytest.fixture
def tiny(models: Path) -> segmenters.Segmenter:
    tiny_segmenter.write_model(models)
    return segmenters.find("tiny")


def quarters(height: int, width: int) -> Picture:
    """A picture of four fields: dark, red, green, blue."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, width // 2 :, 0] = 255
    picture[height // 2 :, : width // 2, 1] = 255
    picture[height // 2 :, width // 2 :, 2] = 255
    return picture


def shipped(name: str) -> segmenters.Segmenter:
    if {"photographs": "general"}.get(name, name) not in SHIPPED:
        pytest.skip("the models are not beside the tests")
    return segmenters.find(name)


def test_a_map_says_what_is_where(tiny: segmenters.Segmenter) -> None:
    labels = tiny.segment(quarters(64, 96))
    assert labels.dtype == np.uint8 and labels.shape == (64, 96)
    assert (labels[2:30, 2:46] == 0).all() and (labels[2:30, 50:94] == 1).all()
    assert (labels[34:62, 2:46] == 2).all() and (labels[34:62, 50:94] == 3).all()
    assert (tiny.names, tiny.colours) == (tiny_segmenter.NAMES, tiny_segmenter.COLOURS)
    assert (tiny.stride, tiny.long_side, tiny.parameters) == (4, 96, 4 * 3 * 16 + 4)
    assert tiny.tag == bundle.list_folder(tiny.opened.path.parent)[0].tag.hex()


@pytest.mark.parametrize("size", [(1, 1), (1, 97), (31, 2), (65, 130), (2000, 3), (300, 200)])
def test_any_size(tiny: segmenters.Segmenter, size: tuple[int, int]) -> None:
    """Of one colour, so that every pixel is known."""
    green = np.zeros((*size, 3), np.uint8)
    green[:, :, 1] = 255
    assert np.array_equal(tiny.segment(green), np.full(size, 2))
    assert np.array_equal(tiny.segment(green, long_side=0), np.full(size, 2))
    assert np.array_equal(tiny.segment(green[:, :, 0]), np.zeros(size))


def test_large_pictures_are_reduced(tiny: segmenters.Segmenter) -> None:
    assert tiny.working_size(480, 960) == (48, 96)
    assert tiny.working_size(48, 20) == (48, 20)
    assert tiny.working_size(3, 30000) == (1, 96)
    assert tiny.working_size(480, 960, 0) == (480, 960) == tiny.working_size(480, 960, 2000)
    assert tiny.working_size(480, 960, 100) == (50, 100)
    picture = quarters(640, 480)
    labels = tiny.segment(picture)
    assert labels.shape == (640, 480)
    assert np.array_equal(np.bincount(labels[20:300, 20:220].ravel()), [280 * 200])
    small = np.asarray(Image.fromarray(picture).resize((72, 96), Image.Resampling.LANCZOS))
    assert np.allclose(tiny.probabilities(picture), tiny.probabilities(small))
    assert tiny.probabilities(picture, long_side=0).shape == (4, 160, 120)


def test_probabilities_are_of_blocks(tiny: segmenters.Segmenter) -> None:
    found = tiny.probabilities(quarters(64, 90))
    assert found.dtype == np.float32 and found.shape == (4, 16, 23)
    assert np.allclose(found.sum(0), 1, atol=1e-6)
    logits = np.array([4.0, 8.0, 0.0, 0.0])  # 0.5 of each of 16 samples that are 1
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(found[:, 2, 20], expected, rtol=1e-4)


@pytest.mark.parametrize("size", [(64, 96), (50, 77), (7, 5)])
def test_maps_are_what_torch_interpolates(tiny: segmenters.Segmenter, size: tuple[int, int]) -> None:
    picture = waves(*size, seed=4)
    padded = np.pad(picture, ((0, -size[0] % 32), (0, -size[1] % 32), (0, 0)), mode="edge")
    image = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255
    whole = F.interpolate(tiny_segmenter.Nearest()(image), scale_factor=4.0, mode="bilinear", align_corners=False)
    expected = whole[0, :, : size[0], : size[1]].argmax(0).numpy()
    assert len(np.unique(expected)) > 1
    assert (tiny.segment(picture) != expected).mean() < 0.001


def test_interpolation_along_edges_alone_is_that_of_every_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise and fields, grown and shrunk by all sorts of factors, in strips of a few rows."""
    monkeypatch.setattr(bilinear, "STRIP_PIXELS", 500)
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 1, (7, 12, 9)).astype(np.float32)
    logits[3, :7] += 6
    for height, width in ((12, 9), (48, 36), (100, 91), (5, 4), (1, 40)):
        scale = 12 / height, 9 / width
        grown = F.interpolate(torch.from_numpy(logits)[None], size=(height, width), mode="bilinear")[0]
        labels = classes_at(logits, (height, width), scale)
        assert labels.shape == (height, width)
        assert (labels != grown.argmax(0).numpy()).mean() < 0.001


def test_of_equals_the_first_class_counts() -> None:
    assert classes_at(np.zeros((5, 3, 3), np.float32), (9, 9), (1 / 3, 1 / 3)).max() == 0


@pytest.mark.parametrize("name", ["street", "photographs", "faces"])
def test_tiles_leave_no_seams(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At full size, of a picture of many things at many scales: the map of tiles is that of the whole."""
    found = shipped(name)
    cat, woman = (Image.open(TESTS / "pictures" / f"{n}.png").convert("RGB") for n in ("chelsea", "astronaut"))
    canvas = cat.resize((1900, 1120), Image.Resampling.BICUBIC)
    for i, (x, y) in enumerate([(100, 80), (700, 60), (820, 500), (1300, 300), (300, 600), (1000, 900)]):
        side = 120 + 90 * i
        canvas.paste((woman, cat)[i % 2].resize((side, side)), (x, y))
    picture = np.asarray(canvas)
    monkeypatch.setattr(working, "SEEN", 1280)
    tiled = found.segment(picture, long_side=0)
    monkeypatch.setattr(working, "SEEN", 4096)
    whole = found.segment(picture, long_side=0)
    assert len(np.unique(whole)) > 5
    assert (tiled == whole).mean() >= 0.999
    monkeypatch.setattr(working, "SEEN", 1280)
    monkeypatch.setattr(working, "MARGIN", 0)
    assert (found.segment(picture, long_side=0) == whole).mean() < 0.998  # the margin is what does it


def test_parts_cover_a_length_once_within_their_margins() -> None:
    for length in (1, 31, 32, 1664, 1696, 2688, 2720, 5472, 16384, 100000):
        whole = -(-length // 32) * 32
        found = spans(whole, 1664, 320, 32)
        assert [s.start for s in found] == [0, *(s.stop for s in found[:-1])] and found[-1].stop == whole
        assert all(s.start % 32 == 0 for s in found)
        ends = [widen(s, 320, whole) for s in found]
        assert max(b - a for a, b in ends) <= 1664
    assert len(spans(1664, 1664, 320, 32)) == 1 and len(spans(2688, 1664, 320, 32)) == 2


def test_tiles_hand_on_the_right_parts(tiny: segmenters.Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "SEEN", 96)
    monkeypatch.setattr(working, "MARGIN", 32)
    picture = waves(321, 260, seed=7)
    tiled = tiny.segment(picture, long_side=0)
    monkeypatch.setattr(working, "SEEN", 1000)
    assert np.array_equal(tiled, tiny.segment(picture, long_side=0))


def test_faces_are_segmented_as_the_codec_does() -> None:
    found = shipped("faces")
    picture = np.asarray(Image.open(TESTS / "pictures" / "astronaut.png").convert("RGB"))
    twice = np.asarray(Image.fromarray(picture).resize((600, 600), Image.Resampling.BICUBIC))
    opened = found.opened
    for each in (picture, twice, picture[::4, ::4]):
        logits = FacesModel(opened).prepare(each).logits
        expected = F.interpolate(torch.from_numpy(logits)[None], size=each.shape[:2], mode="bilinear")
        labels = found.segment(each)
        assert labels.shape == each.shape[:2]
        assert (labels == expected[0].argmax(0).numpy()).mean() > 0.999
    labels = found.segment(picture)
    assert found.names[labels[20, 130]] == "hair" and found.names[labels[110, 90]] == "skin"
    assert len(found.names) == len(found.colours) == 19 and found.long_side == 256


def test_photographs_are_segmented_as_the_codec_does() -> None:
    found = shipped("photographs")
    picture = np.asarray(Image.open(TESTS / "pictures" / "chelsea.png").convert("RGB"))
    evidence = PhotographsModel(found.opened).evidence(picture, Geometry.of(*picture.shape[:2]))
    assert np.allclose(found.probabilities(picture), np.exp(evidence), atol=1e-6)
    labels = found.segment(picture)
    middles = labels[8::16, 8::16]
    assert (middles == evidence.argmax(0)[: middles.shape[0], : middles.shape[1]]).mean() > 0.97
    assert len(found.names) == len(found.colours) == 24 and found.names[3] == "region 3" and found.stride == 16


def test_refining_is_the_convcrf_of_the_file(models: Path) -> None:
    """A dot of another class, of the colour of what is around it in all but a little, goes."""
    tiny_segmenter.write_model(models, config={"crf": {"window": 7, "steps": 5}}, extra=tiny_segmenter.CRF)
    found = segmenters.find("tiny")
    assert found.can_refine
    picture = np.full((64, 64, 3), (100, 140, 0), np.uint8)
    picture[24:28, 24:28] = (141, 100, 0)
    plain, refined = found.segment(picture), found.segment(picture, refine=True)
    assert plain[26, 26] == 1 and (plain == 2).mean() > 0.95
    assert np.array_equal(refined, np.full((64, 64), 2))
    assert not np.allclose(found.probabilities(picture), found.probabilities(picture, refine=True))


def test_enlarging_has_the_limit_of_pictures(tiny: segmenters.Segmenter) -> None:
    enlarging = replace(tiny, traits=replace(tiny.traits, enlarge=True))
    for ask in (enlarging.segment, enlarging.probabilities):
        with pytest.raises(BadInput, match=r"a long side of 1000000 makes it 1000000x500000 pixels, and the limit is"):
            ask(quarters(8, 16), long_side=10**6)
        with pytest.raises(BadInput, match=r"makes it 64x32 pixels, and the limit is 2047$"):
            ask(quarters(8, 16), long_side=64, max_pixels=2047)
    assert enlarging.segment(quarters(8, 16), long_side=64, max_pixels=2048).shape == (8, 16)
    assert enlarging.segment(quarters(8, 16), max_pixels=128).shape == (8, 16)  # the working size it has unasked


@pytest.mark.parametrize(("name", "value"), [("unary", 3e38), ("compatibility", 3e38)])
def test_refining_beyond_what_numbers_hold_is_one_line(models: Path, name: str, value: float) -> None:
    """It must not come out as a map of one class."""
    extra = tiny_segmenter.CRF | {f"crf.{name}": np.full_like(tiny_segmenter.CRF[f"crf.{name}"], value)}
    tiny_segmenter.write_model(models, config={"crf": {"window": 3, "steps": 3}}, extra=extra)
    with warnings.catch_warnings(), pytest.raises(ModelMismatch, match="its ConvCRF gives numbers that are not finite"):
        warnings.simplefilter("error")
        segmenters.find("tiny").segment(quarters(64, 96), refine=True)


def test_refining_needs_a_convcrf(tiny: segmenters.Segmenter) -> None:
    with pytest.raises(BadInput, match="'tiny' has no ConvCRF"):
        tiny.segment(quarters(8, 8), refine=True)


def test_names_and_the_default(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "search_path", lambda: [models])
    assert segmenters.names() == []
    with pytest.raises(ModelNotFound, match=f"no segmenter is installed; looked in {models}"):
        segmenters.find()
    for name in ("street", "faces", "photographs"):
        with pytest.raises(ModelNotFound, match=f"looked in {models}"):
            segmenters.find(name)
    tiny_segmenter.write_model(models, "alleys")
    tiny_segmenter.write_model(models, "faces")  # of another kind than the codec's: the name is taken
    assert segmenters.names() == ["alleys"] and segmenters.find().name == "alleys"
    tiny_segmenter.write_model(models, "street")
    assert segmenters.names() == ["street", "alleys"] and segmenters.find().name == "street"
    for wrong in ("nothing", "", "street-small", "tiny:x"):
        with pytest.raises(BadInput, match="there are: street, alleys; looked in"):
            segmenters.find(wrong)
    with pytest.raises(ModelNotFound):
        segmenters.find("faces")


def test_the_library_offers_it(models: Path) -> None:
    tiny_segmenter.write_model(models)
    picture = quarters(32, 64)
    found = sccodec.segmenter("tiny")
    assert isinstance(found, sccodec.Segmenter)
    labels = sccodec.segment(picture, "tiny")
    assert np.array_equal(labels, found.segment(picture))
    assert np.array_equal(sccodec.segment(picture[:, :, 2], "tiny"), sccodec.segment(picture[:, :, [2, 2, 2]], "tiny"))
    assert np.array_equal(sccodec.segment(picture, "tiny", long_side=16), found.segment(picture, long_side=16))
    with pytest.raises(BadInput, match="64x32 pixels, the limit is 2047 in all"):
        sccodec.segment(picture, "tiny", options=sccodec.Options(max_pixels=2047))
    for wrong in (picture.astype(np.float32), picture[:0], picture[None], np.zeros((4, 4, 2), np.uint8)):
        with pytest.raises(BadInput, match="the picture's s"):
            found.segment(wrong)
    for side in (-1, 1.5, "full", True):
        with pytest.raises(BadInput, match="the long side is"):
            found.segment(picture, long_side=side)  # type: ignore[arg-type]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"classes": []}, "classes must be a list of 1 to 256 names"),
    ({"classes": "sky"}, "classes must be a list"),
    ({"classes": None}, "classes must be a list"),
    ({"classes": ["a", "b", "c", 4]}, "4 is no name of a class"),
    ({"classes": ["a", "b", "c", " "]}, "' ' is no name"),
    ({"classes": ["a", "b", "c", "d\n"]}, r"'d\\n' is no name"),
    ({"classes": ["a", "b", "c", "a"]}, "two classes have one name"),
    ({"classes": [f"c{i}" for i in range(257)], "colours": [[0, 0, 0]] * 257}, "1 to 256 names"),
    ({"classes": ["a", "b"]}, "colours must be a list of 2, one for each class"),
    ({"colours": None}, "colours must be a list of 4"),
    ({"colours": [[0, 0, 0]] * 3}, "colours must be a list of 4"),
    ({"colours": [[0, 0, 0]] * 3 + [[0, 0]]}, "is no colour"),
    ({"colours": [[0, 0, 0]] * 3 + [[0, 0, 1.5]]}, "is no colour"),
    ({"colours": [[0, 0, 0]] * 3 + [[0, 0, 256]]}, "go from 0 to 255"),
    ({"colours": [[0, 0, 0]] * 3 + ["red"]}, "is no colour"),
    ({"long_side": 0}, "long_side is 0: expected 1 to 1048576"),
    ({"long_side": "960"}, "long_side is '960'"),
    ({"long_side": True}, "long_side is True"),
    ({"multiple": 0}, "multiple is 0: expected 4 to 256 in steps of 4"),
    ({"multiple": -32}, "multiple is -32"),
    ({"multiple": 30}, "multiple is 30"),
    ({"multiple": 32.0}, "multiple is 32.0"),
    ({"stride": 0}, "stride is 0"),
    ({"stride": 3}, "stride is 3: expected a power of 2"),
    ({"stride": 32, "multiple": 48}, "stride is 32: expected a power of 2 that divides the multiple, 48"),
    ({"stride": True}, "stride is True"),
    ({"crf": []}, "crf must be an object, or null"),
    ({"crf": {"window": 7}}, "steps is None: expected 1 to 100"),
    ({"crf": {"window": 6, "steps": 5}}, "window is 6: expected 3 to 33 in steps of 2"),
    ({"crf": {"window": 7, "steps": 0}}, "steps is 0"),
]


@pytest.mark.parametrize(("config", "message"), WRONG, ids=lambda v: str(v)[:40])
def test_a_configuration_that_cannot_be_used_is_one_line(models: Path, config: dict[str, Any], message: str) -> None:
    tiny_segmenter.write_model(models, config=config, extra=tiny_segmenter.CRF)
    with pytest.raises(ModelMismatch, match=message) as error:
        segmenters.find("tiny")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


BROKEN: list[tuple[str, npt.NDArray[Any] | None, str]] = [
    ("weight", None, "holds no crf.weight"),
    ("weight", np.zeros(0, np.float32), r"crf.weight is float32 \[0\]: expected floats \[kernels\]"),
    ("weight", np.ones(2, np.int32), "crf.weight is int32"),
    ("position", np.ones(3, np.float32), r"crf.position is float32 \[3\]: expected floats \[2\]"),
    ("colour", np.array([-1, 0], np.float32), "must not be negative"),
    ("colour", np.array([np.nan, 0], np.float32), "crf.colour holds numbers that are not finite"),
    ("compatibility", np.eye(3, dtype=np.float32), r"crf.compatibility .*expected floats \[4, 4\]"),
    ("unary", np.ones(1, np.float32), r"crf.unary is float32 \[1\]"),
]


@pytest.mark.parametrize(("name", "value", "message"), BROKEN)
def test_a_convcrf_that_cannot_be_used_is_one_line(
    models: Path, name: str, value: npt.NDArray[Any] | None, message: str
) -> None:
    arrays = {k: v for k, v in tiny_segmenter.CRF.items() if k != f"crf.{name}"}
    if value is not None:
        arrays[f"crf.{name}"] = value
    tiny_segmenter.write_model(models, config={"crf": {"window": 7, "steps": 5}}, extra=arrays)
    with pytest.raises(ModelMismatch, match=message):
        segmenters.find("tiny")


def test_a_network_of_another_kind_is_one_line(models: Path) -> None:
    tiny_segmenter.write_model(models, config={"classes": ["a", "b", "c"], "colours": [[1, 2, 3]] * 3})
    with pytest.raises(ModelMismatch, match=r"gives \[\(1, 4, 8, 8\)\], and not \[\(1, 3, 8, 8\)\]"):
        sccodec.segment(quarters(8, 8), "tiny")
    tiny_segmenter.write_model(models, "later", bitstream="2")
    with pytest.raises(ModelMismatch, match="bitstream is 2, and only 1 is known"):
        segmenters.find("later")
    bias = {"segmenter.conv.bias": np.array([0, np.inf, 0, 0], np.float16)}
    tiny_segmenter.write_model(models, "infinite", extra=bias)
    with pytest.raises(ModelMismatch, match="numbers that are not finite"):
        sccodec.segment(quarters(8, 8), "infinite")
    short = {"segmenter.conv.bias": np.zeros(3, np.float16)}
    tiny_segmenter.write_model(models, "short", extra=short)
    with pytest.raises(ModelMismatch, match="a network does not load"):
        sccodec.segment(quarters(8, 8), "short")


def test_a_damaged_model_file_is_refused(models: Path) -> None:
    path = tiny_segmenter.write_model(models)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelMismatch, match="is damaged"):
        segmenters.find("tiny")


def test_a_file_that_names_a_segmenter_is_damaged(models: Path) -> None:
    """Its model is installed, but no codec is of that name."""
    path = tiny_segmenter.write_model(models)
    tag = bytes.fromhex(path.stem.rpartition("-")[2])
    data = container.serialise(container.Container(tag, 8, 8, 0, b"payload"))
    with pytest.raises(Corrupt, match=rf"it names {path.name}, which is no codec's model"):
        sccodec.decode(data)


def test_a_gpu_has_the_same_segmenters() -> None:
    """torch's own CPU, by its other name, runs what a GPU does."""
    found = shipped("faces")
    picture = np.asarray(Image.open(TESTS / "pictures" / "astronaut.png").convert("RGB"))
    assert (segmenters.find("faces", "cpu:0").segment(picture) == found.segment(picture)).mean() > 0.999


def test_a_blend_is_between_picture_and_colours() -> None:
    picture, labels = np.full((3, 2, 3), (10, 20, 31), np.uint8), np.array([[0, 1]] * 3, np.uint8)
    colours = ((255, 0, 100), (0, 255, 255))
    assert np.array_equal(blend(picture, labels, colours, 0.0), picture)
    assert blend(picture, labels, colours, 1.0)[1].tolist() == [[255, 0, 100], [0, 255, 255]]
    assert blend(picture, labels, colours, 0.5)[2].tolist() == [[133, 10, 66], [5, 138, 143]]


def test_colours_are_far_apart() -> None:
    found = np.array(apart(24), int)
    gaps = np.abs(found[:, None] - found[None]).max(2)
    assert (gaps[~np.eye(24, dtype=bool)] >= 64).all() and apart(256)[:24] == apart(24)
    assert len(set(apart(256))) == 256
