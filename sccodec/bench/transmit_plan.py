"""What a run of links has left to do: transmissions, times pictures, less what is there.

A row counts for the same spec, SNRs, channel, seed, models, device, data set and file of the picture, where every
metric that can be computed here was tried. It is stale where another version of this package made it, or another
version of the library or program that encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from sccodec import __version__, engine
from sccodec.bench import defaults, transmit_rows, transmit_specs
from sccodec.bench.entries import Dataset, Entry
from sccodec.bench.gauge import missing
from sccodec.bench.held import distinct, remarks
from sccodec.bench.measure import processor
from sccodec.bench.processes import Chunk
from sccodec.bench.run import CHUNKS_A_JOB, hashed, threads_of
from sccodec.bench.transmit import Item, Setup, encoder_behind, expected_tags
from sccodec.bench.transmit_rows import Identity, TransmitRow
from sccodec.bench.transmit_specs import Asked
from sccodec.codec import Options, Spec
from sccodec.metrics.table import METRICS, any_learned

SECONDS = 0.5
"""To send and receive a megapixel, for a link that has networks of its own."""
ENCODINGS = 8
"""So often a codec is tried until its file fits the channel, about."""


@dataclass(frozen=True)
class Wish:
    """What is asked for: transmissions, one of each; metrics, of those that there are; what a run does how often.

    redo: "stale" or "all" for what is measured again though its row is there, or "". says_missing: whether the end says
    which metrics could not be had.
    """

    asked: Sequence[Asked]
    metrics: Sequence[str]
    options: Options
    repeats: int = 1
    jobs: int = 1
    redo: str = ""
    says_missing: bool = False


@dataclass(frozen=True)
class Plan:
    """setup and chunks: the work; skipped: how many rows are there already, and stale: how many of them are stale.

    tags: of each spec, None where any counts. entries: the pictures, each once; copies: how many more files are equal
    to one of them. remarks: what is to be said about the rows that are there.
    """

    setup: Setup
    chunks: list[Chunk[Entry, Item]]
    skipped: int
    stale: int
    asked: tuple[Asked, ...]
    tags: Mapping[str, frozenset[str] | None]
    device: str
    entries: tuple[Entry, ...]
    copies: int = 0
    remarks: tuple[str, ...] = ()

    def seconds(self) -> dict[tuple[str, str], float]:
        """About how long each measurement takes, by what is done and the picture's name."""
        repeats = self.setup.repeats
        return {
            (label_of(item.asked), chunk.entry.name): seconds_of(item, chunk.entry.pixels, repeats)
            for chunk in self.chunks
            for item in chunk.items
        }

    def labels(self) -> list[str]:
        """What rows say of what is done, in its order."""
        return [label_of(asked) for asked in self.asked]

    @cached_property
    def wanted(self) -> frozenset[Asked]:
        return frozenset(self.asked)

    def asks_for(self, row: TransmitRow) -> bool:
        """Whether the row is one of those that this run is about, measured in it or found."""
        own = row.dataset in ("", self.setup.dataset) and row.sha256 in {entry.sha256 for entry in self.entries}
        if not own or row.device != self.device:
            return False
        asked = Asked(row.spec, row.snr, row.assumed, row.channel, row.seed)
        return asked in self.wanted and is_of(row, self.tags[row.spec])


@dataclass
class Done:
    """Rows that are there, as a run that goes on counts them."""

    rows: Mapping[Identity, list[TransmitRow]]
    redo: str
    skipped: int = 0
    stale: int = 0
    _encoders: dict[str, str] = field(default_factory=dict)

    def remaining(self, item: Item, tags: frozenset[str] | None, entry: Entry, lacking: set[str]) -> Item | None:
        """What is to be done of an item, None where its row is there, which is counted.

        Metrics that rows have beyond those asked for are computed again, so that the latest is the most complete.
        """
        if entry.sha256 is None:
            return item
        asked = item.asked
        key = asked.spec, asked.snr, item.sending[1], asked.channel, asked.seed, item.device, entry.sha256
        found = [row for row in self.rows.get(key, []) if is_of(row, tags)]
        whole = [row for row in found if set(item.metrics) <= set(row.metrics)]
        fresh = [row for row in whole if not self.is_stale(row)]
        if {"": whole, "stale": fresh, "all": []}[self.redo]:
            self.skipped += 1
            self.stale += not fresh
            return None
        more = {name for row in found for name in row.metrics} - lacking
        return replace(item, metrics=tuple(name for name in METRICS if name in item.metrics or name in more))

    def is_stale(self, row: TransmitRow) -> bool:
        """Whether another version than the one that is here made it; what a row does not say is no reason."""
        if row.versions.get("sccodec", __version__) != __version__:
            return True
        if row.spec not in self._encoders:
            self._encoders[row.spec] = encoder_behind(row.spec)
        here = self._encoders[row.spec]
        return bool(row.encoder and here and row.encoder != here)


