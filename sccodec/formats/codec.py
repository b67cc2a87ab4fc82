"""What the codecs of public formats share: options, errors, and decoding of whatever others wrote in those formats.

    x -> the format's library, or its program -> a file as everybody else reads it -> x_hat

Such a file has no container of ours, no tag and no check of its own: a changed byte may decode to another picture, as
it does everywhere. A file that is cut short is refused.
"""

from __future__ import annotations

import io
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

from PIL import Image

from sccodec import container, image
from sccodec.codec import Codec, Encoder, Info, Notice, Options, Picture, Rate, Reading, Spec
from sccodec.errors import BadInput, CodecUnavailable, Corrupt, SccodecError, TooLarge
from sccodec.formats import files

Result = TypeVar("Result")


@dataclass(frozen=True)
class Asked:
    """Options as they were written in a spec, and the quality 0..100 or None; each method raises BadInput.

    rates: the codec's options that set the rate.
    """

    options: Mapping[str, str]
    quality: float | None
    rates: Sequence[Rate]

    def number(self, key: str, low: float, high: float, default: float) -> float:
        """A number from low to high."""
        text = self.options.get(key)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise BadInput(f"{key} is {text!r}, it must be a number from {low:g} to {high:g}")
        return value

    def whole(self, key: str, low: int, high: int, default: int) -> int:
        """A whole number from low to high."""
        value = self.number(key, low, high, default)
        if value != int(value):
            raise BadInput(f"{key} is {self.options[key]!r}, it must be a whole number from {low} to {high}")
        return int(value)

    def rate(self, key: str, default: float) -> float:
        """An option that sets the rate, within its range."""
        return self.number(key, *self.range(key), default)

    def range(self, key: str) -> tuple[float, float]:
        return next((rate.low, rate.high) for rate in self.rates if rate.name == key)

    def word(self, key: str, *known: str) -> str:
        """One of the known words, the first of them where the spec does not say."""
        value = self.options.get(key, known[0])
        if value not in known:
            raise BadInput(f"{key} is {value!r}, it must be one of: {', '.join(known)}")
        return value

    def scale(self, key: str, of_quality: Callable[[float], float], default: float) -> float:
        """A setting on a format's own scale: as the spec states it, or by the quality 0..100, which is default else."""
        if key not in self.options:
            return of_quality(default if self.quality is None else self.quality)
        if self.quality is not None:
            raise BadInput(f"the quality is given twice, as {self.quality:g} and as {key}={self.options[key]}")
        return self.rate(key, default)

    def whole_scale(self, key: str, of_quality: Callable[[float], float], default: float) -> int:
        """The same on a scale of whole numbers: the nearest to what the quality asks for, the upper of two."""
        value = self.scale(key, of_quality, default)
        low, high = self.range(key)
        return self.whole(key, int(low), int(high), 0) if key in self.options else nearest(value)

    def chroma(self, *known: str) -> str:
        """The chroma format, "444" or "420", the first of the known by default; its option has two names."""
        if "subsampling" not in self.options:
            return self.word("chroma", *known)
        if "chroma" in self.options:
            raise BadInput("chroma and subsampling are two names of one option: give one of them")
        return self.word("subsampling", *known)


