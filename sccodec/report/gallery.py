"""Pictures beside what their files decode to, at sizes as close to one another as the codecs come, for the page.

Every figure is of the real file and of the picture that it decodes to. The page shows copies of both, as WebP (JPEG
where Pillow has none) and within a number of bytes.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, features

from sccodec import api, fit
from sccodec.codec import Notice, Options, Picture
from sccodec.errors import SccodecError
from sccodec.metrics.table import METRICS
from sccodec.notices import once
from sccodec.report.curves import split

QUALITIES = (95, 90, 80, 70, 60, 50, 40, 30)
MOST_SIDE = 1600
"""Pixels: larger pictures are shown reduced."""
LEAST_BYTES_A_PIXEL = 0.12
"""Where there are fewer bytes for a copy than that, it is reduced."""
LOSSLESS_PIXELS = 2**18
TOLERANCE = 0.05
"""How far below the target a file may be without a remark, as a fraction."""

Figures = Mapping[str, float]
Measure = Callable[[Picture], Figures]


@dataclass(frozen=True)
class Shown:
    """A file and what it decodes to. quality: None where the spec states its own setting. off: how it misses the
    target, or ""."""

    name: str
    spec: str
    quality: float | None
    data: bytes
    picture: Picture
    figures: Figures
    off: str

    @property
    def bpp(self) -> float:
        height, width = self.picture.shape[:2]
        return float(8 * len(self.data) / (width * height))


@dataclass(frozen=True)
class Target:
    """What several codecs made of a picture for one number of bytes; failed: (name, error in one line)."""

    n_bytes: int
    shown: Sequence[Shown]
    failed: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Entry:
    """A picture for the page: JSON in the shape that the script reads."""

    name: str
    content: Mapping[str, object]

    def as_dict(self) -> Mapping[str, object]:
        return self.content


def at_size(
    picture: Picture,
    specs: Mapping[str, str],
    n_bytes: int,
    measure: Measure,
    notice: Notice,
    options: Options,
    advance: Callable[[], None] = lambda: None,
) -> Target:
    """Encode with each of the specs, by their names, towards n_bytes, and decode; a failure is noted and passed over.

    advance: called after each of them.

    A codec's file is its best of at most n_bytes; its smallest where all are larger; that of its own setting where
    the spec states one. The last two are marked, and so is a file that is more than TOLERANCE smaller.
    """
    shown, failed = [], []
    for name, spec in specs.items():
        try:
            data, quality, off = encoded(picture, spec, n_bytes, notice, options)
            decoded = api.decode(data, notice=notice, options=options)
        except SccodecError as error:
            failed.append((name, " ".join(str(error).split())))
            continue
        finally:
            advance()
        shown.append(Shown(name, spec, quality, data, decoded, measure(decoded), off))
    return Target(n_bytes, shown, failed)


def encoded(
    picture: Picture, spec: str, n_bytes: int, notice: Notice, options: Options
) -> tuple[bytes, float | None, str]:
    """The file, the quality that was found for it, and in words how it misses the target."""
    job = api.prepare(picture, spec, None, once(notice), options)
    if split(spec)[1]:
        data = job.encode()
        return data, job.quality, missed(len(data), n_bytes, "the spec states its own setting")
    smallest: tuple[bytes, float] | None = None
    encoder = job.encoder()

    def remembering(quality: float) -> bytes:
        nonlocal smallest
        data = encoder(quality)
        if smallest is None or len(data) < len(smallest[0]):
            smallest = data, quality
        return data

    best, _ = fit.search(remembering, job.codec.qualities(), n_bytes)
    if best is None:
        assert smallest is not None, "one quality at least was tried"
        return *smallest, missed(len(smallest[0]), n_bytes, "its smallest file")
    data, quality = best
    last = quality == max(job.codec.qualities())
    return data, quality, missed(len(data), n_bytes, "its best file" if last else "")


def missed(n_bytes: int, aim: int, why: str) -> str:
    """How far a size is from the aim, or "" where it is at most TOLERANCE below."""
    if (1 - TOLERANCE) * aim <= n_bytes <= aim:
        return ""
    times = n_bytes / aim
    far = f"{times:.3g} times" if times >= 2 else f"{100 * abs(times - 1):.0f} % {'above' if times > 1 else 'below'}"
    far += " the size aimed at"
    return f"{why}, {far}" if why else far


def gauge(original: Picture, names: Sequence[str]) -> Measure:
    """A function that measures decoded pictures against the original; what cannot be measured is left out."""
    from sccodec.bench.gauge import LocalGauge

    local = LocalGauge()
    local.refer(original)

    def measure(decoded: Picture) -> Figures:
        values = local.measure(decoded, names).values
        return {key: value for key, value in values.items() if value is not None}

    return measure


def described(figures: Figures) -> list[str]:
    """The figures as texts, in the order of METRICS."""
    texts = []
    for key, metric in METRICS.items():
        if key in figures:
            texts.append(f"{metric.label} {metric.quantity(figures[key])}")
    return texts


def table(found: Target) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table of what was measured."""
    keys = [key for key in METRICS if any(key in s.figures for s in found.shown)]
    titles = [METRICS[k].title for k in keys]
    rows = []
    for s in found.shown:
        figures = [METRICS[k].number(s.figures.get(k)) for k in keys]
        quality = "–" if s.quality is None else f"{s.quality:.6g}"
        rows.append([s.name, s.off, quality, f"{len(s.data)}", f"{s.bpp:.4f}", *figures])
    return ["codec", "off the target", "-q", "bytes", "bpp", *titles], rows


