"""A made-up set of pictures with label maps, for tests."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 64, 48
NAMES = ("a", "b", "c")


def picture(seed: int = 0) -> Array:
    """uint8 [48, 64, 3]: a slope of each colour, another for each seed."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([3 * x, 4 * y, (x + y + 40 * seed) % 256], -1).astype(np.uint8)


def label_map(classes: int = 3, void: int = 0) -> Array:
    """uint8 [48, 64]: upright stripes of equal width, one a class, and so many rows of void at the bottom."""
    found = np.repeat(np.arange(WIDTH) * classes // WIDTH, HEIGHT).reshape(WIDTH, HEIGHT).T.astype(np.uint8)
    found[HEIGHT - void :] = classes
    return found


def png(samples: Array, mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    made = Image.fromarray(samples)
    if mode == "P":
        made = Image.fromarray(samples, "L").convert("P")
        made.putdata(samples.ravel().tolist())
        made.putpalette([value for i in range(256) for value in (i, 255 - i, i // 2)])
    made.save(buffer, "PNG")
    return buffer.getvalue()


def grey_png(samples: Array, depth: int) -> bytes:
    """A grey PNG of fewer than 8 bits a sample, which Pillow does not write."""
    height, width = samples.shape
    bits = np.unpackbits(samples[:, :, None], axis=2)[:, :, 8 - depth :].reshape(height, width * depth)
    lines = b"".join(b"\0" + row.tobytes() for row in np.packbits(bits, axis=1))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))]
    parts += [(b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def write(folder: Path, classes: int = 3, void: int = 0, names: tuple[str, ...] = NAMES, suffix: str = ".png") -> Path:
    """images/ and labels/ below a folder; gives the folder."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for i, name in enumerate(names):
        Image.fromarray(picture(i)).save(folder / "images" / f"{name}{suffix}")
        (folder / "labels" / f"{name}.png").write_bytes(png(label_map(classes, void)))
    return folder
