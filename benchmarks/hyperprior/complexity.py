"""Parameters and multiply-accumulates a pixel of the hyperprior codec's networks.

    python -m benchmarks.hyperprior.complexity

Counts what torch executes (2 operations a multiply-accumulate) for a picture of 768x512; the integer networks are
counted in their float form, which has the same layers. Takes some seconds; writes results/hyperprior/complexity.json.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.manifest import record
from benchmarks.measuring import RESULTS, write_json
from sccodec import bundle
from sccodec.codecs.hyperprior.coding import STRIDE
from sccodec.codecs.hyperprior.networks import Distributions, HyperpriorConfig, build

HEIGHT, WIDTH = 512, 768


def main() -> None:
    opened = bundle.default("hyperprior")
    config = HyperpriorConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in opened.config.items()})
    h, w = HEIGHT // STRIDE, WIDTH // STRIDE
    networks = {name: build(name, opened.config) for name in ("analysis", "hyper_analysis", "synthesis")}
    distributions = Distributions(config)
    gain, factor = torch.ones(config.latents), torch.ones(config.channels)
    psi, known = torch.zeros(1, config.features, h, w), torch.zeros(1, config.latents, h, w)

    def entropy() -> None:
        distributions.hyper_synthesis(torch.zeros(1, config.hyper, h // 4, w // 4), torch.zeros(1))
        for k in range(config.steps):
            distributions.step(k)(psi, known)

    image = torch.zeros(1, HEIGHT, WIDTH, 3, dtype=torch.uint8)
    jobs: tuple[tuple[str, torch.nn.Module, Callable[[], object], str], ...] = (
        ("analysis", networks["analysis"], lambda: networks["analysis"](image, factor, gain), "encode"),
        ("hyper-analysis", networks["hyper_analysis"], lambda: networks["hyper_analysis"](known), "encode"),
        ("hyper-synthesis and steps, in integers", distributions, entropy, "both"),
        (
            "synthesis",
            networks["synthesis"],
            lambda: networks["synthesis"](known.permute(0, 2, 3, 1), gain, factor),
            "decode",
        ),
    )
    rows = []
    for name, network, run, used_by in jobs:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            run()
        per_pixel = counter.get_total_flops() / 2 / (HEIGHT * WIDTH)
        parameters = sum(p.numel() for p in network.parameters())
        rows.append(
            {"network": name, "parameters": parameters, "kmac_per_pixel": round(per_pixel / 1e3, 2), "used_by": used_by}
        )
    total = {
        direction: round(sum(r["kmac_per_pixel"] for r in rows if r["used_by"] in (direction, "both")), 2)
        for direction in ("encode", "decode")
    }
    result = {
        "model": opened.path.name,
        "file_bytes": opened.path.stat().st_size,
        "networks": rows,
        "kmac_per_pixel": total | {"each network once": round(sum(r["kmac_per_pixel"] for r in rows), 2)},
    }
    out = RESULTS / "hyperprior/complexity.json"
    write_json(out, result)
    record(out, __file__, [], models=["hyperprior"])


if __name__ == "__main__":
    main()
