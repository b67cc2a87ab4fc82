"""The conceptual codec for any photograph on Kodak, beside BPG's files of the same size.

    python -m benchmarks.photographs.rate_distortion --kodak DIR [--quality Q ...] [--sheet] [--out JSON]

--kodak holds the 24 pictures as PNG files; LPIPS weights as `sccodec data fetch lpips` has them, or SCCODEC_LPIPS. Each
picture is encoded at each quality and decoded from the bytes alone; figures are means over the pictures, metrics are of
the uint8 pictures. BPG is 4:4:4; "of the same size" is its smallest file that is no smaller than ours, so BPG never has
fewer bytes. --sheet writes contact sheets: original, ours at the default quality, BPG at its size.

Takes about ten minutes on two cores; writes results/photographs/rate_distortion.json, and the sheets beside it as
kodak_1.jpg to kodak_4.jpg.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import sccodec
from benchmarks import measuring
from benchmarks.manifest import record
from sccodec.metrics.image import ms_ssim, psnr
from sccodec.metrics.perceptual import LPIPS, TRUNKS, lpips

SPEC = "conceptual:general"
QUALITIES = (0.0, 12.5, 25.0, 50.0, 75.0, 100.0)
DEFAULT = 45.0
COARSEST_QP, FINEST_QP = 51, 20
SHEET_ROWS, SHEET_WIDTH, CAPTION = 6, 320, 14
FEATURES = {trunk: f"lpips_{trunk}" for trunk in TRUNKS}


@dataclass(frozen=True)
class Metrics:
    """What compares a decoded picture with its original."""

    networks: dict[str, LPIPS]

    def compare(self, original: measuring.Picture, data: bytes) -> tuple[dict[str, float], measuring.Picture]:
        """Figures of a file, and the picture that it decodes to."""
        decoded = sccodec.decode(data)
        if decoded.shape != original.shape:
            raise SystemExit(f"decoded to {decoded.shape}, not {original.shape}")
        row: dict[str, float] = {
            "bytes": len(data),
            "bpp": round(measuring.bpp(data, original), 6),
            "psnr_db": round(psnr(original, decoded), 4),
            "ms_ssim": round(ms_ssim(original, decoded), 6),
        }
        row |= {FEATURES[t]: round(lpips(network, original, decoded), 5) for t, network in self.networks.items()}
        return row, decoded


def bpg_no_smaller(picture: measuring.Picture, n_bytes: int) -> tuple[bytes, int]:
    """BPG's smallest file of at least so many bytes, or its largest, and its quantisation parameter."""
    data = b""
    for qp in range(COARSEST_QP, FINEST_QP - 1, -1):
        data = sccodec.encode(picture, f"bpg:qp={qp}")
        if len(data) >= n_bytes:
            return data, qp
    return data, FINEST_QP


def means(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of every figure that all rows have."""
    keys = [k for k, v in rows[0].items() if isinstance(v, int | float)]
    return {k: round(statistics.fmean(row[k] for row in rows), 6) for k in keys}


def sections(data: bytes) -> dict[str, float]:
    """Bytes by section."""
    return {f"{name}_bytes": round(size, 1) for name, size in sccodec.info(data).sections}


def caption(name: str, row: dict[str, Any]) -> str:
    return f"{name}: {row['bytes']} bytes, LPIPS {row['lpips_alex']:.3f}"


def sheets(folder: Path, panels: Sequence[list[tuple[measuring.Picture, str]]]) -> list[Path]:
    """Write contact sheets, SHEET_ROWS pictures each, every panel SHEET_WIDTH wide; gives their paths."""
    paths = []
    for start in range(0, len(panels), SHEET_ROWS):
        strips = []
        for row in panels[start : start + SHEET_ROWS]:
            cells = []
            for picture, text in row:
                shown = Image.fromarray(picture if picture.shape[1] >= picture.shape[0] else np.rot90(picture))
                height = round(shown.height * SHEET_WIDTH / shown.width)
                cell = Image.new("RGB", (SHEET_WIDTH, height + CAPTION), "white")
                cell.paste(shown.resize((SHEET_WIDTH, height), Image.Resampling.LANCZOS), (0, CAPTION))
                ImageDraw.Draw(cell).text((2, 1), text, "black")
                cells.append(np.asarray(cell))
            strips.append(np.concatenate(cells, 1))
        path = folder / f"kodak_{start // SHEET_ROWS + 1}.jpg"
        Image.fromarray(np.concatenate(strips, 0)).save(path, quality=74, optimize=True, progressive=True)
        paths.append(path)
    return paths


def main(arguments: Sequence[str] | None = None) -> None:
    parser = measuring.parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--spec", default=SPEC)
    parser.add_argument("--quality", type=float, nargs="+", default=list(QUALITIES))
    parser.add_argument("--default", type=float, default=DEFAULT, help="the quality that is set beside BPG")
    parser.add_argument("--pictures", type=int, help="only the first few, to try")
    parser.add_argument("--sheet", action="store_true")
    parser.add_argument("--out", type=Path, default=measuring.RESULTS / "photographs/rate_distortion.json")
    options = parser.parse_args(arguments)

    metrics = Metrics({trunk: LPIPS(trunk) for trunk in TRUNKS})
    curve: dict[float, list[dict[str, Any]]] = {}
    beside: list[dict[str, Any]] = []
    panels: list[list[tuple[measuring.Picture, str]]] = []
    where = measuring.environment("torch")
    for path in measuring.pictures_in(options.kodak)[: options.pictures]:
        picture = measuring.read_picture(path)
        for quality in sorted({*options.quality, options.default}):
            data = sccodec.encode(picture, options.spec, quality)
            row, decoded = metrics.compare(picture, data)
            curve.setdefault(quality, []).append({"picture": path.stem} | row | sections(data))
            if quality != options.default:
                continue
            native, qp = bpg_no_smaller(picture, len(data))
            theirs, shown = metrics.compare(picture, native)
            beside.append({"picture": path.stem, "ours": row, "bpg": theirs | {"qp": qp}})
            panels.append(
                [(picture, path.stem), (decoded, caption("conceptual", row)), (shown, caption(f"BPG, QP {qp}", theirs))]
            )
        print(f"{path.stem}: {caption('conceptual', beside[-1]['ours'])}; {caption('BPG', beside[-1]['bpg'])}")
    result = {
        "what": f"{len(beside)} Kodak pictures, whole files, {options.spec}",
        "model": measuring.model_name(options.spec),
        "environment": where,
        "default": options.default,
        "curve": [{"quality": q, "mean": means(rows), "pictures": rows} for q, rows in sorted(curve.items())],
        "beside_bpg": {
            "pictures": beside,
            "ours": means([b["ours"] for b in beside]),
            "bpg": means([b["bpg"] for b in beside]),
            "closer": {key: sum(b["ours"][key] < b["bpg"][key] for b in beside) for key in FEATURES.values()},
        },
    }
    measuring.write_json(options.out, result)
    shown_at = sheets(options.out.parent, panels) if options.sheet else []
    record(options.out, __file__, arguments, models=[options.spec], also=shown_at, versions=where["versions"])
    for path in shown_at:
        print(f"{path}: {path.stat().st_size} bytes")
    for point in result["curve"]:
        print(point["quality"], point["mean"])


if __name__ == "__main__":
    main()
