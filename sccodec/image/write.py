"""Pictures to files: uint8 [H, W, 3] in sRGB, or [H, W] grey, in formats that Pillow writes; maps of classes as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from sccodec.errors import BadInput
from sccodec.image.colour import Picture
from sccodec.image.palette import RGB, apart

_JPEG_SIDE = 65500


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


def labels_to_bytes(labels: Picture, colours: Sequence[RGB] | None = None) -> bytes:
    """A map of classes, uint8 [h, w], as a PNG whose samples are the classes; a palette tells them apart.

    colours: of the classes, one for each that there may be; without, 256 far apart.
    """
    image = Image.fromarray(labels)
    image.putpalette([sample for colour in (apart(256) if colours is None else colours) for sample in colour])
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
