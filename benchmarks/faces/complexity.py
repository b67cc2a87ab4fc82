"""Parameters and multiply-accumulates of the networks of the conceptual codec for faces, at the working size.

    python -m benchmarks.faces.complexity

Counts what torch executes (2 operations a multiply-accumulate) for a face with all labels present. Takes some seconds;
writes results/faces/complexity.json.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, write_json
from sccodec import bundle
from sccodec.codecs.conceptual import regions
from sccodec.codecs.conceptual.networks.faces import ConceptualConfig, Generator, TextureEncoder
from sccodec.codecs.conceptual.planes import coordinates, noise
from sccodec.networks.segmenter import Segmenter, SegmenterConfig


def main() -> None:
    opened = bundle.default("conceptual", "faces")
    config = ConceptualConfig(**{k: v for k, v in opened.config.items() if k in ConceptualConfig.__dataclass_fields__})
    size, factor = config.working_size, 8
    maps = (np.arange((size // factor) ** 2) % config.classes).reshape(1, size // factor, -1).astype(np.uint8)
    found = regions.find_regions(maps, config.parents)
    tensors = {k: torch.from_numpy(v) for k, v in (("labels", found.labels), ("index", found.index))}
    image = torch.rand(1, 3, size, size)
    generator_inputs = (
        torch.rand(len(found.labels), config.textures),
        tensors["labels"],
        tensors["index"],
        torch.rand(1, config.detail, size // 32, size // 32),
        torch.from_numpy(coordinates(size // 16, size // 16)),
        *(torch.from_numpy(noise(size // s, size // s)) for s in (4, 2, 1)),
    )
    jobs: tuple[tuple[str, torch.nn.Module, tuple[Any, ...], str], ...] = (
        ("segmenter", Segmenter(SegmenterConfig(config.classes)), (image,), "encode"),
        ("encoder", TextureEncoder(config), (image, torch.from_numpy(maps).long()), "encode"),
        ("generator", Generator(config), generator_inputs, "decode"),
    )
    rows = []
    for name, network, inputs, used_by in jobs:
        network.eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(*inputs)
        parameters = sum(p.numel() for p in network.parameters())
        gmac = round(counter.get_total_flops() / 2e9, 2)
        rows.append({"network": name, "parameters": parameters, "gmac": gmac, "used_by": used_by})
    result = {"model": opened.path.name, "file_bytes": opened.path.stat().st_size, "networks": rows}
    out = RESULTS / "faces/complexity.json"
    write_json(out, result)
    record(out, __file__, [], models=["conceptual:faces"])
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
