"""What the suffix of an output promises, against what is written there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sccodec.cli import _files
from sccodec.errors import BadInput
from sccodec.notices import ignore

if TYPE_CHECKING:
    from sccodec.codec import Notice, Picture

CODECS = {
    "avif": (".avif", ".avifs"),
    "bpg": (".bpg",),
    "heic": (".heic", ".heif", ".hif", ".heics", ".heifs"),
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif", ".jif"),
    "jpeg2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "jpegxl": (".jxl",),
    "png": (".png", ".apng"),
    "webp": (".webp",),
}
"""Suffixes of the formats that codecs write, by codec."""

EXACT = frozenset({"BMP", "DDS", "DIB", "IM", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF"})
"""Pillow's formats that hold the picture as it is: a test writes and reads every one."""

CHANGED = {
    "AVIF": "is lossy as it is written here",
    "GIF": "holds 256 colours: the others are replaced",
    "JPEG": "is lossy",
    "MPO": "is lossy",
    "WEBP": "is lossy as it is written here",
}
"""Pillow's formats that hold something near the picture, and what becomes of it."""

PROMISED = {
    ".pbm": "black and white without greys",
    ".pfm": "floating-point samples",
    ".pgm": "greys without colours",
}
"""Suffixes under which Pillow writes a file of another kind, with what readers expect there."""


def check_encoded(target: Path | None, suffix: str, *, force: bool) -> None:
    """Refuse to write a file of `suffix` under a name that stands for another format; raises BadInput.

    Suffixes that stand for nothing known are the user's own affair; so are all with force.
    """
    if target is None or force or _files.is_special(target):
        return
    given, own = target.suffix.lower(), next((s for s in CODECS.values() if suffix in s), (suffix,))
    if given in own or not _is_known(given):
        return
    advice = f"name it {target.stem.removesuffix(suffix)}{suffix}"
    codec = next((name for name, suffixes in CODECS.items() if given in suffixes), None)
    if codec is not None:
        advice += f", or choose -m {codec}"
    raise BadInput(
        f"{target}: {given} stands for another format than the {suffix} that is written: {advice}; --force overrules"
    )


def check_decoded(target: Path | None) -> None:
    """Refuse a suffix under which no colour picture can be written and read, before any work; raises BadInput."""
    from sccodec import image

    suffix = picture_suffix(target)
    named = image.format_of(suffix)
    if suffix in PROMISED:
        raise BadInput(f"{suffix} files hold {PROMISED[suffix]}; use .ppm, or .png")
    if named not in EXACT and named not in CHANGED:
        import numpy as np

        try:
            image.load(image.to_bytes(np.zeros((16, 16, 3), np.uint8), suffix), ignore)
        except BadInput:
            raise BadInput(f"{suffix} holds no picture in colour that could be read again; use .png") from None


def decoded(picture: Picture, target: Path | None, notice: Notice) -> bytes:
    """The picture [H, W, 3] as a file of the target's format; notice takes what becomes of it there.

    Raises BadInput where the format does not hold it: some shrink what is too large for them, and do not say so.
    """
    from sccodec import image

    suffix = picture_suffix(target)
    named, data = image.format_of(suffix), image.to_bytes(picture, suffix)
    if named in CHANGED:
        notice(f"{suffix} {CHANGED[named]}; .png keeps the picture as it is")
    elif named not in EXACT:
        _check_by_reading(picture, data, suffix, notice)
    return data


def picture_suffix(target: Path | None) -> str:
    """The suffix that says what to write; PNG for standard output and devices."""
    return ".png" if target is None or _files.is_special(target) else target.suffix.lower()


def _check_by_reading(picture: Picture, data: bytes, suffix: str, notice: Notice) -> None:
    from sccodec import image

    height, width = picture.shape[:2]
    again = image.load(data, ignore)
    if again.shape != picture.shape:
        held = f"{again.shape[1]}x{again.shape[0]}"
        raise BadInput(f"{suffix} does not hold {width}x{height} pixels, it would be {held}; use .png, for example")
    if (again != picture).any():
        notice(f"{suffix} changes the picture; .png keeps it as it is")


def _is_known(suffix: str) -> bool:
    """Whether a suffix stands for a format: of pictures, or of anything that has a media type of its own."""
    if suffix == ".scc" or any(suffix in suffixes for suffixes in CODECS.values()):
        return True
    import mimetypes

    from PIL import Image

    known = mimetypes.MimeTypes()  # what python knows, and not what the system adds
    named = [table[suffix] for table in (*known.types_map, known.encodings_map) if suffix in table]
    if any(name != "application/octet-stream" for name in named):
        return True
    Image.init()
    return suffix in Image.EXTENSION
