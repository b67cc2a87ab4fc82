"""Which variant of the conceptual codec takes a picture, where none is asked for and both are installed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sccodec
from sccodec import api, bundle
from sccodec.codecs.conceptual import faces, portrait, textures
from sccodec.labels import choice
from tests.decode_golden import GOLDEN
from tests.test_conceptual_faces import picture

ROOT = Path(__file__).parents[1]
ASTRONAUT = Path(__file__).parent / "pictures" / "astronaut.png"


def face(*, eyes: str = "left_eye", down: float = 0.0, aside: float = 0.0, without: str = "") -> np.ndarray:
    """A label map 64x64 of an oval of skin with parts in the usual places, moved by shares of its side."""
    y, x = np.mgrid[:64, :64] / 64 + 1 / 128
    y, x = y - down, x - aside
    labels = np.where(((y - 0.57) / 0.3) ** 2 + ((x - 0.5) / 0.22) ** 2 < 1, portrait.LABELS.index("skin"), 0)
    for name, top, left, height, width in (
        (eyes, 0.48, 0.4, 0.03, 0.1),
        (eyes, 0.48, 0.6, 0.03, 0.1),
        ("nose", 0.58, 0.5, 0.18, 0.1),
        ("upper_lip", 0.74, 0.5, 0.04, 0.2),
    ):
        inside = (abs(y - top) < height / 2) & (abs(x - left) < width / 2)
        if name != without:
            labels[inside] = portrait.LABELS.index(name)
    return labels


def test_a_face_in_its_place_is_a_portrait() -> None:
    assert len(set(portrait.LABELS)) == 19
    assert portrait.is_aligned(face())
    assert portrait.is_aligned(face(eyes="glasses"))
    assert portrait.is_aligned(face(down=0.03, aside=-0.05))


@pytest.mark.parametrize("without", ["left_eye", "nose", "upper_lip"])
def test_a_face_without_a_part_is_none(without: str) -> None:
    assert not portrait.is_aligned(face(without=without))


def test_a_face_elsewhere_is_none() -> None:
    assert not portrait.is_aligned(face(down=0.2))
    assert not portrait.is_aligned(face(down=-0.2))
    assert not portrait.is_aligned(face(aside=0.2))
    assert not portrait.is_aligned(face()[::-1])
    assert not portrait.is_aligned(np.kron(np.eye(2, dtype=int)[:1].repeat(2, 0), face()[::2, ::2]))
    assert not portrait.is_aligned(np.zeros((64, 64), np.uint8))
    assert not portrait.is_aligned(np.where(face() == portrait.LABELS.index("skin"), 0, face()))


def test_portraits_are_about_as_high_as_wide() -> None:
    for shape, fits in (((100, 100), True), ((100, 124), True), ((124, 100), True), ((100, 130), False)):
        assert portrait.has_shape(np.zeros((*shape, 3), np.uint8)) == fits


def test_the_shipped_model_knows_a_portrait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCCODEC_MODELS", raising=False)
    if not any((m.codec, m.variant) == ("conceptual", "faces") for m in bundle.installed()):
        pytest.skip("the faces model is not installed")
    model = faces.FacesModel(bundle.default("conceptual", "faces"))
    image = np.asarray(Image.open(ASTRONAUT).convert("RGB"))
    assert model.is_portrait(model.prepare(image))
    for other in (image[::-1], image[:, ::-1][: image.shape[0] // 2], picture(256, 256), np.full_like(image, 128)):
        assert not model.is_portrait(model.prepare(np.ascontiguousarray(other)))


def test_a_face_whose_map_no_face_has_is_no_portrait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts are in their places, but what is around them takes more bits than a face's map."""
    monkeypatch.delenv("SCCODEC_MODELS", raising=False)
    model = faces.FacesModel(bundle.default("conceptual", "faces"))
    calm = face()
    hair = np.random.default_rng(0).random((32, 32)).repeat(2, 0).repeat(2, 1) < 0.5
    wild = np.where((calm == 0) & hair, portrait.LABELS.index("hair"), calm)

    def judge(labels: np.ndarray) -> tuple[bool, float]:
        logits = 20.0 * (np.arange(19)[:, None, None] == labels).astype(np.float32)
        sent = textures.choose_labels(logits, (32, 32))
        prepared = faces.Prepared(256, 256, np.zeros((1, 3, 256, 256), np.float32), logits)
        return model.is_portrait(prepared), float(choice.sample_bits(sent, model.label_model).sum())

    for labels, fits in ((calm, True), (wild, False)):
        assert portrait.is_aligned(labels)
        found, bits = judge(labels)
        assert found == fits and (150 < bits < 600 if fits else 650 < bits < 5000), bits


def install(folder: Path, golden: str, variant: str) -> None:
    """Put a model of the golden files into a folder, under the name of another variant."""
    data = next(GOLDEN.glob(f"conceptual-{golden}-*.safetensors")).read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"]["variant"] = variant
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = len(text).to_bytes(8, "little") + text + data[end:]
    stem = f"conceptual-{variant}-{hashlib.sha256(data).hexdigest()[:8]}"
    (folder / f"{stem}.safetensors").write_bytes(data)
    with (folder / "DEFAULTS").open("a") as defaults:
        defaults.write(f"{stem}\n")


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with toy models of both variants."""
    install(tmp_path, "tiny", "faces")
    install(tmp_path, "tiny_general", "general")
    monkeypatch.setenv("SCCODEC_MODELS", str(tmp_path))
    return tmp_path


def test_the_picture_decides_where_no_variant_is_asked_for(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def variant(spec: str, image: np.ndarray) -> tuple[str, list[str]]:
        said: list[str] = []
        return sccodec.info(sccodec.encode(image, spec, notice=said.append)).variant, said

    square, wide = picture(64, 64), picture(64, 96)
    faces_said = "an aligned portrait: variant faces; conceptual:general forces the other"
    general_said = "no aligned portrait: variant general; conceptual:faces forces the other"
    assert variant("conceptual", square) == ("general", [general_said])  # the toy model's labels are no face's
    monkeypatch.setattr(faces.FacesModel, "is_portrait", lambda self, prepared: True)
    assert variant("conceptual", square) == ("faces", [faces_said])
    assert variant("conceptual", wide) == ("general", [general_said])
    assert variant("conceptual:faces", wide) == ("faces", [])
    assert variant("conceptual:general", square) == ("general", [])
    said: list[str] = []
    data, _ = api.encode_within(square, "conceptual", 10_000, notice=said.append)
    assert sccodec.info(data).variant == "faces" and said == [faces_said]
    forced = sccodec.encode(square, "conceptual:faces", 30)
    assert sccodec.encode(square, "conceptual", 30, notice=said.append) == forced
    monkeypatch.setattr(bundle, "search_path", lambda: [both])  # without the models that are shipped
    next(p for p in both.iterdir() if p.name.startswith("conceptual-general")).unlink()
    assert variant("conceptual", wide)[0] == "faces" and len(bundle.list_folder(both)) == 1


def test_other_variants_leave_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed package's models are found after those of the folder; they are no part of it."""
    monkeypatch.setenv("SCCODEC_MODELS", os.fspath(GOLDEN))
    said: list[str] = []
    data = sccodec.encode(picture(64, 64), "conceptual", notice=said.append)
    assert sccodec.info(data).variant == "tiny" and not said
