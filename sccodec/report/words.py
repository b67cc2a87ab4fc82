"""What a page says in words about its rows."""

from __future__ import annotations

import html
from collections.abc import Sequence, Sized
from datetime import UTC, datetime
from typing import Protocol

from sccodec import __version__
from sccodec.metrics.table import DEFAULT, METRICS
from sccodec.report.curves import Group
from sccodec.report.page import Page
from sccodec.report.results import Results

DEFINITIONS = (
    "A rate is 8 times the bytes of the whole file, over width times height. Every measurement decodes those bytes and "
    "compares the decoded picture, 8 bits a sample, with the original: PSNR over all RGB samples, then the mean over "
    "pictures. Curves that are shown together are means over the same pictures."
)


def page(title: str | None, groups: Sequence[Group], results: Results, metric: str, anchor: str) -> Page:
    """The title, the sentence under it and the small print."""
    datasets = ", ".join(g.dataset for g in groups)
    return Page(title or f"Image codecs on {datasets}", lead(groups, results), footer(results.rows), metric, anchor)


def lead(groups: Sequence[Group], results: Results) -> str:
    codecs = len({s.base for g in groups for s in g.series})
    pictures = sum(len(g.pictures) for g in groups)
    said = (
        f"{counted(len(results.rows), 'measurement')} of {counted(codecs, 'codec')} on {counted(pictures, 'picture')}."
    )
    return said + passed_over(results)


class Sorted(Protocol):
    """What was read, of codecs or of segmenters: what does not count of it."""

    @property
    def failures(self) -> Sized: ...
    @property
    def damaged(self) -> Sized: ...
    @property
    def n_superseded(self) -> int: ...
    @property
    def n_changed(self) -> int: ...


class Measured(Protocol):
    """A row, of a codec or of a segmenter: what it was measured with."""

    versions: dict[str, str]
    processor: str
    threads: int


def passed_over(results: Sorted) -> str:
    """What of the rows is in no figure, in sentences, each with a space before it."""
    said = ""
    if results.failures:
        said += f" {counted(len(results.failures), 'measurement')} failed."
    if results.damaged:
        said += f" {counted(len(results.damaged), 'damaged line')} skipped."
    if results.n_superseded:
        said += f" {counted(results.n_superseded, 'row')} replaced by later ones."
    if results.n_changed:
        said += f" {counted(results.n_changed, 'row')} of pictures that were changed since passed over."
    return said


def footer(rows: Sequence[Measured], definitions: str = DEFINITIONS) -> str:
    """HTML: definitions, versions of what measured, and of what wrote this."""
    versions: dict[str, set[str]] = {}
    for row in rows:
        for name, version in row.versions.items():
            versions.setdefault(name, set()).add(version)
    listed = ", ".join(f"{name} {' and '.join(sorted(found))}" for name, found in sorted(versions.items()))
    parts = [definitions, machines(rows), f"Measured with {listed}." if listed else "", made()]
    return "".join(f"<p>{html.escape(part)}</p>" for part in parts if part)


def machines(rows: Sequence[Measured]) -> str:
    """What the rows were measured on, in a sentence, or ""."""
    found = sorted({(row.processor, row.threads) for row in rows if row.processor})
    texts = [name + (f", {counted(threads, 'thread')}" if threads else "") for name, threads in found]
    several = " Times of different machines or threads do not compare." if texts[1:] else ""
    return f"Measured on {'; '.join(texts)}.{several}" if texts else ""


def made() -> str:
    return f"Written by sccodec {__version__} on {datetime.now(UTC):%Y-%m-%d}."


def counted(n: int, one: str) -> str:
    return f"{n:,} {one}" + ("" if n == 1 else "s")


def default_metric(groups: Sequence[Group], wanted: Sequence[str]) -> str:
    """The metric that a page starts with: the first wanted that was measured, or the first that was."""
    return next((m for m in (*wanted, *METRICS) if any(m in g.metrics for g in groups)), DEFAULT)
