"""One picture over one channel: send it, receive it, measure, and make a row of it.

    picture -> Link.send -> symbols -> channel -> Link.receive -> uint8 -> metrics -> row

Whatever fails makes a row, too. What a link loads is timed apart, on a small picture, once in a process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from sccodec import api
from sccodec.bench.entries import Entry
from sccodec.bench.gauge import Gauge, RemoteGauge, one_line
from sccodec.bench.held import encoder_of
from sccodec.bench.lines import NOT_ASKED
from sccodec.bench.measure import HEAVY, PACKAGES, Loaded, model_tags, tags_of, timed, versions
from sccodec.bench.processes import Work
from sccodec.bench.transmit_rows import TransmitRow, without_ratio
from sccodec.bench.transmit_specs import Asked, codec_behind
from sccodec.codec import Options, Picture, Spec
from sccodec.errors import CodecUnavailable, ModelError, SccodecError
from sccodec.metrics.table import METRICS
from sccodec.notices import ignore
from sccodec.transmit import run
from sccodec.transmit.channels import Channel, peak_to_average
from sccodec.transmit.link import Arrived, Sent

SMALL = 256
"""Pixels a side of a picture by which links are loaded: of fewer, some have no symbols at low ratios."""
OTHERS = ("sionna-no-rt",)
"""Packages beside those of codecs, whose versions rows state where they are installed."""


@dataclass(frozen=True)
class Item:
    """One transmission of one picture. device: where the link runs."""

    asked: Asked
    metrics: tuple[str, ...]
    device: str = "cpu"

    @property
    def sending(self) -> tuple[str, float]:
        """Equal for those that send the same: over other channels, with other noise."""
        return self.asked.spec, self.asked.snr if self.asked.assumed is None else self.asked.assumed


@dataclass(frozen=True)
class Setup(Work[Entry, Item, TransmitRow]):
    """What all measurements of a run share.

    options: as they were asked for, but for the device. threads: of each process. missing: metrics that cannot be
    computed here, and why. metrics_device: where those run that have networks.
    """

    dataset: str
    options: Options
    repeats: int
    threads: int
    missing: dict[str, str]
    metrics_device: str = "cpu"
    processor: str = ""

    def blank(self, entry: Entry, item: Item) -> TransmitRow:
        """A row with what is known before the work."""
        asked = item.asked
        return TransmitRow(
            spec=asked.spec,
            snr=asked.snr,
            assumed=asked.assumed,
            channel=asked.channel,
            seed=asked.seed,
            dataset=self.dataset,
            picture=entry.name,
            sha256=entry.sha256 or "",
            reasons={name: self.missing.get(name, NOT_ASKED) for name in METRICS if name not in item.metrics},
            repeats=self.repeats,
            threads=self.threads,
            device=item.device,
            processor=self.processor,
        )

    @contextmanager
    def measuring(self) -> Iterator[Callable[[Entry, Item], TransmitRow | None]]:
        """A Measurer, whose metrics run in a process of their own."""
        gauge = RemoteGauge(self.threads, self.metrics_device)
        try:
            yield Measurer(self, gauge).measure
        finally:
            gauge.close()


@dataclass(frozen=True)
class Sending:
    """What was sent for one item, and serves those that send the same. steady: whether it was so each time."""

    sent: Sent
    seconds: float
    steady: bool
    notes: tuple[str, ...]


@dataclass
class Measurer:
    """Measures in this process; keeps the picture it had last, what was sent of it last, and what links load."""

    setup: Setup
    gauge: Gauge
    _loaded: dict[tuple[str, str], Loaded] = field(default_factory=dict)
    _entry: Entry | None = None
    _picture: Picture | None = None
    _picture_notes: list[str] = field(default_factory=list)
    _sending: tuple[tuple[str, float], Sending] | None = None

    def measure(self, entry: Entry, item: Item) -> TransmitRow:
        """The row of one measurement."""
        row = self.setup.blank(entry, item)
        try:
            picture = self._load_picture(entry)
            row.height, row.width = picture.shape[:2]
            loaded = self._load_link(item)
            if loaded.failure is not None:
                raise loaded.failure
            if loaded.seconds is not None:
                row.figures["load_seconds"] = loaded.seconds
            self._fill(row, picture, item)
        except Exception as error:
            row.error = one_line(error) or type(error).__name__
        row.versions = known_versions()
        return row

    def _fill(self, row: TransmitRow, picture: Picture, item: Item) -> None:
        """Send, receive and measure."""
        sending = self._send(picture, item)
        sent, notes = sending.sent, [*self._picture_notes, *sending.notes]
        row.k, row.bits = sent.frame.k, sent.frame.bits
        row.encoder, row.tag = encoder_behind(row.spec), sent.frame.tag or tag_behind(row.spec)
        row.details = {str(key): as_json(value) for key, value in sent.details.items()}
        row.figures["peak_to_average_db"] = round(peak_to_average(sent.symbols), 4)
        over, rng = Channel.parse(row.channel), np.random.default_rng(row.seed)
        got = over.send(sent.symbols, row.snr, rng)
        options = replace(self.setup.options, device=item.device)
        receiving = timed(
            lambda: run.receive(got, sent.frame, sent.ideal, notice=notes.append, options=options),
            self.setup.repeats,
            equal_pictures,
        )
        arrived = receiving.result
        row.figures["send_seconds"], row.figures["receive_seconds"] = sending.seconds, receiving.seconds
        if not sending.steady:
            notes.append("the transmitter does not send the same symbols each time")
        if not receiving.steady:
            notes.append("the receiver does not give the same picture each time")
        row.notes = list(dict.fromkeys(" ".join(note.split()) for note in notes))[:10]
        row.failed, row.blocks = map(int, arrived.failed)
        found = arrived.picture
        if found.shape != picture.shape or found.dtype != np.uint8:
            raise SccodecError(f"{found.dtype} {found.shape} arrived, and uint8 {picture.shape} was sent")
        measured = self.gauge.measure(found, item.metrics)
        row.figures |= {name: value for name, value in measured.values.items() if value is not None}
        row.reasons |= measured.reasons
        row.metrics = measured.tried

    def _send(self, picture: Picture, item: Item) -> Sending:
        """What is sent of the picture, which is made once for all items that follow one another and send the same."""
        if self._sending is None or self._sending[0] != item.sending:
            self._sending = None
            notes: list[str] = []
            options = replace(self.setup.options, device=item.device)
            done = timed(
                lambda: run.send(picture, *item.sending, notice=notes.append, options=options),
                self.setup.repeats,
                equal_symbols,
            )
            self._sending = item.sending, Sending(done.result, done.seconds, done.steady, tuple(notes))
        return self._sending[1]

    def _load_picture(self, entry: Entry) -> Picture:
        if self._picture is None or entry != self._entry:
            self._picture, self._picture_notes, self._sending = None, [], None
            self._picture = api.load_picture(entry.read(), self._picture_notes.append, self.setup.options)
            self._entry = entry
            self.gauge.refer(self._picture)
        return self._picture

    def _load_link(self, item: Item) -> Loaded:
        """Transmit a small picture, once for each model; an error of the installation is for all pictures."""
        key = without_ratio(item.asked.spec), item.device
        if key not in self._loaded:
            loaded = Loaded()
            options = replace(self.setup.options, device=item.device)
            small = np.add.outer(np.arange(SMALL) // 3, np.arange(SMALL) // 3)[:, :, None] + np.array([0, 20, 60])
            started = time.perf_counter()
            try:
                sent = run.send(small.astype(np.uint8), *item.sending, notice=ignore, options=options)
                run.deliver(sent, item.sending[1], notice=ignore, options=options)
                loaded.seconds = time.perf_counter() - started
            except (CodecUnavailable, ModelError) as error:
                loaded.failure = error
            except Exception:
                return loaded  # about this spec's options, or this picture: the next one may do better
            self._loaded[key] = loaded
        return self._loaded[key]


def as_json(value: object) -> object:
    """A detail as a line can hold it: as it is where JSON has such, otherwise as a text."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


