"""Run a network of a model file on arrays: ONNX Runtime on the CPU, torch on a GPU; float32 arithmetic.

A network is an ONNX graph without weights and the weights beside it, by name; for a GPU the same weights go into the
torch module that the codec defines. What the networks compute shapes pixels only: nothing that selects a probability
may come from here, because float results differ between versions and machines.
"""

from __future__ import annotations

import importlib.util
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sccodec.errors import BadInput, CodecUnavailable, ModelMismatch
from sccodec.sessions import Session, onnx_runtime

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession, SessionOptions
    from torch import Tensor, nn

# More threads than this gain nothing on pictures of ordinary size.
MAX_THREADS = 8
FORKED = "a process that was forked from one that uses CUDA cannot use it: start workers with spawn, or fork earlier"


@dataclass(frozen=True)
class Settings:
    """How networks run.

    threads: 1 or more. optimise: ONNX Runtime's graph optimisations (tests switch them off, to show that no
    symbol of a file depends on them). device: "cpu" is ONNX Runtime; any other is torch's name of a device.
    """

    threads: int
    optimise: bool = True
    device: str = "cpu"

    @staticmethod
    def from_environment(device: str = "cpu") -> Settings:
        """SCCODEC_THREADS (default: the cores this process may use, at most 8),
        SCCODEC_ORT_OPTIMISATION=on|off.

        Raises BadInput for values that mean nothing.
        """
        text = os.environ.get("SCCODEC_THREADS", "")
        if text and not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= 1024):
            raise BadInput(f"SCCODEC_THREADS is {text!r}: expected a number of threads, 1 or more")
        optimise = os.environ.get("SCCODEC_ORT_OPTIMISATION", "on")
        if optimise not in ("on", "off"):
            raise BadInput(f"SCCODEC_ORT_OPTIMISATION is {optimise!r}: expected on or off")
        return Settings(int(text) if text else min(usable_cores(), MAX_THREADS), optimise == "on", device)


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def find_device(asked: str) -> str:
    """The device that "cpu", "cuda", "cuda:1" or "auto" stands for here: "cpu", or torch's name of a CUDA device.

    "auto" is CUDA where torch finds it, otherwise the CPU. Raises CodecUnavailable where CUDA is asked for and missing,
    BadInput for other words.
    """
    if asked == "cpu":
        return "cpu"
    if asked != "auto" and not re.fullmatch(r"cuda(:\d{1,3})?", asked):
        raise BadInput(f"device is {asked!r}: expected cpu, cuda or auto")
    wanted, missing = "cuda" if asked == "auto" else asked, _what_cuda_lacks(asked)
    if missing and asked != "auto":
        raise CodecUnavailable(f"{missing}; without --device, or with --device cpu, the CPU does the work")
    return "cpu" if missing else wanted


def _what_cuda_lacks(asked: str) -> str:
    """Why torch cannot run on the CUDA device asked for ("auto": on any); empty where it can."""
    install = 'pip install "sccodec[gpu]" installs it'
    if importlib.util.find_spec("torch") is None:
        return f"--device cuda needs torch, which is not installed: {install}"
    try:
        import torch
    except (ImportError, OSError) as error:
        return f"--device cuda needs torch, which cannot be imported: {one_line(error)}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on an unfit driver torch says more than the line below
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count and torch.cuda._is_in_bad_fork():
            return FORKED
    if not count:
        if torch.version.cuda is None:
            return f"torch finds no CUDA device: torch {torch.__version__} was built without CUDA"
        return "torch finds no CUDA device: it needs an NVIDIA GPU and its driver"
    index = int(asked.partition(":")[2] or 0)
    return f"torch finds no CUDA device {index}: there are {count}" if index >= count else ""


