"""`sccodec report` on rows of links: means, figures, published points beside them, and files of several kinds."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest

from sccodec.bench.transmit_rows import TransmitRow
from sccodec.cli import main
from sccodec.report import transmissions, transmit_figures, transmit_reference
from sccodec.report.transmit_reference import Unusable
from tests import report_rows

LATE = "2026-02-01T00:00:00Z"
SAMPLES, PIXELS = "k complex channel uses / (3*H*W) source samples", "k / (H*W) pixels"


def row(
    spec: str = "a:ratio=1/24", picture: str = "p", psnr: float = 30, snr: float = 10, **known: object
) -> TransmitRow:
    made = TransmitRow(
        spec, f"{picture}.png", dataset="kodak", sha256=picture * 64, tag="0000aaaa", width=48, height=32, snr=snr,
        k=int(Fraction(spec.rpartition("ratio=")[2]) * 3 * 48 * 32), device="cpu", time="2026-01-01T00:00:00Z",
        versions={"numpy": "2.0"}, blocks=1,
    )  # fmt: skip
    made.figures = {"psnr": float(psnr), "send_seconds": 0.02, "receive_seconds": 0.01, "peak_to_average_db": 8.5}
    for key, value in known.items():
        setattr(made, key, value)
    return made


def write(path: Path, *held: TransmitRow | Mapping[str, object] | str) -> Path:
    lines = [r if isinstance(r, str) else json.dumps(r.as_dict() if isinstance(r, TransmitRow) else r) for r in held]
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


def lines_of(
    *held: TransmitRow, metric: str = "psnr", published: tuple[object, ...] = ()
) -> dict[str, dict[str, dict[float, float]]]:
    (group,) = transmissions.groups(transmissions.sort(held))
    beside = [transmit_reference.parse(one) for one in published]
    found = transmit_figures.figures(group, beside, [metric])
    return {figure.title: {line.name: dict(line.points) for line in figure.lines} for figure in found}


def test_means_are_over_pictures_and_of_a_picture_over_its_seeds() -> None:
    held = [
        row(),
        row(psnr=34, seed=1),
        row(picture="q", psnr=20),
        row(snr=4, psnr=10),
        row(snr=4, picture="q", psnr=20),
    ]
    (group,) = transmissions.groups(transmissions.sort(held))
    (setting,) = group.settings
    low, high = setting.points
    assert (
        (low.snr, high.snr) == (4, 10) and group.mean(high, "psnr") == (32 + 20) / 2 and group.mean(low, "psnr") == 15
    )
    assert high.seeds == {0, 1} and high.pictures == {"p" * 64, "q" * 64} and setting.name == "a"


def test_points_that_lack_pictures_are_in_no_figure(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    whole = [row(snr=s, picture=p, psnr=20 + s) for s in (1, 4) for p in "pq"]
    found = lines_of(*whole, row(snr=7, psnr=50))
    assert found == {"PSNR over SNR at k/n = 1/24": {"a": {1: 21, 4: 24}}}
    path = write(tmp_path / "r.jsonl", *whole, row(snr=7, psnr=50))
    code, out, _ = report(capfd, path, "-o", "-", "--format", "md")
    assert code == 0 and "Means over 2 pictures. 1 point over fewer" in out
    assert "| a (1 picture) | 1/24 | 0.125 | 7 | 50.00 |" in out


def test_a_metric_is_over_the_pictures_that_have_it_everywhere() -> None:
    held = [row(snr=s, picture=p, psnr=20 + s) for s in (1, 4) for p in "pq"]
    held[0].figures["ssim"], held[2].figures["ssim"], held[3].figures["ssim"] = 0.5, 0.7, 0.9
    (group,) = transmissions.groups(transmissions.sort(held))
    assert group.having["ssim"] == {"p" * 64} and group.having["psnr"] == group.pictures
    assert [group.mean(point, "ssim") for point in group.settings[0].points] == [0.5, 0.7]


def test_figures_are_over_snr_and_over_the_ratio() -> None:
    held = [
        row(f"{link}:ratio={r}", snr=s, psnr=s + n + i)
        for n, link in enumerate("ab")
        for i, r in enumerate(("1/24", "1/12"))
        for s in (1, 4)
    ]
    found = lines_of(*held)
    assert list(found) == [
        "PSNR over SNR at k/n = 1/24", "PSNR over SNR at k/n = 1/12", "PSNR over the ratio at 1 dB",
        "PSNR over the ratio at 4 dB",
    ]  # fmt: skip
    assert found["PSNR over SNR at k/n = 1/12"] == {"a": {1: 2, 4: 5}, "b": {1: 3, 4: 6}}
    assert found["PSNR over the ratio at 4 dB"] == {"a": {1 / 24: 4, 1 / 12: 5}, "b": {1 / 24: 5, 1 / 12: 6}}


def test_a_cliff_is_a_line_of_its_own() -> None:
    cliff = [row(snr=s, psnr=s, assumed=None if s == 10 else 10) for s in (4, 7, 10, 13)]
    assert lines_of(*cliff) == {"PSNR over SNR at k/n = 1/24": {"a, sent for 10 dB": {4: 4, 7: 7, 10: 10, 13: 13}}}
    found = lines_of(*cliff, row(snr=4, psnr=6))["PSNR over SNR at k/n = 1/24"]
    assert found == {"a": {4: 6, 10: 10}, "a, sent for 10 dB": {4: 4, 7: 7, 10: 10, 13: 13}}


def test_channels_have_figures_of_their_own() -> None:
    fading = "rayleigh:csi=perfect,fading=block"
    held = [row(snr=s, psnr=s + 1, channel=fading) for s in (1, 4)] + [row(snr=s, psnr=s) for s in (1, 4)]
    found = lines_of(*held)
    assert list(found) == ["PSNR over SNR at k/n = 1/24", f"PSNR over SNR at k/n = 1/24, {fading}"]
    assert found[f"PSNR over SNR at k/n = 1/24, {fading}"] == {"a": {1: 2, 4: 5}}


def test_later_rows_replace_earlier_ones_and_models_are_told_apart() -> None:
    read = transmissions.sort([row(), row(psnr=31), row(snr=7, error="failed"), row(snr=7, picture="p")])
    assert read.n_superseded == 1 and not read.failures and read.rows[0].figures["psnr"] == 31
    (group,) = transmissions.groups(transmissions.sort([row(), row(tag="0000bbbb"), row("b:ratio=1/24")]))
    assert [s.name for s in group.settings] == ["a (0000aaaa)", "a (0000bbbb)", "b"]
    read = transmissions.sort([row(), row(sha256="e" * 64, time=LATE)])
    assert read.n_changed == 1 and [r.sha256[0] for r in read.rows] == ["e"]


@pytest.mark.parametrize(
    ("definition", "divisor"),
    [
        (SAMPLES, 1),
        ("k/n, n = 3HW", 1),
        ("complex symbols per source sample", 1),
        ("channel uses over 3 x H x W", 1),
        (PIXELS, 3),
        ("complex channel uses per pixel", 3),
        ("k/(HW)", 3),
        ("k real channel uses / (3*H*W)", 2),
        ("real symbols per pixel", 6),
        ("", None),
        ("compression ratio", None),
        ("k over pixels, 3 times that over samples", None),
        ("k/(3HW), not k/(HW)", None),
    ],
)
def test_ratios_are_brought_to_samples(definition: str, divisor: int | None) -> None:
    point = {"method": "M", "ratio": "1/4", "snr_db": 1, "psnr_db": 20, "ratio_definition": definition}
    if divisor is None:
        with pytest.raises(Unusable, match="ratio_definition"):
            transmit_reference.parse(point)
    else:
        assert transmit_reference.parse(point).ratio == pytest.approx(1 / 4 / divisor)


def test_published_figures_take_the_names_of_rows() -> None:
    point = {"name": " A\nB ", "ratio": 0.25, "snr_db": "-2.5", "ratio_definition": SAMPLES}
    found = transmit_reference.parse(point | {"psnr_db": 30, "ssim": 0.9, "ms_ssim_db": 10, "lpips_alex_v0.1": 0.2})
    assert found.figures == {"psnr": 30, "ssim": 0.9, "ms_ssim": pytest.approx(0.9), "lpips_alex_v0.1": 0.2}
    assert (found.name, found.snr, found.dataset, found.channel) == ("A B", -2.5, "", "")
    for wrong in ({"psnr_db": None}, {"ssim": 12}, {"psnr_db": "30"}, {"psnr_db": True}):
        with pytest.raises(Unusable, match="no figure"):
            transmit_reference.parse(point | wrong)
    for wrong in ({"snr_db": None}, {"snr_db": "high"}, {"ratio": 0}, {"ratio": "1/0"}, {"ratio": None}, {"name": ""}):
        with pytest.raises(Unusable):
            transmit_reference.parse(point | {"psnr_db": 30} | wrong)


@pytest.mark.parametrize(
    ("stated", "channel", "fits"),
    [
        ("AWGN", "awgn", True),
        ("", "rician:csi=none,fading=fast,k=6", True),
        ("AWGN", "rayleigh:csi=perfect,fading=block", False),
        ("Rayleigh (perfect CSI)", "rayleigh:csi=perfect,fading=fast", True),
        ("Rayleigh (perfect CSI)", "rayleigh:csi=none,fading=fast", False),
        ("fast Rayleigh fading, no CSI", "rayleigh:csi=none,fading=fast", True),
        ("slow Rayleigh", "rayleigh:csi=none,fading=fast", False),
    ],
)
def test_published_figures_stand_beside_what_went_over_such_a_channel(stated: str, channel: str, *, fits: bool) -> None:
    one = transmit_reference.Published("M", "", stated, 0.1, 1)
    assert transmit_reference.is_over(one, channel) is fits


def points(**more: object) -> list[dict[str, object]]:
    common = {"method": "Paper", "dataset": "Kodak", "channel": "AWGN", "source": "there", "how": "read off plot"}
    return [
        common | {"ratio": 0.0417, "ratio_definition": SAMPLES, "snr_db": s, "psnr_db": 20.0 + s} | more for s in (1, 4)
    ]


def test_published_points_are_lines_of_their_own() -> None:
    held = [row(f"a:ratio={r}", snr=s, psnr=s) for r in ("1/24", "1/12") for s in (1, 4)]
    by_pixels = points(method="Other", ratio=0.125, ratio_definition=PIXELS) + points(method="Other", source="again")
    elsewhere = (
        points(method="X", dataset="CIFAR-10") + points(method="X", channel="Rayleigh") + points(method="X", ratio=0.05)
    )
    found = lines_of(*held, published=(*points(), *by_pixels, *elsewhere))
    assert found["PSNR over SNR at k/n = 1/24"] == {
        "a": {1: 1, 4: 4}, "Paper (published)": {1: 21, 4: 24}, "Other, source 1 (published)": {1: 21, 4: 24},
        "Other, source 2 (published)": {1: 21, 4: 24},
    }  # fmt: skip
    assert found["PSNR over the ratio at 4 dB"]["Paper (published)"] == {1 / 24: 24}
    assert found["PSNR over the ratio at 4 dB"]["X (published)"] == {0.05: 24}


TABLES = {
    "convention": "CBR = " + SAMPLES + ". Others divide by pixels; divide theirs by 3.",
    "witt_kodak_awgn_snr4": {"source": "s", "cbr": [0.0417, "1/12"], "WITT": [29.3, 31.9]},
    "witt_kodak_awgn_cbr1_24_vs_snr": {"source": "s", "snr": [1, 4], "WITT": [27, 29.5]},
    "swin_sa_kodak_awgn_psnr": {"source": "s", "cbr": [0.0417, 0.0833, 0.1], "snr_db": [1, 4],
                                "psnr": [[20, 21], [22, 23], [24, 25]]},
    "turned_kodak_awgn": {"source": "s", "cbr": [0.0417, 0.0833], "snr_db": [1, 4], "axes": ["snr_db", "cbr"],
                          "psnr": [[20, 22], [21, 23]]},
    "ntscc_kodak_awgn_snr4": {"source": "s", "NTSCC": [[0.0417, 28.3], [0.07, 30.9]]},
    "deep_kodak_awgn_plot": {"source": "s", "snr_test": [1, 4], "k/n=1/24 best": [25.3, 28.1]},
    "square_kodak_awgn": {"source": "s", "cbr": [0.0417, 0.0833], "snr_db": [1, 4], "psnr": [[20, 22], [21, 23]]},
    "short_kodak_awgn_snr4": {"source": "s", "cbr": [0.1, 0.2], "A": [1]},
    "nowhere": {"source": "s", "cbr": [0.1], "psnr": [1]},
    "unknown_kodak_awgn": {"source": "s", "cbr": [0.1], "A": [1]},
}  # fmt: skip


def test_tables_of_curves_are_read_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(TABLES), encoding="utf-8")
    said: list[str] = []
    found: dict[str, set[tuple[float, float, float]]] = {}
    for one in transmit_reference.read([tmp_path / "t.json"], said.append):
        assert (one.dataset, one.channel, one.source) == ("kodak", "awgn", "s")
        found.setdefault(one.name, set()).add((round(one.ratio, 4), one.snr, one.figures["psnr"]))
    assert found == {
        "WITT": {(0.0417, 4, 29.3), (0.0833, 4, 31.9), (0.0417, 1, 27), (0.0417, 4, 29.5)},
        "swin sa": {(0.0417, 1, 20), (0.0417, 4, 21), (0.0833, 1, 22), (0.0833, 4, 23), (0.1, 1, 24), (0.1, 4, 25)},
        "turned": {(0.0417, 1, 20), (0.0833, 1, 22), (0.0417, 4, 21), (0.0833, 4, 23)},
        "NTSCC": {(0.0417, 4, 28.3), (0.07, 4, 30.9)},
        "deep, k/n=1/24 best": {(0.0417, 1, 25.3), (0.0417, 4, 28.1)},
    }
    assert len(said) == 4 and "square_kodak_awgn: psnr has as many ratios as SNRs" in said[0]
    assert "short_kodak_awgn_snr4: A has 1 values" in said[1] and "4 in all are left out" in said[3]
    (tmp_path / "t.json").write_text(json.dumps(TABLES | {"convention": "k over pixels"}), encoding="utf-8")
    assert transmit_reference.read([tmp_path / "t.json"])[0].ratio == pytest.approx(0.0417 / 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    held = [row(f"a:ratio={r}", snr=s, picture=p, psnr=s + 20) for r in ("1/24", "1/12") for s in (1, 4) for p in "pq"]
    return write(tmp_path / "kodak.jsonl", *held, row("b:ratio=1/12", error="it failed"), "nonsense")


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    (tmp_path / "published.json").write_text(json.dumps({"note": "n", "rows": points()}), encoding="utf-8")
    return tmp_path / "published.json"


def test_markdown_has_every_point_figures_and_failures(
    path: Path, reference: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, err = report(
        capfd, path, "-o", "-", "--format", "md", "--title", "Two *links*", "--reference", reference
    )
    assert code == 0 and "line 10: not a JSON object; skipped" in err and "1 measurement failed" in err
    assert out.startswith("# Two \\*links\\*\n") and "Means over 2 pictures." in out
    assert "| a | 1/24 | 0.125 | 1 | 21.00 | 0 of 2 | 8.5 | 0.020 | 0.010 |" in out
    figure = out.partition("### PSNR over SNR at k/n = 1/24")[2].partition("###")[0]
    assert "| PSNR, dB; SNR, dB: | 1 | 4 |" in figure and "| a | 21.00 | 24.00 |" in figure
    assert "| Paper (published) | 21.00 | 24.00 |" in figure
    assert "| Paper | AWGN | 0.0417 | 1 | 21.00 | there | read off plot |" in out.partition("### Published figures")[2]
    assert "| b:ratio=1/12 at 10 dB | p.png | it failed |" in out and "1 damaged line skipped." in out


def test_csv_has_a_line_a_point(path: Path, reference: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = as_csv(capfd, path, "--reference", reference)
    assert [(line["link"], line["published"]) for line in found] == [("a", "no")] * 4 + [("Paper", "yes")] * 2
    first, last = found[0], found[-1]
    assert (first["ratio"], first["k_over_samples"], first["k_over_pixels"]) == ("1/24", "0.0416667", "0.125")
    assert (first["psnr"], first["pictures"], first["pictures_psnr"], first["blocks"]) == ("21", "2", "2", "2")
    assert (last["k_over_samples"], last["snr_db"], last["psnr"], last["source"]) == ("0.0417", "4", "24", "there")
    negative = as_csv(capfd, write(path.with_name("n.jsonl"), row(snr=-2, channel="awgn")))
    assert negative[0]["snr_db"] == "-2" and negative[0]["transmitter_snr_db"] == "-2"


def test_the_page_opens_from_disk_and_runs_nothing(
    path: Path, reference: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = report(capfd, path, "--title", "<i>", "--reference", reference)
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    assert code == 0 and "kodak.html" in out
    assert "<script" not in page and "script-src" not in page and "&lt;i&gt;" in page and "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page) and "style=" not in page
    assert page.count("<h2>PSNR over ") == page.count('role="img"') == 4
    assert (
        page.count('<g class="c0"><title>a</title>') == 4 and '<g class="c1 published"><title>Paper (published)' in page
    )
    shown = page.partition("PSNR over SNR at k/n = 1/24")[2].partition("<h2>")[0]
    (line,) = re.findall(r'<title>a</title><path class="curve" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"', shown)
    assert float(line[0]) < float(line[2]) and float(line[1]) > float(line[3])  # rising: y goes down


def test_the_plot_is_a_picture(path: Path, reference: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    target = path.with_suffix(".png")
    assert report(capfd, path, "-o", target, "--reference", reference)[0] == 0
    assert target.read_bytes().startswith(b"\x89PNG")
    code, _, err = report(capfd, write(path, row()), "-o", path.with_name("x.png"))
    assert code == 1 and "nothing to draw" in err and err.count("\n") == 1 and not path.with_name("x.png").exists()


def test_metrics_are_drawn_as_asked(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    held = [row(snr=s) for s in (1, 4)]
    for one in held:
        one.figures["ssim"] = 0.9
    code, out, _ = report(capfd, write(path, *held), "-o", "-", "--format", "md", "--metric", "ssim")
    assert code == 0 and "### SSIM over SNR" in out and "### PSNR" not in out


def test_files_of_several_kinds_say_which(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    both = write(tmp_path / "both.jsonl", row(), *report_rows.curve("jpeg"))
    code, out, err = report(capfd, both, "-o", "-", "--format", "csv")
    assert code == 0 and "codec" in out.splitlines()[0] and "1 row is of links" in err and "damaged" not in err
    assert [line["link"] for line in as_csv(capfd, both, "--task", "transmit")] == ["a"]
    segmenter = {"task": "segment", "spec": "street", "picture": "p.png", "error": "failed"}
    two = write(tmp_path / "two.jsonl", row(), row(snr=4), segmenter)
    code, out, err = report(capfd, two, "-o", "-", "--format", "csv")
    assert code == 0 and "link" in out.splitlines()[0] and "1 row is of segmenters" in err
    only = write(tmp_path / "only.jsonl", *report_rows.curve("jpeg"))
    code, _, err = report(capfd, only, "--task", "transmit")
    assert code == 1 and "no measurement of a link" in err and err.count("\n") == 1


@pytest.mark.parametrize("args", [("--anchor", "jpeg"), ("--images", "x"), ("--linear",), ("--export", "compressai")])
def test_options_of_codecs_are_wrong_usage(
    path: Path, args: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert report(capfd, path, *args)[0] == 2 and [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "is no JSON"),
        ("[]", "holds no published figure"),
        ("[5]", "it is no object"),
        ("{}", "holds no published figure"),
        ('{"rows": 5}', "it is no object"),
        ('{"name": "VTM", "source": "x", "points": [{"bpp": 1}]}', "states no SNR"),
        ('{"a_kodak_awgn": {"cbr": [1], "A": "b"}}', "it has no curve"),
        ('{"a_kodak_awgn_snr1": {"cbr": [0.1], "A": [20]}}', "does not say whether"),
    ],
)
def test_files_that_hold_no_published_figures_are_one_line(
    path: Path, content: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write(path, row())
    path.with_name("p.json").write_text(content, encoding="utf-8")
    code, out, err = report(capfd, path, "--reference", path.with_name("p.json"))
    assert code == 1 and out == "" and err.count("\n") == 1 and said in err and "p.json" in err
    assert not path.with_suffix(".html").exists()


def test_published_figures_of_what_no_row_is_of_are_counted(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path.with_name("p.json").write_text(json.dumps(points(dataset="CIFAR-10") + points()), encoding="utf-8")
    code, _, err = report(capfd, path, "--reference", path.with_name("p.json"))
    assert code == 0 and "2 published figures are left out, of what no row is of: CIFAR-10 over AWGN" in err
