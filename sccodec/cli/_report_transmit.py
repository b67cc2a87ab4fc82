"""`sccodec report` on rows of links: quality over SNR and ratio, with published figures beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sccodec.cli import _files
from sccodec.cli._report import Reporter
from sccodec.cli._report_rows import first_failure, tell
from sccodec.errors import BadInput
from sccodec.metrics.table import DEFAULT

if TYPE_CHECKING:
    from sccodec.report.transmit_reference import Published


@dataclass(frozen=True)
class Shown:
    """What is asked for: a title, the metrics that are drawn, the first of all where none is named, and the format."""

    title: str | None
    metrics: tuple[str, ...]
    chosen: str


def check(given: Sequence[str]) -> None:
    """Raise click.UsageError for options that a report on links does not have."""
    if given:
        raise click.UsageError(f"{', '.join(given)}: for rows of codecs, and these are of links")


def write(results: Sequence[str], references: Sequence[str], shown: Shown, target: Path | None, *, force: bool) -> None:
    """Read rows and published figures, and write the report. Raises BadInput where no measurement succeeded."""
    from sccodec.report import (
        transmissions,
        transmit_figures,
        transmit_page,
        transmit_plot,
        transmit_reference,
        transmit_tables,
    )

    reporter = Reporter()
    read = transmissions.read([Path(name) for name in results])
    tell(read)
    published = transmit_reference.read([Path(name) for name in references], reporter.notice)
    groups = transmissions.groups(read)
    if not read.rows:
        raise BadInput("the files hold no measurement of a link that succeeded" + first_failure(read))
    left_out(transmit_figures.unplaced(published, groups))
    metrics = shown.metrics or (DEFAULT,)
    figures = [f for group in groups for f in transmit_figures.figures(group, published, metrics)]
    named = shown.title or f"Links on {', '.join(group.dataset for group in groups)}"
    if shown.chosen == "png":
        data = transmit_plot.png(named, figures)
    elif shown.chosen == "csv":
        data = transmit_tables.as_csv(groups, published).encode("utf-8", "replace")
    elif shown.chosen == "md":
        data = transmit_tables.as_markdown(named, groups, read, figures, published).encode("utf-8", "replace")
    else:
        data = transmit_page.report(named, groups, read, figures, published).encode("utf-8", "replace")
    _files.write(target, data, force=force)
    if target is not None:
        reporter.result(f"{len(read.rows)} rows -> {target}: {target.stat().st_size} bytes")


def left_out(published: Sequence[Published]) -> None:
    """Say of published figures that they go with nothing that was measured."""
    places = Counter(f"{one.dataset or 'any set'} over {one.channel or 'any channel'}" for one in published)
    if places:
        figures = "1 published figure is" if len(published) == 1 else f"{len(published)} published figures are"
        listed = ", ".join(place for place, _ in places.most_common())
        Reporter().notice(f"{figures} left out, of what no row is of: {listed}")
