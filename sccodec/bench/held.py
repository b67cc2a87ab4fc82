"""Rows of earlier runs, as a run that goes on looks at them: what is done, what is stale, what is of other pictures.

A row counts for the same spec, model, device, data set and file of a picture, where every metric that can be computed
here was tried. It is stale where another version of the library or program that encodes made it, or another version of
this package. A picture is its file's content: files that are equal are one picture, whatever their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sccodec import __version__, api
from sccodec.bench import lines, rows
from sccodec.bench.entries import Dataset, Entry
from sccodec.bench.keep import files
from sccodec.bench.lines import AnyRow
from sccodec.bench.measure import Item
from sccodec.bench.rows import Row
from sccodec.errors import SccodecError
from sccodec.metrics.table import METRICS

REDO = ("stale", "all")
"""What is measured again though its row is there, where that is asked for."""


@dataclass
class Held:
    """The rows of one data set. redo: one of REDO, or "" for nothing.

    keep: a folder that is to have the files of every measurement: one whose files are not there is not done.
    skipped: how many measurements were found done; stale: how many of those have none but stale rows.
    """

    done: Mapping[tuple[str, str, str], list[Row]]
    redo: str = ""
    dataset: str = ""
    keep: Path | None = None
    skipped: int = 0
    stale: int = 0
    _encoders: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def of(held: Sequence[Row], dataset: str, redo: str = "", keep: Path | None = None) -> Held:
        """Of the rows that a report would find under that data set's name."""
        return Held(rows.current([row for row in held if row.dataset in ("", dataset)]), redo, dataset, keep)

    def remaining(
        self, item: Item, tags: frozenset[str] | None, entry: Entry, lacking: Mapping[str, str]
    ) -> Item | None:
        """What is to be done of an item, None where its row is there, which is counted.

        Metrics that rows have beyond those asked for are computed again, so that the latest is the most complete.
        tags: of the models that may encode; None where only the file will tell.
        """
        if entry.sha256 is None:
            return item
        found = self.done.get((lines.encodable(item.spec), item.device, entry.sha256), [])
        if tags is not None:
            found = [row for row in found if row.tag in tags]
        whole = [row for row in found if set(item.metrics) <= set(row.metrics)]
        fresh = [row for row in whole if not self.is_stale(row)]
        counting = {"": whole, "stale": fresh, "all": []}[self.redo]
        if self.keep is not None and not files(self.keep, self.dataset, entry, item.spec, item.device).are_there():
            counting = []
        if counting and tags is not None:
            self.skipped += 1
            self.stale += not fresh
            return None
        more = {name for row in found for name in row.metrics} - set(lacking)
        every = tuple(name for name in METRICS if name in item.metrics or name in more)
        return replace(item, metrics=every, done_tags=frozenset(row.tag for row in counting))

    def is_stale(self, row: Row) -> bool:
        """Whether another version than the one that is here encoded it; what a row does not say is no reason."""
        if row.versions.get("sccodec", __version__) != __version__:
            return True
        if row.spec not in self._encoders:
            self._encoders[row.spec] = encoder_of(row.spec)
        here = self._encoders[row.spec]
        return bool(row.encoder and here and row.encoder != here)


def encoder_of(spec: str) -> str:
    """The library or the program that encodes for a spec here, with its version; "" where that cannot be said."""
    try:
        parsed = api.parse(spec)
        return api.load(parsed.codec).made_by(parsed)
    except SccodecError:
        return ""


def distinct(entries: Sequence[Entry]) -> list[Entry]:
    """One entry for each file's content, the first by its place; files that cannot be read are all kept."""
    found: dict[str, Entry] = {}
    for entry in entries:
        found.setdefault(entry.sha256 or f"unread {len(found)}", entry)
    return list(found.values())


def rows_are(n: int) -> str:
    return "1 row there is" if n == 1 else f"{n} rows there are"


def remarks(held: Sequence[AnyRow], dataset: Dataset) -> list[str]:
    """What is to be said of rows under the data set's name that are of other pictures than the set's.

    dataset: with the SHA-256 of its files. Rows that state none are not judged.
    """
    known = {entry.sha256 for entry in dataset.entries if entry.sha256}
    names = {entry.name for entry in dataset.entries if entry.sha256}
    ours = [row for row in held if row.dataset == dataset.name and row.sha256 != row.picture]
    others = [row for row in ours if row.sha256 not in known]
    changed = [row for row in others if row.picture in names]
    hint = "--name gives a set a name of its own"
    if changed:
        return [
            f"{rows_are(len(changed))} of pictures that have changed since, or of another set named "
            f"{dataset.name!r}: a report passes over them; {hint}"
        ]
    if ours and len(others) == len(ours) and known:
        n = len({row.sha256 for row in others})
        what = "another picture" if n == 1 else f"{n} other pictures"
        return [f"all rows of {dataset.name!r} there are of {what}: a report takes all for one set; {hint}"]
    return []
