"""What `sccodec report` says of the rows that are in no figure, of codecs and of segmenters alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sccodec.cli._report import Reporter

MOST_DAMAGED = 20
"""Damaged lines that are named; more are counted."""


class Failed(Protocol):
    """A row with an error. label: what was done."""

    picture: str
    error: str | None

    @property
    def label(self) -> str: ...


class Read(Protocol):
    """What was read: names of damaged lines, how many rows are of what has changed, and rows with errors."""

    @property
    def damaged(self) -> Sequence[str]: ...
    @property
    def n_changed(self) -> int: ...
    @property
    def failures(self) -> Sequence[Failed]: ...


def tell(read: Read) -> None:
    """Name damaged lines on standard error, and count what else is passed over."""
    from sccodec.report.words import counted

    reporter = Reporter()
    for line in read.damaged[:MOST_DAMAGED]:
        reporter.notice(f"{line}; skipped")
    if len(read.damaged) > MOST_DAMAGED:
        reporter.notice(f"{len(read.damaged) - MOST_DAMAGED} more damaged lines skipped")
    if read.n_changed:
        said = counted(read.n_changed, "row")
        reporter.notice(f"{said} of pictures that were changed since, or are others of their name, passed over")
    if read.failures:
        reporter.notice(f"{counted(len(read.failures), 'measurement')} failed{first_failure(read)}")


def first_failure(read: Read) -> str:
    """The first of them, as the end of a sentence."""
    if not read.failures:
        return ""
    first = read.failures[0]
    return f": {first.label} on {first.picture}: {first.error}" + ("; ..." if read.failures[1:] else "")
