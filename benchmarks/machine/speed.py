"""Seconds to encode and decode one Kodak picture, beside compressai's hyperprior models on the same machine.

    python -m benchmarks.machine.speed --kodak DIR [--spec SPEC] [--picture NAME] [--threads N] [--peers NAME ...]
        [--out JSON]

Cold: a process from start to end, picture file to coded file or back (`sccodec encode`, `sccodec decode`; for a peer,
a Python process that imports compressai, builds the model and codes once). Warm: one call in a process that has made
some, array to bytes or back. Medians of both. The peers have random weights: their files mean nothing, but the
arithmetic and the number of symbols are those of the trained models. The cold processes of all take turns. Needs
compressai, unless --peers names none.

Takes a few minutes on two cores that do nothing else; writes results/<subject of the spec>/speed.json, for hyperprior
results/hyperprior/speed.json.
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.manifest import record
from benchmarks.measuring import (
    Picture,
    command_of,
    environment,
    last_line,
    medians,
    model_name,
    parser_of,
    pictures_in,
    read_picture,
    result_of,
    time_processes,
    user_environment,
    write_json,
)

PEERS = ("bmshj2018-hyperprior", "mbt2018-mean")
PEER_QUALITY = 4
OURS = "sccodec"
DIRECTIONS = ("encode", "decode")


class Peer:
    """A model of compressai's zoo with random weights, the same ones in every process."""

    def __init__(self, name: str, threads: int) -> None:
        import torch

        from sccodec.codecs.compressai.imports import import_compressai

        torch.set_num_threads(threads)
        import_compressai()
        from compressai.zoo import image_models

        torch.manual_seed(0)
        self.torch = torch
        self.model = image_models[name](quality=PEER_QUALITY, pretrained=False).eval()
        self.model.update()

    def encode(self, picture: Picture) -> Any:
        """uint8 [H, W, 3], sides multiples of 64, -> what the model's own compress gives."""
        torch = self.torch
        with torch.inference_mode():
            x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
            return self.model.compress(x)

    def decode(self, coded: Any) -> Picture:
        torch = self.torch
        with torch.inference_mode():
            x_hat = self.model.decompress(coded["strings"], coded["shape"])["x_hat"]
            samples = (x_hat[0] * 255).round_().clamp_(0, 255).to(torch.uint8)
            decoded: Picture = samples.permute(1, 2, 0).contiguous().numpy()
            return decoded


def cold_peer(name: str, direction: str, threads: int, source: Path, target: Path) -> None:
    """What a cold process of a peer does, file to file."""
    peer = Peer(name, threads)
    if direction == "encode":
        target.write_bytes(pickle.dumps(peer.encode(read_picture(source))))
    else:
        coded = pickle.loads(source.read_bytes())  # of our own making, a moment ago
        Image.fromarray(peer.decode(coded)).save(target)


def calls_of(name: str, spec: str, quality: float, threads: int) -> tuple[Callable[[Picture], Any], Callable[..., Any]]:
    """encode and decode of ours or of a peer, arrays to bytes and back."""
    if name != OURS:
        peer = Peer(name, threads)
        return peer.encode, peer.decode
    import sccodec

    return lambda picture: sccodec.encode(picture, spec, quality), sccodec.decode


def warm(
    encode: Callable[[Picture], Any], decode: Callable[..., Any], picture: Picture, repetitions: int, before: int
) -> dict[str, list[float]]:
    """Seconds of each call after `before` uncounted ones, by direction."""
    seconds: dict[str, list[float]] = {direction: [] for direction in DIRECTIONS}
    for repetition in range(before + repetitions):
        start = time.perf_counter()
        coded = encode(picture)
        middle = time.perf_counter()
        decode(coded)
        end = time.perf_counter()
        if repetition >= before:
            seconds["encode"].append(middle - start)
            seconds["decode"].append(end - middle)
    return seconds


def cold_commands(
    folder: Path, source: Path, spec: str, quality: float, threads: int, peers: Sequence[str]
) -> dict[str, list[str]]:
    """Command lines by "<who> <direction>", each peer's and ours; decoding takes what encoding left."""
    target = folder / "ours.scc"
    ours, chosen = [sys.executable, "-m", "sccodec"], ["-m", spec, "-q", f"{quality:g}"]
    commands = {
        f"{OURS} encode": [*ours, "encode", str(source), *chosen, "-o", str(target), "--force"],
        f"{OURS} decode": [*ours, "decode", str(target), "-o", str(folder / "ours.png"), "--force"],
    }
    worker = command_of(__file__, "--threads", str(threads))
    for peer in peers:
        files = {"encode": (source, folder / f"{peer}.bin"), "decode": (folder / f"{peer}.bin", folder / f"{peer}.png")}
        for direction, paths in files.items():
            commands[f"{peer} {direction}"] = [*worker, "--cold", peer, direction, *map(str, paths)]
    return commands


