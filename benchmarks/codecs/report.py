"""Figures and numbers of docs/results.md about every codec, from the rows that rows.py measured.

    python -m benchmarks.codecs.report --anchors DIR [--rows DIR] [--out DIR]

Reads rows_kodak.jsonl.gz and rows_faces.jsonl.gz, and published_settings.json where published_settings.py wrote it.
--anchors holds kodak_rd.json and kodak_bpg444_measured.json, published curves on the same pictures. A curve is the mean
over all pictures at each setting. Needs the extra `report`. Takes about ten seconds; writes results/codecs/report.json,
report_kodak.png and report_faces.png.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs import figures
from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, parser_of, unpacked, write_json
from sccodec.metrics.table import METRICS
from sccodec.report import bdrate, curves, results
from sccodec.report.curves import Group, Point, Series

DATASETS = {"kodak": "rows_kodak.jsonl.gz", "faces": "rows_faces.jsonl.gz"}
ANCHORS = ("jpeg", "bpg")
COMPARED = ("psnr", "ms_ssim", "lpips_alex_v0.1")
# The least part of a codec's own range of quality that an anchor covers where the two are compared.
LEAST_OVERLAP = 0.5
TYPICAL_BPP = 0.5
PORTRAITS = "conceptual"
MIB = 2**20
AT_RATES = "jpeg2000 at fixed rates"
# (codec of the rows, what is published, codecs of kodak_rd.json whose points make the curve)
PUBLISHED = (
    ("jpeg", "JPEG, Pillow 7.1.2", ("jpeg", "c3repo:JPEG")),
    ("jpeg2000", "JPEG 2000, OpenJPEG in ffmpeg 3.4.6", ("jpeg2000", "c3repo:JPEG2000")),
    ("webp", "WebP, Pillow 7.1.2", ("webp",)),
    ("avif", "AV1, aomenc, 4:4:4", ("av1",)),
    ("bpg", "BPG 4:4:4, bpgenc 0.9.8, x265", ("bpg_444_x265_ycbcr",)),
    ("bpg:chroma=420", "BPG 4:2:0", ("c3repo:BPG420",)),
)
MEASURED_BPG = ("bpg", "BPG 4:4:4, bpgenc 0.9.8, measured anew", "kodak_bpg444_measured.json")

RatePsnr = Sequence[tuple[float, float]]


def one_dataset(path: Path) -> Group:
    """The rows of one data set; SystemExit where a row failed, is damaged, or where a codec has several curves."""
    with tempfile.TemporaryDirectory() as folder:
        found = results.read([unpacked(path, Path(folder))])
    if found.failures or found.damaged:
        raise SystemExit(f"{path.name}: {len(found.failures)} rows failed, {len(found.damaged)} are damaged")
    groups = curves.groups(found)
    if len(groups) != 1:
        raise SystemExit(f"{path.name} is of {len(groups)} data sets, and not of one")
    names = [series.base for series in groups[0].series]
    for name in names:
        if names.count(name) > 1:
            raise SystemExit(f"{path.name}: {name} was measured with several models, encoders or devices")
    return groups[0]


def measured(group: Group) -> dict[str, dict[str, Any]]:
    """Every codec's curve by its name: means over all pictures, which every setting must have."""
    found: dict[str, dict[str, Any]] = {}
    for series in group.series:
        for point in series.points:
            if len(point.rows) != len(group.pictures):
                raise SystemExit(f"{point.spec} is measured on {len(point.rows)} of {len(group.pictures)} pictures")
        found[series.base] = {
            "encoder": series.encoder,
            "tag": series.tag,
            "points": [mean_point(point) for point in series.points],
        }
    return found


def mean_point(point: Point) -> dict[str, Any]:
    mean = curves.mean(point, frozenset(point.rows))
    figures = {key: round(mean.figures[key], METRICS[key].digits + 2) for key in METRICS if key in mean.figures}
    return {"spec": point.spec, "bpp": round(mean.bpp, 6), "file_bytes": round(mean.file_bytes, 1)} | figures


def costs(series: Series) -> dict[str, Any]:
    """Medians over the pictures at the setting nearest to TYPICAL_BPP; the most memory of any picture there."""
    point = min(series.points, key=lambda p: abs(math.log(mean_bpp(p) / TYPICAL_BPP)))
    of = {key: [row.figures[key] for row in point.rows.values() if key in row.figures] for key in results.COSTS}
    return {
        "spec": point.spec,
        "bpp": round(mean_bpp(point), 4),
        "encode_seconds": round(statistics.median(of["encode_seconds"]), 5),
        "decode_seconds": round(statistics.median(of["decode_seconds"]), 5),
        "load_seconds": round(statistics.median(of["load_seconds"]), 4),
        "peak_mib": round(max(of["peak_rss_bytes"], default=0) / MIB),
    }


def mean_bpp(point: Point) -> float:
    return statistics.fmean(row.bpp for row in point.rows.values())


