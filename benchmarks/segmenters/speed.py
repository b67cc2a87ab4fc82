"""What segmenters take: seconds for a picture of 480x360 on one core and on two, to load, and for a cold command.

    python -m benchmarks.segmenters.speed [--segmenters NAME ...] [--picture FILE] [--calls N] [--out JSON]

Warm: one call in a process that has made some, array to map; the median, also with the ConvCRF where the model file has
one. Load: the first call in a process, of a tiny picture, with libraries, model and session. Cold: `sccodec segment` as
a process from start to end, file to file. The discriminator of Seg-GAN, which only training has: what it adds to a step
of the segmenter's training, its own step with that, on a batch of four crops of 240x180. Needs torch for that.

Takes a minute a segmenter on two cores that do nothing else; writes results/segmenters/speed.json.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.manifest import REPOSITORY, record
from benchmarks.measuring import (
    RESULTS,
    Picture,
    command_of,
    environment,
    last_line,
    parser_of,
    time_processes,
    user_environment,
    write_json,
)
from benchmarks.segmenters.camvid import fitting, spec_of
from sccodec.bench.registry import CAMVID
from sccodec.errors import SccodecError
from sccodec.labels import segmenters

SIZE = (480, 360)
THREADS = (1, 2)
BEFORE = 5
# Of the discriminator's step: pictures, and their height and width.
BATCH, CROP = 4, (180, 240)
DISCRIMINATOR = "discriminator"


def median_ms(work: Callable[[], object], calls: int) -> float:
    """Milliseconds of a call, after some that are not counted."""
    seconds = []
    for i in range(BEFORE + calls):
        start = time.perf_counter()
        work()
        if i >= BEFORE:
            seconds.append(time.perf_counter() - start)
    return round(1000 * statistics.median(seconds), 2)


def of_segmenter(name: str, picture: Picture, calls: int) -> dict[str, Any]:
    """In this process: load, warm calls, and refined ones where they can be."""
    start = time.perf_counter()
    segmenter = segmenters.find(name)
    segmenter.segment(np.zeros((64, 64, 3), np.uint8))
    found: dict[str, Any] = {"load_seconds": round(time.perf_counter() - start, 4)}
    found["warm_ms"] = median_ms(lambda: segmenter.segment(picture), calls)
    if segmenter.can_refine:
        found["refined_ms"] = median_ms(lambda: segmenter.segment(picture, refine=True), calls)
    return found


def of_discriminator(threads: int, calls: int) -> dict[str, Any]:
    """In this process: what the discriminator adds to a step of training."""
    import torch

    from sccodec.networks.seggan import SegDiscriminator, adversarial_loss, discriminator_loss

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    height, width, classes = CROP[0] // 4, CROP[1] // 4, len(CAMVID.classes)
    judge = SegDiscriminator(classes)
    optimiser = torch.optim.Adam(judge.parameters(), 1e-4)
    logits = torch.randn(BATCH, classes, height, width, requires_grad=True)
    truth = torch.nn.functional.one_hot(torch.randint(classes, (BATCH, height, width)), classes).permute(0, 3, 1, 2)
    truth, picture = truth.float(), torch.rand(BATCH, 3, height, width)

    def step() -> None:
        adversarial_loss(judge(logits.softmax(1), picture)).backward()
        optimiser.zero_grad()
        found = logits.detach().softmax(1)
        discriminator_loss(judge(truth, picture), judge(found, picture)).backward()
        optimiser.step()

    return {"step_seconds": round(median_ms(step, calls) / 1000, 4)}


def apart(name: str, threads: int, picture: Path, calls: int) -> dict[str, Any]:
    """What one of the two functions above finds, in a process of its own."""
    command = command_of(__file__, "--worker", name, str(threads), "--picture", str(picture), "--calls", str(calls))
    settings = {"SCCODEC_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, capture_output=True, text=True, env=user_environment() | settings)
    if done.returncode != 0:
        raise SystemExit(f"{name} failed on {threads} threads: {last_line(done.stderr)}")
    found: dict[str, Any] = json.loads(last_line(done.stdout))
    return found


def cold_seconds(names: Sequence[str], picture: Path, repetitions: int) -> dict[str, float]:
    """Seconds of the command, by segmenter."""
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "map.png")
        ours = [sys.executable, "-m", "sccodec", "segment", str(picture), "-o", target, "--force"]
        commands = {name: [*ours, "-m", name] for name in names}
        seconds = time_processes(commands, repetitions, {"SCCODEC_THREADS": str(THREADS[-1])}, Path(folder) / "cache")
    return {name: round(statistics.median(values), 4) for name, values in seconds.items()}


def all_of(names: Sequence[str], picture: Path, calls: int) -> dict[str, dict[str, Any]]:
    """Every segmenter's figures."""
    cold = cold_seconds(names, picture, max(3, calls // 4))
    found = {}
    for name in names:
        segmenter = segmenters.find(name)
        own = {f"threads_{threads}": apart(name, threads, picture, calls) for threads in THREADS}
        found[name] = {
            "model": segmenter.opened.path.name,
            "parameters": segmenter.parameters,
            "file_bytes": segmenter.opened.path.stat().st_size,
            "cold_seconds": cold[name],
            **own,
        }
        print(name, found[name], flush=True)
    return found


def has_discriminator() -> bool:
    return all(importlib.util.find_spec(name) for name in ("torch", "sccodec.networks.seggan"))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--segmenters", nargs="+", default=[], metavar="NAME", help="instead of all for streets")
    parser.add_argument("--picture", type=Path, default=REPOSITORY / "tests/pictures/chelsea.png")
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS / "segmenters/speed.json")
    parser.add_argument("--worker", nargs=2, metavar=("NAME", "THREADS"), help="measure one, and print it")
    options = parser.parse_args(arguments)
    if options.worker:
        name, threads = options.worker
        if name == DISCRIMINATOR:
            print(json.dumps(of_discriminator(int(threads), max(3, options.calls // 4))))
        else:
            with Image.open(options.picture) as opened:
                picture = np.array(opened.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS))
            print(json.dumps(of_segmenter(name, picture, options.calls)))
        return
    try:
        names = options.segmenters or fitting(len(CAMVID.classes), [])
        with tempfile.TemporaryDirectory() as folder:
            small = Path(folder) / "picture.png"
            with Image.open(options.picture) as opened:
                opened.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS).save(small)
            result: dict[str, Any] = {
                "what": f"a picture of {SIZE[0]}x{SIZE[1]}; medians of {options.calls} calls",
                "environment": environment("torch"),
                "segmenters": all_of(names, small, options.calls),
            }
            if has_discriminator():
                result["discriminator"] = {
                    "what": f"batch of {BATCH} crops of {CROP[1]}x{CROP[0]}",
                    **{f"threads_{n}": apart(DISCRIMINATOR, n, small, options.calls) for n in THREADS},
                }
    except SccodecError as error:
        raise SystemExit(str(error)) from None
    write_json(options.out, result)
    record(options.out, __file__, arguments, models=list(map(spec_of, names)))


if __name__ == "__main__":
    main()