class Runner(Protocol):
    """A network that can be run, on whichever device."""

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The network's outputs, in its order, for arrays by input name (the network's shapes and types)."""
        ...


class Network:
    """A graph with its weights, ready to run.

    graph: an ONNX model whose float32 initialisers are external. weights: their values by name, float16 or
    float32; exactly the graph's external initialisers. blocked: convolutions in blocked layouts, which pays where
    they are few and pictures large: a fifth less time at 768x512; but a generator takes 20 ms more to load, and
    only 3 ms less at 256x256. Raises ModelMismatch where graph and weights do not fit together.
    """

    def __init__(
        self,
        graph: bytes,
        weights: Mapping[str, NDArray[Any]],
        settings: Settings | None = None,
        *,
        blocked: bool = False,
    ) -> None:
        ort = onnx_runtime()
        chosen = settings or Settings.from_environment()

        def make() -> InferenceSession:
            options = session_options(chosen, blocked=blocked)
            values = {k: ort.OrtValue.ortvalue_from_numpy(v.astype(np.float32)) for k, v in weights.items()}
            if values:
                options.add_external_initializers(list(values), list(values.values()))
            return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

        try:
            self._session = Session(make)
        except Exception as error:  # ONNX Runtime's own exceptions share no base class.
            raise ModelMismatch(f"a network does not load: {one_line(error)}") from error

    @property
    def session(self) -> InferenceSession:
        """ONNX Runtime's, of this process."""
        return self._session.get()

    @property
    def inputs(self) -> list[str]:
        """The names that ``run`` expects."""
        return [i.name for i in self.session.get_inputs()]

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The network's outputs, in its order, for arrays by input name (the network's shapes and types)."""
        try:
            outputs: list[NDArray[Any]] = self.session.run(None, dict(inputs))
        except Exception as error:  # as above
            if "allocate memory" in str(error):
                raise MemoryError("out of memory") from error
            raise
        return outputs


def session_options(settings: Settings, *, blocked: bool = False) -> SessionOptions:
    """ONNX Runtime's options for a session."""
    ort = onnx_runtime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    # Threads that wait by spinning take the cores from other programs and from one another: beside a busy
    # program on two cores, everything here takes twice as long with them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # It pays only where sizes repeat.
    level = ort.GraphOptimizationLevel
    best = level.ORT_ENABLE_ALL if blocked else level.ORT_ENABLE_EXTENDED
    options.graph_optimization_level = best if settings.optimise else level.ORT_DISABLE_ALL
    return options


# ONNX, opset 18, IR 8: y = MatMul(x, w) of float64 matrices.
MATRIX_PRODUCT = bytes.fromhex(
    "08083a4f0a110a01780a017712017922064d61744d756c120770726f647563745a0f0a0178120a0a08080b12040a000a00"
    "5a0f0a0177120a0a08080b12040a000a00620f0a0179120a0a08080b12040a000a0042040a001012"
)