def scaled_curve(points: Sequence[Mapping[str, Any]], metric: str) -> list[tuple[float, float]]:
    """Rate and quality on the scale on which curves are compared; higher is better."""
    return [(p["bpp"], METRICS[metric].scaled(p[metric])) for p in points if metric in p]


def gain(anchor: Sequence[Mapping[str, Any]], tested: Sequence[Mapping[str, Any]], metric: str) -> dict[str, Any]:
    """The Bjontegaard rate in percent over the range of quality that both cover, or the reason why there is none.

    Where the anchor covers less than LEAST_OVERLAP of the tested curve's own range, the figure would be about an end
    of the curve, and there is none.
    """
    ours, theirs = scaled_curve(tested, metric), scaled_curve(anchor, metric)
    if len(ours) < 2 or len(theirs) < 2:
        return {"reason": "not measured"}
    found = bdrate.compare(theirs, ours)
    if found.rate_percent is None or found.low is None or found.high is None:
        return {"reason": found.reason or "the curves share no range of quality"}
    own = [quality for _, quality in bdrate.rising(ours)]
    covered = (found.high - found.low) / (own[-1] - own[0])
    if covered < LEAST_OVERLAP:
        return {"reason": f"the curves share {100 * covered:.0f} % of the range"}
    return {"percent": round(found.rate_percent, 2), "low": round(found.low, 4), "high": round(found.high, 4)}


