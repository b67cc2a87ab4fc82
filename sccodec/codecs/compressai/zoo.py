"""compressai's models with their weights, as things that turn pictures into strings and back.

Its entropy decoder (C++) trusts what it is given: it reads on behind the end of a string that is too short, and
starts from whatever state stands there. So a string is checked before it gets there, and followed by as many zeros
as its symbols can ask for. What was decoded is compared by a checksum over the symbols: these models select
probabilities by floating-point networks, so that another machine may read other symbols without any damage.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sccodec.codecs.compressai.imports import import_compressai
from sccodec.errors import CodecUnavailable, Corrupt, ModelMismatch, ModelNotFound

TAG_BYTES = 4
_TABLES = ("_quantized_cdf", "_cdf_length", "_offset")
_LARGEST_SYMBOL = 2**24  # float32 is exact up to here
_LEAST_STATE = 2**31  # of the range coder between two symbols
_PROCESS = os.getpid()  # which torch started its threads in

Strings = list[bytes]


class Coded(TypedDict):
    """strings: of y, or of y and z, a list of one picture's each; shape: of the deepest latents."""

    strings: list[list[bytes]]
    shape: tuple[int, int]


class Network(Protocol):
    """What is used of the package's models, which state no types. level: s, of the variable-rate models."""

    N: int
    M: int
    Gain: Tensor

    def compress(self, x: Tensor, **level: int) -> Coded: ...

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int], **level: int) -> dict[str, Tensor]: ...

    def update(self, *, force: bool, scale: Tensor) -> bool: ...

    def state_dict(self) -> dict[str, Tensor]: ...

    def modules(self) -> Iterator[nn.Module]: ...


