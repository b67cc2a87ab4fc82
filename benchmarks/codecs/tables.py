"""What docs/results.md says about every codec, as Markdown, from report.json and page.json of results/codecs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.measuring import row

NAMES: Mapping[str, str] = {
    "hyperprior": "**sccodec `hyperprior`**",
    "conceptual": "**sccodec `conceptual`**",
    "conceptual:general": "**sccodec `conceptual`**",
    "avif": "AVIF",
    "avif:chroma=420": "AVIF 4:2:0",
    "bpg": "BPG 4:4:4",
    "bpg:chroma=420": "BPG 4:2:0",
    "heic": "HEIC",
    "jpegxl": "JPEG XL",
    "webp": "WebP",
    "jpeg2000": "JPEG 2000",
    "jpeg": "JPEG",
    "png": "PNG",
}
ANCHORS = ("jpeg", "bpg")
METRICS = ("psnr", "ms_ssim", "lpips_alex_v0.1")
MOST_DB = 0.2
# Why ours differs from what is published, where it does; what was measured about it stands behind, by `measured_why`.
REASONS: Mapping[str, str] = {
    "jpeg": (
        "the published files have the standard's Huffman tables, ours their own; what is left: Pillow 7.1.2 came with "
        "libjpeg 9d, ours with libjpeg-turbo"
    ),
    "jpeg2000": (
        "published are means over pictures of one rate, by OpenJPEG in ffmpeg: reversible 5/3 wavelet, 8-bit YCbCr of "
        "16 to 235; ours are over pictures of one PSNR, which -q asks for, and irreversible"
    ),
    "webp": "the published files are of method 4, ours of method 6",
    "avif": (
        "the published encoder ran at its slowest and in two passes, its mode for video (`--cpu-used=0 --passes=2`), "
        "ours at speed 4 in libavif's mode for pictures"
    ),
}
FIGURES = {
    "kodak": "![rate-distortion curves of every codec on Kodak](../benchmarks/results/codecs/report_kodak.png)",
    "faces": "![rate-distortion curves on faces at low rates](../benchmarks/results/codecs/report_faces.png)",
}
SCREENSHOTS = (
    '<img src="../benchmarks/results/codecs/page.jpg" width="68%" alt="the report of the Kodak rows"> '
    '<img src="../benchmarks/results/codecs/page_phone.jpg" width="28%" alt="the same on a phone">'
)


def everything(found: Mapping[str, Any], page: Mapping[str, Any] | None) -> str:
    """The section of docs/results.md; page: page.json where the page was measured."""
    pictures = found["kodak"]["pictures"]
    intro = (
        f"Every codec on the {pictures} Kodak pictures: whole files, decoded, means over the pictures at each setting "
        "(`benchmarks/codecs/rows.py` measures the rows, `benchmarks/codecs/report.py` draws them)."
    )
    rates = (
        "Rate at equal quality (Bjontegaard, PCHIP) against JPEG and against BPG 4:4:4, both measured here, over the "
        "quality that both curves cover; MS-SSIM in decibels. Empty where they share less than half of the codec's "
        "range. A curve is of means at equal settings, which is not the same for all: -q asks JPEG 2000 for one PSNR "
        "of all pictures, and the others for one quantiser."
    )
    parts = [FIGURES["kodak"], intro, rates, gains(found), *no_portraits(found), where(found), costs(found)]
    parts += [FIGURES["faces"], about_faces(found), faces(found), about_published(found), published(found)]
    if page is not None:
        parts += [SCREENSHOTS, about_page(page)]
    return "\n\n".join(parts)


def no_portraits(found: Mapping[str, Any]) -> list[str]:
    """What the codec for portraits gives on Kodak, whose rates are below every other's."""
    points = found["kodak"]["curves"].get("conceptual", {"points": []})["points"]
    return [
        "`conceptual` is for portraits, and not in the figure and the table above: "
        f"{p['file_bytes']:.0f} bytes of a Kodak picture (-q 50) decode to {p['psnr']:.1f} dB and LPIPS "
        f"{p['lpips_alex_v0.1']:.2f}, which is not the picture."
        for p in points
        if p["spec"] == "conceptual:q=50"
    ]


def named(found: Mapping[str, Any]) -> list[str]:
    """The codecs in the order of NAMES, those that there are; any other behind them."""
    return [n for n in NAMES if n in found] + [n for n in found if n not in NAMES]


def name_of(codec: str) -> str:
    return NAMES.get(codec, f"`{codec}`")


def gains(found: Mapping[str, Any]) -> str:
    head = ("PSNR", "MS-SSIM", "LPIPS")
    lines = [
        row("rate", *(f"{word} against {anchor}" for anchor in ("JPEG", "BPG") for word in head)),
        row("---", *["---:"] * 6),
    ]
    for codec in named(found["bd_rate"]):
        against = found["bd_rate"][codec]
        cells = [percent(against.get(anchor, {}).get(metric, {})) for anchor in ANCHORS for metric in METRICS]
        if any(cells):
            lines.append(row(name_of(codec), *cells))
        if codec == "jpeg2000" and (at_rates := found.get("jpeg2000_at_rates")):
            against = at_rates["bd_rate"]
            cells = [percent(against.get(anchor, {}).get(metric, {})) for anchor in ANCHORS for metric in METRICS]
            lines.append(row("JPEG 2000, all pictures at one rate", *cells))
    return "\n".join(lines)


def percent(figure: Mapping[str, Any]) -> str:
    """A Bjontegaard rate, or "" where there is none."""
    return f"{figure['percent']:+.1f} %" if "percent" in figure else ""


