"""AVIF: AV1 intra frames, by libaom and libavif inside Pillow.

    option     values
    quality    whole numbers 0 to 100, libavif's scale: -q is the same number; default 60. There are 64 quantisers
    speed      0 (smallest) to 10 (quickest); default 4
    chroma     444 (default), 420; subsampling is another name for it
    tune       psnr (default), ssim, iq: what libaom optimises. libavif's own default is iq, for the eye

At equal rate, on a part of a Kodak picture, tune=psnr has 0.7 dB more than libavif's default, speed 4 has 0.6 dB more
than 6, and 2 has 0.1 to 0.2 dB more than 4 for three times its time.
"""

from __future__ import annotations

from sccodec.codec import Notice, Options, Picture, Rate, Spec
from sccodec.errors import CodecUnavailable
from sccodec.formats.codec import Asked, FormatCodec, by_pillow, pillow_and
from sccodec.image import boxes


class Avif(FormatCodec):
    """The codec; see the module's docstring."""

    name = "avif"
    summary = "AVIF (AV1 intra), 4:4:4 unless chroma=420"
    suffix = ".avif"
    rates = (Rate("quality", 0, 100),)
    others = ("speed", "chroma", "subsampling", "tune")
    max_side = 32768  # libavif decodes no more

    def check_available(self) -> None:
        check_pillow()

    def write(self, picture: Picture, asked: Asked, notice: Notice) -> bytes:
        quality = asked.whole_scale("quality", lambda q: q, 60)
        chroma = {"444": "4:4:4", "420": "4:2:0"}[asked.chroma("444", "420")]
        speed = asked.whole("speed", 0, 10, 4)
        tune = asked.word("tune", "psnr", "ssim", "iq")
        if quality == 100:
            tune = "psnr"  # nothing is quantised, so that all tunes write one file; libaom refuses to take iq
        check_pillow()
        return by_pillow(
            picture,
            "AVIF",
            quality=quality,
            subsampling=chroma,
            speed=speed,
            codec="aom",
            autotiling=False,
            advanced={"tune": tune},
        )

    def pixels(self, data: bytes, notice: Notice, options: Options) -> Picture:
        check_pillow()
        return super().pixels(data, notice, options)

    def size(self, data: bytes) -> tuple[int, int]:
        check_pillow()
        return super().size(data)

    def overhead(self, data: bytes) -> int:
        """The boxes around the coded data."""
        return boxes.bytes_outside(data, b"mdat")

    def qualities(self) -> list[float]:
        """One for each of libavif's quantisers, the lowest that has it."""
        quantisers = {((100 - q) * 63 + 50) // 100: q for q in range(100, -1, -1)}
        return [float(q) for q in sorted(quantisers.values())]

    def made_by(self, spec: Spec) -> str:
        from PIL import AvifImagePlugin

        check_pillow()
        return f"{pillow_and('avif', 'libavif')}, libaom {AvifImagePlugin.get_codec_version('aom')}"


def check_pillow() -> None:
    """Raise CodecUnavailable for a Pillow that does not know AVIF."""
    from PIL import features

    if "avif" not in features.modules or not features.check("avif"):
        raise CodecUnavailable('AVIF needs a Pillow that was built with it: pip install --upgrade "pillow>=11.3"')


def codec() -> Avif:
    return Avif()