def load(model: str, quality: int, metric: str, checkpoint: Path | None) -> ZooModel:
    """A model of the zoo by name; an unchanged checkpoint and an equal request give the same object again.

    quality: 1 to the number of the model's qualities. metric: "mse" or "ms-ssim". checkpoint: a file with a
    state_dict, or with one under "state_dict"; None for what the zoo downloads. Raises CodecUnavailable where the
    weights cannot be had, ModelNotFound where the checkpoint cannot be read, ModelMismatch where it does not fit.
    """
    if checkpoint is None:
        return _load(model, quality, metric, None, 0, 0)
    try:
        status = checkpoint.stat()
    except OSError as error:
        raise ModelNotFound(f"{checkpoint}: {error.strerror}") from error
    return _load(model, quality, metric, checkpoint, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _load(model: str, quality: int, metric: str, checkpoint: Path | None, mtime_ns: int, n_bytes: int) -> ZooModel:
    """Memoised, for the pictures of a batch and the steps of a search: the arguments determine the result."""
    import_compressai()
    if checkpoint is None:
        source, state = download(model, quality, metric)
    else:
        source, state = str(checkpoint), read_checkpoint(checkpoint)
    return ZooModel(model, quality, source, state)


def download(model: str, quality: int, metric: str) -> tuple[str, dict[str, Any]]:
    """The name of the zoo's file and its state_dict, from torch.hub's cache or from the network."""
    from compressai.zoo import image, image_vbr

    wanted = f"compressai:{model}:{quality}" + (f",metric={metric}" if metric != "mse" else "")
    found = image_vbr.model_urls.get(model, image.model_urls.get(model, {})).get(metric, {})
    url = found.get(quality) if isinstance(found, dict) else found
    if url is None:
        raise CodecUnavailable(f"the zoo has no weights for {wanted}: give them with --checkpoint FILE")
    name = url.rpartition("/")[2]
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # where it says that it downloads, among the bytes of files
            state = torch.hub.load_state_dict_from_url(url, map_location="cpu", progress=False, weights_only=True)
    except OSError as error:
        raise CodecUnavailable(
            f"{wanted} needs the weights {name}, which cannot be downloaded ({one_line(error)}): "
            "give them with --checkpoint FILE"
        ) from error
    except Exception as error:
        raise ModelMismatch(f"{name} in torch.hub's cache cannot be read: {one_line(error)}") from error
    return name, state


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state_dict of a checkpoint; nothing but tensors and plain containers is unpickled."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelNotFound(f"{path}: {error.strerror}") from error
    except Exception as error:  # of any kind: it interprets the bytes before it knows what they are
        raise ModelMismatch(f"{path} is not a checkpoint of nothing but tensors") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ModelMismatch(f"{path} holds no state_dict")
    return state


def settle_threads() -> None:
    """Have torch run on one thread in a process that was forked: it would wait for those of its parent for ever."""
    if os.getpid() != _PROCESS and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


class ZooModel:
    """A model ready to code pictures of one rate. Coding is serial: threads wait for each other.

    tag: the first 4 bytes of the SHA-256 over the weights, tables of probabilities included: the tensors of the
    state_dict after loading, sorted by key, each as a line "key dtype shape" and its bytes. So a download and a
    checkpoint of equal weights agree, whatever else their files hold. source: the file, for messages.
    """

    def __init__(self, model: str, quality: int, source: str, state: dict[str, Any]) -> None:
        settle_threads()
        self.source = source
        self._variable = model.endswith("-vbr")
        self._level = {"s": quality - 1} if self._variable else {}
        try:
            with torch.no_grad():
                self._network = self._build(model, state)
                self.tag = weights_tag(self._network.state_dict())
                if self._variable:
                    self._network.update(force=True, scale=torch.abs(self._network.Gain[quality - 1]))
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
            raise ModelMismatch(f"{source} does not hold weights of {model}: {one_line(error)}") from error
        self._models = [m for m in self._network.modules() if hasattr(m, "_quantized_cdf")]
        self._lock, self._process = threading.Lock(), os.getpid()
        self._symbols = Symbols()
        for entropy_model in self._models:
            if not tables_are_sound(*(getattr(entropy_model, name) for name in _TABLES)):
                raise ModelMismatch(f"{source} holds tables of probabilities that cannot be used")
            self._symbols.watch(entropy_model)
        self.stride = 16 if len(self._models) == 1 else 64
        """Both sides of a picture must be multiples of it, in pixels."""

    def _build(self, model: str, state: dict[str, Any]) -> Network:
        from compressai.models import get_scale_table
        from compressai.registry import MODELS
        from compressai.zoo.pretrained import load_pretrained

        if model not in MODELS:
            raise CodecUnavailable(f"the compressai that is installed has no {model}: install a later one")
        state = load_pretrained(state)
        if not self._variable:
            network = MODELS[model].from_state_dict(state)
            network.update()
        else:
            # z's tables belong to one of the rates: they are made when it is known, and are no part of the weights.
            state |= {f"entropy_bottleneck.{name}": torch.IntTensor() for name in _TABLES}
            scaled = any(name.startswith("gayn2zqstep.") for name in state)
            network = MODELS[model].from_state_dict(state, vr_entbttlnck=scaled)
            network.gaussian_conditional.update_scale_table(get_scale_table())
        ready: Network = network.eval()
        return ready

    @contextmanager
    def _running(self) -> Iterator[None]:
        if self._process != os.getpid():  # the lock may be held by a thread that is not here
            self._lock, self._process = threading.Lock(), os.getpid()
        settle_threads()
        with self._lock, torch.inference_mode():
            yield

    def compress(self, picture: npt.NDArray[np.uint8]) -> tuple[Strings, int]:
        """Strings [y] or [y, z] of uint8 [H, W, 3], sides multiples of the stride, and the symbols' CRC-32."""
        x = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
        with self._running():
            self._symbols.restart("quantize")
            coded = self._network.compress(x, **self._level)
            check = self._symbols.crc
        height, width = picture.shape[:2]
        assert tuple(coded["shape"]) == (height // self.stride, width // self.stride)
        return [strings[0] for strings in coded["strings"]], check

    def decompress(self, strings: Strings, height: int, width: int) -> tuple[npt.NDArray[np.uint8], int]:
        """The picture, uint8 [H, W, 3], of strings [y] or [y, z], and the CRC-32 of the symbols read.

        Raises Corrupt for strings that no encoder writes, and for whatever the package makes of the others.
        """
        channels = max(self._network.N, self._network.M)
        strides = (16, 64)[: len(self._models)]
        if len(strings) != len(strides):
            raise Corrupt("the file is damaged: it holds other strings than its model writes")
        padded = [
            [followed_by_zeros(string, channels * (height // stride) * (width // stride))]
            for string, stride in zip(strings, strides, strict=True)
        ]
        shape = (height // self.stride, width // self.stride)
        try:
            with self._running():
                self._symbols.restart("dequantize")
                x_hat = self._network.decompress(padded, shape, **self._level)["x_hat"]
                check = self._symbols.crc
            picture: npt.NDArray[np.uint8] = (x_hat[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        except Exception as error:
            if isinstance(error, MemoryError) or "allocate" in str(error):
                raise MemoryError from error
            raise Corrupt(f"the file is damaged: {one_line(error)}") from error
        return np.ascontiguousarray(picture), check


class Symbols:
    """The CRC-32 over the integers that pass through a network's entropy models, z first, as int32.

    Raises ModelMismatch for integers that the package's encoder does not write: it never ends with the largest.
    """

    def __init__(self) -> None:
        self.restart("")

    def restart(self, verb: str) -> None:
        """Count what passes through "quantize" (to symbols, writing) or "dequantize" (reading) from now on."""
        self._verb, self.crc = verb, 0

    def watch(self, entropy_model: nn.Module) -> None:
        """Have the model's methods report; the variable-rate models have two of each."""
        for suffix in ("", "_variable"):
            if hasattr(entropy_model, "quantize" + suffix):
                quantize = getattr(entropy_model, "quantize" + suffix)
                dequantize = getattr(entropy_model, "dequantize" + suffix)
                setattr(entropy_model, "quantize" + suffix, functools.partial(self._quantize, quantize))
                setattr(entropy_model, "dequantize" + suffix, functools.partial(self._dequantize, dequantize))

    def _quantize(
        self, quantize: Callable[..., Tensor], inputs: Tensor, mode: str, *args: object, **kwargs: object
    ) -> Tensor:
        symbols = quantize(inputs, mode, *args, **kwargs)
        if self._verb == "quantize" and mode == "symbols":
            if float(symbols.float().abs().max()) > _LARGEST_SYMBOL:
                raise ModelMismatch("the weights give latents beyond what compressai can code")
            self._add(symbols)
        return symbols

    def _dequantize(
        self, dequantize: Callable[..., Tensor], symbols: Tensor, *args: object, **kwargs: object
    ) -> Tensor:
        if self._verb == "dequantize":
            self._add(symbols)
        return dequantize(symbols, *args, **kwargs)

    def _add(self, symbols: Tensor) -> None:
        self.crc = zlib.crc32(symbols.to(torch.int32).contiguous().numpy().data, self.crc)


def followed_by_zeros(string: bytes, n_symbols: int) -> bytes:
    """A string of the package's range coder, made safe to read n_symbols from; raises Corrupt.

    A symbol takes 16 bits at most, for which there are 32; a value beyond its table takes as many more as the
    string's own bits ask for, at most 15 times their number.
    """
    if len(string) % 4 or len(string) < 8:
        raise Corrupt("the file is damaged: a string of its model has no length that a writer gives it")
    if not _LEAST_STATE <= int.from_bytes(string[:8], "little") < _LEAST_STATE << 32:
        raise Corrupt("the file is damaged: a string of its model begins as none does")
    return string + bytes(4 * n_symbols + 16 * len(string) + 2**16)


def tables_are_sound(cdf: Tensor, lengths: Tensor, offsets: Tensor) -> bool:
    """Whether the package's coder can use int tables [rows, columns]: each row rises from 0 to 2^16 in its length."""
    if cdf.ndim != 2 or not len(cdf) or lengths.shape != (len(cdf),) or offsets.shape != (len(cdf),):
        return False
    rows, sizes = cdf.numpy().astype(np.int64), lengths.numpy()
    if sizes.min() < 2 or sizes.max() > rows.shape[1]:
        return False
    inside = np.arange(1, rows.shape[1]) < sizes[:, None]
    ends = rows[np.arange(len(rows)), sizes - 1]
    rising: bool = bool((np.diff(rows, axis=1) > 0)[inside].all())
    return rising and bool((rows[:, 0] == 0).all() and (ends == 1 << 16).all())


def weights_tag(state: dict[str, Any]) -> bytes:
    """The name of weights; see ZooModel."""
    digest = hashlib.sha256()
    for key in sorted(state):
        array = state[key].detach().cpu().contiguous().numpy()
        digest.update(f"{key} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.digest()[:TAG_BYTES]


def one_line(error: Exception) -> str:
    """The first line of an error that says anything, shortened; the kind of error where none does."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
