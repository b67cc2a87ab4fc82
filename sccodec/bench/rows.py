"""Rows of codecs: what `sccodec bench` writes of them and `sccodec report` reads.

Row says what a line holds; as_dict() writes it, and parse() reads it and checks it, whoever asks. What could not be
measured is null, and `reasons` says why, by the name of the metric. How lines are kept says sccodec.bench.lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sccodec.bench import lines
from sccodec.bench.lines import CODE, Damaged, JudgedRow, Notice, OfAnotherKind, count, listed, number, text
from sccodec.bench.lines import EQUAL as EQUAL
from sccodec.bench.lines import NOT_ASKED as NOT_ASKED
from sccodec.bench.lines import append as append
from sccodec.bench.lines import line_of as line_of
from sccodec.codec import Spec
from sccodec.errors import BadInput

COSTS = ("encode_seconds", "decode_seconds", "load_seconds", "peak_rss_bytes")
BPP_TOLERANCE = 0.01
"""How far, relatively, a line's stated bpp may be from 8 * file_bytes / (width * height)."""


@dataclass
class Row(JudgedRow):
    """One measurement: a codec on a picture.

        spec            codec, variant and options
        encoder         the library or program that encoded, with its version, where the codec names one
        file_bytes      of the encoded file
        overhead_bytes  those of them that are not entropy-coded picture; None before the file was decoded
        sections        what the others are of: names, and bytes
        threads         libraries of AVIF, HEIC and BPG take as many as they find cores

    COSTS: encode_seconds and decode_seconds are medians of `repeats`, without what load_seconds has: the first encoding
    and decoding in a process, of a tiny picture, which load libraries, model and session. peak_rss_bytes is the most
    memory that the process had while it encoded and decoded, all of it; programs have none.
    """

    encoder: str = ""
    file_bytes: int = 0
    overhead_bytes: int | None = None
    sections: list[tuple[str, float]] = field(default_factory=list)

    @property
    def bpp(self) -> float:
        """Bits per pixel; 0 without a file."""
        return 8 * self.file_bytes / (self.height * self.width) if self.file_bytes else 0.0

    def as_dict(self) -> dict[str, object]:
        """The object of its line: every key, in the order of the file."""
        return {
            "spec": self.spec,
            "encoder": self.encoder or None,
            "tag": self.tag if self.overhead_bytes is not None else None,
            **self.subject(),
            **self.size(),
            "file_bytes": self.file_bytes or None,
            "overhead_bytes": self.overhead_bytes,
            "sections": [{"name": name, "bytes": round(n_bytes, 1)} for name, n_bytes in self.sections],
            "bpp": self.bpp or None,
            **self.judgement(),
            **{key: self.figure(key) for key in COSTS[:3]},
            "repeats": self.repeats,
            "peak_rss_bytes": self.figure("peak_rss_bytes"),
            **self.circumstances(),
        }


def parse(line: str | bytes) -> Row:
    """The row that a line holds; raises Damaged. Keys may be missing, and others stand there, as in other versions.

    Sizes are checked where the measurement did not fail.
    """
    found = lines.object_of(line)
    if lines.task_of(found) != CODE:
        raise OfAnotherKind(lines.task_of(found))
    spec, picture = lines.names_of(found)
    row = Row(canonical(spec), picture, encoder=text(found.get("encoder")))
    row.take(found)
    row.take_figures(found, COSTS)
    row.overhead_bytes, row.sections = count(found.get("overhead_bytes")), sections(found.get("sections"))
    row.file_bytes = row.sized(found, "file_bytes")
    stated = number(found.get("bpp"))
    if row.error is None and stated is not None and abs(stated - row.bpp) > BPP_TOLERANCE * row.bpp:
        size = f"{row.file_bytes} bytes of {row.width}x{row.height} pixels"
        raise Damaged(f"states {stated:g} bpp, but {size} are {row.bpp:.4g}")
    return row


def canonical(spec: str) -> str:
    """The spec in its canonical form, so that rows of the same are found; a text that is no spec stays as it is."""
    try:
        return str(Spec.parse(spec).canonical())
    except BadInput:
        return spec


def sections(value: object) -> list[tuple[str, float]]:
    """Names and bytes of a list of objects."""
    objects = [item for item in listed(value) if isinstance(item, dict)]
    return [(text(item.get("name")), number(item.get("bytes")) or 0.0) for item in objects]


def read(path: Path, notice: Notice) -> list[Row]:
    """The rows of a file that are of codecs, as lines.read_kind() has it."""
    return lines.read_kind(path, parse, notice)


def identity(row: Row) -> tuple[str, str, str]:
    """What makes two rows measurements of the same: spec, device, SHA-256 of the picture. The tag is apart."""
    return row.spec, row.device, row.sha256


def current(rows: list[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """The rows without error by identity, the latest last."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.error is None:
            found.setdefault(identity(row), []).append(row)
    return found
