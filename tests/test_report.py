"""The report: which rows count, over which pictures a mean is, Bjontegaard figures, tables, exports, the command."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import math
import re
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_rows import PICTURES, curve, row, write

from sccodec import image
from sccodec.bench import rows as bench_rows
from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS
from sccodec.report import bdrate, chosen, codec_compare, page, plot, reference, summary, tables, words
from sccodec.report.compared import Comparisons
from sccodec.report.curves import Group, groups, mean, shared, split
from sccodec.report.curves import curve as curve_of
from sccodec.report.results import COSTS, Results, read, sort
from tests.shared import run

needs_bjontegaard = pytest.mark.skipif(
    importlib.util.find_spec("bjontegaard") is None, reason="bjontegaard is not installed"
)


def sorted_rows(*rows: Any) -> Results:
    return sort((f"line {i}", r if isinstance(r, str) else json.dumps(r)) for i, r in enumerate(rows, 1))


def only_group(*rows: Any) -> Group:
    (found,) = groups(sorted_rows(*rows))
    return found


# --- rows


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"spec": "jpeg:q', "not a JSON object"),
        ("[1, 2]", "not a JSON object"),
        (json.dumps({"spec": "jpeg"}), "no spec and picture"),
        (json.dumps(row("jpeg", file_bytes=0)), "file_bytes is 0"),
        (json.dumps(row("jpeg", width="80")), 'width is "80"'),
        (json.dumps(row("jpeg", bpp=0.3333)), "states 0.3333 bpp"),  # the usual mistake: bits per sample
        ("[" * 100000, "not a JSON object"),
        (json.dumps(row("jpeg") | {"file_bytes": 10**400}), "file_bytes is 1000"),
        (json.dumps(row("jpeg") | {"width": 10**200, "bpp": None}), "width is 1000"),
    ],
)
def test_damaged_lines_are_named_and_left_out(line: str, why: str) -> None:
    found = sorted_rows(row("jpeg"), line)
    assert len(found.rows) == 1 and len(found.damaged) == 1
    assert found.damaged[0].startswith("line 2: ") and why in found.damaged[0]


def test_later_rows_count_and_keep_what_they_lack() -> None:
    found = sorted_rows(row("jpeg", psnr=30.0, ssim=0.8), row("jpeg", psnr=31.0, ssim=None))
    assert [r.figures["psnr"] for r in found.rows] == [31.0] and found.rows[0].figures["ssim"] == 0.8
    assert found.n_superseded == 1
    found = sorted_rows(row("jpeg", ssim=0.8), row("jpeg", file_bytes=999, ssim=None))
    assert "ssim" not in found.rows[0].figures  # another file: its own figures alone


def test_a_changed_picture_counts_once_and_what_was_is_counted() -> None:
    old, new = {"sha256": "1" * 64, "psnr": 20.0}, {"sha256": "2" * 64, "psnr": 40.0}
    for rows in (
        [row("jpeg", time="2026-01-01T00:00:00Z", **old), row("jpeg", time="2026-01-02T00:00:00Z", **new)],
        [row("jpeg", time="2026-01-02T00:00:00Z", **new), row("jpeg", time="2026-01-01T00:00:00Z", **old)],
        [row("jpeg", **old), row("jpeg", **new)],  # without times, their order tells
    ):
        found = sorted_rows(row("webp", error="no", **old), *rows, row("png", "b.png", psnr=None))
        (jpeg,) = (r for r in found.rows if r.spec == "jpeg")
        assert jpeg.figures["psnr"] == 40.0 and found.n_changed == 2 and found.failures == []
        assert [r.picture for r in groups(found)[0].pictures.values()] == ["a.png", "b.png"]
        text = tables.as_markdown("", groups(found), found, ["psnr"], "")
        assert "2 rows of pictures that were changed since" in text and "2 rows of pictures" in words.lead([], found)


def test_names_in_other_data_sets_and_rows_without_contents_are_no_changes() -> None:
    found = sorted_rows(
        row("jpeg", sha256="1" * 64), row("jpeg", sha256="2" * 64, dataset="other"), row("png", sha256=None)
    )
    assert len(found.rows) == 3 and found.n_changed == 0


def test_equal_files_are_one_picture() -> None:
    found = sorted_rows(*(row("jpeg", name, sha256="1" * 64) for name in ("a.png", "copy of a.png")))
    assert len(found.rows) == 1 and len(groups(found)[0].pictures) == 1


def test_specs_of_the_same_are_one_setting() -> None:
    found = sorted_rows(
        row("jpeg:q=50.0,chroma=444"), row("jpeg:chroma=444,q=50", "b.png"), row("jpeg:subsampling=444,q=50", "c.png")
    )
    (series,) = groups(found)[0].series
    assert series.base == "jpeg:chroma=444" and [len(p.rows) for p in series.points] == [3]


def test_a_file_that_could_not_be_read_is_no_failure_once_it_is_measured() -> None:
    unread = row("jpeg:q=10", error="no such file", sha256=None, time="2026-02-01T00:00:00Z")
    for late, n_open in (("2026-03-01T00:00:00Z", 0), ("2026-01-01T00:00:00Z", 1)):
        assert len(sorted_rows(unread, row("jpeg:q=10", time=late)).failures) == n_open
    others = [row("jpeg:q=20"), row("jpeg:q=10", "b.png"), row("jpeg:q=10", dataset="other")]
    for untimed in (unread, unread | {"time": ""}):
        assert [f.error for f in sorted_rows(untimed, *others).failures] == ["no such file"]


def test_failures_count_until_a_row_makes_them_good() -> None:
    failed = row("jpeg:q=5", error="out of\nmemory", tag=None, width=None)
    other = row("jpeg:q=5", "b.png", error="killed")
    found = sorted_rows(failed, other, row("jpeg:q=5"))
    assert [(f.picture, f.error) for f in found.failures] == [("b.png", "killed")]
    assert sorted_rows(failed).failures[0].error == "out of memory"


def test_the_report_reads_what_the_bench_writes() -> None:
    """All of it: one definition says what a row is."""
    figures = {key: 0.5 + i for i, key in enumerate((*METRICS, *COSTS))}
    measured = bench_rows.Row("jpeg:q=5", "a.png", "tiny", "ab", width=80, height=100, file_bytes=1000,
                              overhead_bytes=0, figures=figures, notes=["x"], metrics=["psnr"], threads=2)  # fmt: skip
    found = sort([("line 1", bench_rows.line_of(measured).decode())])
    assert found.rows == [measured] and not found.damaged


def test_rows_written_earlier_are_read() -> None:
    """Without keys that came later, and with some that nobody knows any more."""
    old = {"spec": "jpeg:q=5", "picture": "a.png", "width": 80, "height": 100, "file_bytes": 500, "colour": "red"}
    (found,) = sorted_rows(old).rows
    assert (found.sha256, found.tag, found.encoder, found.threads, found.figures) == ("a.png", "", "", 0, {})


def test_figures_beyond_all_sense_are_missing() -> None:
    """Their sum would be beyond what floats hold."""
    results = sorted_rows(*(row("jpeg:q=1", p, psnr=1e308, ssim=10**400) for p in PICTURES))
    assert all(not {"psnr", "ssim"} & set(r.figures) for r in results.rows)
    found = groups(results)
    assert "| jpeg | q=1 |" in tables.as_markdown("", found, results, ["psnr"], "")


def test_infinite_figures_are_missing() -> None:
    found = sorted_rows(json.dumps(row("png", psnr=math.inf)), row("png", "b.png", psnr=True))
    assert [("psnr" in r.figures, "ssim" in r.figures) for r in found.rows] == [(False, True)] * 2


# --- curves


@pytest.mark.parametrize(
    ("spec", "codec", "setting"),
    [
        ("jpeg", "jpeg", ""),
        ("jpeg:quality=5", "jpeg", "quality=5"),
        ("avif:speed=4,q=20", "avif:speed=4", "q=20"),
        ("conceptual:faces,q=3", "conceptual:faces", "q=3"),
        ("compressai:mbt2018-mean:3", "compressai:mbt2018-mean", "3"),
        ("compressai:mbt2018-mean:3,metric=ms-ssim", "compressai:mbt2018-mean,metric=ms-ssim", "3"),
        ("jpegxl:effort=7,distance=1.5", "jpegxl:effort=7", "distance=1.5"),
    ],
)
def test_spec_is_codec_and_setting(spec: str, codec: str, setting: str) -> None:
    assert split(spec) == (codec, setting)


def test_what_sets_a_rate_is_what_codecs_state() -> None:
    """Of a codec that is here, its own; rows of one that is not are grouped by what any codec states."""
    assert split("avif:psnr=5,quality=3") == ("avif:psnr=5", "quality=3")
    assert split("gone:psnr=5,speed=3") == ("gone:speed=3", "psnr=5")


def test_models_encoders_and_devices_are_curves_of_their_own() -> None:
    group = only_group(
        row("hyperprior:q=10", tag="aaaa"),
        row("hyperprior:q=20", tag="aaaa"),
        row("hyperprior:q=10", tag="bbbb"),
        row("jpeg:q=5", encoder="Pillow 12"),
        row("jpeg:q=5", encoder="Pillow 13"),
        row("avif:q=5"),
        row("avif:q=5", device="cuda"),
    )
    names = [s.name for s in group.series]
    assert names[:2] == ["hyperprior (aaaa)", "hyperprior (bbbb)"] and len(set(names)) == 6
    assert "jpeg (Pillow 12)" in names and "avif (cuda)" in names
    assert [len(s.points) for s in group.series] == [2, 1, 1, 1, 1, 1]


def test_a_peer_with_a_model_for_each_setting_is_one_curve() -> None:
    rows = [row(f"compressai:mbt2018-mean:{i}", tag=f"tag{i}", file_bytes=100 * i) for i in (1, 2, 3)]
    (series,) = only_group(*rows).series
    assert series.name == "compressai:mbt2018-mean" and len(series.points) == 3
    again = only_group(*rows, row("compressai:mbt2018-mean:1", tag="other")).series
    assert len(again) == 4  # two models of one setting: nothing says which belong together


def test_means_are_over_the_pictures_that_all_points_share() -> None:
    rows = [*curve("jpeg"), *curve("webp", pictures=PICTURES[:2])]
    group = only_group(*rows)
    assert {k[0] for k in shared(group.series)} == {"a", "b"}
    jpeg, _ = group.series
    assert len(shared([jpeg])) == 3
    means = curve_of(jpeg, "psnr", shared(group.series, "psnr"))
    assert [m.n_pictures for m in means] == [2] * 4
    assert means[0].figures["psnr"] == pytest.approx(30.5) and means[0].bpp == pytest.approx(0.1)
    assert mean(jpeg.points[0], shared([jpeg])).figures["psnr"] == pytest.approx(31)
    # A point without the metric for one picture takes that picture from all; without it for all, it is no point.
    lossless = [row("png", p, 5000, psnr=None) for p in PICTURES]
    group = only_group(*rows, *lossless, row("jpeg:q=10", "a.png", 100, psnr=None))
    assert {k[0] for k in shared(group.series, "psnr")} == {"a", "b"}  # the later row kept the earlier PSNR
    assert curve_of(group.series[2], "psnr", shared(group.series, "psnr")) == []
    assert shared([group.series[2]], "ms_ssim")


def test_data_sets_are_never_mixed() -> None:
    found = groups(sorted_rows(*curve("jpeg"), row("jpeg:q=10", dataset="other")))
    assert [(g.dataset, len(g.pictures)) for g in found] == [("tiny", 3), ("other", 1)]


# --- Bjontegaard figures


@needs_bjontegaard
def test_bjontegaard_by_hand() -> None:
    # PSNR straight in the logarithm of the rate, where every interpolation is exact. Half the rate is -50 %, and
    # 10 log10(2) dB more at equal rate.
    anchor = [(r, 30 + 10 * math.log10(r)) for r in (0.1, 0.2, 0.4, 0.8)]
    tested = [(r / 2, q) for r, q in anchor]
    found = bdrate.compare(anchor, tested)
    assert found.rate_percent == pytest.approx(-50, abs=1e-6) and found.gain == pytest.approx(3.0103, abs=1e-4)
    assert (found.low, found.high) == (20, anchor[-1][1]) and (found.rate_low, found.rate_high) == (0.1, 0.4)
    back = bdrate.compare(tested, anchor)
    assert back.rate_percent == pytest.approx(100, abs=1e-6) and back.gain == pytest.approx(-3.0103, abs=1e-4)
    same = bdrate.compare(anchor, list(reversed(anchor)))
    assert same.rate_percent == pytest.approx(0) and same.gain == pytest.approx(0)


@needs_bjontegaard
def test_bjontegaard_says_what_it_cannot() -> None:
    anchor = [(0.1, 20.0), (0.2, 23.0), (0.4, 26.0)]
    assert "range" in bdrate.compare(anchor, [(5.0, 40.0), (6.0, 41.0)]).reason
    assert "two points" in bdrate.compare(anchor, [(0.1, 20.0)]).reason
    partly = bdrate.compare(anchor, [(0.5, 21.0), (0.9, 25.0)])  # equal qualities, but no equal rates
    assert partly.rate_percent is not None and partly.gain is None
    beaten = bdrate.compare(anchor, [*anchor, (0.3, 22.0), (0.2, 22.0)])
    assert beaten.rate_percent == pytest.approx(0, abs=1e-9) and beaten.n_points == (3, 3)


@needs_bjontegaard
def test_comparisons_state_their_pictures() -> None:
    (group,) = groups(
        sorted_rows(*curve("jpeg"), *curve("webp", 3.0103, PICTURES[:2]), *curve("avif", pictures=("d.png",))),
        [
            reference.parse(
                {"name": "VTM", "source": "s", "points": [{"bpp": 0.1, "psnr": 34}, {"bpp": 0.8, "psnr": 43}]}
            )
        ],
    )
    compared = Comparisons(group)
    assert compared.anchor("") == 0 and compared.anchor("webp") == 1 and compared.anchor("VTM") == 3
    table = compared.table("psnr")
    assert table[0][1].n_pictures == 2 and table[0][1].figures.rate_percent == pytest.approx(-50, abs=0.01)
    assert table[0][2].n_pictures == 0 and table[0][2].figures.reason == "no picture in common"
    assert table[0][3].n_pictures == 3 and table[0][3].figures.gain == pytest.approx(3, abs=0.05)
    assert 3 not in compared.table("ms_ssim")[0]


# --- what is written


def test_csv_and_markdown() -> None:
    results = sorted_rows(*curve("jpeg"), *curve("=webp|x", pictures=PICTURES[:2]), row("png", error="<b>no"), "{")
    found = groups(results, [reference.parse({"name": "BPG", "source": "s", "points": [{"bpp": 1, "psnr": 40}]})])
    lines = list(csv.DictReader(io.StringIO(tables.as_csv(found))))
    assert len(lines) == 9 and {line["pictures"] for line in lines if line["published"] == "no"} == {"2"}
    assert float(lines[0]["psnr"]) == 30.5 and lines[0]["setting"] == "q=10" and lines[-1]["published"] == "yes"
    assert lines[4]["codec"].startswith("'=")  # no formula
    text = tables.as_markdown("A title", found, results, ["psnr"], "")
    assert "Means over the 2 pictures (of 3)" in text and "| jpeg | q=10 | 100 | 0.1000 | 30.50 |" in text
    assert "&lt;b>no" in text and "1 measurement failed" in text and "1 damaged" in text


EQUAL = {"psnr": "the pictures are equal"}
SMALL = {"ms_ssim": "the picture has a side below 161 pixels"}


def with_odd_pictures(*codecs: str) -> list[dict[str, Any]]:
    """Curves on a, b and c, where the first codec gives c back as it was, and b is too small for MS-SSIM."""
    rows = [r for codec in codecs for r in curve(codec)]
    for r in rows:
        if r["picture"] == "b.png":
            r |= {"ms_ssim": None, "reasons": SMALL}
        if r["picture"] == "c.png" and r["spec"].startswith(codecs[0]):
            r |= {"psnr": None, "reasons": EQUAL}
    return rows


def test_a_picture_without_a_metric_takes_it_from_no_codec() -> None:
    lossless = [row("png", p, 9000, psnr=None, ms_ssim=None if p == "b.png" else 1.0, reasons=EQUAL | SMALL)
                for p in PICTURES]  # fmt: skip
    results = sorted_rows(*with_odd_pictures("jpeg", "webp"), *lossless)
    found = groups(results)
    text = tables.as_markdown("", found, results, ["psnr"], "jpeg")
    assert "| jpeg | q=10 | 100 | 0.1000 | 30.50 |" in text  # PSNR of a and b: 30 and 31
    assert "| webp | q=10 | 100 | 0.1000 | 30.50 |" in text and "| png | – | 9000 | 9.0000 | ∞ |" in text
    assert "PSNR is over 2 of these 3 pictures; of the others: the pictures are equal." in text
    assert "MS-SSIM is over 2 of these 3 pictures; of the others: the picture has a side below 161 pixels." in text
    lines = {line["spec"]: line for line in csv.DictReader(io.StringIO(tables.as_csv(found)))}
    assert (lines["webp:q=10"]["psnr"], lines["webp:q=10"]["pictures_psnr"]) == ("30.5", "2")
    assert (lines["png"]["psnr"], lines["png"]["pictures_psnr"], lines["png"]["pictures"]) == ("", "", "3")
    assert float(lines["webp:q=10"]["ms_ssim"]) == 0.95 and lines["webp:q=10"]["pictures_ms_ssim"] == "2"


def test_the_terminals_table_is_over_the_same_pictures() -> None:
    rows = sorted_rows(*with_odd_pictures("jpeg", "bpg"), row("webp:q=5", "a.png", psnr=33.0)).rows
    specs = [f"{codec}:q={q}" for codec in ("jpeg", "bpg") for q in (10, 20, 40, 80)] + ["webp:q=5"]
    lines = summary.lines(rows, "tiny", specs, 4)
    assert lines[0] == "tiny: means over 3 pictures (of 4)" and max(map(len, lines[:12])) <= 80
    assert lines[2].split() == ["codec", "setting", "n", "bpp", "PSNR", "MS-SSIM", "enc,", "s", "dec,", "s"]
    assert lines[3].split() == ["jpeg", "q=10", "0.1000", "30.50", "0.9500", "0.100", "0.050"]
    assert lines[11].split() == ["webp", "q=5", "1", "1.0000", "33.00", "0.9500", "0.100", "0.050"]
    assert "PSNR: over 2 of 3 pictures; of the others: the pictures are equal" in lines
    assert "MS-SSIM: over 2 of 3 pictures; of the others: the picture has a side below 161 pixels" in lines
    assert sum(line.startswith("n: ") for line in lines) == 1
    assert summary.lines([], "tiny", specs, 4) == []
    exact = summary.lines(sorted_rows(row("png", psnr=None, reasons=EQUAL)).rows, "tiny", ["png"], 1)
    assert exact[0] == "tiny: means over 1 picture" and exact[3].split()[:4] == ["png", "-", "1.0000", "inf"]


def test_long_names_in_the_terminals_table_have_lines_of_their_own() -> None:
    long = "compressai:" + "mbt2018-mean-" * 5 + "x"
    rows = sorted_rows(*(row(f"{long},q={q}", p) for q in (10, 20) for p in PICTURES), row("jpeg:q=5")).rows
    lines = summary.lines(rows, "tiny", [], 3)
    assert lines.count(long) == 1 and max(len(line) for line in lines if line != long) <= 80
    assert lines[lines.index(long) + 1].split()[0] == "q=10" and lines[lines.index(long) + 2].split()[0] == "q=20"


@needs_bjontegaard
def test_bjontegaard_figures_have_their_range_their_points_and_their_spread() -> None:
    rows = [*curve("jpeg"), *curve("webp", 10 * math.log10(2))]
    for r in rows:  # on c, webp is as good as jpeg; and one more setting of webp is beaten by others
        if r["spec"].startswith("webp") and r["picture"] == "c.png":
            r["psnr"] -= 10 * math.log10(2)
    rows += [row("webp:q=90", p, 700, psnr=25.0) for p in PICTURES]
    results = sorted_rows(*rows)
    (group,) = groups(results)
    compared = Comparisons(group)
    spread = compared.spread(0, 1, "psnr")
    assert spread is not None and (spread.n_pictures, spread.n_without) == (3, 0)
    assert (spread.median, spread.low) == pytest.approx((-50, -50), abs=1e-3) and spread.high == pytest.approx(
        -25, abs=1e-3
    )
    assert compared.table("psnr")[0][1].figures.n_dropped == (0, 1)
    text = tables.as_markdown("", [group], results, ["psnr"], "jpeg")
    (line,) = (line for line in text.splitlines() if line.startswith("| webp |") and "%" in line)
    cells = [c.strip() for c in line.split("|")[1:-1]]
    assert cells[3:] == ["33.01 to 40.03", "0.100 to 0.800", "0 + 1", "3", "-50.0 % (-50.0 to -25.0; 3)"]
    data = page.group_data(group, "jpeg")
    assert data["spread"]["anchor"] == 0 and data["spread"]["metrics"]["psnr"][1][3:] == [3, 0]  # type: ignore[index]
    assert data["bd"]["psnr"][0][1]["dropped"] == [0, 1]  # type: ignore[index]
    reference_curve = reference.parse({"name": "V", "source": "s", "points": [{"bpp": 0.1, "psnr": 34}]})
    (group,) = groups(results, [reference_curve])
    assert Comparisons(group).spread(0, 2, "psnr") is None  # a published mean has no pictures


def test_codec_compare_keeps_a_metric_that_single_pictures_lack() -> None:
    lossless = [row("png", p, 9000, psnr=None, ms_ssim=None if p == "b.png" else 1.0, reasons=EQUAL | SMALL)
                for p in PICTURES]  # fmt: skip
    (group,) = groups(sorted_rows(*with_odd_pictures("jpeg", "webp"), *lossless))
    files = codec_compare.files([group], "2026-01-31T12:00:00Z")
    values = {}
    for name in ("jpeg.json", "webp.json", "png.json"):
        batch = json.loads(files[name])
        names = [next(iter(d)) for d in batch["field_descriptions"]]
        assert {"psnr", "msssim", "ssim"} <= set(names)
        values[name] = [dict(zip(names, line, strict=True)) for line in batch["field_values"]]
        assert {line["original_name"] for line in values[name]} == {"a.png", "c.png"}
        described = next(d["psnr"] for d in batch["field_descriptions"] if "psnr" in d)
        assert ("99" in described) == (name != "webp.json")
    assert {line["psnr"] for line in values["png.json"]} == {99}
    assert [line["psnr"] for line in values["jpeg.json"] if line["original_name"] == "c.png"] == [99] * 4
    (said,) = codec_compare.left_out(group)
    assert said == "tiny: 1 of 3 pictures left out: MS-SSIM: the picture has a side below 161 pixels"


def test_codec_compare_batches() -> None:
    found = groups(sorted_rows(*curve("jpeg"), *curve("JPEG", ssim=None), row("webp:q=nan"), row("webp:q=1e999")))
    files = codec_compare.files(found, "2026-01-31T12:00:00Z")
    assert json.loads(files.pop("batches.json")) == [[name] for name in files]
    assert len({name.lower() for name in files}) == 3
    assert {values[3] for values in json.loads(files.pop("webp.json"))["field_values"]} == {"q=nan", "q=1e999"}
    for name, data in files.items():
        batch = json.loads(data)
        names = [next(iter(d)) for d in batch["field_descriptions"]]
        assert len(batch["constant_descriptions"]) == len(batch["constant_values"])
        assert len(batch["field_values"]) == 12 and all(len(v) == len(names) for v in batch["field_values"])
        first = dict(zip(names, batch["field_values"][0], strict=True))
        assert first["original_name"] == "a.png" and first["quality"] == 10 and first["encoded_size"] == 100
        assert ("ssim" in names) == name.startswith("jpeg") and "psnr" in names


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "no JSON"),
        ('{"name": "x", "source": "y", "points": []}', "no points"),
        ('{"name": "x", "points": [{"bpp": 1, "psnr": 30}]}', "source"),
        ('[{"name": "x", "source": "y", "points": [{"bpp": 0, "psnr": 30}]}]', "bpp above 0"),
        ("3", "object"),
    ],
)
def test_references_are_checked(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "points.json"
    path.write_text(content)
    with pytest.raises(BadInput, match=why):
        reference.read([path])


def test_results_of_compressai_are_published_curves() -> None:
    said: list[str] = []
    found = reference.parse(
        {
            "name": "elic",
            "description": "official",
            "meta": {"source": "paper", "dataset": "kodak", "colour": "red"},
            "extra": 1,
            "results": {"psnr-rgb": [33.0, 30.0], "ms-ssim-rgb": [0.98, None], "bpp": [0.4, 0.2],
                        "encoding_time": [1.0, 2.0], "psnr-y": [1, 2], "psnr": [31, 32]},
        },
        said.append,
    )  # fmt: skip
    assert (found.name, found.source, found.dataset) == ("elic", "official, paper", "kodak")
    assert found.points == [
        {"bpp": 0.2, "psnr": 30.0, "encode_seconds": 2.0},
        {"bpp": 0.4, "psnr": 33.0, "ms_ssim": 0.98, "encode_seconds": 1.0},
    ]
    (line,) = said  # nothing is dropped in silence
    assert line == "elic: not read: extra, meta.colour, results.psnr-y, results.psnr"
    one = reference.parse({"name": "x", "results": {"bpp": 0.5, "psnr": 30}})
    assert one.points == [{"bpp": 0.5, "psnr": 30.0}] and one.source and one.dataset == ""
    decibels = reference.parse({"name": "x", "results": {"bpp": [1], "psnr": [30], "ms-ssim": [14.2]}}, said.append)
    assert decibels.points == [{"bpp": 1.0, "psnr": 30.0}] and "MS-SSIM" in said[-1] and "above 1" in said[-1]
    ours = {"name": "v", "source": "s", "note": "x", "points": [{"bpp": 1, "psnr": 30, "psnr-yuv": 31}]}
    reference.parse(ours, said.append)
    assert said[-1] == "v: not read: note, psnr-yuv"


@pytest.mark.parametrize(
    ("results", "why"),
    [
        ([1], "no object of lists"),
        ({"bpp": [0.1, 0.2], "psnr": [30]}, "equal length"),
        ({"psnr": [30]}, "needs bpp"),
        ({"bpp": [0.1], "psnr": ["30"]}, 'results.psnr holds "30"'),
        ({"bpp": [None], "psnr": [30]}, "bpp above 0"),
        ({"bpp": [], "psnr": []}, "has no points"),
        ({"bpp": [0.1], "psnr-y": [30]}, "one of"),
    ],
)
def test_results_that_cannot_be_read_are_refused(results: object, why: str) -> None:
    with pytest.raises(BadInput, match=re.escape(why)):
        reference.parse({"name": "x", "results": results})


def test_export_as_results_of_compressai(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lossless = [row("png", p, 9000, psnr=None, reasons=EQUAL) for p in PICTURES]
    write(here / "rows.jsonl", [*curve("jpeg", encoder="Pillow 12"), *curve("=odd/../name|"), *lossless])
    code, out, err = run(capfd, "report", "rows.jsonl", "--export", "compressai")
    assert code == 0, err
    folder = here / "rows-compressai"
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 3 and {"jpeg.json", "png.json"} < set(names) and "3 files" in out
    held = json.loads((folder / "jpeg.json").read_text())
    assert list(held) == ["name", "description", "meta", "results"]
    assert "Pillow 12" in held["description"] and "mean of 3 pictures of tiny" in held["description"]
    results = held["results"]
    assert results["bpp"] == pytest.approx([0.1, 0.2, 0.4, 0.8]) and results["psnr-rgb"][0] == pytest.approx(31)
    assert {len(values) for values in results.values()} == {4} and results["encoding_time"] == pytest.approx([0.1] * 4)
    assert {"ms-ssim-rgb", "decoding_time"} <= set(results) and held["meta"]["settings"][0] == "q=10"
    assert "psnr-rgb" not in json.loads((folder / "png.json").read_text())["results"]
    said: list[str] = []
    (again,) = reference.read([folder / "jpeg.json"], said.append)
    assert said == [] and again.dataset == "tiny" and [p["bpp"] for p in again.points] == results["bpp"]
    code, _, err = run(capfd, "report", "rows.jsonl", "-o", "x.csv", "--reference", folder / "jpeg.json")
    assert code == 0 and sum(",yes," in line for line in Path("x.csv").read_text().splitlines()) == 4
    assert "exists" in run(capfd, "report", "rows.jsonl", "--export", "compressai")[2]


@pytest.mark.parametrize("option", ["--target-bpp", "--image-megabytes"])
def test_options_are_finite_numbers(here: Path, capfd: pytest.CaptureFixture[str], option: str) -> None:
    code, _, err = run(capfd, "report", "rows.jsonl", "--images", "set", option, "nan")
    assert code == 2 and "not a finite number" in err


def test_a_reference_that_goes_with_no_row_is_said(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    published = [{"name": n, "source": "s", "dataset": n, "points": [{"bpp": 1, "psnr": 30}]} for n in ("tiny", "Tiny")]
    (here / "points.json").write_text(json.dumps(published))
    code, _, err = run(capfd, "report", "rows.jsonl", "-o", "x.csv", "--reference", "points.json")
    assert code == 0 and "the curve 'Tiny' is of 'Tiny', which no row is of" in err and "'tiny'" not in err
    assert sum(",yes," in line for line in Path("x.csv").read_text().splitlines()) == 1


def page_of(results: Results) -> str:
    found = groups(results)
    return page.report(words.page(None, found, results, "psnr", ""), found, results)


def test_page_holds_texts_as_data_alone() -> None:
    hostile = "</script><script>alert(1)</script>"
    results = sorted_rows(*curve("jpeg", dataset=hostile), row("jpeg:q=1", hostile, error=hostile, dataset=hostile))
    text = page_of(results)
    assert text.count("<script") == 2 and text.count("</script>") == 2 and "alert(1)</script" not in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None and json.loads(data[1])["groups"][0]["dataset"] == hostile
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text) and "default-src 'none'" in text


def test_page_without_bjontegaard_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bdrate, "available", lambda: False)
    text = page_of(sorted_rows(*curve("jpeg"), *curve("webp")))
    assert 'pip install \\"sccodec[report]\\"' in text


def test_page_of_many_rows_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """24 pictures x 8 codecs x 8 qualities."""
    monkeypatch.setattr(bdrate, "available", lambda: False)
    rows = [
        row(f"codec{c}:q={q}", f"{p}.png", 1000 * q + p + c, sha256=f"{p:064x}", psnr=30 + q / 7, bpp=None)
        for c in range(8)
        for q in range(1, 9)
        for p in range(24)
    ]
    assert len(page_of(sorted_rows(*rows))) < 300_000


def test_png() -> None:
    pytest.importorskip("matplotlib")
    found = groups(sorted_rows(*curve("jpeg"), *curve("_$x$")))
    assert plot.png("a $title", found, ["psnr", "ms_ssim"], log=True).startswith(b"\x89PNG")
    assert plot.png("\u65e5\u672c \U0001f44d", found, ["psnr"], log=False), "no warning of glyphs that a font lacks"
    with pytest.raises(BadInput, match="nothing to draw"):
        plot.png("", found, ["lpips_vgg_v0.1"], log=False)


def test_rates_lie_within_what_all_codecs_were_run_at() -> None:
    (group,) = groups(sorted_rows(*curve("jpeg"), row("webp:q=1", file_bytes=300), row("webp:q=2", file_bytes=2000)))
    low, high = chosen.rates(group.series, "a" * 64)
    assert 0.3 < low < high < 0.8
    (group,) = groups(sorted_rows(*curve("jpeg"), row("png", file_bytes=9000)))
    low, high = chosen.rates(group.series, "a" * 64)
    assert 0.1 < low < high < 0.8  # not png's, which nobody comes near
    (group,) = groups(sorted_rows(row("jpeg:q=1", file_bytes=300), row("png", file_bytes=9000)))
    assert chosen.rates(group.series, "a" * 64) == [9.0]


def test_rates_are_those_of_most_codecs() -> None:
    tiny = [row(f"tiny:q={q}", file_bytes=q) for q in (10, 20)]
    (group,) = groups(sorted_rows(*tiny, *curve("jpeg"), *curve("webp")))
    low, high = chosen.rates(group.series, "a" * 64)
    assert 0.1 < low < high < 0.8
    narrow = [row(f"narrow:q={q}", file_bytes=q) for q in (300, 432)]
    (group,) = groups(sorted_rows(*narrow, *curve("jpeg"), *curve("webp")))
    assert chosen.rates(group.series, "a" * 64) == pytest.approx([0.36]), "two would look alike"
    (group,) = groups(sorted_rows(*tiny, *curve("jpeg")))
    low, high = chosen.rates(group.series, "a" * 64)
    assert 0.1 < low < high < 0.8  # the higher ones, where as many have either
    with pytest.raises(BadInput, match="named 'z'"):
        chosen.pictures([group], "a,z")


# --- the command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rows.jsonl", [*curve("jpeg"), "{damaged", row("jpeg:q=1", error="killed")])
    return tmp_path


def test_texts_that_have_no_utf_8(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Names of files can hold lone surrogates, and JSON as well."""
    odd = {"dataset": "\ud800", "tag": "\udcff", "encoder": "\udcff"}
    rows = [r | {"picture": f"\udcff{r['picture']}"} for r in curve("jpeg", **odd)]
    write(here / "odd.jsonl", [*rows, row("jpeg\ud800:q=1", error="\ud800", **odd)])
    for name in ["html", "md", "csv", *(["png"] if importlib.util.find_spec("matplotlib") else [])]:
        for title in ([], ["--title", "\udcff"]):
            code, _, err = run(capfd, "report", "odd.jsonl", "-f", "--format", name, *title)
            assert code == 0, err
    assert run(capfd, "report", "odd.jsonl", "--export", "codec-compare")[0] == 0


