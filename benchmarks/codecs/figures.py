"""The figures of every codec for docs/results.md: curves over the logarithm of the rate, from what report.py found.

Needs matplotlib.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from sccodec.metrics.table import METRICS

MOST_BYTES = 150_000
DOTS_PER_INCH = 100
COLOURS = 128
# codec -> what the legend calls it, colour, line style, marker; ours last, so that they lie on top
STYLES: Mapping[str, tuple[str, str, str, str]] = {
    "jpeg": ("JPEG (4:2:0, optimised tables)", "#8a8a8a", "-", "v"),
    "jpeg2000": ("JPEG 2000 (OpenJPEG)", "#009e73", "-", "^"),
    "webp": ("WebP (method 6)", "#0072b2", "-", "s"),
    "jpegxl": ("JPEG XL (effort 7)", "#8c564b", "-", "P"),
    "avif": ("AVIF (libaom, speed 4)", "#e08a00", "-", "D"),
    "avif:chroma=420": ("AVIF 4:2:0", "#e08a00", ":", "D"),
    "heic": ("HEIC (x265)", "#56b4e9", "-", "X"),
    "bpg": ("BPG (x265, 4:4:4)", "#222222", "-", "o"),
    "bpg:chroma=420": ("BPG 4:2:0", "#222222", ":", "o"),
    "hyperprior": ("sccodec hyperprior (one model)", "#c1272d", "-", "o"),
    "conceptual": ("sccodec conceptual (for portraits)", "#7b2fbe", "-", "*"),
    "conceptual:general": ("sccodec conceptual", "#7b2fbe", "-", "*"),
}
OURS = ("hyperprior", "conceptual", "conceptual:general")
# data set -> metrics of its panels, lowest and highest rate
PANELS: Mapping[str, tuple[Sequence[str], tuple[float, float]]] = {
    "kodak": (("psnr", "ms_ssim", "lpips_alex_v0.1"), (0.02, 2.6)),
    "faces": (("lpips_alex_v0.1", "psnr"), (0.01, 0.5)),
}
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
LABELS = {
    "psnr": "PSNR, dB (RGB)",
    "ms_ssim": "MS-SSIM, −10 log10(1 − x), dB",
    "lpips_alex_v0.1": "LPIPS v0.1 AlexNet (lower is better)",
}


def line(points: Sequence[Mapping[str, Any]], metric: str) -> tuple[list[float], list[float]]:
    """Rates and values of a codec, as they are drawn: MS-SSIM in decibels. Empty for one that was not measured."""
    kept = [p for p in points if metric in p]
    scaled = METRICS[metric].scaled if METRICS[metric].as_decibels else float
    return [p["bpp"] for p in kept], [scaled(p[metric]) for p in kept]


def limits(curves: Mapping[str, Any], metric: str, rates: tuple[float, float]) -> tuple[float, float]:
    """The range of values of all curves within the range of rates, with a little room."""
    values = []
    for name, curve in curves.items():
        if name in STYLES:
            values += [v for b, v in zip(*line(curve["points"], metric), strict=True) if rates[0] <= b <= rates[1]]
    room = 0.03 * (max(values) - min(values))
    return min(values) - room, max(values) + room


def draw(dataset: str, result: Mapping[str, Any]) -> bytes:
    """The figure of a data set as a PNG file; SystemExit where it is too large for a document."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics, rates = PANELS[dataset]
    found = result[dataset]
    figure = Figure(figsize=(10.4, 8.6 if len(metrics) == 3 else 6.2), layout="constrained")
    FigureCanvasAgg(figure)
    if len(metrics) == 3:
        panels = figure.subplots(2, 2).ravel()
        legend = panels[3]
        legend.axis("off")
    else:
        panels = figure.subplots(1, 2)
        legend = None
    for metric, axes in zip(metrics, panels[: len(metrics)], strict=True):
        panel(axes, found["curves"], metric, rates)
    handles, labels = panels[0].get_legend_handles_labels()
    if legend is not None:
        legend.legend(handles, labels, loc="center", fontsize=10, frameon=False, title=heading(dataset, found))
    else:
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9, frameon=False)
        figure.suptitle(heading(dataset, found), fontsize=10.5)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    data = with_palette(buffer.getvalue())
    if len(data) > MOST_BYTES:
        raise SystemExit(f"the figure of {dataset} has {len(data)} bytes, a document takes at most {MOST_BYTES}")
    return data


def with_palette(data: bytes) -> bytes:
    """The PNG in COLOURS colours, which is a third of its size and looks the same."""
    with Image.open(io.BytesIO(data)) as image:
        flat = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    flat.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def heading(dataset: str, found: Mapping[str, Any]) -> str:
    if dataset == "kodak":
        return f"{found['pictures']} Kodak pictures, means, whole files"
    return f"{found['pictures']} validation faces at {found['side']}x{found['side']}, means, whole files"


def panel(axes: Any, curves: Mapping[str, Any], metric: str, rates: tuple[float, float]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    for rank, (name, (label, colour, style, marker)) in enumerate(STYLES.items()):
        bpp, values = line(curves.get(name, {"points": []})["points"], metric)
        if not any(rates[0] <= b <= rates[1] for b in bpp):
            continue
        ours = name in OURS
        axes.plot(bpp, values, color=colour, linestyle=style, marker=marker, label=label, zorder=2 + rank,
                  linewidth=2.4 if ours else 1.3, markersize=(9 if marker == "*" else 4.5) if ours else 3.5,
                  clip_on=True)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(*rates)
    axes.xaxis.set_major_locator(FixedLocator([t for t in TICKS if rates[0] <= t <= rates[1]]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(*limits(curves, metric, rates))
    axes.set_xlabel("bits per pixel")
    axes.set_title(LABELS[metric], fontsize=10.5)
    axes.grid(color="#e2e2e2", linewidth=0.6)
