"""What goes to the terminal: single lines, never wrapped, and a progress bar where a person watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress


def one_line(text: str) -> str:
    """The text without line breaks and control characters, which may come from file names."""
    joined = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in joined)


def fail(text: str) -> int:
    """Print an error; gives the exit code."""
    click.echo(f"sccodec: error: {one_line(text)}", err=True)
    return 1


class Reporter:
    """Prints lines, above the progress bar where there is one."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress

    def result(self, text: str) -> None:
        """A line of the command's own output."""
        self._line(one_line(text), sys.stdout)

    def notice(self, text: str) -> None:
        """Something the user should know, on standard error."""
        self._line(f"sccodec: note: {one_line(text)}", sys.stderr)

    def error(self, text: str) -> None:
        """Something that failed, on standard error."""
        self._line(f"sccodec: error: {one_line(text)}", sys.stderr)

    def _line(self, text: str, stream: object) -> None:
        terminal = self._progress is not None and (stream is sys.stderr or sys.stdout.isatty())
        if self._progress is not None and terminal:
            self._progress.console.print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)
        else:
            click.echo(text, err=stream is sys.stderr)


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
