"""What goes to the terminal: single lines, never wrapped, and a progress bar where a person watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sccodec.cli import _streams

if TYPE_CHECKING:
    from rich.progress import Progress


def one_line(text: str) -> str:
    """The text without line breaks and control characters, which may come from file names."""
    joined = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in joined)


def fail(text: str) -> int:
    """Print an error; gives the exit code."""
    _streams.tell(f"sccodec: error: {one_line(text)}")
    return 1


class Reporter:
    """Prints lines, above the progress bar where there is one."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress

    def result(self, text: str) -> None:
        """What became of a file, on standard output; OSError where it cannot be written.

        Where standard output was closed, nobody wants to hear it.
        """
        if isinstance(sys.stdout, _streams.ClosedOutput):
            return
        if sys.stdout.isatty() and self._progress is not None:
            self._above_the_bar(one_line(text))
        else:
            _streams.say(one_line(text))

    def notice(self, text: str) -> None:
        """Something the user should know, on standard error."""
        self._remark(f"sccodec: note: {one_line(text)}")

    def error(self, text: str) -> None:
        """Something that failed, on standard error."""
        self._remark(f"sccodec: error: {one_line(text)}")

    def _remark(self, text: str) -> None:
        if self._progress is not None:
            self._above_the_bar(text)
        else:
            _streams.tell(text)

    def _above_the_bar(self, text: str) -> None:
        assert self._progress is not None
        self._progress.console.print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)


@contextmanager
def reporting(n_files: int) -> Iterator[tuple[Reporter, Callable[[], None]]]:
    """A reporter, and a function to call after each file, which moves the bar for a batch on a terminal."""
    if n_files < 2 or not sys.stderr.isatty():
        yield Reporter(), lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        task = progress.add_task("", total=n_files)
        yield Reporter(progress), lambda: progress.advance(task)


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns, aligned."""
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {one_line(value)}" for name, value in rows)
