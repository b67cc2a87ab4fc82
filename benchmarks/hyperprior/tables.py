"""The hyperprior codec's results as Markdown, for write_results.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.hyperprior.rate_distortion import BPG, JPEG, JPEG_HIGHER
from benchmarks.measuring import head, networks_table, row, told_machine, told_peaks

# What the functions below call each result -> its file in results/, without suffix.
RESULTS = {"kodak": "hyperprior/rate_distortion", "large": "hyperprior/memory"} | {
    name: f"hyperprior/{name}" for name in ("speed", "determinism", "estimate", "complexity")
}
MEASURED_HERE = {
    "jpeg": "JPEG, measured here",
    "jpeg-optimised": "JPEG with optimised tables, measured here",
    "jpeg2000": "JPEG 2000, measured here",
    "webp": "WebP, measured here",
}
KINDS = ("cold_encode", "cold_decode", "warm_encode", "warm_decode")

Results = Mapping[str, dict[str, Any]]


def everything(results: Results) -> str:
    """All that results page and card say about the figures; results by the names of RESULTS, those that there are."""
    parts = [acceptance(results)]
    if kodak := results.get("kodak"):
        rates = "Bjontegaard rates by PCHIP over the range of PSNR that both curves cover"
        parts.insert(0, f"{kodak['what']}; {rates}. On {told_machine(kodak['environment'])}.")
        parts += [comparisons(kodak), qualities(kodak)]
    if speed := results.get("speed"):
        threads = speed["environment"]["threads"]
        parts += [f"Times: {speed['what']}; {threads} threads. The peers: {speed['peers']}.", times(speed)]
    return "\n\n".join(parts)


def acceptance(results: Results) -> str:
    """Floor, aim and measured figure of what the codec was built to reach; an empty cell for what was not measured."""
    lines = head("", "floor", "aim", "measured")
    for name, floor, aim, wanted, tell in (
        ("against JPEG, published", "-36 %", "-60 %", "kodak", against_jpeg),
        ("against BPG 4:4:4, published", "", "0 %, then -10 %", "kodak", against_bpg),
        ("decode 768x512, cold process / warm call", "0.8 s / 120 ms", "0.3 s / 40 ms", "speed", decoding),
        ("encode, likewise", "1.2 s / 200 ms", "0.4 s / 70 ms", "speed", encoding),
        ("rate lost by integer networks", "0.5 %", "0.1 %", "estimate", integer_loss),
        ("stream against estimate", "within 0.5 %", "", "estimate", stream_excess),
        ("symbols that differ between settings and machines", 0, 0, "determinism", differing),
        ("peak memory, encode / decode", "2.5 GiB", "", "large", memory),
        ("kMAC a pixel, encoder and decoder together", 40, "", "complexity", complexity_in_all),
    ):
        lines.append(row(name, floor, aim, tell(results[wanted]) if wanted in results else ""))
    return "\n".join(lines)


def against_jpeg(kodak: dict[str, Any]) -> str:
    compared = kodak["bd_rate_against"]
    return f"{against(compared[JPEG])}; with JPEG's highest rates {against(compared[JPEG_HIGHER])}"


def against_bpg(kodak: dict[str, Any]) -> str:
    return against(kodak["bd_rate_against"][BPG])


def against(figures: dict[str, float]) -> str:
    return f"{figures['percent']:+.1f} % ({span(figures)})"


def span(figures: dict[str, float]) -> str:
    return f"{figures['psnr_from_db']:.1f} to {figures['psnr_to_db']:.1f} dB"


def decoding(speed: dict[str, Any]) -> str:
    return cold_and_warm(speed, "decode")


def encoding(speed: dict[str, Any]) -> str:
    return cold_and_warm(speed, "encode")


def cold_and_warm(speed: dict[str, Any], direction: str) -> str:
    ours = speed["seconds"]["sccodec"]
    cold, warm = (ours[f"{state}_{direction}_seconds"] for state in ("cold", "warm"))
    return f"{cold:.2f} s / {milliseconds(warm)}"


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def integer_loss(estimate: dict[str, Any]) -> str:
    return f"{estimate['integer_loss_percent']:.3f} %"


def stream_excess(estimate: dict[str, Any]) -> str:
    return f"{estimate['stream_excess_percent']:+.3f} %"


def differing(determinism: dict[str, Any]) -> str:
    n_settings = len(determinism["settings"])
    count = determinism["symbols_compared_a_setting"] * n_settings
    return f"{determinism['differing_symbols']} of {count:,} under {n_settings} settings"


def memory(large: dict[str, Any]) -> str:
    peaks, megapixels = told_peaks(large)
    return f"{peaks} at {megapixels:.1f} megapixels"


def complexity_in_all(complexity: dict[str, Any]) -> str:
    figures = complexity["kmac_per_pixel"]
    return f"{figures['each network once']:.1f} ({figures['encode']:.1f} to encode, {figures['decode']:.1f} to decode)"


def networks(complexity: dict[str, Any]) -> str:
    """For the card: every network's size and work."""
    return networks_table(complexity, "kMAC a pixel", "kmac_per_pixel", "{:.2f}")


def comparisons(kodak: dict[str, Any]) -> str:
    """The codec's rate against every curve that it was compared with."""
    lines = head("rate at equal PSNR against", "", "over")
    for name, figures in kodak["bd_rate_against"].items():
        lines.append(row(MEASURED_HERE.get(name, name), f"{figures['percent']:+.1f} %", span(figures)))
    return "\n".join(lines)


def qualities(kodak: dict[str, Any]) -> str:
    """The mean curve at the tens of the knob, and how far each picture's is monotone."""
    lines = head("-q", "bpp", "PSNR, dB")
    for point in kodak["curves"]["hyperprior"]["points"]:
        if point["setting"] % 10 == 0:
            lines.append(row(f"{point['setting']:g}", f"{point['bpp']:.3f}", f"{point['psnr_db']:.2f}"))
    knob = kodak["knob"]
    said = (
        f"Of the {knob['steps']} steps from one measured -q to the next, picture by picture, "
        f"{knob['steps_to_fewer_bytes']} give a smaller file and {knob['steps_to_less_psnr']} a lower PSNR."
    )
    return "\n".join(lines) + f"\n\n{said}"


def times(speed: dict[str, Any]) -> str:
    """Ours and the peers', with how many times as long as ours those take."""
    lines = head("", *(kind.replace("_", ", ") for kind in KINDS))
    for who, figures in speed["seconds"].items():
        cells = [milliseconds(figures[f"{kind}_seconds"]) for kind in KINDS]
        if ratios := figures.get("times_ours"):
            cells = [f"{cell} ({ratios[kind]:.1f} times)" for cell, kind in zip(cells, KINDS, strict=True)]
        lines.append(row(who if who == "sccodec" else f"compressai {who}", *cells))
    return "\n".join(lines)
