"""What is measured where nobody says what: every codec that runs here, at a few settings; and how long a run takes.

The settings are from about 0.1 to 1.5 bits per pixel, as far down as each codec goes; quick codecs come first. Seconds
are of two cores of a server of 2023, which tells minutes from hours, and nothing more exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sccodec import api, bundle
from sccodec.bench.measure import Item
from sccodec.bench.run import Plan
from sccodec.errors import CodecUnavailable
from sccodec.metrics.table import METRICS

USUAL = {
    "jpeg": "jpeg:q=10,25,50,80",
    "webp": "webp:q=5,30,60,85",
    "jpeg2000": "jpeg2000:q=12,24,36,48",
    "jpegxl": "jpegxl:q=6,20,34,50",
    "png": "png",
    "hyperprior": "hyperprior:q=10,35,60,85",
    "heic": "heic:q=12,24,38,52",
    "bpg": "bpg:q=10,25,40,55",
    "conceptual": "conceptual:q=0,50,100",
    "avif": "avif:q=8,28,56",
}
"""The quickest first. Codecs that are not here stand before the last two, at OTHERS."""
OTHERS = "q=10,40,70"
LAST = ("conceptual", "avif")
OF_THE_PICTURE = {"conceptual": ("faces", "general")}
"""Variants of which the picture decides where none is named: they are not measured a second time by their names."""
SLOW_SECONDS = 5.0
"""Metrics that take longer for a megapixel are not measured where none is named."""

SECONDS = {
    "jpeg": 0.04, "webp": 0.4, "jpeg2000": 0.4, "jpegxl": 0.5, "png": 0.7, "hyperprior": 1.6, "heic": 2.0, "bpg": 2.6,
    "conceptual": 5.0, "avif": 6.5,
}  # fmt: skip
"""To encode and decode a megapixel once."""
SECONDS_OF_OTHERS = 5.0
SECONDS_A_PROCESS = 1.0
TYPICAL_PIXELS = 400_000


@dataclass(frozen=True)
class Choice:
    """texts: specs with lists, as sccodec.bench.specs reads them; left_out: codecs that are not among them, and why."""

    texts: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


def choose() -> Choice:
    """Every codec that can run here on any photograph, at a few settings; others' models run where they are named."""
    listed = [name for name in api.names() if name not in USUAL]
    order = [name for name in USUAL if name not in LAST and name in api.names()] + listed
    order += [name for name in LAST if name in api.names()]
    texts: list[str] = []
    left_out = []
    for name in order:
        found = api.load(name)
        if why := lacking(found):
            left_out.append((name, why))
        else:
            texts += with_variants(found)
    return Choice(tuple(texts), tuple(left_out))


def metrics() -> tuple[str, ...]:
    """All but the slow ones."""
    return tuple(key for key, metric in METRICS.items() if metric.seconds <= SLOW_SECONDS)


def lacking(found: api.AnyCodec) -> str:
    """Why a codec is not measured unless it is named, or ""."""
    try:
        found.check_available()
    except CodecUnavailable as error:
        return str(error)
    if found.peer:
        return "others' models run where they are named"
    if not found.native and all(model.codec != found.name for model in bundle.installed()):
        return "no model of it is installed"
    return ""


def with_variants(found: api.AnyCodec) -> list[str]:
    """The codec with its default model, and with each further variant that is installed."""
    usual = USUAL.get(found.name, found.name if found.lossless else f"{found.name}:{OTHERS}")
    if found.native:
        return [usual]
    variants = list(dict.fromkeys(model.variant for model in bundle.installed() if model.codec == found.name))
    kept = [v for v in variants[1:] if v not in OF_THE_PICTURE.get(found.name, ())]
    return [usual, *(usual.replace(":", f":{variant},", 1) for variant in kept)]


def bare(text: str) -> str:
    """One of choose()'s texts without its qualities, which stand last: "bpg:q=10,25" -> "bpg"."""
    return re.sub(r"[:,]q=.*", "", text)


def seconds_of(item: Item, pixels: int, repeats: int) -> float:
    """About how long one measurement takes; for a picture of unknown size, as for a small photograph."""
    name = item.spec.partition(":")[0]
    coding = SECONDS.get(name, SECONDS_OF_OTHERS) * repeats
    comparing = sum(METRICS[metric].seconds for metric in item.metrics)
    return (coding + comparing) * (pixels or TYPICAL_PIXELS) / 1e6


def seconds_of_each(plan: Plan) -> dict[tuple[str, str], float]:
    """About how long each measurement of a run takes, by its spec and its picture's name."""
    return {
        (item.spec, chunk.entry.name): seconds_of(item, chunk.entry.pixels, plan.setup.repeats)
        for chunk in plan.chunks
        for item in chunk.items
    }


def seconds_of_run(plan: Plan, jobs: int) -> float:
    """About how long a run takes."""
    working = sum(seconds_of_each(plan).values())
    return (working + SECONDS_A_PROCESS * len({chunk.model for chunk in plan.chunks})) / max(1, min(jobs, 2))


def in_words(seconds: float) -> str:
    """A time for a person: "a few seconds", "about 40 seconds", "about 12 minutes", "about 1.5 hours"."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds, -1):.0f} seconds"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} minutes"
    return f"about {seconds / 3600:.1f} hours"
