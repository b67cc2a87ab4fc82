"""Batch norms folded into the convolutions before them, as model files hold networks."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norms(module: nn.Module) -> None:
    """Fold each batch norm that alone follows a convolution into it, in place, leaving nn.Identity behind.

    A module that holds batch norms must be traceable by torch.fx. Raises ValueError where one cannot be
    folded.
    """
    norms = {n for n, m in module.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
    if not norms:
        return
    nodes = list(torch.fx.symbolic_trace(module).graph.nodes)
    calls = [n.target for n in nodes if n.op == "call_module"]
    for node in nodes:
        if node.op != "call_module" or node.target not in norms:
            continue
        before = node.args[0]
        convolution = module.get_submodule(before.target) if before.op == "call_module" else None
        alone = calls.count(node.target) == 1 and calls.count(before.target) == 1 and len(before.users) == 1
        if not isinstance(convolution, nn.Conv1d | nn.Conv2d) or not alone:
            raise ValueError(f"batch norm {node.target} does not follow a convolution of its own")
        norm = cast(nn.BatchNorm2d, module.get_submodule(node.target))
        replace(module, before.target, fuse_conv_bn_eval(convolution, norm))
        replace(module, node.target, nn.Identity())
        norms.remove(node.target)
    if norms:
        raise ValueError(f"batch norms that the network does not use: {', '.join(sorted(norms))}")


def replace(module: nn.Module, name: str, child: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, child)
