"""Training's files: which of a folder are pictures, and what is in them. What cannot be read is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sccodec import image
from sccodec.errors import BadInput
from sccodec.image.folders import is_hidden
from sccodec.notices import ignore

Photo = NDArray[np.uint8]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
LABEL_MODES = ("L", "P", "1", "I", "I;16")


def find_pictures(folder: Path) -> list[Path]:
    """Every picture in a folder and those below it, by path; hidden files and folders are passed over.

    Raises BadInput for a folder that cannot be read.
    """
    return sorted(p for p in files_below(folder) if p.suffix.lower() in SUFFIXES)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file, but for those that systems leave beside pictures: hidden ones, and folders such as __MACOSX."""

    def refuse(error: OSError) -> None:
        raise BadInput(f"{error.filename}: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not is_hidden(name)]
        yield from (Path(place, name) for name in names if not is_hidden(name))


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of one folder, by name; none where there is no such folder.

    Raises BadInput for one that cannot be read.
    """
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not is_hidden(p.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise BadInput(f"{folder}: {error.strerror}") from None
    return sorted(found)


def read_picture(path: Path) -> Photo:
    """As every command reads it, uint8 [H, W, 3]; raises BadInput, which names the file."""
    try:
        return image.load(path, ignore)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def scaled(photo: Photo, width: int, height: int) -> Photo:
    """Resampled to another size."""
    if photo.shape[:2] == (height, width):
        return photo
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS))


def read_labels(path: Path, classes: int, size: int | None = None) -> NDArray[np.uint8]:
    """A label map, uint8 [H, W], from a PNG whose samples, grey or of a palette, are the classes.

    size: resized, by nearest, to size x size. Raises BadInput, which names the file, for any other picture, and for
    classes from ``classes`` on.
    """
    try:
        with Image.open(path) as opened:
            mode = opened.mode
            if mode in LABEL_MODES:
                opened.load()
                samples = np.asarray(opened).astype(np.int64)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers of damaged files raise nearly anything
        raise BadInput(f"{path}: not a label map that can be read: {reason_of(error)}") from error
    wanted = f"label maps are PNGs of one channel, whose samples are the classes 0 to {classes - 1}"
    if mode not in LABEL_MODES:
        raise BadInput(f"{path} is of mode {mode}: {wanted}")
    if samples.min() < 0 or samples.max() >= classes:
        wrong = samples.max() if samples.max() >= classes else samples.min()
        raise BadInput(f"{path} holds the class {wrong}: {wanted}")
    labels = samples.astype(np.uint8)
    if size is not None and labels.shape != (size, size):
        labels = np.asarray(Image.fromarray(labels).resize((size, size), Image.Resampling.NEAREST))
    return labels


def reason_of(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).partition("\n")[0] or type(error).__name__