def gains(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """codec -> anchor -> metric -> figure."""
    return {
        name: {
            anchor: {metric: gain(found[anchor]["points"], found[name]["points"], metric) for metric in COMPARED}
            for anchor in ANCHORS
            if anchor in found and anchor != name
        }
        for name in found
        if scaled_curve(found[name]["points"], "psnr")
    }


def at_rates(curve: RatePsnr, bpp: NDArray[np.float64]) -> NDArray[np.float64]:
    """A curve at other rates: PCHIP over the logarithm of the rate, as Bjontegaard figures have it."""
    from scipy.interpolate import PchipInterpolator  # type: ignore[import-untyped]

    rate, quality = zip(*bdrate.rising(curve), strict=True)
    return np.asarray(PchipInterpolator(np.log(rate), quality)(np.log(bpp)))


def difference(ours: RatePsnr, published: RatePsnr) -> dict[str, float]:
    """Ours less the published PSNR at equal rate, over all rates that both curves cover, in dB.

    mean_db: with its sign, over the logarithm of the rate; largest_db: of the largest magnitude, with its sign.
    SystemExit where the curves share no rates.
    """
    (a, b), (c, d) = ([rate for rate, _ in bdrate.rising(curve)] for curve in (ours, published)), (0, -1)
    low, high = max(a[c], b[c]), min(a[d], b[d])
    if low >= high:
        raise SystemExit("a published curve shares no rates with ours")
    bpp = np.exp(np.linspace(math.log(low), math.log(high), 200))[1:-1]
    apart = at_rates(ours, bpp) - at_rates(published, bpp)
    worst = int(np.argmax(np.abs(apart)))
    return {
        "from_bpp": round(low, 3),
        "to_bpp": round(high, 3),
        "mean_db": round(float(apart.mean()), 3),
        "largest_db": round(float(apart[worst]), 3),
        "at_bpp": round(float(bpp[worst]), 3),
    }


def rate_psnr(points: Sequence[Mapping[str, Any]], key: str = "psnr") -> list[tuple[float, float]]:
    return [(p["bpp"], p[key]) for p in points if key in p]


def agreement(
    found: Mapping[str, Mapping[str, Any]], folder: Path, again: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Ours against each published curve, and what was measured with the published settings against it."""
    listed = json.loads((folder / "kodak_rd.json").read_text(encoding="utf-8"))["codecs"]
    published = [(ours, name, [p for k in keys for p in listed[k]["points"]]) for ours, name, keys in PUBLISHED]
    ours, name, file = MEASURED_BPG
    published.append((ours, name, json.loads((folder / file).read_text(encoding="utf-8"))))
    result = []
    for ours, name, points in published:
        if ours not in found:
            continue
        theirs = rate_psnr(points)
        entry: dict[str, Any] = {"codec": ours, "published": name}
        entry |= difference(rate_psnr(found[ours]["points"]), theirs)
        if ours in again:
            repeated = difference(rate_psnr(again[ours]["points"]), theirs)
            entry["with_published_settings"] = {"how": again[ours]["how"]} | repeated
        result.append(entry)
    return result


def av1_steps(again: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """What speed 0 gives over speed 4, and what the published count of PSNR gives, on the pictures that have both."""
    if "avif at speed 0" not in again:
        return None
    slow, quick = (again[f"avif at speed {speed}"]["points"] for speed in (0, 4))
    counted = rate_psnr(slow, "psnr_between_copies")
    return {
        "pictures": again["avif at speed 0"]["pictures"],
        "speed": difference(rate_psnr(slow), rate_psnr(quick)),
        "count": difference(counted, rate_psnr(slow)),
        "both": difference(counted, rate_psnr(quick)),
    }


def jpeg2000_at_rates(
    found: Mapping[str, Mapping[str, Any]], folder: Path, again: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Our JPEG 2000 with every picture at the same rate: against the published curve, and its PSNR against ANCHORS."""
    if AT_RATES not in again:
        return None
    points = again[AT_RATES]["points"]
    listed = json.loads((folder / "kodak_rd.json").read_text(encoding="utf-8"))["codecs"]
    theirs = rate_psnr([p for _, _, keys in PUBLISHED[1:2] for k in keys for p in listed[k]["points"]])
    gained = {anchor: {"psnr": gain(found[anchor]["points"], points, "psnr")} for anchor in ANCHORS if anchor in found}
    return {"over_published": difference(rate_psnr(points), theirs), "bd_rate": gained}


def needed(points: Sequence[Mapping[str, Any]], metric: str, aim: float) -> float | None:
    """Bits per pixel at which a curve reaches the aim, by lines over the logarithm of the rate; None where it does not.

    A curve that is better from its first point on has that one's rate.
    """
    metric_scale = METRICS[metric].scaled
    curve = bdrate.rising(scaled_curve(points, metric))
    wanted = metric_scale(aim)
    if not curve or curve[-1][1] < wanted:
        return None
    if curve[0][1] >= wanted:
        return curve[0][0]
    qualities = [quality for _, quality in curve]
    return float(np.exp(np.interp(wanted, qualities, [math.log(rate) for rate, _ in curve])))


def portraits(found: Mapping[str, Mapping[str, Any]], pixels: int) -> dict[str, Any]:
    """The conceptual codec's default on faces, and what each other codec has at its smallest and needs for as much."""
    points = found[PORTRAITS]["points"]
    default = next(p for p in points if curves.split(p["spec"])[1] == "q=50")
    others = {}
    for name, codec in found.items():
        if name == PORTRAITS or not scaled_curve(codec["points"], "psnr"):
            continue
        bpp = needed(codec["points"], "lpips_alex_v0.1", default["lpips_alex_v0.1"])
        others[name] = {
            "smallest": codec["points"][0],
            "bytes_for_its_lpips": None if bpp is None else round(bpp * pixels / 8),
        }
    return {"default": default, "others": others}


def summary(kodak: Group, faces: Group, folder: Path, again: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """report.json."""
    found, of_faces = measured(kodak), measured(faces)
    first = next(iter(kodak.pictures.values()))
    portrait = next(iter(faces.pictures.values()))
    return {
        "what": "means over all pictures at each setting, whole files",
        "processor": first.processor,
        "threads": first.threads,
        "versions": dict(first.versions),
        "kodak": {"pictures": len(kodak.pictures), "curves": found},
        "faces": {"pictures": len(faces.pictures), "side": portrait.width, "curves": of_faces},
        "bd_rate": gains(found),
        "costs": {series.base: costs(series) for series in kodak.series},
        "published": agreement(found, folder, again),
        "av1": av1_steps(again),
        "jpeg2000_at_rates": jpeg2000_at_rates(found, folder, again),
        "portraits": portraits(of_faces, portrait.width * portrait.height),
    }


def tags(kodak: Group, faces: Group) -> dict[str, str]:
    """spec -> tag of each model that the rows are of; `conceptual` takes its model for faces there."""
    found = {series.base: series.tag for group in (kodak, faces) for series in group.series if series.tag}
    return {f"{PORTRAITS}:faces" if base == PORTRAITS else base: tag for base, tag in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--anchors", type=Path, required=True)
    parser.add_argument("--rows", type=Path, default=RESULTS / "codecs")
    parser.add_argument("--out", type=Path, default=RESULTS / "codecs", help="a folder")
    options = parser.parse_args(arguments)
    kodak, faces = (one_dataset(options.rows / name) for name in DATASETS.values())
    repeated = options.rows / "published_settings.json"
    again = json.loads(repeated.read_text(encoding="utf-8"))["curves"] if repeated.exists() else {}
    result = summary(kodak, faces, options.anchors, again)
    out = options.out / "report.json"
    write_json(out, result)
    drawn = {name: options.out / f"report_{name}.png" for name in DATASETS}
    for name, path in drawn.items():
        path.write_bytes(figures.draw(name, result))
        print(f"{path.name}: {path.stat().st_size} bytes")
    sources = [options.rows / name for name in DATASETS.values()] + [repeated] * repeated.exists()
    record(out, __file__, arguments, models=tags(kodak, faces), sources=sources, also=drawn.values())
    for entry in result["published"]:
        print(f"{entry['codec']} against {entry['published']}: {entry['mean_db']:+.2f} dB, {entry['largest_db']:+.2f}")


if __name__ == "__main__":
    main()