def make_plan(dataset: Dataset, wish: Wish, held: Sequence[TransmitRow], notice: Callable[[str], None]) -> Plan:
    """What is left to do where the rows of `held` are there.

    Raises an SccodecError for what would fail with every picture.
    """
    lacking = missing()
    metrics = tuple(name for name in wish.metrics if name not in lacking)
    device = engine.find_device(wish.options.device)
    setup = Setup(
        dataset=dataset.name,
        options=replace(wish.options, device="cpu", judge=False),
        repeats=wish.repeats,
        threads=threads_of(wish.jobs),
        missing=lacking,
        metrics_device=device if any_learned(metrics) else "cpu",
        processor=processor(),
    )
    tags = {asked.spec: expected_tags(asked.spec) for asked in wish.asked}
    every = [hashed(entry) for entry in dataset.entries]
    entries = distinct(every)
    done = Done(transmit_rows.current([row for row in held if row.dataset in ("", dataset.name)]), wish.redo)
    chunks: list[Chunk[Entry, Item]] = []
    for model, group in by_model(wish.asked).items():
        size = -(-len(group) * len(entries) // (CHUNKS_A_JOB * wish.jobs))
        for entry in entries:
            asked = [Item(one, metrics, device) for one in group]
            left = [new for item in asked if (new := done.remaining(item, tags[item.asked.spec], entry, set(lacking)))]
            chunks += [Chunk(entry, tuple(left[i : i + size]), model) for i in range(0, len(left), size)]
    said = remarks(held, replace(dataset, entries=every))
    return Plan(
        setup, chunks, done.skipped, done.stale, tuple(wish.asked), tags, device,
        tuple(entries), len(every) - len(entries), tuple(said),
    )  # fmt: skip


def by_model(asked: Sequence[Asked]) -> dict[str, list[Asked]]:
    """Transmissions by what a process has to load for them, those that send the same one after the other."""
    found: dict[str, list[Asked]] = {}
    for one in asked:
        found.setdefault(transmit_rows.without_ratio(one.spec), []).append(one)
    place = {one: i for i, one in enumerate(asked)}
    first: dict[tuple[str, float], int] = {}
    for one in asked:
        first.setdefault(Item(one, ()).sending, place[one])
    return {
        model: sorted(group, key=lambda one: (first[Item(one, ()).sending], place[one]))
        for model, group in found.items()
    }


def is_of(row: TransmitRow, tags: frozenset[str] | None) -> bool:
    return tags is None or row.tag in tags


def label_of(asked: Asked) -> str:
    return transmit_rows.label(asked.spec, asked.snr, asked.assumed, asked.channel, asked.seed)


def seconds_of(item: Item, pixels: int, repeats: int) -> float:
    """About how long one measurement takes; for a picture of unknown size, as for a small photograph."""
    behind = transmit_specs.codec_behind(Spec.parse(item.asked.spec))
    work = SECONDS if behind is None else ENCODINGS * defaults.SECONDS.get(behind.codec, defaults.SECONDS_OF_OTHERS)
    comparing = sum(METRICS[metric].seconds for metric in item.metrics)
    return (work * repeats + comparing) * (pixels or defaults.TYPICAL_PIXELS) / 1e6


def seconds_of_run(plan: Plan, jobs: int) -> float:
    """About how long a run takes."""
    working = sum(plan.seconds().values())
    return (working + defaults.SECONDS_A_PROCESS * len({chunk.model for chunk in plan.chunks})) / max(1, min(jobs, 2))
