"""Run a network of a model file on arrays: ONNX Runtime on the CPU, float32 arithmetic, no torch.

A network is an ONNX graph without weights and the weights beside it, by name. What the networks compute
shapes pixels only: nothing that selects a probability may come from here, because float results differ
between versions and machines.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sccodec.errors import BadInput, ModelMismatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

# More threads than this gain nothing on pictures of ordinary size.
MAX_THREADS = 8


@dataclass(frozen=True)
class Settings:
    """How networks run.

    threads: 1 or more. optimise: ONNX Runtime's graph optimisations (tests switch them off, to show that no
    symbol of a file depends on them).
    """

    threads: int
    optimise: bool = True

    @staticmethod
    def from_environment() -> Settings:
        """SCCODEC_THREADS (default: the cores this process may use, at most 8),
        SCCODEC_ORT_OPTIMISATION=on|off.

        Raises BadInput for values that mean nothing.
        """
        text = os.environ.get("SCCODEC_THREADS", "")
        if text and not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1024):
            raise BadInput(f"SCCODEC_THREADS is {text!r}: expected a number of threads, 1 or more")
        optimise = os.environ.get("SCCODEC_ORT_OPTIMISATION", "on")
        if optimise not in ("on", "off"):
            raise BadInput(f"SCCODEC_ORT_OPTIMISATION is {optimise!r}: expected on or off")
        return Settings(int(text) if text else min(usable_cores(), MAX_THREADS), optimise == "on")


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Network:
    """A graph with its weights, ready to run.

    graph: an ONNX model whose float32 initialisers are external. weights: their values by name, float16 or
    float32; exactly the graph's external initialisers. Raises ModelMismatch where graph and weights do not
    fit together.
    """

    def __init__(
        self,
        graph: bytes,
        weights: Mapping[str, NDArray[Any]],
        settings: Settings | None = None,
    ) -> None:
        # Importing ONNX Runtime costs more than all else that a small file needs.
        import onnxruntime as ort

        settings = settings or Settings.from_environment()
        options = ort.SessionOptions()
        options.intra_op_num_threads = settings.threads
        options.inter_op_num_threads = 1
        # Threads that wait by spinning take the cores from other programs and from one another: beside a busy
        # program on two cores, everything here takes twice as long with them.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        options.enable_mem_pattern = False  # It pays only where sizes repeat.
        # The level above (blocked layouts) takes 20 ms more to load a generator, and 3 ms less to run it at 256x256.
        level = ort.GraphOptimizationLevel
        options.graph_optimization_level = level.ORT_ENABLE_EXTENDED if settings.optimise else level.ORT_DISABLE_ALL
        values = {k: ort.OrtValue.ortvalue_from_numpy(v.astype(np.float32)) for k, v in weights.items()}
        if values:
            options.add_external_initializers(list(values), list(values.values()))
        try:
            self.session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own exceptions share no base class.
            raise ModelMismatch(f"a network does not load: {one_line(error)}") from error

    @property
    def inputs(self) -> list[str]:
        """The names that ``run`` expects."""
        return [i.name for i in self.session.get_inputs()]

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The network's outputs, in its order, for arrays by input name (the network's shapes and types)."""
        outputs: list[NDArray[Any]] = self.session.run(None, dict(inputs))
        return outputs


def one_line(error: Exception) -> str:
    """An error's text without line breaks, at most 200 characters."""
    return " ".join(str(error).split())[:200]
