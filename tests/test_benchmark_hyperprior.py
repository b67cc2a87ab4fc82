"""The benchmarks of the hyperprior and of the machine compute, count and judge rightly, with stand-ins for codecs."""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sccodec
from sccodec.engine import MAX_THREADS, usable_cores

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
TINY = "conceptual:tiny"
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the benchmarks are not beside the tests")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's figures are read")
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a script of benchmarks/ by its dotted name."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def curve(*points: tuple[float, float]) -> list[dict[str, float]]:
    return [{"bpp": bpp, "psnr_db": psnr_db} for bpp, psnr_db in points]


# Rate and distortion.


def bd_rate(load: Load, anchor: list[dict[str, float]], test: list[dict[str, float]]) -> dict[str, float]:
    pytest.importorskip("bjontegaard", reason="the extra `report` is not installed")
    found: dict[str, float] = load("hyperprior.rate_distortion").bd_rate(anchor, test)
    return found


def test_bd_rate_of_half_the_rate_is_minus_50_percent(load: Load) -> None:
    anchor = curve((0.2, 28.0), (0.5, 31.0), (1.0, 34.0), (1.7, 37.5))
    test = [{"bpp": p["bpp"] / 2, "psnr_db": p["psnr_db"]} for p in anchor]
    assert bd_rate(load, anchor, test) == {"percent": -50.0, "psnr_from_db": 28.0, "psnr_to_db": 37.5}
    assert bd_rate(load, test, anchor)["percent"] == 100.0


def test_bd_rate_is_a_mean_of_log_rates_over_the_common_range(load: Load) -> None:
    # log10 of the rate over 30..40 dB: (d - 30) / 10 and, of a curve that reaches 50 dB, (d - 30) / 20. Their mean
    # difference is -1/4. Points may come in any order, and need not be equally many.
    anchor, test = curve((10.0, 40.0), (1.0, 30.0)), curve((1.0, 30.0), (10.0, 50.0), (10**0.5, 40.0))
    found = bd_rate(load, anchor, test)
    assert found["percent"] == pytest.approx(100 * (10**-0.25 - 1), abs=1e-3)
    assert (found["psnr_from_db"], found["psnr_to_db"]) == (30.0, 40.0)


def test_bd_rate_interpolates_by_pchip(load: Load) -> None:
    # log10 of the rate 0, 1, 1 at 30, 31, 32 dB. PCHIP's slopes are 3/2 (end), 0, 0, so that the first piece's integral
    # is 1/2 + (3/2) / 12 = 5/8 and the second's 1: a mean of 13/16, against 1 of the straight line 0, 1, 2.
    # (Straight pieces would give 3/4.)
    anchor, test = curve((1.0, 30.0), (10.0, 31.0), (100.0, 32.0)), curve((1.0, 30.0), (10.0, 31.0), (10.0, 32.0))
    assert bd_rate(load, anchor, test)["percent"] == pytest.approx(100 * (10 ** (13 / 16 - 1) - 1), abs=1e-3)


def test_bd_rate_needs_a_common_range(load: Load) -> None:
    with pytest.raises(ValueError, match="no PSNR in common"):
        bd_rate(load, curve((1.0, 30.0), (2.0, 33.0)), curve((1.0, 34.0), (2.0, 35.0)))


def rows_of(name: str, *figures: tuple[float, int, float]) -> list[dict[str, Any]]:
    return [
        {"codec": "x", "picture": name, "setting": q, "bytes": b, "bpp": b / 100, "psnr_db": d} for q, b, d in figures
    ]


def test_curves_are_means_over_pictures_and_steps_back_are_counted(load: Load) -> None:
    kodak = load("hyperprior.rate_distortion")
    rows = rows_of("a", (0, 100, 30.0), (50, 99, 31.0), (100, 200, 31.0))
    rows += rows_of("b", (0, 50, 28.0), (50, 60, 27.5), (100, 70, 27.0))
    assert [(p["setting"], p["bytes"], p["bpp"], p["psnr_db"]) for p in kodak.mean_curve(rows)] == [
        (0, 75.0, 0.75, 29.0), (50, 79.5, 0.795, 29.25), (100, 135.0, 1.35, 29.0)]  # fmt: skip
    knob = kodak.knob(rows)
    assert (knob["steps"], knob["steps_to_fewer_bytes"], knob["steps_to_less_psnr"]) == (4, 1, 2)
    assert knob["violations"]["bytes"] == [{"picture": "a", "from": 0, "to": 50, "by": 1}]
    assert (knob["lowest"]["bpp"], knob["highest"]["bpp"]) == (0.75, 1.35)


