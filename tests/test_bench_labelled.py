"""Pictures with label maps: where maps are looked for, what their files may hold, and sets that have a name."""

from __future__ import annotations

import io
import math
import shutil
import tarfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sccodec.bench import datasets, labelled, registry, run
from sccodec.bench.labelled import read_map
from sccodec.bench.registry import LabelledSet
from sccodec.cli import main
from sccodec.errors import BadInput
from sccodec.metrics.labels import confusion, mean_iou, pixel_accuracy
from tests import labelled_set
from tests.labelled_set import HEIGHT, NAMES, WIDTH, label_map, picture, png

SIZE = (WIDTH, HEIGHT)


def maps_of(text: str | Path) -> dict[str, str | None]:
    """Of each picture of a set, the map's name."""
    return {pair.name: pair.labels and pair.labels.name for pair in labelled.find(str(text)).pairs}


def test_figures_of_two_maps_worked_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1], [1, 2, 2, 3]], np.uint8)  # 3 is void, with 3 classes
    predicted = np.array([[0, 1, 1, 1], [0, 2, 1, 2]], np.uint8)
    counts = confusion(predicted, truth, 3)
    assert counts.tolist() == [[1, 1, 0], [1, 2, 0], [0, 1, 1]]
    mean, iou = mean_iou(counts)
    assert iou.tolist() == [1 / 3, 2 / 5, 1 / 2] and mean == pytest.approx((1 / 3 + 2 / 5 + 1 / 2) / 3)
    assert pixel_accuracy(counts) == 4 / 7
    more = np.zeros((4, 4), np.int64)
    more[:3, :3] = counts  # a class that occurs nowhere is in no mean
    assert mean_iou(more)[0] == pytest.approx(mean) and math.isnan(mean_iou(more)[1][3])


def test_maps_of_nothing_but_void_have_no_figures() -> None:
    void = np.full((2, 2), 255, np.uint8)
    counts = confusion(np.zeros((2, 2), np.uint8), void, 5)
    assert counts.sum() == 0 and math.isnan(mean_iou(counts)[0]) and math.isnan(pixel_accuracy(counts))


def test_maps_that_do_not_fit_are_refused_instead_of_counted() -> None:
    with pytest.raises(BadInput, match="class 3 was predicted"):
        confusion(np.full((2, 2), 3, np.uint8), np.zeros((2, 2), np.uint8), 3)
    with pytest.raises(BadInput, match="shape"):
        confusion(np.zeros((1, 4), np.uint8), np.zeros((2, 2), np.uint8), 3)


def test_maps_are_found_in_every_layout(tmp_path: Path) -> None:
    beside = labelled_set.write(tmp_path / "beside", suffix=".jpg")
    expected = {f"images/{name}.jpg": f"labels/{name}.png" for name in NAMES}
    assert maps_of(beside) == expected
    assert maps_of(beside / "images") == {Path(k).name: v for k, v in expected.items()}
    assert maps_of(beside / "images" / "*.jpg") == {Path(k).name: v for k, v in expected.items()}
    assert maps_of(beside / "images" / "b.jpg") == {"b.jpg": "labels/b.png"}
    within = tmp_path / "within"
    shutil.copytree(beside / "images", within)
    shutil.copytree(beside / "labels", within / "labels")
    assert maps_of(within) == {f"{name}.jpg": f"labels/{name}.png" for name in NAMES}
    split = tmp_path / "split"
    shutil.copytree(beside / "images", split / "images" / "val")
    shutil.copytree(beside / "labels", split / "labels" / "val")
    assert maps_of(split) == {f"images/val/{name}.jpg": f"val/{name}.png" for name in NAMES}
    copies = tmp_path / "copies"
    shutil.copytree(labelled_set.write(tmp_path / "png") / "images", copies / "test")
    shutil.copytree(beside / "labels", copies / "testannot")
    assert maps_of(copies) == {f"test/{name}.png": f"testannot/{name}.png" for name in NAMES}
    for folder, names in ((beside, expected), (copies, maps_of(copies))):
        with tarfile.open(tmp_path / "set.tar", "w") as archive:
            archive.add(folder, "./deep/set")
        found = labelled.find(str(tmp_path / "set.tar"))
        assert {Path(pair.name).name: pair.labels and pair.labels.name for pair in found.pairs} == {
            Path(name).name: map_ for name, map_ in names.items()
        }
        labels = labelled.matching(found.pairs[0], *SIZE)
        assert np.array_equal(labels, label_map())


