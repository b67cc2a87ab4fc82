"""What the published curves of JPEG, JPEG 2000, WebP and AV1 were made with, measured here beside our own settings.

    python -m benchmarks.codecs.published_settings --kodak DIR [--pictures N] [--out JSON]

CompressAI published those curves together with the script that made them (compressai.utils.bench), which says how:

    JPEG       Pillow, quality alone: the standard's Huffman tables, 4:2:0
    WebP       Pillow, quality alone: method 4
    JPEG 2000  OpenJPEG through ffmpeg on yuv444p: 8-bit YCbCr in studio range (16 to 235), reversible 5/3 wavelet,
               every picture at the same rate
    AV1        aomenc --cpu-used=0 --passes=2 --tune=psnr, 4:4:4, on 8-bit YCbCr; PSNR against that copy and not
               against the picture

The first three run here on all pictures with those settings, JPEG 2000 by doing in numpy what ffmpeg does. Our own
JPEG 2000 runs at the same rates, too: -q asks it for the same PSNR of every picture, and means of such points compare
badly with means of points of one rate. aomenc is not here, so AVIF runs at speed 0 and at our speed 4 on every twelfth
picture, with PSNR counted both ways. Nothing is timed, so that other work may run beside it. What is in --out already
is not measured again. Takes about ten minutes on two cores; writes results/codecs/published_settings.json.
"""

from __future__ import annotations

import io
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import sccodec
from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, Picture, bpp, parser_of, pictures_in, read_picture, write_json
from sccodec.metrics.image import psnr

RATES = (10, 20, 30, 40, 60, 80, 120, 160)  # ffmpeg's compression levels that the published points have
JPEG = (5, 10, 20, 35, 55, 75, 88)
WEBP = (0, 5, 15, 35, 60, 80, 92)
AVIF = (20, 48)  # speed 0 takes ten seconds a picture
EVERY = 12

Point = dict[str, float]
# ITU-R BT.601: rows are Y, Cb and Cr of R, G, B in 0..1; chroma in -0.5..0.5.
YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def to_ycbcr(picture: Picture, luma: tuple[float, float], chroma: float) -> Picture:
    """uint8 YCbCr [H, W, 3] of a uint8 RGB picture. luma: what black and white become; chroma: the span about 128."""
    low, high = luma
    planes = picture.astype(np.float64) / 255 @ YCBCR.T
    scaled = planes * [high - low, chroma, chroma] + [low, 128, 128]
    rounded: Picture = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return rounded


def from_ycbcr(planes: Picture, luma: tuple[float, float], chroma: float) -> NDArray[np.float64]:
    """The reverse, as RGB [H, W, 3] of 0..255, neither rounded nor clipped."""
    low, high = luma
    scaled = (planes.astype(np.float64) - [low, 128, 128]) / [high - low, chroma, chroma]
    rgb: NDArray[np.float64] = 255 * (scaled @ np.linalg.inv(YCBCR).T)
    return rgb


FULL = (0.0, 255.0), 255.0
STUDIO = (16.0, 235.0), 224.0


def psnr_between_copies(picture: Picture, decoded: Picture) -> float:
    """PSNR in dB between what 8-bit YCbCr keeps of both pictures, as RGB that is not rounded: AV1's published count.

    A decoder's RGB, rounded, gives its YCbCr back. Infinite for equal copies.
    """
    one, other = (from_ycbcr(to_ycbcr(p, *FULL), *FULL) for p in (picture, decoded))
    error = float(np.mean((one - other) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def jpeg2000_as_ffmpeg(picture: Picture, rate: float) -> tuple[bytes, Picture]:
    """A .jp2 of 1/rate of the picture's size and what it decodes to, by OpenJPEG, as ffmpeg has it run."""
    buffer = io.BytesIO()
    planes = Image.fromarray(to_ycbcr(picture, *STUDIO))  # Pillow takes it for RGB, and mct=0 leaves it as it is
    planes.save(buffer, "JPEG2000", irreversible=False, mct=0, quality_mode="rates", quality_layers=[rate])
    data = buffer.getvalue()
    with Image.open(io.BytesIO(data)) as image:
        decoded = from_ycbcr(np.array(image.convert("RGB")), *STUDIO)
    return data, np.clip(np.rint(decoded), 0, 255).astype(np.uint8)


def point(picture: Picture, setting: float, data: bytes, decoded: Picture) -> Point:
    return {"setting": setting, "bpp": bpp(data, picture), "psnr": psnr(picture, decoded)}


def by_spec(spec: str) -> Callable[[Picture, float], Point]:
    """Measure a spec at a quality."""

    def measure(picture: Picture, quality: float) -> Point:
        data = sccodec.encode(picture, spec, quality)
        return point(picture, quality, data, sccodec.decode(data))

    return measure


def at_rate(picture: Picture, rate: float) -> Point:
    """Our JPEG 2000 at 1/rate of the picture's size."""
    data = sccodec.encode(picture, f"jpeg2000:bpp={24 / rate:.6f}")
    return point(picture, rate, data, sccodec.decode(data))


def ffmpegs(picture: Picture, rate: float) -> Point:
    return point(picture, rate, *jpeg2000_as_ffmpeg(picture, rate))


def avif(speed: int) -> Callable[[Picture, float], Point]:
    def measure(picture: Picture, quality: float) -> Point:
        data = sccodec.encode(picture, f"avif:speed={speed}", quality)
        decoded = sccodec.decode(data)
        return point(picture, quality, data, decoded) | {"psnr_between_copies": psnr_between_copies(picture, decoded)}

    return measure


def mean_curve(
    paths: Sequence[Path], settings: Sequence[float], measure: Callable[[Picture, float], Point]
) -> list[Point]:
    """Means over the pictures at each setting, in the settings' order."""
    points = [[measure(read_picture(path), setting) for path in paths] for setting in settings]
    return [
        {key: round(statistics.fmean(p[key] for p in at_setting), 5) for key in at_setting[0]} for at_setting in points
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--pictures", type=int, help="only the first few, to try")
    parser.add_argument("--out", type=Path, default=RESULTS / "codecs/published_settings.json")
    options = parser.parse_args(arguments)
    paths = pictures_in(options.kodak)[: options.pictures]
    some = paths[::EVERY]
    jobs: tuple[tuple[str, str, Sequence[Path], Sequence[float], Callable[[Picture, float], Point]], ...] = (
        ("jpeg", "jpeg:optimise=no", paths, JPEG, by_spec("jpeg:optimise=no")),
        ("webp", "webp:method=4", paths, WEBP, by_spec("webp:method=4")),
        ("jpeg2000", "OpenJPEG as ffmpeg runs it", paths, RATES, ffmpegs),
        ("jpeg2000 at fixed rates", "jpeg2000:bpp=...", paths, RATES, at_rate),
        ("avif at speed 4", "avif:speed=4", some, AVIF, avif(4)),
        ("avif at speed 0", "avif:speed=0", some, AVIF, avif(0)),
    )
    curves: dict[str, dict[str, Any]] = {}
    if options.out.exists():
        curves = json.loads(options.out.read_text(encoding="utf-8"))["curves"]
    for name, how, of, settings, measure in jobs:
        if curves.get(name, {}).get("pictures") == len(of):
            continue
        curves[name] = {"how": how, "pictures": len(of), "points": mean_curve(of, settings, measure)}
        write_json(options.out, {"what": "means over Kodak pictures, whole files", "curves": curves})
        print(f"{name}: {curves[name]['points']}", flush=True)
    record(options.out, __file__, arguments)


if __name__ == "__main__":
    main()