def measure_warm(name: str, source: Path, options: argparse.Namespace, settings: dict[str, str]) -> dict[str, Any]:
    """Warm seconds by direction, from a process of its own."""
    settled = ("spec", "quality", "threads", "calls", "before")
    chosen = [word for key in settled for word in (f"--{key}", str(getattr(options, key)))]
    command = command_of(__file__, "--warm", name, str(source), *chosen)
    done = subprocess.run(command, capture_output=True, text=True, env=user_environment() | settings)
    if done.returncode != 0:
        raise SystemExit(f"warm calls of {name} failed: {last_line(done.stderr)}")
    seconds: dict[str, Any] = json.loads(last_line(done.stdout))
    return seconds


def figures(cold: dict[str, list[float]], warm_calls: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Medians and all values by who; for each peer how many times as long as ours it takes.

    cold: by "<who> <direction>". warm_calls: by who, then by direction; ours is among them.
    """
    seconds = {
        who: {f"cold_{d}": cold[f"{who} {d}"] for d in DIRECTIONS} | {f"warm_{d}": calls[d] for d in DIRECTIONS}
        for who, calls in warm_calls.items()
    }
    by_who: dict[str, Any] = {}
    for who, kinds in seconds.items():
        by_who[who] = medians(kinds) | {"all": {k: [round(s, 4) for s in v] for k, v in kinds.items()}}
        if who != OURS:
            by_who[who]["times_ours"] = {
                k: round(statistics.median(v) / statistics.median(seconds[OURS][k]), 2) for k, v in kinds.items()
            }
    return by_who


def landscape(folder: Path, name: str | None) -> Path:
    """The picture of that name, or the first that is 768 wide and 512 high."""
    paths = pictures_in(folder)
    for path in paths:
        with Image.open(path) as image:
            if path.stem == name or (name is None and image.size == (768, 512)):
                return path
    raise SystemExit(f"{folder} holds no {name or 'picture of 768x512'}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--kodak", type=Path)
    parser.add_argument("--picture", metavar="NAME", help="kodim05, for example; the first of 768x512 otherwise")
    parser.add_argument("--spec", default="hyperprior")
    parser.add_argument("--quality", type=float, default=50.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", nargs="*", default=list(PEERS))
    parser.add_argument("--processes", type=int, default=7)
    parser.add_argument("--calls", type=int, default=15)
    parser.add_argument("--before", type=int, default=3, help="warm calls that are not counted")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--cold", nargs=4, metavar=("PEER", "DIRECTION", "SOURCE", "TARGET"), help=argparse.SUPPRESS)
    parser.add_argument("--warm", nargs=2, metavar=("NAME", "SOURCE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.cold:
        peer, direction, first, second = options.cold
        cold_peer(peer, direction, options.threads, Path(first), Path(second))
        return
    if options.warm:
        name, first = options.warm
        encode, decode = calls_of(name, options.spec, options.quality, options.threads)
        print(json.dumps(warm(encode, decode, read_picture(Path(first)), options.calls, options.before)))
        return
    if options.kodak is None:
        parser.error("--kodak is needed")

    threads = str(options.threads)
    settings = {"SCCODEC_THREADS": threads} | {f"{k}_NUM_THREADS": threads for k in ("OMP", "MKL", "OPENBLAS")}
    where = environment("torch", "compressai") | {"threads": options.threads}
    where["variables"] |= settings
    source = landscape(options.kodak, options.picture)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = cold_commands(folder, source, options.spec, options.quality, options.threads, options.peers)
        cold = time_processes(commands, options.processes, settings, folder / "compiled")
        file_bytes = (folder / "ours.scc").stat().st_size
    warm_calls = {who: measure_warm(who, source, options, settings) for who in (OURS, *options.peers)}
    result = {
        "what": f"{source.stem}, 768x512, -q {options.quality:g}; medians of {options.processes} processes and of "
        f"{options.calls} calls after {options.before}",
        "spec": options.spec,
        "model": model_name(options.spec),
        "environment": where,
        "file_bytes": file_bytes,
        "peers": f"compressai's zoo, quality {PEER_QUALITY}, random weights",
        "seconds": figures(cold, warm_calls),
    }
    out = options.out or result_of(options.spec, "speed.json")
    write_json(out, result)
    record(out, __file__, arguments, models=[options.spec], versions=where["versions"])
    for who, seconds in result["seconds"].items():
        told = {k: v for k, v in seconds.items() if k != "all"}
        print(f"{who}: {json.dumps(told)}")


if __name__ == "__main__":
    main()