def test_rows_are_those_of_the_decoded_files(load: Load, picture: np.ndarray) -> None:
    kodak = load("hyperprior.rate_distortion")
    held = {}

    def encode(image: np.ndarray, quality: float) -> bytes:
        data = bytes(int(quality))
        held[data] = np.where(image < 255, image + 1, 254).astype(np.uint8)
        return data

    contender = kodak.Contender("toy", "-q", (3.0, 12.0), encode, lambda data: held[data])
    rows = kodak.measure(contender, picture, "one")
    assert [(r["setting"], r["bytes"], r["bpp"]) for r in rows] == [(3.0, 3, 0.03125), (12.0, 12, 0.125)]
    assert rows[0]["psnr_db"] == pytest.approx(48.1308, abs=1e-3)  # every sample is off by one


def test_the_classical_codecs_write_their_own_files(load: Load) -> None:
    kodak = load("hyperprior.rate_distortion")
    image = np.array(Image.open(ROOT / "tests/pictures/astronaut.png").convert("RGB"))
    starts = {
        "jpeg": b"\xff\xd8\xff",
        "jpeg-optimised": b"\xff\xd8\xff",
        "jpeg2000": b"\xff\x4f\xff\x51",
        "webp": b"RIFF",
    }
    found = {c.name: c for c in kodak.contenders("toy", [50.0])}
    assert set(found) == {kodak.OURS, *starts}
    for name, start in starts.items():
        low, high = (found[name].encode(image, found[name].settings[i]) for i in (2, -2))
        assert low.startswith(start)
        assert len(low) < len(high)
        errors = [np.mean((found[name].decode(data) - image.astype(float)) ** 2) for data in (low, high)]
        assert errors[1] < errors[0] < 1000
    n_pixels = image.shape[0] * image.shape[1]
    assert 0.9 < 8 * len(found["jpeg2000"].encode(image, 0.9)) / n_pixels / 0.9 <= 1.001
    assert len(found["jpeg-optimised"].encode(image, 50)) < len(found["jpeg"].encode(image, 50))


def anchor_folder(folder: Path) -> Path:
    """Anchors of the real ones' form: curves over 10 to 60 dB."""
    points = [{"bpp": 0.1 * 2**i, "psnr": 10.0 + 10 * i} for i in range(6)]
    names = (
        "jpeg",
        "jpeg2000",
        "webp",
        "paper-bmshj2018-factorized",
        "paper-bmshj2018-hyperprior",
        "paper-mbt2018-mean",
    )
    codecs = {name: {"points": points} for name in names}
    codecs["c3repo:JPEG"] = {"points": [{"bpp": 0.3, "psnr": 1.0}, {"bpp": 6.4, "psnr": 70.0}]}
    (folder / "kodak_rd.json").write_text(json.dumps({"codecs": codecs}))
    (folder / "kodak_bpg444_measured.json").write_text(json.dumps(points))
    return folder


def test_the_higher_rates_of_jpeg_are_added(load: Load, tmp_path: Path) -> None:
    kodak = load("hyperprior.rate_distortion")
    curves = kodak.anchors(anchor_folder(tmp_path))
    assert len(curves) == 8
    assert curves[kodak.JPEG_HIGHER] == [*curves[kodak.JPEG], {"bpp": 6.4, "psnr_db": 70.0}]


