"""What Pillow reads and no other reader takes: GIF, BMP, ICO, TGA, PSD, PPM, WebP, and ordinary files of the others.

Which of Pillow's readers takes a file depends on the file alone, not on what was opened before: those that know their
files by the first bytes are asked first, in the order of their names, and those that take anything come last.
"""

from __future__ import annotations

import functools
import importlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sccodec.errors import BadInput
from sccodec.image.colour import Colour, Notice, Samples
from sccodec.image.raster import TURNED, Raster

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

ORIENTATION = 0x0112
"""EXIF's tag."""
EXIF = b"Exif\0\0"
"""The mark before EXIF data, where there is one."""
NO_EXIF = "the EXIF data cannot be read, and are left out"
SEVERAL = "the file holds several pictures: the first is used"
START = 16
"""Bytes by which Pillow's readers know their files."""
_LIMIT = threading.RLock()  # guards Image.MAX_IMAGE_PIXELS, which is one for all threads
if hasattr(os, "register_at_fork"):  # no process begins with the lock held, nor without the limit
    os.register_at_fork(before=_LIMIT.acquire, after_in_parent=_LIMIT.release, after_in_child=_LIMIT.release)
_WITHOUT_MARK = ("TGA", "PCD", "XVTHUMB", "IPTC", "FPX", "MIC")
"""Readers that take files by little or nothing."""
COMMON = {b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"RIFF": "WEBP"}
"""Formats that are known at once: asking all readers takes tens of milliseconds."""
PLUGINS = {
    "AVIF": "AvifImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
    "TIFF": "TiffImagePlugin",
    "WEBP": "WebPImagePlugin",
}
"""The modules of formats that Pillow would import together with all others."""
_LEFT_OUT = ("EPS", "WMF", "HDF5", "BUFR", "GRIB", "MPEG", "PDF")
"""Readers that decode nothing by themselves, or have another program do it."""
_MODELS = {"L": "grey", "LA": "grey", "RGB": "rgb", "RGBA": "rgb", "CMYK": "cmyk", "LAB": "lab"}


def read(data: bytes, notice: Notice) -> Raster:
    """The first picture of a file; Pillow's errors."""
    return of_opened(open_image(data), notice)


def of_opened(opened: PillowImage, notice: Notice, colour: Colour | None = None) -> Raster:
    """The first picture of a file that is open; Pillow's errors. colour: where it is known better."""
    if getattr(opened, "is_animated", False):  # Pillow: only readers of formats with several pictures have it
        layered = opened.format == "PSD"  # which opens as its layers together
        notice("the file holds layers: the picture of all together is used" if layered else SEVERAL)
    load_pixels(opened)
    return of_image(_beyond_its_frame_clear(opened), notice, colour)


def _beyond_its_frame_clear(opened: PillowImage) -> PillowImage:
    """A GIF whose first frame is smaller than the picture has nothing around it, where Pillow puts any colour."""
    frame = getattr(opened, "dispose_extent", None) if opened.format == "GIF" else None
    if frame is None or frame == (0, 0, *opened.size):
        return opened
    clear = Image.new("RGBA", opened.size)
    clear.paste(opened.convert("RGBA").crop(frame), frame)
    return clear


def size(data: bytes) -> tuple[int, int]:
    """Width and height, upright."""
    return size_of(open_image(data))


def size_of(opened: PillowImage) -> tuple[int, int]:
    """Width and height, upright, of a file that is open."""
    width, height = opened.size
    return (height, width) if orientation_of(opened, lambda text: None) in TURNED else (width, height)


def open_image(data: bytes, *formats: str) -> PillowImage:
    """Not yet decoded; formats: Pillow's names of those that it may be of."""
    tried = formats or _formats_of(data[:START])
    for name in PLUGINS.keys() & set(tried) - Image.OPEN.keys():
        importlib.import_module(f"PIL.{PLUGINS[name]}")
    try:
        return Image.open(io.BytesIO(data), formats=tried)
    except Image.DecompressionBombError:
        with without_limit():
            return Image.open(io.BytesIO(data), formats=tried)


def load_pixels(opened: PillowImage) -> None:
    """Decode; the limits that hold here were checked before."""
    try:
        opened.load()
    except Image.DecompressionBombError:
        with without_limit():
            opened.load()