def test_failures_of_a_data_set_where_all_failed_are_listed(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(here / "rows.jsonl", [*curve("jpeg"), row("png:q=1", dataset="other", error="no memory")])
    assert run(capfd, "report", "rows.jsonl")[0] == 0
    found = re.search(r'id="data">(.*?)</script>', Path("rows.html").read_text(encoding="utf-8"))
    assert found is not None
    (group,) = json.loads(found[1])["groups"]
    assert group["dataset"] == "tiny" and group["failures"] == [["png:q=1", "other: a.png", "no memory"]]


def test_command(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, "report", "rows.jsonl")
    assert code == 0 and "12 rows -> rows.html" in out and "torch" not in out
    assert "rows.jsonl, line 13: not a JSON object; skipped" in err and "1 measurement failed: jpeg:q=1" in err
    assert Path("rows.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    code, out, err = run(capfd, "report", "rows.jsonl")
    assert code == 1 and "--force" in err and err.count("\n") == 1
    assert run(capfd, "report", "rows.jsonl", "-f", "-o", "rows.html")[0] == 0
    code, out, err = run(capfd, "report", "rows.jsonl", "-o", "-", "--format", "csv")
    assert code == 0 and out.startswith("dataset,codec,") and out.count("\n") == 5
    assert run(capfd, "report", "rows.jsonl", "-o", "new.md")[0] == 0 and Path("new.md").read_text().startswith("# ")
    assert run(capfd, "report", "rows.jsonl", "--export", "codec-compare")[0] == 0
    assert sorted(p.name for p in Path("rows-codec-compare").iterdir()) == ["batches.json", "jpeg.json"]
    assert "exists" in run(capfd, "report", "rows.jsonl", "--export", "codec-compare")[2]


def test_command_refuses(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(here / "failed.jsonl", [row("jpeg", error="killed")])
    write(here / "points.json", [{"name": "x", "source": "y", "points": [{"bpp": 1, "psnr": 30}]}])
    assert "is an input" in run(capfd, "report", "rows.jsonl", "-f", "-o", "rows.jsonl")[2]
    inputs = ("report", "rows.jsonl", "--reference", "points.json")
    assert "is an input" in run(capfd, *inputs, "-f", "-o", "points.json")[2]
    assert "absent.jsonl: No such file" in run(capfd, "report", "absent.jsonl")[2]
    code, _, err = run(capfd, "report", "failed.jsonl")
    assert code == 1 and "no measurement that succeeded: jpeg on a.png: killed" in err
    assert "there are: jpeg" in run(capfd, "report", "rows.jsonl", "--anchor", "nonsense")[2]
    assert run(capfd, "report", "rows.jsonl", "--pictures", "2")[0] == 2
    assert run(capfd, "report", "rows.jsonl", "--images", "x", "--format", "md")[0] == 2
    assert sorted(p.name for p in here.iterdir()) == ["failed.jsonl", "points.json", "rows.jsonl"]


def test_pictures_are_found_by_their_hash(
    here: Path, capfd: pytest.CaptureFixture[str], fake_codec: str, picture: Any
) -> None:
    (here / "set").mkdir()
    for i, name in enumerate(PICTURES):
        image.save(here / "set" / name, picture // (i + 1))
    height, width = picture.shape[:2]
    rows = [
        row(
            f"fake:q={q}",
            name,
            q * 10,
            width=width,
            height=height,
            bpp=None,
            sha256=sha256((here / "set" / name).read_bytes()).hexdigest(),
        )
        for name in PICTURES
        for q in (20, 90)
    ]
    write(here / "rows.jsonl", rows)
    code, _, err = run(capfd, "report", "rows.jsonl", "--images", "set", "--pictures", "c,a.png", "--target-bpp", "9")
    assert code == 0, err
    text = Path("rows.html").read_text(encoding="utf-8")
    found = [json.loads(t) for t in re.findall(r'id="gallery-\d+">(.*?)</script>', text)]
    assert [e["name"] for e in found] == ["c.png", "a.png"]
    item = found[0]["targets"][0]["items"][0]
    assert item["name"] == "fake" and 0 < item["bytes"] <= 864 and item["image"].startswith("data:image/")
    assert any(f.startswith("PSNR") for f in item["figures"]) or "fake" in item["spec"]
    image.save(here / "set" / "a.png", 255 - picture)
    assert "SHA-256" in run(capfd, "report", "rows.jsonl", "-f", "--images", "set", "--pictures", "a")[2]


def test_report_imports_no_torch(
    here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("torch", "compressai", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    assert run(capfd, "report", "rows.jsonl")[0] == 0


def test_read_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", [row("jpeg"), "", "{"])
    found = read([path])
    assert len(found.rows) == 1 and found.damaged == [f"{path}, line 3: not a JSON object"]
    assert np.isfinite(found.rows[0].bpp)
