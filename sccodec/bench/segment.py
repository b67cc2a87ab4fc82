"""One picture through one segmenter: segment it, count pixels against its map, and make a row of it.

    picture -> (encode -> bytes -> decode, where a codec is named) -> segment, three times -> counts -> row

Whatever fails makes a row, too. What a segmenter loads is timed apart, on a tiny picture, once in a process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from sccodec import api, engine
from sccodec.bench.entries import Entry
from sccodec.bench.gauge import one_line
from sccodec.bench.labelled import Pair, matching
from sccodec.bench.measure import PACKAGES, TINY, timed, versions
from sccodec.bench.processes import Work
from sccodec.bench.segment_rows import SegmentRow
from sccodec.codec import Options, Picture, Spec
from sccodec.errors import SccodecError
from sccodec.labels import segmenters
from sccodec.labels.segmenters import Segmenter
from sccodec.metrics.labels import confusion

FULL = 0
"""A long side that stands for the picture's own size."""


@dataclass(frozen=True)
class Item:
    """One segmenter for one picture. through: the spec of a codec, or "". device: where the segmenter runs."""

    spec: str
    through: str = ""
    device: str = "cpu"


@dataclass(frozen=True)
class Setup(Work[Pair, Item, SegmentRow]):
    """What all measurements of a run share.

    classes: names of those of the data set, where they are known; otherwise the segmenter's stand in the rows. options:
    as they were asked for, for reading pictures and for codecs. threads: of each process.
    """

    dataset: str
    classes: tuple[str, ...]
    options: Options
    repeats: int
    threads: int
    processor: str = ""

    def blank(self, entry: Pair, item: Item) -> SegmentRow:
        """A row with what is known before the work."""
        return SegmentRow(
            spec=item.spec,
            through=item.through,
            dataset=self.dataset,
            picture=entry.name,
            sha256=entry.picture.sha256 or "",
            labels_sha256=(entry.labels.sha256 if entry.labels else "") or "",
            repeats=self.repeats,
            threads=self.threads,
            device=item.device,
            processor=self.processor,
        )

    @contextmanager
    def measuring(self) -> Iterator[Callable[[Pair, Item], SegmentRow | None]]:
        """A Measurer of this process."""
        yield Measurer(self).measure


@dataclass(frozen=True)
class Seen:
    """What a segmenter is given: the picture, or what came of it in a codec, of which the rest is told."""

    picture: Picture
    notes: tuple[str, ...] = ()
    file_bytes: int = 0
    tag: str = ""
    encoder: str = ""


@dataclass(frozen=True)
class Loaded:
    """A segmenter that is ready, and how long that took; or what keeps it from being so."""

    segmenter: Segmenter | None = None
    parameters: int = 0
    seconds: float = 0.0
    failure: SccodecError | None = None


@dataclass
class Measurer:
    """Measures in this process; keeps the picture it had last, what codecs made of it, and the segmenters."""

    setup: Setup
    _loaded: dict[tuple[str, str], Loaded] = field(default_factory=dict)
    _entry: Entry | None = None
    _seen: dict[str, Seen] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)

    def measure(self, pair: Pair, item: Item) -> SegmentRow:
        """The row of one measurement."""
        row = self.setup.blank(pair, item)
        try:
            original = self._see(pair.picture, "")
            row.height, row.width = original.picture.shape[:2]
            truth = matching(pair, row.width, row.height)
            loaded = self._load(item)
            if loaded.segmenter is None:
                raise loaded.failure or SccodecError("the segmenter is not there")
            self._fill(row, loaded, item, truth, self._see(pair.picture, item.through))
        except Exception as error:
            row.error = one_line(error) or type(error).__name__
            row.counts = None
        self._versions = self._versions or known_versions()
        row.versions = self._versions
        return row

    def _fill(self, row: SegmentRow, loaded: Loaded, item: Item, truth: Picture, seen: Seen) -> None:
        segmenter = loaded.segmenter
        assert segmenter is not None
        row.tag, row.parameters, row.load_seconds = segmenter.tag, loaded.parameters, loaded.seconds
        row.classes = self.setup.classes or tuple(segmenter.names)
        row.file_bytes, row.through_tag, row.through_encoder = seen.file_bytes, seen.tag, seen.encoder
        work = segmentation(segmenter, Spec.parse(item.spec), seen.picture, self.setup.options)
        done = timed(work, self.setup.repeats, np.array_equal)
        notes = [*seen.notes] + ([] if done.steady else ["the segmenter does not give the same map each time"])
        row.notes = list(dict.fromkeys(" ".join(note.split()) for note in notes))[:10]
        if done.result.shape != truth.shape or done.result.dtype != np.uint8:
            found = f"{done.result.dtype} {done.result.shape}"
            raise SccodecError(f"the segmenter gives {found} for a picture of {truth.shape}, and must give uint8")
        row.counts = confusion(done.result, truth, len(row.classes))
        row.void = truth.size - int(row.counts.sum())
        row.seconds = done.seconds

    def _see(self, entry: Entry, through: str) -> Seen:
        """The picture as the segmenter gets it; each is made once."""
        if entry != self._entry:
            self._entry, self._seen = None, {}
            notes: list[str] = []
            picture = api.load_picture(entry.read(), notes.append, self.setup.options)
            self._entry, self._seen = entry, {"": Seen(picture, tuple(notes))}
        if through not in self._seen:
            self._seen[through] = decoded(self._seen[""], through, self.setup.options)
        return self._seen[through]

    def _load(self, item: Item) -> Loaded:
        """Segment a tiny picture, once for each segmenter; an error of the installation is for all pictures."""
        name = Spec.parse(item.spec).codec
        if (name, item.device) not in self._loaded:
            tiny = np.zeros((TINY, TINY, 3), np.uint8)
            started = time.perf_counter()
            try:
                segmenter = segmenters.find(name, item.device)
                segmenter.segment(tiny)
                seconds = time.perf_counter() - started
                loaded = Loaded(segmenter, segmenter.parameters, seconds)
            except SccodecError as error:
                loaded = Loaded(failure=error)
            self._loaded[name, item.device] = loaded
        return self._loaded[name, item.device]


def segmentation(segmenter: Segmenter, spec: Spec, picture: Picture, limits: Options) -> Callable[[], Picture]:
    """What segments the picture as a spec asks for it."""
    options = dict(spec.options)
    side = options.get("long_side")
    refine, long_side = options.get("refine") == "yes", None if side is None else FULL if side == "full" else int(side)
    return lambda: segmenter.segment(picture, refine=refine, long_side=long_side, max_pixels=limits.max_pixels)


def decoded(original: Seen, through: str, options: Options) -> Seen:
    """The picture after a codec; raises what that raises."""
    notes = list(original.notes)
    job = api.prepare(original.picture, through, None, notes.append, options)
    data = job.encode()
    reading = api.read(data, notice=notes.append, options=options)
    picture = reading.picture()
    if picture.shape != original.picture.shape:
        raise SccodecError(f"{through} decodes to {picture.shape}, and the picture was {original.picture.shape}")
    return Seen(picture, tuple(notes), len(data), reading.info().tag, job.codec.made_by(job.spec))


def known_versions() -> dict[str, str]:
    """Of this package and of those that take part."""
    from sccodec import __version__

    return {"sccodec": __version__} | versions(PACKAGES)


def device_of(options: Options) -> str:
    """Where segmenters run."""
    return engine.find_device(options.device)
