"""JPEG XL (ISO/IEC 18181), a bare codestream, by libjxl inside imagecodecs. Chroma is not subsampled.

option      values
distance    0.01 (best) to 25, libjxl's scale, or 0 for lossless; -q 0 to 100 is 25 to 0.1, with equal ratios
            between equal steps; default -q 60, 0.91
effort      1 (quickest) to 9 (smallest); default 7
"""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, version

from sccodec.codec import Notice, Picture, Rate, Spec
from sccodec.errors import CodecUnavailable
from sccodec.formats.codec import Asked, FormatCodec
from sccodec.image import jpegxl

WORST, BEST = 25.0, 0.1


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
        library = jpegxl.library()
        if distance == 0:
            return bytes(library.jpegxl_encode(picture, lossless=True, effort=effort))
        return bytes(library.jpegxl_encode(picture, distance=max(distance, 0.01), effort=effort, lossless=False))

    def size(self, data: bytes) -> tuple[int, int]:
        return jpegxl.size(data)

    def made_by(self, spec: Spec) -> str:
        try:
            return f"imagecodecs {version('imagecodecs')}, {jpegxl.library().jpegxl_version()}"
        except PackageNotFoundError:
            return str(jpegxl.library().jpegxl_version())


def codec() -> JpegXL:
    return JpegXL()