def test_sets_without_maps_are_refused_and_single_pictures_are_not(tmp_path: Path) -> None:
    folder = labelled_set.write(tmp_path / "set")
    (folder / "labels" / "b.png").unlink()
    assert maps_of(folder)["images/b.png"] is None
    pair = labelled.find(str(folder)).pairs[1]
    with pytest.raises(BadInput, match=r"no b\.png in a folder 'labels'"):
        labelled.matching(pair, *SIZE)
    shutil.rmtree(folder / "labels")
    with pytest.raises(BadInput, match=r"has no label maps: a\.png"):
        labelled.find(str(folder))
    with pytest.raises(BadInput, match="no pictures of them"):
        labelled.find(str(only_labels(tmp_path)))


def only_labels(folder: Path) -> Path:
    (folder / "only" / "labels").mkdir(parents=True)
    (folder / "only" / "labels" / "a.png").write_bytes(png(label_map()))
    return folder / "only"


@pytest.mark.parametrize("mode", [None, "P"])
def test_grey_and_palette_maps_hold_class_numbers(mode: str | None) -> None:
    assert np.array_equal(read_map(png(label_map(12), mode), SIZE), label_map(12))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_maps_of_fewer_bits_are_not_scaled(depth: int) -> None:
    labels = label_map(2**depth)
    assert np.array_equal(read_map(labelled_set.grey_png(labels, depth), SIZE), labels)


def test_small_palettes_are_class_numbers_too() -> None:
    buffer = io.BytesIO()
    made = Image.fromarray(label_map(4), "L").convert("P")
    made.putdata(label_map(4).ravel().tolist())
    made.save(buffer, "PNG", bits=2)
    assert np.array_equal(read_map(buffer.getvalue(), SIZE), label_map(4))


def as_jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(label_map()).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png(picture()), "one channel, of class numbers, and this PNG has 3"),
        (png(np.dstack([picture(), picture()[:, :, :1]])), "has 4"),
        (png(np.dstack([label_map(), label_map()])), "has 2"),
        (png(label_map().astype(np.uint16)), "8 bits a sample, and this PNG has 16"),  # type: ignore[arg-type]
        (png(label_map()[:, :32]), "of 32x48 pixels, and its picture of 64x48"),
        (png(label_map())[:-30], "cut short"),
        (png(label_map()).replace(b"IDAT", b"IDAT\1", 1), "damaged|cut short"),
        (as_jpeg(), "a PNG file, and this is none"),
        (b"", "a PNG file, and this is none"),
    ],
)  # fmt: skip
def test_files_that_are_no_maps_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        read_map(data, SIZE)
    assert "\n" not in str(error.value)


