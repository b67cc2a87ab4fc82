"""The rate-distortion plot of docs/results.md: the hyperprior codec on the Kodak pictures, beside what everybody knows.

    python -m benchmarks.hyperprior.plot [--results JSON] [--out PNG]

Draws what rate_distortion.py wrote: the curves measured there, and BPG's published points. Takes seconds; writes
results/hyperprior/plot.png. Needs matplotlib.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.hyperprior.rate_distortion import BPG, OURS
from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, parser_of

MOST_BYTES = 120_000
WIDEST_BPP = 1.6
# (codec of the results, name in the legend, colour, line style, marker)
DRAWN = (
    (OURS, "sccodec hyperprior (one model, -q 0..100)", "#c1272d", "-", "o"),
    ("webp", "WebP (method 6)", "#0072b2", "-", "s"),
    ("jpeg2000", "JPEG 2000 (OpenJPEG, irreversible)", "#009e73", "-", "^"),
    ("jpeg-optimised", "JPEG (4:2:0, optimised tables)", "#7f7f7f", "-", "v"),
)
BPG_LABEL = "BPG 4:4:4 (reference points: bpgenc 0.9.8, x265)"


def lines(result: dict[str, Any]) -> list[tuple[str, list[float], list[float]]]:
    """(codec, bits per pixel, PSNR in dB) of each curve of the plot, by rising rate, those that are there."""
    curves = {name: curve["points"] for name, curve in result["curves"].items()}
    curves |= {name: curve["points"] for name, curve in result["published"].items()}
    found = []
    for name in (*(d[0] for d in DRAWN), BPG):
        points = sorted(curves.get(name, []), key=lambda p: float(p["bpp"]))
        if points:
            found.append((name, [p["bpp"] for p in points], [p["psnr_db"] for p in points]))
    return found


def draw(result: dict[str, Any]) -> bytes:
    """The plot as a PNG file in memory."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    styles = {name: (label, colour, style, marker) for name, label, colour, style, marker in DRAWN}
    styles[BPG] = (BPG_LABEL, "#222222", "--", "D")
    shown = [30.0]
    for name, bpp, psnr_db in lines(result):
        label, colour, style, marker = styles[name]
        ours = name == OURS
        axes.plot(bpp, psnr_db, color=colour, linestyle=style, marker=marker, markersize=3.5 if ours else 4.5,
                  linewidth=2.2 if ours else 1.4, label=label, zorder=3 if ours else 2)  # fmt: skip
        shown += [d for b, d in zip(bpp, psnr_db, strict=True) if b <= WIDEST_BPP]
    axes.set_xlim(0, WIDEST_BPP)
    axes.set_ylim(min(shown) - 0.5, max(shown) + 0.7)
    axes.set_xlabel("bits per pixel (whole files)")
    axes.set_ylabel("PSNR, dB (RGB)")
    axes.set_title(result["what"], fontsize=10)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.legend(loc="lower right", fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS / "hyperprior/rate_distortion.json")
    parser.add_argument("--out", type=Path, default=RESULTS / "hyperprior/plot.png")
    options = parser.parse_args(arguments)
    data = draw(json.loads(options.results.read_text(encoding="utf-8")))
    if len(data) > MOST_BYTES:
        raise SystemExit(f"the plot has {len(data)} bytes, a document takes at most {MOST_BYTES}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(data)
    record(options.out, __file__, arguments, sources=[options.results])
    print(f"{options.out}: {len(data)} bytes")


if __name__ == "__main__":
    main()
