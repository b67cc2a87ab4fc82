"""Pictures from files and to files: whatever comes in, uint8 [H, W, 3] in sRGB comes out.

Everything that is lost on the way is said in a notice. Pillow reads and writes; pillow-heif is imported for
HEIC only.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from sccodec.container import MAX_PIXELS, excess
from sccodec.errors import BadInput

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from pillow_heif import HeifFile

Picture = npt.NDArray[np.uint8]
Notice = Callable[[str], None]
Result = TypeVar("Result")

_ORIENTATION = 0x0112  # EXIF tag
_JPEG_SIDE = 65500
_STRIP_PIXELS = 2**22  # converted at a time
_PILLOWS_LIMIT = threading.Lock()  # guards Image.MAX_IMAGE_PIXELS, which is one for all threads
_WITH_ALPHA = ("LA", "PA", "La", "RGBA", "RGBa")


def load(source: Path | bytes, notice: Notice, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture in a file or in its bytes, upright, flattened onto white, in sRGB: uint8 [H, W, 3].

    notice takes one line for each thing that is not kept. Raises BadInput for what cannot be read or decoded
    and for more than max_pixels or container.MAX_SIDE, which is checked before pixels are read. The largest pictures
    are beyond a limit of Pillow's own: while one is read, there is none in this process.
    """
    said: set[str] = set()

    def once(text: str) -> None:
        if text not in said:
            said.add(text)
            notice(text)

    return _guarded(lambda: _load(source, once, max_pixels))


def size(source: Path | bytes) -> tuple[int, int]:
    """Width and height, upright, of the picture that load() gives, from what the file states; raises BadInput.

    No pixels are decoded for it. A PNG whose orientation stands behind its pixels is taken as it is stored.
    """
    return _guarded(lambda: _size(source))


def _guarded(read: Callable[[], Result]) -> Result:
    """What read() gives; BadInput for whatever it raises, and no limit of Pillow's where that would stop it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks about odd files are many lines long
            try:
                return read()
            except Image.DecompressionBombError:
                with _without_pillows_limit():
                    return read()
    except BadInput:
        raise
    except FileNotFoundError:
        raise BadInput("no such file") from None
    except UnidentifiedImageError:
        raise BadInput("not a picture in any format that can be read") from None
    except MemoryError:
        raise BadInput("the picture does not fit into memory") from None
    except OSError as error:
        raise BadInput(f"cannot read the picture: {error.strerror or error}") from None
    except Exception as error:
        # Pillow's readers of damaged files raise nearly anything: SyntaxError, struct.error, IndexError, ...
        raise BadInput(f"cannot decode the picture: {error or type(error).__name__}") from None


def upright(image: PillowImage, notice: Notice) -> Picture:
    """uint8 [H, W, 3], as load() gives it, of a picture that Pillow has loaded.

    It goes strip by strip, so that conversions take little memory.
    """
    orientation = image.getexif().get(_ORIENTATION, 1)
    width, height = image.size
    picture = np.empty((width, height, 3) if orientation in (5, 6, 7, 8) else (height, width, 3), np.uint8)
    as_stored = _turned_back(picture, orientation)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        below = min(top + rows, height)
        strip = image if rows >= height else image.crop((0, top, width, below))
        as_stored[top:below] = np.asarray(_to_srgb(strip, notice))
    return picture


def save(target: Path | BinaryIO, picture: Picture, suffix: str = ".png") -> None:
    """Write uint8 [H, W, 3], or [H, W] grey, in the format of the suffix.

    Raises BadInput where the format cannot hold the picture, OSError where the target cannot be written.
    """
    target_format = format_of(suffix)
    # zlib's quickest level takes a quarter of the time of its default, and photographs are no larger for it.
    known = {"JPEG": {"quality": 95, "subsampling": 0}, "PNG": {"compress_level": 1}}
    options: dict[str, int] = known.get(target_format, {})
    height, width = picture.shape[:2]
    if target_format in ("JPEG", "MPO") and max(width, height) > _JPEG_SIDE:
        # libjpeg would print a line of its own.
        raise BadInput(f"{target_format} does not hold {width}x{height} pixels; use .png, for example")
    try:
        Image.fromarray(picture).save(target, target_format, **options)
    except MemoryError:
        raise
    except Exception as error:
        # What a format does not hold is a ValueError, OverflowError, struct.error, RuntimeError, or a bare OSError.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadInput(
            f"{target_format} does not hold the picture ({width}x{height}; {error}); use .png, for example"
        ) from error


def to_bytes(picture: Picture, suffix: str = ".png") -> bytes:
    """The picture as a file in memory."""
    buffer = io.BytesIO()
    save(buffer, picture, suffix)
    return buffer.getvalue()


def labels_to_bytes(labels: Picture) -> bytes:
    """A map of classes, uint8 [h, w], as a PNG whose samples are the classes; a palette tells them apart."""
    image = Image.fromarray(labels)
    image.putpalette(_palette())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def format_of(suffix: str) -> str:
    """Pillow's name of the format that a file name's suffix stands for; raises BadInput."""
    Image.preinit()  # the common formats; init() imports every plugin
    if suffix.lower() not in Image.EXTENSION or Image.EXTENSION[suffix.lower()] not in Image.SAVE:
        Image.init()
    found = Image.EXTENSION.get(suffix.lower())
    if found is None or found not in Image.SAVE or found == "PDF":
        raise BadInput(f"no picture format is written to {suffix or 'names without a suffix'!r}; use .png, for example")
    return found


@contextmanager
def _without_pillows_limit() -> Iterator[None]:
    """Lift Pillow's limit on pixels, for one picture at a time."""
    with _PILLOWS_LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _load(source: Path | bytes, notice: Notice, max_pixels: int) -> Picture:
    with _open(source, max_pixels) as opened:
        _check_size(opened.size, max_pixels)
        if getattr(opened, "is_animated", False):  # Pillow: only readers of formats with several pictures have it
            notice("the file holds several pictures: the first is used")
            opened.seek(0)
        opened.load()
        return upright(opened, notice)


