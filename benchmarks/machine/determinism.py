"""Does the same file decode to the same symbols, whatever computes it? Encodes and decodes under many settings.

    python -m benchmarks.machine.determinism --kodak DIR [--spec SPEC] [--python PATH ...] [--cuda] [--out JSON]

Each setting is a process of its own: threads, ONNX Runtime's optimisations, the kernels of numpy's BLAS, numpy's own
CPU features, oneDNN's instruction set, another Python with other libraries (--python, repeated), a GPU (--cuda). Two
pictures are encoded under each, at three qualities, and every file that comes of it is decoded under all of them. What
counts is symbols that differ from those of the setting that encoded the file; the largest difference of the pictures'
samples is told beside it. Each process reports what was in force, because a variable that nobody reads proves nothing.
Settings that this CPU lacks are left out.

Takes some minutes on two cores; writes results/<subject of the spec>/determinism.json, for hyperprior
results/hyperprior/determinism.json.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sccodec
from benchmarks import measuring
from benchmarks.manifest import record
from sccodec import api, codec
from sccodec.codecs.hyperprior.codec import HyperpriorReading
from sccodec.engine import Settings
from sccodec.errors import SccodecError

QUALITIES = (10.0, 50.0, 90.0)
AVX512 = "avx512f"
Array = NDArray[Any]
# What settings set: taken from the environment first, so that a setting differs from the reference in one thing.
VARIABLES = (
    "SCCODEC_THREADS",
    "SCCODEC_ORT_OPTIMISATION",
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
)


@dataclass(frozen=True)
class Setting:
    """A way to run: environment variables, the interpreter, the device."""

    name: str
    variables: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    device: str = "cpu"


def cpu_flags() -> frozenset[str]:
    """What /proc/cpuinfo lists; empty where there is none."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return frozenset(next((line.split(":")[1].split() for line in lines if line.startswith("flags")), []))


def numpy_features() -> list[str]:
    """The CPU features that numpy chooses kernels by and that are in force now, its baseline left out."""
    core = "numpy._core" if int(np.__version__.split(".")[0]) >= 2 else "numpy.core"
    umath = importlib.import_module(f"{core}._multiarray_umath")
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]]


