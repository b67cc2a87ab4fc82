"""Measurements shared out among processes, whatever is measured: every row is kept as soon as it is there.

Chunks of one model follow one another, and a process keeps it. The next model gets a process of its own, so that what
loading takes, and memory, are its own: libraries of others would count. A process that is killed costs one row, which
says so; another one takes its place.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from sccodec.bench.gauge import settle_process

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


class Failing(Protocol):
    """A row of any kind: what failed, or None."""

    error: str | None


Subject = TypeVar("Subject")
"""What is measured on: a picture, or a picture with its label map."""
Item = TypeVar("Item")
"""What is measured: a spec, and all that a measurement needs beside it."""
Result = TypeVar("Result", bound=Failing)


@dataclass(frozen=True)
class Chunk(Generic[Subject, Item]):
    """Items for one picture, which is decoded once for them. model: equal where they load the same."""

    entry: Subject
    items: tuple[Item, ...]
    model: str


class Work(ABC, Generic[Subject, Item, Result]):
    """What all measurements of a run share; goes to the processes. threads: of each."""

    threads: int

    @abstractmethod
    def blank(self, entry: Subject, item: Item) -> Result:
        """A row with what is known before the work."""

    @abstractmethod
    def measuring(self) -> AbstractContextManager[Callable[[Subject, Item], Result | None]]:
        """What measures, in the process that calls; None for a row that turns out to be there already."""


def run(
    setup: Work[Subject, Item, Result],
    chunks: Sequence[Chunk[Subject, Item]],
    jobs: int,
    keep: Callable[[Result], None],
) -> None:
    """Measure the chunks in so many processes; keep(row) is called for each row when it is there, never interrupted.

    After Control-C, rows that are finished are kept before KeyboardInterrupt goes on.
    """
    left = deque(chunks)
    workers: list[Worker[Subject, Item, Result]] = []
    try:
        while left and len(workers) < jobs:
            workers.append(Worker(setup, left.popleft()))
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
                    workers.append(Worker(setup, left.popleft()))
    except KeyboardInterrupt:
        with undisturbed():
            for worker in workers:
                while worker.rest is None and not worker.is_idle and worker.connection.poll():
                    worker.receive(keep, interrupted=True)
        raise
    finally:
        for worker in workers:
            worker.stop()


class Worker(Generic[Subject, Item, Result]):
    """A process that measures chunk after chunk, as the process that started it sees it.

    rest: what a process that died has not begun; None while it lives.
    """

    def __init__(self, setup: Work[Subject, Item, Result], chunk: Chunk[Subject, Item]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._setup = setup
        self._process = context.Process(target=serve, args=(theirs, setup))
        with undisturbed():  # what is started so never sees Control-C: it is ended, or finishes its row
            self._process.start()
        theirs.close()
        self.rest: Chunk[Subject, Item] | None = None
        self.give(chunk)

    def give(self, chunk: Chunk[Subject, Item]) -> None:
        self._chunk, self._done = chunk, 0
        with suppress(OSError):  # where it has died already, receive() will tell
            self.connection.send(chunk)

    @property
    def model(self) -> str:
        return self._chunk.model

    @property
    def is_idle(self) -> bool:
        return self._done == len(self._chunk.items)

    def receive(self, keep: Callable[[Result], None], *, interrupted: bool = False) -> None:
        """Keep the row that is waiting, or one that says how the process died, unless that was to be expected."""
        try:
            row: Result | None = self.connection.recv()
        except (EOFError, OSError):
            self.rest = replace(self._chunk, items=self._chunk.items[self._done + 1 :])
            if interrupted:
                return
            row = self._setup.blank(self._chunk.entry, self._chunk.items[self._done])
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


def serve(connection: Connection, setup: Work[Subject, Item, Result]) -> None:
    """The process of a Worker."""
    settle_process(setup.threads)
    try:
        with setup.measuring() as measure:
            while True:
                chunk: Chunk[Subject, Item] = connection.recv()
                for item in chunk.items:
                    connection.send(measure(chunk.entry, item))
    except (EOFError, OSError):
        pass  # whoever asked has gone


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