def where(found: Mapping[str, Any]) -> str:
    threads = found["threads"]
    return (
        "Times and memory are medians over the pictures, and the most of any, of the setting nearest to 0.5 bits per "
        f"pixel: {found['processor']}, {'one thread' if threads == 1 else f'{threads} threads'} a process, two "
        "processes at once, without what loading takes; x265 and libaom may take more threads. "
        "Light work of others ran beside, and memory of what is not sccodec's own is up to 30 MiB too high: they "
        "were measured before `bench` gave each codec a process of its own."
    )


def costs(found: Mapping[str, Any]) -> str:
    lines = [
        row("768x512 pixels", "encode", "decode", "memory", "bpp", "made by"),
        row("---", *["---:"] * 4, "---"),
    ]
    for codec in named(found["costs"]):
        cost = found["costs"][codec]
        times = [milliseconds(cost[f"{way}_seconds"]) for way in ("encode", "decode")]
        maker = found["kodak"]["curves"][codec]["encoder"] or f"sccodec {found['versions'].get('sccodec', '')}".strip()
        lines.append(row(name_of(codec), *times, f"{cost['peak_mib']} MiB", f"{cost['bpp']:.2f}", maker))
    return "\n".join(lines)


def milliseconds(seconds: float) -> str:
    """In whole milliseconds from 10 on."""
    value = 1000 * seconds
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def about_faces(found: Mapping[str, Any]) -> str:
    default = found["portraits"]["default"]
    faces = found["faces"]
    return (
        f"The {faces['pictures']} validation faces at {faces['side']}x{faces['side']}: `conceptual` (-q 50) takes "
        f"{default['file_bytes']:.0f} bytes for LPIPS {default['lpips_alex_v0.1']:.3f}, at a PSNR of "
        f"{default['psnr']:.1f} dB. It paints a likely face, and keeps neither pixels nor identity as the others do at "
        "their rates; LPIPS is part of its training loss. What the others take, where they reach it:"
    )


def faces(found: Mapping[str, Any]) -> str:
    lines = [
        row("", "smallest file measured", "its LPIPS", "its PSNR", "bytes for the LPIPS of `conceptual`"),
        row("---", *["---:"] * 4),
    ]
    others = found["portraits"]["others"]
    for codec in named(others):
        smallest, needed = others[codec]["smallest"], others[codec]["bytes_for_its_lpips"]
        cells = (f"{smallest['file_bytes']:.0f} bytes", f"{smallest['lpips_alex_v0.1']:.3f}")
        lines.append(row(name_of(codec), *cells, f"{smallest['psnr']:.1f} dB", "" if needed is None else needed))
    return "\n".join(lines)


def about_published(found: Mapping[str, Any]) -> str:
    return (
        "Ours less published PSNR at equal rate, over the rates that both curves cover. Where they differ by more than "
        f"{MOST_DB} dB, the reason, and what the same codec gives here with the published settings "
        "(`benchmarks/codecs/published_settings.py`):"
    )


def published(found: Mapping[str, Any]) -> str:
    lines = [
        row("published", "bits per pixel", "mean", "largest", "with published settings: mean, largest", "why"),
        row("---", "---", *["---:"] * 3, "---"),
    ]
    for entry in found["published"]:
        span = f"{entry['from_bpp']:.2f} to {entry['to_bpp']:.2f}"
        again = entry.get("with_published_settings")
        repeated = f"{decibels(again['mean_db'])}, {decibels(again['largest_db'])}" if again else ""
        largest = f"{decibels(entry['largest_db'])} (at {entry['at_bpp']:.2f})"
        lines.append(row(entry["published"], span, decibels(entry["mean_db"]), largest, repeated, why(entry, found)))
    return "\n".join(lines)


def decibels(value: float) -> str:
    return f"{value:+.2f} dB"


def why(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """The reason for a difference above MOST_DB; "not found" where nobody has said one."""
    if abs(entry["largest_db"]) <= MOST_DB:
        return ""
    reason = REASONS.get(entry["codec"], "not found")
    steps = found.get("av1")
    at_rates = found.get("jpeg2000_at_rates")
    if entry["codec"] == "jpeg2000" and at_rates:
        return f"{reason}. With all pictures at one rate, ours has {decibels(at_rates['over_published']['mean_db'])}"
    if entry["codec"] != "avif" or not steps:
        return reason
    return (
        f"{reason}. On {steps['pictures']} pictures, speed 0 has {decibels(steps['speed']['mean_db'])} over speed 4, "
        f"up to {decibels(steps['speed']['largest_db'])}, and to count PSNR against the 8-bit YCbCr copy, as was done "
        f"there, {decibels(steps['count']['mean_db'])}; the other mode was not here to try"
    )


def about_page(page: Mapping[str, Any]) -> str:
    n_pictures, n_codecs, n_rows = (page[key] for key in ("pictures", "codecs", "rows"))
    said = (
        f"`sccodec report` makes one page of the {n_rows} Kodak rows ({n_pictures} pictures, {n_codecs} codecs), with "
        f"{page['shown']} of the pictures under the slider, {page['page_bytes'] / 1e6:.1f} MB."
    )
    if "drawn_seconds" not in page:
        return said
    return (
        f"{said} Headless Chromium has drawn it {page['drawn_seconds']:.2f} s after it began to load it; its process "
        f"takes {page['process_seconds']:.1f} s from start to end, and {page['blank_seconds']:.1f} s for an empty page."
    )
