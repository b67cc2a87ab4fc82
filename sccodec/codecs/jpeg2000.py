"""JPEG 2000 (ITU-T T.800), by OpenJPEG inside Pillow: irreversible colour and wavelet transforms, one quality layer.

    option    values
    psnr      10 to 60 dB: what rate control aims at; -q 0 to 100 is 20 to 50 dB; default 35
    bpp       0.001 to 24 bits per pixel, which rate control aims at instead
    boxes     yes (default): a .jp2 file; no: the codestream alone, which is 85 bytes less (.j2k)

Both aims reach the same pictures at the same rates. The colour transform is switched on: Pillow's default leaves it
out, at a loss of 2 to 4 dB.
"""

from __future__ import annotations

from sccodec.codec import Notice, Picture, Rate, Spec
from sccodec.errors import BadInput
from sccodec.formats.codec import Asked, FormatCodec, by_pillow, pillow_and
from sccodec.image import boxes, jpeg2000


class Jpeg2000(FormatCodec):
    """The codec; see the module's docstring."""

    name = "jpeg2000"
    summary = "JPEG 2000, irreversible, by PSNR or by rate"
    suffix = ".jp2"
    rates = (
        Rate("psnr", 10, 60),
        Rate("bpp", 0.001, 24),
    )
    others = ("boxes",)

    def write(self, picture: Picture, asked: Asked, notice: Notice) -> bytes:
        psnr = asked.scale("psnr", lambda q: 20 + 0.3 * q, 50)
        mode, aim = "dB", psnr
        if "bpp" in asked.options:
            if asked.quality is not None or "psnr" in asked.options:
                raise BadInput("bpp, psnr and a quality exclude one another: give one of them")
            mode, aim = "rates", 24 / asked.rate("bpp", 1)
        bare = asked.word("boxes", "yes", "no") == "no"
        return by_pillow(
            picture, "JPEG2000", irreversible=True, mct=1, quality_mode=mode, quality_layers=[aim], no_jp2=bare
        )

    def overhead(self, data: bytes) -> int:
        """The boxes around the codestream."""
        return boxes.bytes_outside(data, b"jp2c") if data.startswith(jpeg2000.SIGNATURE) else 0

    def made_by(self, spec: Spec) -> str:
        return pillow_and("jpg_2000", "OpenJPEG")


def codec() -> Jpeg2000:
    return Jpeg2000()
