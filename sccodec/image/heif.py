"""HEIC and AVIF: pillow-heif decodes the one, Pillow and, beyond 8 bits, imagecodecs the other.

What the boxes say is read here: the depth, the colours (a profile, or code points), the clean aperture, and how many
pictures there are.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from sccodec.errors import BadInput, CodecUnavailable, Corrupt, Truncated
from sccodec.image import boxes, colour, pillow
from sccodec.image.boxes import Item
from sccodec.image.colour import Colour, Notice
from sccodec.image.raster import TURNED, Raster

if TYPE_CHECKING:
    from pillow_heif import HeifFile

DECODED = {b"hvc1", b"av01"}
NOT_READ = {b"unci": "uncompressed", b"j2k1": "JPEG 2000"}
"""Types of items: those that are decoded, and those of files that are refused where they hold none of them."""
Size = tuple[int, int]


def check_whole(data: bytes) -> None:
    """Raise BadStream for a file whose boxes end too early, or that lacks coded data."""
    if b"mdat" not in boxes.check_boxes(data) and b"idat" not in data:
        raise Truncated("the file has no coded data: it was cut short")
    for kind, parts in boxes.coded_items(data):
        if kind == b"hvc1" and parts:
            check_hevc(b"".join(data[start:end] for start, end in parts), _length_bytes(data))


def check_hevc(coded: bytes, length_bytes: int) -> None:
    """Raise Corrupt for what is no sequence of NAL units (ITU-T H.265), each behind its length of so many bytes.

    Decoders put grey or what they like in its place. A zeroed part is found because no unit has three zeros in a row:
    encoders put a 3 after the second.
    """
    position = 0
    while position < len(coded):
        start = position + length_bytes
        end = start + int.from_bytes(coded[position:start], "big")
        if end < start + 2 or end > len(coded) or coded.find(b"\0\0\0", start, end) >= 0:
            raise Corrupt("the file is damaged: one of its pictures, or a tile of it, has no valid data")
        position = end


def _length_bytes(data: bytes) -> int:
    """Of the lengths before NAL units, as the decoder's configuration (`hvcC`) states it."""
    at = data.find(b"hvcC")
    return (data[at + 25] & 3) + 1 if 0 <= at < len(data) - 25 else 4


def heic_size(data: bytes) -> Size:
    """Width and height, upright."""
    return cast(Size, _open(data).size)


def avif_size(data: bytes) -> Size:
    """Width and height, upright, of the clean aperture."""
    item = boxes.primary_item(data)
    opened = pillow.open_image(data, "AVIF")
    width, height = opened.size
    if (part := item.aperture) is not None:
        width, height = part.width, part.height
    return (height, width) if pillow.orientation_of(opened, lambda text: None) in TURNED else (width, height)


def read_heic(data: bytes, notice: Notice) -> Raster:
    """The primary picture; pillow-heif's errors. libheif turns it, and cuts it to its clean aperture."""
    item = boxes.primary_item(data)
    file = _open(data)
    if item.pictures > 1 or item.tracks or len(file) > 1:
        notice(pillow.SEVERAL)
    samples = np.asarray(file)
    if samples.ndim == 2:
        samples = samples[:, :, None]
    model = "grey" if samples.shape[2] < 3 else "rgb"
    alpha = ""
    if samples.shape[2] in (2, 4):
        alpha = "premultiplied" if file.info.get("premultiplied_alpha") or file.mode.endswith("a") else "straight"
    white = 255 if samples.dtype == np.uint8 else 65535
    check_exif(file, notice)
    bits = item.depth if white > 255 else 8
    return Raster.of_array(samples, model, white, alpha=alpha, colour=colours_of(item, notice), bits=bits)


def check_exif(file: HeifFile, notice: Notice) -> None:
    """Say where EXIF is there and cannot be read; its orientation counts for nothing in HEIF, boxes state it."""
    if exif := file.info.get("exif"):
        pillow.orientation_in(lambda: pillow.exif_of(exif), notice)


def read_avif(data: bytes, notice: Notice) -> Raster:
    """The primary picture; Pillow's or imagecodecs' errors."""
    item = boxes.primary_item(data)
    opened = pillow.open_image(data, "AVIF")
    if getattr(opened, "is_animated", False) or item.pictures > 1:
        notice(pillow.SEVERAL)
    turn = pillow.orientation_of(opened, notice)
    if item.depth > 8:
        samples, white = _of_more_bits(_still(data) if item.tracks else data), (1 << item.depth) - 1
    else:
        pillow.load_pixels(opened)
        samples, white = np.asarray(opened), 255
    if samples.ndim == 2:
        samples = samples[:, :, None]
    if (part := item.aperture) is not None:
        if (samples.shape[1], samples.shape[0]) < (part.left + part.width, part.top + part.height):
            raise Corrupt("the file is damaged: its clean aperture lies outside the picture")
        samples = samples[part.top : part.top + part.height, part.left : part.left + part.width]
    model = "grey" if samples.shape[2] < 3 else "rgb"
    alpha = "straight" if samples.shape[2] in (2, 4) else ""
    return Raster.of_array(samples, model, white, alpha=alpha, colour=colours_of(item, notice), orientation=turn)


def _still(data: bytes) -> bytes:
    """The file called a picture, not a sequence: of the tracks of one, imagecodecs writes beyond its buffer."""
    return data[:8] + b"avif" + data[12:]


def _of_more_bits(data: bytes) -> npt.NDArray[np.uint16]:
    import imagecodecs

    samples: npt.NDArray[np.uint16] = np.asarray(imagecodecs.avif_decode(data, index=0))
    if samples.dtype != np.uint16:
        raise BadInput("the picture of more than 8 bits cannot be decoded")
    return samples


def colours_of(item: Item, notice: Notice) -> Colour:
    """Of an item: its profile, or else its code points. What those say of the matrix, decoders have done."""
    if item.icc:
        return Colour(item.icc)
    if item.nclx is not None:
        return colour.of_code_points(item.nclx.primaries, item.nclx.transfer, notice)
    return Colour()


def _open(data: bytes) -> HeifFile:
    """The file, of which no pixels are decoded; raises CodecUnavailable or BadInput."""
    try:
        import pillow_heif
    except ImportError:
        raise CodecUnavailable("HEIC needs pillow-heif: pip install pillow-heif") from None
    kinds = {kind for kind, _ in boxes.coded_items(data)}
    for kind, name in NOT_READ.items():
        if kind in kinds and not kinds & DECODED:
            raise BadInput(f"it is a HEIF file of {name} data, which is not read here: convert it to PNG first")
    return pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
