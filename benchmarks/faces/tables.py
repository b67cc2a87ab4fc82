"""The results of the conceptual codec on faces as Markdown, for write_results.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.measuring import head, networks_table, row, told_machine

# What the functions below call each result -> its file in results/, without suffix.
RESULTS = {"faces": "faces/rate_distortion"} | {name: f"faces/{name}" for name in ("saving", "estimate", "complexity")}

Results = Mapping[str, dict[str, Any]]


def everything(results: Results, labels: dict[str, Any]) -> str:
    """All that results page and card say about the figures; results by the names of RESULTS, labels: of the maps."""
    faces = results["faces"]
    where = (
        f"The {faces['what'].split(' at ')[0]} of CelebAMask-HQ at 256x256, means over whole files, "
        "`benchmarks/faces/rate_distortion.py` and its neighbours, on "
        f"{told_machine(faces['environment'])}."
    )
    notes = (
        f"Label maps are those given with the {labels['maps']} faces, reduced by majority; FLIF is npm's flif-wasm at "
        "its highest effort, the smaller of interlaced and not. The stream's bytes include the check symbol. LPIPS is "
        "part of the training loss, see the model's card."
    )
    return "\n\n".join([where, acceptance(results, labels), notes, "Over the quality knob:", qualities(faces)])


def acceptance(results: Results, labels: dict[str, Any]) -> str:
    """Floor, aim and measured figure of everything the codec was built to reach."""
    faces, saving, stream = (results[name] for name in ("faces", "saving", "estimate"))
    mean = faces["results"][0]["mean"]
    sizes = labels["mean_bytes_by_size"]
    default = stream["by_quality"]["50"]
    lines = head("", "floor", "aim", "measured")
    lines.append(row("whole file, bytes", 246, 197, f"{mean['file_bytes']:.1f}"))
    lines.append(row("whole file, bits per pixel", 0.030, 0.0241, f"{mean['bpp']:.4f}"))
    lines.append(row("LPIPS v0.1 AlexNet", "0.30", "0.20", f"{mean['lpips_alex']:.4f}"))
    lines.append(row("LPIPS v0.1 VGG", "", "", f"{mean['lpips_vgg']:.4f}"))
    lines.append(row("PSNR, dB", "", 20, f"{mean['psnr_db']:.2f}"))
    lines.append(row("segmenter, mIoU over 19 classes", "0.60", 0.72, f"{faces['segmenter_miou']:.4f}"))
    over = f"{100 * saving['saving_over_independent']:.1f} % of the bits of the same textures"
    lines.append(row("saving of the hyperprior over an independent Gaussian", "", "62.5 % (paper)", over))
    for size, aim in (("64", 0.27), ("128", 0.33), ("256", 0.35)):
        here = sizes[size]
        measured = f"{here['ours']} bytes, {here['of_flif']} of FLIF's {here['flif']} (JPEG XL {here['jpegxl']})"
        lines.append(row(f"label maps at {size} pixels", "0.5 of FLIF", f"{aim} of FLIF", measured))
    within = f"{default['within_1_percent_and_64_bits']} of {stream['faces']} within"
    pair = f"{default['stream_bytes']} bytes for {default['estimate_bytes']}; {within}"
    lines.append(row("stream against the Estimator", "1 % + 64 bits", "", pair))
    seconds = [f"{faces[k]:.2f} s" for k in ("encode_seconds", "decode_seconds")]
    lines.append(row("cold process, encode / decode", "1.0 s / 0.6 s", "0.4 s / 0.3 s", " / ".join(seconds)))
    return "\n".join(lines)


def qualities(faces: dict[str, Any]) -> str:
    """The mean over the faces at each quality."""
    lines = head("-q", "bytes", "bpp", "LPIPS AlexNet", "LPIPS VGG", "PSNR, dB")
    order = sorted(faces["results"], key=lambda r: 50 if r["quality"] is None else r["quality"])
    for result in order:
        mean = result["mean"]
        name = "50 (default)" if result["quality"] is None else f"{result['quality']:g}"
        figures = (f"{mean['bpp']:.4f}", *(f"{mean[k]:.3f}" for k in ("lpips_alex", "lpips_vgg")))
        lines.append(row(name, f"{mean['file_bytes']:.0f}", *figures, f"{mean['psnr_db']:.2f}"))
    return "\n".join(lines)


def networks(complexity: dict[str, Any]) -> str:
    """For the card: every network's size and work."""
    return networks_table(complexity, "MACs at the working size", "gmac", "{} G")
