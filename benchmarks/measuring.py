"""What the hyperprior's benchmarks share: pictures, figures of the machine, processes timed one by one, result files.

Imports nothing beyond the core's own needs, because some scripts run it under another Python.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import sccodec
from sccodec import bundle
from sccodec.codec import Spec
from sccodec.engine import Settings, usable_cores

Picture = NDArray[np.uint8]
REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results"


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
    """
    tuned = ("MALLOC_", "OMP_", "KMP_", "GOMP_", "PYTHONDONTWRITEBYTECODE")
    return {k: v for k, v in os.environ.items() if not k.startswith(tuned)}


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
    """Write rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def row(*cells: object) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(str(c) for c in cells) + " |"
