"""What the benchmarks make of every codec's rows: means, differences at equal rate, figures and tables."""

from __future__ import annotations

import importlib
import io
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from report_rows import PICTURES, curve, row, write

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the benchmarks are not beside the tests")
Load = Callable[[str], ModuleType]
LPIPS = "lpips_alex_v0.1"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a script of benchmarks/ by its dotted name."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def report(load: Load) -> ModuleType:
    pytest.importorskip("bjontegaard", reason="the extra `report` is not installed")
    return load("codecs.report")


def points(gain_db: float = 0.0, slope: float = 10.0) -> list[dict[str, Any]]:
    """Straight in the logarithm of the rate, 0.1 to 1.6 bits per pixel."""
    rates = [0.1 * 2**i for i in range(5)]
    return [
        {"spec": f"x:q={10 * i}", "bpp": r, "file_bytes": 1000 * r, "psnr": 30 + gain_db + slope * math.log10(r),
         "ms_ssim": 1 - 0.01 / r, LPIPS: 0.1 - 0.05 * math.log10(r)}
        for i, r in enumerate(rates)
    ]  # fmt: skip


def pairs(gain_db: float = 0.0, slope: float = 10.0) -> list[tuple[float, float]]:
    return [(p["bpp"], p["psnr"]) for p in points(gain_db, slope)]


# Rows.