def equal_symbols(first: Sent, again: Sent) -> bool:
    return np.array_equal(first.symbols, again.symbols) and first.ideal == again.ideal


def equal_pictures(first: Arrived, again: Arrived) -> bool:
    return np.array_equal(first.picture, again.picture)


def expected_tags(spec: str) -> frozenset[str] | None:
    """The tags that rows of a spec may have here; None where only a transmission will tell. Raises ModelError."""
    parsed = Spec.parse(spec)
    behind = codec_behind(parsed)
    if behind is None:
        return model_tags(parsed) or frozenset({""})
    tags = tags_of(behind)
    return None if tags is None else tags | {joined(tags)}


def tag_behind(spec: str) -> str:
    """The tag of the codec's model whose file a link sends, where the link itself says nothing of models."""
    behind = codec_behind(Spec.parse(spec))
    return joined((behind and tags_of(behind)) or frozenset())


def joined(tags: frozenset[str]) -> str:
    return "+".join(sorted(tags - {""}))


def encoder_behind(spec: str) -> str:
    """The library or program that encodes, with its version, where a link sends a codec's file; otherwise ""."""
    behind = codec_behind(Spec.parse(spec))
    return encoder_of(str(behind)) if behind else ""


def known_versions() -> dict[str, str]:
    """Of Python, of this package and of those that take part."""
    import sys

    from sccodec import __version__

    found = {"sccodec": __version__, "python": ".".join(map(str, sys.version_info[:3]))} | versions(PACKAGES)
    return found | versions([name for name in HEAVY if name in sys.modules]) | versions(OTHERS)
