"""PNG (RFC 2083): lossless, so that a quality changes nothing, by Pillow.

option    values
level     0 to 9 (default), how hard deflate tries
"""

from __future__ import annotations

from sccodec.codec import Notice, Picture, Spec
from sccodec.formats.codec import Asked, FormatCodec, by_pillow, pillow_and


class Png(FormatCodec):
    """The codec; see the module's docstring."""

    name = "png"
    summary = "PNG, lossless"
    suffix = ".png"
    lossless = True
    others = ("level",)

    def write(self, picture: Picture, asked: Asked, notice: Notice) -> bytes:
        level = asked.whole("level", 0, 9, 9)
        if asked.quality is not None:
            notice("png is lossless: the quality is left unused")
        return by_pillow(picture, "PNG", compress_level=level)

    def qualities(self) -> list[float]:
        return [0.0, 100.0]

    def made_by(self, spec: Spec) -> str:
        return pillow_and("zlib", "zlib")


def codec() -> Png:
    return Png()