class MatrixProduct:
    """float64 x [n, k] times w [k, m], on the same threads as the networks.

    numpy's own product would start a second set of threads, which go on spinning beside the networks' when it is done.
    For whole numbers whose sums stay below 2^53 both give the same, exactly.
    """

    def __init__(self, settings: Settings) -> None:
        ort = onnx_runtime()
        self._session = Session(
            lambda: ort.InferenceSession(MATRIX_PRODUCT, session_options(settings), ["CPUExecutionProvider"])
        )

    def __call__(self, x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
        (product,) = self._session.get().run(None, {"x": x, "w": w})
        result: NDArray[np.float64] = product
        return result


class TorchNetwork:
    """A torch module with a model file's weights, on any device of torch; ``run`` is that of ``Network``.

    module: its state_dict has the names of the weights, and of what the exporter leaves out of them (``_left_out``);
    constants are no part of it: buffers with persistent=False. Its forward takes the graph's inputs by name and gives a
    tensor or several. weights: float16 or float32. constants: see ``graph_constants``. Arithmetic is that of float32
    (no TF32) and the same each time. Raises ModelMismatch where module and weights do not fit together.
    """

    def __init__(
        self,
        module: nn.Module,
        weights: Mapping[str, NDArray[Any]],
        device: str,
        constants: Sequence[NDArray[np.float32]] = (),
    ) -> None:
        import torch

        values: dict[str, NDArray[Any]] = dict(weights)
        for name, parameter in module.state_dict().items():
            if name not in weights:
                values |= _left_out(name, tuple(parameter.shape), weights, constants)
        state = {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}
        try:
            module.load_state_dict(state)
        except RuntimeError as error:
            raise ModelMismatch(f"a network does not load: {one_line(error)}") from error
        self.device = torch.device(device)
        self._process = os.getpid()
        self.module = module.float().eval().requires_grad_(requires_grad=False).to(self.device)
        # Convolutions then run, and give what they compute, in the order that cuDNN is fastest in.
        for value in self.module.parameters():
            if value.ndim == 4:
                value.data = value.data.contiguous(memory_format=torch.channels_last)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The network's outputs, in its order, for arrays by input name (the network's shapes and types)."""
        import torch

        if self.device.type == "cuda" and self._process != os.getpid():
            raise CodecUnavailable(FORKED)
        try:
            with torch.inference_mode(), _exact_arithmetic(self.device.type):
                given = {name: self._tensor(value) for name, value in inputs.items()}
                outputs = self.module(**given)
                several = [outputs] if isinstance(outputs, torch.Tensor) else outputs
                return [output.contiguous().cpu().numpy() for output in several]
        except torch.cuda.OutOfMemoryError as error:
            raise MemoryError(f"out of memory on {self.device}") from error

    def _tensor(self, value: NDArray[Any]) -> Tensor:
        import torch

        if not value.flags.writeable:
            value = value.copy()  # torch warns of memory that it may not write to
        return torch.from_numpy(value).to(self.device)


def _left_out(
    name: str, shape: tuple[int, ...], weights: Mapping[str, NDArray[Any]], constants: Sequence[NDArray[np.float32]]
) -> dict[str, NDArray[Any]]:
    """The value of a parameter that is not among the weights, by its name; empty where it is not known.

    The exporter drops biases that are all zero, makes constants of what is only brought to another shape, and keeps one
    of several parameters that are equal.
    """
    if name.endswith(".bias"):
        return {name: np.zeros(shape, np.float32)}
    last = name.rpartition(".")[2]
    found = [c.reshape(shape) for c in constants if c.size == np.prod(shape)]
    found = found or [v for k, v in weights.items() if k.rpartition(".")[2] == last and v.shape == shape]
    return {name: found[0]} if len(found) == 1 else {}


def graph_constants(graph: bytes) -> list[NDArray[np.float32]]:
    """The float32 arrays that a graph itself holds, in its order.

    The exporter computes beforehand what takes no input, so that a parameter that is only brought to another shape
    becomes a constant of that shape, under another name.
    """
    found = []
    for tensor in _parts(_parts(graph, GRAPH_OF_MODEL)[0], INITIALIZERS_OF_GRAPH):
        raw = _parts(tensor, RAW_DATA_OF_TENSOR)
        if raw and (DATA_TYPE_OF_TENSOR, FLOAT32) in _fields(tensor):
            found.append(np.frombuffer(raw[0], "<f4").astype(np.float32))
    return found


# Numbers of ONNX's protocol buffers.
GRAPH_OF_MODEL, INITIALIZERS_OF_GRAPH, DATA_TYPE_OF_TENSOR, RAW_DATA_OF_TENSOR, FLOAT32 = 7, 5, 2, 9, 1


def _parts(message: bytes, number: int) -> list[bytes]:
    """The values of a field that is a message or bytes."""
    return [value for field, value in _fields(message) if field == number and isinstance(value, bytes)]


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a message in the format of protocol buffers."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value

    while at < len(message):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            yield number, varint()
        else:
            length = {1: 8, 5: 4}.get(kind) or varint()
            yield number, message[at : at + length]
            at += length


@contextmanager
def _exact_arithmetic(device_type: str) -> Iterator[None]:
    """Have CUDA compute in float32 with algorithms that give the same result each time; restores what was set."""
    if device_type != "cuda":
        yield
        return
    import torch

    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


def one_line(error: Exception) -> str:
    """An error's text without line breaks, at most 200 characters."""
    return " ".join(str(error).split())[:200]