def test_a_codec_is_a_curve_of_means_over_all_pictures(load: Load, tmp_path: Path) -> None:
    report = load("codecs.report")
    group = report.one_dataset(write(tmp_path / "rows.jsonl", [*curve("jpeg"), *curve("fake", 2.0, tag="1a2b")]))
    found = report.measured(group)
    assert set(found) == {"jpeg", "fake"} and found["fake"]["tag"] == "1a2b"
    first = found["fake"]["points"][0]
    assert first == {"spec": "fake:q=10", "bpp": 0.1, "file_bytes": 100, "psnr": 33.0, "ssim": 0.9, "ms_ssim": 0.95}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*curve("jpeg"), row("jpeg:q=3", error="broke")], "1 rows failed"),
        ([*curve("jpeg"), "{damaged"], "1 are damaged"),
        ([*curve("jpeg"), row("jpeg:q=10", dataset="other")], "2 data sets"),
        ([*curve("jpeg", encoder="a"), *curve("jpeg", encoder="b")], "several models, encoders or devices"),
    ],
)
def test_rows_that_would_mislead_are_refused(load: Load, tmp_path: Path, rows: list[Any], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        load("codecs.report").one_dataset(write(tmp_path / "rows.jsonl", rows))


def test_a_setting_without_some_picture_is_refused(load: Load, tmp_path: Path) -> None:
    report = load("codecs.report")
    rows = [*curve("jpeg"), *curve("webp", pictures=PICTURES[:2])]
    with pytest.raises(SystemExit, match="webp:q=10 is measured on 2 of 3 pictures"):
        report.measured(report.one_dataset(write(tmp_path / "rows.jsonl", rows)))


def test_costs_are_of_the_setting_nearest_to_half_a_bit(load: Load, tmp_path: Path) -> None:
    report = load("codecs.report")
    rows = curve("jpeg")
    for i, one in enumerate(r for r in rows if r["spec"] == "jpeg:q=40"):
        one |= {"encode_seconds": 0.1 * (i + 1) ** 2, "peak_rss_bytes": (i + 1) * 2**20}
    (series,) = report.one_dataset(write(tmp_path / "rows.jsonl", rows)).series
    assert report.costs(series) == {
        "spec": "jpeg:q=40",
        "bpp": 0.4,
        "encode_seconds": 0.4,
        "decode_seconds": 0.05,
        "load_seconds": 0.2,
        "peak_mib": 3,
    }


# Comparisons.


def test_half_the_rate_is_minus_50_percent_by_every_metric(report: ModuleType) -> None:
    half = [p | {"bpp": p["bpp"] / 2} for p in points()]
    for metric in ("psnr", "ms_ssim", LPIPS):
        assert report.gain(points(), half, metric)["percent"] == pytest.approx(-50, abs=0.01)
    found = report.gains({"jpeg": {"points": points()}, "bpg": {"points": half}, "png": {"points": [{"bpp": 9.0}]}})
    assert set(found) == {"jpeg", "bpg"} and set(found["bpg"]) == {"jpeg"}


def test_curves_that_barely_meet_are_not_compared(report: ModuleType) -> None:
    worse = [p | {"psnr": p["psnr"] - 8} for p in points()]  # 12 dB each, 4 of them in common
    assert report.gain(points(), worse, "psnr") == {"reason": "the curves share 34 % of the range"}
    assert "percent" in report.gain(points(), [p | {"psnr": p["psnr"] - 5} for p in points()], "psnr")
    assert report.gain(points(), [{"bpp": 1.0}], "psnr") == {"reason": "not measured"}
    far = [p | {"psnr": p["psnr"] - 50} for p in points()]
    assert "range" in report.gain(points(), far, "psnr")["reason"]


def test_the_difference_to_a_published_curve(report: ModuleType) -> None:
    same = report.difference(pairs(0.3), pairs()[1:])
    assert same | {"at_bpp": 0} == {"from_bpp": 0.2, "to_bpp": 1.6, "mean_db": 0.3, "largest_db": 0.3, "at_bpp": 0}
    # A slope of 8 dB a decade instead of 10 through the point of 1 bit per pixel: 2 dB apart at 0.1, below.
    steeper = report.difference(pairs(slope=8.0), pairs())
    assert steeper["largest_db"] == pytest.approx(2, abs=0.03) and steeper["at_bpp"] < 0.11
    assert steeper["mean_db"] == pytest.approx(np.mean([-2 * math.log10(r) for r in (0.1, 1.6)]), abs=0.01)
    with pytest.raises(SystemExit, match="shares no rates"):
        report.difference(pairs(), [(10.0, 40.0), (20.0, 45.0)])


def anchor_folder(folder: Path) -> Path:
    names = ("jpeg", "jpeg2000", "webp", "av1", "bpg_444_x265_ycbcr")
    codecs = {n: {"points": points()} for n in (*names, "c3repo:JPEG", "c3repo:JPEG2000", "c3repo:BPG420")}
    (folder / "kodak_rd.json").write_text(json.dumps({"codecs": codecs}))
    (folder / "kodak_bpg444_measured.json").write_text(json.dumps(points()))
    return folder


def test_agreement_has_both_settings_beside_each_other(report: ModuleType, tmp_path: Path) -> None:
    found = {"jpeg": {"points": points(1.0)}, "bpg": {"points": points(0.05)}}
    again = {"jpeg": {"how": "as they did", "points": points(0.01)}}
    entries = report.agreement(found, anchor_folder(tmp_path), again)
    assert [entry["codec"] for entry in entries] == ["jpeg", "bpg", "bpg"]
    assert entries[0]["mean_db"] == 1.0 and entries[0]["with_published_settings"]["mean_db"] == 0.01
    assert entries[1]["mean_db"] == 0.05 and "with_published_settings" not in entries[1]


def test_av1s_steps_are_told_apart(report: ModuleType) -> None:
    slow = [p | {"psnr_between_copies": p["psnr"] + 0.25} for p in points(0.5)]
    again = {f"avif at speed {s}": {"pictures": 4, "points": p} for s, p in ((0, slow), (4, points()))}
    found = report.av1_steps(again)
    assert [found[k]["mean_db"] for k in ("speed", "count", "both")] == [0.5, 0.25, 0.75]
    assert report.av1_steps({}) is None


def test_jpeg2000_at_one_rate_is_told_apart(report: ModuleType, tmp_path: Path) -> None:
    found = {"jpeg": {"points": points()}, "bpg": {"points": points(5.0)}}
    again = {report.AT_RATES: {"points": points(1.0)}}
    told = report.jpeg2000_at_rates(found, anchor_folder(tmp_path), again)
    assert told["over_published"]["mean_db"] == 1.0
    assert told["bd_rate"]["jpeg"]["psnr"]["percent"] == pytest.approx(100 * (10**-0.1 - 1), abs=0.01)
    assert told["bd_rate"]["bpg"]["psnr"]["percent"] == pytest.approx(100 * (10**0.4 - 1), abs=0.01)
    assert report.jpeg2000_at_rates(found, tmp_path, {}) is None


def test_bytes_for_an_aim(load: Load) -> None:
    needed = load("codecs.report").needed
    assert needed(points(), "psnr", 25.0) == pytest.approx(10**-0.5)
    assert needed(points(), LPIPS, 0.125) == pytest.approx(10**-0.5)
    assert needed(points(), "psnr", 10.0) == 0.1  # its first point is better already
    assert needed(points(), "psnr", 99.0) is None


# What the published settings do.


def test_8_bit_ycbcr_comes_back_within_a_sample(load: Load) -> None:
    settings = load("codecs.published_settings")
    picture = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for luma, chroma in (settings.FULL, settings.STUDIO):
        planes = settings.to_ycbcr(picture, luma, chroma)
        back = settings.from_ycbcr(planes, luma, chroma)
        assert np.abs(back - picture).max() < 2.5
    grey = settings.to_ycbcr(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8), *settings.STUDIO)
    assert grey.tolist() == [[[16, 128, 128], [235, 128, 128]]]


