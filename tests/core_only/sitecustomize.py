"""With this folder on PYTHONPATH, Python finds nothing that the core does not install. See tests/test_core.py."""

from __future__ import annotations

from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

MISSING = {"torch", "torchvision", "onnx", "onnxscript", "compressai", "scipy", "matplotlib"}
find = PathFinder.find_spec


def find_spec(finder: type, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
    return None if name.partition(".")[0] in MISSING else find(name, path, target)


PathFinder.find_spec = classmethod(find_spec)
