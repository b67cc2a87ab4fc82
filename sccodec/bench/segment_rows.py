"""Rows of segmenters: one a picture and segmenter, in the same files and by the same rules as those of codecs.

`task` is "segment" in their lines. They hold what was counted, not a mean: figures of a set come from the counts of
its pictures, summed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sccodec.bench import lines, rows
from sccodec.bench.lines import CODE, SEGMENT, TASK, AnyRow, Damaged, Notice, OfAnotherKind, count, listed, number, text
from sccodec.codec import Spec
from sccodec.errors import BadInput
from sccodec.metrics.labels import pixel_accuracy

MOST_CLASSES = 256
TOLERANCE = 1e-4
"""How far a line's stated pixel accuracy may be from that of its counts."""

Counts = npt.NDArray[np.int64]
Identity = tuple[str, str, str, str, str]


@dataclass
class SegmentRow(AnyRow):
    """One measurement: a segmenter's map of a picture, against the map that belongs to it.

    spec            segmenter and options: "street", "street:long_side=full,refine=yes"
    through         the spec of the codec that the picture was encoded with and decoded from; "" for the picture
                    itself
    through_tag     of the codec's model; empty for a codec without
    through_encoder the library or program that encoded, with its version, where the codec names one
    labels_sha256   of the map's file
    file_bytes      of the encoded picture; 0 without
    classes         names of the segmenter's classes, by their numbers
    counts          pixels [classes, classes] by class in the given map and class predicted; None after an error
    void            pixels whose number in the given map is no class: they count nowhere
    seconds         to segment, the median of `repeats`, without what load_seconds has
    load_seconds    of the first segmentation in its process, of a tiny picture: libraries, model, session
    parameters      of the segmenter's network; 0 where that is not known
    """

    through: str = ""
    labels_sha256: str = ""
    through_tag: str = ""
    through_encoder: str = ""
    file_bytes: int = 0
    classes: tuple[str, ...] = ()
    counts: Counts | None = None
    void: int = 0
    seconds: float | None = None
    load_seconds: float | None = None
    parameters: int = 0

    @property
    def label(self) -> str:
        """What was done, for a person."""
        return label(self.spec, self.through)

    @property
    def accuracy(self) -> float | None:
        """The share of pixels whose class was predicted, of those that are not void; None where all are."""
        return None if self.counts is None or not self.counts.any() else pixel_accuracy(self.counts)

    def as_dict(self) -> dict[str, object]:
        """The object of its line: every key, in the order of the file. Of the counts, those that are not 0."""
        counts = self.counts
        triples = None if counts is None else [[int(t), int(p), int(counts[t, p])] for t, p in np.argwhere(counts)]
        accuracy = self.accuracy
        return {
            TASK: SEGMENT,
            "spec": self.spec,
            "through": self.through or None,
            "tag": self.tag or None,
            "through_tag": self.through_tag if self.through and self.file_bytes else None,
            "through_encoder": self.through_encoder or None,
            **self.subject(),
            "labels_sha256": self.labels_sha256 or None,
            **self.size(),
            "file_bytes": self.file_bytes or None,
            "classes": list(self.classes),
            "counts": triples,
            "void": None if counts is None else self.void,
            "pixel_accuracy": None if accuracy is None else round(accuracy, 6),
            "seconds": self.seconds,
            "load_seconds": self.load_seconds,
            "parameters": self.parameters or None,
            **self.circumstances(),
        }


def label(spec: str, through: str) -> str:
    return f"{spec} through {through}" if through else spec


def parse(line: str | bytes) -> SegmentRow:
    """The row that a line holds; raises Damaged, and OfAnotherKind for a row of another task.

    Keys may be missing, and others stand there, as in other versions. Sizes and counts are checked against one
    another where the measurement did not fail.
    """
    found = lines.object_of(line)
    if lines.task_of(found) != SEGMENT:
        rows.parse(line)  # raises where it is no row of codecs
        raise OfAnotherKind(CODE)
    spec, picture = lines.names_of(found)
    through = text(found.get("through"))
    row = SegmentRow(canonical(spec), picture, through=rows.canonical(through) if through else "")
    row.take(found)
    row.labels_sha256, row.through_tag = text(found.get("labels_sha256")), text(found.get("through_tag"))
    row.through_encoder, row.file_bytes = text(found.get("through_encoder")), count(found.get("file_bytes")) or 0
    row.classes = tuple(text(name) for name in listed(found.get("classes")))
    row.void, row.parameters = count(found.get("void")) or 0, count(found.get("parameters")) or 0
    row.seconds, row.load_seconds = number(found.get("seconds")), number(found.get("load_seconds"))
    if row.error is None:
        row.counts = counted(found, row)
    return row


def counted(found: Mapping[str, object], row: SegmentRow) -> Counts:
    """The counts of a line; raises Damaged where they are not of its classes, its size and its accuracy."""
    n = len(row.classes)
    if not 1 <= n <= MOST_CLASSES or len(set(row.classes)) < n or not all(row.classes):
        raise Damaged(f"classes is no list of 1 to {MOST_CLASSES} different names")
    counts = np.zeros((n, n), np.int64)
    triples = found.get("counts")
    if not isinstance(triples, list):
        raise Damaged("counts is no list")
    for triple in triples:
        whole = isinstance(triple, list) and len(triple) == 3 and all(type(value) is int for value in triple)
        if not (whole and 0 <= triple[0] < n and 0 <= triple[1] < n and 0 < triple[2] <= lines.LARGEST):
            raise Damaged(f"counts holds {json.dumps(triple)[:40]}, and not class, class and pixels")
        counts[triple[0], triple[1]] += triple[2]
    pixels, total = row.width * row.height, int(counts.sum()) + row.void
    if total != pixels:
        raise Damaged(f"counts {total} pixels, void ones with them, and its picture has {pixels}")
    stated, accuracy = number(found.get("pixel_accuracy")), pixel_accuracy(counts)
    if stated is not None and not abs(stated - accuracy) <= TOLERANCE:
        raise Damaged(f"states a pixel accuracy of {stated:g}, and that of its counts is {accuracy:.4g}")
    return counts


def canonical(spec: str) -> str:
    """The spec in its canonical form; a text that is no spec stays as it is."""
    try:
        return str(canonical_spec(Spec.parse(spec)))
    except BadInput:
        return spec


def canonical_spec(spec: Spec) -> Spec:
    """The one spec of all that ask for the same: what a segmenter does unasked is no part of it."""
    settled = {"long_side": {"0": "full"}}
    options = [(key, settled.get(key, {}).get(value, value)) for key, value in spec.canonical().options]
    return Spec(spec.codec, spec.variant, tuple(option for option in options if option != ("refine", "no")))


def read(path: Path, notice: Notice) -> list[SegmentRow]:
    """The rows of a file that are of segmenters, as sccodec.bench.lines.read_kind() has it."""
    return lines.read_kind(path, parse, notice)


def identity(row: SegmentRow) -> Identity:
    """What makes two rows measurements of the same; the models' tags are apart."""
    return row.spec, row.through, row.device, row.sha256, row.labels_sha256


def current(held: Sequence[SegmentRow]) -> dict[Identity, list[SegmentRow]]:
    """The rows without error by identity, the latest last."""
    found: dict[Identity, list[SegmentRow]] = {}
    for row in held:
        if row.error is None:
            found.setdefault(identity(row), []).append(row)
    return found