def test_psnr_between_copies_leaves_the_conversion_out(load: Load) -> None:
    settings = load("codecs.published_settings")
    picture = np.random.default_rng(2).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    kept = settings.from_ycbcr(settings.to_ycbcr(picture, *settings.FULL), *settings.FULL)
    decoded = np.clip(np.rint(kept), 0, 255).astype(np.uint8)
    assert settings.psnr(picture, decoded) < 55 < settings.psnr_between_copies(picture, decoded)
    assert settings.psnr_between_copies(picture, picture) == math.inf
    grey, brighter = (np.full((8, 8, 3), v, np.uint8) for v in (100, 101))
    assert settings.psnr_between_copies(grey, brighter) == pytest.approx(48.1308, abs=1e-3)


def test_jpeg2000_as_ffmpeg_has_the_rate_asked_for(load: Load) -> None:
    settings = load("codecs.published_settings")
    picture = np.array(Image.open(ROOT / "tests/pictures/astronaut.png").convert("RGB"))
    data, decoded = settings.jpeg2000_as_ffmpeg(picture, 20)
    assert data[4:8] == b"jP  " and 0.95 < 20 * len(data) / picture.nbytes <= 1.001
    assert decoded.shape == picture.shape and settings.psnr(picture, decoded) > 30


def test_curves_of_published_settings_are_means(load: Load, tmp_path: Path) -> None:
    settings = load("codecs.published_settings")
    paths = []
    for i in range(2):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(np.full((4, 4, 3), 10 * i, np.uint8)).save(paths[-1])
    found = settings.mean_curve(paths, (1.0, 2.0), lambda p, s: {"setting": s, "bpp": s, "psnr": float(p.mean())})
    assert found == [{"setting": s, "bpp": s, "psnr": 5.0} for s in (1.0, 2.0)]


# Figures and tables.