@pytest.fixture
def small_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures in place of CamVid's, and a data folder of the test's own."""
    folder = labelled_set.write(tmp_path / "camvid" / "test", suffix=".webp")
    labelled_set.write(tmp_path / "camvid" / "train", names=("d", "e"))
    digest = sha256(b"".join(b"%s 64 48\n" % name.encode() + label_map().tobytes() for name in NAMES)).hexdigest()
    monkeypatch.setenv("SCCODEC_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(registry, "LABELLED", {"camvid": LabelledSet(NAMES, ("x", "y", "z"), digest, "from afar")})
    return folder


def data(capfd: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["data", *map(str, args)])
    out, err = capfd.readouterr()
    assert "Traceback" not in err and isinstance(stopped.value.code, int)
    return stopped.value.code, out, err


def test_camvid_is_the_test_split() -> None:
    names = registry.CAMVID.names
    assert len(names) == len(set(names)) == 233 and list(names) == sorted(names) and len(registry.CAMVID.classes) == 11
    assert (names[0], names[61], names[62], names[-1]) == (
        "0001TP_008550", "0001TP_010380", "Seq05VD_f00000", "Seq05VD_f05100",
    )  # fmt: skip


def test_a_labelled_set_is_added_from_a_folder_and_from_an_archive(
    small_set: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert data(capfd, "list")[1].splitlines()[1] == ("camvid: not here; `sccodec data add camvid PATH`: from afar")
    with pytest.raises(BadInput, match="data add camvid PATH"):
        datasets.find("camvid")
    with tarfile.open(tmp_path / "camvid.tar", "w") as archive:
        archive.add(tmp_path / "camvid", "camvid")
    for source in (small_set, tmp_path / "camvid", tmp_path / "camvid.tar"):
        code, out, err = data(capfd, "add", "camvid", source)
        assert (code, err) == (0, "") and out == f"camvid: 3 pictures with label maps at {source}\n"
        found = labelled.find("camvid")
        assert found.name == "camvid" and found.classes == ("x", "y", "z")
        assert [pair.name for pair in found.pairs] == ["a.webp", "b.webp", "c.webp"]
        for pair in found.pairs:
            assert pair.labels is not None and sha256(pair.labels.read()).hexdigest() == pair.labels.sha256
            assert np.array_equal(labelled.matching(pair, *SIZE), label_map())
        assert [entry.name for entry in datasets.find("camvid").entries] == ["a.webp", "b.webp", "c.webp"]
    assert f"camvid: 3 pictures with label maps at {source}\n" in data(capfd, "list")[1]


def test_pictures_and_maps_of_a_set_may_both_be_png(
    small_set: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(labelled_set.write(tmp_path / "png") / "images", copy / "test")
    shutil.copytree(small_set / "labels", copy / "testannot")
    assert data(capfd, "add", "camvid", copy)[0] == 0
    found = labelled.find("camvid")
    assert [pair.labels and pair.labels.name for pair in found.pairs] == [f"testannot/{name}.png" for name in NAMES]
    assert all(np.array_equal(Image.open(io.BytesIO(e.read())), picture(i)) for i, e in
               enumerate(datasets.find("camvid").entries))  # fmt: skip


def test_other_sets_of_that_name_are_refused(
    small_set: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def refused(said: str) -> None:
        code, out, err = data(capfd, "add", "camvid", tmp_path / "camvid")
        assert code == 1 and out == "" and err.count("\n") == 1 and said in err, err
        assert not (tmp_path / "data").exists()

    labels, image = small_set / "labels" / "b.png", small_set / "images" / "b.webp"
    kept = labels.read_bytes()
    changed = label_map()
    changed[5, 5] = 2
    labels.write_bytes(png(changed))
    refused("are not those of camvid")
    labels.write_bytes(png(label_map()[1:]))
    refused("test/images/b.webp: labels/b.png: it is of 64x47 pixels")
    labels.write_bytes(png(picture()))
    refused("one channel")
    labels.unlink()
    refused("has no label map")
    labels.write_bytes(kept)
    whole = image.read_bytes()
    image.write_bytes(whole[:40])
    refused("test/images/b.webp")
    image.unlink()
    refused("the picture b of camvid is missing")
    image.write_bytes(whole)
    (small_set / "images" / "more").mkdir()
    (small_set / "images" / "more" / "b.png").write_bytes(png(picture()))
    refused("b is there twice")


def test_a_map_that_changes_after_it_was_added_is_noticed(small_set: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert data(capfd, "add", "camvid", small_set)[0] == 0
    (small_set / "labels" / "b.png").write_bytes(png(label_map(), "P"))  # the same samples, another file
    labels = labelled.find("camvid").pairs[1].labels
    assert labels is not None
    with pytest.raises(BadInput, match="has changed since"):
        run.hashed(labels)


def test_what_is_remembered_of_other_sets_stays(
    small_set: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kodak = registry.Known(tmp_path, {"kodim01.png": "00"})
    registry.remember("kodak", kodak)
    assert data(capfd, "add", "camvid", small_set)[0] == 0
    assert registry.known()["kodak"] == kodak and len(registry.known()["camvid"].maps) == 3


def test_fetch_does_not_know_sets_that_nobody_may_pass_on(small_set: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert data(capfd, "fetch", "camvid")[0] == 2
