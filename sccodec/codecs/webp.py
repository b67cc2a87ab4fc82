"""WebP (RFC 9649), lossy, by libwebp inside Pillow. Chroma is 4:2:0, there is no other.

    option     values
    quality    0 to 100, libwebp's scale, fractions too: -q is the same number; default 75
    method     0 (quickest) to 6 (default, smallest)

libwebp's own default for the method is 4.
"""

from __future__ import annotations

from sccodec.codec import Notice, Picture, Rate, Spec
from sccodec.formats.codec import Asked, FormatCodec, by_pillow, pillow_and


class WebP(FormatCodec):
    """The codec; see the module's docstring."""

    name = "webp"
    summary = "WebP, lossy, 4:2:0"
    suffix = ".webp"
    rates = (Rate("quality", 0, 100),)
    others = ("method",)
    max_side = 16383

    def write(self, picture: Picture, asked: Asked, notice: Notice) -> bytes:
        quality = asked.scale("quality", lambda q: q, 75)
        return by_pillow(picture, "WEBP", quality=quality, method=asked.whole("method", 0, 6, 6))

    def made_by(self, spec: Spec) -> str:
        return pillow_and("webp", "libwebp")


def codec() -> WebP:
    return WebP()
