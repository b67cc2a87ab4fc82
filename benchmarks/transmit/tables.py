"""The results of links as Markdown, for write_results.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measuring import head, row, told_machine
from benchmarks.transmit.cliff import ASSUMED, RATIO
from benchmarks.transmit.kodak import RATIOS, SNRS

# What the functions below call each result -> its file in results/, without suffix.
RESULTS = {"kodak": "transmit/kodak", "cliff": "transmit/cliff"}
# The link that is held to a floor and an aim, PSNR by ratio, at SNRS.
MAIN = "deepjscc"
FLOORS = {
    "1/48": (24.3, 25.7, 27.0, 28.0, 28.7), "1/24": (25.8, 27.3, 28.9, 30.1, 31.1),
    "1/12": (27.3, 29.1, 30.9, 32.7, 34.2), "1/6": (29.1, 31.0, 33.0, 35.0, 36.9),
}  # fmt: skip
AIMS = {
    "1/48": (25.3, 26.8, 28.1, 29.1, 29.8), "1/24": (26.8, 28.4, 29.9, 31.2, 32.2),
    "1/12": (28.4, 30.2, 32.0, 33.8, 35.2), "1/6": (30.1, 32.1, 34.2, 36.2, 38.0),
}  # fmt: skip
# Metrics beside PSNR, of which a table is at one SNR.
OTHERS = {"ssim": ("SSIM", 4), "ms_ssim": ("MS-SSIM", 4), "lpips_alex_v0.1": ("LPIPS (AlexNet)", 4)}
OTHERS_AT = 10

Points = Sequence[Mapping[str, Any]]


def everything(results: Mapping[str, Mapping[str, Any]]) -> str:
    """All that the results page says; results by the names of RESULTS, those that there are."""
    parts: list[str] = []
    if kodak := results.get("kodak"):
        parts.append(
            f"{sentence(kodak['what'])}, over AWGN, PSNR of the uint8 pictures in dB, means over all. The ratio k/n is "
            "complex channel uses over 3 H W samples; everything that is sent is in it. An empty cell is of what could "
            f"not be sent of every picture. On {told_machine(kodak['environment'])}."
        )
        parts += [f"k/n = {ratio}:\n\n{of_ratio(kodak['results'], ratio)}" for ratio in RATIOS]
        parts.append(f"At {OTHERS_AT} dB:\n\n{others(kodak['results'])}")
    if cliff := results.get("cliff"):
        parts += [f"{sentence(cliff['what'])}, over AWGN of other SNRs:", of_cliff(cliff["results"])]
    return "\n\n".join(parts)


def of_ratio(links: Mapping[str, Points], ratio: str) -> str:
    """A row a link, a column an SNR; floor and aim of MAIN where it was measured."""
    lines = head("PSNR, dB", *(f"{snr} dB" for snr in SNRS))
    if MAIN in links:
        for name, values in (("floor", FLOORS[ratio]), ("aim", AIMS[ratio])):
            lines.append(row(f"`{MAIN}`, {name}", *(f"{value:.1f}" for value in values)))
    for name, points in links.items():
        lines.append(row(f"`{name}`", *(psnr_at(points, ratio, snr) for snr in SNRS)))
    return "\n".join(lines)


def psnr_at(points: Points, ratio: str, snr: float) -> str:
    found = [p for p in points if p["ratio"] == ratio and p["snr_db"] == snr == p["transmitter_snr_db"]]
    return cell(found[0]["psnr"], 2) if found else ""


def others(links: Mapping[str, Points]) -> str:
    """Other metrics, blocks that failed, the symbols' peak, and seconds, at OTHERS_AT."""
    lines = head(
        "", "k/n", *(label for label, _ in OTHERS.values()), "blocks failed", "peak to average", "send", "receive"
    )
    for name, points in links.items():
        for point in (p for p in points if p["snr_db"] == OTHERS_AT == p["transmitter_snr_db"]):
            metrics = [cell(point[key], digits) for key, (_, digits) in OTHERS.items()]
            blocks = f"{point['failed_blocks']} of {point['blocks']}" if point["blocks"] else ""
            seconds = [f"{point[key]:.3f} s" for key in ("send_seconds", "receive_seconds")]
            peak = f"{point['peak_to_average_db']:.1f} dB"
            lines.append(row(f"`{name}`", point["ratio"], *metrics, blocks, peak, *seconds))
    return "\n".join(lines)


def of_cliff(links: Mapping[str, Points]) -> str:
    """A row an SNR of the channel, a column a link; below, what each loses at most from one dB to the next."""
    sent = {name: by_snr(points) for name, points in links.items()}
    lines = head("channel", *(f"`{name}`" for name in sent))
    for snr in sorted({snr for found in sent.values() for snr in found}):
        lines.append(row(f"{snr:g} dB", *(cell(found.get(snr), 2) for found in sent.values())))
    lines.append(row("most that is lost in a dB", *(cell(steepest(found), 2) for found in sent.values())))
    return "\n".join(lines)


def by_snr(points: Points) -> dict[float, float]:
    wanted = [p for p in points if p["ratio"] == RATIO and p["transmitter_snr_db"] == ASSUMED and p["psnr"] is not None]
    return {p["snr_db"]: p["psnr"] for p in sorted(wanted, key=lambda p: p["snr_db"])}


def steepest(found: Mapping[float, float]) -> float | None:
    """The largest difference in PSNR a dB of SNR, of neighbours."""
    snrs = sorted(found)
    pairs = zip(snrs, snrs[1:], strict=False)
    return max(((found[high] - found[low]) / (high - low) for low, high in pairs), default=None)


def cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def sentence(text: str) -> str:
    """With a capital at its start."""
    return text[:1].upper() + text[1:]
