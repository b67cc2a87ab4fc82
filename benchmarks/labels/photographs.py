"""Bytes of photographs' label maps: what the encoder sends, by strength, beside FLIF, JPEG XL and PNG on the same maps.

    python -m benchmarks.labels.photographs --kodak DIR [--flif COMMAND] [--model FILE.npz --segmenter CHECKPOINT.pt]
        [--out JSON]

DIR holds the Kodak pictures as PNG files. Maps are those that labels.choice makes of the segmenter's logits,
one sample for 16x16 pixels, and the likeliest class of each sample (``likeliest``). Segmenter and label model are the
installed conceptual:general model's, or those of a training. FLIF as in faces.py.

Takes some minutes on two cores; writes results/labels/photographs.json.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.labels.faces import coders_beside, load_model, ours
from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, model_name, parser_of, pictures_in, read_picture, write_json
from sccodec.labels.choice import cell_evidence, choose, connected, strength_of
from sccodec.labels.coding import LabelModel

SPEC = "conceptual:general"
STRENGTHS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
Evidence = Callable[[np.ndarray], np.ndarray]


def installed() -> tuple[Evidence, LabelModel]:
    """The installed model: uint8 [H, W, 3] -> log-probabilities [classes, H/16, W/16], and its label model."""
    from sccodec.bundle import default
    from sccodec.codecs.conceptual.photographs import Geometry, PhotographsModel

    model = PhotographsModel(default("conceptual", "general"))
    return lambda image: model.evidence(image, Geometry.of(*image.shape[:2])), model.parts.label_model


def of_training(checkpoint: Path, arrays: Path) -> tuple[Evidence, LabelModel]:
    """As ``installed``, of a training's checkpoint and of what ``sccodec export labels-general`` wrote."""
    import torch

    from sccodec.networks.segmenter import Segmenter, SegmenterConfig
    from sccodec.training.loop import load_average, place

    model = load_model(arrays)
    segmenter = Segmenter(SegmenterConfig(model.classes))
    segmenter.load_state_dict(load_average(checkpoint, "segmenter"))
    place(segmenter).eval()

    def evidence(image: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
            logits = segmenter(x.contiguous(memory_format=torch.channels_last))[0].numpy()
        return cell_evidence(logits)

    return evidence, model


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path, required=True)
    parser.add_argument("--segmenter", type=Path, help="checkpoint of segmenter-general; with --model")
    parser.add_argument("--model", type=Path, help="arrays of a LabelModel; with --segmenter")
    parser.add_argument("--flif", help="command of the FLIF encoder; otherwise flif on the PATH")
    parser.add_argument("--out", type=Path, default=RESULTS / "labels/photographs.json")
    options = parser.parse_args(arguments)
    if (options.segmenter is None) != (options.model is None):
        parser.error("--segmenter and --model go together")
    evidence_of, model = of_training(options.segmenter, options.model) if options.segmenter else installed()
    pictures = [read_picture(p) for p in pictures_in(options.kodak)]
    pixels = float(np.mean([p.shape[0] * p.shape[1] for p in pictures]))
    evidence = [evidence_of(p) for p in pictures]
    seconds: dict[str, list[float]] = {}
    coders = {"ours": ours(model, seconds)} | coders_beside(options.flif)
    results: dict[str, dict[str, float]] = {}
    for strength in (None, *STRENGTHS):
        seconds |= {"encode": [], "decode": []}
        chosen, maps = [], []
        for e in evidence:
            start = time.process_time()
            maps.append(e.argmax(0).astype(np.uint8) if strength is None else choose(e, model, strength))
            chosen.append(time.process_time() - start)
        row = {name: round(float(np.mean([measure(m) for m in maps])), 1) for name, measure in coders.items()}
        row["bpp"] = round(8 * row["ours"] / pixels, 5)
        row["classes"] = round(float(np.mean([np.unique(m).size for m in maps])), 2)
        row["regions"] = round(float(np.mean([connected(m.astype(np.intp)).max() + 1 for m in maps])), 2)
        evident = [
            np.take_along_axis(e, m[None].astype(np.intp), 0).mean() for e, m in zip(evidence, maps, strict=True)
        ]
        row["bits_of_evidence_a_sample"] = round(float(np.mean(evident)) / -np.log(2), 4)
        row |= {f"{k}_cpu_ms": round(1000 * float(np.median(v)), 1) for k, v in (seconds | {"choose": chosen}).items()}
        if "flif" in row:
            row["of_flif"] = round(row["ours"] / row["flif"], 3)
        results["likeliest" if strength is None else str(strength)] = row
        print(strength, row, flush=True)
    models = [SPEC] if options.segmenter is None else None
    told = {"model": model_name(SPEC)} if models else {}
    report = {
        "maps": len(pictures),
        **told,
        "strength_by_quality": {str(q): strength_of(q) for q in (0, 25, 50, 75, 100)},
        "mean_bytes_by_strength": results,
    }
    write_json(options.out, report)
    record(options.out, __file__, arguments, models=models)


if __name__ == "__main__":
    main()