def result() -> dict[str, Any]:
    """What codecs/report.py finds, in its form."""
    curves = {
        name: {"encoder": f"{name} 1.0", "tag": "", "points": points(gain)}
        for name, gain in (("jpeg", 0.0), ("bpg", 5.0), ("avif", 5.5))
    }
    curves["hyperprior"] = {"encoder": "", "tag": "3c05f9bf", "points": points(4.0)}
    curves["conceptual"] = {"encoder": "", "tag": "9865bb12", "points": points(-4.0)}
    apart = {"from_bpp": 0.1, "to_bpp": 1.6, "mean_db": 0.5, "largest_db": 0.9, "at_bpp": 0.1}
    near = apart | {"mean_db": 0.01, "largest_db": -0.05}
    cost = {"spec": "x", "bpp": 0.4, "encode_seconds": 0.0123, "decode_seconds": 0.0045, "load_seconds": 0.0,
            "peak_mib": 80}  # fmt: skip
    return {
        "processor": "A CPU",
        "threads": 1,
        "versions": {"sccodec": "0.1.0"},
        "kodak": {"pictures": 24, "curves": curves},
        "faces": {"pictures": 100, "side": 256, "curves": curves},
        "bd_rate": {"bpg": {"jpeg": {"psnr": {"percent": -61.4}, "ms_ssim": {"reason": "no"}}}, "jpeg": {}},
        "costs": dict.fromkeys(curves, cost),
        "published": [
            {"codec": "jpeg", "published": "JPEG, Pillow"} | apart | {"with_published_settings": {"how": "h"} | near},
            {"codec": "bpg", "published": "BPG"} | near,
            {"codec": "avif", "published": "AV1"} | apart,
            {"codec": "heic", "published": "HEIC"} | apart,
        ],
        "av1": {"pictures": 4, "speed": apart, "count": near, "both": apart},
        "portraits": {
            "default": {"spec": "conceptual:q=50", "bpp": 0.024, "file_bytes": 196.6, "psnr": 21.3, LPIPS: 0.193},
            "others": {"jpeg": {"smallest": points()[0], "bytes_for_its_lpips": 2000},
                       "bpg": {"smallest": points()[0], "bytes_for_its_lpips": None}},
        },
    }  # fmt: skip


@pytest.mark.parametrize("dataset", ["kodak", "faces"])
def test_the_figures_are_pictures_of_a_readmes_size(load: Load, dataset: str) -> None:
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    figures = load("codecs.figures")
    data = figures.draw(dataset, result())
    assert len(data) <= figures.MOST_BYTES
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG" and 800 < image.width < 1200
        shown = np.asarray(image.convert("RGB")).astype(int)
    red = (np.abs(shown - np.array([0xC1, 0x27, 0x2D])).max(-1) < 16).sum()
    assert red > 300  # the hyperprior's curve, in its colour


def test_ms_ssim_is_drawn_in_decibels_and_limits_are_of_what_is_shown(load: Load) -> None:
    figures = load("codecs.figures")
    rates, values = figures.line([{"bpp": 0.5, "ms_ssim": 0.99}, {"bpp": 0.6}], "ms_ssim")
    assert rates == [0.5] and values == pytest.approx([20.0])
    low, high = figures.limits(result()["kodak"]["curves"], LPIPS, (0.15, 0.5))
    assert 0.119 < low < 0.12 and 0.135 < high < 0.136  # of the points at 0.2 and 0.4


