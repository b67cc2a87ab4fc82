"""One picture through one codec: encode to bytes, decode from them, measure, and make a row of it.

    picture -> encode, three times -> bytes -> decode, three times -> uint8 -> metrics -> row

Whatever fails makes a row, too. What a codec loads is timed apart, on a tiny picture, once in a process.
"""

from __future__ import annotations

import ctypes
import operator
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from sccodec import api, bundle
from sccodec.bench import keep
from sccodec.bench.entries import Entry
from sccodec.bench.gauge import Gauge, RemoteGauge, one_line
from sccodec.bench.processes import Work
from sccodec.bench.rows import NOT_ASKED, Row
from sccodec.codec import Options, Picture, Reading, Spec
from sccodec.errors import CodecUnavailable, ModelError, SccodecError
from sccodec.metrics.table import METRICS, any_learned
from sccodec.notices import ignore

Result = TypeVar("Result")

PACKAGES = ("numpy", "pillow", "imagecodecs", "pillow-heif", "onnxruntime", "constriction")
HEAVY = ("torch", "compressai")
TINY = 64
"""Pixels a side of the picture that a codec is loaded with: none here refuses it as too small."""


@dataclass(frozen=True)
class Item:
    """One spec for one picture. device: settled for its codec. done_tags: models for which its rows are there."""

    spec: str
    metrics: tuple[str, ...]
    device: str = "cpu"
    done_tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Setup(Work[Entry, Item, Row]):
    """What all measurements of a run share.

    options: as they were asked for, but for the device. threads: of each process. missing: metrics that cannot be
    computed here, and why. metrics_device: where those run that have networks. keep: the folder in which files are
    kept, as sccodec.bench.keep has them.
    """

    dataset: str
    options: Options
    repeats: int
    threads: int
    missing: dict[str, str]
    metrics_device: str = "cpu"
    processor: str = ""
    keep: Path | None = None

    def blank(self, entry: Entry, item: Item) -> Row:
        """A row with what is known before the work."""
        reasons = {name: self.missing.get(name, NOT_ASKED) for name in METRICS if name not in item.metrics}
        return Row(
            spec=item.spec,
            dataset=self.dataset,
            picture=entry.name,
            sha256=entry.sha256 or "",
            reasons=reasons,
            repeats=self.repeats,
            threads=self.threads,
            device=item.device,
            processor=self.processor,
        )

    @contextmanager
    def measuring(self) -> Iterator[Callable[[Entry, Item], Row | None]]:
        """A Measurer, whose metrics run in a process of their own."""
        gauge = RemoteGauge(self.threads, self.metrics_device)
        try:
            yield Measurer(self, gauge).measure
        finally:
            gauge.close()


@dataclass
class Loaded:
    """A codec that is ready in this process, or what keeps it from being so."""

    seconds: float | None = None
    tag: str | None = None
    failure: SccodecError | None = None


def tags_of(spec: Spec) -> frozenset[str] | None:
    """The tags of the models that may encode for a spec, "" for a codec without; None where only its file will tell.

    Without a variant there may be several, of which the picture decides. Raises ModelError where the codec has models,
    and none of them is of that variant.
    """
    if api.load(spec.codec).native:
        return frozenset({""})
    return model_tags(spec)


def model_tags(spec: Spec) -> frozenset[str] | None:
    """The same of what has models, a codec or a link; None where none of it is installed."""
    variants = {model.variant for model in bundle.installed() if model.codec == spec.codec}
    if not variants:
        return None
    tags = {bundle.default(spec.codec, spec.variant).tag.hex()}
    for variant in variants if spec.variant is None else ():
        with suppress(ModelError):  # of a variant that nobody asks for
            tags.add(bundle.default(spec.codec, variant).tag.hex())
    return frozenset(tags)


def model_key(spec: Spec) -> str:
    """Equal for specs that share what a process has to load."""
    if api.load(spec.codec).native:
        return spec.codec
    if any(model.codec == spec.codec for model in bundle.installed()):
        return f"{spec.codec}:{spec.variant}"
    return str(spec)