def entry(name: str, original: Picture, targets: Sequence[Target], n_bytes: int, remark: str = "") -> Entry:
    """A picture for the page, all copies together of about n_bytes in the page at most. remark: a sentence under it."""
    n_copies = 1 + sum(len(t.shown) for t in targets)
    embed = Embedder(original, n_bytes * 3 // 4 // n_copies)
    height, width = original.shape[:2]
    content: dict[str, object] = {"name": name, "width": width, "height": height, "image": embed(original)}
    content["targets"] = [
        {
            "bytes": t.n_bytes,
            "bpp": float(f"{8 * t.n_bytes / (width * height):.6g}"),
            "failed": [{"name": n, "error": error} for n, error in t.failed],
            "items": [
                {
                    "name": s.name,
                    "spec": s.spec + ("" if s.quality is None or "q=" in s.spec else f", -q {s.quality:.6g}"),
                    "bytes": len(s.data),
                    "bpp": float(f"{s.bpp:.6g}"),
                    "figures": described(s.figures),
                    "off": s.off,
                    "image": embed(s.picture),
                }
                for s in t.shown
            ],
        }
        for t in targets
    ]
    return Entry(name, content | {"shown": f"{remark} {embed.said()}".strip()})


class Embedder:
    """Makes ``data:`` URLs of pictures of one size, each of about n_bytes at most before base64."""

    def __init__(self, original: Picture, n_bytes: int) -> None:
        height, width = original.shape[:2]
        most_pixels = n_bytes / LEAST_BYTES_A_PIXEL
        self._scale = min(1.0, MOST_SIDE / max(width, height), (most_pixels / (width * height)) ** 0.5)
        self._size = max(1, round(width * self._scale)), max(1, round(height * self._scale))
        self._n_bytes = n_bytes
        self._format = "WEBP" if features.check("webp") else "JPEG"
        self._used: set[int | None] = set()

    def __call__(self, picture: Picture) -> str:
        image = Image.fromarray(picture)
        if self._scale < 1:
            image = image.resize(self._size, Image.Resampling.LANCZOS)
        data = self._small(image)
        return f"data:image/{self._format.lower()};base64,{base64.b64encode(data).decode('ascii')}"

    def _small(self, image: Image.Image) -> bytes:
        if self._format == "WEBP" and image.width * image.height <= LOSSLESS_PIXELS:
            data = written(image, "WEBP", lossless=True, quality=40, method=2)
            if len(data) <= self._n_bytes:
                self._used.add(None)
                return data
        for quality in QUALITIES:
            data = written(image, self._format, quality=quality)
            if len(data) <= self._n_bytes or quality == QUALITIES[-1]:
                break
        self._used.add(quality)
        return data

    def said(self) -> str:
        """What the copies are, in a sentence for the page."""
        name = {"WEBP": "WebP", "JPEG": "JPEG"}[self._format]
        lossy = sorted(q for q in self._used if q is not None)
        how = "without loss" if not lossy else f"in quality {lossy[0]}" + (f" to {lossy[-1]}" if lossy[1:] else "")
        size = f", reduced to {self._size[0]}×{self._size[1]} pixels" if self._scale < 1 else ""
        return f"The page shows copies as {name} {how}{size}; all figures are of the files themselves."


def written(image: Image.Image, file_format: str, **options: float) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()
