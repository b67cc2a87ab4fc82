"""The results of segmenters as Markdown, for write_results.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.measuring import head, row, told_machine
from benchmarks.segmenters.camvid import CODEC, QUALITIES

# What the functions below call each result -> its file in results/, without suffix.
RESULTS = {"camvid": "segmenters/camvid", "speed": "segmenters/speed", "seggan": "segmenters/seggan"}
# The segmenter that others are compared with, and those below a million parameters.
MAIN, SMALL, SCRATCH = "street", "street_small", "street_scratch"
REFINED = ":refine=yes"

Results = Mapping[str, dict[str, Any]]


def everything(results: Results) -> str:
    """All that the results page says; results by the names of RESULTS, those that there are."""
    camvid = results["camvid"]
    said = (
        f"{sentence(camvid['what'])}, trained on the 367 of train alone. mIoU is of the pixels of all pictures "
        f"together, over 11 classes, void left out. On {told_machine(camvid['environment'])}."
    )
    parts = [said, acceptance(results), settings(camvid), classes(camvid, list(camvid["results"]))]
    if speed := results.get("speed"):
        parts += [f"Times: {speed['what']}. On {told_machine(speed['environment'])}.", times(speed)]
    return "\n\n".join(parts)


def of_model(results: Results, name: str) -> str:
    """What the card of a segmenter says."""
    camvid = results["camvid"]
    own = {label: found for label, found in camvid["results"].items() if label.split()[0].split(":")[0] == name}
    parts = [f"{sentence(camvid['what'])}.", settings({"results": own})]
    parts.append(classes(camvid, [label for label in own if " through " not in label]))
    if name in results.get("speed", {}).get("segmenters", {}):
        speed = results["speed"]
        parts.append(times(speed | {"segmenters": {name: speed["segmenters"][name]}}))
    return "\n\n".join(parts)


def acceptance(results: Results) -> str:
    """Floor, aim, what others published, and the measured figure; an empty cell for what was not measured."""
    lines = head("", "floor", "aim", "published", "measured")
    of_scratch = "ESPNet 0.556 (0.36 M), ENet 0.513, CGNet 0.656 (train+val)"
    of_main = "DDRNet-23-slim 0.744 at 960x720; LMFFNet-S 0.677 (1.1 M, no ImageNet, train+val)"
    measures: tuple[tuple[str, str, str, str, Callable[[Results], str]], ...] = (
        (f"`{MAIN}`, at most 3 M parameters, mIoU", "0.64", "0.69", of_main, lambda r: miou(r, MAIN)),
        (f"`{SMALL}`, below 1 M, mIoU", "0.60", "0.66", "", lambda r: miou(r, SMALL)),
        (f"`{SCRATCH}`, below 1 M, no ImageNet, mIoU", "0.48", "0.57", of_scratch, lambda r: miou(r, SCRATCH)),
        ("Seg-GAN over the same network without it, points", "", "above 0", "+4.2 on VOC", gain_of_gan),
        ("ConvCRF at test time, points", "", "+0.6", "", gain_of_crf),
        (f"`{MAIN}` behind {CODEC} at {qualities()}, points lost", "8 / 3", "3 / 1", "", points_lost),
        (f"`{MAIN}`, 480x360, warm, 2 cores", "60 ms", "30 ms", "", warm),
        ("discriminator's step, 2 cores, batch 4 of 240x180", "0.5 s", "0.2 s", "", discriminator),
    )
    for name, floor, aim, published, tell in measures:
        try:
            measured = tell(results)
        except KeyError:  # of a segmenter, or a run, that is not there
            measured = ""
        lines.append(row(name, floor, aim, published, measured))
    return "\n".join(lines)


def figures(results: Results, label: str) -> dict[str, Any]:
    found: dict[str, Any] = results["camvid"]["results"][label]
    return found


def miou(results: Results, name: str) -> str:
    found = figures(results, name)
    return f"{found['miou']:.4f} ({found['parameters'] / 1e6:.2f} M)"


def gain_of_gan(results: Results) -> str:
    """For each length of training, with its interval where there were several pairs."""
    found = []
    for steps, gain in results["seggan"]["gains"].items():
        width = "" if gain["half_width"] is None else f" ± {gain['half_width']:.2f}"
        n = "one pair" if gain["pairs"] == 1 else f"{gain['pairs']} pairs"
        found.append(f"{gain['mean']:+.2f}{width} ({n} of {steps} steps)")
    return "; ".join(found)


def gain_of_crf(results: Results) -> str:
    return f"{100 * (figures(results, MAIN + REFINED)['miou'] - figures(results, MAIN)['miou']):+.2f}"


def qualities() -> str:
    return " / ".join(f"-q {quality}" for quality in QUALITIES)


def points_lost(results: Results) -> str:
    lost = [figures(results, f"{MAIN} through {CODEC}:q={quality}")["points_lost"] for quality in QUALITIES]
    return " / ".join(f"{value:.2f}" for value in lost)


def warm(results: Results) -> str:
    return f"{results['speed']['segmenters'][MAIN]['threads_2']['warm_ms']:.1f} ms"


def discriminator(results: Results) -> str:
    return f"{results['speed']['discriminator']['threads_2']['step_seconds']:.2f} s"


def settings(camvid: Mapping[str, Any]) -> str:
    """A row for each segmenter, each of them refined, and each behind the codec; times are speed.py's."""
    lines = head("segmenter", "parameters", "mIoU", "points lost", "bpp", "pixels right")
    for label, found in camvid["results"].items():
        cells = [cell(found["miou"], 4), cell(found["points_lost"], 2), cell(found["bpp"], 3)]
        cells.append(cell(found["pixel_accuracy"], 4))
        lines.append(row(f"`{label}`", f"{found['parameters'] / 1e6:.2f} M", *cells))
    return "\n".join(lines)


def classes(camvid: Mapping[str, Any], labels: list[str]) -> str:
    """IoU of every class, of those that were asked on the pictures themselves."""
    shown = [label for label in labels if " through " not in label]
    lines = head("IoU", *(f"`{label}`" for label in shown))
    names = dict.fromkeys(name for label in shown for name in camvid["results"][label]["iou"])
    for name in names:
        lines.append(row(name, *(cell(camvid["results"][label]["iou"].get(name), 4) for label in shown)))
    return "\n".join(lines)


def times(speed: Mapping[str, Any]) -> str:
    """Milliseconds warm, seconds to load and cold."""
    lines = head("segmenter", "file", "warm, 1 core", "warm, 2 cores", "refined, 2 cores", "load", "cold command")
    for name, found in speed["segmenters"].items():
        one, two = found["threads_1"], found["threads_2"]
        warm_ms = [f"{value:.1f} ms" for value in (one["warm_ms"], two["warm_ms"])]
        refined = f"{two['refined_ms']:.1f} ms" if "refined_ms" in two else ""
        seconds = [f"{value:.2f} s" for value in (two["load_seconds"], found["cold_seconds"])]
        lines.append(row(f"`{name}`", f"{found['file_bytes']} bytes", *warm_ms, refined, *seconds))
    return "\n".join(lines)


def cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def sentence(text: str) -> str:
    """With a capital at its start."""
    return text[:1].upper() + text[1:]
