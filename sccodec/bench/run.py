"""A run: what is to be measured, shared out among processes, and every row kept as soon as it is there.

    specs x pictures - rows that are there -> chunks, one picture and some specs each -> processes -> rows -> keep()

Chunks of one model follow one another, and a process keeps it. The next model, and each codec without models, gets a
process of its own, so that what loading takes, and memory, are its own: libraries of others would count. A process
that is killed costs one row, which says so; another one takes its place.
"""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from sccodec import api, engine, image
from sccodec.bench.entries import Dataset, Entry
from sccodec.bench.gauge import RemoteGauge, missing, settle_process
from sccodec.bench.held import Held, distinct, remarks
from sccodec.bench.measure import Item, Measurer, Setup, blank, model_key, processor, tags_of
from sccodec.codec import Options
from sccodec.errors import BadInput, SccodecError
from sccodec.metrics.table import any_learned

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from sccodec.bench.rows import Row

CHUNKS_A_JOB = 4
"""At least so many where there is work enough, so that no process waits long for the last."""


@dataclass(frozen=True)
class Chunk:
    """Specs for one picture, which is decoded once for them. model: what they load, as model_key() has it."""

    entry: Entry
    items: tuple[Item, ...]
    model: str


@dataclass(frozen=True)
class Plan:
    """setup and chunks: the work; skipped: how many rows are there already, and stale: how many of them are stale.

    asked: of each spec the device, and the tags of its models where they are known. entries: the pictures, each once;
    copies: how many more files are equal to one of them. remarks: what is to be said about the rows that are there.
    """

    setup: Setup
    chunks: list[Chunk]
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
    chunks: list[Chunk] = []
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
    """Do what a plan says in so many processes; keep(row) is called for each row when it is there, never interrupted.

    After Control-C, rows that are finished are kept before KeyboardInterrupt goes on.
    """
    left = deque(plan.chunks)
    workers: list[Worker] = []
    try:
        while left and len(workers) < jobs:
            workers.append(Worker(plan.setup, left.popleft()))
        while workers:
            ready = wait([worker.connection for worker in workers])
            for worker in [worker for worker in workers if worker.connection in ready]:
                with undisturbed():
                    worker.receive(keep)
                if worker.rest is not None and worker.rest.items:
                    left.appendleft(worker.rest)
                if worker.rest is None and not worker.is_idle:
                    continue
                if worker.rest is None and left and left[0].model == worker.model:
                    worker.give(left.popleft())
                    continue
                worker.stop()
                workers.remove(worker)
                if left:
                    workers.append(Worker(plan.setup, left.popleft()))
    except KeyboardInterrupt:
        with undisturbed():
            for worker in workers:
                while worker.rest is None and not worker.is_idle and worker.connection.poll():
                    worker.receive(keep, interrupted=True)
        raise
    finally:
        for worker in workers:
            worker.stop()


class Worker:
    """A process that measures chunk after chunk, as the process that started it sees it.

    rest: what a process that died has not begun; None while it lives.
    """

    def __init__(self, setup: Setup, chunk: Chunk) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._setup = setup
        self._process = context.Process(target=serve, args=(theirs, setup))
        with undisturbed():  # what is started so never sees Control-C: it is ended, or finishes its row
            self._process.start()
        theirs.close()
        self.rest: Chunk | None = None
        self.give(chunk)

    def give(self, chunk: Chunk) -> None:
        self._chunk, self._done = chunk, 0
        with suppress(OSError):  # where it has died already, receive() will tell
            self.connection.send(chunk)

    @property
    def model(self) -> str:
        return self._chunk.model

    @property
    def is_idle(self) -> bool:
        return self._done == len(self._chunk.items)

    def receive(self, keep: Callable[[Row], None], *, interrupted: bool = False) -> None:
        """Keep the row that is waiting, or one that says how the process died, unless that was to be expected."""
        try:
            row: Row | None = self.connection.recv()
        except (EOFError, OSError):
            self.rest = replace(self._chunk, items=self._chunk.items[self._done + 1 :])
            if interrupted:
                return
            row = blank(self._setup, self._chunk.entry, self._chunk.items[self._done])
            row.error = self._last_words()
        self._done += 1
        if row is not None:
            keep(row)

    def _last_words(self) -> str:
        self._process.join(10)
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return f"the process was killed ({name})" + (": perhaps there was too little memory" * (name == "SIGKILL"))
        return f"the process ended (exit code {code})"

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        self._process.kill()
        self._process.join()


def serve(connection: Connection, setup: Setup) -> None:
    """The process of a Worker."""
    settle_process(setup.threads)
    gauge = RemoteGauge(setup.threads, setup.metrics_device)
    measurer = Measurer(setup, gauge)
    try:
        while True:
            chunk: Chunk = connection.recv()
            for item in chunk.items:
                connection.send(measurer.measure(chunk.entry, item))
    except (EOFError, OSError):
        pass  # whoever asked has gone
    finally:
        gauge.close()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold Control-C back, from this thread and from processes that it starts, until the end.

    The mask is what such processes get, where the system knows masks. It does not keep other threads, such as the
    progress bar's, from taking the signal, which python then brings to the main thread: the handler is for that.
    """
    taken: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    guarded = callable(handler) and threading.current_thread() is threading.main_thread()
    if guarded:
        signal.signal(signal.SIGINT, lambda number, frame: taken.append(number))
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        if held is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        if guarded:
            signal.signal(signal.SIGINT, handler)
        if taken and callable(handler):
            handler(signal.SIGINT, None)
