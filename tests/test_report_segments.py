"""`sccodec report` on rows of segmenters: figures, published ones beside them, and files of both kinds."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from sccodec.bench import rows
from sccodec.bench.segment_rows import SegmentRow
from sccodec.cli import main
from sccodec.errors import BadInput
from sccodec.report import segment_reference, segments
from tests import report_rows

A, B = ([[6, 2], [0, 8]], [[1, 3], [3, 9]])
"""Counts of two pictures of 16 pixels: IoU of both together 7/15 and 17/25."""
MIOU = (7 / 15 + 17 / 25) / 2


def row(spec: str = "street", picture: str = "a", counts: Sequence[Sequence[int]] = A, **known: object) -> SegmentRow:
    made = SegmentRow(
        spec, f"{picture}.png", dataset="tiny", sha256=picture * 64, labels_sha256="f" * 64, tag="0000aaaa",
        width=4, height=4, classes=("road", "sky"), counts=np.array(counts), seconds=0.02, load_seconds=0.5,
        parameters=2_500_000, device="cpu", time="2026-01-01T00:00:00Z", versions={"numpy": "2.0"},
    )  # fmt: skip
    for key, value in known.items():
        setattr(made, key, value)
    return made


def write(path: Path, *held: SegmentRow | Mapping[str, object] | str) -> Path:
    lines = [r if isinstance(r, str) else json.dumps(r.as_dict() if isinstance(r, SegmentRow) else r) for r in held]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def report(capfd: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["report", *map(str, args)])
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err and isinstance(stopped.value.code, int)
    return stopped.value.code, out, err


def as_csv(capfd: pytest.CaptureFixture[str], *args: str | Path) -> list[dict[str, str]]:
    code, out, _ = report(capfd, *args, "-o", "-", "--format", "csv")
    assert code == 0
    return list(csv.DictReader(io.StringIO(out)))


def test_figures_of_two_pictures_worked_by_hand() -> None:
    (group,) = segments.groups(segments.sort([row(), row(picture="b", counts=B)]))
    (figures,) = group.figures
    assert figures.iou == {"road": 7 / 15, "sky": 17 / 25} and figures.miou == pytest.approx(MIOU)
    assert figures.accuracy == 24 / 32 and figures.n_pictures == 2 and figures.lost is None and figures.void == 0


def test_points_lost_are_over_the_pictures_that_both_have() -> None:
    coded = row(through="jpeg:q=5", counts=B, file_bytes=4)
    (group,) = segments.groups(segments.sort([row(), row(picture="b", counts=B), coded]))
    plain, through = group.figures
    expected = (6 / 8 + 8 / 10) / 2 - (1 / 7 + 9 / 15) / 2  # of picture a alone
    assert plain.lost is None and through.lost == pytest.approx(100 * expected) and through.bpp == 8 * 4 / 16
    assert through.n_pictures == 1


def test_later_rows_replace_earlier_ones_and_changed_pictures_do_not_count() -> None:
    late = "2026-02-01T00:00:00Z"
    read = segments.sort([row(), row(counts=B), row(spec="street_small", error="failed", counts=None)])
    assert read.n_superseded == 1 and len(read.rows) == 1 and len(read.failures) == 1
    assert (read.rows[0].counts == B).all()
    read = segments.sort([row(), row(labels_sha256="e" * 64, time=late), row(spec="other")])
    assert read.n_changed == 2 and [r.labels_sha256[0] for r in read.rows] == ["e"]  # another map is another truth
    read = segments.sort([row(error="failed", counts=None), row()])
    assert not read.failures and len(read.rows) == 1


@pytest.mark.parametrize("missing", [{"labels_sha256": ""}, {"sha256": "a.png"}, {"sha256": "", "labels_sha256": ""}])
def test_a_file_that_was_missing_is_no_failure_once_it_is_there(missing: dict[str, str]) -> None:
    failed = row(error="has no label map", counts=None, **missing)
    late = "2026-02-01T00:00:00Z"
    assert not segments.sort([failed, row(time=late)]).failures
    others = [row(time=late, spec="other"), row("street", "b", time=late), row(time=late, through="jpeg")]
    assert segments.sort([failed, *others]).failures == [failed]
    failed.time = ""
    assert segments.sort([failed, *others]).failures == [failed]
    failed.time = "2026-03-01T00:00:00Z"  # it was there, and is no more
    read = segments.sort([row(time=late), failed])
    assert read.failures == [failed] and len(read.rows) == 1 and not read.n_changed


def test_models_of_one_spec_are_told_apart() -> None:
    (group,) = segments.groups(segments.sort([row(), row(tag="0000bbbb"), row(spec="street_small")]))
    assert [s.name for s in group.settings] == ["street (0000aaaa)", "street (0000bbbb)", "street_small"]


def test_nothing_but_void_has_no_figures(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "rows.jsonl", row(counts=[[0, 0], [0, 0]], void=16))
    (line,) = as_csv(capfd, path)
    assert line["miou"] == line["pixel_accuracy"] == line["iou_road"] == "" and line["void"] == "1"
    assert report(capfd, path)[0] == 0 and report(capfd, path, "-o", tmp_path / "r.md")[0] == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    coded = [row(picture=p, through="jpeg:q=5", counts=B, file_bytes=4) for p in "ab"]
    return write(
        tmp_path / "tiny.segment.jsonl", row(), row(picture="b", counts=B), *coded,
        row(spec="street_small", picture="b", error="it failed"), "nonsense",
    )  # fmt: skip


def test_markdown_has_figures_classes_and_failures(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = report(capfd, path, "-o", "-", "--format", "md", "--title", "Two *streets*")
    assert code == 0 and "line 6: not a JSON object; skipped" in err and "1 measurement failed" in err
    assert out.startswith("# Two \\*streets\\*\n")
    lost = 100 * (MIOU - (2 / 14 + 18 / 30) / 2)
    assert f"| street | 2.50 M | {MIOU:.4f} | – | – | 0.7500 | 20.0 | 0.50 |" in out
    assert f"| street through jpeg:q=5 | 2.50 M | {(2 / 14 + 18 / 30) / 2:.4f} | {lost:.2f} | 2.000 | 0.6250 |" in out
    assert f"| road | {7 / 15:.4f} | {2 / 14:.4f} |" in out and "| street\\_small | b.png | it failed |" in out
    assert "1 damaged line skipped." in out and "Published" not in out


def test_csv_has_a_line_a_setting(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plain, coded = as_csv(capfd, path)
    assert plain["miou"] == f"{MIOU:.6f}" and plain["iou_sky"] == "0.680000" and plain["published"] == "no"
    assert coded["through"] == "jpeg:q=5" and float(coded["points_lost"]) == pytest.approx(
        100 * (MIOU - (2 / 14 + 18 / 30) / 2), abs=1e-3
    )
    assert coded["bpp"] == "2" and plain["pictures"] == "2" and plain["dataset"] == "tiny"


def test_the_page_opens_from_disk_and_runs_nothing(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(path, row(picture="<b>&"), *[row(spec=f"street:long_side={n}", tag='"><script>') for n in (1, 2)])
    code, out, _ = report(capfd, path, "--title", "<i>")
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    assert code == 0 and "tiny.segment.html" in out
    assert "<script" not in page and "&lt;i&gt;" in page and "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page) and "style=" not in page
    assert page.count("<rect") == 3 and ">0.7750</text>" in page  # bars of (6/8 + 8/10) / 2


def test_pages_of_both_kinds_say_which(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    both = write(tmp_path / "both.jsonl", row(), *report_rows.curve("jpeg"))
    code, out, err = report(capfd, both, "-o", "-", "--format", "csv")
    assert code == 0 and "codec" in out.splitlines()[0] and "1 row is of segmenters" in err and "damaged" not in err
    assert [line["segmenter"] for line in as_csv(capfd, both, "--task", "segment")] == ["street"]
    code, out, err = report(capfd, both, "-o", "-", "--format", "csv", "--task", "code")
    assert code == 0 and err == "" and "jpeg" in out
    only = write(tmp_path / "only.jsonl", *report_rows.curve("jpeg"))
    code, _, err = report(capfd, only, "--task", "segment")
    assert code == 1 and "no measurement of a segmenter" in err and err.count("\n") == 1
    code, _, err = report(capfd, write(tmp_path / "s.jsonl", row()), "--task", "code")
    assert code == 1 and "no measurement that succeeded" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [("--metric", "psnr"), ("--anchor", "jpeg"), ("--images", "x"), ("--linear",), ("--export", "compressai"),
     ("--format", "png"), ("-o", "x.png")],
)  # fmt: skip
def test_options_of_codecs_are_wrong_usage(
    path: Path, args: tuple[str, ...], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    assert report(capfd, path, *args)[0] == 2 and [p.name for p in path.parent.iterdir()] == [path.name]


def test_failures_alone_are_an_error_of_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = report(capfd, write(tmp_path / "r.jsonl", row(error="it failed", counts=None)))
    assert code == 1 and out == "" and "street on a.png: it failed" in err.splitlines()[-1]


TABLE = '''method\tparams_M\tresolution\tmIoU_11\thow\tsource\tnote
ENet\t0.36\t480x360\t51.3\tpublished\tits README\t"it is ""small"""
ERFNet\t2.1\t\t~67.7 (mem.)\tfrom memory (not verified)\t\t
SegNet\t29.5 (mem.)\t\t46.3 paper / 47.9 again\tpublished\tsomewhere\t
CGNet\t<0.5\t\t65.6 (=51.3+14.3)\tpublished\t\t
Nothing\t1\t\t\t\t\t
'''


def test_a_table_of_published_figures_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text(TABLE, encoding="utf-8")
    said: list[str] = []
    enet, erfnet, segnet, cgnet = segment_reference.read([tmp_path / "p.tsv"], said.append)
    assert said == [f"{tmp_path / 'p.tsv'}: without a figure, and left out: Nothing"]
    assert (enet.miou, enet.parameters, enet.mark) == (0.513, "0.36 M", "published")
    assert enet.details == 'resolution: 480x360; it is "small"' and enet.source == "its README"
    assert erfnet.miou == 0.677 and erfnet.mark == "published, from memory" and "not verified" in erfnet.details
    assert segnet.miou is None and segnet.stated == "46.3 paper / 47.9 again" and segnet.parameters == "29.5 M (mem.)"
    assert cgnet.miou == 0.656 and cgnet.parameters == "<0.5 M"


def test_published_figures_are_marked_and_apart(path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.tsv").write_text(TABLE, encoding="utf-8")
    more = {"name": "Other", "mIoU": 0.7, "parameters": 5, "source": "x", "dataset": "elsewhere"}
    (tmp_path / "p.json").write_text(json.dumps([more, more | {"name": "Mine", "dataset": "tiny"}]), encoding="utf-8")
    given = ("--reference", tmp_path / "p.tsv", "--reference", tmp_path / "p.json")
    found = as_csv(capfd, path, *given)
    assert [(line["segmenter"], line["published"]) for line in found] == [
        ("street", "no"), ("street", "no"), ("ENet", "published"), ("ERFNet", "published, from memory"),
        ("SegNet", "published"), ("CGNet", "published"), ("Mine", "published"),
    ]  # fmt: skip
    assert found[2]["miou"] == "0.513000" and found[4]["miou"] == "" and found[4]["stated"].startswith("46.3 paper")
    code, out, err = report(capfd, path, "-o", "-", "--format", "md", *given)
    assert code == 0 and "'Other' is of 'elsewhere', which no row is of: it is left out" in err
    figures, _, published = out.partition("### Published figures")
    assert "ENet" not in figures and "street" not in published.partition("failed")[0]
    lines = [line for line in published.splitlines() if line.startswith("| ")][2:7]
    assert [line.split(" | ")[0][2:] for line in lines] == ["Mine", "ERFNet", "CGNet", "ENet", "SegNet"]
    assert report(capfd, path, *given)[0] == 0
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count('stroke-dasharray="') == 4 and page.count("<rect") == 6  # SegNet has no one number
    assert "ERFNet (published, from memory)" in page


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.tsv", "", "holds no figures"),
        ("p.tsv", "name\tscore\nENet\t5\n", "has no mIoU"),
        ("p.tsv", "miou\tsource\n5\tx\n", "has no name"),
        ("p.tsv", "name\tmiou\nENet\t5\t6\n", "line 2 has 3 cells, and there are 2 columns"),
        ("p.tsv", "name\tmiou\nENet\t513\n", "above 100 %"),
        ("p.csv", "name,miou\n,0.5\n", "has no name"),
        ("p.json", "[", "neither a table"),
        ("p.json", "[5]", "is an object"),
        ("p.json", '{"name": "VTM", "source": "x", "points": [{"bpp": 1}]}', "a text or a number is needed"),
        ("p.json", '{"name": "ENet", "miou": [0.5]}', "a text or a number is needed"),
        ("p.json", '{"name": "ENet", "miou": true}', "a text or a number is needed"),
        ("p.txt", "name\tmiou\n", "neither a table"),
    ],
)
def test_files_that_hold_no_published_figures_are_one_line(
    path: Path, name: str, content: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write(path, row())
    reference = path.with_name(name)
    reference.write_text(content, encoding="utf-8")
    code, out, err = report(capfd, path, "--reference", reference)
    assert code == 1 and out == "" and err.count("\n") == 1 and said in err and str(reference) in err
    assert not path.with_suffix(".html").exists()


def test_numbers_are_shares_and_percents_and_nothing_else() -> None:
    number = segment_reference.number
    assert [number("x", text) for text in ("0.5", "50 %", "~50.0", "1", "83", "100", "50 (test)")] == [
        0.5, 0.5, 0.5, 1, 0.83, 1, 0.5,
    ]  # fmt: skip
    for text in ("", "50 / 60", "72.4 -> 76.7", "high", "<50", "1e3", "50 test"):
        assert number("x", text) is None
    with pytest.raises(BadInput):
        number("x", "101")


def test_rows_of_one_picture_of_other_classes_are_not_summed() -> None:
    other = row(picture="b", classes=("a", "b", "c"), counts=np.eye(3, dtype=int))
    (group,) = segments.groups(segments.sort([row(), other]))
    assert [s.name for s in group.settings] == ["street (1 picture)", "street (1 picture)"]
    assert group.classes == ["road", "sky", "a", "b", "c"] and not any(math.isnan(f.miou) for f in group.figures)


def test_rows_are_appended_as_those_of_codecs(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(rows.line_of(row())[:-20])  # another writer was killed within its line
    rows.append(path, row())
    assert len(path.read_bytes().splitlines()) == 2 and len(segments.read([path]).rows) == 1
    assert len(segments.read([path]).damaged) == 1