def settings(flags: frozenset[str], features: Sequence[str], pythons: Sequence[str], *, cuda: bool) -> list[Setting]:
    """The settings that this machine can run, the reference first."""
    wide = [f for f in features if f.startswith("AVX512") or f == "X86_V4"]
    narrow = [f for f in features if f.startswith(("AVX", "FMA", "X86_V3", "X86_V4"))]
    found = [
        Setting("2 threads", {"SCCODEC_THREADS": "2"}),
        Setting("1 thread", {"SCCODEC_THREADS": "1"}),
        Setting("ONNX Runtime's optimisations off", {"SCCODEC_ORT_OPTIMISATION": "off"}),
        Setting("1 thread, optimisations off", {"SCCODEC_THREADS": "1", "SCCODEC_ORT_OPTIMISATION": "off"}),
        Setting("BLAS: 1 thread", {"OPENBLAS_NUM_THREADS": "1"}),
        Setting("BLAS: 2 threads", {"OPENBLAS_NUM_THREADS": "2"}),
    ]
    for core, flag in (("Nehalem", "sse4_2"), ("Haswell", "avx2"), ("SkylakeX", AVX512)):
        if flag in flags:
            found.append(Setting(f"BLAS: {core} kernels ({flag})", {"OPENBLAS_CORETYPE": core}))
    if wide:
        found.append(Setting("numpy without AVX-512", {"NPY_DISABLE_CPU_FEATURES": " ".join(wide)}))
    if narrow:
        found.append(Setting("numpy without AVX", {"NPY_DISABLE_CPU_FEATURES": " ".join(narrow)}))
    if AVX512 in flags and "avx2" in flags:
        found.append(Setting("oneDNN limited to AVX2", {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2"}))
    found += [Setting(f"another Python, {i}", python=python) for i, python in enumerate(pythons, 1)]
    if cuda:
        found.append(Setting("GPU", device="cuda"))
    return found


def blas_kernel() -> str | None:
    """Which kernels the OpenBLAS inside numpy has chosen, or None where that cannot be asked."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    for path in dict.fromkeys(line.split()[-1] for line in lines if "openblas" in line):
        library = ctypes.CDLL(path)
        for prefix in ("scipy_", ""):
            for suffix in ("64_", ""):
                ask = getattr(library, f"{prefix}openblas_get_corename{suffix}", None)
                if ask is not None:
                    ask.restype = ctypes.c_char_p
                    return str(ask().decode())
    return None


def in_force() -> dict[str, Any]:
    """What this process really runs on."""
    engine = Settings.from_environment()
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "numpy": np.__version__,
        "onnxruntime": version("onnxruntime"),
        "blas_kernel": blas_kernel(),
        "numpy_features": " ".join(numpy_features()),
        "threads": engine.threads,
        "onnxruntime_optimises": engine.optimise,
        "torch_loaded": "torch" in sys.modules,
    }


def symbols_of(data: bytes) -> Array:
    """All decoded symbols of a file; for a codec that offers none, its label map."""
    reading = api.read(data)
    return np.asarray(reading.y_hat if isinstance(reading, HyperpriorReading) else api.labels(data))


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Runs in the process of one setting: encode pictures, or decode files, into a folder.

    job: {"encode": [[picture, spec, quality, target], ...], "decode": [[source, symbols, picture], ...], "device": d};
    paths as text, arrays as .npy. Gives what was in force, and for each decoding None or the error.
    """
    options = codec.Options(device=job["device"])
    for picture, spec, quality, target in job["encode"]:
        Path(target).write_bytes(sccodec.encode(measuring.read_picture(Path(picture)), spec, quality, options=options))
    errors: list[str | None] = []
    for source, symbols, picture in job["decode"]:
        data = Path(source).read_bytes()
        try:
            np.save(picture, sccodec.decode(data, options=options))
            np.save(symbols, symbols_of(data))
        except SccodecError as error:
            errors.append(f"{type(error).__name__}: {error}")
        else:
            errors.append(None)
    return {"in_force": in_force(), "errors": errors}


def run(setting: Setting, job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`work` under a setting; SystemExit where the process fails."""
    description = folder / "job.json"
    description.write_text(json.dumps(job | {"device": setting.device}))
    variables = {k: v for k, v in measuring.user_environment().items() if k not in VARIABLES}
    command = measuring.command_of(__file__, "--job", str(description), python=setting.python)
    done = subprocess.run(command, capture_output=True, text=True, env=variables | setting.variables)
    if done.returncode != 0:
        raise SystemExit(f"{setting.name} failed: {measuring.last_line(done.stderr)}")
    answer: dict[str, Any] = json.loads(measuring.last_line(done.stdout))
    return answer


def compare(reference: tuple[Array, Array], other: tuple[Array, Array] | None) -> tuple[int, int, int]:
    """(symbols that differ, largest difference of a sample, samples that differ by more than 1), of (symbols, picture).

    Where other is None, or has another shape, every symbol differs.
    """
    symbols, picture = reference
    if other is None or other[0].shape != symbols.shape or other[1].shape != picture.shape:
        return symbols.size, 255, picture.size
    difference = np.abs(picture.astype(np.int16) - other[1])
    return int((symbols != other[0]).sum()), int(difference.max()), int((difference > 1).sum())


def matrix(paths: Sequence[Path], spec: str, chosen: Sequence[Setting], folder: Path) -> dict[str, Any]:
    """Encode under every setting, decode every distinct file under every setting, and compare."""
    origin: dict[str, int] = {}  # each distinct file's SHA-256 -> the first setting that wrote it
    files: dict[str, Path] = {}
    same = 0
    first: list[str] = []
    for i, setting in enumerate(chosen):
        jobs = [(path, q, folder / f"{i}-{path.stem}-{q:g}.scc") for path in paths for q in QUALITIES]
        run(setting, {"encode": [[str(p), spec, q, str(t)] for p, q, t in jobs], "decode": []}, folder)
        written = []
        for _, _, target in jobs:
            name = hashlib.sha256(target.read_bytes()).hexdigest()
            origin.setdefault(name, i)
            files.setdefault(name, target)
            written.append(name)
        first = first or written
        same += sum(a == b for a, b in zip(first, written, strict=True))
        print(f"encoded: {setting.name}", flush=True)

    def paths_of(name: str, i: int) -> tuple[Path, Path]:
        return folder / f"{name[:16]}-{i}.symbols.npy", folder / f"{name[:16]}-{i}.picture.npy"

    def read(name: str, i: int) -> tuple[Array, Array]:
        symbols, picture = paths_of(name, i)
        return np.load(symbols), np.load(picture)

    answers = []
    for i, setting in enumerate(chosen):
        job = [[str(source), *map(str, paths_of(name, i))] for name, source in files.items()]
        answers.append(run(setting, {"encode": [], "decode": job}, folder))
        print(f"decoded: {setting.name}", flush=True)

    # Where not even the setting that wrote a file decodes it, there is nothing to compare with.
    failed = [[e is not None for e in answer["errors"]] for answer in answers]
    broken = [n for k, n in enumerate(files) if failed[origin[n]][k]]
    if broken:
        error = answers[origin[broken[0]]]["errors"][list(files).index(broken[0])]
        raise SystemExit(f"{chosen[origin[broken[0]]].name}: does not decode its own file: {error}")
    n_symbols = sum(read(name, origin[name])[0].size for name in files)
    rows = []
    for i, (setting, answer) in enumerate(zip(chosen, answers, strict=True)):
        found = [
            compare(read(name, origin[name]), None if failed[i][k] else read(name, i)) for k, name in enumerate(files)
        ]
        rows.append({
            "setting": setting.name,
            "differing_symbols": sum(f[0] for f in found),
            "largest_picture_difference": max(f[1] for f in found),
            "samples_off_by_more_than_1": sum(f[2] for f in found),
            "errors": [e for e in answer["errors"] if e is not None],
            "in_force": answer["in_force"],
        })  # fmt: skip
    return {
        "pictures": [p.stem for p in paths],
        "qualities": list(QUALITIES),
        "distinct_files": len(files),
        "encodings_as_under_the_first_setting": f"{same} of {len(chosen) * len(paths) * len(QUALITIES)}",
        "symbols_compared_a_setting": n_symbols,
        "differing_symbols": sum(row["differing_symbols"] for row in rows),
        "largest_picture_difference": max(row["largest_picture_difference"] for row in rows),
        "settings": rows,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = measuring.parser_of(__doc__)
    parser.add_argument("--kodak", type=Path)
    parser.add_argument("--pictures", nargs="+", default=["kodim01", "kodim23"], metavar="NAME")
    parser.add_argument("--spec", default="hyperprior")
    parser.add_argument("--python", nargs="+", default=[], metavar="PATH", help="of environments with other libraries")
    parser.add_argument("--cuda", action="store_true", help="encode and decode on a GPU, too")
    parser.add_argument("--only", type=int, help="only the first few settings, to try")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.job:
        print(json.dumps(work(json.loads(options.job.read_text()))))
        return
    if options.kodak is None:
        parser.error("--kodak is needed")

    where = measuring.environment()
    paths = [p for p in measuring.pictures_in(options.kodak) if p.stem in options.pictures]
    if len(paths) != len(options.pictures):
        raise SystemExit(f"{options.kodak} lacks some of {', '.join(options.pictures)}")
    chosen = settings(cpu_flags(), numpy_features(), options.python, cuda=options.cuda)[: options.only]
    with tempfile.TemporaryDirectory() as folder:
        found = matrix(paths, options.spec, chosen, Path(folder))
    result = {"spec": options.spec, "model": measuring.model_name(options.spec), "environment": where} | found
    out = options.out or measuring.result_of(options.spec, "determinism.json")
    measuring.write_json(out, result)
    record(out, __file__, arguments, models=[options.spec], versions=where["versions"])
    for row in found["settings"]:
        told = f"{row['differing_symbols']:>8} symbols, {row['largest_picture_difference']} grey levels"
        print(f"{told}: {row['setting']}")
    print(f"{found['differing_symbols']} of {found['symbols_compared_a_setting'] * len(chosen)} symbols differ")


if __name__ == "__main__":
    main()
