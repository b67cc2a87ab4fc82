"""What the benchmarks share: command lines, pictures, figures of the machine, processes timed one by one, result files.

Imports nothing beyond the core's own needs, because some scripts run it under another Python.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import sccodec
from benchmarks.manifest import REPOSITORY, RESULTS, module_of
from sccodec import bundle
from sccodec.codec import Spec
from sccodec.engine import Settings, usable_cores

Picture = NDArray[np.uint8]
# What a result of a spec is filed under, where that is not the codec's name.
SUBJECTS = {"conceptual": "faces", "conceptual:faces": "faces", "conceptual:general": "photographs"}


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """A parser that says the first line of a script's docstring."""
    return argparse.ArgumentParser(description=(doc or "").splitlines()[0])


def result_of(spec: str, name: str) -> Path:
    """Where a script that measures any codec writes what it finds of this one."""
    base = spec.split(",")[0]
    return RESULTS / SUBJECTS.get(base, base.split(":")[0]) / name


def command_of(script: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """The command line of a script (its __file__), to run it as a process of its own, with user_environment()."""
    return [python, "-m", module_of(script), *arguments]


def pictures_in(folder: Path) -> list[Path]:
    """The PNG files of a folder, by name; SystemExit where there are none."""
    found = sorted(folder.glob("*.png"))
    if not found:
        raise SystemExit(f"{folder} holds no PNG files: unpack the Kodak pictures there")
    return found


def read_picture(path: Path) -> Picture:
    """uint8 [H, W, 3] as stored: the Kodak pictures have neither colour profile nor orientation."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def model_name(spec: str) -> str:
    """The file name of the model that encodes for a spec."""
    chosen = Spec.parse(spec)
    return bundle.default(chosen.codec, chosen.variant).path.name


def processor() -> str:
    """The CPU's name, as far as the system tells."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor()


def environment(*packages: str) -> dict[str, Any]:
    """What figures depend on besides the model; packages: whose versions are told beside the core's."""
    versions: dict[str, str | None] = {"sccodec": sccodec.__version__}
    for package in ("numpy", "onnxruntime", "constriction", "pillow", *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "cpu": processor(),
        "cores": usable_cores(),
        "threads": Settings.from_environment().threads,
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": versions,
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(("OPENBLAS_", "MKL_", "OMP_NUM"))},
    }


def user_environment() -> dict[str, str]:
    """This process's environment without what somebody tuned for another purpose: allocator, OpenMP, bytecode.

    Such variables change memory and time of a measured process, and whoever runs the command line has none of them.
    The package is this repository's, wherever the process runs.
    """
    tuned = ("MALLOC_", "OMP_", "KMP_", "GOMP_", "PYTHONDONTWRITEBYTECODE")
    return {k: v for k, v in os.environ.items() if not k.startswith(tuned)} | {"PYTHONPATH": str(REPOSITORY)}


def time_processes(
    commands: Mapping[str, Sequence[str]], repetitions: int, settings: Mapping[str, str], cache: Path
) -> dict[str, list[float]]:
    """Seconds of each command as a process of its own, start to end, [repetitions] for each name.

    The commands take turns, so that what else the machine does strikes all alike. A first round is not counted: it
    compiles the modules into the folder `cache`, as an installation does, and fills the system's file cache.
    settings: environment variables on top of user_environment(). SystemExit with the last line of what a command said
    where it fails.
    """
    variables = user_environment() | {"PYTHONPYCACHEPREFIX": str(cache)} | dict(settings)
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for repetition in range(repetitions + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, env=variables)
            taken = time.perf_counter() - start
            if done.returncode != 0:
                raise SystemExit(f"{name} failed: {last_line(done.stderr)}")
            if repetition > 0:
                seconds[name].append(taken)
    return seconds


def last_line(text: str) -> str:
    """The last line of a text that says anything."""
    return (text.strip().splitlines() or ["no message"])[-1]


def medians(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """<name>_seconds for each name, to a tenth of a millisecond."""
    return {f"{name}_seconds": round(statistics.median(values), 4) for name, values in seconds.items()}


def write_json(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result, in lines of one figure each where there are not too many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as JSON lines, compressed where the file's name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode()
    path.write_bytes(packed(data) if path.suffix == ".gz" else data)


def packed(data: bytes) -> bytes:
    """The same bytes, compressed, for the same data."""
    return gzip.compress(data, mtime=0)


def unpacked(path: Path, folder: Path) -> Path:
    """The file as it was before compression, in a folder; the file itself where it is not compressed."""
    if path.suffix != ".gz":
        return path
    plain = folder / path.stem
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    return plain


def bpp(data: bytes, picture: Picture) -> float:
    """Bits per pixel of a file of a picture [H, W, 3]."""
    height, width = picture.shape[:2]
    return 8 * len(data) / (height * width)


def told_machine(environment: Mapping[str, Any]) -> str:
    """What documents say of the machine that figures are of."""
    onnxruntime = environment["versions"]["onnxruntime"]
    return f"{environment['cores']} cores ({environment['cpu']}), ONNX Runtime {onnxruntime}"


def told_peaks(memory: Mapping[str, Any]) -> tuple[str, float]:
    """Peak memory of encoding and decoding the largest picture that machine/memory.py tried, and its megapixels."""
    largest = max(memory["sizes"], key=lambda size: float(size["megapixels"]))
    peaks = " / ".join(f"{largest[way]['peak_mib'] / 1024:.2f} GiB" for way in ("encode", "decode"))
    return peaks, float(largest["megapixels"])


def networks_table(complexity: Mapping[str, Any], work: str, key: str, form: str) -> str:
    """For a model's card: every network's size and work, and the size of the file; form: of the work of that key."""
    lines = head("network", "parameters", work, "used by")
    for network in complexity["networks"]:
        parameters = f"{network['parameters'] / 1e6:.2f} M"
        lines.append(row(network["network"], parameters, form.format(network[key]), network["used_by"]))
    return "\n".join(lines) + f"\n\nThe model file has {complexity['file_bytes']} bytes."


def row(*cells: object) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(str(c) for c in cells) + " |"


def head(*titles: str) -> list[str]:
    """The two lines above the rows of a Markdown table."""
    return [row(*titles), row(*["---"] * len(titles))]