def test_the_section_tells_figures_reasons_and_gaps(load: Load) -> None:
    tables = load("codecs.tables")
    text = tables.everything(result(), None)
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    assert "| BPG 4:4:4 | -61.4 % |  |  |  |  |  |" in text  # a figure, and none where there is a reason
    assert "12 ms | 4.5 ms | 80 MiB | 0.40 | jpeg 1.0" in text
    assert "+0.01 dB, -0.05 dB | the published files have the standard's Huffman tables" in lines["JPEG, Pillow"]
    assert lines["BPG"].endswith("|  |  |")
    assert "--cpu-used=0" in lines["AV1"] and "On 4 pictures, speed 0 has +0.50 dB" in lines["AV1"]
    assert lines["HEIC"].endswith("| not found |")
    assert "197 bytes for LPIPS 0.193" in text and "| 2000 |" in text
    assert "`conceptual` is for portraits" not in text  # it has no such setting here
    with_rates = result() | {"jpeg2000_at_rates": {"over_published": {"mean_db": 1.15}, "bd_rate": {}}}
    with_rates["bd_rate"]["jpeg2000"] = {"jpeg": {"psnr": {"percent": -33.3}}}
    with_rates["published"].append({"codec": "jpeg2000", "published": "OpenJPEG", "from_bpp": 0.1, "to_bpp": 1.0,
                                    "mean_db": -0.5, "largest_db": -1.2, "at_bpp": 0.1})  # fmt: skip
    with_rates["kodak"]["curves"]["conceptual"]["points"][0]["spec"] = "conceptual:q=50"
    told = tables.everything(with_rates, None)
    assert "| JPEG 2000, all pictures at one rate |" in told and "at one rate, ours has +1.15 dB" in told
    assert "`conceptual` is for portraits" in told
    assert "page.jpg" not in text
    page = {"pictures": 24, "codecs": 12, "rows": 2000, "shown": 3, "page_bytes": 6_540_000, "drawn_seconds": 0.5,
            "process_seconds": 1.4, "blank_seconds": 0.8}  # fmt: skip
    told = tables.everything(result(), page)
    assert "6.5 MB" in told and "codecs/page.jpg" in told and "drawn it 0.50 s after" in told
    del page["drawn_seconds"]
    assert "6.5 MB" in tables.about_page(page) and "Chromium" not in tables.about_page(page)  # it was not timed


def test_the_results_get_the_section_unless_a_model_is_another(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = load("write_results")
    here = tmp_path / "benchmarks"
    (here / "results" / "codecs").mkdir(parents=True)
    begin, end = writer.CODECS
    results = tmp_path / "docs" / "results.md"
    results.parent.mkdir()
    results.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    monkeypatch.setattr(writer, "HERE", here)
    writer.write_codecs()  # nothing was measured
    assert "old" in results.read_text()
    found = result()
    for part in ("kodak", "faces"):
        for curve_ in found[part]["curves"].values():
            curve_["tag"] = ""
    (here / "results" / "codecs" / "report.json").write_text(json.dumps(found))
    writer.write_codecs()
    text = results.read_text()
    assert "old" not in text and "codecs/report_kodak.png" in text
    assert text.startswith("before") and text.endswith("after\n")
    found["faces"]["curves"]["conceptual"]["tag"] = "00000000"
    (here / "results" / "codecs" / "report.json").write_text(json.dumps(found))
    with pytest.raises(SystemExit, match="conceptual's model 00000000 is not installed"):
        writer.write_codecs()


# The page.


def test_the_probe_hears_the_page(load: Load) -> None:
    page = load("codecs.page")
    text = page.probed('<head><meta http-equiv="Content-Security-Policy" content="x"><title>t</title></head><body>')
    assert "Security" not in text and text.index("addEventListener") < text.index("</head>")
    assert page.drawn('<meta name="probe" content="0.25 yes">') == 0.25
    for elements in ("", '<meta name="probe" content="0.25 undefined">'):
        with pytest.raises(SystemExit, match="not ready"):
            page.drawn(elements)


def test_a_page_is_opened_timed_and_shown(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = load("codecs.page")
    if not any(map(shutil.which, page.BROWSERS)):
        pytest.skip(f"no browser: none of {', '.join(page.BROWSERS)} is installed")
    rows = write(tmp_path / "rows.jsonl", [*curve("jpeg"), *curve("webp", 1.0)])
    html = tmp_path / "page.html"
    report = [sys.executable, "-m", "sccodec", "report", str(rows), "-o", str(html)]
    subprocess.run(report, capture_output=True, check=True)
    monkeypatch.setattr(page, "TIMES", 1)
    taken = page.open_page(html, tmp_path)
    assert 0 < taken["drawn_seconds"] < taken["process_seconds"]
    for window, width in (page.DESKTOP, page.PHONE):
        with Image.open(io.BytesIO(page.screenshot(html, tmp_path, window, width))) as image:
            assert image.size == (width, round(window[1] * width / window[0]))
            assert np.asarray(image.convert("L")).std() > 3  # something is there
    assert page.counts(rows) == {"rows": 24, "pictures": 3, "codecs": 2}
