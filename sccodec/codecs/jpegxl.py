"""JPEG XL (ISO/IEC 18181), a bare codestream, by libjxl inside imagecodecs. Chroma is not subsampled.

    option      values
    distance    0.01 (best) to 25, libjxl's scale, or 0 for lossless; -q 0 to 100 is 25 to 0.1, with equal ratios
                between equal steps; default -q 60, 0.91
    effort      1 (quickest) to 9 (smallest); default 7

Of files made elsewhere, colour profiles are not looked at.
"""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sccodec import image
from sccodec.codec import Notice, Options, Picture, Rate, Spec
from sccodec.errors import CodecUnavailable
from sccodec.formats import files
from sccodec.formats.codec import Asked, FormatCodec, ignore

WORST, BEST = 25.0, 0.1
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class JpegXL(FormatCodec):
    """The codec; see the module's docstring."""

    name = "jpegxl"
    summary = "JPEG XL, lossless with distance=0"
    suffix = ".jxl"
    rates = (Rate("distance", 0, WORST),)
    others = ("effort",)

    def check_available(self) -> None:
        if importlib.util.find_spec("imagecodecs") is None:
            raise CodecUnavailable("JPEG XL needs imagecodecs: pip install imagecodecs")

    def write(self, picture: Picture, asked: Asked, notice: Notice) -> bytes:
        distance = asked.scale("distance", lambda q: WORST * (BEST / WORST) ** (q / 100), 60)
        effort = asked.whole("effort", 1, 9, 7)
        library = imagecodecs()
        if distance == 0:
            return bytes(library.jpegxl_encode(picture, lossless=True, effort=effort))
        return bytes(library.jpegxl_encode(picture, distance=max(distance, 0.01), effort=effort, lossless=False))

    def size(self, data: bytes) -> tuple[int, int]:
        return files.codestream_size(data)

    def pixels(self, data: bytes, options: Options) -> Picture:
        return as_picture(imagecodecs().jpegxl_decode(data, index=0))

    def made_by(self, spec: Spec) -> str:
        try:
            return f"imagecodecs {version('imagecodecs')}, {imagecodecs().jpegxl_version()}"
        except PackageNotFoundError:
            return str(imagecodecs().jpegxl_version())


def imagecodecs() -> ModuleType:
    """The package, where it can do JPEG XL; raises CodecUnavailable."""
    try:
        import imagecodecs as library
    except ImportError:
        raise CodecUnavailable("JPEG XL needs imagecodecs: pip install imagecodecs") from None
    if not library.JPEGXL.available:
        raise CodecUnavailable("this imagecodecs was built without JPEG XL: pip install --upgrade imagecodecs")
    return library


def as_picture(samples: npt.NDArray[Any]) -> Picture:
    """uint8 [H, W, 3] of samples [H, W] or [H, W, 1 to 4] of 8 or 16 bits, or floats from 0 to 1; alpha on white."""
    if samples.dtype == np.uint16:
        samples = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif samples.dtype != np.uint8:
        samples = np.floor(np.clip(samples.astype(np.float32), 0, 1) * 255 + 0.5).astype(np.uint8)
    if samples.ndim == 2:
        samples = samples[:, :, None]
    channels = min(samples.shape[2], 4)
    planes = [Image.fromarray(np.ascontiguousarray(samples[:, :, i])) for i in range(channels)]
    return image.upright(Image.merge(MODES[channels], planes), ignore)


def codec() -> JpegXL:
    return JpegXL()