def test_a_whole_run_writes_curves_and_rows(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("bjontegaard", reason="the extra `report` is not installed")
    kodak = load("hyperprior.rate_distortion")
    image = np.array(Image.open(ROOT / "tests/pictures/astronaut.png").convert("RGB"))[:96, :128]
    for name in ("kodim01", "kodim02"):
        Image.fromarray(image).save(tmp_path / f"{name}.png")

    def encode(picture: np.ndarray, spec: str, quality: float) -> bytes:
        data: bytes = kodak.by_pillow(picture, "JPEG", quality=int(10 + 0.8 * quality))
        return data

    monkeypatch.setattr(sccodec, "encode", encode, raising=False)
    monkeypatch.setattr(sccodec, "decode", kodak.open_pillow, raising=False)
    monkeypatch.setattr(kodak, "model_name", lambda spec: "toy-one-00000000.safetensors")
    out = tmp_path / "results" / "kodak_hyperprior.json"
    folders = ["--kodak", str(tmp_path), "--anchors", str(anchor_folder(tmp_path))]
    kodak.main([*folders, "--quality", "100", "0", "50", "--out", str(out)])
    result, rows = json.loads(out.read_text()), gzip.decompress(out.with_suffix(".jsonl.gz").read_bytes()).splitlines()
    assert [p["setting"] for p in result["curves"]["hyperprior"]["points"]] == [0.0, 50.0, 100.0]
    assert len(rows) == 2 * sum(len(c["points"]) for c in result["curves"].values())
    assert [p["bpp"] for p in result["published"][kodak.BPG]["points"]] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])
    assert set(result["bd_rate_against"]) == {*result["curves"], *kodak.anchors(tmp_path)} - {"hyperprior"}
    assert result["bd_rate_against"]["jpeg"]["percent"] == pytest.approx(0, abs=4)  # it is JPEG
    assert str(tmp_path) not in out.read_text()
    assert "against JPEG, published" in capsys.readouterr().out


def test_the_plot_shows_the_curves_by_rate_and_is_small(load: Load) -> None:
    plot = load("hyperprior.plot")
    points = [{"setting": q, "bpp": b, "psnr_db": d} for q, b, d in ((100, 1.5, 39.0), (0, 0.1, 27.0), (50, 0.5, 33.0))]
    measured = {name: {"points": points} for name in ("hyperprior", "webp")}
    result = {"what": "24 pictures", "curves": measured, "published": {plot.BPG: {"points": points}}}
    assert plot.lines(result)[0] == ("hyperprior", [0.1, 0.5, 1.5], [27.0, 33.0, 39.0])
    assert [name for name, _, _ in plot.lines(result)] == ["hyperprior", "webp", plot.BPG]
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    data = plot.draw(result)
    assert data.startswith(b"\x89PNG")
    assert 5_000 < len(data) < plot.MOST_BYTES


# Time.


