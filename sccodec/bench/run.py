"""A run: what is to be measured, shared out among processes, and every row kept as soon as it is there.

    specs x pictures - rows that are there -> chunks, one picture and some specs each -> processes -> rows -> keep()

Each codec without models has a process of its own, as each model has (sccodec.bench.processes).
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sccodec import api, engine, image
from sccodec.bench import processes
from sccodec.bench.entries import Dataset, Entry
from sccodec.bench.gauge import missing
from sccodec.bench.held import Held, distinct, remarks
from sccodec.bench.measure import Item, Setup, model_key, processor, tags_of
from sccodec.bench.processes import Chunk
from sccodec.codec import Options
from sccodec.errors import BadInput, SccodecError
from sccodec.metrics.table import any_learned

if TYPE_CHECKING:
    from sccodec.bench.rows import Row

CHUNKS_A_JOB = 4
"""At least so many where there is work enough, so that no process waits long for the last."""


@dataclass(frozen=True)
class Plan:
    """setup and chunks: the work; skipped: how many rows are there already, and stale: how many of them are stale.

    asked: of each spec the device, and the tags of its models where they are known. entries: the pictures, each once;
    copies: how many more files are equal to one of them. remarks: what is to be said about the rows that are there.
    """

    setup: Setup
    chunks: list[Chunk[Entry, Item]]
    skipped: int
    stale: int = 0
    asked: Mapping[str, tuple[str, frozenset[str] | None]] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    copies: int = 0
    remarks: tuple[str, ...] = ()

    def items(self) -> Iterator[Item]:
        """Every measurement to be made."""
        for chunk in self.chunks:
            yield from chunk.items

    def asks_for(self, row: Row) -> bool:
        """Whether the row is one of those that this run is about, measured in it or found."""
        device, tags = self.asked.get(row.spec, ("", None))
        own = row.dataset in ("", self.setup.dataset) and row.sha256 in {entry.sha256 for entry in self.entries}
        return own and row.spec in self.asked and row.device == device and (tags is None or row.tag in tags)


@dataclass(frozen=True)
class Wish:
    """What is asked for: specs, one of each; metrics, of those that there are; what a run does how often.

    redo: what is measured again, as sccodec.bench.held has it. keep: the folder in which files are kept.
    """

    specs: Sequence[str]
    metrics: Sequence[str]
    options: Options
    repeats: int = 3
    jobs: int = 1
    redo: str = ""
    keep: Path | None = None


def make_plan(dataset: Dataset, wish: Wish, held: list[Row], notice: Callable[[str], None]) -> Plan:
    """What is left to do where the rows of `held` are there: sccodec.bench.held says which of them count.

    Raises an SccodecError for what would fail with every picture.
    """
    lacking = missing()
    metrics = tuple(name for name in wish.metrics if name not in lacking)
    device = wish.options.device
    learned = any_learned(metrics)
    setup = Setup(
        dataset=dataset.name,
        options=replace(wish.options, device="cpu", judge=False),
        repeats=wish.repeats,
        threads=threads_of(wish.jobs),
        missing=lacking,
        metrics_device=engine.find_device(device) if learned and device != "cpu" else "cpu",
        processor=processor(),
        keep=wish.keep,
    )
    items = prepare_items(wish, metrics, notice)
    done = Held.of(held, dataset.name, wish.redo, wish.keep)
    every = [hashed(entry) for entry in dataset.entries]
    entries = distinct(every)
    chunks: list[Chunk[Entry, Item]] = []
    for model, group in items.items():
        size = -(-len(group) * len(entries) // (CHUNKS_A_JOB * wish.jobs))
        for entry in entries:
            left = [new for item, tags in group if (new := done.remaining(item, tags, entry, lacking)) is not None]
            chunks += [Chunk(entry, tuple(left[i : i + size]), model) for i in range(0, len(left), size)]
    return Plan(
        setup,
        chunks,
        done.skipped,
        done.stale,
        {item.spec: (item.device, tags) for group in items.values() for item, tags in group},
        tuple(entries),
        len(every) - len(entries),
        tuple(remarks(held, replace(dataset, entries=every))),
    )


def prepare_items(
    wish: Wish, metrics: tuple[str, ...], notice: Callable[[str], None]
) -> dict[str, list[tuple[Item, frozenset[str] | None]]]:
    """Specs as items with the tags of their models, if they are known, by what a process has to load for them."""
    said: set[str] = set()
    groups: dict[str, list[tuple[Item, frozenset[str] | None]]] = {}
    for text in wish.specs:
        spec = api.parse(text)
        device = api.settle(api.load(spec.codec), wish.options, said.add).device
        groups.setdefault(model_key(spec), []).append((Item(text, metrics, device), tags_of(spec)))
    for text in sorted(said):
        notice(text)
    return groups


def hashed(entry: Entry) -> Entry:
    """The entry with its file's SHA-256 and its size, None and 0 where it cannot be read, which its rows will say.

    Raises BadInput where it is known, and another.
    """
    try:
        data = entry.read()
    except (OSError, SccodecError):
        return replace(entry, sha256=None)
    digest, pixels = hashlib.sha256(data).hexdigest(), 0
    with suppress(BadInput):  # it is no picture, which its rows will say
        pixels = math.prod(image.size(data))
    if entry.sha256 not in (None, digest):
        raise BadInput(f"{entry.name} has changed since its data set was added: `sccodec data add` checks it again")
    return replace(entry, sha256=digest, pixels=pixels)


def threads_of(jobs: int) -> int:
    """Threads of each process: an equal share of the cores, or what SCCODEC_THREADS says."""
    if os.environ.get("SCCODEC_THREADS"):
        return engine.Settings.from_environment().threads
    return max(1, min(engine.usable_cores() // jobs, engine.MAX_THREADS))


def run(plan: Plan, jobs: int, keep: Callable[[Row], None]) -> None:
    """Do what a plan says in so many processes, as sccodec.bench.processes has it."""
    processes.run(plan.setup, plan.chunks, jobs, keep)
