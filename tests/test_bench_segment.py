"""`sccodec bench --task segment`: specs, rows, what they count, and runs on a made-up set with made-up segmenters."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sccodec.bench import labelled, registry, rows, segment_plan, segment_rows, segment_specs
from sccodec.bench.processes import Chunk
from sccodec.bench.run import hashed
from sccodec.bench.segment import Item, Measurer, Setup
from sccodec.bench.segment_rows import SegmentRow, parse
from sccodec.cli import main
from sccodec.codec import Options
from sccodec.errors import BadInput
from sccodec.notices import ignore
from tests import labelled_set
from tests.fake_segmenters import Fake, install
from tests.labelled_set import HEIGHT, WIDTH, label_map, picture, png

STREET, SMALL = Fake("street", can_refine=True), Fake("street_small", "00000002", mistakes=((2, 1),))
COLUMNS = (22, 21, 21)
"""Of each class in the stripes of the set."""


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two segmenters of three classes, a set of three pictures, and a working folder of the test's own."""
    install(monkeypatch, STREET, SMALL)
    monkeypatch.setenv("SCCODEC_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return labelled_set.write(tmp_path / "set")


def bench(capfd: pytest.CaptureFixture[str], *args: str | Path, dataset: str = "set") -> tuple[int, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--task", "segment", "--dataset", dataset, *map(str, args)])
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err and isinstance(stopped.value.code, int)
    return stopped.value.code, out, err


def held(name: str = "set.segment.jsonl") -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def measured(
    spec: str = "street", through: str = "", dataset: str = "set", at: int = 0, repeats: int = 2
) -> SegmentRow:
    found = labelled.find(dataset)
    pair = found.pairs[at]
    pair = replace(pair, picture=hashed(pair.picture), labels=pair.labels and hashed(pair.labels))
    setup = Setup("set", found.classes, Options(), 2, 1)
    return Measurer(setup).measure(pair, Item(spec, through))


def expanded(*texts: str, dataset: str = "set") -> list[str]:
    return list(segment_specs.expand(texts, labelled.find(dataset), "cpu", ignore))


def test_specs_have_one_form_and_lists() -> None:
    assert expanded() == expanded("all") == ["street", "street_small"]
    assert expanded("street:refine=yes,no", "street") == ["street:refine=yes", "street"]
    assert expanded("street:refine=yes,long_side=0,480.0,full") == [
        "street:long_side=full,refine=yes", "street:long_side=480,refine=yes",
    ]  # fmt: skip
    assert expanded("street:long_side=100..300/100") == [f"street:long_side={n}" for n in (100, 200, 300)]
    assert expanded("all:long_side=64") == ["street:long_side=64", "street_small:long_side=64"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("avenue", "no segmenter is named 'avenue'; there are: street, street_small"),
        ("street:fast", "cannot read 'fast' in 'street:fast'"),
        ("street:speed=9", "street has no option 'speed'; it has: refine, long_side"),
        ("street:refine=maybe", "refine is 'maybe'"),
        ("street:long_side=-3", "long_side is '-3'"),
        ("street:long_side=1.5", "long_side is '1.5'"),
        ("street:long_side=99999999999", "long_side is"),
        ("street:refine=yes,refine=no", "stands twice"),
        ("street_small:refine=yes", "has no ConvCRF"),
        ("", "no segmenter is named ''"),
    ],
)
def test_specs_that_cannot_work_are_one_line_before_any_work(
    text: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, err = bench(capfd, "-m", text)
    assert code == 1 and out == "" and err.count("\n") == 1 and said in err
    assert not list(Path().glob("*.jsonl"))


def test_segmenters_fit_by_the_numbers_in_the_maps() -> None:
    fits = segment_specs.fits
    assert [n for n in range(30) if fits(n, 0, frozenset({0, 3, 11}))] == [11, 12]  # 11 may be void
    assert [n for n in range(30) if fits(n, 0, frozenset({0, 10, 255}))] == [10, 11]
    assert [n for n in range(30) if fits(n, 11, frozenset())] == [11]


def test_a_segmenter_of_other_classes_is_refused_where_the_set_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    digest = labelled.digest_of(labelled.find("set").pairs)
    known = registry.LabelledSet(labelled_set.NAMES, ("x", "y", "z"), digest, "")
    monkeypatch.setattr(registry, "LABELLED", {"camvid": known})
    registry.remember("camvid", labelled.check("camvid", tmp_path / "set"))
    install(monkeypatch, STREET, Fake("faces", names=tuple("abcde")))
    assert expanded(dataset="camvid") == ["street"]
    code, _, err = bench(capfd, "-m", "faces", dataset="camvid")
    assert code == 1 and "has 5 classes, and the maps of camvid have 3" in err and err.count("\n") == 1
    code, out, _ = bench(capfd, dataset="camvid")
    assert code == 0 and "camvid: 3 pictures" in out
    assert [row["classes"] for row in held("camvid.segment.jsonl")] == [["x", "y", "z"]] * 3  # the set's names
    assert {row["picture"] for row in held("camvid.segment.jsonl")} == {"a.png", "b.png", "c.png"}
    install(monkeypatch, Fake("faces", names=tuple("abcde")))
    code, _, err = bench(capfd)
    assert code == 1 and "numbers up to 2" in err and "faces (5)" in err and err.count("\n") == 1
    assert bench(capfd, "-m", "faces")[0] == 0  # anybody's set may have fewer


def test_a_row_worked_by_hand(fakes: Path) -> None:
    row = measured()
    assert row.error is None and row.counts is not None and row.accuracy == 1 and row.void == 0
    assert row.counts.tolist() == np.diag([HEIGHT * n for n in COLUMNS]).tolist()
    assert (row.width, row.height, row.tag, row.parameters) == (WIDTH, HEIGHT, "00000001", 1234567)
    assert row.sha256 == hashed(labelled.find("set").pairs[0].picture).sha256 and len(row.labels_sha256) == 64
    assert row.seconds is not None and row.load_seconds is not None and row.repeats == 2 and row.through_tag == ""
    wrong = measured("street_small")
    assert wrong.counts is not None and wrong.counts[2].tolist() == [0, 48 * 21, 0] and wrong.accuracy == 43 / 64
    assert measured("street:long_side=10").accuracy == 21 / 64 and measured("street:long_side=full").accuracy == 1


def test_what_is_no_class_is_void(fakes: Path) -> None:
    for value in (3, 255):
        labels = label_map()
        labels[40:] = value
        (fakes / "labels" / "a.png").write_bytes(png(labels))
        row = measured()
        assert row.void == 8 * WIDTH and row.counts is not None and row.counts.sum() == 40 * WIDTH
        assert parse(rows.line_of(row)).void == 8 * WIDTH
    (fakes / "labels" / "a.png").write_bytes(png(np.full((HEIGHT, WIDTH), 255, np.uint8)))
    row = measured()
    assert row.error is None and row.accuracy is None and parse(rows.line_of(row)).counts is not None


def test_pictures_go_through_codecs_as_files(fakes: Path) -> None:
    exact, lossy = measured(through="png"), measured(through="jpeg:q=1")
    assert exact.error is None and exact.accuracy == 1 and exact.file_bytes > 0 and exact.label == "street through png"
    assert lossy.error is None and lossy.accuracy is not None and 0.8 < lossy.accuracy < 1
    assert lossy.file_bytes != exact.file_bytes and lossy.through_encoder and lossy.as_dict()["through_tag"] == ""
    learned = measured(through="hyperprior:q=40")
    assert learned.error is None and len(learned.through_tag) == 8 and 0.9 < (learned.accuracy or 0) <= 1


def test_rows_come_back_from_their_lines(fakes: Path) -> None:
    for row in (measured("street_small:long_side=full", "png"), SegmentRow("street", "a.png", error="it\nfailed")):
        back = parse(rows.line_of(row))
        assert back.as_dict() | {"error": 0} == row.as_dict() | {"sha256": row.sha256 or "a.png", "error": 0}
    assert back.error == "it failed"


def damaged(**changes: object) -> str:
    return json.dumps(measured().as_dict() | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spec": ""}, "no spec"),
        ({"picture": None}, "no spec and picture"),
        ({"width": 63}, "counts 3072 pixels, void ones with them, and its picture has 3024"),
        ({"height": None}, "height is null"),
        ({"void": 7}, "counts 3079 pixels"),
        ({"classes": ["a", "b"]}, "counts holds"),
        ({"classes": ["a", "b", "b"]}, "different names"),
        ({"classes": []}, "different names"),
        ({"classes": "abc"}, "different names"),
        ({"counts": None}, "counts is no list"),
        ({"counts": [[0, 0]]}, "counts holds"),
        ({"counts": [[0, 0, -5]]}, "counts holds"),
        ({"counts": [[0, 0, 1.5]]}, "counts holds"),
        ({"counts": [[0, 0, True]]}, "counts holds"),
        ({"counts": [[-1, 0, 3072]]}, "counts holds"),
        ({"counts": [["0", 0, 3072]]}, "counts holds"),
        ({"counts": [[0, 0, 10**20]]}, "counts holds"),
        ({"pixel_accuracy": 0.5}, "states a pixel accuracy of 0.5, and that of its counts is 1"),
    ],
)
def test_lines_that_are_no_rows_say_why(changes: dict[str, object], said: str) -> None:
    with pytest.raises(rows.Damaged, match=said.replace("[", r"\[")) as error:
        parse(damaged(**changes))
    assert not isinstance(error.value, rows.OfAnotherKind)


def test_rows_of_both_kinds_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "both.jsonl"
    code = rows.Row("png", "a.png", "set", "00", width=8, height=8, file_bytes=64)
    rows.append(path, code)
    rows.append(path, measured())
    said: list[str] = []
    assert [row.spec for row in rows.read(path, said.append)] == ["png"]
    assert [row.spec for row in segment_rows.read(path, said.append)] == ["street"] and said == []
    with path.open("a") as file:
        file.write("nonsense\n")
    assert len(rows.read(path, said.append)) == len(segment_rows.read(path, said.append)) == 1
    assert said == [f"{path}: line 3 is damaged, and is passed over"] * 2
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert segment_rows.read(path, ignore) == []  # the first of its kind may be written to it
    path.write_text("nonsense\n")
    with pytest.raises(BadInput, match="holds no rows"):
        segment_rows.read(path, ignore)


def test_a_run_makes_rows_and_tables_and_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = bench(capfd)
    assert code == 0 and "6 rows to measure, of 3 pictures" in err and "rows go to set.segment.jsonl" in err
    assert out.splitlines()[0] == "set: 3 pictures; IoU of all their pixels together"
    table = [line.split()[:4] for line in out.splitlines()]
    assert ["street", "1", "1.0000", "1.0000"] in table and ["street_small", "2", "0.5000", "0.6719"] in table
    assert ["middle", "1.0000", "0.5000"] in table and ["right", "1.0000", "0.0000"] in table
    before = Path("set.segment.jsonl").read_bytes()
    code, again, err = bench(capfd)
    assert code == 0 and "6 rows are in set.segment.jsonl already" in err and again == out
    assert Path("set.segment.jsonl").read_bytes() == before
    lines = before.splitlines(keepends=True)
    Path("set.segment.jsonl").write_bytes(b"".join(lines[:4]) + lines[4][:50])  # the last writer was killed
    code, again, err = bench(capfd)
    assert code == 0 and "line 5 is damaged" in err and "4 rows are in" in err
    assert again.splitlines()[0] == out.splitlines()[0] and len(held_lines()) == 7
    assert bench(capfd, "--redo", "all")[0] == 0 and len(held_lines()) == 13


def held_lines() -> list[bytes]:
    return Path("set.segment.jsonl").read_bytes().splitlines()


def test_figures_are_of_summed_pixels_and_no_means_of_pictures(fakes: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (fakes / "images" / "c.png").unlink()
    (fakes / "labels" / "b.png").write_bytes(png(label_map(1)))  # all of it class 0
    out = bench(capfd, "-m", "street")[1]
    # Columns of both pictures, by truth and prediction: 0, 0: 44; 0, 1: 21; 0, 2: 21; 1, 1: 21; 2, 2: 21.
    expected = (44 / 86 + 21 / 42 + 21 / 42) / 3
    table = [line.split() for line in out.splitlines()]
    assert next(line for line in table if line[:1] == ["street"])[2] == f"{expected:.4f}" == "0.5039"
    assert ["left", f"{44 / 86:.4f}"] in table and ["middle", "0.5000"] in table


def test_classes_that_occur_nowhere_are_named_and_in_no_mean(
    fakes: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, Fake("street", names=("left", "middle", "right", "under", "over"), mistakes=((2, 1),)))
    out = bench(capfd, "-m", "street")[1]
    assert "0.5000" in out and "neither in the maps nor in what was predicted: under, over" in out


def test_codecs_cost_points(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bench(capfd, "-m", "street", "--through", "jpeg:q=1,90", "--through", "png", "-o", "rows.jsonl")
    found = held("rows.jsonl")
    assert code == 0 and [row["through"] for row in found[:4]] == [None, "jpeg:q=1", "jpeg:q=90", "png"]
    lines = {line.split("  ")[0]: line.split()[-6:] for line in out.splitlines() if line.startswith("street")}
    assert float(lines["street through jpeg:q=1"][2]) > 0 and lines["street through png"][1:3] == ["1.0000", "0.00"]
    assert lines["street"][1:4] == ["1.0000", "-", "-"]
    assert "lost: points of mIoU, of 100" in out
    code, _, err = bench(capfd, "-m", "street", "--through", "png", "-o", "rows.jsonl")
    assert code == 0 and "6 rows are in rows.jsonl already" in err and len(held("rows.jsonl")) == 12


def test_rows_of_another_model_or_picture_do_not_count(
    fakes: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bench(capfd, "-m", "street")
    install(monkeypatch, replace(STREET, tag="0000000f", mistakes=((2, 1),)))
    code, out, _ = bench(capfd, "-m", "street")
    assert code == 0 and len(held()) == 6 and "0.5000" in out and "1.0000  1.0000" not in out
    (fakes / "labels" / "a.png").write_bytes(png(label_map(), "P"))
    assert bench(capfd, "-m", "street")[0] == 0 and len(held()) == 7
    other = [row | {"versions": {"sccodec": "0.0.1"}} for row in held()]
    Path("set.segment.jsonl").write_text("".join(json.dumps(row) + "\n" for row in other))
    _, _, err = bench(capfd, "-m", "street")
    assert "3 of them are of another package or encoder version" in err and len(held()) == 7
    assert bench(capfd, "-m", "street", "--redo", "stale")[0] == 0 and len(held()) == 10


def test_failures_are_rows_and_are_tried_again(fakes: Path, capfd: pytest.CaptureFixture[str]) -> None:
    labels = fakes / "labels" / "a.png"
    for made, said in (
        (png(picture()), "labels/a.png: a label map has one channel, of class numbers, and this PNG has 3"),
        (png(label_map()[1:]), "labels/a.png: it is of 64x47 pixels, and its picture of 64x48"),
        (b"", "labels/a.png: a label map is a PNG file, and this is none"),
        (None, "has no label map: there is no a.png in a folder 'labels' beside it"),
    ):
        labels.unlink(missing_ok=True)
        if made is not None:
            labels.write_bytes(made)
        Path("set.segment.jsonl").unlink(missing_ok=True)
        code, out, err = bench(capfd, "-m", "street")
        assert code == 1 and f"sccodec: error: images/a.png, street: {said}\n" in err
        assert "1 of 3 rows failed, see set.segment.jsonl" in err and "set: 2 pictures (of 3)" in out
        (failed,) = [row for row in held() if row["error"] is not None]
        assert failed["error"] == said and failed["counts"] is None and failed["picture"] == "images/a.png"
    labels.write_bytes(png(label_map()))
    (fakes / "images" / "b.png").write_bytes(b"no picture")
    code, _, err = bench(capfd, "-m", "street")
    assert code == 1 and "images/b.png, street:" in err and len(held()) == 5
    code, _, err = bench(capfd, "-m", "street", "--through", "jpeg:program=./none")
    assert code == 1 and "none" in err


def test_sets_without_maps_are_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("set/labels")
    for dataset in ("set", "set/images/a.png", "nowhere", "camvid", ""):
        code, out, err = bench(capfd, dataset=dataset)
        assert code == 1 and out == "" and err.count("\n") == 1 and not list(Path().glob("*.jsonl")), err
    assert "data add camvid PATH" in bench(capfd, dataset="camvid")[2]
    assert "has no label maps" in bench(capfd)[2]


@pytest.mark.parametrize(
    "args",
    [("-q", "5"), ("--metric", "psnr"), ("--keep", "kept"), ("--fetch",), ("--fetch", "--from", "x"), ("--from", "x"),
     ("--repeat", "0"), ("--redo", "some"), ("--jobs", "0")],
)  # fmt: skip
def test_options_of_codecs_are_wrong_usage(args: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert bench(capfd, *args)[0] == 2 and not Path("kept").exists() and not list(Path().glob("*.jsonl"))


def test_through_is_wrong_usage_for_codecs(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--dataset", "set", "-m", "png", "--through", "png"])
    assert stopped.value.code == 2 and "only --task segment has --through" in capfd.readouterr().err


@pytest.mark.parametrize("through", ["jpg", "jpeg:q=101", "jpeg:size=5"])
def test_codecs_that_cannot_work_are_one_line(through: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = bench(capfd, "--through", through)
    assert code == 1 and out == "" and err.count("\n") == 1 and not list(Path().glob("*.jsonl"))


def test_several_processes_share_the_work(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bench(capfd, "--jobs", "2", "--repeat", "1", "--name", "other", "-o", "r.jsonl")
    assert code == 0 and "other: 3 pictures" in out and len(held("r.jsonl")) == 6
    assert {row["dataset"] for row in held("r.jsonl")} == {"other"}


def test_equal_pictures_with_equal_maps_are_one(fakes: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copy(fakes / "images" / "a.png", fakes / "images" / "d.png")
    shutil.copy(fakes / "labels" / "a.png", fakes / "labels" / "d.png")
    shutil.copy(fakes / "images" / "a.png", fakes / "images" / "e.png")
    (fakes / "labels" / "e.png").write_bytes(png(label_map(1)))  # another truth for it
    _, out, err = bench(capfd, "-m", "street")
    assert "1 more picture is equal to another one, map and all" in err and "set: 4 pictures" in out


def test_a_plan_asks_for_its_own_rows_alone() -> None:
    found = labelled.find("set")
    plan = segment_plan.make_plan(found, segment_plan.Wish(["street"], ["png"], Options()), [], ignore)
    assert plan.labels() == ["street", "street through png"] and len(plan.seconds()) == 6
    assert all(isinstance(chunk, Chunk) and len(chunk.items) == 2 for chunk in plan.chunks)
    row = measured()
    assert plan.asks_for(row)
    for other in (
        {"dataset": "others"},
        {"tag": "00"},
        {"through": "jpeg"},
        {"labels_sha256": "00"},
        {"device": "cuda"},
    ):
        assert not plan.asks_for(replace(row, **other))  # type: ignore[arg-type]


def test_processes_of_their_own_load_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No fakes: a model file, found anew by each process that is started."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from tests import tiny_segmenter

    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCCODEC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SCCODEC_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    crf = {"crf": {"window": 7, "steps": 2}}
    path = tiny_segmenter.write_model(tmp_path / "models", "street", config=crf, extra=tiny_segmenter.CRF)
    labels = np.repeat(np.arange(4), 16)[None].repeat(HEIGHT, 0).astype(np.uint8)
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    for name in labelled_set.NAMES:
        (tmp_path / "set" / "images" / f"{name}.png").write_bytes(png(colours[labels]))
        (tmp_path / "set" / "labels" / f"{name}.png").write_bytes(png(labels))
    code, out, err = bench(capfd, "-m", "street", "-m", "street:refine=yes", "--through", "png", "--repeat", "1")
    assert code == 0 and "2 more pictures are equal to another one" in err
    found = held()
    assert len(found) == 4 and {row["tag"] for row in found} == {path.stem.rpartition("-")[2]}
    assert {tuple(row["classes"]) for row in found} == {tiny_segmenter.NAMES}  # type: ignore[arg-type]
    plain, through = found[0], found[1]
    assert plain["pixel_accuracy"] == through["pixel_accuracy"] and float(str(plain["pixel_accuracy"])) > 0.9
    assert plain["load_seconds"] == found[3]["load_seconds"] and "set: 1 picture; IoU" in out