def test_processes_take_turns_and_the_first_round_is_not_counted(load: Load, tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = {
        name: [sys.executable, "-c", f"import os; open({str(log)!r}, 'a').write({name!r} + os.environ['WHERE'])"]
        for name in ("a", "b")
    }
    seconds = load("measuring").time_processes(commands, 2, {"WHERE": "+"}, tmp_path / "compiled")
    assert log.read_text() == "a+b+a+b+a+b+"
    assert [len(v) for v in seconds.values()] == [2, 2]
    assert min(seconds["a"]) > 0.003


def test_a_process_that_fails_says_why(load: Load, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="a failed: no such thing"):
        command = [sys.executable, "-c", "import sys; sys.exit('one\\nno such thing')"]
        load("measuring").time_processes({"a": command}, 1, {}, tmp_path)


def test_children_run_as_a_user_would_run_them(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "16000000000")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setenv("SCCODEC_MODELS", "somewhere")
    found = load("measuring").user_environment()
    assert found["SCCODEC_MODELS"] == "somewhere"
    assert not {"MALLOC_TRIM_THRESHOLD_", "OMP_WAIT_POLICY"} & set(found)


def test_peers_are_told_as_multiples_of_ours(load: Load) -> None:
    speed = load("machine.speed")
    cold = {"sccodec encode": [0.2, 9.0, 0.4], "sccodec decode": [0.3], "peer encode": [3.0], "peer decode": [6.0]}
    calls = {"sccodec": {"encode": [0.05], "decode": [0.04]}, "peer": {"encode": [0.01], "decode": [0.08]}}
    found = speed.figures(cold, calls)
    assert found["sccodec"]["cold_encode_seconds"] == 0.4  # the median
    assert "times_ours" not in found["sccodec"]
    ratios = {"cold_encode": 7.5, "cold_decode": 20.0, "warm_encode": 0.2, "warm_decode": 2.0}
    assert found["peer"]["times_ours"] == ratios
    assert found["peer"]["all"]["warm_decode"] == [0.08]


def test_warm_calls_leave_the_first_ones_out(load: Load, picture: np.ndarray) -> None:
    made = []
    encode = lambda p: made.append("e") or b"data"  # noqa: E731
    seconds = load("machine.speed").warm(encode, lambda data: made.append("d"), picture, 4, 2)
    assert [len(v) for v in seconds.values()] == [4, 4]
    assert "".join(made) == "ed" * 6


# The same symbols everywhere.


def test_differences_are_counted(load: Load) -> None:
    compare = load("machine.determinism").compare
    symbols, picture = np.arange(12, dtype=np.int32), np.full((2, 2, 3), 100, np.uint8)
    changed, darker = symbols.copy(), picture.copy()
    changed[[3, 7]] += 1
    darker[0, 0] = (99, 97, 103)
    assert compare((symbols, picture), (symbols, picture)) == (0, 0, 0)
    assert compare((symbols, picture), (changed, darker)) == (2, 3, 2)
    assert compare((symbols, picture), None) == (12, 255, 12)
    assert compare((symbols, picture), (symbols[:6], picture)) == (12, 255, 12)


def test_settings_are_those_the_machine_can_run(load: Load) -> None:
    settings = load("machine.determinism").settings
    plain = settings(frozenset({"sse4_2"}), ["SSE41"], [], cuda=False)
    assert not any("Haswell" in s.name or "AVX" in s.name for s in plain)
    flags = frozenset({"sse4_2", "avx2", "avx512f"})
    rich = settings(flags, ["AVX2", "FMA3", "AVX512F", "AVX512_SKX"], ["/other/python"], cuda=True)
    by_name = {s.name: s for s in rich}
    assert by_name["numpy without AVX-512"].variables == {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX"}
    assert by_name["BLAS: SkylakeX kernels (avx512f)"].variables == {"OPENBLAS_CORETYPE": "SkylakeX"}
    assert by_name["another Python, 1"].python == "/other/python"
    assert by_name["GPU"].device == "cuda"
    assert {s.device for s in rich} == {"cpu", "cuda"}
    assert {v for s in rich for v in s.variables} <= set(load("machine.determinism").VARIABLES)


def stand_in_for_run(found: dict[str, str]) -> Callable[..., dict[str, Any]]:
    """`run` without processes. found: setting -> what goes wrong in it, when it decodes ("symbol" or "error")."""

    def run(setting: Any, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        for picture, _, quality, target in job["encode"]:
            Path(target).write_bytes(f"{Path(picture).stem} {quality} {found.get(setting.name) == 'file'}".encode())
        errors = []
        for _, symbols, picture in job["decode"]:
            values = np.arange(10)
            values[0] += found.get(setting.name) == "symbol"
            np.save(symbols, values)
            np.save(picture, np.zeros((1, 2, 3), np.uint8))
            errors.append("Desync: no" if found.get(setting.name) == "error" else None)
        return {"in_force": {}, "errors": errors}

    return run


@pytest.mark.parametrize(
    ("wrong", "files", "symbols", "errors"),
    [({}, 3, [0, 0, 0], 0), ({"b": "symbol"}, 3, [0, 3, 0], 0), ({"c": "error"}, 3, [0, 0, 30], 3),
     ({"b": "file"}, 6, [0, 0, 0], 0)],
)  # fmt: skip
def test_every_file_is_decoded_under_every_setting(
    load: Load,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrong: dict[str, str],
    files: int,
    symbols: list[int],
    errors: int,
) -> None:
    same = load("machine.determinism")
    monkeypatch.setattr(same, "run", stand_in_for_run(wrong))
    found = same.matrix([Path("one.png")], "toy", [same.Setting(name) for name in "abc"], tmp_path)
    assert found["distinct_files"] == files
    assert found["encodings_as_under_the_first_setting"] == f"{9 - 3 * (files > 3)} of 9"
    assert found["symbols_compared_a_setting"] == 10 * files
    assert [s["differing_symbols"] for s in found["settings"]] == symbols
    assert found["differing_symbols"] == sum(symbols)
    assert sum(len(s["errors"]) for s in found["settings"]) == errors


def test_a_file_that_its_own_encoder_cannot_decode_ends_the_run(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = load("machine.determinism")
    monkeypatch.setattr(same, "run", stand_in_for_run({"a": "error"}))
    with pytest.raises(SystemExit, match="a: does not decode its own file: Desync: no"):
        same.matrix([Path("one.png")], "toy", [same.Setting(name) for name in "ab"], tmp_path)


def test_settings_reach_the_processes(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same = load("machine.determinism")
    monkeypatch.setenv("SCCODEC_MODELS", str(GOLDEN))
    monkeypatch.setenv("SCCODEC_THREADS", "1000")  # must not leak into the settings that leave it alone
    image = Image.open(ROOT / "tests/pictures/astronaut.png").convert("RGB")
    image.resize((48, 40)).save(tmp_path / "small.png")
    out = tmp_path / "out.json"
    arguments = ["--kodak", str(tmp_path), "--pictures", "small", "--spec", TINY, "--only", "4", "--out", str(out)]
    same.main(arguments)
    result = json.loads(out.read_text())
    forced = [s["in_force"] for s in result["settings"]]
    assert [(f["threads"], f["onnxruntime_optimises"]) for f in forced[:2]] == [(2, True), (1, True)]
    assert forced[2]["threads"] == min(usable_cores(), MAX_THREADS)
    assert (forced[3]["threads"], forced[3]["onnxruntime_optimises"]) == (1, False)
    assert not any(f["torch_loaded"] for f in forced)
    assert result["differing_symbols"] == 0
    assert result["symbols_compared_a_setting"] > 0
    assert str(tmp_path) not in out.read_text()


# Large pictures.


def test_a_mosaic_mirrors_every_other_tile(load: Load) -> None:
    first = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    upright = np.rot90(first + 100)  # is laid down again
    whole = load("machine.memory").mosaic([first, upright], 8, 5)
    assert whole.shape == (5, 8, 3)
    np.testing.assert_array_equal(whole[:2, :3], first)
    laid = np.rot90(upright)
    np.testing.assert_array_equal(whole[:2, 3:6], laid[:, ::-1])
    np.testing.assert_array_equal(whole[:2, 6:], first[:, :2])
    np.testing.assert_array_equal(whole[2:4, :3], laid[::-1])
    np.testing.assert_array_equal(whole[2:4, 3:6], first[::-1, ::-1])


def test_growth_is_told_by_further_megapixels(load: Load) -> None:
    rows = [
        {"megapixels": m, "encode": {"seconds": 1 + 0.5 * m}, "decode": {"seconds": m * m}} for m in (1.0, 2.0, 4.0)
    ]
    assert load("machine.memory").growth(rows) == {"encode": [0.5, 0.5], "decode": [3.0, 6.0]}


@linux
def test_peak_memory_is_the_process_s_own(load: Load, tmp_path: Path) -> None:
    import resource

    measure = load("machine.memory").measure
    small = measure([sys.executable, "-c", "pass"], tmp_path / "log")
    large = measure([sys.executable, "-c", "import time; b = b'x' * (200 << 20); time.sleep(0.2)"], tmp_path / "log")
    # What this process holds itself counts for both, because a child starts from it.
    inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert 200 <= large["peak_mib"] < 300 + inherited
    assert large["seconds"] >= 0.2
    assert small["seconds"] < large["seconds"]
    with pytest.raises(SystemExit, match="failed: gone"):
        measure([sys.executable, "-c", "import sys; sys.exit('gone')"], tmp_path / "log")


@linux
def test_large_pictures_go_through_the_command_line(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCCODEC_MODELS", str(GOLDEN))
    image = np.array(Image.open(ROOT / "tests/pictures/astronaut.png").convert("RGB"))
    Image.fromarray(image[:40, :48]).save(tmp_path / "small.png")
    out = tmp_path / "out.json"
    sizes = ["--sizes", "96x80", "48x40"]
    load("machine.memory").main(["--kodak", str(tmp_path), "--spec", TINY, *sizes, "--out", str(out)])
    result = json.loads(out.read_text())
    assert [s["width"] for s in result["sizes"]] == [48, 96]
    assert all(s["psnr_db"] > 5 and s["encode"]["peak_mib"] > 20 for s in result["sizes"])
    assert str(tmp_path) not in out.read_text()


# What is written of it.


def full_results() -> dict[str, dict[str, Any]]:
    figures = {"percent": -55.04, "psnr_from_db": 27.0, "psnr_to_db": 36.33}
    names = ("JPEG, published", "JPEG, published, with its highest rates", "BPG 4:4:4, published", "jpeg2000")
    seconds = {f"{s}_{d}_seconds": v for s, v in (("cold", 0.31), ("warm", 0.0421)) for d in ("encode", "decode")}
    kinds = ("cold_encode", "cold_decode", "warm_encode", "warm_decode")
    where = {"cores": 2, "cpu": "a CPU", "threads": 2, "versions": {"onnxruntime": "1.2.3"}}
    points = [{"setting": float(q), "bpp": 0.01 * q, "psnr_db": 25.0 + q / 10} for q in (0, 5, 10)]
    return {
        "kodak": {
            "what": "24 Kodak pictures",
            "environment": where,
            "bd_rate_against": dict.fromkeys(names, figures),
            "curves": {"hyperprior": {"points": points}},
            "knob": {"steps": 480, "steps_to_fewer_bytes": 0, "steps_to_less_psnr": 3},
        },
        "speed": {
            "what": "kodim01",
            "peers": "random weights",
            "environment": where,
            "seconds": {"sccodec": seconds, "mbt": seconds | {"times_ours": dict.fromkeys(kinds, 7.25)}},
        },
        "determinism": {"differing_symbols": 0, "symbols_compared_a_setting": 1000, "settings": [{}, {}]},
        "large": {
            "sizes": [
                {"megapixels": m, "encode": {"peak_mib": 10 * m}, "decode": {"peak_mib": 20 * m}} for m in (102.4, 25.0)
            ]
        },
        "estimate": {"integer_loss_percent": 0.0421, "stream_excess_percent": -0.12},
        "complexity": {"kmac_per_pixel": {"encode": 9.5, "decode": 10.9, "each network once": 19.2}},
    }


def test_the_table_has_every_figure_in_its_row(load: Load) -> None:
    lines = load("hyperprior.tables").acceptance(full_results()).splitlines()[2:]
    measured = [line.split("|")[-2].strip() for line in lines]
    assert measured == [
        "-55.0 % (27.0 to 36.3 dB); with JPEG's highest rates -55.0 % (27.0 to 36.3 dB)",
        "-55.0 % (27.0 to 36.3 dB)",
        "0.31 s / 42 ms",
        "0.31 s / 42 ms",
        "0.042 %",
        "-0.120 %",
        "0 of 2,000 under 2 settings",
        "1.00 GiB / 2.00 GiB at 102.4 megapixels",
        "19.2 (9.5 to encode, 10.9 to decode)",
    ]
    assert all(len(line.split("|")) == 6 for line in lines)


def test_what_was_not_measured_is_left_empty(load: Load) -> None:
    tables = load("hyperprior.tables")
    lines = tables.everything({}).splitlines()
    assert len(lines) == 11
    assert all(line.split("|")[-2].strip() == "" for line in lines[2:])
    only = tables.everything({"estimate": full_results()["estimate"]}).splitlines()
    assert sum(line.split("|")[-2].strip() != "" for line in only[2:]) == 2


def test_everything_is_told(load: Load) -> None:
    text = load("hyperprior.tables").everything(full_results())
    assert "| JPEG 2000, measured here | -55.0 % | 27.0 to 36.3 dB |" in text
    assert "| 10 | 0.100 | 26.00 |" in text
    assert "| 5 |" not in text
    assert "Of the 480 steps" in text
    assert (
        "| compressai mbt | 310 ms (7.2 times) | 310 ms (7.2 times) | 42 ms (7.2 times) | 42 ms (7.2 times) |" in text
    )


def test_each_codec_s_block_is_replaced_alone(load: Load, tmp_path: Path) -> None:
    write = load("write_results")
    path = tmp_path / "results.md"
    blocks = [f"{begin}\nold\n{end}" for begin, end in (write.FACES, write.HYPERPRIOR)]
    path.write_text("\nbetween\n".join(blocks))
    write.replace(path, write.HYPERPRIOR, "new \\1")
    begin, end = write.HYPERPRIOR
    assert path.read_text() == f"{blocks[0]}\nbetween\n{begin}\n\nnew \\1\n\n{end}"
    write.replace(path, write.FACES, "first")
    assert path.read_text().count("old") == 0
    with pytest.raises(SystemExit, match="lacks the marks"):
        write.replace(path, ("<!-- a -->", "<!-- b -->"), "")
