"""Put the measured figures into docs/results.md, the models' cards and the README.

    python benchmarks/write_results.py

Reads results/*.json, which the other scripts of this folder write, and replaces what stands between the two `results`
marks of docs/results.md and of the card (models/<model>.md); each codec has marks of its own, and so has what compares
them all, in docs/results.md. README.md has a few figures of all, between marks too. Refuses results of another model
than the installed one. What was not measured yet for the hyperprior codec leaves its cell empty.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import codecs_tables
import conceptual_general_tables
import hyperprior_tables
from measuring import row

from sccodec import bundle
from sccodec.errors import ModelNotFound

HERE = Path(__file__).parent
CONCEPTUAL = "<!-- results: written by benchmarks/write_results.py -->", "<!-- end of results -->"
HYPERPRIOR = (
    "<!-- hyperprior results: written by benchmarks/write_results.py -->",
    "<!-- end of hyperprior results -->",
)

GENERAL = "<!-- general results: written by benchmarks/write_results.py -->", "<!-- end of general results -->"
CODECS = "<!-- codec results: written by benchmarks/write_results.py -->", "<!-- end of codec results -->"
FIGURES = "<!-- figures: written by benchmarks/write_results.py -->", "<!-- end of figures -->"


def read(name: str, model: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((HERE / "results" / f"{name}.json").read_text())
    if result["model"] != model:
        raise SystemExit(f"results/{name}.json is of {result['model']}, the installed model is {model}: measure again")
    return result


def results_page() -> Path:
    """Where the results stand."""
    return HERE.parent / "docs" / "results.md"


def acceptance(faces: dict[str, Any], saving: dict[str, Any], labels: dict[str, Any], stream: dict[str, Any]) -> str:
    """Floor, aim and measured figure of everything the codec was built to reach."""
    mean = faces["results"][0]["mean"]
    sizes = labels["mean_bytes_by_size"]
    default = stream["by_quality"]["50"]
    lines = [row("", "floor", "aim", "measured"), row("---", "---", "---", "---")]
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
    lines = [row("-q", "bytes", "bpp", "LPIPS AlexNet", "LPIPS VGG", "PSNR, dB"), row(*["---"] * 6)]
    order = sorted(faces["results"], key=lambda r: 50 if r["quality"] is None else r["quality"])
    for result in order:
        mean = result["mean"]
        name = "50 (default)" if result["quality"] is None else f"{result['quality']:g}"
        figures = (f"{mean['bpp']:.4f}", *(f"{mean[k]:.3f}" for k in ("lpips_alex", "lpips_vgg")))
        lines.append(row(name, f"{mean['file_bytes']:.0f}", *figures, f"{mean['psnr_db']:.2f}"))
    return "\n".join(lines)


def networks(complexity: dict[str, Any]) -> str:
    lines = [row("network", "parameters", "MACs at the working size", "used by"), row(*["---"] * 4)]
    for network in complexity["networks"]:
        parameters = f"{network['parameters'] / 1e6:.2f} M"
        lines.append(row(network["network"], parameters, f"{network['gmac']} G", network["used_by"]))
    return "\n".join(lines)


def replace(path: Path, marks: tuple[str, str], text: str) -> None:
    begin, end = marks
    whole = path.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(begin) + ".*" + re.escape(end), re.S)
    if not pattern.search(whole):
        raise SystemExit(f"{path.name} lacks the marks {begin} and {end}")
    path.write_text(pattern.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", whole), encoding="utf-8")


def main() -> None:
    write_conceptual()
    write_general()
    write_hyperprior()
    write_codecs()
    write_figures()


def write_figures() -> None:
    """The README's picture and figures, of the installed models."""
    models = {
        name: bundle.default(*spec).path.name
        for name, spec in (
            ("faces", ("conceptual", "faces")),
            ("general", ("conceptual", "general")),
            ("hyperprior", ("hyperprior",)),
        )
    }
    faces = read("conceptual_faces", models["faces"])
    beside = read("conceptual_general", models["general"])["beside_bpg"]
    speed, determinism = (read(f"hyperprior_{name}", models["hyperprior"]) for name in ("speed", "determinism"))
    rates = json.loads((HERE / "results" / "codecs.json").read_text(encoding="utf-8"))["bd_rate"]["hyperprior"]
    mean, ours, bpg, n = faces["results"][0]["mean"], beside["ours"], beside["bpg"], len(beside["pictures"])
    against = {anchor: codecs_tables.percent(rates[anchor]["psnr"]) for anchor in codecs_tables.ANCHORS}
    cold = [speed["seconds"]["sccodec"][f"cold_{way}_seconds"] for way in ("encode", "decode")]
    size, cores = speed["what"].split(", ")[1], speed["environment"]["cores"]
    counted = hyperprior_tables.differing(determinism)
    lines = [
        row("what was measured", "figure"),
        row("---", "---"),
        row(
            f"a face of 256x256 pixels, `conceptual`: mean of {faces['what'].split(',')[0].split(' at ')[0]}",
            f"{mean['file_bytes']:.0f} bytes, at LPIPS {mean['lpips_alex']:.3f}",
        ),
        row(
            f"any photograph, `conceptual`: mean of {n} Kodak pictures",
            f"{ours['bpp']:.3f} bits per pixel, at LPIPS {ours['lpips_alex']:.3f}; "
            f"BPG at {bpg['bpp']:.3f}: {bpg['lpips_alex']:.3f}",
        ),
        row(
            "any photograph, `hyperprior`: rate on Kodak at equal PSNR",
            f"{against['jpeg']} against JPEG, {against['bpg']} against BPG 4:4:4",
        ),
        row(
            f"the command on a photograph of {size} pixels, `hyperprior`, on {cores} CPU cores",
            f"{cold[0]:.2f} s to encode, {cold[1]:.2f} s to decode",
        ),
        row("decoded symbols that differ under other threads, CPU kernels or numpy versions", counted),
    ]
    picture = f"![original and decoded portraits](benchmarks/results/portrait.png)\n\n{caption(models['faces'])}"
    replace(HERE.parent / "README.md", FIGURES, picture + "\n\n" + "\n".join(lines))


