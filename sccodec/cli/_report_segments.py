"""`sccodec report` on rows of segmenters: tables of mIoU, with published figures beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sccodec.cli import _files
from sccodec.cli._report import Reporter
from sccodec.cli._report_rows import first_failure, tell
from sccodec.errors import BadInput


def check(given: Sequence[str], chosen: str) -> None:
    """Raise click.UsageError for options and formats that a report on segmenters does not have."""
    if given:
        raise click.UsageError(f"{', '.join(given)}: for rows of codecs, and these are of segmenters")
    if chosen == "png":
        raise click.UsageError("a report on segmenters is written as html, md or csv")


def write(
    results: Sequence[str],
    references: Sequence[str],
    title: str | None,
    chosen: str,
    target: Path | None,
    *,
    force: bool,
) -> None:
    """Read rows and published figures, and write the report. Raises BadInput where no measurement succeeded."""
    from sccodec.report import segment_page, segment_reference, segment_tables, segments

    reporter = Reporter()
    read = segments.read([Path(name) for name in results])
    tell(read)
    published = segment_reference.read([Path(name) for name in references], reporter.notice)
    groups = segments.groups(read)
    for one in published:
        if not any(segment_tables.of_group(group, [one]) for group in groups):
            reporter.notice(f"{one.name!r} is of {one.dataset!r}, which no row is of: it is left out")
    if not read.rows:
        raise BadInput("the files hold no measurement of a segmenter that succeeded" + first_failure(read))
    named = title or f"Segmenters on {', '.join(group.dataset for group in groups)}"
    if chosen == "csv":
        text = segment_tables.as_csv(groups, published)
    elif chosen == "md":
        text = segment_tables.as_markdown(named, groups, read, published)
    else:
        text = segment_page.report(named, groups, read, published)
    _files.write(target, text.encode("utf-8", "replace"), force=force)
    if target is not None:
        reporter.result(f"{len(read.rows)} rows -> {target}: {target.stat().st_size} bytes")
