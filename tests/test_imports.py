"""What starts fast stays fast, and what needs no torch imports none."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import sccodec

PACKAGE = Path(sccodec.__path__[0])
# Modules that begin with torch, which only training, or whoever asks for one by name, imports.
TORCH_SIDE = ("networks", "codecs.hyperprior.networks", "codecs.conceptual.networks", "codecs.compressai.zoo")
HEAVY = (
    "torch",
    "compressai",
    "onnx",
    "onnxscript",
    "scipy",
    "sccodec.training",
    *(f"sccodec.{m}" for m in TORCH_SIDE),
)
TRAINING_SIDE = ("training", "metrics", *TORCH_SIDE)


def is_training_side(path: Path) -> bool:
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return any(name == side or name.startswith(side + ".") for side in TRAINING_SIDE)


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh process has imported after the statement."""
    show = "print('\\n'.join(sys.modules), file=sys.stderr)"
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\n{show}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stderr.split())


def test_import_sccodec_is_light() -> None:
    loaded = modules_after("import sccodec")
    assert not loaded & {*HEAVY, "numpy", "PIL", "click", "rich", "onnxruntime"}


@pytest.mark.parametrize(
    "argument",
    [
        "--help",
        "encode",
        "segment",
        "transmit",
        "send",
        "channel",
        "receive",
        "train",
        "codecs",
        "bench",
        "data",
        "nonsense",
    ],
)
def test_help_imports_nothing_heavy(argument: str) -> None:
    args = [argument] if argument.startswith("-") or argument == "nonsense" else [argument, "--help"]
    loaded = modules_after(f"from sccodec.cli import main; main({args!r})")
    assert not loaded & {*HEAVY, "numpy", "PIL", "rich", "onnxruntime", "constriction"}


def test_no_module_outside_training_imports_training_or_torch_at_start() -> None:
    found = []
    for path in PACKAGE.rglob("*.py"):
        if is_training_side(path):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:  # top level: functions may import lazily
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            found += [(path.name, n) for n in names if any(n == h or n.startswith(h + ".") for h in HEAVY)]
    assert found == []


def test_every_core_module_imports_without_torch() -> None:
    names = []
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if not is_training_side(path) and parts[-1] not in ("__main__", "__init__"):
            names.append(".".join(parts))
    statement = "sys.modules['torch'] = None; import " + ", ".join(names)
    assert not modules_after(statement) & set(HEAVY[1:])


def test_help_starts_in_time() -> None:
    """By the processor's time: other tests may keep the cores busy."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "sccodec", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.3
