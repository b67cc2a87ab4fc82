"""Training's pictures: read as every command reads them, label maps as classes, what is no picture passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from sccodec.errors import BadInput  # noqa: E402
from sccodec.training import faces, loop, photos, pictures  # noqa: E402
from sccodec.training.recipes import labels_faces, labels_general  # noqa: E402
from tests import tiny_hyperprior  # noqa: E402


def write(path: Path, samples: Any, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(samples).save(path, **options)
    return path


def test_16_bits_and_transparency_are_what_they_are_elsewhere(tmp_path: Path) -> None:
    grey = np.full((8, 8), 0x4080, np.uint16)
    clear = np.dstack([np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 0, np.uint8)])
    (dark, white) = photos.load_photos([write(tmp_path / "a.png", grey), write(tmp_path / "b.png", clear)])
    assert np.array_equal(dark, np.full((8, 8, 3), 0x40, np.uint8))
    assert np.array_equal(white, np.full((8, 8, 3), 255, np.uint8))


def test_photographs_stand_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = write(tmp_path / "a.jpg", np.zeros((8, 16, 3), np.uint8), exif=exif)
    assert photos.load_photos([path], (1.0, 0.5))[1].shape == (8, 4, 3)


def test_what_systems_leave_beside_pictures_is_passed_over(tmp_path: Path) -> None:
    shown = [write(tmp_path / name, np.zeros((4, 4), np.uint8)) for name in ("a.png", "b/c.JPG")]
    write(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    for name in ("._a.png", ".hidden.png", ".cache/d.png", "__MACOSX/a.png", ".DS_Store", "b/Thumbs.db", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no picture")
    assert photos.find_photos(tmp_path) == shown
    assert pictures.pictures_in(tmp_path) == [tmp_path / "a.png"]


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:-300])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.png").mkdir()
    for name in ("cut.png", "empty.jpg", "folder.png", "absent.png"):
        with pytest.raises(BadInput, match=name):
            photos.load_photos([whole, tmp_path / name])


def test_folders_that_hold_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no pictures"):
        photos.load_crops(tmp_path)
    write(tmp_path / "test" / "a.png", np.zeros((330, 330), np.uint8))
    with pytest.raises(BadInput, match="named kodak, labels, test, val"):
        photos.load_crops(tmp_path)
    write(tmp_path / "a.png", np.zeros((330, 330), np.uint8))
    write(tmp_path / "b.png", np.zeros((100, 100), np.uint8))
    with pytest.raises(BadInput, match="too few photographs"):
        photos.load_crops(tmp_path)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Three faces of 256x256 in each part, with labels 0 to 18."""
    for part, seed in (("train", 1), ("val", 2)):
        for i, picture in enumerate(tiny_hyperprior.pictures(3, 256, 256, seed=seed)):
            write(tmp_path / part / "images" / f"{i}.png", picture)
            write(tmp_path / part / "labels" / f"{i}.png", (picture[::, ::, 0] // 64).astype(np.uint8))
    return tmp_path


WRONG = {
    "rgb": np.zeros((256, 256, 3), np.uint8),
    "grey with alpha": np.zeros((256, 256, 2), np.uint8),
    "beyond": np.full((256, 256), 19, np.uint8),
    "far beyond": np.full((256, 256), 256, np.uint16),  # 0 in 8 bits
}


@pytest.mark.parametrize("wrong", WRONG)
def test_label_maps_that_are_none(labelled: Path, wrong: str) -> None:
    folder = labelled / "train"
    write(folder / "labels" / "1.png", WRONG[wrong])
    with pytest.raises(BadInput, match=r"1\.png.*classes 0 to 18") as caught:
        faces.load_labelled(folder, 64)
    with pytest.raises(BadInput) as again:
        labels_faces.load_maps(folder)
    assert str(caught.value) == str(again.value) and "\n" not in str(caught.value)


def test_label_maps_that_cannot_be_read(labelled: Path) -> None:
    folder = labelled / "train"
    path = folder / "labels" / "1.png"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BadInput, match=r"1\.png"):
        faces.load_labelled(folder, 64)
    path.write_text("no picture")
    with pytest.raises(BadInput, match=r"1\.png"):
        labels_faces.load_maps(folder)
    write(path, np.zeros((256, 255), np.uint8))
    with pytest.raises(BadInput, match=r"1\.png: label maps are square"):
        labels_faces.load_maps(folder)


def test_label_maps_of_every_kind_that_holds_classes(tmp_path: Path) -> None:
    labels = (np.arange(256 * 256) % 19).reshape(256, 256)
    palette = Image.fromarray(labels.astype(np.uint8))
    palette.putpalette([7] * 768)
    palette.save(tmp_path / "p.png")
    for name, samples in (("l.png", labels.astype(np.uint8)), ("i.png", labels.astype(np.uint16))):
        write(tmp_path / name, samples)
    for name in ("p.png", "l.png", "i.png"):
        assert np.array_equal(pictures.read_labels(tmp_path / name, 19), labels)
    small = pictures.read_labels(tmp_path / "l.png", 19, 64)
    assert small.shape == (64, 64) and set(np.unique(small)) <= set(range(19))


def test_faces_pass_over_what_is_no_picture(labelled: Path) -> None:
    for name in ("Thumbs.db", ".DS_Store", "._0.png", "readme.txt"):
        (labelled / "train" / "images" / name).write_bytes(b"no picture")
        (labelled / "train" / "labels" / name).write_bytes(b"no picture")
    assert faces.load_labelled(labelled / "train", 64).names == ["0", "1", "2"]
    assert len(labels_faces.load_maps(labelled / "train")) == 3


def test_labels_of_faces_train_in_halves_as_in_one_go(labelled: Path, tmp_path: Path) -> None:
    """Its maps are warped while it trains, and a checkpoint knows how."""

    class Short(labels_faces.LabelsTask):
        def validate(self, modules: Any) -> Any:
            seen.append([m[0] for m in self.maps])
            return {}, np.zeros((1, 1, 3), np.uint8)

    seen: list[list[np.ndarray]] = []

    def train(name: str, steps: int, *, resume: bool = False) -> dict[str, Any]:
        options = loop.Options(labelled, tmp_path / name, steps=steps, batch=500, cooldown=0, resume=resume)
        loaded: dict[str, Any] = torch.load(loop.train(Short, options, lambda line: None), weights_only=True)
        return loaded

    whole = train("a", 12)
    train("b", 6)
    halves = train("b", 6, resume=True)
    for name, weight in whole["average"]["label_context"].items():
        assert torch.equal(weight, halves["average"]["label_context"][name]), name
    assert torch.equal(*(state["draws"][0]["task"]["seeds"] for state in (whole, halves)))
    assert all(np.array_equal(a, b) for a, b in zip(seen[0], seen[2], strict=True))
    originals = labels_faces.load_maps(labelled / "train")
    assert not all(np.array_equal(a, b) for a, b in zip(seen[0], originals, strict=True)), "some were warped"


def test_maps_of_photographs_are_made_of_their_seeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(labels_general, "POOL", 6)
    options = loop.Options(tmp_path, tmp_path, steps=1, init=(tmp_path / "segmenter.pt",))
    one, other = labels_general.LabelsTask(options), labels_general.LabelsTask(options)
    for task in (one, other):
        task.evidence = [np.random.default_rng(0).normal(size=(24, 16, 12)).astype(np.float16)]
        task.odds = np.ones(1)
    one.maps = [one.make(seed) for seed in one.seeds]
    for i in range(3):
        one.renew(np.random.default_rng(i))
    other.go_on_drawing(one.drawn_so_far())
    again = [other.make(seed) for seed in other.seeds]
    assert all(np.array_equal(a, b) for a, b in zip(one.maps, again, strict=True))