def named(start: bytes) -> str:
    """Pillow's name of the format whose mark stands at a file's beginning, "" where none does."""
    for name in _formats_of(start[:START]):
        accept = Image.OPEN[name][1] if name in Image.OPEN else None
        if name not in _WITHOUT_MARK and accept is not None and accept(start[:START].ljust(START, b"\0")):
            return name
    return ""


@functools.lru_cache(maxsize=64)
def _formats_of(start: bytes) -> tuple[str, ...]:
    """Pillow's formats that may be tried, in a fixed order."""
    for mark, name in COMMON.items():
        if start.startswith(mark):
            return (name,)
    Image.init()
    sure, others, start = [], [], start.ljust(START, b"\0")  # of less, some readers raise errors
    for name in sorted(Image.OPEN):
        if name in _WITHOUT_MARK:
            others.append(name)
        elif name in _LEFT_OUT:
            continue
        elif (accept := Image.OPEN[name][1]) is None or accept(start):
            sure.append(name)
    return tuple(sure + others)


@contextmanager
def without_limit() -> Iterator[None]:
    """Lift Pillow's limit on pixels, for one picture at a time."""
    with _LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def orientation_of(opened: PillowImage, notice: Notice) -> int:
    """EXIF's orientation, 1 where there is none; a notice where EXIF cannot be read."""
    return orientation_in(opened.getexif, notice)


def orientation_in(read: Callable[[], Image.Exif], notice: Notice) -> int:
    """The orientation in the EXIF data that read() gives; likewise."""
    try:
        found = read().get(ORIENTATION, 1)
    except Exception:  # Pillow's parser of damaged EXIF raises nearly anything
        notice(NO_EXIF)
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def exif_of(data: bytes) -> Image.Exif:
    """EXIF data, with or without the mark before them; Pillow's errors."""
    exif = Image.Exif()
    exif.load(data.removeprefix(EXIF))
    return exif


def of_image(
    image: PillowImage, notice: Notice, colour: Colour | None = None, orientation: int | None = None
) -> Raster:
    """A picture that Pillow has decoded. colour, orientation: where they are known better than Pillow knows them."""
    turn = orientation_of(image, notice) if orientation is None else orientation
    colours = Colour(image.info.get("icc_profile") or None) if colour is None else colour
    if image.mode.startswith("I") or image.mode == "F":
        return _of_wide(image, colours, turn)
    transparent = "transparency" in image.info or image.mode in ("LA", "PA", "La", "RGBA", "RGBa")
    mode = _mode_of(image, transparent=transparent)

    def strip(top: int, below: int) -> Samples:
        part = image if (top, below) == (0, image.height) else image.crop((0, top, image.width, below))
        if "transparency" in image.info:
            part.info["transparency"] = image.info["transparency"]
        samples = np.asarray(part if part.mode == mode else part.convert(mode))
        return samples[:, :, None] if samples.ndim == 2 else samples

    return Raster(
        *image.size, strip, _MODELS[mode], alpha="straight" if transparent else "", colour=colours, orientation=turn
    )


def _mode_of(image: PillowImage, *, transparent: bool) -> str:
    """The mode of 8 bits that a picture is converted to: with alpha or without."""
    if transparent:
        return "LA" if image.mode in ("1", "L", "LA", "La") else "RGBA"
    return {"1": "L", "L": "L", "CMYK": "CMYK", "LAB": "LAB"}.get(image.mode, "RGB")


def _of_wide(image: PillowImage, colour: Colour, orientation: int) -> Raster:
    """Grey of 16 bits, of 32 bits that fit into 16, or of floats from 0 to 1."""
    values: npt.NDArray[Any] = np.asarray(image).astype(np.float32 if image.mode == "F" else np.int64)
    white = white_of(values)
    samples = values.astype(np.float32 if white == 1 else np.uint16)
    return Raster.of_array(samples, "grey", white, colour=colour, orientation=orientation)


def white_of(values: npt.NDArray[Any]) -> int:
    """The white of samples that are wider than 16 bits; raises BadInput where they do not fit in, or beyond 0 to 1."""
    white = 1 if values.dtype.kind == "f" else 65535
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= white):
        raise BadInput(f"the picture's samples are not within 0 and {white}: convert it to 8 or 16 bits first")
    return white