@dataclass
class Measurer:
    """Measures in this process; keeps the picture it had last, and what codecs load."""

    setup: Setup
    gauge: Gauge
    _loaded: dict[str, Loaded] = field(default_factory=dict)
    _entry: Entry | None = None
    _picture: Picture | None = None
    _picture_notes: list[str] = field(default_factory=list)
    _keys: dict[str, str] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)

    def measure(self, entry: Entry, item: Item) -> Row | None:
        """The row of one measurement, or None where the model's tag turns out to be one that is done already."""
        row = self.setup.blank(entry, item)
        try:
            picture = self._load_picture(entry)
            row.height, row.width = picture.shape[:2]
            loaded = self._load_codec(item)
            if loaded.failure is not None:
                raise loaded.failure
            if loaded.tag in item.done_tags:
                return None
            if loaded.seconds is not None:
                row.figures["load_seconds"] = loaded.seconds
            data, decoded = self._fill(row, picture, item)
            if self.setup.keep is not None:
                keep.files(self.setup.keep, row.dataset, entry, item.spec, item.device).write(data, decoded)
        except Exception as error:
            row.error = one_line(error) or type(error).__name__
        row.versions = self._known_versions(item)
        return row

    def _fill(self, row: Row, picture: Picture, item: Item) -> tuple[bytes, Picture]:
        """Measure; gives the file, and what it decodes to."""
        notes = list(self._picture_notes)
        options = replace(self.setup.options, device=item.device)
        job = api.prepare(picture, item.spec, None, notes.append, options)
        row.encoder = job.codec.made_by(job.spec)
        trim_memory()
        reset_peak()
        encoded = timed(job.encode, self.setup.repeats, operator.eq)
        data, row.figures["encode_seconds"] = encoded.result, encoded.seconds
        row.file_bytes = len(data)

        def decode() -> tuple[Reading, Picture]:
            reading = api.read(data, notice=notes.append, options=options)
            return reading, reading.picture()

        decodings = timed(decode, self.setup.repeats, lambda first, again: np.array_equal(first[1], again[1]))
        (reading, decoded), row.figures["decode_seconds"] = decodings.result, decodings.seconds
        if "program" in dict(job.spec.options):
            row.reasons["peak_rss_bytes"] = "the program has a process of its own"
        elif decodings.peak_bytes is not None:
            row.figures["peak_rss_bytes"] = decodings.peak_bytes
        if not encoded.steady:
            notes.append("the encoder does not write the same file each time")
        if not decodings.steady:
            notes.append("the decoder does not give the same picture each time")
        row.notes = list(dict.fromkeys(" ".join(note.split()) for note in notes))[:10]
        if decoded.shape != picture.shape or decoded.dtype != np.uint8:
            raise SccodecError(f"it decodes to {decoded.dtype} {decoded.shape}, and was uint8 {picture.shape}")
        said = reading.info()
        row.tag, row.sections, row.overhead_bytes = said.tag, said.sections, said.overhead_bytes
        measured = self.gauge.measure(decoded, item.metrics)
        row.figures |= {name: value for name, value in measured.values.items() if value is not None}
        row.reasons |= measured.reasons
        row.metrics = measured.tried
        return data, decoded

    def _load_picture(self, entry: Entry) -> Picture:
        if self._picture is None or entry != self._entry:
            self._picture, self._picture_notes = None, []
            self._picture = api.load_picture(entry.read(), self._picture_notes.append, self.setup.options)
            self._entry = entry
            self.gauge.refer(self._picture)
        return self._picture

    def _load_codec(self, item: Item) -> Loaded:
        """Encode and decode a tiny picture, once for each model; an error of the installation is for all pictures."""
        if item.spec not in self._keys:
            self._keys[item.spec] = f"{model_key(api.parse(item.spec))} on {item.device}"
        key = self._keys[item.spec]
        if key not in self._loaded:
            loaded = Loaded()
            options = replace(self.setup.options, device=item.device)
            tiny = np.add.outer(np.arange(TINY), 2 * np.arange(TINY))[:, :, None] + np.array([0, 20, 60])
            started = time.perf_counter()
            try:
                data = api.encode(tiny.astype(np.uint8), item.spec, notice=ignore, options=options)
                reading = api.read(data, notice=ignore, options=options)
                reading.picture()
                loaded.seconds = time.perf_counter() - started
                loaded.tag = reading.info().tag
            except (CodecUnavailable, ModelError) as error:
                loaded.failure = error
            except Exception:
                return loaded  # about this spec's options, or this picture: the next one may do better
            self._loaded[key] = loaded
        return self._loaded[key]

    def _known_versions(self, item: Item) -> dict[str, str]:
        """Of Python, of this package and of those that took part."""
        from sccodec import __version__

        if not self._versions:
            self._versions = {"sccodec": __version__, "python": ".".join(map(str, sys.version_info[:3]))}
            self._versions |= versions(PACKAGES)
        learned = any_learned(item.metrics)
        used = [name for name in HEAVY if name in sys.modules or (name == "torch" and learned)]
        if not set(used) <= set(self._versions):
            self._versions |= versions(used)
        return {name: found for name, found in self._versions.items() if name in used or name not in HEAVY}


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Timed(Generic[Result]):
    """What repeated work gave at first, the median of its seconds, and whether it gave the same each time.

    peak_bytes: of the process after the first time, so that nothing that is kept for comparison counts.
    """

    result: Result
    seconds: float
    steady: bool
    peak_bytes: int | None


def timed(work: Callable[[], Result], repeats: int, same: Callable[[Result, Result], bool]) -> Timed[Result]:
    """Do the work so many times, one at least, and keep no result but the first."""
    started = time.perf_counter()
    first = work()
    seconds = [time.perf_counter() - started]
    peak, steady = peak_bytes(), True
    for _ in range(repeats - 1):
        started = time.perf_counter()
        again = work()
        seconds.append(time.perf_counter() - started)
        steady = steady and same(first, again)
        del again  # before the next one is made
    return Timed(first, statistics.median(seconds), steady, peak)


def trim_memory() -> None:
    """Have the C library give back what is free, where it can: it would count as the next codec's."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
        if trim is not None:
            trim(0)


def reset_peak() -> None:
    """Begin anew with what peak_bytes() gives, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_bytes() -> int | None:
    """The most memory that this process had resident since reset_peak(), or since its start; None where none tells."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def processor() -> str:
    """The CPU's name, as far as the system tells."""
    import platform

    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
