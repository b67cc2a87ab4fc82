"""The one place that imports compressai: its entropy models and, for callers that want it, GDN.

compressai imports torchvision only to list its picture transforms. torchvision's compiled operators do not load
beside a torch built for CPU alone; an empty stand-in is enough then, since no transform is used here.
"""

from __future__ import annotations

import importlib
import sys
import types


def _broken(package: str) -> bool:
    try:
        importlib.import_module(package)
    except (ImportError, RuntimeError):
        for name in [n for n in sys.modules if n.split(".")[0] == package]:
            del sys.modules[name]
        return True
    return False


_STAND_INS = ("torchvision", "torchvision.transforms") if _broken("torchvision") else ()
for _name in _STAND_INS:
    sys.modules[_name] = types.ModuleType(_name)
if _STAND_INS:
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]  # type: ignore[attr-defined]

from compressai.entropy_models import EntropyBottleneck, GaussianConditional  # noqa: E402
from compressai.layers import GDN  # noqa: E402

for _name in _STAND_INS:
    del sys.modules[_name]

__all__ = ["GDN", "EntropyBottleneck", "GaussianConditional"]
