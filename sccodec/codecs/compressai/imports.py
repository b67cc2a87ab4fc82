"""The one place that knows what importing compressai takes.

compressai imports torchvision only to list its picture transforms. torchvision's compiled operators do not load
beside a torch built for CPU alone; an empty stand-in is enough then, since no transform is used here.
"""

from __future__ import annotations

import importlib
import sys
import types

WHAT_CODECS_USE = ("compressai", "compressai.registry", "compressai.zoo")


def import_compressai() -> None:
    """Make `import compressai` work afterwards; raises ImportError where it, or what it needs, is not installed."""
    if all(name in sys.modules for name in WHAT_CODECS_USE):
        return
    stand_ins = ("torchvision", "torchvision.transforms") if _broken("torchvision") else ()
    for name in stand_ins:
        sys.modules[name] = types.ModuleType(name)
    if stand_ins:
        sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]  # type: ignore[attr-defined]
    try:
        for name in WHAT_CODECS_USE:
            importlib.import_module(name)
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _broken(package: str) -> bool:
    try:
        importlib.import_module(package)
    except (ImportError, RuntimeError):
        for name in [n for n in sys.modules if n.split(".")[0] == package]:
            del sys.modules[name]
        return True
    return False
