"""One loader for everything: a file in any format, or its bytes, to uint8 [H, W, 3] in sRGB, upright, on white."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

from sccodec.container import MAX_PIXELS, excess
from sccodec.errors import BadInput, BadStream, SccodecError
from sccodec.image import pillow
from sccodec.image.colour import Notice, Picture
from sccodec.image.kinds import START_BYTES, kind_of
from sccodec.image.raster import to_picture
from sccodec.image.unwarned import unwarned
from sccodec.notices import once

Result = TypeVar("Result")

NOT_A_PICTURE = "not a picture in any format that can be read"
KNOWN_OTHERS = (
    (rb"%PDF", "it is a PDF document, and no picture"),
    (rb"%!PS", "it is a PostScript document, and no picture"),
    (rb"\s*(<\?xml|<svg)", "it is XML or an SVG drawing, and no picture of pixels"),
    (rb"\s*<(!DOCTYPE )?html", "it is an HTML page, and no picture"),
    (rb"\xc5", "it is a .scc file: decode it first"),
    (rb"BPG\xfb", "it is a BPG file: decode it first"),
    (rb"PK\x03\x04", "it is a ZIP archive, and no picture"),
    (rb"\x1f\x8b", "it is a gzip file, and no picture"),
    (rb"8BPS", "it is a PSD file of a kind that is not read here: save it with 8 bits, or as PNG"),
    (rb"SIMPLE  =", "it is a FITS file, which is not read here: convert it to PNG or TIFF first"),
    (rb"P7\n", "it is a PAM file, which is not read here: convert it to PNG or PPM first"),
    (rb"PF\n", "it is a PFM file in colour, which is not read here: convert it to TIFF first"),
    (rb".{4}ftyp", "it is a video, or a HEIF file of a kind that is not read here"),
)
"""Beginnings of files that are often given in place of a picture, and what to say."""
UNSUPPORTED = re.compile(
    r"unsupported|not supported|not implemented|unknown|cannot handle|cannot identify", re.IGNORECASE
)
"""What libraries say of files that are not damaged."""
YET_DAMAGED = re.compile(r"invalid input|planes failed", re.IGNORECASE)
"""What they say beside it of files that are."""


def load(source: Path | bytes, notice: Notice, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture in a file or in its bytes, upright, flattened onto white, in sRGB: uint8 [H, W, 3].

    notice takes one line for each thing that is not kept. Raises BadInput for what cannot be read or decoded
    and for more than max_pixels or container.MAX_SIDE, which is checked before pixels are read; CodecUnavailable
    where a library is missing. The largest pictures are beyond a limit of Pillow's own: while one is read, there is
    none in this process.
    """
    tell = once(notice)

    def read() -> Picture:
        data = _bytes_of(source)
        kind = kind_of(data[:START_BYTES])
        kind.check_whole(data)
        stated = kind.size(data)
        if too_much := excess(*stated, max_pixels):
            raise BadInput(f"the picture is {too_much}")
        raster = kind.read(data, tell)
        if raster.size != stated:
            raise BadInput("the file is damaged: its picture is not of the size that it states")
        return to_picture(raster, tell)

    return _guarded(read, source)


def size(source: Path | bytes) -> tuple[int, int]:
    """Width and height, upright, of the picture that load() gives, from what the file states; raises BadInput.

    No pixels are decoded for it.
    """

    def read() -> tuple[int, int]:
        data = _bytes_of(source)
        return kind_of(data[:START_BYTES]).size(data)

    return _guarded(read, source)


def _bytes_of(source: Path | bytes) -> bytes:
    data = source if isinstance(source, bytes) else source.read_bytes()
    if not data:
        raise BadInput("the file is empty")
    return data


def _guarded(read: Callable[[], Result], source: Path | bytes) -> Result:
    """What read() gives; BadInput, in our words, for whatever it raises."""
    try:
        with unwarned():
            return read()
    except BadStream as error:
        raise BadInput(str(error)) from None
    except SccodecError:
        raise
    except FileNotFoundError:
        raise BadInput("no such file") from None
    except UnidentifiedImageError:
        raise BadInput(_instead_of_a_picture(source)) from None
    except MemoryError:
        raise BadInput("the picture does not fit into memory") from None
    except OSError as error:
        if error.strerror:
            raise BadInput(f"cannot read the picture: {error.strerror}") from None
        raise BadInput(_said(error)) from None
    except Exception as error:
        # Readers of damaged files raise nearly anything: SyntaxError, struct.error, IndexError, ...
        raise BadInput(_said(error)) from None


def _said(error: Exception) -> str:
    """What a library said, where it says something about the kind of file; otherwise that it is damaged."""
    if isinstance(error, Image.DecompressionBombError):
        return "the picture has too many pixels"
    text = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())[:160]
    unsupported = UNSUPPORTED.search(text) and not YET_DAMAGED.search(text) and not isinstance(error, TypeError)
    if unsupported or isinstance(error, NotImplementedError):
        return f"the file is of a kind that is not read here ({text or type(error).__name__})"
    return "the file is damaged: its picture cannot be decoded"


def _instead_of_a_picture(source: Path | bytes) -> str:
    start = source[:START_BYTES] if isinstance(source, bytes) else source.read_bytes()[:START_BYTES]
    for pattern, words in KNOWN_OTHERS:
        if re.match(pattern, start, re.IGNORECASE | re.DOTALL):
            return words
    if name := kind_of(start).name.upper() or pillow.named(start):
        return f"it begins as {name} files do, but is damaged, or of a kind that is not read here"
    return NOT_A_PICTURE