class FormatCodec(Codec[bytes]):
    """A codec whose files are of a public format. Subclasses write, and say what encodes.

    max_side: the longest side that the format holds.
    """

    native = True
    max_side = container.MAX_SIDE

    @abstractmethod
    def write(self, picture: Picture, asked: Asked, notice: Notice) -> bytes:
        """The file; whatever it raises is made a BadInput, but for MemoryError and errors of ours."""

    def pixels(self, data: bytes, notice: Notice, options: Options) -> Picture:
        """The picture of a file whose size was checked; whatever it raises is made a Corrupt, likewise."""
        return image.load(data, notice, options.max_pixels)

    def size(self, data: bytes) -> tuple[int, int]:
        """Width and height as the file states them; errors as for pixels()."""
        return image.size(data)

    def overhead(self, data: bytes) -> int:
        """Bytes that are known not to be coded picture."""
        return 0

    def details(self, data: bytes) -> dict[str, object]:
        """What else there is to say about a file."""
        return {}

    def check(self, spec: Spec) -> None:
        if spec.variant is not None:
            raise BadInput(f"{self.name} has no variants: write {self.name}, or {self.name}:option=value")
        super().check(spec)

    def encoder(self, picture: Picture, spec: Spec, notice: Notice, options: Options) -> Encoder:
        self.check(spec)
        height, width = picture.shape[:2]
        if max(height, width) > self.max_side:
            raise BadInput(f"the picture is {width}x{height} pixels, {self.name} holds {self.max_side} a side")

        def encode(quality: float | None) -> bytes:
            asked = Asked(dict(spec.options), quality, self.rates)
            file = encoding(
                lambda: self.write(picture, asked, notice), f"{self.name} cannot hold the picture ({width}x{height})"
            )
            self.check_written(file, width, height)
            return file

        return encode

    def check_written(self, file: bytes, width: int, height: int) -> None:
        """Raise BadInput for a file that would not be read again, or that states another size."""
        try:
            stated = self.checked_size(file, Options(max_pixels=width * height))
        except SccodecError as error:
            raise BadInput(f"{self.name} cannot hold the picture ({width}x{height}): {error}") from None
        if stated != (width, height):
            made = f"{stated[0]}x{stated[1]}"
            raise BadInput(f"{self.name} made a file of {made} pixels of a picture of {width}x{height}")

    def read(self, file: bytes, notice: Notice, options: Options) -> FormatReading:
        return FormatReading(self, file, *self.checked_size(file, options), notice, options)

    def checked_size(self, data: bytes, options: Options) -> tuple[int, int]:
        """Width and height; raises BadStream for no whole file of this format, and beyond options.max_pixels."""
        if files.recognise(data[: files.START_BYTES]) != self.name:
            raise Corrupt(f"the file is not one of {self.name}")
        files.check_whole(data)
        width, height = decoding(lambda: self.size(data))
        if min(width, height) < 1:
            raise Corrupt("the file is damaged: it states a picture without pixels")
        if too_much := container.excess(width, height, options.max_pixels):
            raise TooLarge(f"the file states {too_much}")
        return width, height


@dataclass(frozen=True)
class FormatReading(Reading):
    """A file of a public format, of which the size is known."""

    codec: FormatCodec
    data: bytes
    width: int
    height: int
    notice: Notice
    options: Options

    def info(self) -> Info:
        codec, data = self.codec, self.data
        overhead = decoding(lambda: codec.overhead(data))
        made_by = f"not recorded in the file; here it is {codec.made_by(Spec(codec.name))}"
        return Info(
            codec=codec.name,
            variant="",
            tag="",
            width=self.width,
            height=self.height,
            file_bytes=len(data),
            bpp=8 * len(data) / (self.width * self.height),
            overhead_bytes=overhead,
            sections=[("file", float(len(data) - overhead))],
            details={"encoder": made_by} | codec.details(data),
        )

    def picture(self) -> Picture:
        return decoding(lambda: self.codec.pixels(self.data, self.notice, self.options))


def encoding(work: Callable[[], Result], what: str) -> Result:
    """What work() gives; what libraries raise, and they raise anything, becomes BadInput with `what` before it."""
    try:
        return work()
    except (MemoryError, SccodecError):
        raise
    except Exception as error:
        raise BadInput(f"{what}: {said(error)}") from error


def decoding(work: Callable[[], Result]) -> Result:
    """What work() gives; what libraries raise becomes Corrupt."""
    what = "the file is damaged, or of a kind that is not supported"
    try:
        return work()
    except BadInput as error:  # from sccodec.image, which takes what it reads for the caller's
        raise Corrupt(said(error)) from None
    except (MemoryError, SccodecError):
        raise
    except Exception as error:
        raise Corrupt(f"{what}: {said(error)}") from error


def said(error: Exception) -> str:
    """What a library said, in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def by_pillow(picture: Picture, file_format: str, **options: object) -> bytes:
    """The file that Pillow writes."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, file_format, **options)
    return buffer.getvalue()


def pillow_and(feature: str, library: str) -> str:
    """Pillow's version, and that of the library that it was built with."""
    from PIL import __version__, features

    return f"Pillow {__version__}, {library} {features.version(feature) or 'of unknown version'}"


def pillow_heif(codec: str) -> ModuleType:
    """The package, which is imported for HEVC alone; raises CodecUnavailable."""
    try:
        import pillow_heif as library
    except ImportError as error:
        raise CodecUnavailable(f"{codec} needs pillow-heif: {said(error)}; pip install pillow-heif") from None
    return library


def pillow_heif_and_x265(codec: str) -> str:
    """pillow-heif's version, and those of what it was built with; raises CodecUnavailable."""
    library = pillow_heif(codec)
    found = library.libheif_info()
    return f"pillow-heif {library.__version__}, libheif {found.get('libheif')}, {found.get('HEIF')}"


def nearest(value: float) -> int:
    """The nearest whole number, the upper of two."""
    return math.floor(value + 0.5)
