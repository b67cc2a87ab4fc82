"""The results of the conceptual codec for any photograph as Markdown, for write_results.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.measuring import head, row, told_machine, told_peaks

# What the functions below call each result -> its file in results/, without suffix.
RESULTS = {
    "kodak": "photographs/rate_distortion",
    "speed": "photographs/speed",
    "large": "photographs/memory",
}

SEEN = (
    "All 24 pictures, reduced: the original, `conceptual` at its default quality, and BPG 4:4:4 in a file of at least "
    "as many bytes. What holds: layout, colours, edges and the look of rock, water, fur and foliage. What fails, seen "
    "at full size: letters and faces in the distance are not readable, fences, tiles and brick get another count, thin "
    "lines break, leaves look brushed, and flat skies show a faint weave. BPG keeps more PSNR and loses the surfaces."
)

Results = Mapping[str, dict[str, Any]]


def everything(results: Results) -> str:
    """All that results page and card say about the figures; results by the names of RESULTS, those that there are."""
    kodak = results["kodak"]
    parts = [
        f"{kodak['what']}, at -q {kodak['default']:g} unless stated, means over the pictures. "
        f"On {told_machine(kodak['environment'])}.",
        acceptance(results),
        beside_bpg(kodak),
        qualities(kodak),
    ]
    return "\n\n".join(parts)


def acceptance(results: Results) -> str:
    """Floor, aim and measured figure; an empty cell for what was not measured."""
    kodak = results["kodak"]
    beside = kodak["beside_bpg"]
    ours, bpg, n = beside["ours"], beside["bpg"], len(beside["pictures"])
    closer = beside["closer"]["lpips_alex"]
    lines = head("", "floor", "aim", "measured")
    lines.append(row("bits per pixel", "at most 0.05", "", f"{ours['bpp']:.4f}"))
    lines.append(row("LPIPS v0.1 AlexNet", "0.42", "0.30", f"{ours['lpips_alex']:.4f}"))
    said = f"{closer} of {n} (mean of BPG's {bpg['lpips_alex']:.4f} at {bpg['bpp']:.4f} bpp)"
    lines.append(row("below BPG 4:4:4 at equal bytes, pictures", 24, "", said))
    vgg = f"{ours['lpips_vgg']:.4f} (BPG {bpg['lpips_vgg']:.4f}; below it on {beside['closer']['lpips_vgg']})"
    lines.append(row("LPIPS v0.1 VGG16", "", "", vgg))
    lines.append(row("PSNR, dB", "", 21, f"{ours['psnr_db']:.2f} (BPG {bpg['psnr_db']:.2f})"))
    if maps := results.get("maps"):
        lines.append(row("label map, bits per pixel", "", "0.012", label_maps(kodak, maps)))
    if speed := results.get("speed"):
        seconds = speed["seconds"]["sccodec"]
        both = f"{seconds['cold_decode_seconds']:.2f} s (encode {seconds['cold_encode_seconds']:.2f} s)"
        lines.append(row("cold decode, 768x512", "1.5 s", "0.6 s", both))
    if large := results.get("large"):
        peaks, megapixels = told_peaks(large)
        lines.append(row("24 megapixels, encode / decode", "3 GiB", "", f"{peaks} at {megapixels:.1f}"))
    return "\n".join(lines)


def label_maps(kodak: dict[str, Any], maps: dict[str, Any]) -> str:
    """Ours at the default quality, beside other coders on maps chosen about as strictly."""
    mean = next(point["mean"] for point in kodak["curve"] if point["quality"] == kodak["default"])
    pixels = 8 * mean["bytes"] / mean["bpp"]
    ours = mean["labels_bytes"]
    by_strength = maps["mean_bytes_by_strength"]
    others = by_strength[
        min((k for k in by_strength if k != "likeliest"), key=lambda k: abs(by_strength[k]["ours"] - ours))
    ]
    said = ", ".join(
        f"{name} {8 * others[key] / pixels:.4f}"
        for key, name in (("flif", "FLIF"), ("jpegxl", "JPEG XL"))
        if key in others
    )
    return f"{8 * ours / pixels:.4f} ({ours:.0f} bytes; {said})"


def beside_bpg(kodak: dict[str, Any]) -> str:
    """Every picture: bytes and LPIPS (AlexNet) of ours and of BPG's file of the same size."""
    lines = head("picture", "bytes", "LPIPS", "PSNR, dB", "BPG: bytes", "LPIPS", "PSNR, dB")
    for pair in kodak["beside_bpg"]["pictures"]:
        cells = [
            cell
            for side in (pair["ours"], pair["bpg"])
            for cell in (side["bytes"], f"{side['lpips_alex']:.3f}", f"{side['psnr_db']:.2f}")
        ]
        lines.append(row(pair["picture"], *cells))
    return "\n".join(lines)


def qualities(kodak: dict[str, Any]) -> str:
    """The mean curve over the quality knob; the last three columns are bytes of sections."""
    names = ("labels", "hyper", "textures", "coarse")
    figures_told = ("bpp", "LPIPS AlexNet", "LPIPS VGG16", "MS-SSIM", "PSNR, dB")
    lines = head("-q", *figures_told, "bytes of labels", "textures", "coarse")
    for point in kodak["curve"]:
        mean = point["mean"]
        sizes = {name: mean.get(f"{name}_bytes", 0.0) for name in names}
        figures = (f"{mean['lpips_alex']:.3f}", f"{mean['lpips_vgg']:.3f}", f"{mean['ms_ssim']:.4f}")
        told = (f"{sizes['labels']:.0f}", f"{sizes['hyper'] + sizes['textures']:.0f}", f"{sizes['coarse']:.0f}")
        lines.append(row(f"{point['quality']:g}", f"{mean['bpp']:.4f}", *figures, f"{mean['psnr_db']:.2f}", *told))
    return "\n".join(lines)