def _turned_back(upright: Picture, orientation: int) -> Picture:
    """A view of an upright picture in the order in which it is stored, for EXIF's orientations 1 to 8."""
    turns: dict[int, Picture] = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    return turns.get(orientation, upright)


def _open(source: Path | bytes, max_pixels: int) -> PillowImage:
    """The picture, not yet decoded; HEIC is, after a check of its size."""
    try:
        return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    except UnidentifiedImageError:
        start = source[:12] if isinstance(source, bytes) else _first_bytes(source)
        if start[4:8] != b"ftyp":
            raise
    file = _open_heif(source)
    _check_size(file.size, max_pixels)
    return file.to_pillow()


def _open_heif(source: Path | bytes) -> HeifFile:
    import pillow_heif

    return pillow_heif.open_heif(io.BytesIO(source) if isinstance(source, bytes) else source)


def _size(source: Path | bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
            # Pillow would decode a PNG to see what stands behind its pixels, and turns a TIFF's sides by itself.
            known = opened.format != "TIFF" and (opened.format != "PNG" or "exif" in opened.info)
            turned = known and opened.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
            width, height = opened.size
    except UnidentifiedImageError:
        start = source[:12] if isinstance(source, bytes) else _first_bytes(source)
        if start[4:8] != b"ftyp":
            raise
        width, height = _open_heif(source).size
        turned = False  # libheif turns it
    return (height, width) if turned else (width, height)


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    if too_much := excess(*size, max_pixels):
        raise BadInput(f"the picture is {too_much}")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(12)


def _to_srgb(image: PillowImage, notice: Notice) -> PillowImage:
    """8-bit RGB of any mode, alpha laid on white."""
    profile = image.info.get("icc_profile")
    if "transparency" in image.info and image.mode.startswith("I"):
        image = _with_alpha(image, image.info["transparency"])
    elif "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode in ("P", "PA"):
        image = image.convert("RGB" if image.mode == "P" else "RGBA")
    alpha = None
    if image.mode in _WITH_ALPHA:
        notice("transparency is flattened onto white")
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode))
        alpha = image.getchannel("A")
        image = image.convert(image.mode[:-1])
    if image.mode.startswith(("I", "F")):
        image = _to_eight_bits(image)
    if image.mode == "1":
        image = image.convert("L")
    image = _convert_colours(image, profile, notice)
    if alpha is None:
        return image
    return Image.composite(image, Image.new("RGB", image.size, (255, 255, 255)), alpha)


def _with_alpha(image: PillowImage, clear: int) -> PillowImage:
    """16-bit grey with one transparent value, as LA; Pillow's own conversion clips all greys to white."""
    alpha = np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)
    return Image.merge("LA", (_to_eight_bits(image), Image.fromarray(alpha)))


def _to_eight_bits(image: PillowImage) -> PillowImage:
    """Grey of 16 bits, of 32 bits that fit into 16, or of floats from 0 to 1."""
    values = np.asarray(image).astype(np.float64 if image.mode == "F" else np.int64)
    white = 1 if image.mode == "F" else 65535
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= white):
        raise BadInput(f"the picture's samples are not within 0 and {white}: convert it to 8 or 16 bits first")
    return Image.fromarray(np.floor(values * (255 / white) + 0.5).astype(np.uint8))


def _convert_colours(image: PillowImage, profile: bytes | None, notice: Notice) -> PillowImage:
    """RGB in sRGB, through the ICC profile where there is one."""
    if profile or image.mode == "LAB":
        from PIL import ImageCms

        try:
            stored = ImageCms.getOpenProfile(io.BytesIO(profile)) if profile else None
            source = stored or ImageCms.createProfile("LAB")
            if stored and stored.profile.xcolor_space.strip() == "RGB" and image.mode == "L":
                image = image.convert("RGB")  # grey under a profile for colour: its tone curve still counts
            if not (stored and image.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(stored)):
                target = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
                assert converted is not None  # it is not done in place
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notice("the colour profile cannot be used: colours are taken as they are")
    return image if image.mode == "RGB" else image.convert("RGB")


def _palette() -> list[int]:
    """256 colours far apart: the bits of the index spread over the high bits of red, green and blue."""
    colours = []
    for index in range(256):
        red = green = blue = 0
        for bit in range(3):
            red |= (index >> (3 * bit) & 1) << (7 - bit)
            green |= (index >> (3 * bit + 1) & 1) << (7 - bit)
            blue |= (index >> (3 * bit + 2) & 1) << (7 - bit)
        colours += [red, green, blue]
    return colours