def caption(model: str) -> str:
    """What stands below the portrait."""
    files = ", ".join(f"{f['bytes']} bytes (-q {f['quality']:g})" for f in read("portrait", model)["files"])
    return f"The portrait of 256x256 pixels, and what its files decode to: {files}."


def write_codecs() -> None:
    """What was measured of all codecs alike; nothing where it was not."""
    results = HERE / "results"
    if not (results / "codecs.json").exists():
        print("results/codecs.json is not there: what it says about every codec is left as it is")
        return
    found, page = (
        json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        for path in (results / "codecs.json", results / "codecs_page.json")
    )
    known = {model.tag.hex() for model in bundle.installed()}
    curves = {name: curve for part in ("kodak", "faces") for name, curve in found[part]["curves"].items()}
    for name, curve in curves.items():
        if curve["tag"] and curve["tag"] not in known:
            raise SystemExit(f"results/codecs.json: {name}'s model {curve['tag']} is not installed: measure again")
    replace(results_page(), CODECS, codecs_tables.everything(found, page))


def write_general() -> None:
    """The conceptual codec's part for any photograph; nothing where no such model is installed."""
    try:
        model = bundle.default("conceptual", "general").path
    except ModelNotFound:
        print("no conceptual:general model is installed: its results are left as they are")
        return
    results = HERE / "results"
    found = {
        short: read(name, model.name)
        for short, name in conceptual_general_tables.RESULTS.items()
        if (results / f"{name}.json").exists()
    }
    maps = results / "label_maps_general.json"  # a property of the maps, whichever model they were made with
    if maps.exists():
        found["maps"] = json.loads(maps.read_text(encoding="utf-8"))
    tables = conceptual_general_tables.everything(found)
    sheets = sorted(results.glob("kodak_conceptual_*.jpg"))
    pictures = "\n\n".join(f"![original, conceptual, BPG](../benchmarks/results/{path.name})" for path in sheets)
    replace(results_page(), GENERAL, f"{tables}\n\n{conceptual_general_tables.SEEN}\n\n{pictures}")
    replace(HERE.parent / "models" / f"{model.stem}.md", GENERAL, tables)


def write_hyperprior() -> None:
    """The hyperprior codec's part; nothing where no model of it is installed."""
    try:
        model = bundle.default("hyperprior").path
    except ModelNotFound:
        print("no hyperprior model is installed: its results are left as they are")
        return
    results = HERE / "results"
    found = {
        short: read(name, model.name)
        for short, name in hyperprior_tables.RESULTS.items()
        if (results / f"{name}.json").exists()
    }
    tables = hyperprior_tables.everything(found)
    plot = "kodak_hyperprior.png"
    picture = (
        f"![rate-distortion curves on Kodak](../benchmarks/results/{plot})\n\n" if (results / plot).exists() else ""
    )
    replace(results_page(), HYPERPRIOR, picture + tables)
    if "complexity" in found:
        tables += "\n\n" + hyperprior_tables.networks(found["complexity"])
    replace(HERE.parent / "models" / f"{model.stem}.md", HYPERPRIOR, tables)


def write_conceptual() -> None:
    model = bundle.default("conceptual", "faces").path
    names = ("conceptual_faces", "hyperprior_saving", "stream_estimate", "complexity")
    faces, saving, stream, complexity = (read(name, model.name) for name in names)
    labels: dict[str, Any] = json.loads((HERE / "results" / "label_maps.json").read_text())
    environment = faces["environment"]
    where = (
        f"The {faces['what'].split(' at ')[0]} of CelebAMask-HQ at 256x256, means over whole files, "
        f"`benchmarks/conceptual_faces.py` and its neighbours, on {environment['cores']} cores "
        f"({environment['cpu']}), ONNX Runtime {environment['versions']['onnxruntime']}."
    )
    notes = (
        f"Label maps are those given with the {labels['maps']} faces, reduced by majority; FLIF is npm's flif-wasm at "
        "its highest effort, the smaller of interlaced and not. The stream's bytes include the check symbol. LPIPS is "
        "part of the training loss, see the model's card."
    )
    reached = acceptance(faces, saving, labels, stream)
    tables = "\n\n".join([where, reached, notes, "Over the quality knob:", qualities(faces)])
    picture = f"![original and decoded portraits](../benchmarks/results/portrait.png)\n\n{caption(model.name)}"
    replace(results_page(), CONCEPTUAL, f"{picture}\n\n{tables}")
    size = f"The model file has {complexity['file_bytes']} bytes."
    replace(HERE.parent / "models" / f"{model.stem}.md", CONCEPTUAL, f"{tables}\n\n{networks(complexity)}\n\n{size}")


if __name__ == "__main__":
    main()
