"""Metrics of decoded pictures: which there are here, and a process of their own to compute them in.

They are kept out of the process that encodes and decodes, so that what that one takes is the codec's: LPIPS alone
brings torch, and hundreds of megabytes.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sccodec.bench.rows import EQUAL
from sccodec.errors import BadInput
from sccodec.metrics.table import METRICS, any_learned

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from sccodec.codec import Picture
    from sccodec.metrics.table import Compare


@dataclass(frozen=True)
class Measured:
    """values: by metric, None where there is none; reasons: why. tried: those that would give the same once more."""

    values: dict[str, float | None] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)


class Gauge(Protocol):
    """Compares pictures with a reference, all uint8 [H, W, 3]."""

    def refer(self, picture: Picture) -> None:
        """Take the picture that others are compared with from now on."""
        ...

    def measure(self, decoded: Picture, names: Sequence[str]) -> Measured: ...


def choose(texts: Sequence[str]) -> tuple[str, ...]:
    """The metrics that are asked for, names between commas; all where none is named. Raises BadInput."""
    named = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    for name in named:
        if name not in METRICS:
            raise BadInput(f"no metric is named {name!r}; there are: {', '.join(METRICS)}")
    return tuple(name for name in METRICS if name in named or not named)


def missing() -> dict[str, str]:
    """The metrics that cannot be computed here, and why; imports no torch."""
    return {name: why for name, metric in METRICS.items() if (why := metric.missing())}


class LocalGauge:
    """A gauge in this process. device: where metrics run that are networks, "cpu" or torch's name of a device."""

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._reference: Picture | None = None
        self._compare: dict[str, Compare] = {}

    def refer(self, picture: Picture) -> None:
        self._reference = picture

    def measure(self, decoded: Picture, names: Sequence[str]) -> Measured:
        measured = Measured()
        for name in names:
            measured.values[name] = None
            try:
                value = self._compute(name, decoded)
            except BadInput as error:  # such a picture has no such value
                measured.reasons[name] = str(error)
                measured.tried.append(name)
                continue
            except Exception as error:
                measured.reasons[name] = one_line(error)
                continue
            measured.tried.append(name)
            if math.isfinite(value):
                measured.values[name] = round(value, 6)
            else:
                measured.reasons[name] = EQUAL if value == math.inf else f"the value is {value}"
        return measured

    def _compute(self, name: str, decoded: Picture) -> float:
        assert self._reference is not None, "refer() comes first"
        if name not in self._compare:
            self._compare[name] = METRICS[name].compare(self._device)
        return self._compare[name](self._reference, decoded)


class RemoteGauge:
    """The same in a process of its own, which is started when it is needed, and again where it was killed."""

    def __init__(self, threads: int, device: str = "cpu") -> None:
        self._arguments = (threads, device)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._reference: Picture | None = None
        self._sent = False

    def refer(self, picture: Picture) -> None:
        self._reference, self._sent = picture, False

    def measure(self, decoded: Picture, names: Sequence[str]) -> Measured:
        if not names:
            return Measured()
        try:
            connection = self._started()
            connection.send((None if self._sent else self._reference, decoded, tuple(names)))
            self._sent = True
            measured: Measured = connection.recv()
        except (EOFError, OSError):
            self.close()
            reason = "the process that measures was killed: perhaps there was too little memory"
            return Measured(dict.fromkeys(names), dict.fromkeys(names, reason))
        return measured

    def _started(self) -> Connection:
        if self._connection is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=serve, args=(theirs, *self._arguments), daemon=True)
            self._process.start()
            theirs.close()
            self._sent = False
        return self._connection

    def close(self) -> None:
        """End the process."""
        if self._process is not None and self._connection is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
        self._process = self._connection = None


def serve(connection: Connection, threads: int, device: str) -> None:
    """The process of a RemoteGauge: answers until nobody asks any more."""
    settle_process(threads)
    gauge = LocalGauge(device)
    while True:
        try:
            reference, decoded, names = connection.recv()
        except (EOFError, OSError):
            return
        if reference is not None:
            gauge.refer(reference)
        if any_learned(names):
            with suppress(Exception):  # where it is installed and broken, the metrics that need it will say so
                import torch

                torch.set_num_threads(threads)
        measured = gauge.measure(decoded, names)
        try:
            connection.send(measured)
        except OSError:  # whoever asked was ended meanwhile
            return


def settle_process(threads: int) -> None:
    """Give this process its share of threads, before anything of weight is imported, and leave Control-C to others."""
    import signal
    import warnings

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    for name in ("SCCODEC_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def one_line(error: BaseException) -> str:
    """What went wrong, in one line of at most 300 characters."""
    from sccodec.errors import SccodecError

    text = " ".join(str(error).split())
    if isinstance(error, SccodecError):
        return text[:300]
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {text}"[:300]
