"""Put the measured figures into docs/results.md, the models' cards and the README.

    python -m benchmarks.write_results

Reads the results, which the scripts of the folders beside this one write, and replaces what stands between the two
`results` marks of docs/results.md and of the card (models/<model>.md); each codec has marks of its own, and so have
segmenters, links, and what compares all codecs, in docs/results.md. README.md has a few figures of all, between marks
too. Refuses results of another model than the installed one. A codec without a model is left as it is, and what was not
measured of it leaves its cell empty. Takes a second.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.codecs import tables as of_codecs
from benchmarks.faces import tables as of_faces
from benchmarks.hyperprior import tables as of_hyperprior
from benchmarks.measuring import head, row
from benchmarks.photographs import tables as of_photographs
from benchmarks.segmenters import tables as of_segmenters
from benchmarks.transmit import tables as of_links
from sccodec import bundle
from sccodec.errors import ModelNotFound

HERE = Path(__file__).parent


def marks(name: str) -> tuple[str, str]:
    """Between which lines of a document the results of that name stand."""
    return f"<!-- {name}: written by benchmarks/write_results.py -->", f"<!-- end of {name} -->"


FACES, PHOTOGRAPHS, HYPERPRIOR = marks("results"), marks("general results"), marks("hyperprior results")
CODECS, FIGURES, SEGMENTERS = marks("codec results"), marks("figures"), marks("segmenter results")
LINKS = marks("link results")
SPECS = {
    "faces": ("conceptual", "faces"),
    "photographs": ("conceptual", "general"),
    "hyperprior": ("hyperprior",),
}


def result_file(name: str) -> Path:
    return HERE / "results" / f"{name}.json"


def load(name: str) -> dict[str, Any]:
    """A result, of whatever model."""
    result: dict[str, Any] = json.loads(result_file(name).read_text(encoding="utf-8"))
    return result


def read(name: str, model: str) -> dict[str, Any]:
    """A result; SystemExit where it is of another model (its file's name)."""
    result = load(name)
    if result["model"] != model:
        raise SystemExit(f"results/{name}.json is of {result['model']}, the installed model is {model}: measure again")
    return result


def read_those_there(names: Mapping[str, str], model: str) -> dict[str, dict[str, Any]]:
    """By their short names, the results that there are."""
    return {short: read(name, model) for short, name in names.items() if result_file(name).exists()}


def shipped(subject: str) -> Path | None:
    """The model file that encodes for a subject; None, and a word about it, where none is installed."""
    try:
        return bundle.default(*SPECS[subject]).path
    except ModelNotFound:
        print(f"no model of {':'.join(SPECS[subject])} is installed: its results are left as they are")
        return None


def results_page() -> Path:
    """Where the results stand."""
    return HERE.parent / "docs" / "results.md"


def card(model: Path) -> Path:
    """The model's card."""
    return HERE.parent / "models" / f"{model.stem}.md"


def replace(path: Path, between: tuple[str, str], text: str) -> None:
    """Put a text between two marks of a document; SystemExit where it lacks them."""
    begin, end = between
    whole = path.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(begin) + ".*" + re.escape(end), re.S)
    if not pattern.search(whole):
        raise SystemExit(f"{path.name} lacks the marks {begin} and {end}")
    path.write_text(pattern.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", whole), encoding="utf-8")


def main() -> None:
    write_faces()
    write_photographs()
    write_hyperprior()
    write_segmenters()
    write_links()
    write_codecs()
    write_figures()


def write_faces() -> None:
    """The conceptual codec's part for faces."""
    model = shipped("faces")
    if model is None:
        return
    found = {short: read(name, model.name) for short, name in of_faces.RESULTS.items()}
    tables = of_faces.everything(found, load("labels/faces"))
    replace(results_page(), FACES, f"{portrait(model.name, '../')}\n\n{tables}")
    replace(card(model), FACES, f"{tables}\n\n{of_faces.networks(found['complexity'])}")


def portrait(model: str, up: str) -> str:
    """The picture and what stands below it; up: the way from the document to the repository."""
    files = ", ".join(f"{f['bytes']} bytes (-q {f['quality']:g})" for f in read("faces/portrait", model)["files"])
    caption = f"The portrait of 256x256 pixels, and what its files decode to: {files}."
    return f"![original and decoded portraits]({up}benchmarks/results/faces/portrait.png)\n\n{caption}"


def write_photographs() -> None:
    """The conceptual codec's part for any photograph."""
    model = shipped("photographs")
    if model is None:
        return
    found = read_those_there(of_photographs.RESULTS, model.name)
    if result_file("labels/photographs").exists():  # a property of the maps, whichever model they were made with
        found["maps"] = load("labels/photographs")
    tables = of_photographs.everything(found)
    sheets = sorted((HERE / "results" / "photographs").glob("kodak_*.jpg"))
    pictures = [f"![original, conceptual, BPG](../benchmarks/results/photographs/{path.name})" for path in sheets]
    replace(results_page(), PHOTOGRAPHS, "\n\n".join([tables, of_photographs.SEEN, *pictures]))
    replace(card(model), PHOTOGRAPHS, tables)


def write_hyperprior() -> None:
    """The hyperprior codec's part."""
    model = shipped("hyperprior")
    if model is None:
        return
    found = read_those_there(of_hyperprior.RESULTS, model.name)
    tables = of_hyperprior.everything(found)
    plot = "results/hyperprior/plot.png"
    picture = f"![rate-distortion curves on Kodak](../benchmarks/{plot})\n\n" if (HERE / plot).exists() else ""
    replace(results_page(), HYPERPRIOR, picture + tables)
    if "complexity" in found:
        tables += "\n\n" + of_hyperprior.networks(found["complexity"])
    replace(card(model), HYPERPRIOR, tables)


def write_segmenters() -> None:
    """The segmenters' part; nothing where they were not measured."""
    found = {short: load(name) for short, name in of_segmenters.RESULTS.items() if result_file(name).exists()}
    if "camvid" not in found:
        print("results/segmenters/camvid.json is not there: what is said of segmenters is left as it is")
        return
    known = {model.path.name: model.path for model in bundle.installed()}
    timed = found.get("speed", {}).get("segmenters", {})
    models = [*found["camvid"]["models"].values(), *(own["model"] for own in timed.values())]
    for model in models:
        if model not in known:
            raise SystemExit(f"results/segmenters are of {model}, which is not installed: measure again")
    replace(results_page(), SEGMENTERS, of_segmenters.everything(found))
    for name, model in found["camvid"]["models"].items():
        replace(card(known[model]), SEGMENTERS, of_segmenters.of_model(found, name))


def write_links() -> None:
    """The part of links over noisy channels; nothing where they were not measured."""
    found = {short: load(name) for short, name in of_links.RESULTS.items() if result_file(name).exists()}
    if not found:
        print("results/transmit is empty: what is said of links is left as it is")
        return
    known = {model.tag.hex() for model in bundle.installed()}
    for short, result in found.items():
        for spec, tag in result["models"].items():
            if tag not in known:
                raise SystemExit(f"results/transmit/{short}.json is of {spec} {tag}, not installed: measure again")
    drawn = [f"![{short}](../benchmarks/results/transmit/{short}.png)" for short in found
             if result_file(of_links.RESULTS[short]).with_suffix(".png").exists()]  # fmt: skip
    replace(results_page(), LINKS, "\n\n".join([of_links.everything(found), *drawn]))


def write_codecs() -> None:
    """What was measured of all codecs alike; nothing where it was not."""
    if not result_file("codecs/report").exists():
        print("results/codecs/report.json is not there: what it says about every codec is left as it is")
        return
    found = load("codecs/report")
    page = load("codecs/page") if result_file("codecs/page").exists() else None
    known = {model.tag.hex() for model in bundle.installed()}
    curves = {name: curve for part in ("kodak", "faces") for name, curve in found[part]["curves"].items()}
    for name, curve in curves.items():
        if curve["tag"] and curve["tag"] not in known:
            raise SystemExit(
                f"results/codecs/report.json: {name}'s model {curve['tag']} is not installed: measure again"
            )
    replace(results_page(), CODECS, of_codecs.everything(found, page))


def write_figures() -> None:
    """The README's picture and figures, of the installed models."""
    models = {subject: bundle.default(*spec).path.name for subject, spec in SPECS.items()}
    faces = read("faces/rate_distortion", models["faces"])
    beside = read("photographs/rate_distortion", models["photographs"])["beside_bpg"]
    speed, determinism = (read(f"hyperprior/{name}", models["hyperprior"]) for name in ("speed", "determinism"))
    rates = load("codecs/report")["bd_rate"]["hyperprior"]
    mean, ours, bpg, n = faces["results"][0]["mean"], beside["ours"], beside["bpg"], len(beside["pictures"])
    against = {anchor: of_codecs.percent(rates[anchor]["psnr"]) for anchor in of_codecs.ANCHORS}
    cold = [speed["seconds"]["sccodec"][f"cold_{way}_seconds"] for way in ("encode", "decode")]
    size, cores = speed["what"].split(", ")[1], speed["environment"]["cores"]
    counted = of_hyperprior.differing(determinism)
    lines = [
        *head("what was measured", "figure"),
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
    replace(HERE.parent / "README.md", FIGURES, f"{portrait(models['faces'], '')}\n\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
