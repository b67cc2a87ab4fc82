"""Rows of segmenters: one a picture and segmenter, in the same files and by the same rules as those of codecs.

`task` is "segment" in their lines. They hold what was counted, not a mean: figures of a set come from the counts of
its pictures, summed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sccodec.bench import rows
from sccodec.bench.rows import TASK, Damaged, Notice, OfAnotherKind, count, listed, now, number, positive, text, texts
from sccodec.codec import Spec
from sccodec.errors import BadInput
from sccodec.metrics.labels import pixel_accuracy

SEGMENT = "segment"
"""The task that these rows are of."""
MOST_CLASSES = 256
TOLERANCE = 1e-4
"""How far a line's stated pixel accuracy may be from that of its counts."""

Counts = npt.NDArray[np.int64]
Identity = tuple[str, str, str, str, str]


@dataclass
class SegmentRow:
    """One measurement: a segmenter's map of a picture, against the map that belongs to it.

    spec            segmenter and options, in canonical form: "street", "street:long_side=full,refine=yes"
    through         the spec of the codec that the picture was encoded with and decoded from; "" for the picture
                    itself
    tag             of the segmenter's model, hexadecimal
    through_tag     of the codec's model; empty for a codec without
    through_encoder the library or program that encoded, with its version, where the codec names one
    dataset         the name of the set of pictures
    picture         the picture's name in it
    sha256          of the picture's file
    labels_sha256   of the map's file
    width, height   pixels
    file_bytes      of the encoded picture; 0 without
    classes         names of the segmenter's classes, by their numbers
    counts          pixels [classes, classes] by class in the given map and class predicted; None after an error
    void            pixels whose number in the given map is no class: they count nowhere
    seconds         to segment, the median of `repeats`, without what load_seconds has
    load_seconds    of the first segmentation in its process, of a tiny picture: libraries, model, session
    parameters      of the segmenter's network; 0 where that is not known
    repeats         how often the segmentation was timed
    threads         that the process was given
    device          cpu, or a CUDA device
    processor       the CPU's name, as far as the system tells
    versions        of packages, by their names
    notes           what was to be said about the picture, when it was read, by the codec and by the segmenter
    time            when it was measured, UTC
    error           what failed, in one line; otherwise None
    """

    spec: str
    picture: str
    through: str = ""
    dataset: str = ""
    sha256: str = ""
    labels_sha256: str = ""
    tag: str = ""
    through_tag: str = ""
    through_encoder: str = ""
    width: int = 0
    height: int = 0
    file_bytes: int = 0
    classes: tuple[str, ...] = ()
    counts: Counts | None = None
    void: int = 0
    seconds: float | None = None
    load_seconds: float | None = None
    parameters: int = 0
    repeats: int = 0
    threads: int = 0
    device: str = ""
    processor: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    time: str = field(default_factory=now)
    error: str | None = None

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
            "dataset": self.dataset,
            "picture": self.picture,
            "sha256": self.sha256 or None,
            "labels_sha256": self.labels_sha256 or None,
            "width": self.width or None,
            "height": self.height or None,
            "file_bytes": self.file_bytes or None,
            "classes": list(self.classes),
            "counts": triples,
            "void": None if counts is None else self.void,
            "pixel_accuracy": None if accuracy is None else round(accuracy, 6),
            "seconds": self.seconds,
            "load_seconds": self.load_seconds,
            "parameters": self.parameters or None,
            "repeats": self.repeats,
            "threads": self.threads,
            "device": self.device,
            "processor": self.processor,
            "versions": self.versions,
            "notes": self.notes,
            "time": self.time,
            "error": self.error,
        }


def label(spec: str, through: str) -> str:
    return f"{spec} through {through}" if through else spec


def parse(line: str | bytes) -> SegmentRow:
    """The row that a line holds; raises Damaged, and OfAnotherKind for a row of another task.

    Keys may be missing, and others stand there, as in other versions. Sizes and counts are checked against one
    another where the measurement did not fail.
    """
    found = rows.object_of(line)
    if found.get(TASK) != SEGMENT:
        rows.parse(line)  # raises where it is no row at all
        raise OfAnotherKind("of a codec")
    spec, picture = text(found.get("spec")), text(found.get("picture"))
    if not spec or not picture:
        raise Damaged("states no spec and picture")
    through, error = text(found.get("through")), rows.said(found.get("error"))
    row = SegmentRow(
        spec=canonical(spec),
        picture=picture,
        through=rows.canonical(through) if through else "",
        dataset=text(found.get("dataset")),
        sha256=text(found.get("sha256")) or picture,
        labels_sha256=text(found.get("labels_sha256")),
        tag=text(found.get("tag")),
        through_tag=text(found.get("through_tag")),
        through_encoder=text(found.get("through_encoder")),
        file_bytes=count(found.get("file_bytes")) or 0,
        classes=tuple(text(name) for name in listed(found.get("classes"))),
        void=count(found.get("void")) or 0,
        seconds=number(found.get("seconds")),
        load_seconds=number(found.get("load_seconds")),
        parameters=count(found.get("parameters")) or 0,
        repeats=count(found.get("repeats")) or 0,
        threads=count(found.get("threads")) or 0,
        device=text(found.get("device")),
        processor=text(found.get("processor")),
        versions=texts(found.get("versions")),
        notes=[text(note) for note in listed(found.get("notes"))],
        time=text(found.get("time")),
        error=error,
    )
    if error is None:
        row.width, row.height = positive(found, "width"), positive(found, "height")
        row.counts = counted(found, row)
    else:
        row.width, row.height = (count(found.get(key)) or 0 for key in ("width", "height"))
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
        if not (whole and 0 <= triple[0] < n and 0 <= triple[1] < n and 0 < triple[2] <= rows.LARGEST):
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
    """The rows of a file that are of segmenters, as sccodec.bench.rows.read_kind() has it."""
    return rows.read_kind(path, parse, notice)


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
